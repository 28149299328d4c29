# SPDX-License-Identifier: BSD-3-Clause
"""The daemon without a client: its configuration, its kernel twins, its end, noise on its ports."""

import random
import subprocess

from lab import process
from lab.case import case, expect
from lab.client import ping_answers
from lab.concentrator import Concentrator, write_configuration
from lab.topology import CONCENTRATOR, INSIDE

REFUSED = 78

_SEND_NOISE = """
import random, socket, sys
random.seed(int(sys.argv[2]))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
esp = socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)
ike = bytes(range(8)) + bytes(8)
for _ in range(3000):
    data = random.randbytes(random.choice((0, 1, 4, 8, 27, 28, 29, 60, 200, 1400)))
    kind = random.randrange(5)
    if kind == 0:
        udp.sendto(ike + bytes((random.randrange(256), 0x10, random.randrange(256), 0)) + bytes(4)
                   + (28 + len(data)).to_bytes(4, "big") + data, (sys.argv[1], 500))
    elif kind == 1:
        esp.sendto(data, (sys.argv[1], 0))
    else:
        udp.sendto(data, (sys.argv[1], (500, 4500, 1701)[kind - 2]))
"""


def _check(lab, path):
    done = subprocess.run([Concentrator(lab.build, lab.topology, lab.directory, path).program,
                           "--check-config", "-c", str(path)], timeout=20, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


@case(own_daemon=True, guest=False)
def check_config_accepts_the_lab(lab):
    status, output = _check(lab, write_configuration(lab.directory / "check"))
    expect(status == 0, f"status {status}: {output}")


@case(own_daemon=True, guest=False)
def check_config_refuses_mistakes(lab):
    directory = lab.directory / "check"
    mistakes = {
        "unknown key": 'workerz = 1;\n',
        "wrong type": 'rx_queue_size = "many";\n',
        "overlapping pools": 'pools = ( { name = "a"; first = "10.20.0.2"; last = "10.20.0.9"; },\n'
                             '{ name = "b"; first = "10.20.0.9"; last = "10.20.0.12"; } );\n',
        "unreadable secret": 'users_file = "/nowhere/users";\n',
    }
    for name, text in mistakes.items():
        path = write_configuration(directory)
        key = text.split()[0]
        kept, skipping = [], False
        for line in path.read_text().splitlines(keepends=True):
            skipping = skipping or line.startswith(key + " ")
            if not skipping:
                kept.append(line)
            elif line.rstrip().endswith(";"):
                skipping = False
        path.write_text("".join(kept) + text)
        status, output = _check(lab, path)
        expect(status == REFUSED, f"{name}: status {status}: {output}")
        expect("concentrator.conf:" in output and key in output, f"{name}: {output}")


@case(guest=False)
def twins_answer_ping(lab):
    for name, address in (("outside", CONCENTRATOR), ("server", INSIDE)):
        output = lab.topology[name].run("ping", "-n", "-q", "-c", "5", "-i", "0.2", address, check=False)
        expect(ping_answers(output) >= 4, f"{address} from {name}: {output}")


@case(guest=False)
def noise_does_no_harm(lab):
    seed = random.randrange(1 << 30)
    lab.topology["outside"].run("/usr/bin/python3", "-c", _SEND_NOISE, CONCENTRATOR, str(seed))
    expect(lab.concentrator.running(), f"the daemon has ended, seed {seed}")
    lab.concentrator.ctl("status")
    expect(not lab.concentrator.sessions(), "there is a session")
    expect(lab.concentrator.ctl("show", "drops").strip(), "no drop is counted")


@case(own_daemon=True, guest=False)
def stops_on_request(lab):
    lab.start_concentrator()
    status = lab.stop_concentrator()
    expect(status == 0, f"exit status {status}")


@case(guest=False)
def control_client_says_what_is_wrong(lab):
    concentrator = lab.concentrator
    program = str(lab.build / "app" / "concentrator-ctl" / "concentrator-ctl")
    socket = str(concentrator.directory / "control.sock")
    for arguments, wanted in ((("-s", socket, "status"), 0), (("-s", socket, "nonsense"), 2),
                              (("-s", socket, "disconnect", "999999"), 3),
                              (("-s", "/nowhere.sock", "status"), 4)):
        status = subprocess.run([program, *arguments], timeout=10, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, check=False).returncode
        expect(status == wanted, f"{' '.join(arguments)}: status {status} instead of {wanted}")
    for noun in ("sessions", "tunnels", "sas", "ports", "workers", "drops"):
        concentrator.show(noun)
    process.run(program, "-s", socket, "show", "ports")
