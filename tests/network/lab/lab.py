# SPDX-License-Identifier: BSD-3-Clause
"""The whole lab: network, guest, server, daemon. The guest boots once and serves all tests."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import tempfile

from . import process
from .capture import Capture
from .client import Client
from .concentrator import ACCESS_WIRE, Concentrator, write_configuration
from .guest import Guest
from .topology import LINKS, SERVER, Topology

_DOWNLOAD_BYTES = 4 << 20


class Lab:
    def __init__(self, build, image, prefix=None, directory=None, outlive=False, extra_taps=()):
        self.build = pathlib.Path(build)
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="concentrator-lab-"))
        self.topology = Topology(prefix or f"lab{os.getpid()}")
        self.guest = Guest(self.directory / "guest", image) if image else None
        self.outlive = outlive
        self.extra_taps = extra_taps
        self.concentrator = None
        self.booted = False
        self.bad_ends = []
        self._configuration = None
        self._starts = 0
        self.failed_starts = 0
        self.former = set()     # cookies and SPIs of scripted clients that are gone
        self._servers = []
        self._clients = {}

    def start(self):
        """Builds the network, starts the server's programs and the guest's boot."""
        self.topology.build()
        if self.guest:
            self.topology.add_taps()
            for tap in self.extra_taps:
                self.topology["guest"].add_tap(tap)
            self.guest.start(self.topology["guest"], [*(link.tap for link in LINKS), *self.extra_taps],
                             outlive=self.outlive)
            self.topology.plug_taps()
        self._start_servers()

    def _start_servers(self):
        files = self.directory / "www"
        files.mkdir()
        content = os.urandom(_DOWNLOAD_BYTES)
        (files / "file").write_bytes(content)
        self.download_url = f"http://{SERVER}/file"
        self.download_digest = hashlib.sha256(content).hexdigest()
        server = self.topology["server"]
        self._servers = [
            server.start("iperf3", "-s", log=self.directory / "iperf3.log", outlive=self.outlive),
            server.start("/usr/bin/python3", "-m", "http.server", "80", "-d", str(files),
                         log=self.directory / "http.log", outlive=self.outlive),
        ]

    def client(self, name):
        """A client by its link's name; the guest is awaited if it still boots."""
        if not self.booted:
            self.guest.wait_booted()
            self.booted = True
        if name not in self._clients:
            index = [link.name for link in LINKS].index(name)
            self._clients[name] = Client(self.guest, LINKS[index], index)
            self._clients[name].prepare()
        return self._clients[name]

    def clients_in_use(self):
        return [client for client in self._clients.values() if client.logs]

    def settle(self, afresh):
        """Ends all dials; the daemon stays for the next case if it is in order."""
        try:
            for client in self._clients.values():
                client.stop()
            if self.concentrator and not afresh:
                self.concentrator.wait_sessions(0)
        except Exception:  # pylint: disable=broad-except
            afresh = True
        if afresh:
            self.stop_concentrator()

    def start_concentrator(self, arguments=(), prepare=None, **options):
        """
        A fresh daemon with this configuration (see write_configuration) and these arguments; `prepare`
        is called with its directory before.
        """
        self.stop_concentrator()
        self._starts += 1
        directory = self.directory / f"concentrator-{self._starts}"
        path = write_configuration(directory, **options)
        if prepare:
            prepare(directory)
        self.concentrator = Concentrator(self.build, self.topology, directory, path, self.outlive,
                                         options.get("links", "tap"), arguments)
        self._configuration = options
        self.concentrator.start()
        return self.concentrator

    def need_concentrator(self, **options):
        """The running daemon if it has this configuration, else a fresh one."""
        if not self.concentrator or not self.concentrator.running() or self._configuration != options:
            self.start_concentrator(**options)
        return self.concentrator

    def stop_concentrator(self):
        """Returns the exit status, None if there was nothing to stop; remembers what is wrong."""
        stopped, self.concentrator = self.concentrator, None
        if not stopped or not stopped.running():
            return None
        status = stopped.stop()
        if status != 0 or stopped.complaint():
            self.bad_ends.append((stopped.complaint() or f"exit status {status}", stopped.log_path))
        return status

    def capture(self, name):
        return Capture(self.topology["outside"], ACCESS_WIRE, self.directory / f"{name}.pcap")

    def processes(self):
        """All that runs on the host, in the order in which it is to end."""
        return [self.concentrator.process, self.guest.qemu, *self._servers]

    def stop(self, keep_files):
        """Ends and removes everything, whatever goes wrong on the way."""
        process.ignore_signals()
        with contextlib.ExitStack() as steps:
            if not keep_files:
                steps.callback(shutil.rmtree, self.directory)
            steps.callback(self.topology.delete)
            if self.guest:
                steps.callback(self.guest.power_off)
            for server in self._servers:
                steps.callback(server.stop)
            steps.callback(self.stop_concentrator)


def guest_image():
    """Builds the guest when it is not in the cache; returns its directory."""
    script = pathlib.Path(__file__).resolve().parents[3] / "scripts" / "guest-image"
    return process.run(str(script), timeout=900).splitlines()[-1]
