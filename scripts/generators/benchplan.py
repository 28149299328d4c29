# SPDX-License-Identifier: BSD-3-Clause
"""The sessions of `bench`: their addresses, ids, SPIs, keys and packets follow from their number.

The same formulas as lib/provision/plan.h. Runs with any Python from 3.6 on, without other modules.
"""

import hashlib
import hmac
import ipaddress
import struct

SUBSCRIBER_FIRST = int(ipaddress.IPv4Address("10.64.0.0"))
PEER_FIRST = int(ipaddress.IPv4Address("100.64.0.0"))
SPI_IN_FIRST = 0x40000000
TUNNEL_SESSIONS = 60000

# Where things are in a frame of plain L2TP with a length field.
L2TP_SESSION_OFFSET = 48
INNER_OFFSET = 54
INNER_SOURCE_OFFSET = INNER_OFFSET + 12
# And in one from a server.
OUTER_OFFSET = 14
DESTINATION_OFFSET = OUTER_OFFSET + 16

# Bytes of key material: of the cipher (GCM: with its salt), of the authenticator.
CIPHERS = {"aes-256-gcm": (36, 0), "aes-128-gcm": (20, 0), "aes-256-cbc-sha1": (32, 20)}

IMIX = [(64, 7), (576, 4), (1400, 1)]   # bytes of the inner packet, and how many of twelve


def sizes(text):
    """(bytes, share) of a size in bytes, or of "imix"."""
    return IMIX if text == "imix" else [(int(text), 1)]


def tunnel(number):
    return 1 + number // TUNNEL_SESSIONS


def session(number):
    return 1 + number % TUNNEL_SESSIONS


def subscriber(number):
    return str(ipaddress.IPv4Address(SUBSCRIBER_FIRST + number))


def peer(number, plain):
    return str(ipaddress.IPv4Address(PEER_FIRST + (tunnel(number) if plain else number)))


def keys(seed, cipher, number, direction):
    """The two keys of a direction, "in" (towards the concentrator) or "out"."""
    lengths = CIPHERS[cipher]
    label = direction[0].encode() + struct.pack("!I", number)
    material = b""
    counter = 1
    while len(material) < sum(lengths):
        material += hmac.new(seed.encode(), label + bytes([counter]), hashlib.sha256).digest()
        counter += 1
    return material[:lengths[0]], material[lengths[0]:sum(lengths)]


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def _address(text):
    return ipaddress.IPv4Address(text).packed


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def _ipv4(payload, source, destination):
    def header(checksum):
        return struct.pack("!BBHIBBH4s4s", 0x45, 0, 20 + len(payload), 0, 64, 17, checksum,
                           _address(source), _address(destination))
    return header(_checksum(header(0))) + payload


def _udp(payload, source, destination):
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def _ethernet(payload, mac, peer_mac):
    return _mac(mac) + _mac(peer_mac) + b"\x08\x00" + payload


def _inner(number, sequence, size, source, destination):
    filler = bytearray(b"\x5a" * (size - 28))
    filler[:8] = struct.pack("!II", number, sequence)
    return _ipv4(_udp(bytes(filler), 9000, 9001), source, destination)


def l2tp_frame(number, sequence, size, local="192.0.2.1", server="198.51.100.10",
               mac="02:00:00:00:00:01", peer_mac="02:00:00:00:00:02"):
    """A packet of a subscriber in plain L2TP; `size` is that of its inner IPv4 packet."""
    inner = _inner(number, sequence, size, subscriber(number), server)
    l2tp = struct.pack("!HHHHI", 0x4002, 12 + size, tunnel(number), session(number), 0xff030021)
    return _ethernet(_ipv4(_udp(l2tp + inner, 1701, 1701), peer(number, True), local), mac,
                     peer_mac)


def server_frame(number, sequence, size, server="198.51.100.10", mac="02:00:00:00:00:01",
                 peer_mac="02:00:00:00:00:02"):
    """A packet of a server to a subscriber."""
    return _ethernet(_inner(number, sequence, size, server, subscriber(number)), mac, peer_mac)
