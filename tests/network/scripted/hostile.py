# SPDX-License-Identifier: BSD-3-Clause
"""Messages that no client sends: each is (what is wrong, bytes)."""

import secrets
import struct

from . import isakmp, l2tp
from .groups import key_exchange

_FRAGMENT = 132


def _with(data, offset, *values):
    return data[:offset] + bytes(values) + data[offset + len(values):]


def _message(payloads, exchange=isakmp.MAIN_MODE, cookies=None, message_id=0):
    initiator, responder = cookies or (secrets.token_bytes(8), bytes(8))
    return isakmp.message(initiator, responder, exchange, payloads, message_id)


def _raw(first, body, exchange=isakmp.MAIN_MODE, cookies=None, flags=0, message_id=0):
    initiator, responder = cookies or (secrets.token_bytes(8), bytes(8))
    return isakmp.header(initiator, responder, first, exchange, flags, message_id, len(body)) + body


def _association(proposal, doi=1, situation=1):
    return struct.pack(">II", doi, situation) + proposal


def offers(profile):
    """Security associations with something wrong inside."""
    transform = isakmp.Transform(1, 1, profile.phase1_attributes(*profile.phase1[0]))
    body = isakmp.Proposal(1, isakmp.ISAKMP_PROTOCOL, b"", (transform,)).body()
    nested = isakmp.chain([(isakmp.PROPOSAL, body)])
    for _ in range(20):
        nested = isakmp.chain([(isakmp.PROPOSAL, struct.pack(">BBBB", 1, 1, 0, 1) + nested)])
    yield "proposals in proposals", _association(nested)
    yield "a proposal where a transform is due", _association(
        isakmp.chain([(isakmp.PROPOSAL, struct.pack(">BBBB", 1, 1, 0, 1) + isakmp.chain(
            [(isakmp.PROPOSAL, body)]))]))
    for count in (0, 2, 255):
        yield f"{count} transforms announced", _association(isakmp.chain([(isakmp.PROPOSAL, _with(body, 3, count))]))
    yield "an SPI longer than the proposal", _association(isakmp.chain([(isakmp.PROPOSAL, _with(body, 2, 255))]))
    whole = isakmp.chain([(isakmp.PROPOSAL, body)])
    for length in (0, 3, 7, 9, 255):
        yield f"a proposal of length {length}", _association(_with(whole, 2, 0, length))
        yield f"a transform of length {length}", _association(_with(whole, 10, 0, length))
    yield "an attribute beyond the end", _association(whole[:-4] + struct.pack(">HH", 12, 0xffff))
    yield "200 proposals", _association(isakmp.chain([(isakmp.PROPOSAL, body)] * 200))
    yield "an AND of two proposals", _association(isakmp.chain([(isakmp.PROPOSAL, body)] * 2))
    yield "another DOI", _association(whole, doi=7)
    yield "another situation", _association(whole, situation=6)
    yield "no proposal", _association(b"")
    yield "a cut situation", bytes(5)


def first_messages(profile):
    """In place of main mode 1."""
    transforms = tuple(isakmp.Transform(number, 1, profile.phase1_attributes(*suite))
                       for number, suite in enumerate(profile.phase1, 1))
    offer = isakmp.security_association((isakmp.Proposal(1, isakmp.ISAKMP_PROTOCOL, b"", transforms),))
    own = [(isakmp.VID, vendor_id) for vendor_id in profile.vendor_ids] or [(isakmp.VID, bytes(16))]
    sa = (isakmp.SA, offer)
    yield "no SA", _message(own)
    yield "the SA last", _message([*own, sa])
    yield "two SAs", _message([sa, sa, *own])
    yield "a key exchange too early", _message([sa, (isakmp.KE, bytes(128)), *own])
    yield "a hash", _message([(isakmp.HASH, bytes(20)), sa])
    yield "300 vendor ids", _message([sa] + own[:1] * 300)
    for name, bad in offers(profile):
        yield name, _message([(isakmp.SA, bad), *own])
    good = _message([sa, *own])
    for length in (0, 1, 3, 5, 0xffff):
        yield f"a payload of length {length}", _with(_fresh(good), 30, length >> 8, length & 255)
    for length in (0, 27, 28, len(good) - 1, len(good) + 1, 0xffffffff):
        yield f"a message of length {length}", _with(_fresh(good), 24, *struct.pack(">I", length))
    for end in range(0, len(good), 37):
        yield f"cut at {end}", _fresh(good)[:end]
    for exchange in (0, 1, 3, isakmp.AGGRESSIVE_MODE, isakmp.INFORMATIONAL, isakmp.QUICK_MODE, 33, 34, 35, 243):
        yield f"exchange {exchange}", _with(_fresh(good), 18, exchange)
    yield "version 2", _with(_fresh(good), 17, 0x20)
    yield "encrypted without keys", _with(_fresh(good), 19, 1)
    yield "a message id", _with(_fresh(good), 20, 1, 2, 3, 4)
    yield "cookies of nobody", secrets.token_bytes(16) + good[16:]
    for number in range(1, 9):
        yield f"fragment {number} of many", _raw(_FRAGMENT, isakmp.chain(
            [(_FRAGMENT, struct.pack(">HBB", 77, number, 0) + bytes(500))]))


def _fresh(message):
    return secrets.token_bytes(8) + message[8:]


