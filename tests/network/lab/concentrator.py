# SPDX-License-Identifier: BSD-3-Clause
"""The daemon under test: its configuration, its start and end, its events, its control socket."""

import json
import os
import pathlib
import re
import time

from . import process
from .authority import Authority
from .dial import IPSEC_SECRET, Dial
from .guest import time_scale
from .topology import CONCENTRATOR, CONCENTRATOR_IPV6, INSIDE, OUTSIDE

ACCESS_WIRE = "access-wire"
INSIDE_WIRE = "inside-wire"

_CONFIGURATION = """
events = "{directory}/events.json";
control_socket = "{directory}/control.sock";
workers = {workers};
idle = "adaptive";
memory = "nohuge";
ports = (
    {{ name = "access"; device = "{access}"; addresses = [ {access_addresses} ]; }},
    {{ name = "inside"; device = "{inside}"; addresses = [ "{inside_address}/24" ]; }}
);
listeners = ( {{ address = "{listener_address}"; ipsec = "{ipsec}"; preshared_key_file = "{directory}/psk"; {listener} }} );
pools = ( {{ name = "default"; first = "{first}"; last = "{last}"; }} {more_pools} );
{users}
dns = [ "198.51.100.53" ];
"""

_CERTIFICATES = """
    certificate_file = "{directory}/authority/server.pem"; private_key_file = "{directory}/authority/server.key";
    ca_file = "{directory}/authority/ca.pem"; crl_file = "{directory}/authority/list.pem";
"""

# What the two ports are: wires to namespaces, shared memory with another DPDK process, or files that
# are played in a loop.
_DEVICES = {
    "tap": (f"net_tap0,iface={ACCESS_WIRE}", f"net_tap1,iface={INSIDE_WIRE}"),
    "memif": ("net_memif0,role=server,id=0,socket={directory}/access.sock,socket-abstract=no",
              "net_memif1,role=server,id=1,socket={directory}/inside.sock,socket-abstract=no"),
    "pcap": ("net_pcap0,rx_pcap={directory}/up.pcap,tx_pcap=/dev/null,infinite_rx=1",
             "net_pcap1,rx_pcap={directory}/down.pcap,tx_pcap=/dev/null,infinite_rx=1"),
}

SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:exitcode=99:detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=0",
    "LSAN_OPTIONS": f"print_suppressions=0:suppressions={pathlib.Path(__file__).with_name('leaks')}",
}
_REPORT = re.compile(r"(ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSanitizer)[^\n]*")

USERS = (Dial.user, "bob", "carol")


class ConcentratorFailed(Exception):
    pass


def password_of(user):
    return f"{user}-password"


