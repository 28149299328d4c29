# SPDX-License-Identifier: BSD-3-Clause
"""The register of test cases. A case is a function with one argument, the lab."""

from dataclasses import dataclass
from typing import Callable


class Failed(Exception):
    pass


@dataclass(frozen=True)
class Case:
    name: str
    run: Callable
    configuration: dict
    seconds: int
    own_daemon: bool
    guest: bool
    once: bool


CASES = []


def case(seconds=120, own_daemon=False, guest=True, once=False, name=None, **configuration):
    """
    Registers a case: its time limit on an idle machine and the daemon's configuration. With
    own_daemon it starts, and may end, the daemon itself; without guest it needs no stock client; once:
    a run with sanitizers would repeat what a run without has shown.
    """
    def register(function):
        CASES.append(Case(name or function.__name__, function, configuration, seconds, own_daemon, guest,
                          once))
        return function
    return register


def expect(condition, reason):
    if not condition:
        raise Failed(reason)
