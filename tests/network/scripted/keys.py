# SPDX-License-Identifier: BSD-3-Clause
"""The keys of main mode with a pre-shared key, and those of quick mode (RFC 2409 5, 5.5, appendix B)."""

from .ciphers import block_bytes, hash_of, key_bytes, prf


def _stretch(digest, key, first, seed, size):
    """K1 | K2 | ...: K1 = prf(key, first), K(n) = prf(key, K(n-1) | seed)."""
    block = material = prf(digest, key, first)
    while len(material) < size:
        block = prf(digest, key, block + seed)
        material += block
    return material[:size]


class Phase1Keys:
    def __init__(self, cipher, digest, secret, nonces, shared, publics, cookies):
        self.cipher, self.digest = cipher, digest
        skeyid = prf(digest, secret, nonces)
        tail = shared + cookies
        self.derivation = prf(digest, skeyid, tail + b"\0")
        self.authentication = prf(digest, skeyid, self.derivation + tail + b"\1")
        encryption = prf(digest, skeyid, self.authentication + tail + b"\2")
        size = key_bytes(cipher)
        self.key = encryption[:size] if len(encryption) >= size else \
            _stretch(digest, encryption, b"\0", b"", size)
        self.skeyid = skeyid
        self.iv = hash_of(digest, publics)[:block_bytes(cipher)]

    def proof(self, publics, cookies, sa, identity):
        """HASH_I or HASH_R; of the public values and the cookies the prover's come first."""
        return prf(self.digest, self.skeyid, publics + cookies + sa + identity)

    def first_iv(self, last_block, message_id):
        """The IV of a quick mode or an informational exchange."""
        return hash_of(self.digest, last_block + message_id)[:block_bytes(self.cipher)]

    def hash(self, data):
        return prf(self.digest, self.authentication, data)

    def esp_material(self, spi, nonces, shared, size):
        seed = shared + b"\3" + spi + nonces
        return _stretch(self.digest, self.derivation, seed, seed, size)
