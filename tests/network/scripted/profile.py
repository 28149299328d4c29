# SPDX-License-Identifier: BSD-3-Clause
"""What a client sends and expects, and what all have in common; see profiles/ for each."""

import secrets
import struct

from . import isakmp, l2tp, ppp
from .ciphers import CIPHERS, DIGESTS


def suites(text):
    """"aes256-sha1-14 3des-md5-2": (cipher, digest, group) each; the group is absent in quick mode."""
    return tuple(tuple(int(part) if part.isdigit() else part for part in one.split("-"))
                 for one in text.split())


def vendor_ids(text):
    return tuple(bytes.fromhex(one) for one in text.split())


class Profile:
    name = ""

    # Main mode
    phase1 = ()
    phase1_order = ("encryption", "key_length", "hash", "group", "authentication", "life")
    phase1_seconds = 28800
    phase1_spi = b""
    long_life = False               # life durations as attributes with a length
    first_number = 1                # of the first proposal and transform
    vendor_ids = ()
    nonce_bytes = 16
    identity_port = (0, 0)          # protocol and port in the ID payload
    identifier = ""                 # "IPsec identifier", "group name": aggressive mode under that name
    aggressive_in_clear = False     # its third message
    trusting = False                # whoever answers aggressive mode need not know the key
    initial_contact = ""            # "main mode", "informational"
    ike_retries = (1, 2, 4, 8)      # seconds to each repetition
    markers = 1                     # non-ESP markers in front of IKE on port 4500
    answers_dpd = True

    # Quick mode
    phase2 = ()
    phase2_order = ("life", "encapsulation", "key_length", "authentication")
    phase2_seconds = 3600
    phase2_kilobytes = 0
    phase2_group = None
    one_proposal = False            # one proposal with many transforms
    sends_nat_oa = True
    tag_bytes = {}                  # where the client's ESP tags differ from the RFC
    any_port = False                # the identity of our end names no port
    deletes_before_third = False    # of the old ESP SA, in a renewal

    # L2TP
    source_port = 1701              # 0: ephemeral
    l2tp_retries = (1, 2, 4, 8)
    hellos_before_sccrq = 0
    strict_nr = False
    waits_for_acknowledgement = False
    data_length_bit = False
    sessions = 1

    # PPP
    authentications = ("mschapv2", "chap", "pap")
    lcp_requests_ignored = 0
    first_lcp_identifier = 1
    identifications = ()
    answers_echo = True
    receive_unit = 1400

    # ---- IKE

    @staticmethod
    def message_ids():
        return iter(lambda: secrets.randbits(31) + 1, None)

    @staticmethod
    def pad(length, block):
        """What follows the payloads of an encrypted message."""
        return bytes(-length % block)

    def _life(self, kind_number, duration_number, kind, value):
        duration = isakmp.long if self.long_life else isakmp.short
        return isakmp.short(kind_number, kind) + duration(duration_number, value)

    def phase1_attributes(self, cipher, digest, group):
        _, key_bytes, number, _ = CIPHERS[cipher]
        parts = {
            "encryption": isakmp.short(1, number),
            "key_length": isakmp.short(14, key_bytes * 8) if cipher.startswith("aes") else b"",
            "hash": isakmp.short(2, DIGESTS[digest][0]),
            "group": isakmp.short(4, group),
            "authentication": isakmp.short(3, 1),
            "life": self._life(11, 12, 1, self.phase1_seconds),
        }
        return b"".join(parts[name] for name in self.phase1_order)

    def _phase2_attributes(self, cipher, digest, encapsulation):
        life = self._life(1, 2, 1, self.phase2_seconds)
        if self.phase2_kilobytes:
            life += self._life(1, 2, 2, self.phase2_kilobytes)
        parts = {
            "life": life,
            "encapsulation": isakmp.short(4, encapsulation),
            "key_length": isakmp.short(6, CIPHERS[cipher][1] * 8) if cipher.startswith("aes") else b"",
            "authentication": isakmp.short(5, DIGESTS[digest][1]) if digest else b"",
            "group": isakmp.short(3, self.phase2_group) if self.phase2_group else b"",
        }
        return b"".join(parts[name] for name in self.phase2_order)

    def _phase2_suites(self):
        return [(suite[0], suite[1] if len(suite) > 1 else None) for suite in self.phase2]

    def phase2_proposals(self, spi, encapsulation):
        transforms = [(CIPHERS[cipher][3], self._phase2_attributes(cipher, digest, encapsulation))
                      for cipher, digest in self._phase2_suites()]
        if self.one_proposal:
            return (isakmp.Proposal(self.first_number, isakmp.ESP_PROTOCOL, spi, tuple(
                isakmp.Transform(number, *transform)
                for number, transform in enumerate(transforms, self.first_number))),)
        return tuple(isakmp.Proposal(number, isakmp.ESP_PROTOCOL, spi, (isakmp.Transform(1, *transform),))
                     for number, transform in enumerate(transforms, self.first_number))

    def suite_of(self, proposal_number, transform):
        number = transform.number if self.one_proposal else proposal_number
        return self._phase2_suites()[number - self.first_number]

    def selector(self, address, port, _renewal):
        """The ID payload of our end in quick mode."""
        return isakmp.identity(address, 17, 0 if self.any_port else port)

    # ---- L2TP

    def tunnel_id(self):
        return secrets.randbelow(0xffff) + 1

    def sccrq(self, tunnel):
        raise NotImplementedError

    def icrq(self, session, serial):
        return l2tp.word(l2tp.ASSIGNED_SESSION, session) + l2tp.long(l2tp.CALL_SERIAL, serial)

    def iccn(self):
        return l2tp.long(l2tp.TRANSMIT_SPEED, 100000000) + l2tp.long(l2tp.FRAMING_TYPE, 1)

    def stop_result(self):
        return l2tp.avp(l2tp.RESULT_CODE, struct.pack(">HH", 6, 0))

    # ---- PPP

    def lcp_options(self, magic):
        return [(ppp.MRU, struct.pack(">H", self.receive_unit)), (ppp.MAGIC, magic)]

    def network_protocols(self):
        """(protocol, options) for each that the client starts."""
        return [(ppp.IPCP, [(ppp.ADDRESS, bytes(4)), (129, bytes(4)), (131, bytes(4))])]

    def leaves_empty(self, protocol):
        """Whether the client gives a protocol up once all its options are rejected."""
        return protocol == ppp.CCP

    # ---- life; client is a client.Client

    async def renew_phase1(self, client):
        """A new main mode from port 500 and a quick mode under it."""
        await client.main_mode()
        await client.quick_mode()

    async def disconnect(self, client):
        """PPP, L2TP, then IPsec."""
        await client.terminate_ppp()
        client.disconnect_calls()
        client.tunnel.stop()
        await client.tunnel.acknowledged()
        client.delete_sas()
