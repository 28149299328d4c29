# SPDX-License-Identifier: BSD-3-Clause
"""Pre-shared keys of groups of clients."""

import json

from lab import scripted
from lab.case import case, expect
from scripted import Refused
from scripted.profiles import Android, ChromeOs

from .profiles import pass_traffic, renew

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
