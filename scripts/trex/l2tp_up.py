# SPDX-License-Identifier: BSD-3-Clause
"""TRex: subscribers of a plain L2TP tunnel send to a server.

One stream for each size and tunnel; a variable of the field engine goes through the sessions of the
tunnel and is written to the L2TP session id and to the inner source address. See docs/benchmarking.md.
"""

import argparse
import os
import sys

from trex_stl_lib.api import *

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "generators"))

import benchplan  # noqa: E402


class L2tpUp(object):

    def stream(self, args, tunnel, size, share):
        first = tunnel * benchplan.TUNNEL_SESSIONS
        count = min(benchplan.TUNNEL_SESSIONS, args.sessions - first)
        frame = benchplan.l2tp_frame(first, 0, size, args.local, args.server, args.mac,
                                     args.peer_mac)
        program = STLScVmRaw([
            STLVmFlowVar(name="session", min_value=0, max_value=count - 1, size=4, op="inc"),
            STLVmWrMaskFlowVar(fv_name="session", pkt_offset=benchplan.L2TP_SESSION_OFFSET,
                               pkt_cast_size=2, mask=0xffff, add_value=1),
            STLVmWrFlowVar(fv_name="session", pkt_offset=benchplan.INNER_SOURCE_OFFSET,
                           add_val=benchplan.SUBSCRIBER_FIRST + first),
            STLVmFixIpv4(offset=benchplan.INNER_OFFSET),
        ])
        return STLStream(packet=STLPktBuilder(pkt_buffer=frame, vm=program),
                         mode=STLTXCont(pps=share))

    def get_streams(self, tunables, **kwargs):
        parser = argparse.ArgumentParser(description="plain L2TP towards the concentrator")
        parser.add_argument("--sessions", type=int, default=1000)
        parser.add_argument("--size", default="imix", help="of the inner packet, or imix")
        parser.add_argument("--local", default="192.0.2.1", help="the concentrator's address")
        parser.add_argument("--server", default="198.51.100.10", help="an address behind it")
        parser.add_argument("--mac", default="02:00:00:00:00:01", help="of the concentrator")
        parser.add_argument("--peer-mac", default="02:00:00:00:00:02", help="of TRex's port")
        args = parser.parse_args(tunables)
        tunnels = range((args.sessions - 1) // benchplan.TUNNEL_SESSIONS + 1)
        return [self.stream(args, tunnel, size, share) for tunnel in tunnels
                for size, share in benchplan.sizes(args.size)]


def register():
    return L2tpUp()
