# SPDX-License-Identifier: BSD-3-Clause
"""strongSwan as an L2TP client's IPsec: transport mode, UDP port 1701, IKEv1."""

import re

from .topology import CONCENTRATOR

_PLUGINS = "random nonce x509 pkcs1 pkcs8 pem openssl aes des sha1 sha2 md5 hmac gcm kdf kernel-netlink socket-default vici"

_DAEMON = """
charon {{
    load = {plugins}
    install_routes = no
    filelog {{
        client {{
            path = {logs}/charon.log
            time_format = %H:%M:%S
            time_add_ms = yes
            flush_line = yes
            default = 1
            ike = 2
        }}
    }}
}}
swanctl {{
    load = random openssl x509 pem pkcs1 pkcs8 vici
}}
"""

_CONNECTION = """
connections {{
    l2tp {{
        version = 1
        aggressive = {aggressive}
        remote_addrs = {server}
        proposals = {dial.ike}
        encap = {encapsulate}
        keyingtries = 1
        local {{
            {local}
        }}
        remote {{
            {remote}
        }}
        children {{
            l2tp {{
                mode = transport
                local_ts = dynamic[udp/1701]
                remote_ts = dynamic[udp/1701]
                esp_proposals = {dial.esp}
            }}
        }}
    }}
}}
secrets {{
    ike {{
        secret = "{dial.secret}"
    }}
}}
"""


class StrongSwan:
    def __init__(self, client, dial):
        self.client = client
        self.dial = dial

    def start(self):
        self.client.write("/etc/strongswan.conf", _DAEMON.format(plugins=_PLUGINS, logs=self.client.logs))
        local = remote = "auth = psk"
        if self.dial.group_name:
            local += f"\nid = {self.dial.group_name}"
        if self.dial.certificate:
            local = f"auth = pubkey\ncerts = {self.dial.certificate}.pem"
            remote = 'auth = pubkey\nid = "O=lab, CN=server"'
            self._write_certificates()
        self.client.write("/etc/swanctl/swanctl.conf", _CONNECTION.format(
            server=CONCENTRATOR, dial=self.dial, encapsulate="yes" if self.dial.encapsulate else "no",
            local=local, remote=remote, aggressive="yes" if self.dial.group_name else "no"))
        self.client.run("""
            rm -f /run/charon.vici
            /usr/lib/ipsec/charon >/dev/null 2>&1 &
            until [ -S /run/charon.vici ]; do sleep 0.05; done
            swanctl --load-all
            """)

    def _write_certificates(self):
        name, authority = self.dial.certificate, self.dial.authority
        self.client.run("cd /etc/swanctl && mkdir -p x509 x509ca private && rm -f x509/* x509ca/* private/*")
        self.client.write(f"/etc/swanctl/x509/{name}.pem", authority.text(f"{name}.pem"))
        self.client.write("/etc/swanctl/x509ca/ca.pem", authority.text("ca.pem"))
        self.client.write(f"/etc/swanctl/private/{name}.pem", authority.text(f"{name}.key"))

    def initiate(self):
        """Main mode and quick mode; returns whether both came to an end."""
        self.client.run(f"swanctl --initiate --child l2tp --timeout {self.dial.timeout}",
                        timeout=self.dial.timeout + 5)

    def rekey_ike(self):
        self.client.run("swanctl --rekey --ike l2tp --reauth")

    def rekey_esp(self):
        self.client.run("swanctl --rekey --child l2tp")

    def ike_spis(self):
        """The initiator's cookies of the IKE SAs that are up."""
        return set(re.findall(r"ESTABLISHED, IKEv1, (\w+)_i", self.client.run("swanctl --list-sas")))

    def esp_spis(self):
        """The SPIs of the ESP SAs in use."""
        return set(re.findall(r"^ +(?:in|out) +(\w+)", self.client.run("swanctl --list-sas"),
                              re.MULTILINE))

    def log(self):
        return self.client.read_log("charon.log")

    def stop(self):
        self.client.run("""
            swanctl --terminate --ike l2tp --timeout 3 || true
            end_daemon /run/charon.pid TERM
            ip xfrm state flush
            ip xfrm policy flush
            """, check=False)

    def crash(self):
        self.client.run("""
            end_daemon /run/charon.pid KILL
            ip xfrm state flush
            ip xfrm policy flush
            """)
