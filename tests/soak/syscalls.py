"""Every system call fails in turn (`strace -e inject=`), in scenarios that together use all of the program.

A run is one call of one scenario: the Nth `openat` gives EMFILE, the Nth `write` ENOSPC, the Nth `read` EINTR. Calls
are counted from the first of the program itself, behind those of the loader. Whatever fails: the run ends in bounded
time, without a panic; its exit code is a documented one; a code other than 0 comes with a line that says the phase
and the cause; and 0 means that everything was delivered.

All of it is some thousand runs; `--runs N` is a sample that the seed makes. Runs that show nothing are counted apart:
a call that the scenario does not make so often, or that strace had no occasion to fail, and a failure inside of a
library that no kernel makes.
"""

import collections
import os
import pty
import random
import re
import select
import shutil
import socket
import subprocess
import threading
import time
import tty

from frames import Broken
from peer import Server, dial
from process import Wsio
from report import Apart
from streams import Lost

JOBS = 2
LIMIT = 25
# Of a call, no more in one thread than this: what follows repeats it.
DEEPEST = 8
LINES = [b"line %d" % number for number in range(40)]
BODY = b"".join(line + b"\n" for line in LINES)
# The exit codes of the manual.
CODES = {*range(8), 22, 23, 26, 28, 35, 47, 52, 55, 56, 58, 60, 65, 70, 77, 82, 97, 98, *range(110, 117), 125, 129, 130, 141, 143}
FAULTS = {
    "accept4": ["EMFILE", "ECONNABORTED"],
    "bind": ["EADDRINUSE", "EACCES"],
    "clone3": ["EAGAIN"],
    "close": ["EIO"],
    "connect": ["ENETUNREACH", "EINTR"],
    "dup": ["EMFILE"],
    "epoll_create1": ["EMFILE"],
    "epoll_ctl": ["ENOSPC"],
    "epoll_wait": ["EINTR"],
    "eventfd2": ["EMFILE"],
    "execve": ["ENOMEM"],
    "fallocate": ["ENOSPC"],
    "fcntl": ["EMFILE"],
    "fstat": ["EIO"],
    "fsync": ["EIO"],
    "ftruncate": ["EIO"],
    "getcwd": ["ENOENT"],
    "getpeername": ["ENOTCONN"],
    "getrandom": ["EINTR"],
    "getsockname": ["EINVAL"],
    "getsockopt": ["EINVAL"],
    "ioctl": ["EINVAL"],
    "listen": ["EADDRINUSE"],
    "lseek": ["EINVAL"],
    "mkdir": ["EROFS"],
    "newfstatat": ["EACCES"],
    "openat": ["EMFILE", "EACCES"],
    "pidfd_open": ["ENOSYS"],
    "pipe2": ["EMFILE"],
    "poll": ["EINTR"],
    "ppoll": ["EINTR"],
    "prctl": ["EINVAL"],
    "preadv2": ["EIO", "ENOSYS"],
    "pwritev2": ["EIO", "ENOSYS", "ENOSPC"],
    "read": ["EIO", "EINTR"],
    "readv": ["EIO"],
    "recvfrom": ["ECONNRESET", "EINTR"],
    "recvmsg": ["ECONNRESET"],
    "rename": ["EACCES"],
    "sendmsg": ["ECONNRESET", "ENOBUFS"],
    "sendto": ["ECONNRESET", "EINTR"],
    "setsockopt": ["ENOPROTOOPT"],
    "shutdown": ["ENOTCONN"],
    "socket": ["EMFILE", "EAFNOSUPPORT"],
    "socketpair": ["EMFILE"],
    "statx": ["EACCES"],
    "unlink": ["EACCES"],
    "wait4": ["ECHILD"],
    "waitid": ["ECHILD"],
    "write": ["ENOSPC", "EIO", "EINTR"],
    "writev": ["ECONNRESET", "EINTR"],
}


def sent(call):
    """The failed call as strace writes it: what goes out is told where it begins, how it ends maybe lines below."""
    return re.compile(rf"^(\d+) +{call}(?:\).*INJECTED| <unfinished(?:.*\n)+?\1 +<\.\.\. \w+ resumed.*INJECTED)", re.M)


