# SPDX-License-Identifier: BSD-3-Clause
"""Users that a FreeRADIUS server knows."""

import json
import re
import time

from lab import dynamic, load, radius
from lab.case import case, expect

_USERS = """
fixed Cleartext-Password := "right"
    Framed-IP-Address = 10.20.7.7,
    Framed-MTU = 1300

pooled Cleartext-Password := "right"
    Framed-IP-Address = 255.255.255.254,
    Framed-Pool = "far"

short Cleartext-Password := "right"
    Session-Timeout = 3

idle Cleartext-Password := "right"
    Idle-Timeout = 2

lost Cleartext-Password := "right"
    Framed-Pool = "nowhere"

debtor Auth-Type := Reject
    Reply-Message = "You have not paid"
"""

_FAR = ', { name = "far"; first = "10.21.0.2"; last = "10.21.0.254"; }'
_QUICK = "timeout_ms = 300; retries = 1; dead_seconds = 60; status_seconds = 1;"


def _prepared(lab, policy="radius", ports=(1812,), more=_QUICK, **options):
    """A daemon that asks RADIUS at these ports."""
    secrets = lab.directory / "radius"
    secrets.mkdir(exist_ok=True)
    return lab.start_concentrator(links="memif", ipsec="off", more_pools=_FAR,
                                  extra=radius.configuration(secrets, ports, policy, more), **options)


def _server(lab, port=1812, users=_USERS):
    return radius.FreeRadius(lab.topology["concentrator"], lab.directory / f"radius-{time.monotonic_ns()}",
                             users, port)


def _arguments(user, *more, password="right"):
    return ("--sessions", "1", "--user", user, "--password", password, *more)


def _session(concentrator, user, *more):
    """A session with traffic, as it is shown while it is up; the traffic must be whole."""
    running = load.start(concentrator, *_arguments(user, "--traffic", "50", "--seconds", "2",
                                                   "--sizes", "200:1", *more))
    try:
        deadline = time.monotonic() + 20
        while not (shown := [one for one in concentrator.sessions() if one["phase"] == "up"]):
            expect(time.monotonic() < deadline and running.running(), f"no session: {running.output()[-500:]}")
            time.sleep(0.1)
        expect(running.wait(30) == 0, running.output()[-500:])
    finally:
        running.stop()
    return shown[0]


def _explained(concentrator, user):
    return json.loads(concentrator.ctl("explain", user, "--json"))


def _fails(concentrator, user, *more, password="right"):
    """What is said of a dial that comes to nothing."""
    try:
        load.run(concentrator, *_arguments(user, *more, password=password))
    except load.LoadFailed:
        return _explained(concentrator, user)
    return expect(False, f"{user} came in")


def _steps(dial):
    return [step["message"] for step in dial["steps"] if step.get("layer") == "aaa"]


def _idle_ends(concentrator):
    """Without data, though LCP goes on; with data for longer than that it was not ended before."""
    dial = _explained(concentrator, "idle")
    expect(dial["outcome"] == "ended" and dial["cause"] != "idle_timeout", f"{dial}")
    running = load.start(concentrator, *_arguments("idle", "--hold", "6"))
    try:
        running.wait(20)
    finally:
        running.stop()
    dial = _explained(concentrator, "idle")
    expect(dial["outcome"] == "ended" and dial["cause"] == "idle_timeout", f"{dial}")


