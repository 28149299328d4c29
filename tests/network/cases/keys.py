# SPDX-License-Identifier: BSD-3-Clause
"""Pre-shared keys of groups of clients, and of aggressive mode."""

import asyncio
import functools
import json

from lab import scripted
from lab.case import case, expect
from lab.dial import Dial, DialFailed
from lab.topology import SERVER
from scripted import Refused
from scripted.profiles import Android, ChromeOs

from .profiles import pass_traffic, renew

_AGGRESSIVE = "office the key of the office\npc@example.net the key of the pc\n"
_KEYS = "phones the key of phones\nrouters the key of routers\n"


def _explained(place, user):
    return json.loads(place.lab.concentrator.ctl("explain", user, "--json"))


async def _two_keys(place):
    """Behind one NAT: a client of each group, and one with the key that has no name."""
    phone = place.client(Android(), "translated", secret="the key of phones")
    router = place.client(ChromeOs(), "translated", user="bob", secret="the key of routers")
    other = place.client(ChromeOs(), "translated", user="carol")
    keys = {phone.user: "phones", router.user: "routers", other.user: ""}
    for client in (phone, router, other):
        await client.connect()
    for client in (phone, router, other):
        await pass_traffic(place, client)
        expect(not client.strangers, f"{client.strangers} packets of somebody else")
    sessions = place.lab.concentrator.wait_sessions(3)
    expect({session["user"]: session.get("key", "") for session in sessions} == keys, f"{sessions}")
    for user, key in keys.items():
        said = [step["meaning"] for step in _explained(place, user)["steps"] if step["message"] == "main mode 5"]
        end = f' "{key}"; on port 4500' if key else " pre-shared key; on port 4500"
        expect(len(said) == 1 and said[0].endswith(end), f"{said}")
    log = place.lab.concentrator.log()
    expect('key="phones"' in log and 'key="routers"' in log, "the log names no key")
    expect("the key of" not in log, "the log has a key")


@case(seconds=40, guest=False, keys=_KEYS)
def keys_behind_one_nat(lab):
    scripted.run(lab, _two_keys)


class _Hurried(Android):
    ike_retries = (1, 1)


class _Office(_Hurried):
    """With an "IPsec identifier", as Android has it then: KEY_ID, and with an @ USER_FQDN."""
    identifier = "office"


class _Pc(_Hurried):
    identifier = "pc@example.net"
    aggressive_in_clear = True


class _Stranger(_Hurried):
    identifier = "Office"


class _Trusting(_Office):
    trusting = True


class _Short(_Office):
    phase1 = Android.phase1[:1]
    vendor_ids = Android.vendor_ids[:1]


async def _wrong_key(place):
    client = place.client(_Hurried(), "nat", secret="the key of nobody")
    try:
        await client.connect()
    except Refused:
        pass
    else:
        expect(False, "a client with a wrong key is up")
    said = _explained(place, "last")
    expect(said["cause"] == "wrong_preshared_key", f"{said}")
    expect("none of the 3 keys" in json.dumps(said), f"{said}")
    expect("preshared_keys_file" in said["cure"], f"{said}")
    client.close()


@case(seconds=60, guest=False, keys=_KEYS)
def keys_wrong_one_is_explained(lab):
    scripted.run(lab, _wrong_key)


async def _renewed(place):
    """The second group's key, found again in each main mode."""
    client = place.client(ChromeOs(), "nat", secret="the key of routers")
    await client.connect()
    await pass_traffic(place, client)
    await renew(place, client)


@case(seconds=40, guest=False, keys=_KEYS)
def keys_after_a_renewal(lab):
    scripted.run(lab, _renewed)