def write_secret(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


TUNNEL_SECRET = "the-tunnel-secret-of-the-lab"


def write_configuration(directory, pool=("10.20.0.2", "10.20.255.254"), users="", extra="",
                        ipsec="required", workers=1, links="tap", certificates="", keys="",
                        aggressive="", ipv6=False, more_pools="", l2tp=""):
    """Everything the daemon reads, in one directory; returns the configuration's path. users: lines
    besides those of USERS; None: no users file.
    keys: lines of a file with more pre-shared keys; aggressive: of one with those of aggressive mode.
    ipv6: besides IPv4, on every address. l2tp: keys of that group, besides the secret's file."""
    access, inside = (device.format(directory=directory) for device in _DEVICES[links])
    directory.mkdir(parents=True, exist_ok=True)
    write_secret(directory / "psk", IPSEC_SECRET + "\n")
    write_secret(directory / "users",
                 "".join(f"{user} {password_of(user)}\n" for user in USERS) + (users or ""))
    listener = _CERTIFICATES.format(directory=directory) if certificates else ""
    if keys:
        write_secret(directory / "keys", keys)
        listener += f'preshared_keys_file = "{directory}/keys";'
    if aggressive:
        write_secret(directory / "aggressive", aggressive)
        listener += f'aggressive_keys_file = "{directory}/aggressive";'
    if l2tp:
        write_secret(directory / "l2tp", TUNNEL_SECRET + "\n")
        extra += f'\nl2tp = {{ secret_file = "{directory}/l2tp"; {l2tp} }};\n'
    if certificates:
        Authority(directory / "authority").make(certificates)
    path = directory / "concentrator.conf"
    path.write_text(_CONFIGURATION.format(
        directory=directory, access=access, inside=inside,
        access_addresses=f'"{CONCENTRATOR}/24"' + (f', "{CONCENTRATOR_IPV6}/64"' if ipv6 else ""),
        listener_address="" if ipv6 else CONCENTRATOR,
        inside_address=INSIDE, first=pool[0], last=pool[1], ipsec=ipsec, workers=workers, more_pools=more_pools,
        users="" if users is None else f'users_file = "{directory}/users";',
        listener=listener) + extra.replace("{directory}", str(directory)))
    return path


class Concentrator:
    def __init__(self, build, topology, directory, configuration, outlive=False, links="tap",
                 arguments=()):
        self.build = pathlib.Path(build)
        self.topology = topology
        self.directory = pathlib.Path(directory)
        self.configuration = configuration
        self.outlive = outlive
        self.links = links
        self.arguments = arguments
        self.log_path = self.directory / "concentrator.log"
        self.process = None

    @property
    def program(self):
        return str(self.build / "app" / "concentrator" / "concentrator")

    def start(self, timeout=20):
        """Starts the daemon, waits until it serves, gives its two wires to their peers."""
        self.process = self.topology["concentrator"].start(
            self.program, "-c", str(self.configuration), *self.arguments, log=self.log_path, outlive=self.outlive,
            environment=SANITIZERS)
        deadline = time.monotonic() + timeout * time_scale()
        while not re.search(r"\bready\b", self.log()):
            if not self.process.running():
                raise ConcentratorFailed(f"ended with {self.process.wait(0)}: {self.last_words()}")
            if time.monotonic() > deadline:
                raise ConcentratorFailed(f"not ready: {self.last_words()}")
            time.sleep(0.05)
        self.plug()

    def plug(self):
        own = self.topology["concentrator"]
        if self.links == "tap":
            self.topology.plug_wires(ACCESS_WIRE, own, INSIDE_WIRE, own)
        own.run("ip", "route", "replace", "default", "via", OUTSIDE, "dev", "access")

    def running(self):
        return self.process is not None and self.process.running()

    def stop(self, timeout=20):
        """SIGTERM; returns the exit status, None when the daemon had to be killed."""
        self.process.signal(15)
        status = self.process.wait(timeout * time_scale())
        if status is None:
            self.process.stop(1)
        return status

    def log(self):
        return self.process.output() if self.process else ""

    def last_words(self):
        return " | ".join(self.log().splitlines()[-4:])

    def log_lines(self, pattern):
        return [line for line in self.log().splitlines() if re.search(pattern, line)]

    def complaint(self):
        """The first finding of a sanitizer, None without one."""
        found = _REPORT.search(self.log())
        return found.group(0) if found else None

    def _ctl_command(self, *arguments):
        return [str(self.build / "app" / "concentrator-ctl" / "concentrator-ctl"),
                "-s", str(self.directory / "control.sock"), *arguments]

    def ctl(self, *arguments, check=True):
        return process.run(*self._ctl_command(*arguments), check=check)

    def begin_ctl(self, *arguments):
        return process.Process(self._ctl_command(*arguments), self.directory / "ctl.log")

    def show(self, noun):
        """The objects of concentrator-ctl show NOUN --json: one a line."""
        return [json.loads(line) for line in self.ctl("show", noun, "--json").splitlines() if line]

    def sessions(self):
        return self.show("sessions")

    def wait_sessions(self, count, timeout=10):
        return self.wait_shown("sessions", count, timeout)

    def wait_shown(self, noun, count, timeout=10):
        deadline = time.monotonic() + timeout * time_scale()
        while True:
            shown = self.show(noun)
            if len(shown) == count:
                return shown
            if time.monotonic() > deadline:
                raise ConcentratorFailed(f"{len(shown)} {noun} instead of {count}: {shown}")
            time.sleep(0.1)

    def events(self):
        path = self.directory / "events.json"
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