def third_messages(cookies, group):
    """In place of main mode 3, which needs cookies of its own each time: a list of payloads."""
    exchange = key_exchange(group)
    ke, nonce = (isakmp.KE, exchange.public), (isakmp.NONCE, bytes(16))
    size = len(exchange.public)
    bad_values = [bytes(size), bytes(size - 1) + b"\1", b"\xff" * size]
    cases = [[nonce], [ke], [ke, ke, nonce], [ke, nonce, nonce], [nonce, ke, (isakmp.ID, bytes(8))],
             [ke, (isakmp.NONCE, bytes(7))], [ke, (isakmp.NONCE, bytes(257))], [ke, nonce, (isakmp.HASH, bytes(20))],
             [(isakmp.KE, exchange.public[:-1]), nonce], [(isakmp.KE, b""), nonce],
             [(isakmp.KE, exchange.public + b"\0"), nonce], [ke, nonce] + [(isakmp.NAT_D, bytes(3))] * 60]
    cases += [[(isakmp.KE, value), nonce] for value in bad_values]
    return [_message(payloads, cookies=next(cookies)) for payloads in cases]


def forgeries(cookies, spis, recorded):
    """From somebody who has heard the victim's cookies and packets, but has no keys."""
    initiator, responder = cookies
    both = initiator + responder
    number = secrets.randbits(31) + 1
    for kind in (isakmp.NO_PROPOSAL_CHOSEN, isakmp.INITIAL_CONTACT, 4, 9, 11, 16, 24, isakmp.R_U_THERE):
        yield f"notify {kind} in clear", _message(
            [(isakmp.NOTIFY, isakmp.notify(kind, isakmp.ISAKMP_PROTOCOL, both))], isakmp.INFORMATIONAL, cookies, number)
        yield f"notify {kind} with a false hash", _message(
            [(isakmp.HASH, bytes(20)), (isakmp.NOTIFY, isakmp.notify(kind, isakmp.ISAKMP_PROTOCOL, both))],
            isakmp.INFORMATIONAL, cookies, number)
    for protocol, spi in ((isakmp.ISAKMP_PROTOCOL, both), *((isakmp.ESP_PROTOCOL, spi) for spi in spis)):
        payload = (isakmp.DELETE, isakmp.delete(protocol, [spi]))
        yield "delete in clear", _message([payload], isakmp.INFORMATIONAL, cookies, number)
        yield "delete with a false hash", _message(
            [(isakmp.HASH, bytes(20)), payload], isakmp.INFORMATIONAL, cookies, number)
    for exchange in (isakmp.INFORMATIONAL, isakmp.QUICK_MODE, isakmp.MAIN_MODE, 6):
        for size in (0, 15, 16, 64, 480):
            yield f"{size} false bytes in exchange {exchange}", _raw(
                isakmp.HASH, secrets.token_bytes(size), exchange, cookies, isakmp.ENCRYPTED, number + size)
    for name, data in recorded:
        yield f"replayed {name}", data
        yield f"changed {name}", data[:-1] + bytes((data[-1] ^ 1,))


def deletes(spis):
    """Bodies of Delete payloads that a proven peer has no right to, or that contradict themselves."""
    yield from (isakmp.delete(isakmp.ESP_PROTOCOL, [spi]) for spi in spis)
    yield isakmp.delete(isakmp.ESP_PROTOCOL, list(spis) * 20)
    yield struct.pack(">IBBH", 1, isakmp.ESP_PROTOCOL, 4, 0xffff) + spis[0]
    yield struct.pack(">IBBH", 1, isakmp.ESP_PROTOCOL, 0, 1) + spis[0]
    yield struct.pack(">IBBH", 1, isakmp.ISAKMP_PROTOCOL, 16, 2) + bytes(16)
    yield bytes(3)


def control_messages(tunnel, session):
    """L2TP for a tunnel and a session of another peer."""
    kind = l2tp.MESSAGE_TYPE
    result = l2tp.avp(l2tp.RESULT_CODE, struct.pack(">HH", 1, 0))
    for ns in (0, 1, 2, 3, 4, 5):
        yield l2tp.control(tunnel, 0, ns, 0, l2tp.word(kind, l2tp.STOPCCN) +
                           l2tp.word(l2tp.ASSIGNED_TUNNEL, 1) + result)
        yield l2tp.control(tunnel, session, ns, 0, l2tp.word(kind, l2tp.CDN) + result +
                           l2tp.word(l2tp.ASSIGNED_SESSION, 1))
        yield l2tp.control(tunnel, 0, ns, 0, l2tp.word(kind, l2tp.HELLO))
    terminate = struct.pack(">HHBBH", 0xff03, 0xc021, 5, 1, 4)
    yield struct.pack(">HHH", 2, tunnel, session) + terminate
    yield struct.pack(">HHHH", 0x4002, 8 + len(terminate), tunnel, session) + terminate


def malformed_control_messages():
    """L2TP that starts a tunnel, broken."""
    kind = l2tp.word(l2tp.MESSAGE_TYPE, l2tp.SCCRQ)
    good = kind + l2tp.word(l2tp.PROTOCOL_VERSION, 0x100) + l2tp.long(l2tp.FRAMING, 3)
    for size in (0, 1, 5, 255):
        yield l2tp.control(0, 0, 0, 0, good + struct.pack(">HHH", 0x8000 | size, 0, l2tp.HOST_NAME) + b"x")
    yield l2tp.control(0, 0, 0, 0, good + struct.pack(">HHH", 0xc000 | 8, 0, l2tp.ASSIGNED_TUNNEL) + b"\0\1")
    yield l2tp.control(0, 0, 0, 0, l2tp.avp(l2tp.HOST_NAME, b"x") + kind)
    whole = l2tp.control(0, 0, 0, 0, good)
    for length in (0, 11, 13, len(whole) + 1, 0xffff):
        yield _with(whole, 2, length >> 8, length & 255)
    for version in (0, 1, 3, 15):
        yield _with(whole, 1, version)
    for end in range(0, len(whole), 3):
        yield whole[:end]
