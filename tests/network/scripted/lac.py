# SPDX-License-Identifier: BSD-3-Clause
"""A carrier's LAC without IPsec: it opens LCP with its callers, asks who they are, and hands them over."""

import hashlib
import secrets
import struct
from dataclasses import dataclass

from . import l2tp, ppp, require
from .l2tp import avp, long, word
from .profile import Profile

_L2TP_PORT = 1701
_TIE_BREAKER, _CHALLENGE, _CHALLENGE_RESPONSE, _PHYSICAL_CHANNEL = 5, 11, 13, 25
_CALLED, _CALLING, _SUB_ADDRESS, _CALL_ERRORS = 21, 22, 23, 34
_RANDOM_VECTOR, _PRIVATE_GROUP, _RECEIVE_SPEED = 36, 37, 38
_INITIAL, _LAST_SENT, _LAST_RECEIVED = 26, 27, 28
_PROXY_TYPE, _PROXY_NAME, _PROXY_CHALLENGE, _PROXY_IDENTIFIER, _PROXY_RESPONSE = 29, 30, 31, 32, 33
_Q931_CAUSE, _PPP_DISCONNECT_CAUSE = 12, 46
_WEN = 15

_METHODS = {name: value for value, name in ppp.AUTHENTICATIONS.items()}
_PROXY_TYPES = {"chap": 2, "pap": 3}


@dataclass
class Caller:
    """Who dials, and what LCP has come to between him and the LAC."""
    user: str
    password: str
    method: str = "chap"
    more_options: bytes = b""       # that the LAC asked for
    proxied: bool = True            # the LAC has asked who he is
    wrong: bool = False             # he typed something else


class _Callers(Profile):
    """A subscriber's PPP."""
    name = "caller"
    authentications = ("chap", "pap", "mschapv2")
    data_length_bit = True
    receive_unit = 1492


class Hiding:
    """Hides the values of AVPs (RFC 2661 4.3)."""

    def __init__(self, secret):
        self.secret = secret
        self.vector = secrets.token_bytes(24)

    def announce(self):
        return avp(_RANDOM_VECTOR, self.vector)

    def hide(self, data):
        """The same AVPs, each hidden."""
        done = b""
        while data:
            flags, _, kind = struct.unpack_from(">HHH", data)
            size = flags & 0x3ff
            done += struct.pack(">HHH", flags & 0x8000 | 0x4000 | size + 7, 0, kind) + \
                self._cipher(kind, struct.pack(">H", size - 6) + data[6:size] + secrets.token_bytes(5))
            data = data[size:]
        return done

    def _cipher(self, kind, clear):
        done, seed = b"", struct.pack(">H", kind) + self.secret + self.vector
        for start in range(0, len(clear), 16):
            pad = hashlib.md5(seed).digest()
            block = bytes(one ^ other for one, other in zip(clear[start:start + 16], pad))
            done += block
            seed = self.secret + block
        return done


