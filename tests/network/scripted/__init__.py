# SPDX-License-Identifier: BSD-3-Clause
"""An L2TP/IPsec client whose every message is written out: it shares no code with the concentrator.

A profile says what one operating system sends and expects; client.py puts the layers together.
"""


class Refused(Exception):
    """The real client would give up here, or would not understand the message."""


def require(condition, reason):
    if not condition:
        raise Refused(reason)
