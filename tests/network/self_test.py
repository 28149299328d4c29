#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Shows that the lab's clients work, against a stock server in the same guest instead of the daemon."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lab import stand_in  # noqa: E402
from lab.client import Client  # noqa: E402
from lab.dial import Dial, DialFailed  # noqa: E402
from lab.lab import Lab, guest_image  # noqa: E402
from lab.topology import CONCENTRATOR, LINKS, OUTSIDE, SERVER, Link  # noqa: E402

DIALS = (("nat", Dial()), ("public", Dial()), ("public", Dial(esp="aes256gcm16")),
         ("nat", Dial(ipsec="libreswan")), ("home-a", Dial()))


class Clock:
    def __init__(self):
        self.last = time.monotonic()

    def say(self, *words):
        now = time.monotonic()
        print(f"{now - self.last:6.2f} s", *words, flush=True)
        self.last = now


def try_dial(lab, clock, link, dial):
    client = lab.client(link)
    client.dial(dial)
    clock.say(f"{dial.ipsec} on {link} is up with {client.address}")
    clock.say(client.ping(SERVER), "of 5 pings,", f"{client.iperf(SERVER):.1f} Mbit/s")
    ping = client.begin_ping(SERVER, count=100, interval=0.05)
    client.ipsec.rekey_esp()
    if dial.ipsec == "strongswan":
        client.ipsec.rekey_ike()
    clock.say("keys renewed:", ping.wait(check=False).splitlines()[-2])
    client.hang_up()
    clock.say("hung up")


def expect_refusal(lab, clock, dial):
    try:
        lab.client("nat").dial(dial)
        raise SystemExit("a wrong secret is accepted")
    except DialFailed as failure:
        clock.say("refused as it should be:", failure)
    lab.client("nat").stop()


def main():
    lab = Lab("build", guest_image(), extra_taps=stand_in.TAPS)
    clock = Clock()
    try:
        lab.start()
        own = lab.topology["guest"]
        lab.topology.plug_wires(stand_in.TAPS[0], own, stand_in.TAPS[1], own)
        lab.guest.wait_booted()
        clock.say("the guest has booted")
        server = Client(lab.guest, Link("stand-in", "outside", CONCENTRATOR, OUTSIDE), len(LINKS))
        server.prepare()
        stand_in.start(server, len(LINKS) + 1)
        clock.say("the stand-in serves")
        for link, dial in DIALS:
            try_dial(lab, clock, link, dial)
        expect_refusal(lab, clock, Dial(password="wrong", timeout=10))
        expect_refusal(lab, clock, Dial(secret="wrong", timeout=5))
    finally:
        lab.stop(keep_files=False)


if __name__ == "__main__":
    main()
