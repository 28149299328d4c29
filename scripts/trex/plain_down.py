# SPDX-License-Identifier: BSD-3-Clause
"""TRex: a server sends to all subscribers; the concentrator puts it into their tunnels.

The same for plain L2TP and IPsec. See docs/benchmarking.md.
"""

import argparse
import os
import sys

from trex_stl_lib.api import *

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "generators"))

import benchplan  # noqa: E402


class PlainDown(object):

    def stream(self, args, size, share):
        frame = benchplan.server_frame(0, 0, size, args.server, args.mac, args.peer_mac)
        program = STLScVmRaw([
            STLVmFlowVar(name="session", min_value=0, max_value=args.sessions - 1, size=4,
                         op="inc"),
            STLVmWrFlowVar(fv_name="session", pkt_offset=benchplan.DESTINATION_OFFSET,
                           add_val=benchplan.SUBSCRIBER_FIRST),
            STLVmFixIpv4(offset=benchplan.OUTER_OFFSET),
        ])
        return STLStream(packet=STLPktBuilder(pkt_buffer=frame, vm=program),
                         mode=STLTXCont(pps=share))

    def get_streams(self, tunables, **kwargs):
        parser = argparse.ArgumentParser(description="servers towards subscribers")
        parser.add_argument("--sessions", type=int, default=1000)
        parser.add_argument("--size", default="imix", help="of the packet, or imix")
        parser.add_argument("--server", default="198.51.100.10", help="the sender's address")
        parser.add_argument("--mac", default="02:00:00:00:00:01", help="of the concentrator")
        parser.add_argument("--peer-mac", default="02:00:00:00:00:02", help="of TRex's port")
        args = parser.parse_args(tunables)
        return [self.stream(args, size, share) for size, share in benchplan.sizes(args.size)]


def register():
    return PlainDown()
