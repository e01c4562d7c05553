"""Two network namespaces with a slow link between them, limited both ways by `tc … tbf`."""

import ctypes
import os
import subprocess
import threading

NEAR, FAR = "10.231.0.1", "10.231.0.2"
CLONE_NEWNET = 0x40000000
PREFIX = "wsio-soak-"


class Link:
    """`near` is for `wsio`, `far` for its peer. Each pair has its own namespaces, so all have the same addresses."""

    def __init__(self, world, rate, buffer):
        number = world.number()
        self.near, self.far = (f"{PREFIX}{os.getpid()}-{number}-{end}" for end in ("near", "far"))
        for name in (self.near, self.far):
            run("ip", "netns", "add", name)
            world.later(["ip", "netns", "del", name])
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", "veth", "netns", self.near, "type", "veth", "peer", "name", "veth", "netns", self.far)
        for name, address in ((self.near, NEAR), (self.far, FAR)):
            run("ip", "-n", name, "addr", "add", f"{address}/30", "dev", "veth")
            run("ip", "-n", name, "link", "set", "veth", "up")
            limited = ["root", "tbf", "rate", rate, "burst", "10kb", "limit", str(buffer)]
            run("tc", "-n", name, "qdisc", "add", "dev", "veth", *limited)

    def prefix(self):
        """Put before a command, it runs on the near side, with the same process id."""
        return ["nsenter", f"--net=/run/netns/{self.near}"]

    def inside(self, name):
        """A function that runs another one on a thread within this namespace; its sockets stay there."""

        def entered(function):
            result = []

            def on_thread():
                with open(f"/run/netns/{name}") as space:
                    if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), CLONE_NEWNET) != 0:
                        result.append(OSError(ctypes.get_errno(), "setns"))
                        return
                try:
                    result.append(function())
                except Exception as error:
                    result.append(error)

            thread = threading.Thread(target=on_thread)
            thread.start()
            thread.join()
            if isinstance(result[0], Exception):
                raise result[0]
            return result[0]

        return entered

    def remove(self):
        for name in (self.near, self.far):
            run("ip", "netns", "del", name)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def remove_stale():
    """Removes the namespaces of runs whose process is gone: one that was killed could not."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, timeout=20).stdout
    for name in (line.split()[0] for line in listed.splitlines() if line.startswith(PREFIX)):
        if not os.path.exists(f"/proc/{name[len(PREFIX):].split('-')[0]}"):
            run("ip", "netns", "del", name)
