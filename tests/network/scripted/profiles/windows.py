# SPDX-License-Identifier: BSD-3-Clause
"""Windows XP, and Windows 7 to 11."""

import asyncio
import itertools
import secrets
import struct

from .. import l2tp, ppp
from ..profile import Profile, suites, vendor_ids

_CALLBACK, _CBCP = 13, b"\6"
_MPPE = 18
_MICROSOFT = 311


class _Windows(Profile):
    long_life = True
    phase2_kilobytes = 250000
    phase2_order = ("encapsulation", "key_length", "authentication", "life")
    answers_dpd = False
    deletes_before_third = True
    l2tp_retries = (1, 2, 4, 8)
    lcp_requests_ignored = 1
    first_lcp_identifier = 0
    identifications = (b"MSRASV5.20", b"MSRAS-0-DESKTOP-ABCDEFG", bytes(8) + b"\x0c\xa5")
    firmware = 0x0a00
    linger_seconds = 4
    computer = b"DESKTOP-ABCDEFG"

    @staticmethod
    def message_ids():
        return itertools.count(1)

    def tunnel_id(self):
        return 1

    def sccrq(self, tunnel):
        return (l2tp.word(l2tp.PROTOCOL_VERSION, 0x0100) + l2tp.long(l2tp.FRAMING, 1) +
                l2tp.long(l2tp.BEARER, 0) + l2tp.word(l2tp.FIRMWARE, self.firmware, mandatory=False) +
                l2tp.avp(l2tp.HOST_NAME, self.computer) +
                l2tp.avp(l2tp.VENDOR_NAME, b"Microsoft", mandatory=False) +
                l2tp.word(l2tp.ASSIGNED_TUNNEL, tunnel) + l2tp.word(l2tp.RECEIVE_WINDOW, 8))

    def icrq(self, session, serial):
        return super().icrq(session, serial) + l2tp.long(l2tp.BEARER_TYPE, 2)

    def lcp_options(self, magic):
        return [(ppp.MRU, struct.pack(">H", self.receive_unit)), (ppp.MAGIC, magic),
                (ppp.PROTOCOL_FIELD_COMPRESSION, b""), (ppp.ADDRESS_FIELD_COMPRESSION, b""),
                (_CALLBACK, _CBCP)]

    def network_protocols(self):
        return [(ppp.CCP, [(_MPPE, bytes.fromhex("01000001"))]),
                (ppp.IPCP, [(kind, bytes(4)) for kind in (ppp.ADDRESS, 129, 130, 131, 132)])]

    async def disconnect(self, client):
        await client.terminate_ppp()
        client.disconnect_calls()
        client.tunnel.stop()
        await client.tunnel.acknowledged()
        await asyncio.sleep(self.linger_seconds)
        client.delete_sas()


class WindowsXp(_Windows):
    name = "windows_xp"
    phase1 = suites("3des-sha1-14 3des-sha1-2")
    phase2 = suites("3des-sha1 3des-md5")
    vendor_ids = vendor_ids("1e2b516905991c7d7c96fcbfb587e46100000004 4048b7d56ebce88525e7de7f00d6c2d3 "
                            "90cb80913ebb696e086381b5ec427b1f")
    nonce_bytes = 20
    firmware = 0x0500

    def selector(self, address, port, renewal):
        """In a renewal it may show its name (KB818043)."""
        if renewal:
            return struct.pack(">BBH", 2, 17, port) + self.computer
        return super().selector(address, port, renewal)


class Windows(_Windows):
    name = "windows_7_to_11"
    phase1 = suites("aes256-sha1-20 aes128-sha1-19 aes256-sha1-14 3des-sha1-14 3des-sha1-2")
    phase2 = suites("aes256-sha1 aes128-sha1 3des-sha1 des-sha1 null-sha1")
    vendor_ids = vendor_ids(
        "01528bbbc00696121849ab9a1c5b2a5100000001 1e2b516905991c7d7c96fcbfb587e46100000009 "
        "4a131c81070358455c5728f20e95452f 90cb80913ebb696e086381b5ec427b1f "
        "4048b7d56ebce88525e7de7f00d6c2d3 fb1de3cdf341b7ea16b7e5be0855f120 "
        "26244d38eddb61b3172a36e3d0cfb819 e3a5966a76379fe707228231e5ce8652")
    nonce_bytes = 48

    def icrq(self, session, serial):
        """The correlation id is Microsoft's own AVP."""
        return super().icrq(session, serial) + l2tp.avp(1, secrets.token_bytes(16), False, _MICROSOFT)

    def network_protocols(self):
        return super().network_protocols() + [(ppp.IPV6CP, [(1, secrets.token_bytes(8))])]


class WindowsStrong(Windows):
    """Encryption is set to maximum: neither DES nor NULL is offered."""
    name = "windows_7_to_11_strong"
    phase2 = suites("aes256-sha1 aes128-sha1 3des-sha1")
