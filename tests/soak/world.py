"""What a run leaves behind is removed by it: processes, folders, mounts and network namespaces."""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path


class World:
    """Owns everything outside of this process; `clean` may be called at any moment, and twice."""

    def __init__(self, wsio):
        self.wsio = wsio
        self.folder = Path(tempfile.mkdtemp(prefix="wsio-soak-"))
        self.lock, self.undo, self.running, self.made = threading.Lock(), [], {}, 0
        self.over = False

    def number(self):
        """Another number at each call, for names."""
        with self.lock:
            self.made += 1
            return self.made

    def path(self, name):
        """A fresh path below the folder of this run."""
        return self.folder / f"{self.number()}-{name}"

    def started(self, process):
        """Remembers a process until it was reaped."""
        with self.lock:
            self.running[process.pid] = process
        if self.over:
            kill(process)

    def reaped(self, process):
        with self.lock:
            self.running.pop(process.pid, None)

    def later(self, command):
        """Runs this command at the end; the last one first."""
        with self.lock:
            self.undo.append(command)
        if self.over:
            self.clean()

    def clean(self):
        self.over = True
        with self.lock:
            running, self.running = list(self.running.values()), {}
            undo, self.undo = self.undo[::-1], []
        for process in running:
            kill(process)
        for process in running:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                pass
        for command in undo:
            subprocess.run(command, capture_output=True, timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)


def kill(process):
    """Ends a process that was started here; it is signalled only while it is not reaped."""
    try:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
    except (OSError, ValueError):
        pass


def can_be_root():
    """Why namespaces and mounts are not to be had here, or None."""
    if os.geteuid() != 0:
        return "it needs root"
    for program in ("ip", "tc", "nsenter", "mount"):
        if not shutil.which(program):
            return f"`{program}` is missing (Debian: iproute2, util-linux, mount)"
    return None
