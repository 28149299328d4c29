# SPDX-License-Identifier: BSD-3-Clause
"""Sessions of `bench`, and the capture files for traffic generators: the daemon takes what they hold."""

import subprocess
import time

from lab.case import case, expect
from lab.topology import CONCENTRATOR, OUTSIDE, SERVER

_SESSIONS = 50
# Link addresses of DPDK's ports over capture files, in the order of the ports.
_MACS = ("02:70:63:61:70:00", "02:70:63:61:70:01")
_BENCH = 'bench = {{ sessions = {sessions}; cipher = "{cipher}"; seed = "a seed"; }};\n'


def _write(build, path, *arguments):
    subprocess.run([f"{build}/app/concentrator-pcapgen/concentrator-pcapgen", "-o", str(path),
                    "--sessions", str(_SESSIONS), "--packets", "4", "--seed", "a seed",
                    "--local", CONCENTRATOR, "--server", SERVER, *arguments], check=True)


def _forwarded(concentrator):
    """Packets that left by each port, and all drops."""
    ports = {port["port"]: port["packets_out"] for port in concentrator.show("ports")}
    drops = {row["name"]: row["count"] for row in concentrator.show("drops") if row["count"]}
    return ports, drops


@case(seconds=90, own_daemon=True, guest=False)
def bench_sessions_take_what_pcapgen_writes(lab):
    """ESP up, plain packets down, in a loop: all is forwarded, nothing is dropped."""
    for cipher in ("aes-256-gcm", "aes-256-cbc-sha1", "none"):
        def prepare(directory, cipher=cipher):
            _write(lab.build, directory / "up.pcap", "--cipher", cipher, "--mac", _MACS[0])
            _write(lab.build, directory / "down.pcap", "--down", "--mac", _MACS[1])

        concentrator = lab.start_concentrator(
            ("--enable-bench",), prepare, links="pcap", ipsec="off" if cipher == "none" else
            "required", extra=_BENCH.format(sessions=_SESSIONS, cipher=cipher))
        own = lab.topology["concentrator"]
        own.run("ip", "neigh", "replace", OUTSIDE, "lladdr", "02:00:00:00:00:77", "dev", "access")
        own.run("ip", "neigh", "replace", SERVER, "lladdr", "02:00:00:00:00:88", "dev", "inside")
        time.sleep(1)
        ports, drops = _forwarded(concentrator)
        time.sleep(1)
        ports_later, drops_later = _forwarded(concentrator)
        for port in ports:
            expect(ports_later[port] > ports[port] + 1000,
                   f"{cipher}: {port} sent {ports_later[port] - ports[port]}, drops {drops_later}")
        expect(drops_later == drops, f"{cipher}: dropped {drops} and then {drops_later}")


@case(seconds=20, guest=False)
def wireshark_opens_what_pcapgen_writes(lab):
    """The key table opens every packet, and every authenticator is right."""
    for cipher in ("aes-256-gcm", "aes-256-cbc-sha1"):
        file, table = lab.directory / "generated.pcap", lab.directory / "generated.keys"
        _write(lab.build, file, "--cipher", cipher, "--keys", str(table))
        keys = [part for row in table.read_text().splitlines() for part in ("-o", f"uat:esp_sa:{row}")]
        fields = subprocess.run(
            ["tshark", "-r", str(file), "-o", "esp.enable_encryption_decode:TRUE",
             "-o", "esp.enable_authentication_check:TRUE", *keys, "-T", "fields",
             "-e", "l2tp.session", "-e", "esp.icv_good", "-e", "ip.dst"],
            capture_output=True, text=True, check=True).stdout.split()
        rows = [fields[i:i + 3] for i in range(0, len(fields), 3)]
        expect(len(rows) == 4 * _SESSIONS, f"{cipher}: {len(rows)} packets")
        for i, row in enumerate(rows):
            right = [str(1 + i % _SESSIONS), "1", f"{CONCENTRATOR},{SERVER}"]
            expect(row == right, f"{cipher}: packet {i}: {row}, not {right}")


@case(seconds=20, guest=False)
def bench_sessions_need_a_flag(lab):
    """Sessions with keys that anybody knows do not come from a configuration alone."""
    path = lab.directory / "bench.conf"
    path.write_text(lab.concentrator.configuration.read_text() +
                    _BENCH.format(sessions=1, cipher="none"))
    ended = subprocess.run([lab.concentrator.program, "-c", str(path)], capture_output=True,
                           text=True, timeout=20, check=False)
    expect(ended.returncode == 78, f"exit status {ended.returncode}: {ended.stderr}")
    expect("--enable-bench" in ended.stderr, ended.stderr)
