# SPDX-License-Identifier: BSD-3-Clause
"""Disconnect- and CoA-Requests (RFC 5176), as a RADIUS server sends them."""

import hashlib
import secrets
import socket
import struct

from .radius import ADDRESS, SECRET

DISCONNECT, COA = 40, 43
USER_NAME, FRAMED_IP_ADDRESS, SESSION_TIMEOUT, IDLE_TIMEOUT, CALLING_STATION_ID, ERROR_CAUSE = 1, 8, 27, 28, 31, 101
ACCT_SESSION_ID = 44
PORT = 3799


def text(kind, value):
    return bytes((kind, 2 + len(value))) + value.encode()


def number(kind, value):
    return struct.pack(">BBI", kind, 6, value)


def ask(namespace, to, code, attributes, secret=SECRET, timeout=2):
    """(code, Error-Cause or 0) of the answer, whose authenticator is checked; None without one."""
    identifier = secrets.randbelow(256)
    head = struct.pack(">BBH", code, identifier, 20 + len(attributes))
    authenticator = hashlib.md5(head + bytes(16) + attributes + secret.encode()).digest()
    with namespace.socket(socket.SOCK_DGRAM) as one:
        one.settimeout(timeout)
        one.bind((ADDRESS, 0))
        one.sendto(head + authenticator + attributes, (to, PORT))
        try:
            answer = one.recv(4096)
        except socket.timeout:
            return None
    expected = hashlib.md5(answer[:4] + authenticator + answer[20:] + secret.encode()).digest()
    if answer[1] != identifier or expected != answer[4:20]:
        raise ValueError("the answer is not authentic")
    data = answer[20:]
    while data and data[0] != ERROR_CAUSE:
        data = data[data[1]:]
    return answer[0], struct.unpack(">I", data[2:6])[0] if data else 0
