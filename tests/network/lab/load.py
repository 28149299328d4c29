# SPDX-License-Identifier: BSD-3-Clause
"""concentrator-load against the daemon: two DPDK processes that share memory for wires."""

import json

from . import process
from .concentrator import SANITIZERS
from .guest import time_scale
from .topology import CONCENTRATOR, INSIDE, OUTSIDE, SERVER

OUTER_FIRST = "100.64.0.1"


class LoadFailed(Exception):
    pass


def users_text(count):
    """Lines of a users file for so many sessions, as concentrator-load names them."""
    return "".join(f"user{number} password{number}\n" for number in range(count))


def command(build, directory, *arguments):
    """concentrator-load at the other end of the links of a daemon with links="memif"."""
    ports = [f"net_memif{number},role=client,id={number},socket={directory}/{name}.sock,socket-abstract=no"
             for number, name in enumerate(("access", "inside"))]
    return [str(build / "app" / "concentrator-load" / "concentrator-load"),
            "--peers-port", ports[0], "--lns", CONCENTRATOR,
            "--peers-first", OUTER_FIRST, "--peers-address", OUTSIDE,
            "--servers-port", ports[1], "--servers-address", SERVER, "--servers-gateway", INSIDE,
            "--psk-file", f"{directory}/psk", *arguments]


def start(concentrator, *arguments):
    """Begins it; the figures will be in load.json of the daemon's directory."""
    directory = concentrator.directory
    return process.Process(
        command(concentrator.build, directory, "--json", f"{directory}/load.json", *arguments),
        directory / "load.log", environment=SANITIZERS)


def run(concentrator, *arguments, timeout=50):
    """Runs it to its end; returns its figures. Fails when not all went well."""
    load = start(concentrator, *arguments)
    status = load.wait(timeout * time_scale())
    if status != 0:
        load.stop()
        raise LoadFailed(f"status {status}: {' | '.join(load.output().splitlines()[-6:])}")
    return json.loads((concentrator.directory / "load.json").read_text())
