# SPDX-License-Identifier: BSD-3-Clause
"""ChromeOS, and NetworkManager-l2tp with either of its IPsec daemons and either of its L2TP daemons."""

import struct

from .. import l2tp
from ..profile import Profile, suites, vendor_ids


class _StrongSwan(Profile):
    phase2_order = ("key_length", "authentication", "encapsulation", "life")
    one_proposal = True
    vendor_ids = vendor_ids(
        "09002689dfd6b712 afcad71368a1f1c96b8696fc77570100 4048b7d56ebce88525e7de7f00d6c2d380000000 "
        "4a131c81070358455c5728f20e95452f 90cb80913ebb696e086381b5ec427b1f")
    nonce_bytes = 32

    def sccrq(self, tunnel):
        """xl2tpd's."""
        return (l2tp.word(l2tp.PROTOCOL_VERSION, 0x0100) + l2tp.long(l2tp.FRAMING, 3) +
                l2tp.long(l2tp.BEARER, 0) + l2tp.word(l2tp.FIRMWARE, 0x0690, mandatory=False) +
                l2tp.avp(l2tp.HOST_NAME, b"a-laptop") +
                l2tp.avp(l2tp.VENDOR_NAME, b"xelerance.com", mandatory=False) +
                l2tp.word(l2tp.ASSIGNED_TUNNEL, tunnel) + l2tp.word(l2tp.RECEIVE_WINDOW, 8))

    def icrq(self, session, serial):
        return super().icrq(session, serial) + l2tp.long(l2tp.BEARER_TYPE, 0)


class ChromeOs(_StrongSwan):
    name = "chromeos"
    phase1 = suites("aes128-sha256-15 aes128-sha1-14 3des-sha1-5 3des-sha1-2")
    phase2 = suites("aes128gcm16 aes128-sha256 aes128-sha1 3des-sha1 3des-md5")
    receive_unit = 1410

    def iccn(self):
        return l2tp.long(l2tp.TRANSMIT_SPEED, 1000000) + l2tp.long(l2tp.FRAMING_TYPE, 1)


class NetworkManagerStrongSwan(_StrongSwan):
    name = "networkmanager_strongswan"
    phase1 = suites("aes256-sha256-14 aes256-sha256-5 aes256-sha256-2 aes256-sha1-14 aes256-sha1-5 "
                    "aes256-sha1-2 aes256-sha1-20 aes128-sha1-2 aes128-sha1-19 3des-sha1-14 3des-sha1-2")
    phase2 = suites("aes256-sha1 aes128-sha1 3des-sha1")


class NetworkManagerLibreswan(Profile):
    """With kl2tpd, whose SCCRQ has the least AVPs and no receive window."""
    name = "networkmanager_libreswan"
    phase1 = suites("aes256-sha256-14 aes256-sha256-5 aes256-sha1-14 aes256-sha1-5 aes256-sha1-20 "
                    "aes128-sha1-19 3des-sha1-14")
    phase1_order = ("life", "encryption", "hash", "authentication", "group", "key_length")
    phase2 = suites("aes256-sha1 aes128-sha1 3des-sha1")
    first_number = 0
    nonce_bytes = 32
    vendor_ids = vendor_ids(
        "4048b7d56ebce88525e7de7f00d6c2d3 afcad71368a1f1c96b8696fc77570100 4a131c81070358455c5728f20e95452f "
        "7d9419a65310ca6f2c179d9215529d56 90cb80913ebb696e086381b5ec427b1f cd60464335df21f87cfdb2fc68b6a448")

    def sccrq(self, tunnel):
        return (l2tp.word(l2tp.PROTOCOL_VERSION, 0x0100) + l2tp.avp(l2tp.HOST_NAME, b"a-laptop") +
                l2tp.long(l2tp.FRAMING, 3) + l2tp.word(l2tp.ASSIGNED_TUNNEL, tunnel))

    def stop_result(self):
        return l2tp.avp(l2tp.RESULT_CODE, struct.pack(">H", 1))
