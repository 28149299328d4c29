#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The scripted clients' messages against the sizes and bytes that are known of the real clients."""

import pathlib
import secrets
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from scripted import groups, isakmp, l2tp, ms_chap, ppp  # noqa: E402
from scripted.ciphers import block_bytes  # noqa: E402
from scripted.ike import Ike  # noqa: E402
from scripted.keys import Phase1Keys  # noqa: E402
from scripted.profiles import (Android, ChromeOs, HomeRouter, Ios, MacOs, NetworkManagerLibreswan,  # noqa: E402
                               PROFILES, RouterOs, Windows, WindowsStrong, WindowsXp)


class _Path:
    believed = bytes((172, 16, 11, 171))
    server_bytes = bytes((192, 0, 2, 1))
    sent = b""

    def send_ike(self, data, _port, _markers):
        self.sent = data


def _established(profile, nat=True, cipher="aes256", digest="sha1"):
    """After main mode 4, with keys of nothing in particular."""
    ike = Ike(profile, _Path(), b"secret")
    ike.natt, ike.nat, ike.last_block = True, nat, bytes(block_bytes(cipher))
    ike.keys = Phase1Keys(cipher, digest, b"secret", bytes(32), bytes(256), bytes(512), bytes(16))
    ike._ivs[0] = ike.keys.iv
    return ike


def _quick_mode_bytes(profile, nat, renewal=False):
    ike = _established(profile, nat)
    payloads = ike.quick_payloads(bytes(4), secrets.token_bytes(profile.nonce_bytes), None, 1701, renewal)
    ike._ivs[1] = ike.keys.iv
    return len(ike._seal(isakmp.QUICK_MODE, 1, [(isakmp.HASH, bytes(20)), *payloads]))


def _sccrq_bytes(profile):
    return len(l2tp.control(0, 0, 0, 0, l2tp.word(l2tp.MESSAGE_TYPE, l2tp.SCCRQ) + profile.sccrq(1)))


class Sizes(unittest.TestCase):
    def test_windows_main_mode(self):
        ike = _established(Windows())
        self.assertEqual(len(ike.first_message(ike.phase1_offer())), 408)
        exchange = groups.key_exchange(14)
        self.assertEqual(len(ike.third_message(exchange, bytes(48), "sha1")), 388)
        self.assertEqual(len(ike.fifth_message(b"", b"", b"")), 76)

    def test_windows_quick_mode(self):
        self.assertEqual(_quick_mode_bytes(Windows(), nat=True), 444)
        self.assertEqual(_quick_mode_bytes(WindowsStrong(), nat=False), 316)
        ids = Windows.message_ids()
        self.assertEqual([next(ids), next(ids), next(ids)], [1, 2, 3])

    def test_windows_l2tp(self):
        self.assertEqual(_sccrq_bytes(Windows()), 108)

    def test_windows_lcp(self):
        first = b"".join(ppp.option(*one) for one in Windows().lcp_options(b"\1\2\3\4"))
        self.assertEqual(first.hex(), "01040578" "050601020304" "0702" "0802" "0d0306")

    def test_transforms(self):
        for profile, count in ((Windows, 5), (Android, 12), (MacOs, 14)):
            self.assertEqual(len(profile.phase1), count)
        self.assertEqual({group for _, _, group in Android.phase1}, {2})
        self.assertEqual(Android().phase1_attributes("aes256", "sha256", 2).hex(),
                         "800b0001" "800c7080" "80010007" "800e0100" "80030001" "80020004" "80040002")
        self.assertEqual(Windows().phase1_attributes("3des", "sha1", 2).hex(),
                         "80010005" "80020002" "80040002" "80030001" "800b0001" "000c0004" "00007080")

    def test_lifetimes(self):
        attributes = Windows()._phase2_attributes("aes256", "sha1", 4)
        self.assertTrue(attributes.hex().endswith("80010001" "0002000400000e10" "80010002" "000200040003d090"))
        self.assertEqual(isakmp.attributes(RouterOs()._phase2_attributes("aes192", "sha1", 2)),
                         {1: 1, 2: 1800, 3: 2, 4: 2, 6: 192, 5: 2})

    def test_vendor_ids(self):
        for profile, count in ((Windows, 8), (WindowsXp, 3), (Android, 6), (MacOs, 12), (HomeRouter, 0)):
            self.assertEqual(len(profile.vendor_ids), count)

    def test_proposals(self):
        for profile, proposals, transforms in ((Windows, 5, 1), (Android, 1, 12), (MacOs, 1, 9),
                                               (ChromeOs, 1, 5), (NetworkManagerLibreswan, 3, 1)):
            offer = profile().phase2_proposals(bytes(4), 4)
            self.assertEqual((len(offer), len(offer[0].transforms)), (proposals, transforms), profile.name)
        self.assertEqual(NetworkManagerLibreswan().phase2_proposals(bytes(4), 4)[0].number, 0)

    def test_padding_of_android(self):
        for length in range(1, 64):
            pad = Android.pad(length, 16)
            self.assertIn(len(pad) - (-length % 16), (16, 32))

    def test_host_name_of_apple_ends_with_nul(self):
        for profile in (MacOs, Ios):
            _, avps = l2tp.read_avps(l2tp.word(l2tp.MESSAGE_TYPE, l2tp.SCCRQ) + profile().sccrq(1))
            self.assertTrue(avps[l2tp.HOST_NAME].endswith(b"\0"))

    def test_names(self):
        self.assertEqual(len({profile.name for profile in PROFILES}), len(PROFILES))


class Primitives(unittest.TestCase):
    def test_ms_chap(self):
        """RFC 2759 9.2"""
        answer, proof = ms_chap.response(bytes.fromhex("5B5D7C7D7B3F2F3E3C2C602132262628"),
                                         bytes.fromhex("21402324255E262A28295F2B3A337C7E"), "User", "clientPass")
        self.assertEqual(answer.hex(), "82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df")
        self.assertEqual(proof, "S=407A5589115FD0D6209F510FE9C04566932CDA56")

    def test_primes(self):
        for group, bits in ((2, 1024), (5, 1536), (14, 2048), (15, 3072)):
            prime = groups.key_exchange(group).prime
            self.assertEqual(prime.bit_length(), bits)
            self.assertEqual(pow(3, prime - 1, prime), 1)

    def test_key_exchange(self):
        for group in (2, 14, 19, 20):
            one, other = groups.key_exchange(group), groups.key_exchange(group)
            self.assertEqual(one.shared(other.public), other.shared(one.public))


if __name__ == "__main__":
    unittest.main()
