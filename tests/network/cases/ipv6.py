# SPDX-License-Identifier: BSD-3-Clause
"""IPv6 outside: clients dial, pass traffic, renew their keys and hang up, as over IPv4."""

import contextlib

from lab import scripted
from lab.case import case, expect
from lab.concentrator import ACCESS_WIRE
from lab.topology import CONCENTRATOR_IPV6
from scripted.profiles import Android, NetworkManagerStrongSwan

from .profiles import hurried, whole_life


@contextlib.contextmanager
def _ipv6(lab):
    lab.stop_concentrator()
    lab.topology.use_ipv6(True)
    try:
        lab.start_concentrator(ipv6=True)
        lab.topology.plug_ipv6(ACCESS_WIRE)
        yield lab.concentrator
    finally:
        lab.stop_concentrator()
        lab.topology.use_ipv6(False)


async def _both_ways(place, profiles):
    for profile in profiles:
        await whole_life(place, hurried(profile), "ipv6")
        await whole_life(place, hurried(profile), "ipv6_translated")
    await whole_life(place, hurried(profiles[0]), "public")


@case(seconds=120, own_daemon=True, guest=False)
def ipv6_outside(lab):
    """ESP in protocol 50 and in UDP, beside a client over IPv4; the next hop is a link-local address."""
    with _ipv6(lab) as concentrator:
        lab.topology["street"].run("ping", "-c", "1", "-W", "5", CONCENTRATOR_IPV6)
        scripted.run(lab, _both_ways, profiles=(NetworkManagerStrongSwan, Android))
        peers = {event.get("peer", "") for event in concentrator.events()}
        expect(any(peer.startswith("[2001:db8:2::2]") for peer in peers), f"no peer over IPv6: {peers}")
