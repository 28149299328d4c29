# SPDX-License-Identifier: BSD-3-Clause
"""A stock Debian kernel in QEMU (software emulation), driven through a shared directory.

A command is a file in the directory, announced on a serial line; the guest answers on the same line.
"""

import os
import pathlib
import re
import shutil
import socket
import threading
import time

_AGENT = pathlib.Path(__file__).with_name("agent")
_KERNEL_LINE = ("console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nokaslr random.trust_cpu=on "
                "tsc=reliable no_timer_check audit=0 net.ifnames=0")


class GuestFailed(Exception):
    pass


def time_scale():
    """How much longer than on an idle machine things may take."""
    return 1 + os.getloadavg()[0] / os.cpu_count()


def _open_taps(pid):
    """The names of the taps that a process has open."""
    names = set()
    for path in pathlib.Path(f"/proc/{pid}/fdinfo").glob("*"):
        try:
            names.update(re.findall(r"^iff:\s*(\S+)", path.read_text(), re.MULTILINE))
        except OSError:
            pass
    return names


class Job:
    """A command that runs in the guest."""

    def __init__(self, guest, number, command):
        self.guest = guest
        self.number = number
        self.command = command

    def wait(self, timeout=60, check=True):
        """What it printed, when it has ended; its exit status is in .status."""
        self.status = self.guest.wait_for(self.number, timeout * time_scale())
        output = (self.guest.jobs / f"{self.number}.out").read_text(errors="replace")
        if self.status is None:
            raise GuestFailed(f"not ended after {timeout} s: {self.command.strip()}: {output[-500:]}")
        if check and self.status != 0:
            raise GuestFailed(f"status {self.status}: {self.command.strip()}: {output[-1000:]}")
        return output


class Guest:
    def __init__(self, directory, image):
        self.image = pathlib.Path(image) if image else None
        self.directory = pathlib.Path(directory)
        self.share = self.directory / "share"
        self.jobs = self.share / "jobs"
        self.bell_path = self.directory / "bell"
        self.qemu = None
        self._next = 0
        self._status = {}
        self._changed = threading.Condition()

    def start(self, namespace, taps, memory_mb=768, outlive=False):
        """Starts QEMU in a namespace that holds the taps; they may be moved once this returns."""
        self.jobs.mkdir(parents=True)
        shutil.copy(_AGENT, self.share / "agent")
        cards = []
        for index, tap in enumerate(taps):
            cards += ["-netdev", f"tap,id=n{index},ifname={tap},script=no,downscript=no,vnet_hdr=off",
                      "-device", f"virtio-net-pci,netdev=n{index},mac=02:00:00:00:10:{index:02x},romfile="]
        self.qemu = namespace.start(
            "qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max",
            "-smp", "1", "-m", str(memory_mb), "-nodefaults", "-no-user-config", "-display", "none",
            "-monitor", "none", "-no-reboot",
            "-kernel", str(self.image / "vmlinux"), "-initrd", str(self.image / "initrd"),
            "-append", _KERNEL_LINE,
            "-drive", f"file={self.image / 'root.squashfs'},format=raw,if=virtio,readonly=on",
            "-virtfs", f"local,path={self.share},mount_tag=lab,security_model=none,multidevs=remap",
            "-device", "virtio-rng-pci", "-serial", f"file:{self.directory / 'console.log'}",
            "-chardev", f"socket,id=bell,path={self.bell_path},server=on,wait=off",
            "-serial", "chardev:bell", *cards,
            log=self.directory / "qemu.log", outlive=outlive)
        self.attach()
        self._wait_open(taps)

    def _wait_open(self, taps):
        """A tap that is moved before QEMU has opened it would be made anew under its name."""
        deadline = time.monotonic() + 10 * time_scale()
        while not set(taps) <= _open_taps(self.qemu.pid):
            if time.monotonic() > deadline:
                raise GuestFailed(f"QEMU does not open its taps, see {self.directory / 'qemu.log'}")
            time.sleep(0.01)

    def attach(self):
        """Connects to the guest's bell."""
        deadline = time.monotonic() + 10 * time_scale()
        while True:
            self.bell = socket.socket(socket.AF_UNIX)
            try:
                self.bell.connect(str(self.bell_path))
                break
            except OSError:
                self.bell.close()
                if time.monotonic() > deadline or (self.qemu and not self.qemu.running()):
                    raise GuestFailed(f"QEMU does not start, see {self.directory / 'qemu.log'}")
                time.sleep(0.02)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.bell.makefile():
            number, _, status = line.strip().rpartition(" ")
            with self._changed:
                self._status[number] = int(status) if number else status
                self._changed.notify_all()
        with self._changed:
            self._status["gone"] = 1
            self._changed.notify_all()

    def wait_for(self, number, timeout):
        """The exit status of a job, None when it has not ended in time."""
        with self._changed:
            self._changed.wait_for(lambda: number in self._status or "gone" in self._status, timeout)
            if number not in self._status and "gone" in self._status:
                raise GuestFailed(f"the guest has died, see {self.directory / 'console.log'}")
            return self._status.get(number)

    def wait_booted(self, timeout=60):
        if self.wait_for("", timeout * time_scale()) is None:
            raise GuestFailed(f"no boot, see {self.directory / 'console.log'}")

    def begin(self, command):
        with self._changed:
            self._next += 1
            number = f"{os.getpid()}-{self._next}"
        (self.jobs / f"{number}.sh").write_text(command)
        self.bell.sendall(f"{number}\n".encode())
        return Job(self, number, command)

    def run(self, command, timeout=60, check=True):
        return self.begin(command).wait(timeout, check)

    def power_off(self):
        if not self.qemu:
            return
        if self.qemu.running():
            try:
                self.bell.sendall(b"off\n")
            except OSError:
                pass
        if self.qemu.wait(5) is None:
            self.qemu.stop()