async def _aggressive(place, where):
    """Two identifiers with two keys, and a main mode beside them."""
    office = place.client(_Office(), where, secret="the key of the office")
    pc = place.client(_Pc(), where, user="bob", secret="the key of the pc") if where == "translated" else None
    other = place.client(_Hurried(), where, user="carol") if where == "translated" else None
    clients = [client for client in (office, pc, other) if client]
    for client in clients:
        await client.connect()
    for client in clients:
        await pass_traffic(place, client)
        expect(client.path.udp_esp == (where != "public"), "the encapsulation is not that of the place")
    keys = {session["user"]: session.get("key", "") for session in place.lab.concentrator.wait_sessions(len(clients))}
    wanted = {"alice": "office", "bob": "pc@example.net", "carol": ""}
    expect(keys == {client.user: wanted[client.user] for client in clients}, f"{keys}")
    said = _explained(place, office.user)
    messages = [step["message"] for step in said["steps"]]
    expect(messages[:3] == [f"aggressive mode {n}" for n in (1, 2, 3)], f"{messages}")
    expect('"office"' in json.dumps(said["steps"][2], ensure_ascii=False).replace('\\"', '"'), f"{said['steps'][2]}")
    if len(clients) == 1:
        await renew(place, office)
    log = place.lab.concentrator.log()
    expect("the key of" not in log, "the log has a key")


for _where in ("translated", "nat", "public"):
    case(seconds=40, guest=False, aggressive=_AGGRESSIVE, name=f"aggressive_mode_{_where}")(
        functools.partial(scripted.run, scenario=_aggressive, where=_where))


async def _refused(place, profile, secret, cause, words):
    client = place.client(profile, "nat", secret=secret)
    try:
        await client.connect()
    except Refused:
        pass
    else:
        expect(False, "the client is up")
    client.close()
    for _ in range(80):     # a client that gives up without a word is told of once its time is over
        said = _explained(place, "last")
        if said.get("cause") == cause:
            break
        await asyncio.sleep(0.5)
    expect(said["cause"] == cause, f"{said}")
    expect(words in json.dumps(said), f"{said}")


def _refusal(name, profile, cause, words, secret="the key of the office", aggressive=_AGGRESSIVE, once=False):
    configuration = {"aggressive": aggressive} if aggressive else {}
    case(seconds=70, guest=False, once=once, name=f"aggressive_mode_{name}", **configuration)(
        functools.partial(scripted.run, scenario=_refused, profile=profile, secret=secret, cause=cause, words=words))


_refusal("not_configured", _Office(), "aggressive_mode_refused", "UNSUPPORTED-EXCHANGE-TYPE", aggressive="")
_refusal("unknown_identifier", _Stranger(), "aggressive_identifier_unknown", "it names itself Office (key id)")
_refusal("wrong_key", _Trusting(), "wrong_preshared_key", "aggressive mode 3", secret="the key of the pc")
_refusal("wrong_key_seen_by_the_client", _Office(), "silent_after_aggressive_mode_2", "aggressive_keys_file",
         secret="the key of the pc", once=True)
_refusal("answer_too_long", _Short(), "aggressive_answer_too_long", "aggressive mode 1 has")


@case(once=True, aggressive=_AGGRESSIVE)
def aggressive_mode_of_strongswan(lab):
    """Behind a NAT and without; with one proposal its message 1 is too short to be answered."""
    proposals = "aes256-sha256-modp2048,aes128-sha256-modp2048"
    dial = Dial(group_name="office", secret="the key of the office", ike=proposals)
    for link in ("nat", "public"):
        client = lab.client(link)
        client.dial(dial)
        expect(client.ping(SERVER) >= 4, "the server does not answer ping")
        session, = lab.concentrator.wait_sessions(1)
        expect(session["key"] == "office", f"{session}")
        client.ipsec.rekey_esp()
        client.ipsec.rekey_ike()
        expect(client.ping(SERVER) >= 4, "the server does not answer ping after new keys")
        client.hang_up()
        lab.concentrator.wait_sessions(0)
        client.stop()
    for wrong, cause in ((Dial(group_name="office", secret="the key of the office", timeout=6),
                          "aggressive_answer_too_long"),
                         (Dial(group_name="factory", secret="the key of the office", ike=proposals, timeout=6),
                          "aggressive_identifier_unknown")):
        client = lab.client("nat")
        try:
            client.dial(wrong)
        except DialFailed as failure:
            expect(failure.layer == "ike", f"refused by {failure}")
        else:
            expect(False, "the dial succeeds")
        said = json.loads(lab.concentrator.ctl("explain", "last", "--json"))
        expect(said["cause"] == cause, f"{said}")
        client.stop()
