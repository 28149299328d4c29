# SPDX-License-Identifier: BSD-3-Clause
"""strongSwan as an L2TP client's IPsec: transport mode, UDP port 1701, IKEv1."""

import re

from .topology import CONCENTRATOR

_PLUGINS = "random nonce openssl aes des sha1 sha2 md5 hmac gcm kdf kernel-netlink socket-default vici"

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
    load = random openssl pem pkcs1 vici
}}
"""

_CONNECTION = """
connections {{
    l2tp {{
        version = 1
        remote_addrs = {server}
        proposals = {dial.ike}
        encap = {encapsulate}
        keyingtries = 1
        local {{
            auth = psk
        }}
        remote {{
            auth = psk
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
        self.client.write("/etc/swanctl/swanctl.conf", _CONNECTION.format(
            server=CONCENTRATOR, dial=self.dial, encapsulate="yes" if self.dial.encapsulate else "no"))
        self.client.run("""
            rm -f /run/charon.vici
            /usr/lib/ipsec/charon >/dev/null 2>&1 &
            until [ -S /run/charon.vici ]; do sleep 0.05; done
            swanctl --load-all
            """)

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
