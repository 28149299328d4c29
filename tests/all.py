#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Builds everything and runs every test; called by scripts/test, which installs before.

One line a test; the last line is "N passed, N failed, N skipped", the status is 0 if nothing failed.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
LEAKS = ROOT / "tests" / "network" / "lab" / "leaks"

# Directory, what it is, environment, meson options.
GCC = ("build", "gcc", {}, ())
CLANG = ("build-clang", "clang", {"CC": "clang"}, ())
SANITIZED = ("build-asan", "sanitizers", {}, ("-Db_sanitize=address,undefined", "-Db_lundef=false"))
FUZZED = ("build-fuzz", "fuzzers", {"CC": "clang"},
          ("-Dfuzzers=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
           "-Dc_args=-fsanitize=fuzzer-no-link"))
FUZZ_SECONDS = 10


class Tally:
    def __init__(self):
        self.count = {"ok": 0, "FAIL": 0, "skip": 0}

    def say(self, line):
        """Prints and counts a test's line; in CI a skipped test is a failed one."""
        word, _, rest = line.partition(" ")
        if word == "skip" and os.environ.get("CI"):
            word = "FAIL"
        if word in self.count:
            self.count[word] += 1
            line = f"{word} {rest}"
        print(line, flush=True)

    def end(self):
        print("{ok} passed, {FAIL} failed, {skip} skipped".format(**self.count), flush=True)
        return 1 if self.count["FAIL"] or not self.count["ok"] else 0


def heading(text):
    print(f"== {text}", flush=True)


def command(tally, name, words, environment=None):
    """A command that is itself a test; returns whether it has passed."""
    start = time.monotonic()
    done = subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                          env={**os.environ, **(environment or {})})
    seconds = time.monotonic() - start
    if done.returncode != 0:
        print(done.stdout, end="")
    tally.say(f"{'ok' if done.returncode == 0 else 'FAIL'} {name} {seconds:.1f} s")
    return done.returncode == 0


def build(tally, what):
    directory, name, environment, options = what
    return command(tally, f"build with {name}", ["scripts/build", directory, *options], environment)


_WORDS = {"OK": "ok", "EXPECTEDFAIL": "ok", "SKIP": "skip"}


def meson_tests(tally, what):
    """Unit and packet-path tests."""
    directory, name, _, _ = what
    heading(f"unit and packet-path tests, {name}")
    log = ROOT / directory / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    environment = {"LSAN_OPTIONS": f"print_suppressions=0:suppressions={LEAKS}"}
    done = subprocess.run(["meson", "test", "-C", directory, "--no-rebuild"], cwd=ROOT, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", env={**os.environ, **environment})
    results = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for result in results:
        word = _WORDS.get(result["result"], "FAIL")
        where = f" {result['result']}, {log.with_suffix('.txt')}" if word == "FAIL" else ""
        tally.say(f"{word} {result['name']} {result['duration']:.1f} s{where}")
    if not results or (done.returncode and all(r["result"] in _WORDS for r in results)):
        print(done.stdout, end="")
        tally.say(f"FAIL meson test, {name}, status {done.returncode}")


def fuzz(tally, what):
    """Each decoder over its kept corpus, and on from there for a while."""
    heading("fuzzers")
    if not build(tally, what):
        return
    for corpus in sorted((ROOT / "tests" / "fuzz" / "corpus").iterdir()):
        with tempfile.TemporaryDirectory() as found:
            command(tally, f"fuzz {corpus.name}",
                    [f"{what[0]}/tests/fuzz/fuzz_{corpus.name}", f"-max_total_time={FUZZ_SECONDS}",
                     f"-artifact_prefix={ROOT}/{what[0]}/", found, str(corpus)])


def network_tests(tally, what, pattern, again):
    """
    The daemon in namespaces with scripted clients, and with stock ones in QEMU. again: they ran with another
    build before, so what would show nothing new is left out.
    """
    directory, name, _, _ = what
    heading(f"network tests, {name}")
    if os.geteuid() != 0:
        tally.say("skip network tests: they need root")
        return
    process = subprocess.Popen([str(ROOT / "tests/network/run.py"), "--build", directory, "-k", pattern,
                                *(["--again"] if again else [])],
                               cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    failed = False
    try:
        for line in process.stdout:
            failed = failed or line.startswith("FAIL ")
            tally.say(line.rstrip())
    except BaseException:
        process.terminate()
        process.wait()
        raise
    if process.wait() != 0 and not failed:
        tally.say(f"FAIL network tests, {name}, status {process.returncode}")


def main():
    parser = argparse.ArgumentParser(prog="scripts/test", description="Runs every test.")
    parser.add_argument("-k", metavar="PATTERN", default="", help="only these network tests")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

    tally = Tally()
    heading("builds")
    clang = build(tally, CLANG)
    guest = command(tally, "guest image", ["scripts/guest-image"])
    again = False
    for what in (GCC, SANITIZED):
        if not build(tally, what):
            continue
        meson_tests(tally, what)
        if guest:
            network_tests(tally, what, options.k, again)
            again = True
    if clang:
        meson_tests(tally, CLANG)
    fuzz(tally, FUZZED)
    return tally.end()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
