"""An output that takes nothing, while the peer goes on sending × every way to end.

Signals, `--timeout` and `--idle-timeout` end within `--close-timeout` with their own code, and tell what was not
delivered; a second signal ends at once. After a clean end (`-n`, the peer's Close) standard output and a child are
waited for while they live, and everything arrives once they read; a TCP or Unix target that takes nothing is 23.
"""

import itertools
import os
import pty
import re
import signal
import socket
import termios
import threading
import time
import tty

from peer import Server, dial, listening
from process import Wsio, announced
from streams import Lost

JOBS = 6
STALLS = ("stdout pipe", "stdout FIFO", "file:FIFO", "append:FIFO", "stopped terminal", "prompt", "child", "tcp:",
          "listen --to tcp:", "unix:")
ENDS = ("SIGINT", "SIGTERM", "second signal", "--timeout", "--idle-timeout", "-n", "Close 1000")
STANDARD = ("stdout pipe", "stdout FIFO", "stopped terminal", "prompt")
# A line of text of this size is a message; a FIFO holds 64 of them.
SIZE = 1024
# The default of --close-timeout, and what a busy machine may add to any bound.
CLOSE_TIMEOUT, SLACK = 5.0, 2.5
# The default of --grace, which in a server stands in its place after a signal.
GRACE = 10.0
# `-n` and the messages ahead of the peer's Close: more than the output holds, less than --read-ahead beside it,
# which in a server is 256k.
COUNT, COUNT_SERVED = 4000, 400
# Messages that no output of these takes without being read, and that the kernel takes from the peer all the same.
ENOUGH = 3000
# When the stalled output reads on after a clean end; later than the line about the wait.
RESUMES = 9.0
LIMIT = 40


def runs(options):
    every = itertools.product(STALLS, ENDS, ("floods", "speaks"))
    # A peer that speaks now and then is never idle, and its few messages would never be `-n`.
    every = [case for case in every if case[2] == "floods" or case[1] in ENDS[:4]]
    return [(number, " × ".join(case)) for number, case in enumerate(every)]


def one(world, rng, number, group):
    stall, end, manner = group.split(" × ")
    tls = world.tls if rng.random() < 0.3 else None
    count = COUNT_SERVED if stall == "listen --to tcp:" else COUNT
    peer = Talker(end, manner, count)
    output = OUTPUTS[stall](world)
    args = {"--timeout": ["-m", "3"], "--idle-timeout": ["--idle-timeout", "2"], "-n": ["-n", str(count)]}.get(end, [])
    server = None
    try:
        if stall == "listen --to tcp:":
            wsio = output.serve(args, peer)
        else:
            server = Server(peer.talk, tls, limit=LIMIT)
            trust = ["--cacert", world.tls.certificate] if tls else []
            wsio = output.start([*args, *trust], server.url)
        moment, resumed = act(wsio, peer, output, end, LIMIT)
        code = wsio.wait(LIMIT)
        delivered = output.rest()
        return judge(wsio, peer, output, stall, end, code, moment, resumed, delivered)
    finally:
        peer.over.set()
        output.stop()
        if server:
            server.stop()


def act(wsio, peer, output, end, limit):
    """Brings the end about; the moment that bounds count from, and whether the output read on."""
    peer.stalled.wait(20)
    if end in ("SIGINT", "SIGTERM", "second signal"):
        number = signal.SIGTERM if end == "SIGTERM" else signal.SIGINT
        wsio.signal(number)
        moment = time.monotonic()
        if end == "second signal":
            # A little later, so that the two cannot be taken as one.
            time.sleep(0.5)
            wsio.signal(number)
            moment = time.monotonic()
        return moment, False
    if end == "--timeout":
        return wsio.begun + 3, False
    if end == "--idle-timeout":
        return time.monotonic() + 2, False
    moment = time.monotonic()
    wsio.watching.join(RESUMES)
    if wsio.ended or not output.can_resume:
        return moment, False
    peer.words_at_resume = wsio.words
    output.resume()
    return moment, True


def judge(wsio, peer, output, stall, end, code, moment, resumed, delivered):
    problems = wsio.problems()
    after = (wsio.ended or time.monotonic()) - moment
    messages = output.messages(delivered)
    words = f"exit {code} after {after:.1f} s, {len(messages)} messages delivered, {peer.sent} sent"
    if messages != [message(at) for at in range(len(messages))]:
        problems.append("what was delivered is not a prefix of what was sent")
    if end in ("-n", "Close 1000"):
        problems += judge_clean(peer, stall, end, code, moment, after, resumed, messages)
    else:
        right = {"SIGINT": 130, "SIGTERM": 143, "second signal": 130}.get(end, 28)
        if code != right:
            problems.append(f"exit {code}, not {right}")
        bound = {"second signal": 0.1 + 0.5, "--idle-timeout": 2 * CLOSE_TIMEOUT + SLACK}.get(end, CLOSE_TIMEOUT + SLACK)
        if stall == "listen --to tcp:" and end in ("SIGINT", "SIGTERM"):
            bound = GRACE + SLACK
        if after > bound:
            problems.append(f"{after:.1f} s, not within {bound:.1f}")
        if end != "second signal" and not re.search(r"\d+ (messages?|bytes?)", tail(wsio)):
            problems.append("what was not delivered is not told")
    if peer.fault:
        problems.append(f"the peer: {peer.fault}")
    if problems:
        problems.append(f"[{words}, said {wsio.words.strip()[-300:]!r}]")
    return problems, words


