# SPDX-License-Identifier: BSD-3-Clause
"""Block ciphers and digests by the names that profiles use."""

import hashlib
import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

# Name: block length, key length, IKE's number (RFC 2409 appendix A), ESP's number (RFC 2407 4.4.4).
CIPHERS = {
    "aes256": (16, 32, 7, 12), "aes192": (16, 24, 7, 12), "aes128": (16, 16, 7, 12),
    "3des": (8, 24, 5, 3), "des": (8, 8, 1, 2), "null": (1, 0, 0, 11),
    "aes128gcm16": (4, 16, 0, 20), "aes256gcm16": (4, 32, 0, 20),
}
# Name: IKE's number, ESP's number, what stays of a tag in ESP.
DIGESTS = {"md5": (1, 1, 12), "sha1": (2, 2, 12), "sha256": (4, 5, 16), "sha384": (5, 6, 24),
           "sha512": (6, 7, 32)}


def block_bytes(cipher):
    return CIPHERS[cipher][0]


def key_bytes(cipher):
    return CIPHERS[cipher][1]


def digest_bytes(digest):
    return hashlib.new(digest).digest_size


def hash_of(digest, data):
    return hashlib.new(digest, data).digest()


def prf(digest, key, data):
    return hmac.new(key, data, digest).digest()


def _cbc(cipher, key, iv):
    kind = algorithms.TripleDES if cipher == "3des" else algorithms.AES
    return Cipher(kind(key), modes.CBC(iv))


def encrypt(cipher, key, iv, data):
    one = _cbc(cipher, key, iv).encryptor()
    return one.update(data) + one.finalize()


def decrypt(cipher, key, iv, data):
    one = _cbc(cipher, key, iv).decryptor()
    return one.update(data) + one.finalize()
