# SPDX-License-Identifier: BSD-3-Clause
"""Stock clients dial in and reach the server."""

import ipaddress

from lab.case import case, expect
from lab.dial import Dial, DialFailed
from lab.topology import POOL, SERVER


def _reaches_server(lab, client):
    expect(ipaddress.ip_address(client.address) in ipaddress.ip_network(POOL),
           f"the address {client.address} is not of the pool")
    expect(client.ping(SERVER) >= 4, "the server does not answer ping")
    size, _, digest = client.download(lab.download_url)
    expect(digest == lab.download_digest, f"the download of {size} bytes is damaged")


def _connects(lab, link, dial, wire):
    """Dials, reaches the server, hangs up; nothing but IKE and ESP is seen, ESP as said."""
    client = lab.client(link)
    with lab.capture(f"{link}-{dial.ipsec}") as capture:
        client.dial(dial)
        _reaches_server(lab, client)
        session, = lab.concentrator.wait_sessions(1)
        expect(session["user"] == dial.user, f"the session's user is {session['user']}")
        expect(session["address"] == client.address, f"the session's address is {session['address']}")
        client.hang_up()
        lab.concentrator.wait_sessions(0)
    strangers = capture.strangers()
    expect(not strangers, f"{len(strangers)} frames in the clear, first {strangers[:1]}")
    esp = {"esp": "ip proto 50", "udp": "udp port 4500 and udp[8:4] != 0"}
    for kind, pattern in esp.items():
        frames = len(capture.frames(pattern))
        expect((frames > 1000) == (kind == wire), f"{frames} frames of ESP as {kind}")


@case()
def strongswan_behind_nat(lab):
    _connects(lab, "nat", Dial(), "udp")


@case()
def strongswan_without_nat(lab):
    _connects(lab, "public", Dial(), "esp")


@case(once=True)
def strongswan_forces_encapsulation(lab):
    _connects(lab, "public", Dial(encapsulate=True), "udp")


def _connects_in_clear(lab):
    client = lab.client("public")
    client.dial(Dial(ipsec="plain"))
    _reaches_server(lab, client)
    lab.concentrator.wait_sessions(1)
    expect(not lab.concentrator.show("sas"), "there is an SA")
    client.hang_up()
    lab.concentrator.wait_sessions(0)


@case(ipsec="off")
def plain_where_ipsec_is_off(lab):
    _connects_in_clear(lab)


@case(ipsec="optional")
def both_where_ipsec_is_optional(lab):
    _connects_in_clear(lab)
    client = lab.client("nat")
    client.dial(Dial())
    _reaches_server(lab, client)


@case()
def plain_is_refused_where_ipsec_is_required(lab):
    client = lab.client("public")
    try:
        client.dial(Dial(ipsec="plain", timeout=6))
    except DialFailed as reason:
        expect(reason.layer == "l2tp", f"it failed elsewhere: {reason}")
    else:
        expect(False, "the client came in without IPsec")
    dropped, = [row for row in lab.concentrator.show("drops") if row["name"] == "ipsec_required"]
    expect(dropped["count"] > 0, "the drop was not counted")


@case()
def libreswan_behind_nat(lab):
    _connects(lab, "nat", Dial(ipsec="libreswan"), "udp")


@case()
def libreswan_without_nat(lab):
    _connects(lab, "public", Dial(ipsec="libreswan"), "esp")


@case()
def bulk_tcp_both_ways(lab):
    client = lab.client("nat")
    client.dial(Dial())
    for reverse in (False, True):
        rate = client.iperf(SERVER, reverse=reverse)
        expect(rate > 1, f"{rate:.1f} Mbit/s {'to' if reverse else 'from'} the client")


@case()
def large_packets(lab):
    client = lab.client("nat")
    client.dial(Dial())
    for size in (1372, 1373, 2000, 4000):
        answers = client.ping(SERVER, count=5, size=size)
        expect(answers >= 4, f"{answers} of 5 pings of {size} bytes answered")
    # From the server, with DF set: more than the session's MTU must be told, not lost.
    output = lab.topology["server"].run("ping", "-n", "-c", "3", "-i", "0.2", "-M", "do", "-s", "1472",
                                        client.address, check=False)
    expect("rag needed" in output or "too long" in output, f"no ICMP fragmentation needed: {output}")


@case()
def only_from_its_own_address(lab):
    client = lab.client("nat")
    client.dial(Dial())
    client.run("ip address add 10.20.77.77/32 dev lo")
    try:
        output = client.run(f"ping -n -q -c 3 -i 0.2 -W 1 -I 10.20.77.77 {SERVER}", check=False)
    finally:
        client.run("ip address del 10.20.77.77/32 dev lo")
    expect(" 0 received" in output, f"a false source address passes: {output}")
    expect(client.ping(SERVER) >= 4, "the session has suffered")


@case(once=True)
def two_homes_one_public_address(lab):
    clients = [lab.client("home-a"), lab.client("home-b")]
    for client, user in zip(clients, ("alice", "bob")):
        client.dial(Dial(user=user, password=f"{user}-password"))
    expect(clients[0].address != clients[1].address, "both have the same address")
    sessions = lab.concentrator.wait_sessions(2)
    expect({s["user"] for s in sessions} == {"alice", "bob"}, f"sessions {sessions}")
    pings = [client.begin_ping(SERVER, count=100, interval=0.05) for client in clients]
    for ping in pings:
        expect(" 0% packet loss" in ping.wait(), "pings are lost while both are up")
    for client in clients:
        _reaches_server(lab, client)
    clients[0].hang_up()
    lab.concentrator.wait_sessions(1)
    _reaches_server(lab, clients[1])


@case(workers=3)
def several_workers(lab):
    clients = [lab.client("nat"), lab.client("public")]
    for client, user in zip(clients, ("alice", "bob")):
        client.dial(Dial(user=user, password=f"{user}-password"))
    pings = [client.begin_ping(SERVER, count=100, interval=0.05) for client in clients]
    for ping in pings:
        expect(" 0% packet loss" in ping.wait(), "pings are lost while both are up")
    for client in clients:
        _reaches_server(lab, client)
    for client, other in (clients, reversed(clients)):
        client.run(f"ip route replace {other.address} dev ppp0")
    expect(clients[0].ping(clients[1].address) >= 4, "one client does not reach the other")
    workers = lab.concentrator.show("workers")
    expect(len(workers) == 3, f"workers {workers}")
    expect(sum(worker["sessions"] for worker in workers) == 2, f"sessions of workers {workers}")
    expect(sum(worker["handed_over"] for worker in workers) ==
           sum(worker["taken_over"] for worker in workers), f"packets lost on the way {workers}")


@case(seconds=180)
def two_percent_loss(lab):
    client = lab.client("nat")
    client.set_loss(2)
    try:
        client.dial(Dial(timeout=45))
        expect(client.ping(SERVER, count=200, interval=0.05) >= 180, "more lost than the link loses")
        size, _, digest = client.download(lab.download_url)
        expect(digest == lab.download_digest, f"the download of {size} bytes is damaged")
    finally:
        client.set_loss(0)
