#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The formulas of `bench` in Python against those in C, and the TRex profiles against both.

bench_plan.py PCAPGEN: the field engine's program of each profile is carried out here, by the rules of
TRex's documentation, and must give the packets that concentrator-pcapgen writes.
"""

import importlib.util
import pathlib
import struct
import subprocess
import sys
import tempfile
import types
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/generators"))
sys.dont_write_bytecode = True

import benchplan  # noqa: E402

PCAPGEN = sys.argv.pop(1)


def frames(*arguments):
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        subprocess.run([PCAPGEN, "-o", file.name, *arguments], check=True)
        data = file.read()
    at, found = 24, []
    while at < len(data):
        length = struct.unpack_from("=I", data, at + 8)[0]
        found.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return found


def key_rows(*arguments):
    with tempfile.NamedTemporaryFile() as pcap, tempfile.NamedTemporaryFile("r") as table:
        subprocess.run([PCAPGEN, "-o", pcap.name, "--keys", table.name, *arguments], check=True)
        return [[cell.strip('"') for cell in line.strip().split(",")] for line in table]


class Recorded:
    """Stands for every class of TRex's library: it keeps what it was made of."""

    def __init__(self, *things, **named):
        self.things, self.named = things, named


def profile(name):
    library = types.ModuleType("trex_stl_lib.api")
    for kind in ("STLScVmRaw", "STLVmFlowVar", "STLVmWrMaskFlowVar", "STLVmWrFlowVar",
                 "STLVmFixIpv4", "STLStream", "STLPktBuilder", "STLTXCont"):
        setattr(library, kind, type(kind, (Recorded,), {}))
    sys.modules["trex_stl_lib"] = types.ModuleType("trex_stl_lib")
    sys.modules["trex_stl_lib.api"] = library
    spec = importlib.util.spec_from_file_location(name, ROOT / f"scripts/trex/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.register()


def fix_ipv4(packet, at):
    packet[at + 10:at + 12] = b"\0\0"
    total = sum(struct.unpack_from("!10H", packet, at))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    struct.pack_into("!H", packet, at + 10, ~total & 0xffff)


def carry_out(stream, variable):
    """The packet of a stream when its variable has this value."""
    builder = stream.named["packet"]
    packet = bytearray(builder.named["pkt_buffer"])
    for step in builder.named["vm"].things[0]:
        named, kind = step.named, type(step).__name__
        if kind == "STLVmWrFlowVar":
            value = (variable + named["add_val"]) & 0xffffffff
            struct.pack_into("!I", packet, named["pkt_offset"], value)
        elif kind == "STLVmWrMaskFlowVar":
            value = ((variable & 0xffff) + named["add_value"]) & named["mask"]
            struct.pack_into("!H", packet, named["pkt_offset"], value)
        elif kind == "STLVmFixIpv4":
            fix_ipv4(packet, named["offset"])
        else:
            assert kind == "STLVmFlowVar", kind
    return bytes(packet)


def without_mark(frame, size):
    """The payload's first bytes name session and sequence, which no field engine writes."""
    at = len(frame) - size + 28
    return frame[:at] + frame[at + 8:]


class BenchPlan(unittest.TestCase):

    def test_plain_packets(self):
        written = frames("--cipher", "none", "--sessions", "5", "--packets", "2", "--size", "100")
        self.assertEqual(written, [benchplan.l2tp_frame(number, sequence, 100)
                                   for sequence in (1, 2) for number in range(5)])

    def test_packets_of_servers(self):
        written = frames("--down", "--sessions", "3", "--packets", "1", "--size", "576")
        self.assertEqual(written, [benchplan.server_frame(number, 1, 576) for number in range(3)])

    def test_keys(self):
        for cipher in benchplan.CIPHERS:
            rows = key_rows("--cipher", cipher, "--sessions", "3", "--packets", "1", "--seed", "x y")
            for number, row in enumerate(rows):
                first, second = benchplan.keys("x y", cipher, number, "in")
                self.assertEqual(row[3], f"0x{benchplan.SPI_IN_FIRST + number:08x}")
                self.assertEqual(row[5], "0x" + first.hex())
                self.assertEqual(row[7], "0x" + second.hex() if second else "")

    def test_trex_up(self):
        count = 60002
        streams = profile("l2tp_up").get_streams(["--sessions", str(count), "--size", "64"])
        written = frames("--cipher", "none", "--sessions", str(count), "--packets", "1", "--size",
                         "64")
        self.assertEqual(len(streams), 2)
        for number in (0, 1, 255, 256, 59999, 60000, 60001):
            tunnel, rest = divmod(number, benchplan.TUNNEL_SESSIONS)
            made = carry_out(streams[tunnel], rest)
            self.assertEqual(without_mark(made, 64), without_mark(written[number], 64))

    def test_trex_up_goes_through_all_sessions(self):
        streams = profile("l2tp_up").get_streams(["--sessions", "60002", "--size", "64"])
        counts = [next(step for step in stream.named["packet"].named["vm"].things[0]
                       if type(step).__name__ == "STLVmFlowVar").named["max_value"]
                  for stream in streams]
        self.assertEqual(counts, [59999, 1])

    def test_trex_down(self):
        streams = profile("plain_down").get_streams(["--sessions", "300"])
        self.assertEqual([stream.named["mode"].named["pps"] for stream in streams], [7, 4, 1])
        written = frames("--down", "--sessions", "300", "--packets", "1", "--size", "576")
        for number in (0, 255, 256, 299):
            made = carry_out(streams[1], number)
            self.assertEqual(without_mark(made, 576), without_mark(written[number], 576))


if __name__ == "__main__":
    unittest.main()
