"""A random mix for as long as `--minutes` says: kills at random bytes, Closes that cross, stalls, resets, slow readers,
full disks, half frames that stop, peers that trickle, and peers that ignore our Close and go on talking.

Whatever happens: the run ends in bounded time and memory, without a panic; what was delivered is an exact prefix,
both ways; the exit code is one that the events allow; and 0 means that everything arrived.
"""

import itertools
import os
import signal
import socket
import subprocess
import threading
import time

from peer import Server, dial, listening
from process import Wsio, announced, await_input
from script import LIMIT, Script
from streams import Lost
from world import can_be_root

ENDLESS = True
JOBS = 4
FORMS = ("connect", "listen --once", "pipe file:", "pipe tcp:", "listen --to tcp:", "bridge", "connect on a small disk")
CLOCKS = ["--ping-interval", "1s", "--ping-timeout", "2s", "--close-timeout", "1s"]
MEMORY_MIB = 96
# What a busy machine may add to any bound.
SLACK = 1.5
DISK = 262144


def runs(_):
    return ((number, FORMS[number % len(FORMS)]) for number in itertools.count())


def one(world, rng, number, group):
    trial = Trial(world, rng, group)
    try:
        trial.play()
        return trial.judge()
    finally:
        trial.stop()


class Trial:
    """One run of `wsio`, its peers, its input and its output."""

    def __init__(self, world, rng, form):
        self.world, self.rng, self.form = world, rng, form
        self.raw = form in ("pipe tcp:", "listen --to tcp:")
        self.framing = ["--framing", "raw" if self.raw else "lines"] if form != "bridge" else []
        self.tls = world.tls if rng.random() < 0.3 and form not in ("listen --to tcp:", "bridge") else None
        lines = rng.choice([0, 1, rng.randrange(100), rng.randrange(20_000)])
        size = rng.choice([10, 100, 2000 if lines < 5000 else 100])
        self.lines = [b"%06d " % at + b"i" * rng.randrange(size) for at in range(lines)]
        self.body = b"".join(line + b"\n" for line in self.lines)
        self.scripts = [Script(rng, self.raw) for _ in range(2 if form == "bridge" else 1)]
        self.signals = rng.choice([[], [], [], [signal.SIGINT], [signal.SIGTERM], [signal.SIGINT] * 2])
        self.signal_at = rng.uniform(0, 4)
        self.reader = rng.choice(["fast", "fast", "slow", "stalls", "leaves"])
        self.reader_at = rng.uniform(0, 3)
        self.target = rng.choice(["fair", "fair", "slow", "stalls", "resets"])
        self.limits = []
        if any(script.end == "ignore" for script in self.scripts) or rng.random() < 0.15:
            self.limits = rng.choice([["-m", "3"], ["-m", "3"], ["-n", str(rng.randrange(1, 50)), "-m", "6"]])
        if form in ("bridge", "pipe file:") and "-n" in self.limits:
            self.limits = ["-m", "3"]
        ended = [script.end != "wait" for script in self.scripts]
        if not any([*ended, self.signals, self.limits, self.lines and form != "bridge"]):
            # Two sides that wait for each other would wait for ever, and rightly.
            self.scripts[0].end = "close"
        if self.raw and self.target == "stalls" and not self.limits:
            # Once the read-ahead is full nothing is read any more, so that no end of the peer is seen.
            self.limits = ["-m", "3"]
        self.signalled = []
        self.servers, self.descriptors, self.out, self.taken = [], [], bytearray(), bytearray()
        self.wsio, self.disk, self.listener, self.target_reset = None, None, None, False

    # The parts around `wsio`.

    def serve(self, script):
        buffer = self.rng.choice([None, None, 8192])
        server = Server(script.play, self.tls, receive_buffer=buffer, limit=LIMIT)
        self.servers.append(server)
        return server

    def arguments(self, command, *rest):
        trust = []
        if self.tls:
            trust = ["--cacert", self.world.tls.certificate]
            if command == "listen":
                trust = ["--cert", self.world.tls.certificate, "--key", self.world.tls.key]
        grace = ["--grace", "2s"] if command == "listen" or self.form == "bridge" else []
        linger = [] if self.form == "bridge" else ["--linger", "300ms"]
        return [command, "--stats", *self.framing, *CLOCKS, *linger, *grace, *trust, *self.limits, *rest]

    def input(self):
        """Standard input: none, the file itself, or a pipe from it."""
        if not self.lines:
            return subprocess.DEVNULL
        path = self.world.path("input")
        path.write_bytes(self.body)
        file = os.open(path, os.O_RDONLY)
        self.descriptors.append(file)
        path.unlink()
        if self.rng.random() < 0.5:
            return file
        cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
        self.world.started(cat)
        self.cat = cat
        await_input(cat)
        return cat.stdout

    def output(self):
        """Standard output, and the thread that reads it as `reader` says."""
        if self.form == "connect on a small disk":
            return self.small_disk()
        source, sink = os.pipe()
        self.descriptors.append(sink)

        def read():
            if self.reader in ("stalls", "leaves"):
                time.sleep(self.reader_at)
            while self.reader != "leaves":
                data = os.read(source, 65536 if self.reader != "slow" else 20_000)
                if not data:
                    break
                self.out.extend(data)
                if self.reader == "slow":
                    time.sleep(0.005)
            os.close(source)

        self.reading = threading.Thread(target=read, daemon=True)
        self.reading.start()
        return sink

    def small_disk(self):
        if can_be_root():
            full = os.open("/dev/full", os.O_WRONLY)
            self.descriptors.append(full)
            return full
        folder = self.world.path("disk")
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "wsio-soak", folder], check=True, timeout=20)
        self.world.later(["umount", "-l", str(folder)])
        self.disk = folder
        sink = os.open(folder / "out", os.O_WRONLY | os.O_CREAT)
        self.descriptors.append(sink)
        return sink

    def serve_target(self):
        """A TCP target that gives the input, and takes what comes as `target` says."""
        self.listener = listening(receive_buffer=self.rng.choice([None, 4096]))
        cut = self.rng.randrange(1 + len(self.body))

        def serve():
            while True:
                try:
                    sock, _ = self.listener.accept()
                    break
                except TimeoutError:
                    continue
                except OSError:
                    return
            sock.settimeout(LIMIT)

            def give():
                try:
                    sock.sendall(self.body[:cut] if self.target == "resets" else self.body)
                    if self.target == "resets":
                        time.sleep(0.05)
                        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                        sock.close()
                        self.target_reset = True
                    elif self.body:
                        sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

            giving = threading.Thread(target=give, daemon=True)
            giving.start()
            try:
                while self.target not in ("stalls", "resets"):
                    data = sock.recv(65536 if self.target == "fair" else 8192)
                    if not data:
                        break
                    self.taken.extend(data)
                    if self.target == "slow":
                        time.sleep(0.005)
                while self.target == "stalls" and self.wsio and self.wsio.ended is None:
                    time.sleep(0.05)
                giving.join(LIMIT)
            except OSError:
                pass
            sock.close()

        self.targeting = threading.Thread(target=serve, daemon=True)
        self.targeting.start()
        return "tcp:127.0.0.1:%d" % self.listener.getsockname()[1]

    # The run.

    def play(self):
        {
            "connect": self.connect,
            "connect on a small disk": self.connect,
            "listen --once": self.listen_once,
            "pipe file:": self.pipe_file,
            "pipe tcp:": self.pipe_tcp,
            "listen --to tcp:": self.listen_to_tcp,
            "bridge": self.bridge,
        }[self.form]()
        self.interrupt()
        self.wsio.wait(LIMIT)
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []
        for name in ("reading", "targeting", "client"):
            thread = getattr(self, name, None)
            if thread:
                thread.join(15)
        for server in self.servers:
            server.join(15)

    def interrupt(self):
        for number in self.signals:
            self.wsio.watching.join(self.signal_at)
            if self.wsio.ended is None:
                self.signalled.append(time.monotonic())
            self.wsio.signal(number)
            self.signal_at = 0.3

    def connect(self):
        server = self.serve(self.scripts[0])
        stdin, stdout = self.input(), self.output()
        self.wsio = Wsio(self.world, *self.arguments("connect", server.url), stdin=stdin, stdout=stdout)
        self.started()

    def started(self):
        """Closes what only `wsio` may hold open now."""
        cat = getattr(self, "cat", None)
        if cat:
            cat.stdout.close()
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []

    def dialled(self, announce, script):
        def be_client():
            try:
                url = announced(self.wsio, announce)
                if url is None:
                    return
                port = int(url.split("//")[1].split("/")[0].rsplit(":", 1)[1])
                script.play(dial(("127.0.0.1", port), self.tls, limit=LIMIT))
            except Lost:
                pass
            except Exception as error:
                script.fault = repr(error)
            finally:
                if script.peer:
                    script.peer.stream.close()

        self.client = threading.Thread(target=be_client, daemon=True)
        self.client.start()

    def listen_once(self):
        announce, scheme = self.world.path("announce"), "wss" if self.tls else "ws"
        stdin, stdout = self.input(), self.output()
        args = self.arguments("listen", "--once", "--announce", announce, f"{scheme}://127.0.0.1:0/")
        self.wsio = Wsio(self.world, *args, stdin=stdin, stdout=stdout)
        self.started()
        self.dialled(announce, self.scripts[0])

    def pipe_file(self):
        path = self.world.path("input")
        path.write_bytes(self.body)
        server = self.serve(self.scripts[0])
        self.wsio = Wsio(self.world, *self.arguments("pipe", f"file:{path}", server.url))

    def pipe_tcp(self):
        target = self.serve_target()
        server = self.serve(self.scripts[0])
        self.wsio = Wsio(self.world, *self.arguments("pipe", server.url, target))

    def listen_to_tcp(self):
        target, announce = self.serve_target(), self.world.path("announce")
        args = self.arguments("listen", "--once", "--to", target, "--announce", announce, "ws://127.0.0.1:0/")
        self.wsio = Wsio(self.world, *args)
        self.dialled(announce, self.scripts[0])

    def bridge(self):
        announce = self.world.path("announce")
        server = self.serve(self.scripts[1])
        args = self.arguments("pipe", "--once", "--announce", announce, "ws-listen:127.0.0.1:0", server.url)
        self.wsio = Wsio(self.world, *args)
        self.dialled(announce, self.scripts[0])

    # The judgement.

    def judge(self):
        wsio, script = self.wsio, self.scripts[0]
        problems = wsio.problems(MEMORY_MIB)
        for one in self.scripts:
            if one.fault:
                problems.append(f"the peer: {one.fault}")
        for server in self.servers:
            for handled in server.handled:
                if handled.broken or handled.failed:
                    problems.append(f"the peer: {handled.broken or handled.failed}")
        if self.disk:
            self.out = bytearray((self.disk / "out").read_bytes())
        ways = self.ways()
        for name, given, taken in ways:
            if not given.startswith(taken):
                same = len(os.path.commonprefix([given, taken]))
                problems.append(f"{name}: {len(taken)} bytes are no prefix of {len(given)}, the first {same} are")
        problems += self.late()
        allowed = self.allowed()
        if wsio.code not in allowed:
            problems.append(f"exit {wsio.code}, not one of {sorted(allowed)}")
        if wsio.code == 0 and "-n" not in self.limits:
            # What a target discards with its own reset is known to nobody.
            for name, given, taken in ways if not (self.raw and self.target == "resets") else []:
                if len(taken) < len(given):
                    problems.append(f"exit 0, and {name} {len(taken)} of {len(given)} bytes arrived")
        if wsio.code != 0 and not wsio.words.strip() and wsio.code != 141:
            problems.append(f"exit {wsio.code} without a word")
        if script.answered and self.form != "bridge" and not self.signals[1:]:
            counted = (len(script.heard), sum(map(len, script.heard)))
            if wsio.stat("out") not in (None, counted):
                problems.append(f"--stats says {wsio.stat('out')} went out, the peer had {counted} ahead of our Close")
        if problems:
            problems.append(f"[{self.describe()}, exit {wsio.code} after {wsio.seconds:.1f} s, said {wsio.words.strip()[-400:]!r}]")
        return problems

    def late(self):
        """How far the end of the run is behind what has to end it."""
        ended, server = self.wsio.ended or time.monotonic(), "listen" in self.form or self.form == "bridge"
        bounds = [(at, 0.1, f"signal {number}") for number, at in enumerate(self.signalled[1:], 2)]
        bounds += [(at, 2 if server else 1, "the signal") for at in self.signalled[:1]]
        if "-m" in self.limits:
            bounds.append((self.wsio.begun + float(self.limits[-1]), 2 if server else 1, "-m"))
        return [
            f"over {ended - at:.1f} s after {what}, not {bound}"
            for at, bound, what in bounds
            if ended - at > bound + SLACK
        ]

    def hears_late(self, script):
        """Whether our Close and our pings may stand unread in front of this peer for longer than the clocks."""
        if script.pace[1] == 0:
            return script.late > 0.5
        return script.late + len(self.body) / 1e6 > 0.5

    def describe(self):
        scripts = ", ".join(f"{one.end} after {len(one.spoken)} of {one.size}" for one in self.scripts)
        names = [signal.Signals(number).name for number in self.signals]
        end = f"target {self.target}" if self.raw else f"reader {self.reader}"
        return f"{scripts}; {len(self.lines)} lines; {end}; {' '.join(names + self.limits)}; {'wss' if self.tls else 'ws'}"

    def ways(self):
        """What was given and what was taken, for each way that this form has."""
        def joined(messages):
            return b"".join(message if self.raw else message + b"\n" for message in messages)

        script = self.scripts[0]
        spoken = joined(script.spoken)
        if script.end == "ignore":
            # Its talk goes on behind what is known.
            spoken += joined([b"and on"] * 10_000)
        if self.form == "bridge":
            far = self.scripts[1]
            beyond = joined([b"and on"] * 10_000) if far.end == "ignore" else b""
            return [
                ("to the far side", spoken, joined(far.heard)),
                ("to the near side", joined(far.spoken) + beyond, joined(script.heard)),
            ]
        up = [("up", self.body, joined(script.heard))]
        if self.form == "pipe file:":
            return up
        if self.raw:
            return up + ([("to the target", spoken, bytes(self.taken))] if self.target in ("fair", "slow") else [])
        return up + ([("to the output", spoken, bytes(self.out))] if self.reader != "leaves" or self.disk else [])

    def allowed(self):
        """Exit codes that the events allow; a run ends by the first of them, whichever that is."""
        codes = set()
        for script in self.scripts:
            if script.peer is None:
                # The upgrade was cut short by the end of `wsio`, or never came.
                codes |= {52, 56, 28}
                continue
            echoed = script.end == "close 1011" and script.ended_itself and script.peer.close_code == 1011
            if script.answered and not echoed:
                codes.add(0)
            if script.ended_itself:
                codes |= {
                    "close": {0, 55},
                    "close 1011": {115},
                    "garbage": {111, 114},
                    "ignore": {114, 28},
                    # A reset may overtake the answer to the upgrade.
                    "reset": {52, 56, 114},
                    "cut": {52, 56, 114},
                }.get(script.end, {56, 114})
            if self.hears_late(script):
                codes |= {56, 114}
        codes |= {128 + number for number in self.signals}
        if self.limits:
            codes |= {28}
        if "-n" in self.limits:
            codes |= {0, 1, 114}
        if self.form in ("connect", "listen --once") and self.reader == "leaves":
            codes.add(141)
        if self.form == "connect on a small disk":
            codes.add(23)
        if self.raw:
            codes |= {"stalls": {23}, "resets": {23, 26}, "slow": set(), "fair": set()}[self.target]
            if self.target == "resets":
                codes.add(0)
        return codes

    def stop(self):
        for server in self.servers:
            server.stop()
        if self.listener:
            self.listener.close()
        if self.wsio:
            self.wsio.signal(signal.SIGKILL)
        cat = getattr(self, "cat", None)
        if cat:
            if cat.poll() is None:
                cat.kill()
            cat.wait(10)
            self.world.reaped(cat)
        if self.disk:
            subprocess.run(["umount", self.disk], capture_output=True, timeout=20)
