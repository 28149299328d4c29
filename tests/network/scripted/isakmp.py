# SPDX-License-Identifier: BSD-3-Clause
"""ISAKMP messages: header, chains of payloads, security associations (RFC 2407, 2408, 2409)."""

import struct
from dataclasses import dataclass

from . import Refused, require

SA, PROPOSAL, TRANSFORM, KE, ID, HASH, NONCE, NOTIFY, DELETE, VID = 1, 2, 3, 4, 5, 8, 10, 11, 12, 13
NAT_D, NAT_OA = 20, 21
NAT_D_DRAFT, NAT_OA_DRAFT = 130, 131

MAIN_MODE, AGGRESSIVE_MODE, INFORMATIONAL, QUICK_MODE = 2, 4, 5, 32
ENCRYPTED = 1

ISAKMP_PROTOCOL, ESP_PROTOCOL = 1, 3
NO_PROPOSAL_CHOSEN = 14
INITIAL_CONTACT, R_U_THERE, R_U_THERE_ACK = 24578, 36136, 36137

HEADER_BYTES = 28


@dataclass(frozen=True)
class Header:
    initiator: bytes
    responder: bytes
    first: int
    exchange: int
    flags: int
    message_id: int
    length: int


def read_header(data):
    require(len(data) >= HEADER_BYTES, "shorter than an ISAKMP header")
    initiator, responder, first, version, exchange, flags, message_id, length = \
        struct.unpack_from(">8s8sBBBBII", data)
    require(version == 0x10, f"ISAKMP version {version:#x}")
    require(length == len(data), f"length {length} in a message of {len(data)} bytes")
    return Header(initiator, responder, first, exchange, flags, message_id, length)


def header(initiator, responder, first, exchange, flags, message_id, body_bytes):
    return struct.pack(">8s8sBBBBII", initiator, responder, first, 0x10, exchange, flags, message_id,
                       HEADER_BYTES + body_bytes)


def chain(payloads):
    """Payloads (type, body) in their order, each with its generic header."""
    data = b""
    for position, (_, body) in enumerate(payloads):
        following = payloads[position + 1][0] if position + 1 < len(payloads) else 0
        data += struct.pack(">BBH", following, 0, 4 + len(body)) + body
    return data


def unchain(first, data):
    """The payloads, and what follows the last of them."""
    payloads, kind = [], first
    while kind:
        require(len(data) >= 4, "a payload header is cut off")
        following, reserved, length = struct.unpack_from(">BBH", data)
        require(reserved == 0, "a reserved byte is set")
        require(4 <= length <= len(data), f"a payload of {length} bytes in {len(data)}")
        payloads.append((kind, data[4:length]))
        kind, data = following, data[length:]
    return payloads, data


def message(initiator, responder, exchange, payloads, message_id=0):
    """A message in the clear."""
    body = chain(payloads)
    return header(initiator, responder, payloads[0][0], exchange, 0, message_id, len(body)) + body


def short(kind, value):
    """An attribute of two bytes."""
    return struct.pack(">HH", 0x8000 | kind, value)


def long(kind, value, size=4):
    """An attribute with a length."""
    return struct.pack(">HH", kind, size) + value.to_bytes(size, "big")


def attributes(data):
    """The attributes as {type: value}."""
    found = {}
    while data:
        kind, value = struct.unpack_from(">HH", data)
        if kind & 0x8000:
            found[kind & 0x7fff] = value
            data = data[4:]
        else:
            found[kind] = int.from_bytes(data[4:4 + value], "big")
            data = data[4 + value:]
    return found


@dataclass(frozen=True)
class Transform:
    number: int
    identifier: int
    attributes: bytes

    def body(self):
        return struct.pack(">BBH", self.number, self.identifier, 0) + self.attributes


@dataclass(frozen=True)
class Proposal:
    number: int
    protocol: int
    spi: bytes
    transforms: tuple

    def body(self):
        return struct.pack(">BBBB", self.number, self.protocol, len(self.spi), len(self.transforms)) + \
            self.spi + chain([(TRANSFORM, transform.body()) for transform in self.transforms])


_IPSEC_DOI_IDENTITY_ONLY = struct.pack(">II", 1, 1)


def security_association(proposals):
    return _IPSEC_DOI_IDENTITY_ONLY + chain([(PROPOSAL, proposal.body()) for proposal in proposals])


def read_chosen(body):
    """The one proposal with the one transform that a responder must answer with."""
    require(body[:8] == _IPSEC_DOI_IDENTITY_ONLY, "another DOI or situation")
    proposals, rest = unchain(PROPOSAL, body[8:])
    require(len(proposals) == 1 and not rest, f"{len(proposals)} proposals in an answer")
    number, protocol, spi_bytes, count = struct.unpack_from(">BBBB", proposals[0][1])
    transforms, rest = unchain(TRANSFORM, proposals[0][1][4 + spi_bytes:])
    require(count == len(transforms) == 1 and not rest, "not one transform in an answer")
    transform = transforms[0][1]
    return Proposal(number, protocol, proposals[0][1][4:4 + spi_bytes],
                    (Transform(transform[0], transform[1], transform[4:]),))


def _address_kind(address):
    return 1 if len(address) == 4 else 5    # ID_IPV4_ADDR, ID_IPV6_ADDR


def named_identity(name):
    """Android's and Apple's choice: a dot makes it a domain name, an @ a user's, else it is a KEY_ID."""
    kind = 3 if "@" in name else 2 if "." in name else 11
    return struct.pack(">BBH", kind, 0, 0) + name.encode()


def identity(address, protocol=0, port=0):
    """An IPv4 or IPv6 address as an ID payload's body."""
    return struct.pack(">BBH", _address_kind(address), protocol, port) + address


def original_address(address):
    """The body of a NAT-OA payload."""
    return struct.pack(">B3x", _address_kind(address)) + address


def notify(kind, protocol, spi, data=b""):
    return struct.pack(">IBBH", 1, protocol, len(spi), kind) + spi + data


def delete(protocol, spis):
    return struct.pack(">IBBH", 1, protocol, len(spis[0]), len(spis)) + b"".join(spis)


def read_notify(body):
    """(type, SPI, data)"""
    _, _, spi_bytes, kind = struct.unpack_from(">IBBH", body)
    return kind, body[8:8 + spi_bytes], body[8 + spi_bytes:]


def read_delete(body):
    """(protocol, SPIs)"""
    _, protocol, spi_bytes, count = struct.unpack_from(">IBBH", body)
    require(len(body) == 8 + spi_bytes * count, "a delete of another length")
    return protocol, [body[8 + spi_bytes * n:8 + spi_bytes * (n + 1)] for n in range(count)]


def only(payloads, kind):
    """The body of the only payload of a type."""
    found = [body for each, body in payloads if each == kind]
    if len(found) != 1:
        raise Refused(f"{len(found)} payloads of type {kind}")
    return found[0]