def judge_clean(peer, stall, end, code, moment, after, resumed, messages):
    """After `-n` or the peer's Close."""
    problems = []
    closed = (peer.closed_at or time.monotonic()) - moment
    if end == "Close 1000" and (peer.closed_at is None or closed > RESUMES - 1):
        problems.append(f"the peer's Close was answered after {closed:.1f} s, not while the output was stalled")
    if stall in STANDARD or stall == "child":
        if not resumed:
            problems.append("it did not wait for its output")
        if code != 0:
            problems.append(f"exit {code}, not 0")
        if len(messages) != COUNT:
            problems.append(f"{len(messages)} of {COUNT} messages delivered")
        if resumed and not peer.words_at_resume.strip():
            problems.append("no line on standard error says that the output is waited for")
    elif stall in ("file:FIFO", "append:FIFO"):
        if code not in (0, 23) or (code == 0) != (len(messages) == COUNT):
            problems.append(f"exit {code} with {len(messages)} of {COUNT} messages delivered")
    else:
        if code != 23:
            problems.append(f"exit {code}, not 23")
        # Read-ahead begins after a second, and the target is given up after --close-timeout without a byte.
        if after > 2 * CLOSE_TIMEOUT + SLACK:
            problems.append(f"{after:.1f} s, not within {2 * CLOSE_TIMEOUT + SLACK:.1f}")
    return problems


def tail(wsio):
    """What was said, without the lines of a server's log that say who came."""
    return "\n".join(line for line in wsio.words.splitlines() if " open " not in line)


def message(number):
    return b"%08d" % number + b"." * (SIZE - 9)


class Talker:
    """A peer that goes on sending numbered lines, until it is closed, or closes after `count`."""

    def __init__(self, end, manner, count):
        self.end, self.manner, self.count = end, manner, count
        self.sent, self.fault, self.words_at_resume = 0, None, ""
        self.closed_at = None
        self.stalled, self.over = threading.Event(), threading.Event()

    def talk(self, peer):
        talking = threading.Thread(target=self.give, args=[peer], daemon=True)
        talking.start()
        while peer.message() is not None:
            pass
        self.closed_at = time.monotonic()
        self.over.set()
        talking.join(20)
        peer.finish()

    def give(self, peer):
        """A flood is as fast as the socket takes it; else enough to stall any pipe, then ten messages a second."""
        try:
            while not self.over.is_set():
                if self.end == "Close 1000" and self.sent == self.count:
                    peer.close(1000)
                    break
                if self.manner == "speaks" and self.sent > self.count:
                    self.stalled.set()
                    self.over.wait(0.1)
                peer.send(message(self.sent), 1)
                self.sent += 1
                if self.sent == min(ENOUGH, self.count):
                    self.stalled.set()
        except Lost:
            pass
        finally:
            self.stalled.set()


class Output:
    """Something that takes nothing; `resume` makes it read, `rest` is all that it was given."""

    can_resume = True

    def __init__(self, world):
        self.world, self.taken, self.reader, self.process = world, bytearray(), None, None

    def messages(self, data):
        """Whole lines; the last one may be cut."""
        return [line for line in data.split(b"\n")[:-1] if line]

    def read(self, descriptor):
        """Reads until the end, or until nothing comes any more once `wsio` is gone."""
        os.set_blocking(descriptor, False)
        while True:
            try:
                data = os.read(descriptor, 65536)
                if not data:
                    return
                self.taken += data
            except BlockingIOError:
                if self.process.ended:
                    return
                time.sleep(0.01)
            except OSError:
                return

    def begin(self, descriptor):
        self.reader = threading.Thread(target=self.read, args=[descriptor], daemon=True)
        self.reader.start()

    def resume(self):
        self.begin(self.source)

    def rest(self):
        if not self.reader:
            self.begin(self.source)
        self.reader.join(20)
        return bytes(self.taken)

    def stop(self):
        if self.process:
            self.process.signal(signal.SIGKILL)
        for descriptor in (self.source, getattr(self, "sink", None)):
            if descriptor is not None:
                try:
                    os.close(descriptor)
                except OSError:
                    pass


