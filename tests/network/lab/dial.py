# SPDX-License-Identifier: BSD-3-Clause
"""What a client dials with."""

from dataclasses import dataclass

IPSEC_SECRET = "the-shared-secret-of-the-lab"


@dataclass(frozen=True)
class Dial:
    user: str = "alice"
    password: str = "alice-password"
    ipsec: str = "strongswan"       # "libreswan", "plain"
    secret: str = IPSEC_SECRET
    ike: str = "aes256-sha256-modp2048"
    esp: str = "aes256-sha256"
    libreswan: str = ""             # lines of its connection instead of its own proposals
    encapsulate: bool = False       # UDP encapsulation even without a NAT
    authentication: str = ""        # the only one the client does: "pap", "chap", "mschap-v2"
    group_name: str = ""            # aggressive mode under that name; strongSwan only
    certificate: str = ""           # name in the authority, instead of the secret
    authority: object = None
    timeout: int = 30               # seconds per layer on an idle machine


class DialFailed(Exception):
    def __init__(self, layer, reason):
        super().__init__(f"{layer}: {reason}")
        self.layer = layer
