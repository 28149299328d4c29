# SPDX-License-Identifier: BSD-3-Clause
"""The client's end of a PPP link: LCP, authentication, network protocols (RFC 1661 and its family)."""

import asyncio
import hashlib
import secrets
import struct

from . import Refused, ms_chap, require

LCP, PAP, CHAP, IPCP, IPV6CP, CCP, MPLSCP = 0xc021, 0xc023, 0xc223, 0x8021, 0x8057, 0x80fd, 0x8281
IPV4 = 0x0021
REQUEST, ACK, NAK, REJECT, TERMINATE, TERMINATED, CODE_REJECT, PROTOCOL_REJECT, ECHO, ECHO_REPLY = range(1, 11)
IDENTIFICATION = 12
AUTHENTICATIONS = {struct.pack(">H", PAP): "pap", struct.pack(">HB", CHAP, 5): "chap",
                   struct.pack(">HB", CHAP, 0x81): "mschapv2"}
MRU, AUTHENTICATION, MAGIC = 1, 3, 5
ADDRESS = 3
PROTOCOL_FIELD_COMPRESSION, ADDRESS_FIELD_COMPRESSION = 7, 8

# The restart timer's seconds; a client that has heard nothing so often gives up.
_RESTARTS = (1, 1, 1, 2, 2, 3, 3)


def option(kind, value=b""):
    return struct.pack(">BB", kind, 2 + len(value)) + value


def read_options(data):
    found = []
    while data:
        require(len(data) >= 2 and 2 <= data[1] <= len(data), "an option of a wrong length")
        found.append((data[0], data[2:data[1]]))
        data = data[data[1]:]
    return found


def packet(code, identifier, data=b""):
    return struct.pack(">BBH", code, identifier, 4 + len(data)) + data


class Negotiation:
    """Both directions of one control protocol's options."""

    def __init__(self, ppp, protocol, options, accepts, first_identifier=1):
        """accepts: (type, value) -> None, or the value that is wanted instead (b"" rejects)."""
        self.ppp, self.protocol = ppp, protocol
        self.wanted = dict(options)
        self.accepts = accepts
        self.identifier = first_identifier - 1
        self.sent = b""
        self.rejected = []
        self.local = self.remote = False
        self.given_up = False
        self.opened = asyncio.Event()
        self._timer = None

    def start(self, tries=0):
        self.identifier += 1
        self.sent = b"".join(option(*one) for one in self.wanted.items())
        self._send(tries)

    def _send(self, tries):
        self.ppp.send(self.protocol, packet(REQUEST, self.identifier & 0xff, self.sent))
        self.stop()
        if tries < len(_RESTARTS):
            self._timer = asyncio.get_running_loop().call_later(_RESTARTS[tries], self._send, tries + 1)

    def stop(self):
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def receive(self, code, identifier, data):
        if code == REQUEST:
            self._asked(identifier, data)
        elif identifier != self.identifier & 0xff:
            return
        elif code == ACK:
            require(data == self.sent, "an Ack of other options")
            self.local = True
            self.stop()
        elif code == NAK:
            self.wanted.update(read_options(data))
            self.start()
        elif code == REJECT:
            for kind, value in read_options(data):
                require(self.wanted.pop(kind, None) == value, f"option {kind} is rejected changed")
                self.rejected.append(kind)
            if self.wanted or not self.ppp.profile.leaves_empty(self.protocol):
                self.start()
            else:
                self.give_up()
        if self.local and self.remote:
            self.opened.set()

    def give_up(self):
        self.stop()
        self.given_up = True
        self.opened.set()

    def _asked(self, identifier, data):
        options = read_options(data)
        verdicts = [(kind, value, self.accepts(kind, value)) for kind, value in options]
        rejected = [option(kind, value) for kind, value, wanted in verdicts if wanted == b""]
        refused = [option(kind, wanted) for kind, _, wanted in verdicts if wanted]
        if rejected:
            answer, content = REJECT, b"".join(rejected)
        elif refused:
            answer, content = NAK, b"".join(refused)
        else:
            answer, content = ACK, data
            self.remote = True
        self.ppp.send(self.protocol, packet(answer, identifier, content))


