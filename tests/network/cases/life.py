# SPDX-License-Identifier: BSD-3-Clause
"""What a session lives through: a NAT that forgets, a daemon that crashes, a peer that is gone."""

import asyncio
import functools
import signal
import time

from lab import scripted
from lab.case import case, expect
from lab.guest import time_scale
from lab.scripted import SERVER_BYTES
from scripted import Refused
from scripted.profiles import Android, ChromeOs, MacOs, Windows

from .profiles import pass_traffic

_CRASHES = (Windows, MacOs, Android)
_ECHOES = 4             # what Apple's pppd loses before it gives up; it asks each 10 s
_ECHO_SECONDS = 0.3

# A peer may move four times a second.
_BETWEEN_MOVES_SECONDS = 0.3


def _case(scenario, **options):
    case(guest=False, name=scenario.__name__, **options)(functools.partial(scripted.run, scenario=scenario))


async def _ping_until_answered(client, seconds):
    """The seconds that it took."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        try:
            await client.ping(SERVER_BYTES, timeout=0.05)
            return time.monotonic() - start
        except Refused:
            pass
    raise Refused(f"no answer for {seconds} s")


async def nat_changes_the_port(place):
    """The first packet from the new port must bring traffic back, in the same and the next SA."""
    for profile in (Windows, Android, ChromeOs):
        client = place.client(profile(), "translated")
        await client.connect()
        for _ in range(2):
            client.path.new_ports()
            seconds = await _ping_until_answered(client, 5)
            expect(seconds < 1, f"{profile.name}: {seconds:.1f} s until traffic came back")
            await asyncio.sleep(_BETWEEN_MOVES_SECONDS)
            await client.quick_mode()
            client.path.new_ports()
            seconds = await _ping_until_answered(client, 5)
            expect(seconds < 1, f"{profile.name}: {seconds:.1f} s after a renewal")
            await asyncio.sleep(_BETWEEN_MOVES_SECONDS)
        await pass_traffic(place, client)
        await client.profile.renew_phase1(client)
        await pass_traffic(place, client)
        expect(not client.tunnel.closed and not client.strangers, f"{profile.name} has lost its tunnel")
        expect(len(place.lab.concentrator.sessions()) >= 1, "the session is gone")


async def _give_up(client):
    """As its PPP does: so many echoes without an answer."""
    lost = 0
    while lost < _ECHOES:
        try:
            await client.links[0].echo(_ECHO_SECONDS)
            lost = 0
            await asyncio.sleep(_ECHO_SECONDS)
        except asyncio.TimeoutError:
            lost += 1


async def clients_come_back_after_a_crash(place):
    """The new daemon knows nothing of them, and says nothing to what it does not know."""
    clients = [place.client(profile(), "translated") for profile in _CRASHES]
    for client in clients:
        await client.connect()
    place.lab.concentrator.process.signal(signal.SIGKILL)
    place.lab.concentrator.process.wait(5)
    before = [client.path.received_bytes for client in clients]
    place.lab.start_concentrator()
    await asyncio.gather(*(_give_up(client) for client in clients))
    answered = [client.path.received_bytes - was for client, was in zip(clients, before)]
    expect(answered == [0] * len(clients), f"unknown packets were answered with {answered} bytes")
    for client in clients:
        client.forget()
        await client.connect()
        await pass_traffic(place, client)
    place.lab.concentrator.wait_sessions(len(clients))


async def _remains(place, users, seconds):
    """Waits until just these users have sessions; the clients' own tasks go on meanwhile."""
    deadline = time.monotonic() + seconds * time_scale()
    while True:
        now = sorted(session["user"] for session in place.lab.concentrator.sessions())
        if now == sorted(users):
            return
        expect(time.monotonic() < deadline, f"sessions of {now} instead of {sorted(users)}")
        await asyncio.sleep(0.1)


async def _dead_and_living(place, profile):
    """Two dials of a profile, of which the second has vanished."""
    living = place.client(profile(), "translated")
    dead = place.client(profile(), "translated", user="bob")
    for client in (living, dead):
        await client.connect()
    await _remains(place, ["alice", "bob"], 5)
    dead.close()
    return living


async def dead_peer_is_found_by_dpd(place):
    living = await _dead_and_living(place, MacOs)
    await _remains(place, ["alice"], 10)
    expect(living.ike.dpd_questions > 0, "the living client is not asked")
    await pass_traffic(place, living)


async def dead_peer_is_found_by_lcp_echo(place):
    living = await _dead_and_living(place, Windows)
    await _remains(place, ["alice"], 10)
    expect(living.links[0].echo_requests > 0, "the living client is not asked")
    expect(living.tunnel.hellos > 0, "the living client is sent no HELLO")
    expect(living.ike.dpd_questions == 0, "a client without DPD is asked by DPD")
    await pass_traffic(place, living)


def _asks(dpd=0, hello=0, echo=0):
    """Seconds of silence until each kind of question; 0: never asked."""
    return (f"ike = {{ dpd_idle_seconds = {dpd}; dpd_interval_seconds = 1; dpd_attempts = 2; }};\n"
            f"l2tp = {{ hello_idle_seconds = {hello}; }};\n"
            f"ppp = {{ echo_idle_seconds = {echo}; echo_interval_seconds = 1; echo_attempts = 2; }};\n")


_case(nat_changes_the_port, seconds=60)
_case(clients_come_back_after_a_crash, seconds=60)
_case(dead_peer_is_found_by_dpd, seconds=40, extra=_asks(dpd=1))
_case(dead_peer_is_found_by_lcp_echo, seconds=40, extra=_asks(dpd=1, hello=1, echo=2))
