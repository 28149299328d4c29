# SPDX-License-Identifier: BSD-3-Clause
"""xl2tpd and pppd of a client."""

from .dial import DialFailed
from .guest import GuestFailed
from .topology import CONCENTRATOR, SERVER_NETWORK

_DAEMON = """
[global]
access control = no

[lac concentrator]
lns = {server}
ppp debug = yes
pppoptfile = /etc/ppp/options.l2tp
length bit = yes
"""

_PPP = """
ipcp-accept-local
ipcp-accept-remote
noauth
noccp
nodefaultroute
usepeerdns
mtu 1400
mru 1400
lcp-echo-interval 10
lcp-echo-failure 6
debug
logfile {logs}/pppd.log
name "{dial.user}"
password "{dial.password}"
"""

_METHODS = ("pap", "chap", "mschap", "mschap-v2", "eap")

# Ends with 0 when ppp0 has its address, 3 when pppd gave up, 4 when xl2tpd did, 5 after the timeout.
_WAIT = """
SECONDS=0
while [ $SECONDS -lt {timeout} ]; do
    # pppd sets the address before it brings the link up: a route needs both.
    if ip -4 -o address show dev ppp0 up 2>/dev/null | grep -q inet &&
            ip route replace {network} dev ppp0 2>/dev/null; then
        ip -4 -o address show dev ppp0
        exit 0
    fi
    grep -qs 'Connection terminated\\|Modem hangup' {logs}/pppd.log && exit 3
    if grep -qs 'Maximum retries exceeded\\|Connection closed\\|Call to .* failed' {logs}/xl2tpd.log; then
        sleep 1   # where PPP failed, xl2tpd hears of it before pppd has written its last words
        grep -qs 'Connection terminated\\|Modem hangup\\|authentication failed' {logs}/pppd.log && exit 3
        exit 4
    fi
    sleep 0.1
done
exit 5
"""

_GONE = "while [ -e /proc/sys/net/ipv4/conf/ppp0 ]; do sleep 0.1; done"


class L2tp:
    def __init__(self, client, dial):
        self.client = client
        self.dial = dial

    def start(self):
        options = _PPP.format(logs=self.client.logs, dial=self.dial)
        if self.dial.authentication:
            options += "".join(f"refuse-{method}\n" for method in _METHODS
                               if method != self.dial.authentication)
        self.client.write("/etc/ppp/options", "")
        self.client.write("/etc/ppp/options.l2tp", options)
        self.client.write("/etc/xl2tpd/xl2tpd.conf", _DAEMON.format(server=CONCENTRATOR))
        self.client.run(f"""
            mkdir -p /run/xl2tpd
            xl2tpd -D -p /run/xl2tpd.pid -C /run/xl2tpd/l2tp-control >{self.client.logs}/xl2tpd.log 2>&1 &
            until [ -p /run/xl2tpd/l2tp-control ]; do sleep 0.05; done
            """)

    def connect(self):
        """Dials and waits for the address; returns it."""
        self.client.run("echo 'c concentrator' >/run/xl2tpd/l2tp-control")
        job = self.client.begin(_WAIT.format(timeout=self.dial.timeout, logs=self.client.logs,
                                             network=SERVER_NETWORK))
        output = job.wait(self.dial.timeout + 5, check=False)
        if job.status == 3:
            raise DialFailed("ppp", self.client.last_words("pppd.log"))
        if job.status == 4:
            raise DialFailed("l2tp", self.client.last_words("xl2tpd.log"))
        if job.status != 0:
            raise DialFailed("ppp" if self.client.read_log("pppd.log") else "l2tp",
                             f"no address after {self.dial.timeout} s")
        return output.split()[3].partition("/")[0]

    def disconnect(self):
        """The user hangs up: LCP terminate, CDN, StopCCN; returns when ppp0 is gone."""
        try:
            self.client.run(f"kill $(head -n 1 /run/ppp0.pid); {_GONE}", timeout=15)
            self.client.run("echo 'd concentrator' >/run/xl2tpd/l2tp-control; sleep 0.3")
        except GuestFailed as reason:
            raise DialFailed("ppp", f"ppp0 stays after hanging up: {reason}") from reason

    def abandon(self):
        """xl2tpd closes the tunnel at once; pppd notices by itself."""
        self.client.run("echo 'd concentrator' >/run/xl2tpd/l2tp-control")

    def wait_down(self, timeout=15):
        """The other side hangs up."""
        self.client.run(_GONE, timeout)

    def stop(self):
        # pppd ends a little after xl2tpd; the next dial must find the name ppp0 free.
        self.client.run("""
            end_daemon /run/xl2tpd.pid TERM
            for i in $(seq 100); do [ -e /proc/sys/net/ipv4/conf/ppp0 ] || break; sleep 0.05; done
            [ ! -e /proc/sys/net/ipv4/conf/ppp0 ] || end_daemon /run/ppp0.pid KILL
            """, check=False)

    def crash(self):
        self.client.run("end_daemon /run/xl2tpd.pid KILL; end_daemon /run/ppp0.pid KILL")