def received(size):
    return re.compile(rf"recvfrom(?:\(\d+, | resumed>)0x[0-9a-f]+, {size}, 0, NULL, NULL\).*INJECTED")


def closed(opened):
    """The failed close of the descriptor that the other call told."""
    return re.compile(
        rf"{opened}.*\n(?:(?!\d+ +close\((?P=fd)\)).*\n)*?"
        rf"(?P<thread>\d+) +close\((?P=fd)(?:\).*INJECTED| <unfinished(?:.*\n)+?(?P=thread) +<\.\.\. close resumed.*INJECTED)"
    )


# Failures that no kernel makes, of calls that belong to libraries, which give up where they see one.
INNER = [
    # An eventfd takes every wake-up until 2^64 of them wait.
    ("in a wake-up of the runtime", sent(r'write\(\d+, "\\1(?:\\0){7}", 8')),
    # A signal goes from its handler to the runtime through a pair of sockets that the process has both ends of and
    # that do not block: a byte is taken or the pair is full, a byte is read or there is none.
    ("in a signal's way to the runtime", sent(r'sendto\(\d+, "\\1", 1, MSG_NOSIGNAL, NULL, 0')),
    ("in a signal's way to the runtime", received(128)),
    # The child tells the standard library through such a pair how `execve` went, and its end closes with that.
    ("in the start of a child", received(8)),
    # A failed `close` here does not close, and the library waits for the end of what it could not close: a system that
    # fails one has closed all the same.
    ("in the start of a child", closed(r"socketpair\(AF_UNIX, SOCK_SEQPACKET.*\[\d+, (?P<fd>\d+)\]\) ")),
    # A folder has nothing to write back when it is closed.
    ("in the end of a folder's listing", closed(r'newfstatat\((?P<fd>\d+), "", \{st_mode=S_IFDIR')),
]
# Calls on a connection to a peer.
CONNECTION = ("recvfrom", "sendto", "writev")


def missing():
    return None if shutil.which("strace") else "`strace` is missing"


def runs(options):
    """Run numbers, each with its group; each number stands for one call of one scenario."""
    every = [(number, case[0]) for number, case in enumerate(cases())]
    if options.runs and not options.only:
        every = sorted(random.Random(options.seed).sample(every, min(options.runs, len(every))))
    return every


def cases():
    for name in SCENARIOS:
        for call, errors in FAULTS.items():
            for error in errors:
                for count in range(1, DEEPEST + 1):
                    yield name, call, error, count


def one(world, rng, number, group):
    name, call, error, count = list(cases())[number]
    behind, most = counted(world, name)
    if count > most[call]:
        return Apart("more than the calls there are")
    run = Run(world, f"{call}:error={error}:when={behind[call] + count}")
    try:
        complete = SCENARIOS[name](run)
    except Lost as lost:
        complete = str(lost)
    finally:
        run.stop()
    if "INJECTED" not in run.trace:
        return Apart("not injected")
    for reason, pattern in INNER:
        if pattern.search(run.trace):
            return Apart(reason)
    problems = run.judge(complete)
    return [*problems, f"[{call} {count} gives {error}]"] if problems else []


BASELINES, COUNTING = {}, threading.Lock()


def counted(world, name):
    """The calls of a scenario in which nothing fails: those of the loader, and the most of one thread behind them."""
    with COUNTING:
        if name not in BASELINES:
            run = Run(world, None)
            try:
                complete = SCENARIOS[name](run)
            finally:
                run.stop()
            problems = run.judge(complete)
            if problems or run.wsio.code != 0 or complete is not True:
                raise AssertionError(f"{name} without a fault: exit {run.wsio.code}, {complete}, {problems} {run.wsio.words}")
            BASELINES[name] = calls(run.trace)
        return BASELINES[name]


def calls(trace):
    loader, threads, main, is_begun = collections.Counter(), collections.defaultdict(collections.Counter), None, False
    for line in trace.splitlines():
        found = re.match(r"(\d+) +(\w+)\(", line)
        if not found:
            continue
        thread, call = found.groups()
        main = main or thread
        # The first call of Rust's runtime looks whether the standard streams are open.
        is_begun = is_begun or call in ("poll", "ppoll")
        if is_begun:
            threads[thread][call] += 1
        else:
            loader[call] += 1
    most = collections.Counter()
    for counts in threads.values():
        most |= counts
    return loader, most


