# SPDX-License-Identifier: BSD-3-Clause
"""macOS and iOS."""

import struct

from .. import Refused, l2tp, ppp
from ..profile import Profile, suites, vendor_ids

_VJ = (2, bytes.fromhex("002d0f01"))


class MacOs(Profile):
    name = "macos"
    phase1 = suites("aes256-sha256-14 aes256-sha1-14 aes256-md5-14 aes256-sha512-14 "
                    "aes256-sha256-5 aes256-sha1-5 aes256-md5-5 "
                    "aes256-sha256-2 aes256-sha1-2 aes256-md5-2 aes128-sha1-2 aes128-md5-2 "
                    "3des-sha1-2 3des-md5-2")
    phase1_order = ("life", "encryption", "key_length", "authentication", "hash", "group")
    phase1_seconds = 3600
    phase2 = suites("aes256-sha256 aes256-sha1 aes256-md5 aes128-sha256 aes128-sha1 aes128-md5 "
                    "3des-sha256 3des-sha1 3des-md5")
    one_proposal = True
    vendor_ids = vendor_ids(
        "4a131c81070358455c5728f20e95452f 4df37928e9fc4fd1b3262170d515c662 "
        "8f8d83826d246b6fc7a8a6a428c11de8 439b59f8ba676c4c7737ae22eab8f582 "
        "4d1e0e136deafa34c4f3ea9f02ec7285 80d0bb3def54565ee84645d4c85ce3ee "
        "9909b64eed937c6573de52ace952fa6b 7d9419a65310ca6f2c179d9215529d56 "
        "cd60464335df21f87cfdb2fc68b6a448 90cb80913ebb696e086381b5ec427b1f "
        "4048b7d56ebce88525e7de7f00d6c2d380000000 afcad71368a1f1c96b8696fc77570100")
    initial_contact = "main mode"
    ike_retries = (3,) * 10
    source_port = 0
    l2tp_retries = (1,) * 9
    hellos_before_sccrq = 11
    receive_unit = 1500

    def sccrq(self, tunnel):
        return (l2tp.word(l2tp.PROTOCOL_VERSION, 0x0100) + l2tp.long(l2tp.FRAMING, 3) +
                l2tp.avp(l2tp.HOST_NAME, b"a-mac.local\0") + l2tp.word(l2tp.ASSIGNED_TUNNEL, tunnel) +
                l2tp.word(l2tp.RECEIVE_WINDOW, 4))

    def iccn(self):
        return l2tp.long(l2tp.TRANSMIT_SPEED, 1000000) + l2tp.long(l2tp.FRAMING_TYPE, 3)

    def lcp_options(self, magic):
        return super().lcp_options(magic) + [(ppp.PROTOCOL_FIELD_COMPRESSION, b""),
                                             (ppp.ADDRESS_FIELD_COMPRESSION, b"")]

    def network_protocols(self):
        return [(ppp.IPCP, [(ppp.ADDRESS, bytes(4)), _VJ, (129, bytes(4)), (131, bytes(4))])]

    async def renew_phase1(self, client):
        """On port 4500 where there is a NAT; on 500 should nobody answer."""
        try:
            await client.main_mode(4500 if client.ike.nat else 500)
        except Refused:
            await client.main_mode(500)
        await client.quick_mode()

    async def disconnect(self, client):
        client.disconnect_calls()
        client.tunnel.stop()
        await client.tunnel.acknowledged()
        client.delete_sas()


class Ios(MacOs):
    """Some put the marker of port 4500 twice; the last main mode is renewed from port 500."""
    name = "ios"
    markers = 2

    async def renew_phase1(self, client):
        await client.main_mode(500)
        await client.quick_mode()

    async def disconnect(self, client):
        """No Delete."""
        client.disconnect_calls()
        client.tunnel.stop()
        await client.tunnel.acknowledged()
