"""One run of `wsio`: started, watched, bounded in time, and read only for what it says of itself."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import termios
import threading
import time

KEPT_STDERR = 256 * 1024
# Exit codes that are a bug whatever happened: an internal fault, Rust's panic.
BUGS = (70, 101)


class Wsio:
    """`wsio ARGS`. Standard output is kept unless a descriptor is given."""

    def __init__(self, world, *args, stdin=subprocess.DEVNULL, stdout=None, prefix=(), preexec=None):
        self.world, self.args = world, [str(arg) for arg in args]
        self.begun = time.monotonic()
        self.ended, self.peak_kib, self.overdue = None, 0, False
        self.process = subprocess.Popen(
            [*prefix, world.wsio, *self.args],
            stdin=stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            preexec_fn=preexec,
        )
        world.started(self.process)
        self.out, self.err = bytearray(), bytearray()
        self.threads = [self._thread(self._read, self.process.stderr, self.err, KEPT_STDERR)]
        if stdout is None:
            self.threads.append(self._thread(self._read, self.process.stdout, self.out, None))
        self.watching = self._thread(self._watch)

    def _thread(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        return thread

    def _read(self, pipe, into, most):
        while data := os.read(pipe.fileno(), 65536):
            if most is None or len(into) < most:
                into += data
        pipe.close()

    def _watch(self):
        """Notes the end, and the peak of memory until then (VmHWM, which the fork does not distort)."""
        while True:
            try:
                return_code = self.process.wait(0.02)
            except subprocess.TimeoutExpired:
                self._look()
                continue
            self.ended = time.monotonic()
            self.world.reaped(self.process)
            return return_code

    def _look(self):
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                found = re.search(r"VmHWM:\s+(\d+)", status.read())
        except OSError:
            return
        if found:
            self.peak_kib = max(self.peak_kib, int(found[1]))

    def signal(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def wait(self, limit):
        """The exit code; a run that is not over in time is killed, and told as overdue."""
        self.watching.join(limit)
        if self.watching.is_alive():
            self.overdue = True
            self.signal(signal.SIGKILL)
            self.watching.join(10)
        for thread in self.threads:
            thread.join(10)
        code = self.process.returncode
        return code if code is None or code >= 0 else 128 - code

    @property
    def code(self):
        code = self.process.returncode
        return code if code is None or code >= 0 else 128 - code

    @property
    def seconds(self):
        return (self.ended or time.monotonic()) - self.begun

    @property
    def words(self):
        return self.err.decode(errors="replace")

    def stat(self, way):
        """Messages and bytes of the `--stats` line `in:` or `out:`; None if it was not said."""
        found = re.findall(rf"^{way}: (\d+) messages, (\d+) bytes", self.words, re.M)
        return tuple(map(int, found[-1])) if found else None

    def records(self, kind):
        """The JSON records of a type on standard output."""
        found = []
        for line in self.out.split(b"\n"):
            if f'"type":"{kind}"'.encode() in line[:120]:
                try:
                    found.append(json.loads(line))
                except ValueError:
                    pass
        return [record for record in found if record.get("type") == kind]

    def problems(self, memory_mib=200):
        """What must never be, whatever the scenario."""
        found = []
        if self.overdue:
            found.append(f"not over after {self.seconds:.0f} s")
        if "panicked" in self.words or self.code in BUGS:
            found.append(f"panic or internal fault, exit {self.code}: {self.words[-300:]!r}")
        if self.code in (132, 134, 135, 136, 139):
            found.append(f"ended by signal {self.code - 128}")
        if self.peak_kib > memory_mib * 1024:
            found.append(f"{self.peak_kib // 1024} MiB of memory, over {memory_mib}")
        return found


def await_input(cat):
    """Waits until the pipe of a writer holds something, so that an end that comes at once leaves some for sure."""
    while cat.poll() is None and not int.from_bytes(fcntl.ioctl(cat.stdout, termios.FIONREAD, bytes(4)), sys.byteorder):
        time.sleep(0.001)


def announced(wsio, path, limit=20.0):
    """The URL that a server announces, or None if it ended before."""
    end = time.monotonic() + limit
    while time.monotonic() < end and wsio.ended is None:
        if path.exists():
            return path.read_text().strip()
        time.sleep(0.01)
    return None