@case(seconds=90, own_daemon=True, guest=False, once=True)
def radius_accepts(lab):
    """With each way to authenticate; address, pool, MTU and times are those of the server."""
    concentrator = _prepared(lab)
    with _server(lab) as server:
        for method in ("pap", "chap", "mschapv2"):
            session = _session(concentrator, "fixed", "--auth", method)
            expect(session["address"] == "10.20.7.7" and session["mtu"] == 1300, f"{method}: {session}")
        dial = _explained(concentrator, "fixed")
        expect(_steps(dial) == ["user", "Access-Request", "Access-Accept", "accepted"], f"{dial}")
        session = _session(concentrator, "pooled")
        expect(session["address"].startswith("10.21.0."), f"{session}")
        asked = re.sub(":0 = ", " = ", server.requests())  # tags of tunnel attributes
        for line in ('User-Name = "fixed"', 'NAS-Identifier = "concentrator"', "NAS-IP-Address = 192.0.2.1",
                     "NAS-Port-Type = Virtual", "Service-Type = Framed-User", "Framed-Protocol = PPP",
                     "Tunnel-Type = L2TP", 'Called-Station-Id = "192.0.2.1"',
                     'Calling-Station-Id = "0"', 'Tunnel-Client-Endpoint = "100.64.0.1"',
                     'Connect-Info = "L2TP"', "Acct-Tunnel-Connection = ",
                     "Tunnel-Client-Auth-Id = ", 'Tunnel-Server-Auth-Id = "concentrator"',
                     f'Acct-Session-Id = "{session["session_id"]}"'):
            expect(line in asked, f"{line} is not in {asked[:1500]}")
        try:
            load.run(concentrator, *_arguments("short", "--traffic", "20", "--seconds", "10"))
        except load.LoadFailed:
            pass
        dial = _explained(concentrator, "short")
        expect(dial["outcome"] == "ended" and dial["cause"] == "session_timeout", f"{dial}")
        again = _session(concentrator, "idle", "--seconds", "4")
        expect(again["session_id"] != session["session_id"], "one id twice")
        _idle_ends(concentrator)
        row, = concentrator.show("radius")
        expect(row["state"] == "alive" and row["accepts"] == 7 and row["outstanding"] == 0, f"{row}")


@case(seconds=90, own_daemon=True, guest=False)
def radius_refuses(lab):
    """Reject, wrong password, a pool that does not exist; then the server goes away."""
    concentrator = _prepared(lab)
    with _server(lab):
        for method in ("pap", "chap", "mschapv2"):
            dial = _fails(concentrator, "debtor", "--auth", method)
            expect(dial["cause"] == "radius_reject" and "You have not paid" in dial["why"], f"{dial}")
            expect("Access-Reject" in _steps(dial), f"{dial}")
            dial = _fails(concentrator, "fixed", "--auth", method, password="wrong")
            expect(dial["cause"] == "radius_reject", f"{dial}")
        dial = _fails(concentrator, "lost")
        expect(dial["cause"] == "radius_bad_answer" and "nowhere" in dial["why"], f"{dial}")
    dial = _fails(concentrator, "fixed")
    expect(dial["cause"] == "radius_timeout" and "127.0.0.1:1812 silent for" in dial["why"], f"{dial}")
    expect(_steps(dial)[:4] == ["user", "Access-Request", "Access-Request", "no answer"], f"{dial}")
    row, = concentrator.show("radius")
    expect(row["state"] == "dead" and row["rejects"] == 6 and row["timeouts"] == 1, f"{row}")
    dial = _fails(concentrator, "fixed")
    expect(dial["cause"] == "radius_timeout" and "every server is dead" in dial["why"], f"{dial}")


@case(seconds=90, own_daemon=True, guest=False)
def radius_comes_back(lab):
    """Without a server the local users count; Status-Server finds it as soon as it is there."""
    concentrator = _prepared(lab, policy="radius_then_local", users="local right\n")
    expect(_session(concentrator, "local")["address"], "no address")
    dial = _explained(concentrator, "local")
    expect("local users" in _steps(dial) and dial["outcome"] == "ended", f"{dial}")
    with _server(lab):
        deadline = time.monotonic() + 10
        while concentrator.show("radius")[0]["state"] != "alive":
            expect(time.monotonic() < deadline, f"{concentrator.show('radius')}")
            time.sleep(0.1)
        expect(_session(concentrator, "fixed")["address"] == "10.20.7.7", "not the server's address")
        dial = _fails(concentrator, "local")
        expect(dial["cause"] == "radius_reject", f"{dial}")


@case(seconds=90, own_daemon=True, guest=False)
def radius_backup(lab):
    """The first server is silent: the second is asked."""
    concentrator = _prepared(lab, ports=(1812, 11812))
    with _server(lab, port=11812):
        expect(_session(concentrator, "fixed")["address"] == "10.20.7.7", "not the server's address")
        first, second = concentrator.show("radius")
        expect(first["state"] == "dead" and second["accepts"] == 1, f"{first} {second}")


