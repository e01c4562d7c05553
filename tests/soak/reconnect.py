"""`--reconnect` against servers that reset now and then: lost and unsaid = 0, and with `--resend` lost = 0.

One server answers every message; the other talks all the time and reads late, so that megabytes stand in its
kernel when it resets. Neither proves anything of ours but by a pong.
"""

import re
import threading
import time

from frames import TEXT
from peer import Server
from process import Wsio
from relay import Relay
from streams import Lost

GROUPS = ("answers", "talks", "answers --resend", "talks --resend", "100 ms of round trip")
JOBS = 3
LIMIT = 180
RESETS = 6


def runs(options):
    """Run numbers, each with its group; the throughput is measured four times."""
    each = options.runs or 20
    return [(number, GROUPS[number % 4]) for number in range(4 * each)] + [
        (4 * each + number, GROUPS[4]) for number in range(min(4, each))
    ]


def one(world, rng, number, group):
    if group == GROUPS[4]:
        return throughput(world, number)
    lines = [b"%06d " % at + b"x" * rng.randrange(rng.choice([20, 300])) for at in range(rng.choice([5000, 30_000, 60_000]))]
    seen = Seen(rng, len(lines))
    tls = world.tls if rng.random() < 0.4 else None
    handler = seen.answer if group.startswith("answers") else seen.talk
    server = Server(handler, tls, receive_buffer=rng.choice([None, None, 65536]), limit=60)
    path = world.path("lines")
    path.write_bytes(b"\n".join(lines) + b"\n")
    args = ["--stats", "--reconnect", "--in", "lines", "--out", "jsonl"]
    args += ["--resend"] if "--resend" in group else []
    args += ["--cacert", world.tls.certificate] if tls else []
    try:
        with open(path, "rb") as file:
            wsio = Wsio(world, "connect", *args, server.url, stdin=file)
            code = wsio.wait(LIMIT)
        server.join()
    finally:
        server.stop()
        path.unlink()
    problems = wsio.problems()
    problems += [f"the peer: {handled.broken or handled.failed}" for handled in server.handled if handled.broken or handled.failed]
    lost = [at for at in range(len(lines)) if at not in seen.first]
    order = list(seen.first)
    if order != sorted(order):
        problems.append("lines did not first arrive in order")
    doubt, told = in_doubt(wsio), unsent(wsio)
    if "--resend" in group:
        if lost:
            problems.append(f"{len(lost)} lines never arrived, the first is {lost[0]}")
        if code != 0:
            problems.append(f"exit {code}, not 0")
    else:
        if len(lost) > doubt + told:
            problems.append(f"{len(lost)} of {len(lines)} lines lost, {doubt} told as in doubt, {told} as unsent")
        right = 55 if doubt + told else 0
        if code != right:
            problems.append(f"exit {code}, not {right}: {doubt} in doubt, {told} unsent")
    if seen.resets == 0:
        problems.append("the server never came to reset")
    if problems:
        problems.append(f"[{seen.resets} resets, {len(lost)} lost, {seen.again} twice, said {wsio.words.strip()[-400:]!r}]")
    return problems


class Seen:
    """The lines that a server got, in the order of their first arrival, over all connections."""

    def __init__(self, rng, count):
        self.rng, self.count = rng, count
        self.first, self.again, self.resets, self.wanted = {}, 0, 0, rng.randrange(1, RESETS + 1)

    def take(self, message):
        at = int(message[:6])
        self.again += at in self.first
        self.first.setdefault(at, None)

    def budget(self):
        """Messages until the next reset; None once there were enough."""
        return self.rng.randrange(1, self.count // self.wanted) if self.resets < self.wanted else None

    def answer(self, peer):
        budget = self.budget()
        while (message := peer.message()) is not None:
            self.take(message)
            peer.send(b"ok " + message[:6], TEXT)
            budget = self.spend(peer, budget)
        peer.finish()

    def talk(self, peer):
        over = threading.Event()
        talking = threading.Thread(target=chatter, args=[peer, over], daemon=True)
        talking.start()
        try:
            budget = self.budget()
            time.sleep(self.rng.uniform(0.1, 1.0))
            while (message := peer.message()) is not None:
                self.take(message)
                budget = self.spend(peer, budget)
            peer.finish()
        finally:
            over.set()

    def spend(self, peer, budget):
        if budget is not None and budget <= 1:
            self.resets += 1
            peer.reset()
            raise Lost("reset on purpose")
        return budget and budget - 1


def chatter(peer, over):
    """Talks all the time, but not for ever: a peer that is never silent would never be left."""
    try:
        while not over.wait(0.002):
            if time.monotonic() - peer.last_heard < 1.5 and not peer.close_sent:
                peer.send(b"tick " * 40, TEXT)
    except Lost:
        pass


def in_doubt(wsio):
    """Messages that were told as in doubt at the losses: what the records say; held against standard error."""
    records = 0
    for record in wsio.records("reconnect"):
        names = [name for name in record if re.search("doubt", name)]
        counts = [record[name] for name in names if "bytes" not in name and isinstance(record[name], int)]
        nested = [record[name].get("messages", 0) for name in names if isinstance(record[name], dict)]
        records += sum(counts + nested)
    said = re.findall(r"(\d+) messages?\b[^;\n]*?(?:in doubt|may not have arrived)", wsio.words)
    return min(records, sum(map(int, said))) if records else sum(map(int, said))


def unsent(wsio):
    """Messages that were told as left unsent."""
    found = re.findall(r"(\d+) messages?[^;,\n\d]*unsent", wsio.words)
    return max(map(int, found), default=0)


def throughput(world, number):
    """Bytes a second over 100 ms of round trip, from the upgrade to the last line."""
    line, lines, got, ends = b"b" * 1000, 24_000, [0], []

    def handler(peer):
        begun = time.monotonic()
        while peer.message() is not None:
            got[0] += 1
            ends.append(time.monotonic() - begun)
        peer.finish()

    server = Server(handler)
    relay = Relay(server.address, 0.05)
    path = world.path("bulk")
    path.write_bytes((line + b"\n") * lines)
    url = "ws://%s:%d/" % relay.address
    args = ["--resend"] if number % 2 else []
    try:
        wsio = Wsio(world, "pipe", "--in", "lines", "--reconnect", *args, f"file:{path}", url)
        code = wsio.wait(LIMIT)
        server.join()
    finally:
        relay.stop()
        server.stop()
        path.unlink()
    speed = got[0] * len(line) / max(0.001, ends[-1] if ends else 0.0) / 1e6
    problems = wsio.problems()
    if code != 0 or got[0] != lines:
        problems.append(f"exit {code}, {got[0]} of {lines} lines: {wsio.words.strip()[-300:]!r}")
    if speed < 1:
        problems.append("slower than 1 MB/s")
    return problems, f"{speed:.1f} MB/s {' '.join(args)}".strip()
