# SPDX-License-Identifier: BSD-3-Clause
"""Scripted clients in the lab: where they are, and the server that answers them."""

import asyncio
import contextlib
import socket

from scripted.client import Client
from scripted.lac import Lac
from scripted.path import Path

from .concentrator import password_of
from .dial import IPSEC_SECRET, Dial
from .topology import CONCENTRATOR, CONCENTRATOR_IPV6, DEN, SERVER, STREET, STREET_IPV6

SERVER_BYTES = socket.inet_aton(SERVER)
ECHO_PORT = 7

# What clients of the place "translated" have in common: an address that a NAT hides.
PRIVATE = "192.168.1.2"
PRIVATE_IPV6 = "fd00::2"

# Place: namespace, own address, what the client believes it to be, the concentrator's address.
_PLACES = {"nat": ("den", DEN, None, CONCENTRATOR), "public": ("street", STREET, None, CONCENTRATOR),
           "translated": ("street", STREET, PRIVATE, CONCENTRATOR),
           "ipv6": ("street", STREET_IPV6, None, CONCENTRATOR_IPV6),
           "ipv6_translated": ("street", STREET_IPV6, PRIVATE_IPV6, CONCENTRATOR_IPV6)}

WITHOUT_NAT = ("public", "ipv6")


class Server:
    """UDP in the inside network: answers each datagram with the same, and sends by itself."""

    def __init__(self, loop, namespace):
        self.loop = loop
        self.socket = namespace.socket(socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.bind((SERVER, ECHO_PORT))
        self.came = []          # (address, content)
        loop.add_reader(self.socket, self._read)

    def _read(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                data, (address, port) = self.socket.recvfrom(65536)
                self.came.append((address, data))
                self.socket.sendto(data, (address, port))

    def send(self, address, port, content):
        self.socket.sendto(content, (address, port))

    def close(self):
        self.loop.remove_reader(self.socket)
        self.socket.close()


class Scripted:
    """The clients of one case; ends with all of them gone."""

    def __init__(self, lab):
        self.lab = lab
        self.loop = asyncio.get_running_loop()
        self.server = Server(self.loop, lab.topology["server"])
        self.clients = []
        self.former = lab.former

    def client(self, profile, place="nat", user=Dial.user, secret=IPSEC_SECRET, address=None):
        namespace, own, believed, server = _PLACES[place]
        path = Path(self.loop, self.lab.topology[namespace].socket, address or own, server, believed)
        client = Client(profile, path, secret.encode(), user, password_of(user))
        client.former = self.former
        self.clients.append(client)
        return client

    def lac(self, **arguments):
        """A carrier's LAC in the street."""
        lac = Lac(self.loop, self.lab.topology["street"].socket, socket.SOCK_DGRAM, STREET, CONCENTRATOR, **arguments)
        self.clients.append(lac)
        return lac

    async def leave(self):
        await asyncio.gather(*(client.leave() for client in self.clients))

    def close(self):
        for client in self.clients:
            client.close()
        self.server.close()


def text(address):
    return socket.inet_ntoa(address)


def run(lab, scenario, **arguments):
    """A coroutine function of (Scripted, **arguments)."""
    async def begin():
        failures = []
        task = asyncio.current_task()

        def failed(_, context):
            """In a callback, the case's time limit included: the loop would only log it."""
            failures.append(context.get("exception") or RuntimeError(context["message"]))
            task.cancel()

        asyncio.get_running_loop().set_exception_handler(failed)
        scripted = Scripted(lab)
        try:
            await scenario(scripted, **arguments)
            await scripted.leave()
        except asyncio.CancelledError:
            if not failures:
                raise
            raise failures[0] from None
        finally:
            scripted.close()
    asyncio.run(begin())
