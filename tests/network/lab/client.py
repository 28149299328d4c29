# SPDX-License-Identifier: BSD-3-Clause
"""A client: a network namespace of the guest with its own strongSwan or libreswan, xl2tpd and pppd."""

import json
import re
import shlex

from .dial import DialFailed
from .guest import GuestFailed
from .l2tp import L2tp
from .libreswan import Libreswan
from .plain import Plain
from .strongswan import StrongSwan

_IPSEC = {"strongswan": StrongSwan, "libreswan": Libreswan, "plain": Plain}

# Its own /run and its own configuration directories, held by a process that sleeps.
_PREPARE = """
ip netns add {name}
ip link set eth{index} netns {name} name eth0
mkdir -p /tmp/{name}/var /tmp/{name}/etc
cp -a /etc/. /tmp/{name}/etc/
mkdir -p /tmp/{name}/etc/ppp /tmp/{name}/etc/xl2tpd /tmp/{name}/etc/swanctl
nsenter --net=/run/netns/{name} unshare -m --propagation private sh -ec '
    mount --bind /tmp/{name}/etc /etc
    mkdir -p /tmp/{name}/var/ipsec
    cp -a /var/lib/ipsec/. /tmp/{name}/var/ipsec
    mount --bind /tmp/{name}/var/ipsec /var/lib/ipsec
    mount -t tmpfs tmpfs /run
    echo 1 >/proc/sys/net/ipv6/conf/eth0/disable_ipv6
    ip link set lo up
    ip link set eth0 up
    ip address add {address}/{length} dev eth0
    ip route add default via {gateway}
    echo $$ >/tmp/{name}/holder
    exec sleep infinity' >/dev/null 2>&1 &
until [ -s /tmp/{name}/holder ]; do sleep 0.05; done
"""


# Ends the daemon of a pid file and waits for its end.
_FUNCTIONS = """
end_daemon() {
    [ -s $1 ] || return 0
    set -- $1 $2 $(head -n 1 $1)
    kill -$2 $3 || true
    for i in $(seq 100); do [ -e /proc/$3 ] || break; sleep 0.05; done
    [ ! -e /proc/$3 ] || kill -KILL $3
    rm -f $1
}
"""


class Client:
    def __init__(self, guest, link, index):
        self.guest = guest
        self.link = link
        self.index = index
        self.dials = 0
        self.logs = None
        self.ipsec = None
        self.l2tp = None
        self.address = None

    def prepare(self):
        self.guest.run(_PREPARE.format(name=self.link.name, index=self.index, address=self.link.address,
                                       length=self.link.prefix_length, gateway=self.link.gateway))

    def begin(self, command):
        job = self.guest.begin(f"exec nsenter -t $(cat /tmp/{self.link.name}/holder) -m -n "
                               f"bash -ec {shlex.quote(_FUNCTIONS + command)}")
        job.command = f"client {self.link.name}: {command}"
        return job

    def run(self, command, timeout=30, check=True):
        return self.begin(command).wait(timeout, check)

    def write(self, path, text):
        self.run(f"umask 077; printf %s {shlex.quote(text)} >{path}")

    def dial(self, dial):
        """Starts everything afresh and waits until ppp0 is up; returns its address."""
        self.start(dial)
        try:
            self.ipsec.initiate()
        except GuestFailed as reason:
            raise DialFailed("ike", f"{self.last_words(*self._ipsec_logs)}") from reason
        self.address = self.l2tp.connect()
        return self.address

    _ipsec_logs = ("charon.log", "pluto.log")

    def start(self, dial):
        self.dials += 1
        self.logs = f"/lab/clients/{self.link.name}/{self.dials}"
        self._host_logs.mkdir(parents=True)
        self.ipsec = _IPSEC[dial.ipsec](self, dial)
        self.l2tp = L2tp(self, dial)
        self.ipsec.start()
        self.l2tp.start()

    def hang_up(self):
        self.l2tp.disconnect()
        self.stop()

    def stop(self):
        """Ends the client's daemons, in whatever state they are."""
        if self.l2tp:
            self.l2tp.stop()
            self.ipsec.stop()
        self.l2tp = self.ipsec = self.address = None

    def crash(self):
        """As if the machine were switched off: nobody says good bye."""
        self.l2tp.crash()
        self.ipsec.crash()
        self.l2tp = self.ipsec = self.address = None

    @property
    def _host_logs(self):
        return self.guest.directory / f"share{self.logs.removeprefix('/lab')}"

    def read_log(self, name):
        path = self._host_logs / name
        return path.read_text(errors="replace") if path.exists() else ""

    def last_words(self, *names):
        lines = [line for name in names for line in self.read_log(name).splitlines()]
        return " | ".join(lines[-3:])

    def ping(self, address, count=5, interval=0.2, size=56):
        """Returns how many answers came."""
        return ping_answers(self.begin_ping(address, count, interval, size).wait(
            count * interval + 30, check=False))

    def begin_ping(self, address, count, interval=0.2, size=56):
        return self.begin(f"ping -n -q -c {count} -i {interval} -s {size} -W 5 {address}")

    def iperf(self, server, seconds=4, reverse=False):
        """One TCP stream; returns Mbit/s as the receiver saw it."""
        output = self.run(f"iperf3 -c {server} -t {seconds} -J {'-R' if reverse else ''}",
                          timeout=seconds + 30)
        return json.loads(output)["end"]["sum_received"]["bits_per_second"] / 1e6

    def begin_download(self, server, seconds):
        """One TCP stream from the server; download_pause() reads what it prints."""
        return self.begin(f"iperf3 -c {server} -t {seconds} -i 0.1 -J -R")

    def download(self, url):
        """Returns (bytes, seconds, sha256)."""
        output = self.run(f"curl -sS --fail --max-time 60 -o /tmp/download -w '%{{size_download}} "
                          f"%{{time_total}} ' {url}; sha256sum </tmp/download; rm /tmp/download",
                          timeout=90)
        size, seconds, digest, _ = output.split()
        return int(size), float(seconds), digest

    def set_loss(self, percent):
        """Loses packets that leave the client (0 ends it)."""
        self.run("tc qdisc del dev eth0 root 2>/dev/null || true")
        if percent:
            self.run(f"tc qdisc add dev eth0 root netem loss {percent}%")


def download_pause(output):
    """What came in each tenth of a second: the longest pause in it, in seconds."""
    longest = pause = 0
    for interval in json.loads(output)["intervals"]:
        pause = 0 if interval["sum"]["bytes"] else pause + interval["sum"]["seconds"]
        longest = max(longest, pause)
    return longest


def ping_answers(output):
    return int(re.search(r"(\d+) received", output).group(1))
