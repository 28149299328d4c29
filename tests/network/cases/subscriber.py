# SPDX-License-Identifier: BSD-3-Clause
"""What a user may have, and for how long, whoever says so."""

import asyncio
import json

from lab import scripted
from lab.case import case, expect
from scripted import Refused

from .lac import caller, ping


def _cause(concentrator, number):
    return json.loads(concentrator.ctl("explain", "dial", str(number), "--json"))


def _dials(concentrator):
    return [_cause(concentrator, dial["dial"]) for dial in
            sorted(concentrator.show("dials"), key=lambda dial: dial["dial"])]


async def _up(lac):
    link = await lac.call(caller())
    await link.resume("chap")
    await ping(link)
    return link


async def _closed(link, seconds=5):
    for _ in range(10 * seconds):
        if link.session.closed:
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the call is not closed")


async def _dial_again(place):
    """The second one has the same address of its own; the first hears of its end."""
    lac = place.lac()
    await lac.open()
    first = await _up(lac)
    address = first.address
    second = await _up(lac)
    await _closed(first)
    expect(second.address == address, "the user's own address is another one now")
    await ping(second)
    session, = place.lab.concentrator.wait_sessions(1)
    expect(session["address"] == scripted.text(address), f"{session}")
    replaced, _ = _dials(place.lab.concentrator)
    expect(replaced["cause"] == "user_dialled_again" and "single_session" in replaced["cure"], f"{replaced}")


@case(seconds=20, guest=False, own_daemon=True)
def user_dials_again_and_replaces_his_session(lab):
    lab.start_concentrator(ipsec="off", l2tp='proxy = "accept";', extra='single_session = "replace";',
                           users="dora password-of-dora 10.20.9.9\n")
    scripted.run(lab, _dial_again)
    lab.concentrator.wait_sessions(0)


async def _dial_twice(place):
    lac = place.lac()
    await lac.open()
    first = await _up(lac)
    second = await lac.call(caller())
    try:
        await second.resume("chap")
        raise AssertionError("the user has two sessions")
    except Refused:
        await _closed(second)
    await ping(first)
    _, refused = _dials(place.lab.concentrator)
    expect(refused["cause"] == "user_has_session" and "show sessions" in refused["cure"], f"{refused}")
    lac.hang_up(first.session)
    place.lab.concentrator.wait_sessions(0)
    await _up(lac)


@case(seconds=20, guest=False, ipsec="off", l2tp='proxy = "accept";', extra='single_session = "deny";')
def user_has_one_session_only(lab):
    """And another one once that has ended."""
    scripted.run(lab, _dial_twice)


async def _idle(place):
    lac = place.lac()
    await lac.open()
    link = await _up(lac)
    for _ in range(8):          # data keeps it up, four seconds
        await asyncio.sleep(0.5)
        await ping(link)
    expect(not link.session.closed, "closed though data passed")
    for _ in range(3):          # echo requests of PPP are no data
        await asyncio.sleep(0.3)
        await link.echo()
    await _closed(link)
    ended, = _dials(place.lab.concentrator)
    expect(ended["cause"] == "idle_timeout" and "idle_seconds" in ended["cure"], f"{ended}")


@case(seconds=20, guest=False, own_daemon=True, once=True)
def session_without_data_ends(lab):
    lab.start_concentrator(ipsec="off", l2tp='proxy = "accept";', extra="ppp = { idle_seconds = 2; };")
    scripted.run(lab, _idle)