class Run:
    """One run of `wsio` under strace, and the peers around it."""

    def __init__(self, world, inject):
        self.world, self.inject, self.servers, self.wsio = world, inject, [], None
        self.descriptors, self.broken = [], []
        # strace's own: it ends when strace does, which is not the process that was started (`-D`).
        self.path, self.pieces = world.path("trace"), bytearray()
        os.mkfifo(self.path)
        self.reading = threading.Thread(target=self._read, daemon=True)

    def start(self, *args, **rest):
        names = ",".join(f"?{name}" for name in FAULTS)
        prefix = ["strace", "-D", "-f", "-qq", "-o", str(self.path), "-e", f"trace={names}"]
        self.reading.start()
        if self.inject:
            prefix += ["-e", f"inject={self.inject}"]
        self.wsio = Wsio(self.world, *args, prefix=prefix, **rest)
        return self.wsio

    def _read(self):
        """Reads until strace has ended; opened without waiting for it, since it may never begin."""
        fifo = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            ready, end = select.poll(), time.monotonic() + 3 * LIMIT
            ready.register(fifo)
            while time.monotonic() < end:
                if ready.poll(1000):
                    data = os.read(fifo, 65536)
                    if not data:
                        return
                    self.pieces += data
        finally:
            os.close(fifo)

    @property
    def trace(self):
        """What strace said, once the run is over and stopped."""
        self.reading.join(LIMIT)
        if self.reading.is_alive():
            raise AssertionError("strace goes on behind the end of what it traced")
        return self.pieces.decode(errors="replace")

    def serve(self, handler, tls=None):
        server = Server(handler, tls, limit=LIMIT)
        self.servers.append(server)
        return server.url

    def folder(self):
        folder = self.world.path("folder")
        folder.mkdir()
        return folder

    def stop(self):
        for server in self.servers:
            server.stop()
        if self.wsio:
            self.wsio.wait(0)
        for descriptor in self.descriptors:
            os.close(descriptor)

    def judge(self, complete):
        wsio = self.wsio
        if wsio.overdue:
            return [f"not over after {wsio.seconds:.0f} s: {wsio.words[-200:]!r}"]
        problems = []
        if "wsio: internal" in wsio.words or "panicked" in wsio.words or wsio.code == 101:
            problems.append(f"a panic, exit {wsio.code}: {wsio.words[-300:]!r}")
        broken = [handled.broken for server in self.servers for handled in server.handled if handled.broken]
        problems += [f"the peer got no frames: {fault}" for fault in [*broken, *self.broken]]
        said = [line for line in wsio.words.splitlines() if re.match(r"wsio: .+: .+", line)]
        if wsio.code not in CODES:
            problems.append(f"exit {wsio.code} is not documented")
        if wsio.code not in (0, 141) and not said and not self.mute():
            problems.append(f"exit {wsio.code} without a line of phase and cause: {wsio.words[-200:]!r}")
        if wsio.code == 0 and complete is not True and not said:
            problems.append(f"exit 0, and not a word, but {complete}: {wsio.words[-200:]!r}")
        return problems

    def mute(self):
        """Standard error itself failed."""
        return bool(re.search(r"write\(2,.*INJECTED|writev\(2,.*INJECTED", self.trace))


def same(got, wanted, what):
    return True if got == wanted else f"{what}: {len(got)} of {len(wanted)} arrived"


def collects(got):
    def handler(peer):
        while (message := peer.message()) is not None:
            got.append(message)
        peer.finish()

    return handler


def gives(peer):
    for line in LINES:
        peer.send(line, 1)
    peer.close(1000)
    while peer.message() is not None:
        pass
    peer.finish()


def echoes(peer):
    while (message := peer.message()) is not None:
        peer.send(message, 1)
    peer.finish()


def trusting(run, tls):
    return ["--cacert", run.world.tls.certificate] if tls else []


