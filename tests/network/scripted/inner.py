# SPDX-License-Identifier: BSD-3-Clause
"""IPv4, ICMP echo and UDP as a client's applications send them."""

import struct

from . import require

ICMP, UDP = 1, 17


def checksum(data):
    total = sum(struct.unpack(f">{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    total = (total & 0xffff) + (total >> 16)
    return ~(total + (total >> 16)) & 0xffff


def ipv4(source, destination, protocol, payload):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0,
                       source, destination)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def read_ipv4(data):
    """(source, destination, protocol, payload)"""
    require(len(data) >= 20 and data[0] >> 4 == 4, "no IPv4 in PPP")
    size = 4 * (data[0] & 15)
    total, = struct.unpack_from(">H", data, 2)
    require(size <= total <= len(data), f"{total} bytes of IPv4 in {len(data)}")
    require(checksum(data[:size]) == 0, "the IPv4 checksum is wrong")
    return data[12:16], data[16:20], data[9], data[size:total]


def echo_request(identifier, sequence, content):
    body = struct.pack(">BBHHH", 8, 0, 0, identifier, sequence) + content
    return body[:2] + struct.pack(">H", checksum(body)) + body[4:]


def read_echo_reply(data):
    """(identifier, sequence, content), None if it is no echo reply"""
    require(checksum(data) == 0, "the ICMP checksum is wrong")
    kind, _, _, identifier, sequence = struct.unpack_from(">BBHHH", data)
    return None if kind else (identifier, sequence, data[8:])


def udp(source_port, destination_port, content, pair=b""):
    """Without a checksum, except over IPv6: `pair` is the two addresses (RFC 8200 8.1)."""
    head = struct.pack(">HHH", source_port, destination_port, 8 + len(content))
    if not pair:
        return head + bytes(2) + content
    total = checksum(_pseudo_header(pair, 8 + len(content)) + head + bytes(2) + content)
    return head + struct.pack(">H", total or 0xffff) + content


def _pseudo_header(pair, length):
    return pair + struct.pack(">II", length, UDP)


def require_udp_checksum(data, pair):
    require(data[6:8] != bytes(2), "UDP over IPv6 without a checksum")
    require(checksum(_pseudo_header(pair, len(data)) + data) == 0, "the UDP checksum is wrong")


def read_udp(data):
    """(source port, destination port, content)"""
    source_port, destination_port, length, _ = struct.unpack_from(">HHHH", data)
    require(length == len(data), f"UDP length {length} in {len(data)} bytes")
    return source_port, destination_port, data[8:]
