# SPDX-License-Identifier: BSD-3-Clause
"""A carrier's LAC: every AVP of RFC 2661, a secret, and callers with whom it has negotiated already."""

import asyncio
import json

from lab import scripted
from lab.case import case, expect
from lab.concentrator import TUNNEL_SECRET, password_of
from lab.dial import Dial
from lab.scripted import SERVER_BYTES
from scripted import Refused, inner
from scripted.lac import Caller
from scripted.ppp import option

_SECRET = TUNNEL_SECRET.encode()
_MULTILINK = option(17, b"\x05\xd4")


def caller(**arguments):
    return Caller(Dial.user, password_of(Dial.user), **arguments)


def _steps(concentrator, layer):
    """Of the dial that began last."""
    newest = max(dial["dial"] for dial in concentrator.show("dials"))
    dial = json.loads(concentrator.ctl("explain", "dial", str(newest), "--json"))
    return dial, [step["message"] for step in dial["steps"] if step["layer"] == layer]


async def ping(link):
    came = asyncio.get_running_loop().create_future()
    link.on_ipv4 = lambda data: came.done() or came.set_result(inner.read_ipv4(data))
    link.send_ipv4(inner.ipv4(link.address, SERVER_BYTES, inner.ICMP, inner.echo_request(7, 1, b"hello")))
    _, destination, protocol, content = await asyncio.wait_for(came, 3)
    expect((destination, protocol) == (link.address, inner.ICMP), "something else came")
    expect(inner.read_echo_reply(content) == (7, 1, b"hello"), "the ping came back changed")


async def _taken_over(place, lac, caller):
    """Not one LCP request; the answer to the attempt that the LAC took; then IP."""
    link = await lac.call(caller)
    await link.resume(caller.method)
    expect(link.lcp_requests == 0, "LCP began anew")
    await ping(link)
    await link.echo()
    dial, steps = _steps(place.lab.concentrator, "ppp")
    expect(steps[0] == "proxy LCP" and "LCP Configure-Request" not in steps, f"{dial}")
    return link


async def _negotiated_anew(place, lac, caller):
    link = await lac.call(caller)
    await link.open()
    expect(link.lcp_requests != 0, "LCP was taken over")
    await ping(link)
    return _steps(place.lab.concentrator, "ppp")[1]


async def _refused(link, begin):
    """The link, and the call with it."""
    try:
        await begin
    except (Refused, asyncio.TimeoutError):
        for _ in range(50):
            if link.session.closed:
                return
            await asyncio.sleep(0.1)
    raise AssertionError("the caller is in, or its call is")


async def _proved(place):
    concentrator = place.lab.concentrator
    lac = place.lac(secret=_SECRET, challenges=True, hides=True)
    await lac.open()
    links = [await _taken_over(place, lac, caller(**arguments)) for arguments in (
        {"method": "chap"}, {"method": "pap"}, {"method": "mschapv2", "proxied": False})]
    concentrator.wait_sessions(3)
    lac.report_errors(links[0].session)
    link = await lac.call(caller(wrong=True))
    await _refused(link, link.resume("chap"))
    dial, _ = _steps(concentrator, "ppp")
    expect(dial["cause"] == "wrong_password", f"{dial}")
    steps = await _negotiated_anew(place, lac, caller(more_options=_MULTILINK))
    expect(steps[:2] == ["proxy LCP", "LCP Configure-Request"], f"{steps}")
    concentrator.wait_sessions(4)
    lac.hang_up(links[0].session)
    concentrator.wait_sessions(3)
    ended = [json.loads(concentrator.ctl("explain", "dial", str(dial["dial"]), "--json"))
             for dial in concentrator.show("dials") if dial["outcome"] == "ended"]
    expect([dial["why"] for dial in ended if "Q.931 cause 16, PPP disconnect code 3: idle" in dial["why"]], f"{ended}")