def sending(args=(), tls=False, way="pipe"):
    def scenario(run):
        got = []
        url = run.serve(collects(got), run.world.tls if tls else None)
        path = run.world.path("input")
        path.write_bytes(BODY)
        args_ = [*trusting(run, tls), "--linger", "50ms", *args]
        if way == "pipe file:":
            wsio = run.start("pipe", "--framing", "lines", *args_, f"file:{path}", url)
        elif way == "file":
            with open(path) as file:
                wsio = run.start("connect", *args_, url, stdin=file)
        else:
            wsio = run.start("connect", *args_, url, stdin=subprocess.PIPE)
            try:
                wsio.process.stdin.write(BODY)
                wsio.process.stdin.close()
            except BrokenPipeError:
                pass
        wsio.wait(LIMIT)
        run.servers[0].join(5)
        return same(got, LINES, "messages")

    return scenario


def receiving(args=(), tls=False, to_file=False):
    def scenario(run):
        url = run.serve(gives, run.world.tls if tls else None)
        if not to_file:
            wsio = run.start("connect", *trusting(run, tls), *args, url)
            wsio.wait(LIMIT)
            got = bytes(wsio.out)
            return True if got == BODY or "--json" in args and got.count(b'"dir":"in","type":"text"') == 40 else \
                f"output: {len(got)} of {len(BODY)} bytes"
        path = run.world.path("output")
        with open(path, "wb") as file:
            run.start("connect", *args, url, stdout=file).wait(LIMIT)
        return same(path.read_bytes(), BODY, "output")

    return scenario


def recording(name):
    def scenario(run):
        path = run.world.path(f"record.{name}")
        url = run.serve(gives)
        wsio = run.start("connect", "--record", path, url)
        wsio.wait(LIMIT)
        recorded = path.read_bytes() if path.exists() else b""
        if recorded.count(b"line ") != 40:
            return f"{recorded.count(b'line ')} of 40 messages recorded"
        return same(bytes(wsio.out), BODY, "output")

    return scenario


def counting(run):
    wsio = run.start("connect", "-n", "5", run.serve(gives))
    wsio.wait(LIMIT)
    return same(bytes(wsio.out), b"".join(line + b"\n" for line in LINES[:5]), "output")


def scripting(run):
    path = run.world.path("script")
    path.write_text("> a\n< a\n>close 1000\n")
    run.start("connect", "--script", path, run.serve(echoes)).wait(LIMIT)
    return True


def checking(run):
    run.start("connect", "--check", run.serve(echoes)).wait(LIMIT)
    return True


def relaying(run):
    got = []
    target, source = run.serve(collects(got)), run.serve(gives)
    run.start("pipe", source, target).wait(LIMIT)
    run.servers[0].join(5)
    return same(got, LINES, "messages")


def from_tcp(run):
    got = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(LIMIT)

        def give():
            try:
                sock, _ = listener.accept()
                with sock:
                    sock.sendall(BODY)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(4096):
                        pass
            except OSError:
                pass

        thread = threading.Thread(target=give, daemon=True)
        thread.start()
        address = "tcp:127.0.0.1:%d" % listener.getsockname()[1]
        run.start("pipe", "--linger", "50ms", "--framing", "lines", address, run.serve(collects(got))).wait(LIMIT)
        run.servers[0].join(5)
    return same(got, LINES, "messages")


def listening(*args, tls=False, stdin=False, said=None):
    """A server for one client, which says all lines, gets answers to each, and closes."""

    def scenario(run):
        announce = run.world.path("announce")
        own = ["--cert", run.world.tls.certificate, "--key", run.world.tls.key] if tls else []
        wsio = run.start("listen", "--once", "--announce", announce, "--grace", "2s", *own, "127.0.0.1:0", *args)
        port, got = announced_port(wsio, announce), []
        if port is None:
            wsio.signal(15)
            wsio.wait(LIMIT)
            return "nothing is announced"
        try:
            peer = dial(("127.0.0.1", port), run.world.tls if tls else None, limit=LIMIT)
            for line in LINES:
                peer.send(line, 1)
            while said is None and len(got) < len(LINES) and (message := peer.message()) is not None:
                got.append(message)
            peer.close(1000)
            while peer.message() is not None:
                pass
            peer.finish()
        except (Lost, Broken, OSError) as lost:
            run.broken += [str(lost)] if isinstance(lost, Broken) else []
            wsio.signal(15)
            wsio.wait(LIMIT)
            return f"the client: {lost}"
        wsio.wait(LIMIT)
        return same(got, LINES, "answers") if said is None else same(bytes(wsio.out), BODY, "output")

    return scenario


