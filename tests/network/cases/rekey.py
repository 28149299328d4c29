# SPDX-License-Identifier: BSD-3-Clause
"""Keys are renewed while packets flow, and none is lost."""

import time

from lab.case import case, expect
from lab.dial import Dial
from lab.topology import SERVER


def _lossless(client, renewals):
    """Pings 50 times a second while the renewals are done, one each two seconds."""
    seconds = 3 * len(renewals) + 4
    ping = client.begin_ping(SERVER, count=50 * seconds, interval=0.02)
    time.sleep(1)
    for renew in renewals:
        renew()
        time.sleep(2)
    output = ping.wait(seconds + 60, check=False)
    expect(" 0% packet loss" in output, f"packets are lost: {output.strip()}")


def _rekeys(lab, link):
    client = lab.client(link)
    client.dial(Dial())
    ike, esp = client.ipsec.ike_spis(), client.ipsec.esp_spis()
    _lossless(client, [client.ipsec.rekey_esp, client.ipsec.rekey_ike, client.ipsec.rekey_esp])
    expect(client.ipsec.esp_spis() - esp, "the ESP SA is the old one")
    expect(not client.ipsec.ike_spis() & ike, "the IKE SA is the old one")
    sessions = lab.concentrator.sessions()
    expect(len(sessions) == 1, f"{len(sessions)} sessions after the renewals")


@case()
def rekey_behind_nat(lab):
    _rekeys(lab, "nat")


@case(once=True)
def rekey_without_nat(lab):
    _rekeys(lab, "public")


@case(once=True)
def libreswan_renews_quick_mode(lab):
    client = lab.client("nat")
    client.dial(Dial(ipsec="libreswan"))
    before = client.ipsec.esp_spis()
    _lossless(client, [client.ipsec.rekey_esp, client.ipsec.rekey_esp])
    expect(client.ipsec.esp_spis() - before, "the ESP SA is the old one")
