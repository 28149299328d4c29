#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What dials cost the daemon, and how many sessions it holds: the daemon against concentrator-load.

Each figure is a function that starts both, and returns a dictionary. CPU time is that of the daemon's
threads alone (/proc/PID/task/*/schedstat). Needs root, for a network namespace of its own.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "network"))

from lab import load  # noqa: E402
from lab.concentrator import Concentrator, ConcentratorFailed, write_configuration  # noqa: E402
from lab.namespace import Namespace  # noqa: E402
from lab.process import CommandFailed  # noqa: E402

POOL = ("10.20.0.2", "10.21.255.254")
PLAIN = ("--mode", "lac", "--tunnels", "4")
EVEN = ("--rate", "4000")   # so that the daemon has as much to do at a time with few sessions as with many
CLIENTS = ("--nat", "50", "--ipsec", "aes256-gcm", "--keepalive", "0")
STEADY_SECONDS = 60
EMPTY_SECONDS = 120     # until the last lingering SA and tunnel is gone


class DialsFailed(Exception):
    pass


class Load:
    """A concentrator-load that runs; its lines are read as they come."""

    def __init__(self, bed, *arguments):
        self.report = bed.directory / "load.json"
        self.errors = bed.directory / "load.log"
        with open(self.errors, "wb") as errors:
            self.popen = subprocess.Popen(
                load.command(bed.build, bed.directory, "--json", str(self.report), *arguments),
                stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, text=True)
        self.lines = []

    def read(self, word):
        """Waits for a line that begins with the word."""
        for line in self.popen.stdout:
            self.lines.append(line.strip())
            if line.startswith(word):
                return line
        raise DialsFailed(f"concentrator-load has ended: {self.last_words()}")

    def last_words(self):
        return " | ".join(self.lines[-6:] + self.errors.read_text().splitlines()[-2:])

    def finish(self):
        """Its figures; fails when not all was well."""
        self.lines += [line.strip() for line in self.popen.stdout]
        if self.popen.wait() != 0:
            raise DialsFailed(self.last_words())
        return json.loads(self.report.read_text())

    def stop(self):
        if self.popen.poll() is None:
            self.popen.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(20)
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        self.popen.stdout.close()


class Bed:
    """The daemon in a namespace, for so many sessions."""

    def __init__(self, build, sessions, ipsec, l2tp=""):
        self.build = pathlib.Path(build).resolve()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="concentrator-dials-"))
        self.namespace = Namespace(f"dials{os.getpid()}", "concentrator")
        self.loads = []
        path = write_configuration(
            self.directory, pool=POOL, users=load.users_text(sessions), ipsec=ipsec, links="memif", l2tp=l2tp,
            extra="max_sessions = 65536;\nmemory_megabytes = 1024;\n")
        # The steps of 60,000 dials would fill the disk and cost more than the dials.
        path.write_text("".join(line for line in path.read_text().splitlines(keepends=True)
                                if not line.startswith("events")))
        self.concentrator = Concentrator(self.build, {"concentrator": self.namespace}, self.directory,
                                         path, links="memif")

    def __enter__(self):
        self.namespace.create()
        try:
            self.concentrator.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for running in self.loads:
            running.stop()
        if self.concentrator.process and self.concentrator.running():
            self.concentrator.stop()
        self.namespace.delete()
        shutil.rmtree(self.directory)

    def load(self, *arguments):
        self.loads.append(Load(self, *arguments))
        return self.loads[-1]

    def pid(self):
        """The daemon itself: `ip netns exec` has become it."""
        return self.concentrator.process.pid

    def cpu_seconds(self):
        """CPU time so far of the control thread, of the job threads and of the workers."""
        seconds = {"control": 0.0, "jobs": 0.0, "workers": 0.0}
        for task in pathlib.Path(f"/proc/{self.pid()}/task").iterdir():
            name = (task / "comm").read_text().strip()
            used = int((task / "schedstat").read_text().split()[0]) / 1e9
            if int(task.name) == self.pid():
                seconds["control"] += used
            elif name.startswith("rte-worker"):
                seconds["workers"] += used
            elif not name.startswith("eal-"):
                seconds["jobs"] += used
        return seconds

    def memory(self):
        """Bytes and pool objects in use, by kind and name."""
        return {f"{row['kind']} {row['name']}": row["used"] for row in self.concentrator.show("memory")}

    def totals(self):
        """What the daemon counts of each kind of object."""
        status = json.loads(self.concentrator.ctl("status", "--json"))
        return {name: status[name] for name in ("peers", "sas", "tunnels", "sessions", "sessions_up")}

    def wait_empty(self):
        """The totals once nothing is left, or what is left at the end of the time."""
        deadline = time.monotonic() + EMPTY_SECONDS
        while any(self.totals().values()) and time.monotonic() < deadline:
            time.sleep(1)
        return self.totals()


def _rates(dials, before, after, wall):
    """Dials a second of wall time, of control's CPU time, and of control's and the jobs' together."""
    used = {name: after[name] - before[name] for name in after}
    return {
        "dials": dials,
        "wall_seconds": round(wall, 3),
        "cpu_seconds": {name: round(value, 4) for name, value in used.items()},
        "per_wall_second": round(dials / wall),
        "per_control_second": round(dials / used["control"]),
        "per_control_and_jobs_second": round(dials / (used["control"] + used["jobs"])),
    }


def _dial(bed, sessions, *arguments):
    """One run from nothing to all sessions up, and down again."""
    running = bed.load("--sessions", str(sessions), *arguments)
    running.read("links:")
    before = bed.cpu_seconds()
    running.read("up:")
    after = bed.cpu_seconds()
    figures = running.finish()
    return _rates(sessions, before, after, figures["dials"]["seconds"])


def _dial_repeatedly(bed, runs, sessions, *arguments):
    """The sum of some runs, since one of a thousand dials is over in a fraction of a second."""
    parts = [_dial(bed, sessions, *arguments) for _ in range(runs)]
    used = {name: sum(part["cpu_seconds"][name] for part in parts) for name in parts[0]["cpu_seconds"]}
    return _rates(runs * sessions, dict.fromkeys(used, 0), used,
                  sum(part["wall_seconds"] for part in parts))


def plain_at_1000(build, runs=5):
    """L2TP and PPP (MS-CHAPv2) without IPsec, from 0 to 1,000 sessions."""
    with Bed(build, 1000, "off") as bed:
        return _dial_repeatedly(bed, runs, 1000, *PLAIN, *EVEN)


def plain_at_60000(build, sessions=60000, last=5000):
    """The same for the last 5,000 of 60,000 sessions."""
    with Bed(build, sessions, "off") as bed:
        running = bed.load("--sessions", str(sessions), "--progress", str(last), *PLAIN, *EVEN)
        for _ in range(sessions // last - 1):
            running.read("progress:")
        before, begun = bed.cpu_seconds(), time.monotonic()
        running.read("progress:")
        after, ended = bed.cpu_seconds(), time.monotonic()
        running.finish()
        return _rates(last, before, after, ended - begun)


def ike(build, group, sessions=3000):
    """Main mode with a pre-shared key and quick mode with AES-256-GCM."""
    with Bed(build, sessions, "required") as bed:
        return _dial(bed, sessions, *CLIENTS, "--ike-group", group, "--until", "ike")


def whole_dial(build, group, sessions=3000):
    """IKE, L2TP and PPP until IPCP is open."""
    with Bed(build, sessions, "required") as bed:
        return _dial(bed, sessions, *CLIENTS, "--ike-group", group)


def _memory_of(build, sessions):
    with Bed(build, sessions, "required") as bed:
        empty = bed.memory()
        running = bed.load("--sessions", str(sessions), *CLIENTS, "--ike-group", "ecp256",
                           "--hold", str(STEADY_SECONDS + 5))
        running.read("up:")
        time.sleep(STEADY_SECONDS)
        memory = bed.memory()
        if bed.totals()["sessions_up"] != sessions or bed.totals()["sas"] < sessions:
            raise DialsFailed(f"not all are up any more: {bed.totals()}")
        running.stop()
        return empty, memory


def _bytes(memory):
    """What the process holds, and what DPDK's heap, a part of it, has given out."""
    return {"resident": memory["process resident"], "huge_pages": memory["process huge pages"],
            "heap": sum(value for name, value in memory.items() if name.startswith("heap "))}


def memory_per_ipsec_session(build, few=1000, many=20000):
    """Bytes for each session with AES-256-GCM, a minute after the dial."""
    low, high = (_bytes(_memory_of(build, sessions)[1]) for sessions in (few, many))
    grown = {name: high[name] - low[name] for name in low}
    # The daemon's slabs lie in huge pages if there are any. DPDK's memory is all there from the start.
    return {"few": {"sessions": few, **low}, "many": {"sessions": many, **high},
            **{f"{name}_bytes_per_session": round(value / (many - few)) for name, value in grown.items()},
            "bytes_per_session": round(sum(grown.values()) / (many - few))}


def _capacity(build, ipsec, sessions, *arguments):
    with Bed(build, sessions, ipsec) as bed:
        # Routes of the links' neighbours are there once somebody has dialled.
        bed.load("--sessions", "4", *arguments).finish()
        bed.wait_empty()
        empty = bed.memory()
        running = bed.load("--sessions", str(sessions), "--traffic", "20000", "--seconds", "10",
                           *arguments)
        running.read("up:")
        full = {**bed.totals(), "resident": bed.memory()["process resident"]}
        figures = running.finish()
        left = bed.wait_empty()
        after = bed.memory()
    pools = {name: (empty[name], after[name]) for name in empty if name.startswith("pool ")}
    return {
        "sessions": sessions,
        "up": full["sessions_up"],
        "sessions_with_traffic": sessions - max(
            figures["traffic"][way]["sessions_without_a_packet"] for way in ("up", "down")),
        "dials": figures["dials"],
        "traffic": figures["traffic"],
        "end": figures["end"],
        "totals_full": full,
        "totals_after": left,
        "pools_before_and_after": pools,
        "as_before": not any(left.values()) and all(was == now for was, now in pools.values()),
    }


def capacity_plain(build, sessions=60000):
    """60,000 plain sessions in four tunnels, with traffic on all, and down again."""
    return _capacity(build, "off", sessions, *PLAIN)


def capacity_ipsec(build, sessions=20000):
    """20,000 IPsec clients behind 400 NATs, with traffic on all, and down again."""
    return _capacity(build, "required", sessions, *CLIENTS, "--ike-group", "ecp256")


def lac(build, tunnels, proxied, sessions=60000):
    """
    A carrier's LAC, which proved the secret: 60,000 sessions by CHAP from nothing; proxied: the LAC
    has settled LCP and CHAP's challenge and response with each caller.
    """
    with Bed(build, sessions, "off", l2tp="challenge = true;") as bed:
        secret = ("--tunnel-secret-file", str(bed.directory / "l2tp"))
        kind = ("--mode", "lac", "--tunnels", str(tunnels), "--auth", "chap", *secret,
                *(("--proxy",) if proxied else ()))
        bed.load("--sessions", "4", "--mode", "lac", "--auth", "chap", *secret).finish()
        bed.wait_empty()
        empty = _bytes(bed.memory())
        running = bed.load("--sessions", str(sessions), "--hold", "2", *kind)
        running.read("links:")
        before = bed.cpu_seconds()
        running.read("up:")
        after = bed.cpu_seconds()
        full, totals = _bytes(bed.memory()), bed.totals()
        figures = running.finish()
        taken = sum(row["count"] for row in bed.concentrator.show("drops") if row["name"] == "proxy_taken")
        if (totals["sessions_up"], totals["tunnels"]) != (sessions, tunnels) or taken != (sessions if proxied else 0):
            raise DialsFailed(f"up are {totals}, taken over {taken}")
    result = _rates(sessions, before, after, figures["dials"]["seconds"])
    return {**result, "tunnels": tunnels, "time_to_up_ms": figures["dials"]["time_to_up_ms"],
            "control_microseconds_per_session": round(1e6 / result["per_control_second"], 1),
            "bytes_per_session": round(sum(full[name] - empty[name] for name in full) / sessions)}


FIGURES = {
    "plain_at_1000": plain_at_1000,
    "plain_at_60000": plain_at_60000,
    "ike_modp2048": lambda build: ike(build, "modp2048"),
    "ike_ecp256": lambda build: ike(build, "ecp256"),
    "whole_dial_modp2048": lambda build: whole_dial(build, "modp2048"),
    "whole_dial_ecp256": lambda build: whole_dial(build, "ecp256"),
    "memory_per_ipsec_session": memory_per_ipsec_session,
    "lac_1": lambda build: lac(build, 1, False),
    "lac_1_proxied": lambda build: lac(build, 1, True),
    "lac_2000": lambda build: lac(build, 2000, False),
    "lac_2000_proxied": lambda build: lac(build, 2000, True),
    "capacity_plain": capacity_plain,
    "capacity_ipsec": capacity_ipsec,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="the build directory (default: build)")
    parser.add_argument("figures", nargs="*", metavar="FIGURE",
                        help="one or more of: " + ", ".join(FIGURES) + " (default: all)")
    options = parser.parse_args()
    unknown = set(options.figures) - set(FIGURES)
    if unknown:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}")
    if os.geteuid() != 0:
        sys.exit("dials.py: a network namespace needs root")
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    failed = 0
    for name in options.figures or FIGURES:
        try:
            print(json.dumps({name: FIGURES[name](options.build)}), flush=True)
        except (DialsFailed, CommandFailed, ConcentratorFailed) as failure:
            failed += 1
            print(json.dumps({name: {"failed": str(failure)}}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
