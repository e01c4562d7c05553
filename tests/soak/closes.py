"""The peer closes with 1000 after a random number of messages, and reads on until our Close.

Of `pipe file:F`, `connect < F` and `cat F | connect`: whole messages that the peer then had = the count that
`wsio` gives = the offset of the shell's file; exit 55 in every run that left some, 0 otherwise.
"""

import os
import subprocess
import time

from frames import CLOSE, close_body, frame
from peer import Server
from process import Wsio, await_input

MODES = ("pipe file:F", "connect < F", "cat F | connect")
LIMIT = 60


def runs(options):
    """Run numbers, each with its group."""
    return [(number, MODES[number % 3]) for number in range(3 * (options.runs or 200))]


def one(world, rng, number, group):
    lines, body = content(rng)
    framing = rng.choice(["lines", "lines", "raw"]) if group != MODES[2] else "lines"
    after = rng.choice([0, 0, 1, rng.randrange(1, 50), rng.randrange(len(lines) + 1), len(lines)])
    tls = world.tls if rng.random() < 0.5 else None
    pause = rng.choice([0, 0, rng.uniform(0, 0.3)])
    pace = rng.choice([(262144, 0), (262144, 0), (16384, 0.001)])

    def handler(peer):
        peer.pace, got = pace, []
        peer.handled.value = got
        peer.close_sent = after == 0
        if after == 0:
            time.sleep(pause)
        while True:
            message = peer.message()
            if message is None:
                peer.finish()
                return got
            got.append(message)
            if len(got) == after:
                peer.close(1000)
                time.sleep(pause)

    behind = frame(CLOSE, close_body(1000)) if after == 0 else b""
    buffer = rng.choice([None, None, 16384])
    server = Server(handler, tls, behind, receive_buffer=buffer, limit=LIMIT)
    path = world.path("input")
    path.write_bytes(body)
    json = group == MODES[1] and rng.random() < 0.3
    args = ["--stats", "--in", framing, *(["--out", "jsonl"] if json else [])]
    args += ["--cacert", world.tls.certificate] if tls else []
    try:
        wsio, offset = start(world, group, args, server.url, path)
        problems = wsio.problems()
        if not server.join():
            problems.append("the connection was not over 30 s after the process")
    finally:
        server.stop()
        path.unlink()
    if not server.handled:
        return [*problems, f"no connection, exit {wsio.code}: {wsio.words!r}"]
    handled = server.handled[0]
    got = handled.value or []
    for fault in (handled.lost, handled.broken, handled.failed):
        if fault:
            problems.append(f"the peer had no Close: {fault}")
    problems += judge(wsio, framing, lines, body, got, offset, json)
    if problems:
        problems.append(
            f"[{len(got)} of {len(lines)} messages arrived, Close after {after}, {framing}, "
            f"{'wss' if tls else 'ws'}, exit {wsio.code}, said {wsio.words.strip()[-200:]!r}]"
        )
    return problems


def content(rng):
    """Lines of a file, and the file."""
    longest = rng.choice([20, 200, 2000, 20_000])
    size = rng.choice([200_000, 1_000_000, 6_000_000, 30_000_000 if longest == 20_000 else 6_000_000])
    lines, total = [], 0
    while total < size:
        lines.append(b"%d " % len(lines) + b"x" * rng.randrange(longest))
        total += len(lines[-1]) + 1
    return lines, b"\n".join(lines) + rng.choice([b"\n", b""])


def start(world, group, args, url, path):
    """Runs `wsio` to its end; with `connect < F` the offset of F after it."""
    if group == MODES[0]:
        wsio = Wsio(world, "pipe", *args, f"file:{path}", url)
        wsio.wait(LIMIT)
        return wsio, None
    if group == MODES[1]:
        shell = os.open(path, os.O_RDONLY)
        try:
            wsio = Wsio(world, "connect", *args, url, stdin=shell)
            wsio.wait(LIMIT)
            return wsio, os.lseek(shell, 0, os.SEEK_CUR)
        finally:
            os.close(shell)
    cat = subprocess.Popen(["cat", path], stdout=subprocess.PIPE)
    world.started(cat)
    await_input(cat)
    wsio = Wsio(world, "connect", *args, url, stdin=cat.stdout)
    cat.stdout.close()
    wsio.wait(LIMIT)
    cat.wait(10)
    world.reaped(cat)
    return wsio, None


def judge(wsio, framing, lines, body, got, offset, json):
    """Holds what the peer got against all that `wsio` says of it."""
    problems = []
    if framing == "lines":
        taken = min(len(body), sum(len(message) + 1 for message in got))
        if got != lines[: len(got)]:
            problems.append("what arrived is not a prefix of the lines")
    else:
        taken = sum(map(len, got))
        if b"".join(got) != body[:taken]:
            problems.append("what arrived is not a prefix of the file")
    counted = (len(got), sum(map(len, got)))
    if wsio.stat("out") != counted:
        problems.append(f"--stats says {wsio.stat('out')}, the peer had {counted}")
    if json:
        end = wsio.records("end")
        said = (end[-1]["messages_out"], end[-1]["bytes_out"]) if end else None
        if said != counted:
            problems.append(f"the end record says {said}, the peer had {counted}")
        if end and end[-1]["exit"] != wsio.code:
            problems.append(f"the end record says exit {end[-1]['exit']}")
    if offset is not None and offset != taken:
        problems.append(f"the file's offset is {offset}, not {taken}")
    right = 0 if taken == len(body) else 55
    if wsio.code != right:
        problems.append(f"exit {wsio.code}, not {right}")
    return problems