def announced_port(wsio, path):
    """The port that a server announces; None when it ends before, or announces nothing."""
    end = time.monotonic() + 10
    while wsio.ended is None and time.monotonic() < end:
        if path.exists() and (found := re.search(r"://[^/]*:(\d+)/", path.read_text())):
            return int(found[1])
        time.sleep(0.01)
    return None


def serving(run):
    """A page by plain HTTP; then the server is asked to end."""
    announce, folder = run.world.path("announce"), run.folder()
    (folder / "page.txt").write_bytes(BODY)
    wsio = run.start("listen", "--echo", "--serve", folder, "--announce", announce, "--grace", "1s", "127.0.0.1:0")
    port, answer = announced_port(wsio, announce), b""
    if port:
        try:
            with socket.create_connection(("127.0.0.1", port), LIMIT) as sock:
                sock.settimeout(LIMIT)
                sock.sendall(b"GET /page.txt HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                while data := sock.recv(65536):
                    answer += data
        except OSError as error:
            answer = str(error).encode()
    wsio.signal(15)
    wsio.wait(LIMIT)
    # A refusal, 4xx or 5xx, says by itself that the page was not given; so does the end of a connection that failed,
    # before the answer or before as much of it as its head promised.
    length = re.search(rb"\r\nContent-Length: (\d+)\r\n", answer, re.I)
    is_cut = not answer or length and len(answer.partition(b"\r\n\r\n")[2]) < int(length[1])
    is_lost = is_cut and run.inject and run.inject.split(":")[0] in CONNECTION
    return True if answer.endswith(BODY) or re.match(rb"HTTP/1.1 [45]", answer) or is_lost else f"the page came as {answer[-100:]!r}"


def typing(run):
    """A person at the prompt, who types a line and Ctrl-D."""
    far, near = pty.openpty()
    run.descriptors += [far]
    got = []
    wsio = run.start("connect", run.serve(collects(got)), stdin=near, stdout=near, preexec=os.setsid)
    os.close(near)
    seen = bytearray()

    def read():
        try:
            while data := os.read(far, 4096):
                seen.extend(data)
        except OSError:
            pass

    threading.Thread(target=read, daemon=True).start()
    end = time.monotonic() + 10
    while b">" not in seen and wsio.ended is None and time.monotonic() < end:
        time.sleep(0.01)
    os.write(far, b"hello\r")
    while not got and wsio.ended is None and time.monotonic() < end:
        time.sleep(0.01)
    os.write(far, b"\x04")
    wsio.watching.join(8)
    wsio.signal(15)
    wsio.wait(LIMIT)
    run.servers[0].join(5)
    return same(got, [b"hello"], "messages")


SCENARIOS = {
    "connect, a pipe is sent": sending(),
    "connect, a file is sent": sending(way="file"),
    "connect, as binary": sending(["-b"]),
    "connect, compressed": sending(["--compress"]),
    "connect over TLS, sending": sending(tls=True),
    "pipe file:": sending(way="pipe file:"),
    "connect, to a pipe": receiving(),
    "connect, to a file": receiving(to_file=True),
    "connect, as JSON": receiving(["--json"]),
    "connect over TLS, receiving": receiving(tls=True),
    "connect, reconnecting": sending(["--reconnect"]),
    "connect --record jsonl": recording("jsonl"),
    "connect --record har": recording("har"),
    "connect -n": counting,
    "connect --script": scripting,
    "connect --check": checking,
    "prompt": typing,
    "pipe ws: ws:": relaying,
    "pipe tcp:": from_tcp,
    "listen, to standard output": listening(said=True),
    "listen --echo": listening("--echo"),
    "listen over TLS": listening("--echo", tls=True),
    "listen, a command": listening("--", "cat"),
    "listen --serve": serving,
}
