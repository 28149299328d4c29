# SPDX-License-Identifier: BSD-3-Clause
"""What concentrator-ctl says about dials, drops and causes."""

import json

from lab import load
from lab.case import case, expect

_USERS = load.users_text(20)


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
