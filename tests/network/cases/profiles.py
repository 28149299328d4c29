# SPDX-License-Identifier: BSD-3-Clause
"""Each client profile dials, passes traffic, renews its keys, hangs up in its own way, and dials again."""

import asyncio
import functools
import secrets

from lab import scripted
from lab.case import case, expect
from lab.scripted import ECHO_PORT, SERVER_BYTES
from scripted.profiles import PROFILES, HomeRouter, Lac

_DATAGRAMS = 5


async def pass_traffic(place, client):
    """Both ways, small and large, in each of the client's sessions; every byte is compared."""
    for link in client.links:
        for size in (0, 64, 1300):
            await client.ping(SERVER_BYTES, size, link=link)
    wanted = {secrets.token_bytes(200) for _ in range(_DATAGRAMS)}
    for content in wanted:
        client.send_datagram(SERVER_BYTES, ECHO_PORT, content)
    got = [await asyncio.wait_for(client.datagrams.get(), 2) for _ in wanted]
    expect({content for *_, content in got} == wanted, "datagrams came back changed")
    expect(len([one for one in place.server.came if one[1] in wanted]) == _DATAGRAMS,
           "the server has other datagrams")
    client.check()


async def renew(place, client):
    """Quick mode twice, main mode once, with traffic before, between and after."""
    profile = client.profile
    for _ in range(2):
        before = client.outbound.spi
        await client.quick_mode()
        expect(client.outbound.spi != before, "the SPI is the old one")
        await pass_traffic(place, client)
    cookies = client.ike.initiator
    await profile.renew_phase1(client)
    expect(client.ike.initiator != cookies, "the ISAKMP SA is the old one")
    await pass_traffic(place, client)
    sessions = place.lab.concentrator.wait_sessions(profile.sessions)
    expect(len(sessions) == profile.sessions, f"{len(sessions)} sessions after the renewals")


async def whole_life(place, profile, where):
    client = place.client(profile, where)
    for _ in range(2):
        await client.connect()
        sessions = place.lab.concentrator.wait_sessions(profile.sessions)
        addresses = {scripted.text(link.address) for link in client.links}
        expect({session["address"] for session in sessions} == addresses, f"sessions {sessions}")
        expect(client.path.udp_esp == (where not in scripted.WITHOUT_NAT), "the encapsulation is not that of the place")
        await pass_traffic(place, client)
        await renew(place, client)
        expect(not client.strangers, f"{client.strangers} packets of somebody else")
        await client.disconnect()
        place.lab.concentrator.wait_sessions(0)


def _register(profile, where):
    name = f"profile_{profile.name}_{'without' if where == 'public' else 'behind'}_nat"
    case(seconds=40, guest=False, once=where == "public", name=name)(
        functools.partial(scripted.run, scenario=whole_life, profile=profile, where=where))


class _Hurried:
    """Waits that are not looked at here are cut short."""
    linger_seconds = 0.2


def hurried(profile):
    return type(profile.__name__, (_Hurried, profile), {})()


for _profile in PROFILES:
    for _where in ("nat", "public"):
        if (_profile, _where) not in ((HomeRouter, "nat"), (Lac, "public")):
            _register(hurried(_profile), _where)
