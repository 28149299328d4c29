# SPDX-License-Identifier: BSD-3-Clause
"""An L2TP tunnel as LAC (RFC 2661), as strict as the clients are."""

import asyncio
import struct

from . import Refused, require

SCCRQ, SCCRP, SCCCN, STOPCCN, HELLO, ICRQ, ICRP, ICCN, CDN = 1, 2, 3, 4, 6, 10, 11, 12, 14
MESSAGE_TYPE, RESULT_CODE, PROTOCOL_VERSION, FRAMING, BEARER, FIRMWARE = 0, 1, 2, 3, 4, 6
HOST_NAME, VENDOR_NAME, ASSIGNED_TUNNEL, RECEIVE_WINDOW, ASSIGNED_SESSION = 7, 8, 9, 10, 14
CALL_SERIAL, BEARER_TYPE, FRAMING_TYPE, TRANSMIT_SPEED = 15, 18, 19, 24

_CONTROL = 0xc802
_REQUIRED = {SCCRP: {PROTOCOL_VERSION, FRAMING, HOST_NAME, ASSIGNED_TUNNEL}, ICRP: {ASSIGNED_SESSION},
             STOPCCN: {ASSIGNED_TUNNEL, RESULT_CODE}, CDN: {RESULT_CODE, ASSIGNED_SESSION}, HELLO: set()}


def avp(kind, value, mandatory=True, vendor=0):
    return struct.pack(">HHH", (0x8000 if mandatory else 0) | 6 + len(value), vendor, kind) + value


def word(kind, value, mandatory=True):
    return avp(kind, struct.pack(">H", value), mandatory)


def long(kind, value, mandatory=True):
    return avp(kind, struct.pack(">I", value), mandatory)


def control(tunnel, session, ns, nr, avps=b""):
    return struct.pack(">HHHHHH", _CONTROL, 12 + len(avps), tunnel, session, ns, nr) + avps


def read_avps(data):
    """The message type and the values by AVP, of a message as any client would take it."""
    require(data[:6] == bytes.fromhex("800800000000"), "the message type is not the first AVP")
    found = {}
    while data:
        require(len(data) >= 6, "an AVP is cut off")
        flags, vendor, kind = struct.unpack_from(">HHH", data)
        size = flags & 0x3ff
        require(6 <= size <= len(data), f"an AVP of {size} bytes in {len(data)}")
        require(not flags & 0x3c00, "reserved bits of an AVP are set")
        require(not (flags & 0x8000 and vendor), "a vendor's AVP with M")
        found[kind] = data[6:size]
        data = data[size:]
    return int.from_bytes(found[MESSAGE_TYPE], "big"), found


class Session:
    def __init__(self, tunnel, own):
        self.tunnel, self.own, self.peer = tunnel, own, 0
        self.closed = False
        self.on_frame = lambda frame: None

    def send(self, frame):
        """A PPP frame; the bits of the header are the client's choice."""
        length = self.tunnel.profile.data_length_bit
        head = struct.pack(">HHHH", 0x4002, 8 + len(frame), self.tunnel.peer, self.peer) if length else \
            struct.pack(">HHH", 0x0002, self.tunnel.peer, self.peer)
        self.tunnel.transmit(head + frame)


