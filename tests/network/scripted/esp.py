# SPDX-License-Identifier: BSD-3-Clause
"""One direction of ESP in transport mode (RFC 4303) around UDP."""

import hmac
import secrets
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import require
from .ciphers import DIGESTS, block_bytes, decrypt, digest_bytes, encrypt, key_bytes, prf

_UDP, _GCM_SALT_BYTES, _GCM_TAG_BYTES = 17, 4, 16


def material_bytes(cipher, digest):
    return key_bytes(cipher) + (digest_bytes(digest) if digest else _GCM_SALT_BYTES)


class Sa:
    """tag_bytes: what this client leaves of a tag, if not what the RFC says."""

    def __init__(self, spi, cipher, digest, material, tag_bytes=None):
        self.spi, self.cipher, self.digest = spi, cipher, digest
        self.key, self.rest = material[:key_bytes(cipher)], material[key_bytes(cipher):]
        self.tag_bytes = tag_bytes or (DIGESTS[digest][2] if digest else _GCM_TAG_BYTES)
        self.sequence = 0
        self.seen = set()

    def seal(self, payload, next_header=_UDP):
        self.sequence += 1
        head = self.spi + struct.pack(">I", self.sequence)
        padding = -(len(payload) + 2) % block_bytes(self.cipher)
        plain = payload + bytes(range(1, padding + 1)) + bytes((padding, next_header))
        if not self.digest:
            iv = secrets.token_bytes(8)
            return head + iv + AESGCM(self.key).encrypt(self.rest + iv, plain, head)
        iv = secrets.token_bytes(block_bytes(self.cipher))
        body = head + iv + encrypt(self.cipher, self.key, iv, plain)
        return body + prf(self.digest, self.rest, body)[:self.tag_bytes]

    def open(self, packet):
        """The UDP datagram inside; Refused when anything is not as it should be."""
        sequence, = struct.unpack_from(">I", packet, 4)
        require(sequence not in self.seen, f"sequence number {sequence} came twice")
        plain = self._decrypt(packet)
        self.seen.add(sequence)
        padding, next_header = plain[-2], plain[-1]
        require(next_header == _UDP, f"next header {next_header}")
        require(plain[len(plain) - 2 - padding:-2] == bytes(range(1, padding + 1)), "ESP padding is wrong")
        return plain[:len(plain) - 2 - padding]

    def _decrypt(self, packet):
        if not self.digest:
            return AESGCM(self.key).decrypt(self.rest + packet[8:16], packet[16:], packet[:8])
        body, tag = packet[:-self.tag_bytes], packet[-self.tag_bytes:]
        require(hmac.compare_digest(prf(self.digest, self.rest, body)[:self.tag_bytes], tag),
                "the ESP tag is wrong")
        block = block_bytes(self.cipher)
        require(len(body) > 8 + block and not (len(body) - 8) % block, "ESP of no whole blocks")
        return decrypt(self.cipher, self.key, body[8:8 + block], body[8 + block:])
