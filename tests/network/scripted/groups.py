# SPDX-License-Identifier: BSD-3-Clause
"""Diffie-Hellman groups of IKE (RFC 2409, 3526, 5903)."""

import secrets

from cryptography.hazmat.primitives.asymmetric import ec

# A prime is 2^n - 2^(n - 64) - 1 + 2^64 * (floor(2^(n - 130) * pi) + k).


def _pi(bits):
    """floor(2^bits * pi), by Machin's formula."""
    one = 1 << (bits + 64)

    def arctan_of_inverse(number):
        term = total = one // number
        divisor, sign = 3, -1
        while term:
            term //= number * number
            total += sign * (term // divisor)
            divisor, sign = divisor + 2, -sign
        return total
    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> 64


def _prime(bits, k):
    return (1 << bits) - (1 << (bits - 64)) - 1 + (((_pi(bits - 130)) + k) << 64)


_MODP = {2: _prime(1024, 129093), 5: _prime(1536, 741804), 14: _prime(2048, 124476),
         15: _prime(3072, 1690314)}
_ECP = {19: ec.SECP256R1(), 20: ec.SECP384R1()}


class _Modp:
    def __init__(self, prime):
        self.prime = prime
        self.size = prime.bit_length() // 8
        self.secret = secrets.randbits(320)
        self.public = pow(2, self.secret, prime).to_bytes(self.size, "big")

    def shared(self, other):
        return pow(int.from_bytes(other, "big"), self.secret, self.prime).to_bytes(self.size, "big")


class _Ecp:
    def __init__(self, curve):
        self.secret = ec.generate_private_key(curve)
        numbers = self.secret.public_key().public_numbers()
        self.size = (curve.key_size + 7) // 8
        self.public = numbers.x.to_bytes(self.size, "big") + numbers.y.to_bytes(self.size, "big")
        self.curve = curve

    def shared(self, other):
        x, y = (int.from_bytes(part, "big") for part in (other[:self.size], other[self.size:]))
        return self.secret.exchange(ec.ECDH(), ec.EllipticCurvePublicNumbers(x, y, self.curve).public_key())


def key_exchange(group):
    """A fresh secret: `public` is what to send, shared() what both sides then have."""
    return _Ecp(_ECP[group]) if group in _ECP else _Modp(_MODP[group])
