#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The demonstration: called by scripts/demo, which installs and builds before."""

import argparse
import os
import pathlib
import shlex
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from lab import kept, process  # noqa: E402
from lab.concentrator import USERS, Concentrator, password_of, write_secret  # noqa: E402
from lab.dial import IPSEC_SECRET, Dial  # noqa: E402
from lab.guest import Guest  # noqa: E402
from lab.lab import Lab, guest_image  # noqa: E402
from lab.client import Client  # noqa: E402
from lab.topology import LINKS, SERVER  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
DIRECTORY = pathlib.Path("/run/concentrator-demo")     # as configs/demo.conf has it
PREFIX = "demo"

TRY = """
It stays up. Try:
  {ctl} show sessions
  {ctl} show sas
  {ctl} show drops
  scripts/demo --client ping -c 3 {server}
  scripts/demo --client curl -so /dev/null -w '%{{speed_download}} bytes/s\\n' http://{server}/file
  ip netns exec {prefix}-server ping -c 3 {client}
  ip netns exec {prefix}-outside tcpdump -ni access-wire
  tail -f {directory}/concentrator.log
  scripts/demo --stop
"""


class Story:
    def __init__(self):
        self.start = time.monotonic()

    def tell(self, text):
        print(f"{time.monotonic() - self.start:7.2f} s  {text}", flush=True)


def print_ladder(events):
    """Every IKE, L2TP and PPP step with its time since the first."""
    steps = [event for event in events if event.get("event") == "step"]
    if not steps:
        raise RuntimeError("the daemon has written no steps to its events")
    print(f"\n   client {steps[0].get('peer', '')}  -->  concentrator")
    for step in steps:
        arrow = "-->" if step["direction"] == "in" else "<--"
        print(f"{step['time'] - steps[0]['time']:9.3f} s  {step['layer'].upper():4} {arrow} "
              f"{step['message']:<28} {step.get('meaning', '')}".rstrip())
    print()


def indent(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


def show(lab, story):
    story.tell("network: client - NAT - outside - concentrator - server; the client's machine boots")
    lab.start()
    concentrator = Concentrator(lab.build, lab.topology, DIRECTORY, ROOT / "configs" / "demo.conf",
                                lab.outlive)
    lab.concentrator = concentrator
    concentrator.start()
    story.tell("the concentrator is ready")
    client = lab.client("nat")
    story.tell("the client has booted: " + lab.guest.run("uname -sr").strip())
    with lab.capture("access") as capture:
        client.dial(Dial())
        story.tell(f"the client is up, its address is {client.address}")
        print_ladder(concentrator.events())
        answers = client.ping(SERVER)
        story.tell(f"ping of the server {SERVER}: {answers} of 5 answered")
        size, seconds, digest = client.download(lab.download_url)
        story.tell(f"download from the server: {size} bytes in {seconds:.1f} s")
    if answers == 0 or digest != lab.download_digest:
        raise RuntimeError("the server is not reached through the tunnel")
    strangers = capture.strangers()
    story.tell(f"on the wire outside: {len(capture.frames('udp port 500 or udp port 4500'))} frames of "
               f"IKE and ESP in UDP, {len(strangers)} others")
    if strangers:
        raise RuntimeError(f"seen in the clear: {strangers[0]}")
    print(f"\nconcentrator-ctl show sessions\n{indent(concentrator.ctl('show', 'sessions'))}", flush=True)
    return client


def write_secrets():
    write_secret(DIRECTORY / "psk", IPSEC_SECRET + "\n")
    write_secret(DIRECTORY / "users", "".join(f"{user} {password_of(user)}\n" for user in USERS))


def run(build, keep):
    if kept.running(DIRECTORY):
        sys.exit("demo: a kept demo runs; scripts/demo --stop ends it")
    kept.stop(DIRECTORY, PREFIX)
    DIRECTORY.mkdir(mode=0o755)
    write_secrets()
    lab = Lab(build, guest_image(), prefix=PREFIX, directory=DIRECTORY, outlive=keep)
    story = Story()
    done = False
    try:
        client = show(lab, story)
        done = True
    except Exception as reason:  # pylint: disable=broad-except
        print(f"\ndemo: failed: {reason}\nlogs: {DIRECTORY}/concentrator.log and "
              f"{DIRECTORY}/guest/share/clients/", file=sys.stderr)
        return 1
    finally:
        process.ignore_signals()
        if keep and done:
            kept.write(DIRECTORY, lab.processes(), client.link.name)
        else:
            if done:
                client.hang_up()
            lab.stop(keep_files=not done)
            story.tell("the client has hung up; all is cleaned up" if done else "cleaned up")
    if keep:
        ctl = os.path.relpath(build / "app/concentrator-ctl/concentrator-ctl", ROOT)
        print(TRY.format(ctl=f"{ctl} -s {DIRECTORY}/control.sock", server=SERVER, prefix=PREFIX,
                         client=client.address, directory=DIRECTORY))
    return 0


def in_client(command):
    """Runs a command in the client of a kept demo."""
    if not kept.running(DIRECTORY):
        sys.exit("demo: nothing runs; scripts/demo --keep starts it")
    guest = Guest(DIRECTORY / "guest", None)
    guest.attach()
    name = kept.read(DIRECTORY)["client"]
    index = [link.name for link in LINKS].index(name)
    job = Client(guest, LINKS[index], index).begin(shlex.join(command))
    print(job.wait(600, check=False), end="")
    return job.status


def main():
    parser = argparse.ArgumentParser(prog="scripts/demo", description=(
        "A stock Linux client dials in and reaches a server behind the concentrator."))
    parser.add_argument("--build", default="build", help=argparse.SUPPRESS)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--keep", action="store_true", help="leave it running")
    choice.add_argument("--stop", action="store_true", help="end a kept demo")
    choice.add_argument("--client", nargs=argparse.REMAINDER, metavar="COMMAND",
                        help="run a command in the client of a kept demo")
    options = parser.parse_args()
    if options.client:
        return in_client(options.client)
    if options.stop:
        kept.stop(DIRECTORY, PREFIX)
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        return run(pathlib.Path(options.build).resolve(), options.keep)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