class Lac:
    """
    secret: of the tunnel; None: it knows none. challenges: it wants to have the secret proved. hides:
    every AVP that may be hidden.
    """

    def __init__(self, loop, open_socket, kind, address, server, secret=None, challenges=False, hides=False):
        self.loop, self.secret = loop, secret
        self.challenge = secrets.token_bytes(16) if challenges else b""
        self.hiding = Hiding(secret) if hides else None
        self.socket = open_socket(kind)
        self.socket.setblocking(False)
        self.socket.bind((address, _L2TP_PORT))
        self.socket.connect((server, _L2TP_PORT))
        loop.add_reader(self.socket, self._read)
        self.tunnel = l2tp.Tunnel(_Callers(), self.socket.send, secrets.randbelow(0xffff) + 1)
        self.links = []

    def _read(self):
        try:
            while True:
                self.tunnel.receive(self.socket.recv(65536))
        except (BlockingIOError, ConnectionError):
            pass

    def _hidden(self, avps):
        return self.hiding.announce() + self.hiding.hide(avps) if self.hiding else avps

    def _response(self, kind, challenge):
        return hashlib.md5(bytes((kind,)) + self.secret + challenge).digest()

    async def open(self):
        """The tunnel, with every AVP that SCCRQ and SCCCN may have."""
        tunnel = self.tunnel
        answer = tunnel.expect(l2tp.SCCRP)
        tunnel.post(l2tp.SCCRQ, word(l2tp.PROTOCOL_VERSION, 0x0100) + avp(l2tp.HOST_NAME, b"lac.carrier") +
                    long(l2tp.FRAMING, 3) + self._hidden(
                        word(l2tp.ASSIGNED_TUNNEL, tunnel.own) + long(l2tp.BEARER, 3) +
                        word(l2tp.FIRMWARE, 0x0102, mandatory=False) +
                        avp(l2tp.VENDOR_NAME, b"Carrier", mandatory=False)) +
                    avp(_TIE_BREAKER, secrets.token_bytes(8), mandatory=False) +
                    word(l2tp.RECEIVE_WINDOW, 8) + (avp(_CHALLENGE, self.challenge) if self.challenge else b""))
        avps = await answer
        if self.challenge:
            require(avps.get(_CHALLENGE_RESPONSE) == self._response(l2tp.SCCRP, self.challenge),
                    "the server does not know the secret")
        proof = b""
        if _CHALLENGE in avps and self.secret:
            proof = avp(_CHALLENGE_RESPONSE, self._response(l2tp.SCCCN, avps[_CHALLENGE]))
        tunnel.post(l2tp.SCCCN, proof)
        await tunnel.acknowledged()

    def _proxies(self, caller, magic, link):
        """The AVPs, and what the caller's PPP has to remember of it."""
        sent = ppp.option(ppp.MRU, struct.pack(">H", 1492)) + \
            ppp.option(ppp.AUTHENTICATION, _METHODS[caller.method]) + ppp.option(ppp.MAGIC, magic) + caller.more_options
        received = b"".join(ppp.option(*one) for one in link.profile.lcp_options(link.magic))
        avps = avp(_INITIAL, received + ppp.option(17, b"\x05\xd4"), mandatory=False) + \
            avp(_LAST_SENT, sent, mandatory=False) + avp(_LAST_RECEIVED, received, mandatory=False)
        if not caller.proxied:
            return avps + word(_PROXY_TYPE, 4, mandatory=False)
        identifier, challenge = secrets.randbelow(256), secrets.token_bytes(23)
        said = (b"not " if caller.wrong else b"") + caller.password.encode()
        response = hashlib.md5(bytes((identifier,)) + said + challenge).digest() if caller.method == "chap" else said
        link.answer_identifier = identifier
        return avps + word(_PROXY_TYPE, _PROXY_TYPES[caller.method], mandatory=False) + \
            avp(_PROXY_NAME, caller.user.encode(), mandatory=False) + \
            (avp(_PROXY_CHALLENGE, challenge, mandatory=False) if caller.method == "chap" else b"") + \
            word(_PROXY_IDENTIFIER, identifier, mandatory=False) + avp(_PROXY_RESPONSE, response, mandatory=False)

    async def call(self, caller):
        """The call with every AVP of ICRQ and ICCN; the caller's PPP, which has not begun or gone on yet."""
        tunnel, own = self.tunnel, secrets.randbelow(0xffff) + 1
        session = tunnel.sessions[own] = l2tp.Session(tunnel, own)
        answer = tunnel.expect(l2tp.ICRP, own)
        tunnel.post(l2tp.ICRQ, self._hidden(
            word(l2tp.ASSIGNED_SESSION, own) + long(l2tp.CALL_SERIAL, 7) + long(l2tp.BEARER_TYPE, 2) +
            long(_PHYSICAL_CHANNEL, 3, mandatory=False) + avp(_CALLED, b"0800100") + avp(_CALLING, b"0301234567") +
            avp(_SUB_ADDRESS, b"12")))
        await answer
        link = ppp.Ppp(tunnel.profile, session, caller.user, caller.password)
        self.links.append(link)
        tunnel.post(l2tp.ICCN, self._hidden(
            long(l2tp.TRANSMIT_SPEED, 100000000) + long(l2tp.FRAMING_TYPE, 1) +
            self._proxies(caller, secrets.token_bytes(4), link) + avp(_PRIVATE_GROUP, b"residential", mandatory=False) +
            long(_RECEIVE_SPEED, 40000000, mandatory=False)), session.peer)
        await tunnel.acknowledged()
        return link

    def report_errors(self, session):
        self.tunnel.post(_WEN, avp(_CALL_ERRORS, bytes(26)), session.peer)

    def hang_up(self, session):
        """With every reason that there is room for."""
        self.tunnel.post(l2tp.CDN, avp(l2tp.RESULT_CODE, struct.pack(">H", 1)) +
                         word(l2tp.ASSIGNED_SESSION, session.own) +
                         avp(_Q931_CAUSE, struct.pack(">HB", 16, 0) + b"normal clearing") +
                         avp(_PPP_DISCONNECT_CAUSE, struct.pack(">HHB", 3, 0xc021, 1) + b"idle", mandatory=False),
                         session.peer)

    async def leave(self):
        for link in self.links:
            link.end()
        if not self.tunnel.closed:
            self.tunnel.post(l2tp.STOPCCN, word(l2tp.ASSIGNED_TUNNEL, self.tunnel.own) +
                             avp(l2tp.RESULT_CODE, struct.pack(">HH", 1, 0) + b"done"))
            await self.tunnel.acknowledged()

    def close(self):
        self.tunnel.end()
        self.loop.remove_reader(self.socket)
        self.socket.close()
