# SPDX-License-Identifier: BSD-3-Clause
"""What concentrator-ctl says about dials, drops and causes."""

import asyncio
import functools
import json
import signal
import subprocess
import time

from lab import load, scripted
from lab.case import case, expect
from lab.guest import time_scale
from scripted.profiles import ChromeOs

_USERS = load.users_text(20)
_HELLO_TO_NO_TUNNEL = bytes.fromhex("c8020014 0000 0000 0000 0000 8008 0000 0000 0006")


def _explained(concentrator, *words):
    return json.loads(concentrator.ctl("explain", *words, "--json"))


def _fails(concentrator, *arguments):
    try:
        load.run(concentrator, *arguments)
    except load.LoadFailed:
        return
    expect(False, f"concentrator-load {' '.join(arguments)} finds all well")


def _messages(dial, layer):
    return [step["message"] for step in dial["steps"] if step.get("layer") == layer]


@case(seconds=60, own_daemon=True)
def explain_tells_every_step(lab):
    """A dial that succeeds, one whose password is wrong, one without a user: by last, user, session."""
    concentrator = lab.start_concentrator(links="memif", users=_USERS, ipsec="optional")
    load.run(concentrator, "--sessions", "2", "--nat", "2", "--ipsec", "aes256-gcm")
    dials = concentrator.show("dials")
    expect(len(dials) == 2 and all(dial["outcome"] == "ended" for dial in dials), f"{dials}")
    dial = _explained(concentrator, "dial", str(dials[0]["dial"]))
    expect(_messages(dial, "ike")[:6] == [f"main mode {n}" for n in range(1, 7)], f"{dial}")
    expect(_messages(dial, "ike")[6:9] == [f"quick mode {n}" for n in range(1, 4)], f"{dial}")
    expect({"SCCRQ", "SCCRP", "SCCCN", "ICRQ", "ICRP", "ICCN"} <= set(_messages(dial, "l2tp")), f"{dial}")
    expect(_messages(dial, "aaa") == ["user", "accepted"], f"{dial}")
    expect("LCP Configure-Request" in _messages(dial, "ppp"), f"{dial}")
    expect("IPCP Configure-Ack" in _messages(dial, "ppp"), f"{dial}")
    expect(_explained(concentrator, dial["user"])["dial"] == dial["dial"], "not found by its user")

    _fails(concentrator, "--sessions", "1", "--password", "wrong")
    dial = _explained(concentrator, "last")
    expect(dial["outcome"] == "failed" and dial["cause"] == "wrong_password", f"{dial}")
    expect("password is wrong" in dial["why"] and "users_file" in dial["cure"], f"{dial}")
    expect(_messages(dial, "l2tp")[0] == "SCCRQ" and not _messages(dial, "ike"), f"{dial}")
    text = concentrator.ctl("explain", "last")
    expect("SCCRQ" in text and dial["cure"] in text, text)


@case(seconds=60, own_daemon=True)
def explain_a_lac_tunnel(lab):
    """Each call of a LAC's tunnel is a dial of its own, behind what its tunnel did."""
    concentrator = lab.start_concentrator(links="memif", users=_USERS, ipsec="off")
    load.run(concentrator, "--mode", "lac", "--sessions", "6", "--tunnels", "2")
    dials = concentrator.show("dials")
    expect(len(dials) == 6, f"{dials}")
    for dial in dials:
        dial = _explained(concentrator, "dial", str(dial["dial"]))
        expect(_messages(dial, "l2tp")[:2] == ["SCCRQ", "SCCRP"], f"{dial}")
        expect("ICCN" in _messages(dial, "l2tp") and dial["outcome"] == "ended", f"{dial}")


