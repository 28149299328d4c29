# SPDX-License-Identifier: BSD-3-Clause
"""MikroTik RouterOS, an old home router, and a router that is the LAC of several subscribers."""

from .. import l2tp, ppp
from ..profile import Profile, suites, vendor_ids

_MPPE = 18


class RouterOs(Profile):
    name = "routeros"
    phase1 = suites("aes128-sha1-14 aes128-sha1-2 3des-sha1-14 3des-sha1-2")
    phase1_order = ("life", "encryption", "key_length", "authentication", "hash", "group")
    phase1_seconds = 86400
    long_life = True
    phase2 = suites("aes256-sha1 aes192-sha1 aes128-sha1")
    phase2_order = ("life", "group", "encapsulation", "key_length", "authentication")
    phase2_seconds = 1800
    phase2_group = 2
    one_proposal = True
    vendor_ids = vendor_ids("4a131c81070358455c5728f20e95452f 90cb80913ebb696e086381b5ec427b1f "
                            "afcad71368a1f1c96b8696fc77570100")
    initial_contact = "informational"
    receive_unit = 1450

    def sccrq(self, tunnel):
        return (l2tp.word(l2tp.PROTOCOL_VERSION, 0x0100) + l2tp.long(l2tp.FRAMING, 1) +
                l2tp.long(l2tp.BEARER, 0) + l2tp.word(l2tp.FIRMWARE, 1, mandatory=False) +
                l2tp.avp(l2tp.HOST_NAME, b"MikroTik") +
                l2tp.avp(l2tp.VENDOR_NAME, b"MikroTik", mandatory=False) +
                l2tp.word(l2tp.ASSIGNED_TUNNEL, tunnel) + l2tp.word(l2tp.RECEIVE_WINDOW, 4))

    def network_protocols(self):
        return [(ppp.CCP, [(_MPPE, bytes.fromhex("01000040"))]), (ppp.MPLSCP, [])] + \
            super().network_protocols()

    def leaves_empty(self, protocol):
        """It asks once more, for nothing."""
        return False


class HomeRouter(Profile):
    """Nothing but 3DES and group 2, and no NAT traversal."""
    name = "home_router"
    phase1 = suites("3des-md5-2 3des-sha1-2")
    phase2 = suites("3des-md5 3des-sha1")
    phase1_seconds = 28800
    answers_dpd = False

    def sccrq(self, tunnel):
        return (l2tp.word(l2tp.PROTOCOL_VERSION, 0x0100) + l2tp.long(l2tp.FRAMING, 3) +
                l2tp.avp(l2tp.HOST_NAME, b"router") + l2tp.word(l2tp.ASSIGNED_TUNNEL, tunnel) +
                l2tp.word(l2tp.RECEIVE_WINDOW, 4))


class Lac(HomeRouter):
    """A branch's router with a session for each of its subscribers, in one tunnel."""
    name = "lac_router"
    phase1 = suites("aes256-sha256-14")
    phase2 = suites("aes256-sha256 aes128-sha1")
    vendor_ids = vendor_ids("4a131c81070358455c5728f20e95452f afcad71368a1f1c96b8696fc77570100")
    answers_dpd = True
    sessions = 4
    data_length_bit = True