class Ppp:
    def __init__(self, profile, session, user, password):
        self.profile, self.session = profile, session
        self.user, self.password = user, password
        self.magic = secrets.token_bytes(4)
        self.method = None
        self.on_ipv4 = lambda data: None
        self.closed = False
        self.protocols_rejected = set()
        self.echo_requests = 0
        self._authenticated = asyncio.Event()
        self._failure = None
        self._ignored = profile.lcp_requests_ignored
        self._awaited = {}
        self._proof = None
        self.answer_identifier = None   # of the attempt that a LAC has taken
        self.lcp_requests = 0           # of the server
        self.negotiations = {}
        self._add(LCP, profile.lcp_options(self.magic), self._lcp_accepts, profile.first_lcp_identifier)
        for protocol, options in profile.network_protocols():
            self._add(protocol, options, self._network_accepts)
        session.on_frame = self.receive

    def _add(self, protocol, options, accepts, first_identifier=1):
        self.negotiations[protocol] = Negotiation(self, protocol, options, accepts, first_identifier)

    def send(self, protocol, data):
        self.session.send(struct.pack(">HH", 0xff03, protocol) + data)

    # ---- what comes

    def receive(self, frame):
        require(frame[:2] == b"\xff\x03", "a PPP frame without FF 03")
        protocol, = struct.unpack_from(">H", frame, 2)
        data = frame[4:]
        if protocol == IPV4:
            self.on_ipv4(data)
            return
        code, identifier, length = struct.unpack_from(">BBH", data)
        self.lcp_requests += (protocol, code) == (LCP, REQUEST)
        require(4 <= length <= len(data), f"a PPP packet of {length} bytes in {len(data)}")
        data = data[4:length]
        if protocol == LCP and not REQUEST <= code <= REJECT:
            self._lcp(code, identifier, data)
        elif protocol in (PAP, CHAP):
            self._authenticate(protocol, code, identifier, data)
        elif protocol not in self.negotiations:
            self.send(LCP, packet(PROTOCOL_REJECT, identifier, frame[2:]))
        elif code in (TERMINATE, TERMINATED):
            self._network_ended(protocol, code, identifier)
        elif protocol == LCP and code == REQUEST and self._ignored:
            self._ignored -= 1
        else:
            self.negotiations[protocol].receive(code, identifier, data)

    def _network_ended(self, protocol, code, identifier):
        if code == TERMINATE:
            self.send(protocol, packet(TERMINATED, identifier))
        self.negotiations[protocol].give_up()

    def _lcp(self, code, identifier, data):
        if code == ECHO:
            self.echo_requests += 1
            if self.profile.answers_echo:
                self.send(LCP, packet(ECHO_REPLY, identifier, self.magic + data[4:]))
        elif code == TERMINATE:
            self.closed = True
            self.send(LCP, packet(TERMINATED, identifier))
            self._fail("the server ends the link")
        elif code == PROTOCOL_REJECT:
            rejected, = struct.unpack_from(">H", data)
            self.protocols_rejected.add(rejected)
            require(rejected in self.negotiations, f"protocol {rejected:#x} is rejected")
            self.negotiations[rejected].give_up()
        elif code == CODE_REJECT:
            raise Refused(f"LCP code {data[0]} is rejected")
        elif code in self._awaited and not self._awaited[code].done():
            self._awaited[code].set_result(data)

    def _fail(self, reason):
        self._failure = self._failure or reason
        self._authenticated.set()
        for negotiation in self.negotiations.values():
            negotiation.stop()
            negotiation.opened.set()

    # ---- what is accepted

    def _lcp_accepts(self, kind, value):
        if kind == AUTHENTICATION:
            method = AUTHENTICATIONS.get(value)
            if method not in self.profile.authentications:
                wanted = self.profile.authentications[0]
                return next(value for value, name in AUTHENTICATIONS.items() if name == wanted)
            self.method = method
        return None if kind in (MRU, AUTHENTICATION, MAGIC, PROTOCOL_FIELD_COMPRESSION,
                                ADDRESS_FIELD_COMPRESSION, 2) else b""

    @staticmethod
    def _network_accepts(kind, _value):
        return None if kind in (1, ADDRESS) else b""

    # ---- authentication

    def _authenticate(self, protocol, code, identifier, data):
        if protocol == PAP or code in (3, 4):
            require(self.answer_identifier in (None, identifier), "the answer to another attempt")
            accepted = code == (2 if protocol == PAP else 3)
            if not accepted:
                self._fail(f"the password is refused: {data!r}")
            elif self._proof and not data.startswith(self._proof.encode()):
                self._fail("the server does not know the password")
            self._authenticated.set()
        elif code == 1:
            challenge = data[1:1 + data[0]]
            self.send(CHAP, packet(2, identifier, self._response(identifier, challenge) + self.user.encode()))

    def _response(self, identifier, challenge):
        if self.method == "chap":
            return b"\x10" + hashlib.md5(bytes((identifier,)) + self.password.encode() + challenge).digest()
        own = secrets.token_bytes(16)
        answer, self._proof = ms_chap.response(challenge, own, self.user, self.password)
        return b"\x31" + own + bytes(8) + answer + b"\0"

    def _send_password(self):
        user, password = self.user.encode(), self.password.encode()
        self.send(PAP, packet(1, 1, bytes((len(user),)) + user + bytes((len(password),)) + password))

    # ---- the steps of a dial

    async def open(self, timeout=20):
        self.answer_identifier = None
        lcp = self.negotiations[LCP]
        lcp.start()
        await self._wait(lcp.opened, "LCP", timeout)
        for text in self.profile.identifications:
            self.send(LCP, packet(IDENTIFICATION, 7, self.magic + text))
        if self.method == "pap":
            self._send_password()
        await self._finish(timeout)

    async def resume(self, method, timeout=20):
        """A LAC has opened LCP with us."""
        self.method = method
        lcp = self.negotiations[LCP]
        lcp.local = lcp.remote = True
        lcp.opened.set()
        await self._finish(timeout)

    async def _finish(self, timeout):
        await self._wait(self._authenticated, "authentication", timeout)
        networks = [one for protocol, one in self.negotiations.items() if protocol != LCP]
        for negotiation in networks:
            negotiation.start()
        for negotiation in networks:
            await self._wait(negotiation.opened, f"{negotiation.protocol:#x}", timeout)
        require(IPCP not in self.protocols_rejected and not self.negotiations[IPCP].given_up, "no IPCP")
        if CCP in self.negotiations:
            require(self.negotiations[CCP].given_up or not self.negotiations[CCP].wanted, "CCP with options")

    async def _wait(self, event, name, timeout):
        try:
            await asyncio.wait_for(event.wait(), timeout)
        except asyncio.TimeoutError:
            raise Refused(f"silence in {name}") from None
        require(not self._failure, self._failure)

    @property
    def address(self):
        return self.negotiations[IPCP].wanted[ADDRESS]

    def send_ipv4(self, data):
        self.send(IPV4, data)

    async def echo(self, timeout=5):
        """One LCP echo request; the answer must carry the server's magic number, not ours."""
        reply = await self._ask(ECHO_REPLY, ECHO, self.magic, timeout)
        require(reply[:4] != self.magic, "the echo reply has our own magic number")

    async def terminate(self, timeout=2):
        await self._ask(TERMINATED, TERMINATE, b"", timeout)

    async def _ask(self, answer, code, data, timeout):
        self._awaited[answer] = asyncio.get_running_loop().create_future()
        self.send(LCP, packet(code, 9, data))
        return await asyncio.wait_for(self._awaited[answer], timeout)

    def end(self):
        for negotiation in self.negotiations.values():
            negotiation.stop()
