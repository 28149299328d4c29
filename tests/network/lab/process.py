# SPDX-License-Identifier: BSD-3-Clause
"""Running commands; every process started here is ended by its own pid."""

import ctypes
import os
import signal
import subprocess

PR_SET_PDEATHSIG = 1


def ignore_signals():
    """Cleaning up is not to be cut short by a second Ctrl-C."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


class CommandFailed(Exception):
    pass


def run(*command, timeout=30, check=True, data=None):
    """Runs a command to its end and returns what it printed (both streams)."""
    try:
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL if data is None else None,
                              timeout=timeout, text=True, errors="replace")
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"{' '.join(command)}: nothing after {timeout} s") from late
    if check and done.returncode != 0:
        raise CommandFailed(f"{' '.join(command)}: status {done.returncode}: {done.stdout.strip()}")
    return done.stdout


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """A process in the background, its output in a file."""

    def __init__(self, command, log, outlive=False, environment=None):
        """outlive: the process stays when we end (a lab that is kept)."""
        self.log = log
        with open(log, "ab") as output:
            self.popen = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=None if outlive else _die_with_parent,
                env={**os.environ, **(environment or {})})
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def wait(self, timeout):
        """Its exit status (negative: the signal that ended it), None when it still runs."""
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, timeout=5):
        """SIGTERM, then SIGKILL; returns the exit status."""
        self.signal(signal.SIGTERM)
        status = self.wait(timeout)
        if status is None:
            self.signal(signal.SIGKILL)
            status = self.wait(timeout)
        return status

    def output(self):
        with open(self.log, errors="replace") as text:
            return text.read()
