# SPDX-License-Identifier: BSD-3-Clause
"""Android's own client: racoon, mtpd, pppd and the kernel's PPPoLAC."""

import secrets
import struct

from .. import l2tp
from ..profile import Profile, suites, vendor_ids


class Android(Profile):
    name = "android_5_to_11"
    phase1 = suites("aes256-sha256-2 aes256-sha1-2 aes256-md5-2 aes128-sha256-2 aes128-sha1-2 aes128-md5-2 "
                    "3des-sha256-2 3des-sha1-2 3des-md5-2 des-sha256-2 des-sha1-2 des-md5-2")
    phase1_order = ("life", "encryption", "key_length", "authentication", "hash", "group")
    phase2 = suites("aes256-sha256 aes256-sha1 aes256-md5 aes128-sha256 aes128-sha1 aes128-md5 "
                    "3des-sha256 3des-sha1 3des-md5 des-sha256 des-sha1 des-md5")
    phase2_seconds = 28800
    one_proposal = True
    sends_nat_oa = False
    any_port = True
    vendor_ids = vendor_ids(
        "4a131c81070358455c5728f20e95452f cd60464335df21f87cfdb2fc68b6a448 "
        "90cb80913ebb696e086381b5ec427b1f 4485152d18b6bbcd0be8a8469579ddcc "
        "4048b7d56ebce88525e7de7f00d6c2d380000000 afcad71368a1f1c96b8696fc77570100")
    identity_port = (17, 500)
    initial_contact = "informational"
    ike_retries = (3,) * 10
    source_port = 0
    l2tp_retries = (2,) * 10
    strict_nr = True
    waits_for_acknowledgement = True

    @staticmethod
    def pad(length, block):
        """One or two blocks more than needed, of anything."""
        return secrets.token_bytes(-length % block + block * (1 + secrets.randbelow(2)))

    def sccrq(self, tunnel):
        return (l2tp.word(l2tp.PROTOCOL_VERSION, 0x0100) + l2tp.avp(l2tp.HOST_NAME, b"anonymous") +
                l2tp.long(l2tp.FRAMING, 3) + l2tp.word(l2tp.ASSIGNED_TUNNEL, tunnel) +
                l2tp.word(l2tp.RECEIVE_WINDOW, 1))

    def iccn(self):
        return l2tp.long(l2tp.TRANSMIT_SPEED, 100000000) + l2tp.long(l2tp.FRAMING_TYPE, 3)

    def stop_result(self):
        return l2tp.avp(l2tp.RESULT_CODE, struct.pack(">H", 6))

    async def disconnect(self, client):
        """StopCCN only, and it is gone before the answer is there."""
        client.tunnel.stop()


class AndroidShortTags(Android):
    """A kernel that keeps 96 bits of HMAC-SHA2-256."""
    name = "android_5_to_11_sha256_96"
    tag_bytes = {"sha256": 12}


class Android4(Android):
    name = "android_4"
    phase1 = suites("aes256-sha1-2 aes256-md5-2 aes128-sha1-2 aes128-md5-2 "
                    "3des-sha1-2 3des-md5-2 des-sha1-2 des-md5-2")
    phase2 = suites("aes256-sha1 aes256-md5 aes128-sha1 aes128-md5 3des-sha1 3des-md5 des-sha1 des-md5")