@case(seconds=40, guest=False, ipsec="off", l2tp="challenge = true;")
def lac_hands_its_callers_over(lab):
    """With every AVP, hidden where that may be, to a concentrator to which it proved the secret."""
    scripted.run(lab, _proved)


async def _strangers(place):
    concentrator = place.lab.concentrator
    for secret in (None, b"another secret"):
        lac = place.lac(secret=secret)
        try:
            await lac.open()
            await asyncio.sleep(0.1)
        except Refused:
            pass
        expect(lac.tunnel.closed and lac.tunnel.result[:2] == b"\0\4", "a LAC without the secret is in")
        dial, _ = _steps(concentrator, "l2tp")
        expect(dial["cause"] == "l2tp_bad_challenge_response", f"{dial}")
        lac.close()
        place.clients.remove(lac)


@case(seconds=20, guest=False, ipsec="off", l2tp="challenge = true;")
def lac_without_the_secret_is_refused(lab):
    scripted.run(lab, _strangers)


async def _unproved(place):
    lac = place.lac()
    await lac.open()
    steps = await _negotiated_anew(place, lac, caller())
    expect("proxy LCP" not in steps, f"{steps}")


@case(seconds=20, guest=False, ipsec="off")
def lac_that_proved_nothing_hands_nothing_over(lab):
    scripted.run(lab, _unproved)


async def _accepted(place):
    lac = place.lac()
    await lac.open()
    await _taken_over(place, lac, caller())
    link = await lac.call(caller(more_options=_MULTILINK))
    await _refused(link, link.resume("chap", timeout=3))
    dial, steps = _steps(place.lab.concentrator, "ppp")
    expect(dial["cause"] == "lcp_proxy_unsuited" and "l2tp.proxy" in dial["cure"], f"{dial}")
    expect(steps == ["proxy LCP"], f"{steps}")
    place.lab.concentrator.wait_sessions(1)


@case(seconds=20, guest=False, ipsec="off", l2tp='proxy = "accept";')
def lac_that_is_taken_at_its_word(lab):
    """Where its options do not suit, the call ends."""
    scripted.run(lab, _accepted)


_LACS = """lacs = ( { host_name = "LAC.carrier"; secret_file = "{directory}/l2tp"; sessions = 1; pool = "carrier"; },
                { host_name = "other"; } );
"""


async def _one_of_the_list(place):
    concentrator = place.lab.concentrator
    lac = place.lac(secret=_SECRET)
    await lac.open()
    link = await _taken_over(place, lac, caller())
    expect(scripted.text(link.address).startswith("10.20.200."), f"{scripted.text(link.address)} is of another pool")
    try:
        await lac.call(caller())
        raise AssertionError("one more session than it may have")
    except Refused as refusal:
        expect("CDN" in str(refusal) and lac.tunnel.result[:2] == b"\0\4", str(refusal))
    newest = max(concentrator.show("dials"), key=lambda dial: dial["dial"])
    dial = json.loads(concentrator.ctl("explain", "dial", str(newest["dial"]), "--json"))
    expect(concentrator.show("lacs") == [
        {"lac": "LAC.carrier", "tunnels": 1, "sessions": 1, "sessions_max": 1, "pool": "carrier", "own_secret": True},
        {"lac": "other", "tunnels": 0, "sessions": 0, "sessions_max": 0, "pool": "", "own_secret": False}],
        f"{concentrator.show('lacs')}")
    expect(dial["cause"] == "l2tp_lac_full", f"{dial}")


@case(seconds=20, guest=False, own_daemon=True)
def lac_with_an_entry_of_its_own(lab):
    """Secret, bound and pool by the host name, which it proves."""
    concentrator = lab.start_concentrator(
        ipsec="off", l2tp="challenge = true;", extra=_LACS,
        pool=("10.20.0.2", "10.20.199.254"),
        more_pools=', { name = "carrier"; first = "10.20.200.1"; last = "10.20.200.254"; }')
    scripted.run(lab, _one_of_the_list)
    concentrator.wait_sessions(0)
