# SPDX-License-Identifier: BSD-3-Clause
"""A network namespace of the lab and the links between two of them."""

import ctypes
import os
import socket

from . import process

_CLONE_NEWNET = 0x40000000

_SILENT = """
for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$f; done
ip link set lo up
"""


class Namespace:
    def __init__(self, prefix, name):
        self.label = name
        self.name = f"{prefix}-{name}"

    def create(self, forward=False):
        process.run("ip", "netns", "add", self.name)
        self.shell(_SILENT + ("echo 1 >/proc/sys/net/ipv4/ip_forward\n" if forward else ""))

    def allow_ipv6(self, allowed):
        self.shell(f"for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo {0 if allowed else 1} >$f; done\n"
                   f"echo {1 if allowed else 0} >/proc/sys/net/ipv6/conf/all/forwarding")

    def delete(self):
        process.run("ip", "netns", "delete", self.name, check=False)

    def command(self, *command):
        return ["ip", "netns", "exec", self.name, *command]

    def run(self, *command, **options):
        return process.run(*self.command(*command), **options)

    def shell(self, script, **options):
        return self.run("sh", "-ec", script, **options)

    def start(self, *command, log, **options):
        return process.Process(self.command(*command), log, **options)

    def socket(self, kind, protocol=0, family=socket.AF_INET):
        """A socket of this namespace in our own process."""
        libc = ctypes.CDLL(None, use_errno=True)
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        other = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            if libc.setns(other, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {self.name}")
            try:
                return socket.socket(family, kind, protocol)
            finally:
                if libc.setns(own, _CLONE_NEWNET):
                    raise SystemExit("cannot return to the own network namespace")
        finally:
            os.close(own)
            os.close(other)

    def set_up(self, interface, address=None):
        script = f"ip link set {interface} up\n"
        if address:
            script += f"ip address replace {address} dev {interface}\n"
        self.shell(script)

    def add_route(self, destination, gateway):
        self.run("ip", "route", "replace", destination, "via", gateway)

    def move(self, interface, other):
        """Gives an interface to another namespace; it arrives down and without addresses."""
        self.run("ip", "link", "set", interface, "netns", other.name)

    def add_tap(self, interface):
        self.run("ip", "tuntap", "add", "dev", interface, "mode", "tap")


def connect(left, left_interface, left_address, right, right_interface, right_address):
    """A veth pair that behaves like a wire: whole frames, finished checksums."""
    left.run("ip", "link", "add", left_interface, "type", "veth",
             "peer", "name", right_interface, "netns", right.name)
    for namespace, interface, address in ((left, left_interface, left_address),
                                          (right, right_interface, right_address)):
        namespace.run("ethtool", "-K", interface, "tx", "off", "rx", "off", "sg", "off",
                      "tso", "off", "gso", "off", "gro", "off")
        namespace.set_up(interface, address)
