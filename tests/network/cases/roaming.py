# SPDX-License-Identifier: BSD-3-Clause
"""A NAT gives a client another port or address in the middle of its traffic."""

import contextlib
import re
import time

from lab import nat
from lab.case import case, expect
from lab.client import download_pause
from lab.dial import Dial
from lab.topology import SERVER

RATE = 50  # pings a second
ELSEWHERE = "203.0.113.98"


@contextlib.contextmanager
def _source(namespace, statement):
    """The NAT sends new flows so, and has forgotten the old ones."""
    namespace.run("nft", "-f", "-", data=f"""
table ip elsewhere {{
    chain postrouting {{
        type nat hook postrouting priority srcnat - 10;
        ip protocol udp oifname "wan" {statement}
    }}
}}
""")
    try:
        nat.forget_flows(namespace)
        yield
    finally:
        namespace.run("nft", "delete", "table", "ip", "elsewhere")
        nat.forget_flows(namespace)     # they would keep the address for the cases that follow


def _peer(lab):
    (session,) = lab.concentrator.sessions()
    return session["peer"]


def _loses_less_than_a_second(lab, client, statement):
    """Pings through the change; returns where the concentrator then sees the client."""
    ping = client.begin_ping(SERVER, count=8 * RATE, interval=1 / RATE)
    time.sleep(2)
    with _source(lab.topology["nat"], statement):
        output = ping.wait(60, check=False)
        answers = int(re.search(r"(\d+) received", output).group(1))
        expect(answers > 7 * RATE, f"{8 * RATE - answers} of {8 * RATE} pings lost")
        peer = _peer(lab)
        expect(client.ping(SERVER) == 5, "nothing works any more afterwards")
    return peer


@case()
def nat_forgets_its_flows(lab):
    client = lab.client("nat")
    client.dial(Dial())
    before = _peer(lab)
    after = _loses_less_than_a_second(lab, client, "masquerade to :20000-20999")
    expect(re.fullmatch(r"203\.0\.113\.34:20\d\d\d", after), f"the client moved from {before} to {after}")


@case()
def nat_forgets_a_download(lab):
    """A client that only downloads: its acknowledgements alone tell where it is."""
    client = lab.client("nat")
    client.dial(Dial())
    before = _peer(lab)
    download = client.begin_download(SERVER, 6)
    time.sleep(3)
    with _source(lab.topology["nat"], "masquerade to :20000-20999"):
        pause = download_pause(download.wait(60))
        after = _peer(lab)
    expect(after != before, f"the client is still seen at {before}")
    expect(pause < 1, f"{pause:.1f} s without a byte")


@case(once=True)
def nat_gets_another_address(lab):
    outside, home = lab.topology["outside"], lab.topology["nat"]
    client = lab.client("nat")
    client.dial(Dial())
    home.run("ip", "address", "add", f"{ELSEWHERE}/32", "dev", "wan")
    outside.run("ip", "route", "add", f"{ELSEWHERE}/32", "via", "203.0.113.34")
    try:
        after = _loses_less_than_a_second(lab, client, f"snat to {ELSEWHERE}")
    finally:
        outside.run("ip", "route", "del", f"{ELSEWHERE}/32")
        home.run("ip", "address", "del", f"{ELSEWHERE}/32", "dev", "wan")
    expect(after.startswith(ELSEWHERE + ":"), f"the client is seen at {after}")
    expect(lab.concentrator.log_lines("peer answered at its new address"),
           "the client was not asked at its new address, or did not answer")
