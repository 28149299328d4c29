# SPDX-License-Identifier: BSD-3-Clause
"""Clients that prove who they are with a certificate, and see the server's."""

from lab.authority import Authority
from lab.case import case, expect
from lab.dial import Dial, DialFailed
from lab.topology import SERVER


def _connects(lab, where, dial):
    client = lab.client(where)
    client.dial(dial)
    expect(client.ping(SERVER, size=1200) >= 4, "the server does not answer ping")
    peers = {row["identity"] for row in lab.concentrator.show("sas") if row.get("identity")}
    expect(peers == {f"CN={dial.certificate},O=lab (asn.1 name)"}, f"the peer is {peers}")
    client.hang_up()
    lab.concentrator.wait_sessions(0)


def _dial(lab, name="client", **options):
    return Dial(certificate=name, authority=Authority(lab.concentrator.directory / "authority"),
                **options)


@case(once=True, certificates="rsa")
def strongswan_with_rsa_certificate(lab):
    _connects(lab, "public", _dial(lab))


@case(once=True, certificates="rsa")
def strongswan_with_rsa_certificate_behind_nat(lab):
    _connects(lab, "nat", _dial(lab))


@case(once=True, certificates="rsa")
def libreswan_with_rsa_certificate(lab):
    _connects(lab, "nat", _dial(lab, ipsec="libreswan"))


@case(once=True, certificates="rsa")
def a_revoked_certificate_is_refused(lab):
    client = lab.client("public")
    try:
        client.dial(_dial(lab, "lost", timeout=10))
        expect(False, "it connects")
    except DialFailed:
        pass
    finally:
        client.stop()
    expect(lab.concentrator.log_lines("certificate_revoked.*CN=lost"),
           "the log does not say why: " + lab.concentrator.last_words())


@case(once=True, certificates="rsa")
def a_shared_key_still_connects_beside_certificates(lab):
    client = lab.client("public")
    client.dial(Dial())
    expect(client.ping(SERVER) >= 4, "the server does not answer ping")
    client.hang_up()
    lab.concentrator.wait_sessions(0)


@case(once=True, certificates="ecdsa")
def strongswan_with_ecdsa_certificate(lab):
    _connects(lab, "public", _dial(lab, ike="aes256-sha256-ecp256"))
