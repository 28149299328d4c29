# SPDX-License-Identifier: BSD-3-Clause
"""
Many clients with one private address behind one public address.

The NAT of the scripted clients is emulated: each sends from ports of its own of one public address, and proves
to IKE the private address that all have in common. concentrator-load does the same for its peers.
"""

import asyncio
import functools
import secrets

from lab import load, scripted
from lab.case import case, expect
from lab.scripted import ECHO_PORT, SERVER_BYTES
from scripted.profiles import Windows

_CLIENTS = 64
_PINGS = 20
_DIALS = 500


async def _one_after_the_other(client):
    for number in range(_PINGS):
        await client.ping(SERVER_BYTES, size=40 * number, timeout=5)


async def _datagrams(place, clients):
    """Each client's mark goes to the server and back, and the server sends it by itself."""
    place.server.came.clear()
    for client in clients:
        client.send_datagram(SERVER_BYTES, ECHO_PORT, client.mark)
    for client in clients:
        *_, content = await asyncio.wait_for(client.datagrams.get(), 5)
        expect(content == client.mark, "a datagram of another client")
        place.server.send(scripted.text(client.address), 6000, b"from the server " + client.mark)
    for client in clients:
        *_, content = await asyncio.wait_for(client.datagrams.get(), 5)
        expect(content == b"from the server " + client.mark, "a datagram for another client")
    owner = {client.mark: scripted.text(client.address) for client in clients}
    for address, content in place.server.came:
        expect(owner[content] == address, f"the server sees {address} for {owner[content]}")


async def _sixty_four(place):
    clients = [place.client(Windows(), "translated") for _ in range(_CLIENTS)]
    await asyncio.gather(*(client.connect() for client in clients))
    sessions = place.lab.concentrator.wait_sessions(_CLIENTS)
    expect(len({session["address"] for session in sessions}) == _CLIENTS, "two have one address")
    await clients[0].ping(SERVER_BYTES)     # the server's link address: few packets wait for it
    await asyncio.gather(*(_one_after_the_other(client) for client in clients))
    await _datagrams(place, clients)
    renewed = clients[::4]
    await asyncio.gather(*(client.quick_mode() for client in renewed))
    await asyncio.gather(*(_one_after_the_other(client) for client in clients))
    await _datagrams_after_silence(place, clients[:_CLIENTS // 2])
    strangers = sum(client.strangers for client in clients)
    expect(strangers == 0, f"{strangers} packets came to the wrong client")
    for client in clients:
        client.check()
        expect(not client.datagrams.qsize(), "a client got more than it was sent")


async def _datagrams_after_silence(place, staying):
    """Half of them go without a word; what the server sends them must not come to those that stay."""
    for client in place.clients[len(staying):]:
        place.server.send(scripted.text(client.address), 6000, secrets.token_bytes(32))
        client.close()
    await _datagrams(place, staying)


case(seconds=90, guest=False, name="sixty_four_windows_clients_behind_one_nat", workers=2)(
    functools.partial(scripted.run, scenario=_sixty_four))


@case(seconds=60, own_daemon=True, guest=False)
def five_hundred_dials_in_one_second_behind_one_nat(lab):
    """All begin at once; Windows's first choice of a group."""
    concentrator = lab.start_concentrator(links="memif", users=load.users_text(_DIALS))
    figures = load.run(concentrator, "--sessions", str(_DIALS), "--nat", str(_DIALS),
                       "--ipsec", "aes256-cbc-sha1", "--ike-group", "ecp384", "--in-progress", str(_DIALS),
                       "--traffic", "1000", "--seconds", "1")
    expect(figures["dials"]["up"] == _DIALS, f"{figures['dials']}")
    expect(figures["dials"]["seconds"] <= 30, f"they took {figures['dials']['seconds']} s")
    for direction in ("up", "down"):
        expect(figures["traffic"][direction]["lost"] == 0, f"{direction}: {figures['traffic'][direction]}")
    expect(figures["traffic"]["misdelivered"] == 0, f"{figures['traffic']}")
