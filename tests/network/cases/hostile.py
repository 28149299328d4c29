# SPDX-License-Identifier: BSD-3-Clause
"""
Broken and hostile messages of each profile. A client that is up stays up, nothing is acted on, and the daemon
never answers an address that may be false with more bytes than came: counted for each initiator's cookie, at
the attacker's socket.
"""

import asyncio
import collections
import functools
import secrets

from lab import scripted
from lab.case import case, expect
from lab.scripted import SERVER_BYTES
from scripted import Refused, hostile, inner, isakmp
from scripted.ike import Ike
from scripted.profiles import PROFILES, AndroidShortTags, HomeRouter, WindowsStrong

# No more than that many messages without a pause: what the daemon's classes would drop tests nothing.
_BURST = 40

# They differ from others in nothing that is tried here, or know no NAT.
_ALIKE = (WindowsStrong, AndroidShortTags, HomeRouter)


class _Attacker:
    """A socket of the victim's public address, and what was sent and came, by initiator's cookie."""

    def __init__(self, place, profile):
        self.profile = profile
        self.client = place.client(profile, "translated", user="bob")
        self.path = self.client.path
        self.path.on_ike, self.path.on_esp = self._came, lambda packet, udp: self.answers.append(packet)
        self.sent, self.received = collections.Counter(), collections.Counter()
        self.answers = []
        self.cookies = {}
        self.proven = set()     # their address is not false: main mode 4 may be a little longer than 3

    def _came(self, data, _port):
        self.received[data[:8]] += len(data)
        self.answers.append(data)
        if len(data) >= isakmp.HEADER_BYTES and data[18] == isakmp.MAIN_MODE:
            self.cookies[data[:8]] = data[8:16]

    async def send(self, messages, port=500):
        for number, data in enumerate(messages, 1):
            self.sent[data[:8]] += len(data)
            self.path.send_ike(data, port)
            if number % _BURST == 0:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)

    async def half_open(self, count):
        """(CKY-I, CKY-R) of main modes whose second message came."""
        ikes = [Ike(self.profile, self.path, b"") for _ in range(count)]
        await self.send([ike.first_message(ike.phase1_offer()) for ike in ikes])
        for ike in ikes:
            expect(ike.initiator in self.cookies, "a good main mode 1 is not answered")
            expect(self.received[ike.initiator] <= self.sent[ike.initiator], "main mode 2 is longer than 1")
            self.proven.add(ike.initiator)
            yield ike.initiator, self.cookies[ike.initiator]

    def check_amplification(self):
        for cookie, size in self.received.items():
            expect(size <= self.sent[cookie] or cookie in self.proven,
                   f"{size} bytes for {self.sent[cookie]}, cookie {cookie.hex()}")
        sent, received = self.path.sent_bytes, self.path.received_bytes
        expect(received <= sent, f"{received} bytes came for {sent}")


def _record(path):
    """What leaves by IKE and by ESP, from now on."""
    kept = []
    send = path.send

    def keep(port, data):
        kept.append((port, data))
        send(port, data)
    path.send = keep
    return kept


def _state(lab):
    """What must not change: sessions, tunnels and SAs that are up."""
    return {
        "sessions": sorted(session["session"] for session in lab.concentrator.sessions()),
        "tunnels": sorted((one["tunnel"], one["state"]) for one in lab.concentrator.show("tunnels")
                          if one["state"] == "established"),
        "sas": sorted((one.get("spi_in", ""), one.get("initiator_cookie", "")) for one in lab.concentrator.show("sas")
                      if one["state"] in ("confirmed", "established")),
    }


async def _unharmed(place, victim, before, what):
    await victim.ping(SERVER_BYTES)
    victim.check()
    expect(place.lab.concentrator.running(), f"{what}: the daemon has ended")
    now = _state(place.lab)
    expect(now == before, f"{what}: it was {before}, it is {now}")


async def _before_authentication(place, profile):
    """Everything that needs no key, and what needs only the victim's cookies and packets."""
    victim = place.client(profile, "translated")
    kept = _record(victim.path)
    await victim.connect()
    await victim.ping(SERVER_BYTES)
    before = _state(place.lab)
    attacker = _Attacker(place, profile)
    for port in (500, 4500):
        await attacker.send([data for _, data in hostile.first_messages(profile)], port)
    await _unharmed(place, victim, before, "main mode 1")
    cookies = [pair async for pair in attacker.half_open(16)]
    third = hostile.third_messages(iter(cookies), profile.phase1[-1][2])
    await attacker.send(third)
    await attacker.send([secrets.token_bytes(8) + data[8:] for data in third])
    await _unharmed(place, victim, before, "main mode 3")
    recorded = [(f"message {number}", data.removeprefix(bytes(4)))
                for number, (_, data) in enumerate(kept) if data[:4] == bytes(4) or data[:8] == victim.ike.initiator]
    spis = [victim.children[-1].inbound.spi, victim.children[-1].outbound.spi]
    forged = [data for _, data in hostile.forgeries(
        (victim.ike.initiator, victim.ike.responder), spis, recorded)]
    for port in (500, 4500):
        await attacker.send(forged, port)
    await _unharmed(place, victim, before, "forgeries")
    came = victim.path.received_bytes
    packets = [data for port, data in kept if port == 4500 and data[:4] in spis]
    expect(packets, "no ESP was recorded")
    for packet in packets:
        attacker.path.send(4500, packet)
        attacker.path.send(4500, packet[:-1] + bytes((packet[-1] ^ 1,)))
        attacker.path.send(4500, packet[:8] + secrets.token_bytes(100))
    await asyncio.sleep(0.1)
    expect(victim.path.received_bytes == came, "a replayed packet was answered")
    await _unharmed(place, victim, before, "replayed ESP")
    attacker.check_amplification()


