# SPDX-License-Identifier: BSD-3-Clause
"""A lab that outlives the program which made it: what is needed to find and to end it."""

import json
import os
import shutil
import signal
import time

from .namespace import Namespace
from .topology import NAMESPACES

_FILE = "kept.json"


def _start_time(pid):
    """When the process started, in clock ticks; with the pid it names a process for good."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def write(directory, processes, client):
    """Notes the processes, in the order in which they are to end."""
    noted = [(process.pid, _start_time(process.pid)) for process in processes]
    (directory / _FILE).write_text(json.dumps({"processes": noted, "client": client}))


def read(directory):
    path = directory / _FILE
    return json.loads(path.read_text()) if path.exists() else {"processes": []}


def _alive(directory):
    return [pid for pid, start in read(directory)["processes"] if start and _start_time(pid) == start]


def running(directory):
    return bool(_alive(directory))


def stop(directory, prefix, timeout=10):
    """Ends what still runs of it and removes what is left."""
    for pid in _alive(directory):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + timeout
        while pid in _alive(directory) and time.monotonic() < deadline:
            time.sleep(0.05)
        if pid in _alive(directory):
            os.kill(pid, signal.SIGKILL)
    for name in NAMESPACES:
        Namespace(prefix, name).delete()
    shutil.rmtree(directory, ignore_errors=True)
