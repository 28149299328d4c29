# SPDX-License-Identifier: BSD-3-Clause
"""The lab's network.

    client "nat"     192.168.77.2 - nat ------------------+
    client "public"  203.0.113.18 ------------------------+
    "den"            192.168.78.2 - nat                   |
    "street"         203.0.113.66 ------------------------+
    client "home-a"  192.168.1.2 - home-a -+              +- outside - concentrator - server
    client "home-b"  192.168.1.2 - home-b -+- carrier ----+    192.0.2.254  .1 | 198.51.100.1  .10

The clients are network cards of the guest; all the rest are namespaces of the host. The two homes have
equal networks and one public address. In the den and on the street are the scripted clients.
"""

from dataclasses import dataclass

from . import nat
from .namespace import Namespace, connect

CONCENTRATOR = "192.0.2.1"
OUTSIDE = "192.0.2.254"
INSIDE = "198.51.100.1"
SERVER = "198.51.100.10"
SERVER_NETWORK = "198.51.100.0/24"
POOL = "10.20.0.0/16"


@dataclass(frozen=True)
class Link:
    """Where a network card of the guest is plugged in."""
    name: str
    namespace: str
    address: str
    gateway: str
    prefix_length: int = 24

    @property
    def tap(self):
        return f"to-{self.name}"


LINKS = (
    Link("nat", "nat", "192.168.77.2", "192.168.77.1"),
    Link("public", "outside", "203.0.113.18", "203.0.113.17", 30),
    Link("home-a", "home-a", "192.168.1.2", "192.168.1.1"),
    Link("home-b", "home-b", "192.168.1.2", "192.168.1.1"),
)

_ROUTERS = ("nat", "carrier", "home-a", "home-b", "outside")
NAMESPACES = _ROUTERS + ("concentrator", "server", "guest", "den", "street")

# A router's way out: (router, its address, next hop's namespace, next hop's address)
_UPLINKS = (
    ("nat", "203.0.113.34", "outside", "203.0.113.33"),
    ("carrier", "203.0.113.2", "outside", "203.0.113.1"),
    ("home-a", "100.64.0.2", "carrier", "100.64.0.1"),
    ("home-b", "100.64.0.6", "carrier", "100.64.0.5"),
)

DEN = "192.168.78.2"
STREET = "203.0.113.66"

# Over IPv6, where a case asks for it (see use_ipv6).
CONCENTRATOR_IPV6 = "2001:db8:1::1"
STREET_IPV6 = "2001:db8:2::2"
_STREET_ROUTER_IPV6 = "2001:db8:2::1"
OUTSIDE_LINK_LOCAL = "fe80::fe"
_WITH_IPV6 = ("concentrator", "outside", "street")

# A host: (host, its address, next hop's namespace, next hop's address, prefix length)
_HOSTS = (
    ("den", DEN, "nat", "192.168.78.1", 24),
    ("street", STREET, "outside", "203.0.113.65", 30),
)


class Topology:
    def __init__(self, prefix):
        self.prefix = prefix
        self.namespaces = {}

    def __getitem__(self, name):
        return self.namespaces[name]

    def build(self):
        for name in NAMESPACES:
            self.namespaces[name] = Namespace(self.prefix, name)
            self[name].create(forward=name in _ROUTERS)
        for name, address, upstream, gateway in _UPLINKS:
            connect(self[name], "wan", f"{address}/30", self[upstream], f"to-{name}", f"{gateway}/30")
            self[name].add_route("default", gateway)
            nat.masquerade(self[name], "wan")
        for name, address, upstream, gateway, length in _HOSTS:
            connect(self[name], "wan", f"{address}/{length}", self[upstream], f"to-{name}",
                    f"{gateway}/{length}")
            self[name].add_route("default", gateway)

    def add_taps(self):
        for link in LINKS:
            self["guest"].add_tap(link.tap)

    def plug_taps(self):
        """After QEMU has opened them by name in its own namespace."""
        for link in LINKS:
            self["guest"].move(link.tap, self[link.namespace])
            self[link.namespace].set_up(link.tap, f"{link.gateway}/{link.prefix_length}")

    def plug_wires(self, access, access_from, inside, inside_from):
        """Moves the far ends of the concentrator's two ports to where their peers are."""
        access_from.move(access, self["outside"])
        self["outside"].set_up(access, f"{OUTSIDE}/24")
        inside_from.move(inside, self["server"])
        self["server"].set_up(inside, f"{SERVER}/24")
        self["server"].add_route(POOL, INSIDE)

    def use_ipv6(self, used):
        """Before the daemon starts; plug_ipv6() after."""
        for name in _WITH_IPV6:
            self[name].allow_ipv6(used)

    def plug_ipv6(self, access):
        """The way from the street to the concentrator, whose next hop is a link-local address."""
        outside, street = self["outside"], self["street"]
        for namespace, interface, address in ((outside, access, "2001:db8:1::fe/64"),
                                              (outside, access, f"{OUTSIDE_LINK_LOCAL}/64"),
                                              (outside, "to-street", f"{_STREET_ROUTER_IPV6}/64"),
                                              (street, "wan", f"{STREET_IPV6}/64")):
            namespace.run("ip", "address", "replace", address, "dev", interface, "nodad")
        street.add_route("default", _STREET_ROUTER_IPV6)
        self["concentrator"].run("ip", "route", "replace", "default", "via", OUTSIDE_LINK_LOCAL, "dev", "access")

    def delete(self):
        for namespace in self.namespaces.values():
            namespace.delete()
        self.namespaces.clear()
