#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Runs the network tests: the daemon in a namespace, stock clients in a QEMU guest.

One line a test: "ok NAME SECONDS s" or "FAIL NAME SECONDS s REASON, LOG". Status 0 when nothing failed.
"""

import argparse
import os
import pathlib
import re
import signal
import sys
import time
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import cases  # noqa: E402,F401 (registers them)
from lab.case import CASES, Failed  # noqa: E402
from lab.guest import time_scale  # noqa: E402
from lab.lab import Lab, guest_image  # noqa: E402

MOST_FAILED_STARTS = 3


class TooLate(Exception):
    pass


def on_alarm(*_):
    raise TooLate("time limit")


def on_signal(number, _):
    raise SystemExit(128 + number)


def check(lab):
    """What must hold after every case."""
    concentrator = lab.concentrator
    if not concentrator:
        return
    if concentrator.complaint():
        raise Failed(concentrator.complaint())
    if not concentrator.running():
        raise Failed(f"the daemon has ended with {concentrator.process.wait(0)}")


def need_concentrator(lab, case):
    """The daemon as the case wants it; a daemon that never starts is tried only a few times."""
    if lab.failed_starts >= MOST_FAILED_STARTS:
        raise Failed("the daemon does not start")
    lab.failed_starts += 1
    lab.need_concentrator(**case.configuration)
    lab.failed_starts = 0


def run_case(lab, case):
    """None when it passes, else the exception."""
    signal.alarm(int(case.seconds * time_scale()))
    try:
        if not case.own_daemon:
            need_concentrator(lab, case)
        case.run(lab)
        check(lab)
        return None
    except Exception as failure:  # pylint: disable=broad-except
        return failure
    finally:
        signal.alarm(0)


def write_report(lab, case, failure):
    """Everything one wants to know about a failed case, in one file; returns its path."""
    path = lab.directory / f"{case.name}.log"
    with open(path, "w") as report:
        report.write("".join(traceback.format_exception(failure)))
        concentrator = lab.concentrator
        if concentrator and concentrator.process:
            report.write(f"\n--- {concentrator.log_path}\n{concentrator.log()[-20000:]}\n")
            if concentrator.running():
                for noun in ("sessions", "tunnels", "sas", "drops"):
                    report.write(f"\n--- show {noun}\n{concentrator.ctl('show', noun, check=False)}\n")
        for client in lab.clients_in_use():
            for name in ("charon.log", "pluto.log", "xl2tpd.log", "pppd.log"):
                text = client.read_log(name)
                if text:
                    report.write(f"\n--- client {client.link.name}: {name}\n{text[-8000:]}\n")
    return path


def say(word, name, seconds, failure=None, log=None):
    reason = " " + re.sub(r"\s+", " ", str(failure) or repr(failure))[:300] if failure else ""
    print(f"{word} {name} {seconds:.1f} s{reason}{f', {log}' if log else ''}", flush=True)


def run_all(lab, chosen):
    """Returns how many have failed; the last line is about how the daemon ended each time."""
    failed = 0
    for case in chosen:
        start = time.monotonic()
        failure = run_case(lab, case)
        seconds = time.monotonic() - start
        if failure:
            failed += 1
            say("FAIL", case.name, seconds, failure, write_report(lab, case, failure))
        else:
            say("ok", case.name, seconds)
        lab.settle(afresh=failure is not None)
    start = time.monotonic()
    lab.stop_concentrator()
    seconds = time.monotonic() - start
    if lab.bad_ends:
        say("FAIL", "daemon_ends_well", seconds, *lab.bad_ends[0])
        return failed + 1
    say("ok", "daemon_ends_well", seconds)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build", help="the build directory (default: build)")
    parser.add_argument("--list", action="store_true", help="list the tests and end")
    parser.add_argument("-k", metavar="PATTERN", default="", help="only tests whose name matches")
    parser.add_argument("--again", action="store_true",
                        help="skip what a run with another build has shown for this one too")
    parser.add_argument("--keep-logs", action="store_true", help="keep the logs though nothing failed")
    options = parser.parse_args()

    chosen = [case for case in CASES if re.search(options.k, case.name)]
    skipped = [case.name for case in chosen if options.again and case.once]
    chosen = [case for case in chosen if case.name not in skipped]
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    if os.geteuid() != 0:
        sys.exit("run.py: network namespaces need root")
    build = pathlib.Path(options.build).resolve()
    if not (build / "app" / "concentrator" / "concentrator").exists():
        sys.exit(f"run.py: {build} holds no concentrator")

    signal.signal(signal.SIGALRM, on_alarm)
    signal.signal(signal.SIGTERM, on_signal)
    if skipped:
        print("not repeated:", ", ".join(skipped), flush=True)
    lab = Lab(build, guest_image() if any(case.guest for case in chosen) else None)
    failed = len(chosen)
    try:
        lab.start()
        failed = run_all(lab, chosen)
    finally:
        lab.stop(keep_files=failed or options.keep_logs)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