async def _after_authentication(place, profile):
    """A proven peer that reaches for what belongs to another one."""
    victim = place.client(profile, "translated")
    await victim.connect()
    stranger = place.client(profile, "translated", user="bob")
    await stranger.connect()
    before = _state(place.lab)
    spis = [spi for child in (victim.children[-1],) for spi in (child.inbound.spi, child.outbound.spi)]
    for body in hostile.deletes(spis):
        stranger.ike.inform([(isakmp.DELETE, body)])
    stranger.ike.notify(isakmp.INITIAL_CONTACT, isakmp.ISAKMP_PROTOCOL,
                        victim.ike.initiator + victim.ike.responder)
    await asyncio.sleep(0.1)
    await _unharmed(place, victim, before, "deletes of a stranger")
    session = victim.links[0].session
    for content in hostile.control_messages(victim.tunnel.peer, session.peer):
        stranger.transmit(content)
    for content in hostile.malformed_control_messages():
        stranger.transmit(content)
    stranger.path.send_esp(stranger.outbound.seal(inner.udp(stranger.port, 53, b"x" * 40)))
    stranger.path.send_esp(stranger.outbound.seal(b"", next_header=59))
    stranger.path.send_esp(stranger.outbound.seal(b"x" * 40, next_header=4))
    stranger.links[0].send_ipv4(inner.ipv4(victim.address, SERVER_BYTES, inner.UDP, inner.udp(1, 7, b"false")))
    await asyncio.sleep(0.1)
    await _unharmed(place, victim, before, "L2TP of a stranger")
    await stranger.ping(SERVER_BYTES)
    expect(not place.server.came, "a false source address has reached the server")
    for broken in (_without_hash, _with_two_associations, _for_another_port):
        try:
            await broken(stranger)
        except Refused:
            continue
        expect(False, f"{broken.__name__} is accepted")
    await _unharmed(place, victim, before, "quick modes of a stranger")
    await stranger.ping(SERVER_BYTES)


async def _quick_mode(client, change):
    """A quick mode whose payloads, the hash included, were changed after they were made."""
    ike = Ike(type("Hasty", (type(client.profile),), {"ike_retries": (0.2,)})(), client.path, client.secret)
    for name in ("initiator", "responder", "port", "nat", "natt", "nat_oa", "keys", "last_block"):
        setattr(ike, name, getattr(client.ike, name))
    change(ike)
    client.ikes.insert(0, ike)
    try:
        await ike.quick_mode(client.port)
    finally:
        client.ikes.remove(ike)


async def _without_hash(client):
    def change(ike):
        seal = ike._seal
        ike._seal = lambda exchange, number, payloads: seal(exchange, number, [
            (isakmp.HASH, bytes(len(payloads[0][1]))), *payloads[1:]])
    await _quick_mode(client, change)


async def _with_two_associations(client):
    def change(ike):
        plain = ike.quick_payloads
        ike.quick_payloads = lambda *arguments: plain(*arguments)[:1] + plain(*arguments)
    await _quick_mode(client, change)


async def _for_another_port(client):
    def change(ike):
        plain = ike.quick_payloads
        ike.quick_payloads = lambda *arguments: [
            (kind, body[:2] + b"\0\x50" + body[4:]) if (kind, body) == (isakmp.ID, isakmp.identity(
                ike.path.server_bytes, 17, 1701)) else (kind, body) for kind, body in plain(*arguments)]
    await _quick_mode(client, change)


class _Hurried:
    """A wait that is not looked at here is cut short."""
    lcp_requests_ignored = 0


for _profile in PROFILES:
    if _profile not in _ALIKE:
        _hurried = type(_profile.__name__, (_Hurried, _profile), {})()
        for _scenario, _when in ((_before_authentication, "before"), (_after_authentication, "after")):
            case(seconds=40, guest=False, name=f"hostile_{_profile.name}_{_when}_authentication")(
                functools.partial(scripted.run, scenario=_scenario, profile=_hurried))
