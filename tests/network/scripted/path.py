# SPDX-License-Identifier: BSD-3-Clause
"""A client's way to the concentrator over IPv4 or IPv6: UDP 500 and 4500 of one address, and ESP without UDP."""

import socket

from . import require

_NON_ESP_MARKER = bytes(4)
_LOST = (ConnectionError, PermissionError, OSError)


class Path:
    """
    believed: the address that the client has in its own opinion, if somebody has translated it since;
    then its ports are not 500 and 4500 either but what the kernel gives, as if behind a NAT.
    """

    def __init__(self, loop, open_socket, address, server, believed=None):
        self.loop, self.open_socket = loop, open_socket
        self.address, self.server = address, server
        self.family = socket.AF_INET6 if ":" in server else socket.AF_INET
        self.believed = socket.inet_pton(self.family, believed or address)
        self.translated = believed is not None
        self.server_bytes = socket.inet_pton(self.family, server)
        # Of IPv6: the addresses that inner checksums have in them.
        self.pair = self.believed + self.server_bytes if self.family == socket.AF_INET6 else b""
        self.on_ike = self.on_esp = None
        self.sent_bytes = self.received_bytes = 0
        self.udp_esp = True
        self._sockets = {}
        for port in (500, 4500):
            self._open(port)

    def _open(self, port):
        one = self.open_socket(socket.SOCK_DGRAM, family=self.family)
        one.setblocking(False)
        if not self.translated:     # else the kernel may give a port that another client has
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        one.bind((self.address, 0 if self.translated else port))
        one.connect((self.server, port))
        self._sockets[port] = one
        self.loop.add_reader(one, self._read, port)

    def open_bare_esp(self):
        """From now on ESP goes without UDP."""
        self.udp_esp = False
        if 0 in self._sockets:
            return
        one = self.open_socket(socket.SOCK_RAW, socket.IPPROTO_ESP, self.family)
        one.setblocking(False)
        one.bind((self.address, 0))
        one.connect((self.server, 0))
        self._sockets[0] = one
        self.loop.add_reader(one, self._read, 0)

    def _close(self, port):
        one = self._sockets.pop(port)
        self.loop.remove_reader(one)
        one.close()

    def close(self):
        for port in tuple(self._sockets):
            self._close(port)

    def new_ports(self):
        """The NAT has lost its table: from now on everything comes from other ports."""
        require(self.translated, "only a translated path has ports to change")
        before = self._sockets[4500].getsockname()
        kept = self._sockets[4500]
        for port in (500, 4500):
            self.loop.remove_reader(self._sockets[port])
            if port == 500:
                kept_500 = self._sockets[port]
            self._open(port)
        after = self._sockets[4500].getsockname()
        kept.close()
        kept_500.close()
        require(before != after, "the port is the same")

    def send(self, port, data):
        self.sent_bytes += len(data)
        try:
            self._sockets[port].send(data)
        except _LOST:
            pass  # an ICMP error of an earlier packet, or no route: lost, as on any way

    def send_ike(self, data, port, markers=1):
        self.send(port, _NON_ESP_MARKER * markers + data if port == 4500 else data)

    def send_esp(self, packet):
        self.send(4500 if self.udp_esp else 0, packet)

    def _read(self, port):
        for _ in range(64):
            try:
                data = self._sockets[port].recv(65536)
            except BlockingIOError:
                return
            except _LOST:
                continue
            except KeyError:
                return
            if port == 0 and self.family == socket.AF_INET:    # else there is no header
                data = data[4 * (data[0] & 15):]
            self.received_bytes += len(data)
            if port == 500:
                self.on_ike(data, port)
            elif port == 4500 and data[:4] == _NON_ESP_MARKER:
                self.on_ike(data[4:], port)
            else:
                self.on_esp(data, udp=port == 4500)
