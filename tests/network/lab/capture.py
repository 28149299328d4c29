# SPDX-License-Identifier: BSD-3-Clause
"""What is seen on the wire outside the concentrator."""

import time

from . import process

# Later fragments carry no ports; ESP and UDP are told apart by their first.
_ALLOWED = ("arp or ip proto 50 or (udp and (port 500 or port 4500)) "
            "or (udp and ip[6:2] & 0x1fff != 0)")


class Capture:
    def __init__(self, namespace, interface, path):
        self.namespace = namespace
        self.interface = interface
        self.path = path

    def __enter__(self):
        log = self.path.with_suffix(".log")
        self.tcpdump = self.namespace.start("tcpdump", "-i", self.interface, "-n", "-U", "-w",
                                            str(self.path), log=log)
        deadline = time.monotonic() + 10
        while "listening on" not in self.tcpdump.output() and time.monotonic() < deadline:
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        time.sleep(0.3)
        self.tcpdump.stop()

    def frames(self, pattern):
        """The captured frames that a tcpdump expression selects, one a line."""
        lines = process.run("tcpdump", "-n", "-r", str(self.path), pattern).splitlines()
        return [line for line in lines if not line.startswith(("reading from", "tcpdump:"))]

    def strangers(self):
        """Frames that are neither IKE nor ESP nor ARP."""
        return self.frames(f"not ({_ALLOWED})")
