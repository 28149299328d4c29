# SPDX-License-Identifier: BSD-3-Clause
"""A client of a profile: IKE, ESP, L2TP and PPP put together, and what its applications do."""

import asyncio
import contextlib
import secrets
import struct

from . import Refused, inner, isakmp, require
from .ike import Ike
from .l2tp import Tunnel
from .ppp import Ppp

_LNS_PORT = 1701


class Client:
    def __init__(self, profile, path, secret, user, password):
        self.profile, self.path, self.secret = profile, path, secret
        self.user, self.password = user, password
        self.ikes, self.inbound = [], {}
        self.outbound = None
        self.children = []
        self.tunnel = None
        self.links = []
        self.port = profile.source_port or 49152 + secrets.randbelow(16384)
        self.mark = secrets.token_bytes(16)
        self.strangers = 0              # packets that are not for this client
        self.former = set()             # cookies and SPIs of earlier dials, still answered for a moment
        self.complaints = []            # why the real client would have stopped
        self.datagrams = asyncio.Queue()
        self._echoes = {}
        self._sequence = 0
        path.on_ike, path.on_esp = self._on_ike, self._on_esp

    # ---- what comes

    def _take(self, step, *arguments):
        try:
            step(*arguments)
        except (Refused, struct.error, IndexError, KeyError, ValueError) as reason:
            self.complaints.append(f"{type(reason).__name__}: {reason}")

    def _on_ike(self, data, port):
        self._take(self._route_ike, data, port)

    def _route_ike(self, data, port):
        head = isakmp.read_header(data)
        for ike in self.ikes:
            if ike.mine(head):
                ike.receive(data, port)
                return
        self.strangers += head.initiator not in self.former

    def _on_esp(self, packet, udp):
        sa = self.inbound.get(packet[:4])
        if not sa:
            self.strangers += packet[:4] not in self.former
            return
        require(udp == self.path.udp_esp, "ESP in the other encapsulation")
        self._take(lambda: self._on_udp(sa.open(packet)))

    def _on_udp(self, datagram):
        source, destination, content = inner.read_udp(datagram)
        if self.path.pair and not self.path.translated:
            inner.require_udp_checksum(datagram, self.path.pair)
        require((source, destination) == (_LNS_PORT, self.port), f"inner ports {source} and {destination}")
        self.tunnel.receive(content)

    def transmit(self, content):
        """A datagram of L2TP on the newest SA."""
        self.path.send_esp(self.outbound.seal(inner.udp(self.port, _LNS_PORT, content, self.path.pair)))

    # ---- the steps of a dial

    @property
    def ike(self):
        return self.ikes[-1]

    async def main_mode(self, port=500):
        ike = Ike(self.profile, self.path, self.secret, first=not self.ikes)
        self.ikes.append(ike)
        try:
            if self.profile.identifier:
                await ike.aggressive_mode()
            else:
                await ike.main_mode(port)
        except Refused:
            self.ikes.remove(ike)
            raise

    async def quick_mode(self):
        old = self.children[-1] if self.children else None

        def before_third(children):
            self.inbound[children.inbound.spi] = children.inbound
            if old and self.profile.deletes_before_third:
                self.ike.delete_esp(old.inbound.spi)

        children = await self.ike.quick_mode(self.port, before_third, renewal=old is not None)
        self.outbound = children.outbound
        self.children.append(children)

    async def connect(self):
        await self.main_mode()
        await self.quick_mode()
        self.tunnel = Tunnel(self.profile, self.transmit, self.profile.tunnel_id())
        await self.tunnel.open()
        for number in range(self.profile.sessions):
            session = await self.tunnel.call(secrets.randbelow(0xffff) + 1, number + 1)
            link = Ppp(self.profile, session, self.user, self.password)
            self.links.append(link)
            link.on_ipv4 = lambda data, link=link: self._take(self._on_ipv4, link, data)
            await link.open()
        self.check()

    def check(self):
        """Nothing came that the real client would not have understood."""
        require(not self.complaints, f"{self.profile.name}: {self.complaints[:3]}")

    # ---- applications

    @property
    def address(self):
        return self.links[0].address

    def _on_ipv4(self, link, data):
        source, destination, protocol, content = inner.read_ipv4(data)
        if destination != link.address:
            self.strangers += 1
        elif protocol == inner.ICMP:
            self._on_icmp(content)
        elif protocol == inner.UDP:
            self.datagrams.put_nowait((source, *inner.read_udp(content)))

    def _on_icmp(self, content):
        reply = inner.read_echo_reply(content)
        if not reply:
            return
        if not reply[2].startswith(self.mark):
            self.strangers += 1
            return
        waiting = self._echoes.pop(reply[1], None)
        if waiting and not waiting.done():
            waiting.set_result(reply[2])

    async def ping(self, server, size=64, timeout=2, link=None):
        """An ICMP echo of our mark and random bytes, which must come back as they were."""
        self._sequence += 1
        content = self.mark + secrets.token_bytes(size)
        waiting = self._echoes[self._sequence] = asyncio.get_running_loop().create_future()
        link = link or self.links[0]
        link.send_ipv4(inner.ipv4(link.address, server, inner.ICMP,
                                  inner.echo_request(self.port & 0xffff, self._sequence, content)))
        try:
            answer = await asyncio.wait_for(waiting, timeout)
        except asyncio.TimeoutError:
            raise Refused(f"no answer to a ping, {self.complaints[:2]}") from None
        require(answer == content, "the ping came back changed")

    def send_datagram(self, server, port, content, own_port=5000):
        link = self.links[0]
        link.send_ipv4(inner.ipv4(link.address, server, inner.UDP, inner.udp(own_port, port, content)))

    # ---- the end

    async def terminate_ppp(self):
        for link in self.links:
            await link.terminate()

    def disconnect_calls(self):
        for link in self.links:
            self.tunnel.disconnect_call(link.session)

    def delete_sas(self):
        self.ike.delete_esp(self.children[-1].inbound.spi)
        self.ike.delete()

    async def disconnect(self):
        await self.profile.disconnect(self)
        self.forget()

    async def leave(self):
        """In the shortest way that leaves nothing behind, whatever the profile does."""
        if self.tunnel and not self.tunnel.closed and self.links:
            self.tunnel.stop()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.tunnel.acknowledged(), 1)
            self.delete_sas()

    def forget(self):
        """Without a word: what a crash leaves."""
        for link in self.links:
            link.end()
        if self.tunnel:
            self.tunnel.end()
        self.former.update(self.inbound, (ike.initiator for ike in self.ikes))
        self.ikes, self.inbound, self.children, self.links = [], {}, [], []
        self.outbound = self.tunnel = None
        self.datagrams = asyncio.Queue()

    def close(self):
        self.forget()
        self.path.close()
