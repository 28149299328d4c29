# SPDX-License-Identifier: BSD-3-Clause
"""strongSwan, xl2tpd and pppd as the server, in the guest: shows that the lab's clients work."""

from .concentrator import USERS, password_of
from .dial import IPSEC_SECRET, Dial
from .topology import CONCENTRATOR, INSIDE, OUTSIDE

TAPS = ("access-wire", "inside-wire")

_XL2TPD = """
[global]
access control = no
[lns default]
ip range = 10.20.0.2-10.20.0.200
local ip = 10.20.0.1
require authentication = yes
name = stand-in
ppp debug = yes
pppoptfile = /etc/ppp/options.l2tp
length bit = yes
"""

_CONNECTION = """
connections {{
    l2tp {{
        version = 1
        local_addrs = {server}
        proposals = default, aes256-sha256-modp2048
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
                remote_ts = dynamic[udp]
                esp_proposals = default, aes256gcm16-modp2048, aes256-sha2_256-modp2048, aes128-sha1-modp2048
            }}
        }}
    }}
}}
secrets {{
    ike {{
        secret = "{secret}"
    }}
}}
"""


def start(client, second_card):
    """Makes a prepared client (its namespace has the access card) the server."""
    dial = Dial()
    client.guest.run(f"ip link set eth{second_card} netns {client.link.name} name inside")
    client.run(f"""
        ip link set inside up
        ip address add {INSIDE}/24 dev inside
        ip route replace default via {OUTSIDE}
        echo 1 >/proc/sys/net/ipv4/ip_forward
        """)
    client.start(dial)
    client.run("end_daemon /run/xl2tpd.pid TERM")
    client.write("/etc/swanctl/swanctl.conf", _CONNECTION.format(server=CONCENTRATOR, secret=IPSEC_SECRET))
    client.write("/etc/ppp/chap-secrets", "".join(f"{user} * {password_of(user)} *\n" for user in USERS))
    client.write("/etc/ppp/options.l2tp",
                 f"auth\nrequire-mschap-v2\nnoccp\nmtu 1400\nmru 1400\ndebug\nlogfile {client.logs}/pppd.log\n")
    client.write("/etc/xl2tpd/xl2tpd.conf", _XL2TPD)
    client.run(f"""
        swanctl --load-all
        xl2tpd -D -p /run/xl2tpd.pid -C /run/xl2tpd/l2tp-control >{client.logs}/xl2tpd.log 2>&1 &
        """)