class Pipe(Output):
    """A pipe as standard output."""

    def __init__(self, world):
        super().__init__(world)
        self.source, self.sink = os.pipe()

    def start(self, args, url):
        self.process = Wsio(self.world, "connect", *args, url, stdout=self.sink)
        os.close(self.sink)
        self.sink = None
        return self.process


class Fifo(Output):
    """A FIFO that is open for reading and never read: as standard output, `file:` or `append:`."""

    scheme = None

    def __init__(self, world):
        super().__init__(world)
        self.path = world.path("fifo")
        os.mkfifo(self.path)
        self.source = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def start(self, args, url):
        if self.scheme:
            self.process = Wsio(self.world, "pipe", "--out", "lines", *args, url, f"{self.scheme}:{self.path}")
            return self.process
        sink = os.open(self.path, os.O_WRONLY)
        self.process = Wsio(self.world, "connect", *args, url, stdout=sink)
        os.close(sink)
        return self.process


class FileFifo(Fifo):
    scheme = "file"


class AppendFifo(Fifo):
    scheme = "append"


class Terminal(Output):
    """A terminal whose output is stopped, as by Ctrl-S; standard input is none."""

    def __init__(self, world):
        super().__init__(world)
        self.source, self.sink = pty.openpty()
        tty.setraw(self.sink)
        termios.tcflow(self.sink, termios.TCOOFF)

    def start(self, args, url):
        self.process = Wsio(self.world, "connect", *args, url, stdout=self.sink)
        return self.process

    def resume(self):
        termios.tcflow(self.sink, termios.TCOON)
        self.begin(self.source)

    def messages(self, data):
        return [line for line in data.replace(b"\r", b"").split(b"\n")[:-1] if line]


class Prompt(Terminal):
    """The prompt on such a terminal: standard input is it too."""

    def start(self, args, url):
        self.process = Wsio(self.world, "connect", "--no-history", "--color", "never", *args, url, stdin=self.sink, stdout=self.sink)
        return self.process

    def messages(self, data):
        """What a person would see: the numbers, in their order; the editor's own drawing is left out."""
        numbers = [int(found) for found in re.findall(rb"(\d{8})\.{50}", data)]
        return [message(number) for number in numbers]


class Child(Output):
    """A child of `pipe` that reads only once a file is there."""

    def __init__(self, world):
        super().__init__(world)
        self.source, self.go, self.out = None, world.path("go"), world.path("out")

    def start(self, args, url):
        command = f"sh:while [ ! -e {self.go} ]; do sleep 0.1; done; cat > {self.out}"
        self.process = Wsio(self.world, "pipe", "--out", "lines", *args, url, command)
        return self.process

    def resume(self):
        self.go.touch()

    def rest(self):
        # A child that was left behind takes what its pipe holds; it ends by itself.
        self.go.touch()
        return self.out.read_bytes() if self.out.exists() else b""


class Target(Output):
    """A TCP or Unix listener that accepts and never reads."""

    can_resume = False
    unix = False

    def __init__(self, world):
        super().__init__(world)
        if self.unix:
            self.path = world.path("socket")
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(self.path))
            self.listener.listen(1)
            self.endpoint = f"unix:{self.path}"
        else:
            self.listener = listening(receive_buffer=4096)
            self.endpoint = "tcp:127.0.0.1:%d" % self.listener.getsockname()[1]
        self.listener.settimeout(20)
        self.source, self.accepted = None, None
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self):
        try:
            self.accepted, _ = self.listener.accept()
        except OSError:
            pass

    def start(self, args, url):
        self.process = Wsio(self.world, "pipe", "--out", "lines", *args, url, self.endpoint)
        return self.process

    def rest(self):
        self.accepting.join(20)
        if not self.accepted:
            return b""
        self.source = self.accepted.detach()
        return super().rest()

    def stop(self):
        self.listener.close()
        super().stop()


class UnixTarget(Target):
    unix = True


class ServedTarget(Target):
    """The same behind `listen --once --to`; the peer is its client."""

    def serve(self, args, talker):
        announce = self.world.path("announce")
        args = ["--once", "--out", "lines", *args, "--to", self.endpoint, "--announce", announce, "ws://127.0.0.1:0/"]
        self.process = Wsio(self.world, "listen", *args)
        threading.Thread(target=self.be_client, args=[announce, talker], daemon=True).start()
        return self.process

    def be_client(self, announce, talker):
        try:
            url = announced(self.process, announce)
            port = int(url.rsplit(":", 1)[1].strip("/"))
            talker.talk(dial(("127.0.0.1", port), limit=LIMIT))
        except Lost:
            pass
        except Exception as error:
            talker.fault = repr(error)


OUTPUTS = dict(zip(STALLS, (Pipe, Fifo, FileFifo, AppendFifo, Terminal, Prompt, Child, Target, ServedTarget, UnixTarget)))
