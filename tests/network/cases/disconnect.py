# SPDX-License-Identifier: BSD-3-Clause
"""Either side ends a session, and nothing of it remains on the other."""

import threading
import time

from lab.case import case, expect
from lab.dial import Dial
from lab.guest import time_scale
from lab.topology import SERVER


# Kept for a while after the end, for what is still on its way and for late duplicates.
_LINGERING = ("stopped", "lingering", "closing")


def _only_lingering_left(lab):
    lab.concentrator.wait_sessions(0)
    for noun in ("tunnels", "sas"):
        states = {row["state"] for row in lab.concentrator.show(noun)}
        expect(states <= set(_LINGERING), f"{noun} are left: {states}")


def _told_of_ppp_and_l2tp(client, pppd, xl2tpd):
    expect("rcvd [LCP TermReq" in pppd, "the client is sent no LCP terminate request")
    expect("onnection closed" in xl2tpd or "Call " in xl2tpd and "disconnect" in xl2tpd,
           f"the client is sent neither CDN nor StopCCN: {client.last_words('xl2tpd.log')}")


@case()
def client_hangs_up(lab):
    client = lab.client("nat")
    client.dial(Dial())
    client.hang_up()
    _only_lingering_left(lab)


@case()
def client_closes_the_tunnel_at_once(lab):
    client = lab.client("nat")
    client.dial(Dial())
    client.l2tp.abandon()
    client.stop()
    _only_lingering_left(lab)


@case()
def client_dials_again(lab):
    """The machine was switched off without a word and dials again from the same address."""
    client = lab.client("nat")
    client.dial(Dial())
    client.crash()
    client.dial(Dial())
    expect(client.ping(SERVER) >= 4, "the server does not answer ping")


@case()
def operator_disconnects(lab):
    client = lab.client("nat")
    client.dial(Dial())
    session, = lab.concentrator.wait_sessions(1)
    lab.concentrator.ctl("disconnect", str(session["session"]))
    client.l2tp.wait_down()
    lab.concentrator.wait_sessions(0)
    _told_of_ppp_and_l2tp(client, client.read_log("pppd.log"), client.read_log("xl2tpd.log"))


@case(own_daemon=True)
def daemon_is_ended(lab):
    lab.start_concentrator()
    client = lab.client("nat")
    client.dial(Dial())
    status = lab.stop_concentrator()
    expect(status == 0, f"exit status {status}")
    client.l2tp.wait_down()
    _told_of_ppp_and_l2tp(client, client.read_log("pppd.log"), client.read_log("xl2tpd.log"))
    log = client.ipsec.log()
    expect("received DELETE for IKE_SA" in log, "the client is sent no delete for the IKE SA")
    expect("received DELETE for ESP" in log or "received DELETE for CHILD_SA" in log,
           "the client is sent no delete for the ESP SA")


@case(own_daemon=True)
def second_signal_ends_at_once(lab):
    lab.start_concentrator()
    client = lab.client("nat")
    client.dial(Dial())
    client.set_loss(100)
    try:
        lab.concentrator.process.signal(15)
        time.sleep(0.5)
        expect(lab.concentrator.running(), "the daemon does not wait for the client")
        start = time.monotonic()
        status = lab.stop_concentrator()
        expect(status == 0, f"exit status {status}")
        expect(time.monotonic() - start < 2 * time_scale(), "the second signal is not obeyed")
    finally:
        client.set_loss(0)


@case(own_daemon=True)
def daemon_is_ended_during_a_dial(lab):
    for seconds in (1, 2.5, 4):
        lab.start_concentrator()
        client = lab.client("nat")
        dial = threading.Thread(target=_dial_in_vain, args=(client,))
        dial.start()
        time.sleep(seconds)
        status = lab.stop_concentrator()
        client.stop()
        dial.join()
        expect(status == 0, f"exit status {status} after {seconds} s")


def _dial_in_vain(client):
    try:
        client.dial(Dial(timeout=6))
    except Exception:  # pylint: disable=broad-except
        pass