class Tunnel:
    def __init__(self, profile, transmit, own):
        self.profile, self.transmit, self.own = profile, transmit, own
        self.peer = 0
        self.ns = self.nr = 0
        self.sessions = {}
        self.closed = False
        self.hellos = 0
        self._unacknowledged = []
        self._waiting = {}
        self._drained = asyncio.Event()
        self._timer = None

    # ---- reliable delivery

    def post(self, kind, avps=b"", session=0):
        data = word(MESSAGE_TYPE, kind) + avps
        self._unacknowledged.append((self.ns, session, data))
        self._drained.clear()
        self.transmit(control(self.peer, session, self.ns, self.nr, data))
        self.ns = self.ns + 1 & 0xffff
        if not self._timer:
            self._arm(0)

    def _arm(self, tries):
        delays = self.profile.l2tp_retries
        self._timer = asyncio.get_running_loop().call_later(
            delays[min(tries, len(delays) - 1)], self._again, tries + 1)

    def _again(self, tries):
        self._timer = None
        if self.closed or not self._unacknowledged or tries > len(self.profile.l2tp_retries):
            return
        for ns, session, data in self._unacknowledged:
            self.transmit(control(self.peer, session, ns, self.nr, data))
        self._arm(tries)

    def _acknowledged(self, nr):
        self._unacknowledged = [one for one in self._unacknowledged if (nr - 1 - one[0]) & 0x8000]
        if not self._unacknowledged:
            self._drained.set()
            if self._timer:
                self._timer.cancel()
                self._timer = None

    async def acknowledged(self):
        """When all that was posted has been acknowledged."""
        await asyncio.wait_for(self._drained.wait(), sum(self.profile.l2tp_retries))

    # ---- what comes

    def receive(self, data):
        flags, = struct.unpack_from(">H", data)
        require(flags & 15 == 2, f"L2TP version {flags & 15}")
        if flags & 0x8000:
            self._control(flags, data)
        else:
            self._data(flags, data)

    def _data(self, flags, data):
        offset = 2
        if flags & 0x4000:
            require(struct.unpack_from(">H", data, offset)[0] == len(data), "the length of L2TP data is wrong")
            offset += 2
        tunnel, session = struct.unpack_from(">HH", data, offset)
        offset += 8 if flags & 0x0800 else 4
        if flags & 0x0200:
            offset += 2 + struct.unpack_from(">H", data, offset)[0]
        require(tunnel == self.own and session in self.sessions,
                f"data for tunnel {tunnel}, session {session}, which are not ours")
        self.sessions[session].on_frame(data[offset:])

    def _control(self, flags, data):
        require(flags == _CONTROL, f"control header {flags:#x}")
        _, length, tunnel, session, ns, nr = struct.unpack_from(">HHHHHH", data)
        require(length == len(data), f"length {length} in {len(data)} bytes of L2TP")
        require(tunnel == self.own, f"tunnel {tunnel} instead of {self.own}")
        if self.profile.strict_nr and nr != self.ns:
            return  # the client drops it without a word and waits for another
        self._acknowledged(nr)
        if length == 12:
            return
        if ns != self.nr:
            self.transmit(control(self.peer, 0, self.ns, self.nr))
            return
        self.nr = self.nr + 1 & 0xffff
        kind, avps = read_avps(data[12:])
        require(kind in _REQUIRED, f"message type {kind}")
        require(_REQUIRED[kind] <= avps.keys(), f"message type {kind} has only AVPs {sorted(avps)}")
        if kind == SCCRP:
            self.peer, = struct.unpack(">H", avps[ASSIGNED_TUNNEL])
        elif kind == ICRP:
            self.sessions[session].peer, = struct.unpack(">H", avps[ASSIGNED_SESSION])
        if kind not in (SCCRP, ICRP):
            self.transmit(control(self.peer, 0, self.ns, self.nr))
        self._happened(kind, session, avps)

    def _happened(self, kind, session, avps):
        if kind == HELLO:
            self.hellos += 1
        if kind == CDN and session in self.sessions:
            self.sessions.pop(session).closed = True
        if kind in (STOPCCN, CDN):
            self.closed = self.closed or kind == STOPCCN
            self.result = avps[RESULT_CODE]
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(Refused(f"{'CDN' if kind == CDN else 'StopCCN'} {self.result!r}"))
        waiting = self._waiting.pop((kind, session), None)
        if waiting and not waiting.done():
            waiting.set_result(avps)

    def expect(self, kind, session=0):
        """A future for the next message of a type."""
        self._waiting[(kind, session)] = asyncio.get_running_loop().create_future()
        return asyncio.wait_for(self._waiting[(kind, session)], sum(self.profile.l2tp_retries))

    # ---- the steps of a dial

    async def open(self):
        for _ in range(self.profile.hellos_before_sccrq):
            self.transmit(control(0, 0, 0, 0, word(MESSAGE_TYPE, HELLO)))
        answer = self.expect(SCCRP)
        self.post(SCCRQ, self.profile.sccrq(self.own))
        await answer
        self.post(SCCCN)
        if self.profile.waits_for_acknowledgement:
            await self.acknowledged()

    async def call(self, own, serial=1):
        session = self.sessions[own] = Session(self, own)
        answer = self.expect(ICRP, own)
        self.post(ICRQ, self.profile.icrq(own, serial))
        await answer
        self.post(ICCN, self.profile.iccn(), session.peer)
        if self.profile.waits_for_acknowledgement:
            await self.acknowledged()
        return session

    def disconnect_call(self, session):
        self.post(CDN, avp(RESULT_CODE, struct.pack(">HH", 3, 0)) + word(ASSIGNED_SESSION, session.own),
                  session.peer)

    def stop(self):
        self.post(STOPCCN, word(ASSIGNED_TUNNEL, self.own) + self.profile.stop_result())

    def end(self):
        """No more retransmissions."""
        self.closed = True
        if self._timer:
            self._timer.cancel()
            self._timer = None
