# SPDX-License-Identifier: BSD-3-Clause
"""MS-CHAPv2 as the client does it (RFC 2759). MD4 is here because OpenSSL 3 has it no more."""

import hashlib
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_MASK = 0xffffffff


def md4(data):
    state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + struct.pack("<Q", 8 * len(data))
    rounds = (
        (lambda x, y, z: x & y | ~x & z, 0, tuple(range(16)), (3, 7, 11, 19)),
        (lambda x, y, z: x & y | x & z | y & z, 0x5a827999,
         (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
        (lambda x, y, z: x ^ y ^ z, 0x6ed9eba1,
         (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)))
    for start in range(0, len(padded), 64):
        words = struct.unpack_from("<16I", padded, start)
        a, b, c, d = state
        for mix, constant, order, shifts in rounds:
            for step, index in enumerate(order):
                value = (a + mix(b, c, d) + words[index] + constant) & _MASK
                shift = shifts[step % 4]
                a, b, c, d = d, (value << shift | value >> (32 - shift)) & _MASK, b, c
        state = [(old + new) & _MASK for old, new in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def _des(key, block):
    """Three equal keys make one DES of Triple DES; parity bits are of no matter."""
    bits = int.from_bytes(key, "big")
    spread = bytes((bits >> (49 - 7 * n) & 0x7f) << 1 for n in range(8))
    one = Cipher(algorithms.TripleDES(spread * 3), modes.ECB()).encryptor()
    return one.update(block)


def _challenge(server, peer, user):
    return hashlib.sha1(peer + server + user.rpartition("\\")[2].encode()).digest()[:8]


def response(server, peer, user, password):
    """NtResponse, and the S= that the server must answer with."""
    password_hash = md4(password.encode("utf-16-le"))
    challenge = _challenge(server, peer, user)
    key = password_hash + bytes(5)
    answer = b"".join(_des(key[n:n + 7], challenge) for n in (0, 7, 14))
    digest = hashlib.sha1(md4(password_hash) + answer +
                          b"Magic server to client signing constant").digest()
    proof = hashlib.sha1(digest + challenge + b"Pad to make it do more than one iteration").hexdigest()
    return answer, "S=" + proof.upper()