@case(seconds=90, own_daemon=True, guest=False)
def radius_queue_is_bounded(lab):
    """One source port has 256 identifiers: with a queue of 10, 34 of 300 logins are refused at once."""
    concentrator = _prepared(lab, more="timeout_ms = 5000; retries = 0; source_ports = 1; queue = 10;")
    try:
        load.run(concentrator, "--mode", "lac", "--sessions", "300", "--in-progress", "300")
    except load.LoadFailed:
        pass
    causes = [dial["cause"] for dial in concentrator.show("dials")]
    refused = next(dial for dial in concentrator.show("dials") if dial["cause"] != "radius_timeout")
    dial = json.loads(concentrator.ctl("explain", "dial", str(refused["dial"]), "--json"))
    expect(dial["cause"] == "radius_queue_full" and "10 wait" in dial["why"] and "radius.queue" in dial["cure"], f"{dial}")
    expect(causes.count("radius_queue_full") == 34, f"{ {cause: causes.count(cause) for cause in causes} }")
    expect(causes.count("radius_timeout") == 266, f"{ {cause: causes.count(cause) for cause in causes} }")


def _ended(concentrator, user, running):
    """How the session of that user ended, which the server ends."""
    expect(running.wait(20) == 1, "concentrator-load says that all was well")
    return _explained(concentrator, user)


def _begun(concentrator, user):
    running = load.start(concentrator, *_arguments(user, "--traffic", "50", "--seconds", "8", "--sizes", "200:1"))
    deadline = time.monotonic() + 20
    while not [one for one in concentrator.sessions() if one["phase"] == "up"]:
        expect(time.monotonic() < deadline and running.running(), f"no session: {running.output()[-500:]}")
        time.sleep(0.1)
    return running


@case(seconds=90, own_daemon=True, guest=False, once=True)
def radius_ends_and_changes_sessions(lab):
    """Disconnect- and CoA-Requests; from others, with another secret, for nobody: nothing happens."""
    concentrator = _prepared(lab, more=_QUICK + f" dynamic_port = {dynamic.PORT};")
    own = lab.topology["concentrator"]

    def ask(code, *attributes, **more):
        return dynamic.ask(own, radius.ADDRESS, code, b"".join(attributes), **more)

    with _server(lab):
        running = _begun(concentrator, "fixed")
        fixed = dynamic.text(dynamic.USER_NAME, "fixed")
        expect(ask(dynamic.DISCONNECT, fixed, secret="wrong", timeout=0.5) is None, "a wrong secret is answered")
        expect(ask(dynamic.DISCONNECT, dynamic.text(dynamic.USER_NAME, "nobody")) == (42, 503), "nobody is found")
        expect(ask(dynamic.COA, fixed, dynamic.number(6, 1)) == (45, 401), "Service-Type is changed")
        expect(len(concentrator.sessions()) == 1, "the session is gone")
        expect(ask(dynamic.DISCONNECT, fixed, dynamic.number(dynamic.FRAMED_IP_ADDRESS, 0x0a140707)) == (41, 0),
               "no Disconnect-ACK")
        dial = _ended(concentrator, "fixed", running)
        expect(dial["cause"] == "radius_disconnect" and dial["outcome"] == "ended", f"{dial}")
        running = _begun(concentrator, "pooled")
        begun = time.monotonic()
        pooled = dynamic.text(dynamic.ACCT_SESSION_ID, concentrator.sessions()[0]["session_id"])
        expect(ask(dynamic.COA, dynamic.text(dynamic.ACCT_SESSION_ID, "00000000000-00000001"),
                   dynamic.number(dynamic.SESSION_TIMEOUT, 3)) == (45, 503), "a session of that id is found")
        expect(ask(dynamic.COA, pooled, dynamic.number(dynamic.SESSION_TIMEOUT, 3)) == (44, 0), "no CoA-ACK")
        concentrator.wait_sessions(0)
        seconds = time.monotonic() - begun
        dial = _ended(concentrator, "pooled", running)
        expect(dial["cause"] == "session_timeout" and 2 < seconds < 6, f"after {seconds:.1f} s: {dial}")
        counters = {one["name"]: one["count"] for one in concentrator.show("drops")}
        expect((counters["dynamic_acknowledged"], counters["dynamic_refused"],
                counters["dynamic_wrong_authenticator"]) == (2, 3, 1), f"{counters}")