@case()
def explain_drops_and_causes(lab):
    concentrator = lab.concentrator
    for drop in concentrator.show("drops"):
        lines = concentrator.ctl("explain", "drop", drop["name"], "--json").splitlines()
        said = [json.loads(line) for line in lines]
        said = [one for one in said if one["meaning"] == drop["text"]]
        expect(len(said) == 1, f"{drop}: {lines}")
        expect(drop["where"] != "workers" or said[0]["advice"], f"{said}")
    said = _explained(concentrator, "cause", "wrong_preshared_key")
    expect("preshared_key_file" in said["cure"], f"{said}")
    for words in (("drop", "nonsense"), ("cause", "nonsense"), ("nobody",), ("dial", "999999")):
        said = concentrator.ctl("explain", *words, check=False)
        expect(said.startswith("concentrator-ctl: no d") or "no cause" in said, said)


def _layers(path, *fields):
    """What tshark sees in the packets of a capture: the fields of each."""
    arguments = [argument for field in fields for argument in ("-e", field)]
    done = subprocess.run(["tshark", "-r", str(path), "-T", "fields", *arguments], timeout=30, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def _with_traffic(lab, ipsec, *arguments):
    """A daemon with one session that has traffic; the running load and the session."""
    concentrator = lab.start_concentrator(links="memif", users=_USERS, ipsec=ipsec)
    running = load.start(concentrator, "--sessions", "1", "--traffic", "200", "--seconds", "60", *arguments)
    deadline = time.monotonic() + 10 * time_scale()
    while True:
        (session,) = concentrator.wait_sessions(1)
        if session["address"]:
            return running, session
        expect(time.monotonic() < deadline, f"the session does not get up: {session}")
        time.sleep(0.1)


def _capture(lab, target, path, *options):
    concentrator = lab.concentrator
    concentrator.ctl("capture", target, "-o", str(path), "-t", "20", *options)
    rows = _layers(path, "frame.protocols", "ip.src", "ip.dst", "ppp.protocol")
    data = [row for row in rows if row[0].startswith("raw:ip:udp:l2tp:ppp:ip")]
    return rows, data


@case(seconds=60, own_daemon=True)
def capture_opens_in_wireshark(lab):
    """What lies above ESP: L2TP, PPP and the subscriber's packets, both ways."""
    running, session = _with_traffic(lab, "required", "--ipsec", "aes256-gcm", "--nat", "1")
    concentrator = lab.concentrator
    rows, data = _capture(lab, str(session["session"]), concentrator.directory / "session.pcapng",
                          "-n", "100")
    expect(len(rows) == 100 and len(data) >= 90, f"{len(rows)} packets, {len(data)} of data: {rows[:3]}")
    sources = {row[1].split(",")[1] for row in data}
    expect(session["address"] in sources and len(sources) == 2, f"inner sources {sources}")
    outer = {row[1].split(",")[0] for row in data}
    expect(session["peer"].rsplit(":", 1)[0] in outer and len(outer) == 2, f"outer sources {outer}")
    rows, data = _capture(lab, session["peer"], concentrator.directory / "peer.pcapng", "-n", "20")
    expect(len(data) >= 15, f"{rows[:3]}")
    log = concentrator.log()
    expect("capture begun" in log and "capture ended" in log, "the log does not tell of it")
    running.signal(signal.SIGINT)
    running.wait(20)


@case(seconds=60, own_daemon=True)
def capture_of_a_session_in_clear(lab):
    running, session = _with_traffic(lab, "off")
    rows, data = _capture(lab, str(session["session"]), lab.concentrator.directory / "plain.pcapng",
                          "-n", "50")
    expect(len(data) >= 40 and len({row[1].split(",")[1] for row in data}) == 2, f"{rows[:3]}")
    running.signal(signal.SIGINT)
    running.wait(20)


@case(seconds=60, own_daemon=True)
def capture_ends_with_its_session(lab):
    for ipsec, arguments in (("off", ()), ("required", ("--ipsec", "aes256-gcm"))):
        running, session = _with_traffic(lab, ipsec, *arguments)
        path = lab.concentrator.directory / f"{ipsec}.pcapng"
        capture = lab.concentrator.begin_ctl("capture", str(session["session"]), "-o", str(path))
        time.sleep(1)
        expect(capture.running(), f"the capture has ended: {capture.output()}")
        running.signal(signal.SIGINT)
        running.wait(20)
        status = capture.wait(10)
        expect(status == 0 and "the session or peer is gone" in capture.output(),
               f"status {status}: {capture.output()}")
        expect(len(_layers(path, "frame.protocols")) > 50, "the capture is empty")
        lab.stop_concentrator()


@case(seconds=60, own_daemon=True)
def trace_follows_packets(lab):
    running, session = _with_traffic(lab, "required", "--ipsec", "aes256-cbc-sha1", "--nat", "1")
    concentrator = lab.concentrator
    lines = concentrator.ctl("trace", str(session["session"]), "-n", "400", "-t", "20").splitlines()
    ways = {}
    for line in lines:
        words = line.split()
        ways.setdefault(words[5], []).append(words[6])
    expect(["esp_in", "decrypted", "route", "egress"] in ways.values(), f"{lines[:12]}")
    expect(["session_out", "encrypted", "outer", "egress"] in ways.values(), f"{lines[:12]}")
    status = concentrator.ctl("trace", "999999", check=False)
    expect("no such session" in status, status)
    running.signal(signal.SIGINT)
    running.wait(20)


@case(own_daemon=True, seconds=60)
def explain_l2tp_in_clear(lab):
    """A client without IPsec where IPsec is required gets no answer, and the operator a sentence."""
    concentrator = lab.start_concentrator(links="memif", users=_USERS, ipsec="required")
    running = load.start(concentrator, "--sessions", "1")
    deadline = 100
    while not concentrator.show("dials") and deadline:
        deadline -= 1
        running.wait(0.1)
    dial = _explained(concentrator, "last")
    expect(dial["cause"] == "l2tp_in_clear" and "IPsec" in dial["cure"], f"{dial}")
    running.signal(signal.SIGINT)
    running.wait(20)


@case(own_daemon=True, seconds=60)
def explain_users_and_addresses(lab):
    """Nobody of that name, no users at all, and an address that somebody else has."""
    concentrator = lab.start_concentrator(links="memif", ipsec="off",
                                          users="user0 password0 10.20.0.9\nuser1 password1 10.20.0.9\n")
    _fails(concentrator, "--sessions", "2", "--seconds", "1")
    dial = _explained(concentrator, "last")
    expect(dial["cause"] == "address_in_use", f"{dial}")
    _fails(concentrator, "--sessions", "3", "--seconds", "1")
    dial = _explained(concentrator, "user2")
    expect(dial["cause"] == "unknown_user" and "no user of that name" in dial["why"], f"{dial}")
    expect(_messages(dial, "aaa") == ["user", "refused"], f"{dial}")


@case(own_daemon=True, seconds=60)
def explain_a_daemon_without_users(lab):
    concentrator = lab.start_concentrator(links="memif", ipsec="off", users=None)
    _fails(concentrator, "--sessions", "1")
    dial = _explained(concentrator, "last")
    expect(dial["cause"] == "no_users" and "users_file" in dial["cure"], f"{dial}")


async def _stops_after_ipsec(place, datagram, cause):
    """A client that makes its SAs, sends at most one thing that is no L2TP request, and goes."""
    client = place.client(ChromeOs(), "translated")
    await client.main_mode()
    await client.quick_mode()
    if datagram:
        client.transmit(datagram)
        await asyncio.sleep(0.1)
    client.delete_sas()
    concentrator = place.lab.concentrator
    for _ in range(50):
        dial = _explained(concentrator, "dial", str(concentrator.show("dials")[0]["dial"]))
        if dial["outcome"] != "running":
            break
        await asyncio.sleep(0.1)
    expect(dial["cause"] == cause and dial["outcome"] == "failed", f"{dial}")
    expect("quick mode 3" in _messages(dial, "ike") and not _messages(dial, "l2tp"), f"{dial}")


async def _nothing_behind_ipsec(place):
    await _stops_after_ipsec(place, b"", cause="no_esp_after_ike")
    await _stops_after_ipsec(place, _HELLO_TO_NO_TUNNEL, cause="no_l2tp_after_ipsec")


case(guest=False, name="explain_silence_behind_ipsec", seconds=60)(
    functools.partial(scripted.run, scenario=_nothing_behind_ipsec))
