# SPDX-License-Identifier: BSD-3-Clause
"""Many peers at once, emulated by concentrator-load, with traffic that is verified packet by packet."""

import signal
import time

from lab import load
from lab.case import case, expect

_USERS = load.users_text(2000)


def _start(lab, ipsec):
    return lab.start_concentrator(links="memif", users=_USERS, ipsec=ipsec)


def _check(lab, figures, sessions, packets):
    """All came up, all packets arrived, and nothing is left of them in the daemon."""
    expect(figures["dials"]["up"] == sessions, f"{figures['dials']}")
    for direction in ("up", "down"):
        traffic = figures["traffic"][direction]
        expect(traffic["received"] >= packets and traffic["lost"] == 0, f"{direction}: {traffic}")
        expect(traffic["sessions_without_a_packet"] == 0, f"{direction}: {traffic}")
    lab.concentrator.wait_sessions(0)


@case(seconds=60, own_daemon=True, guest=False)
def load_of_lac_routers(lab):
    concentrator = _start(lab, "off")
    figures = load.run(concentrator, "--mode", "lac", "--sessions", "2000", "--tunnels", "4",
                       "--traffic", "2000", "--seconds", "3")
    _check(lab, figures, 2000, 5000)


@case(seconds=60, own_daemon=True, guest=False)
def load_of_lacs_that_hand_over(lab):
    """Not one Configure-Request of LCP goes over the wire; who may come in is judged as ever."""
    concentrator = lab.start_concentrator(links="memif", users=_USERS, ipsec="off", l2tp="challenge = true;")
    secret = str(concentrator.directory / "l2tp")
    figures = load.run(concentrator, "--mode", "lac", "--sessions", "500", "--tunnels", "2", "--proxy",
                       "--tunnel-secret-file", secret, "--auth", "chap", "--traffic", "1000", "--seconds", "1")
    _check(lab, figures, 500, 500)
    counters = {one["name"]: one["count"] for one in concentrator.show("drops")}
    expect(counters["proxy_taken"] == 500 and counters["proxy_unsuited"] == 0, f"{counters}")
    try:
        load.run(concentrator, "--mode", "lac", "--sessions", "5", "--proxy", "--tunnel-secret-file", secret,
                 "--auth", "chap", "--password", "wrong")
    except load.LoadFailed as failure:
        expect("password is wrong" in str(failure), str(failure))
        return
    expect(False, "concentrator-load finds all well")


@case(seconds=60, own_daemon=True, guest=False)
def load_of_clients_behind_nats(lab):
    concentrator = _start(lab, "required")
    figures = load.run(concentrator, "--sessions", "200", "--nat", "50", "--ipsec", "aes256-gcm",
                       "--in-progress", "32", "--traffic", "1000", "--seconds", "3")
    _check(lab, figures, 200, 2500)
    sas = [sa for sa in concentrator.show("sas") if sa["state"] != "lingering"]
    expect(not sas, f"SAs are left: {sas[:2]}")


@case(seconds=60, own_daemon=True, guest=False)
def load_of_every_kind(lab):
    """Each authentication, with and without NAT, ESP with and without UDP, each family of suites."""
    concentrator = _start(lab, "optional")
    kinds = (("--auth", "pap"), ("--auth", "chap", "--nat", "10"),
             ("--ipsec", "aes256-cbc-sha1", "--ike-group", "ecp256", "--bare-esp"),
             ("--ipsec", "aes128-cbc-sha256", "--ike-group", "ecp384"),
             ("--ipsec", "aes128-gcm", "--nat", "20", "--mode", "lac", "--tunnels", "10"))
    for kind in kinds:
        figures = load.run(concentrator, "--sessions", "20", *kind, "--in-progress", "20",
                           "--traffic", "200", "--seconds", "1")
        _check(lab, figures, 20, 100)


@case(seconds=60, own_daemon=True, guest=False)
def load_notices_a_wrong_password(lab):
    concentrator = _start(lab, "off")
    try:
        load.run(concentrator, "--sessions", "5", "--password", "wrong")
    except load.LoadFailed as failure:
        expect("password is wrong" in str(failure), str(failure))
        return
    expect(False, "concentrator-load finds all well")


@case(seconds=60, own_daemon=True, guest=False)
def load_ends_in_order_when_interrupted(lab):
    """In the middle of the dials, of which each is at another step."""
    concentrator = _start(lab, "required")
    running = load.start(concentrator, "--sessions", "1000", "--nat", "100", "--ipsec", "aes256-gcm",
                         "--rate", "200")
    while len(concentrator.sessions()) < 50:
        expect(running.running(), running.output()[-300:])
        time.sleep(0.05)
    running.signal(signal.SIGINT)
    status = running.wait(20)
    expect(status == 1, f"status {status}")
    concentrator.wait_sessions(0, timeout=5)
    expect("closed: 0 in" not in running.output(), running.output()[-300:])
