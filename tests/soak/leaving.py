"""A server that is told to leave (SIGTERM) while some of its clients take nothing, or answer nothing.

Exit 0 only if every queue was emptied and every Close answered within `--grace`; else 143, with how many clients.
Whoever reads has everything in any case.
"""

import re
import signal
import subprocess
import threading
import time

from peer import dial
from process import Wsio, announced
from streams import Lost

JOBS = 3
GRACE, SLACK = 3, 1.5
# How a client is: it reads to the end; it reads, but slowly; it never reads; it reads, and never answers our Close.
KINDS = ("fair", "fair", "slow", "deaf", "mute")


def runs(options):
    return [(number, "listen < F, SIGTERM") for number in range(options.runs or 20)]


def one(world, rng, number, group):
    kinds = [rng.choice(KINDS) for _ in range(rng.randrange(1, 5))]
    # More than a deaf client's kernel takes, less than `--queue` keeps for it.
    lines = [b"%06d " % at + b"l" * rng.randrange(2000) for at in range(rng.choice([10, 4000, 8000]))]
    announce = world.path("announce")
    args = ["--grace", f"{GRACE}s", "--queue", "64M", "--announce", announce, "ws://127.0.0.1:0/"]
    wsio = Wsio(world, "listen", *args, stdin=subprocess.PIPE)
    clients = []
    try:
        url = announced(wsio, announce)
        port = int(url.rsplit(":", 1)[1].strip("/"))
        clients = [Client(kind, port) for kind in kinds]
        feed = wsio.process.stdin
        feed.write(b"".join(line + b"\n" for line in lines))
        feed.flush()
        time.sleep(rng.uniform(0.3, 1.0))
        wsio.signal(signal.SIGTERM)
        told = time.monotonic()
        wsio.wait(GRACE + 30)
        feed.close()
        late = (wsio.ended or time.monotonic()) - told
        for client in clients:
            client.thread.join(10)
    finally:
        wsio.signal(signal.SIGKILL)
        for client in clients:
            client.peer.stream.close(reset=True)
    problems = wsio.problems()
    held = sum(client.holds_up(lines) for client in clients)
    right = 143 if held else 0
    if wsio.code != right:
        problems.append(f"exit {wsio.code}, not {right}: {held} clients never took all, or never answered")
    if held and not re.search(r"\d+ clients?|1 client", wsio.words.splitlines()[-1] if wsio.words.strip() else ""):
        problems.append("how many clients were cut off is not told")
    if late > GRACE + SLACK:
        problems.append(f"over {late:.1f} s after the signal, not {GRACE}")
    for client in clients:
        if client.got != lines[: len(client.got)]:
            problems.append(f"a {client.kind} client has no prefix of the lines")
        if client.kind in ("fair", "mute") and len(client.got) < len(lines):
            problems.append(f"a {client.kind} client has {len(client.got)} of {len(lines)} lines")
    if problems:
        problems.append(f"[{' '.join(kinds)}, {len(lines)} lines, said {wsio.words.strip()[-300:]!r}]")
    return problems


class Client:
    """One client, reading on a thread of its own as its kind says."""

    def __init__(self, kind, port):
        self.kind, self.got, self.answered = kind, [], False
        self.peer = dial(("127.0.0.1", port), receive_buffer=16384 if kind == "deaf" else None)
        self.peer.answers_close = kind != "mute"
        if kind == "slow":
            self.peer.pace = (65536, 0.005)
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        if self.kind == "deaf":
            return
        try:
            while (message := self.peer.message()) is not None:
                self.got.append(message)
            self.answered = self.peer.close_sent
            if self.kind != "mute":
                self.peer.finish()
        except Lost:
            pass

    def holds_up(self, lines):
        """Whether the server cannot have been rid of it in order."""
        return not self.answered or len(self.got) < len(lines)
