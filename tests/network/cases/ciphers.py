# SPDX-License-Identifier: BSD-3-Clause
"""What clients propose, and how they prove who they are."""

from lab.case import case, expect
from lab.dial import Dial
from lab.topology import SERVER


def _passes(lab, dial, words=()):
    """Dials from a public address and pings; words: what the list of SAs must say."""
    client = lab.client("public")
    client.dial(dial)
    expect(client.ping(SERVER, size=1200) >= 4, "the server does not answer ping")
    listed = client.run("swanctl --list-sas")
    for word in words:
        expect(word in listed, f"{word} is not in use: {listed}")
    client.hang_up()
    lab.concentrator.wait_sessions(0)


@case(once=True)
def aes_gcm(lab):
    _passes(lab, Dial(esp="aes128gcm16"), ("AES_GCM_16-128",))


@case(once=True)
def aes_256_gcm(lab):
    _passes(lab, Dial(esp="aes256gcm16"), ("AES_GCM_16-256",))


@case(once=True)
def aes_128_sha1_modp1024(lab):
    _passes(lab, Dial(ike="aes128-sha1-modp1024", esp="aes128-sha1"),
            ("MODP_1024", "AES_CBC-128/HMAC_SHA1_96"))


@case(once=True)
def aes_256_sha256_ecp256(lab):
    _passes(lab, Dial(ike="aes256-sha256-ecp256", esp="aes256-sha256"),
            ("ECP_256", "AES_CBC-256/HMAC_SHA2_256_128"))


@case(once=True)
def aes_192_sha384_ecp384(lab):
    _passes(lab, Dial(ike="aes192-sha384-ecp384", esp="aes192-sha384"),
            ("ECP_384", "AES_CBC-192/HMAC_SHA2_384_192"))


@case(once=True)
def aes_256_sha512_ecp521(lab):
    _passes(lab, Dial(ike="aes256-sha512-ecp521", esp="aes256-sha512"),
            ("ECP_521", "AES_CBC-256/HMAC_SHA2_512_256"))


@case(once=True)
def triple_des_sha1(lab):
    _passes(lab, Dial(ike="3des-sha1-modp1024", esp="3des-sha1"), ("3DES_CBC",))


@case(once=True)
def perfect_forward_secrecy(lab):
    _passes(lab, Dial(ike="aes256-sha256-modp3072", esp="aes256-sha256-modp2048"), ("MODP_3072",))


@case(once=True)
def password_by_pap(lab):
    _passes(lab, Dial(authentication="pap"))


@case(once=True)
def password_by_chap_md5(lab):
    _passes(lab, Dial(authentication="chap"))


@case(once=True)
def password_by_ms_chap_v2(lab):
    _passes(lab, Dial(authentication="mschap-v2"))


def _libreswan_passes(lab, used, **options):
    """used: what the traffic status of libreswan's SA must say."""
    client = lab.client("public")
    client.dial(Dial(ipsec="libreswan", **options))
    expect(client.ping(SERVER, size=1200) >= 4, "the server does not answer ping")
    status = client.run("ipsec whack --status")
    for word in used:
        expect(word in status, f"{word} is not in use: {status}")
    client.hang_up()
    lab.concentrator.wait_sessions(0)


@case(once=True)
def libreswan_aes_gcm(lab):
    _libreswan_passes(lab, ("AES_GCM_16_128",), libreswan="phase2alg=aes_gcm128-null")


@case(once=True)
def libreswan_aes_sha2(lab):
    _libreswan_passes(lab, ("AES_CBC_256-HMAC_SHA2_256_128",),
                      libreswan="ike=aes256-sha2_256;modp2048\n    phase2alg=aes256-sha2_256")


@case(once=True)
def libreswan_triple_des(lab):
    _libreswan_passes(lab, ("3DES_CBC-HMAC_SHA1_96",),
                      libreswan="ike=3des-sha1;modp1536\n    phase2alg=3des-sha1")


@case(once=True)
def libreswan_forces_encapsulation(lab):
    _libreswan_passes(lab, (), encapsulate=True)
