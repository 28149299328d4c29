# SPDX-License-Identifier: BSD-3-Clause
"""libreswan as an L2TP client's IPsec. PFS in quick mode is its default and stays on."""

import base64
import re

from .topology import CONCENTRATOR

_CONFIGURATION = """
config setup
    ikev1-policy=accept
    logfile={logs}/pluto.log
    plutodebug=none

conn l2tp
    ikev2=no
    {authentication}
    type=transport
    left=%defaultroute
    leftprotoport=17/1701
    right={server}
    rightprotoport=17/1701
    encapsulation={encapsulate}
    {proposals}
    auto=add
"""


class Libreswan:
    def __init__(self, client, dial):
        self.client = client
        self.dial = dial

    def start(self):
        self.client.write("/etc/ipsec.conf", _CONFIGURATION.format(
            logs=self.client.logs, server=CONCENTRATOR,
            encapsulate="yes" if self.dial.encapsulate else "auto",
            authentication=self._authentication(), proposals=self.dial.libreswan))
        self.client.write("/tmp/client.p12.base64", self._pkcs12())
        self.client.write("/etc/ipsec.secrets", f'%any %any : PSK "{self.dial.secret}"\n')
        self.client.run("""
            mkdir -p /run/pluto
            mountpoint -q /usr/sbin/ipsec || mount --bind /usr/sbin/ipsec.libreswan /usr/sbin/ipsec
            [ -e /var/lib/ipsec/nss/cert9.db ] || ipsec initnss
            if [ -s /tmp/client.p12.base64 ]; then
                base64 -d /tmp/client.p12.base64 >/tmp/client.p12
                pk12util -i /tmp/client.p12 -d sql:/var/lib/ipsec/nss -W '' -K ''
                certutil -M -d sql:/var/lib/ipsec/nss -n "authority - lab" -t CT,,
            fi
            /usr/libexec/ipsec/pluto --config /etc/ipsec.conf
            until ipsec whack --status >/dev/null 2>&1; do sleep 0.1; done
            ipsec whack --listen
            ipsec addconn --config /etc/ipsec.conf l2tp
            """)

    def _authentication(self):
        if not self.dial.certificate:
            return "authby=secret"
        return (f'authby=rsasig\n    leftcert={self.dial.certificate}\n    leftid=%fromcert\n'
                '    rightid="O=lab, CN=server"\n    rightca=%same')

    def _pkcs12(self):
        if not self.dial.certificate:
            return ""
        return base64.b64encode(self.dial.authority.pkcs12(self.dial.certificate)).decode()

    def initiate(self):
        self.client.run(f"timeout {self.dial.timeout} ipsec whack --initiate --name l2tp",
                        timeout=self.dial.timeout + 5)

    def rekey_esp(self):
        """whack refuses to rekey IKEv1; to initiate once more is a quick mode in the same IKE SA."""
        self.initiate()

    def esp_spis(self):
        return set(re.findall(r"spi (0x\w+)", self.client.run("ip xfrm state")))

    def log(self):
        return self.client.read_log("pluto.log")

    def stop(self):
        self.client.run("""
            timeout 5 ipsec whack --name l2tp --terminate || true
            timeout 5 ipsec whack --shutdown || true
            umount /usr/sbin/ipsec
            ip xfrm state flush
            ip xfrm policy flush
            """, check=False)
