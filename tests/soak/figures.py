"""The figures of README, each in one run with its own bound.

    4 GiB       a peer sends them, and the output stops for half a second after each 256 MiB: every byte arrives in order, and
                memory stays where --read-ahead bounds it
    cycles      100000 clients come one after the other, shake hands, and close: each is answered, and neither memory nor
                descriptors are left behind
    half-open   10000 connections that stop in the middle of their request, while others are served: --handshake-timeout
                ends each of them
    kills       `wsio` is killed (SIGKILL) after 200 different numbers of bytes: what the peer got is a prefix of what was
                given, in whole messages and with no broken frame

`--runs N` takes N percent of each.
"""

import os
import resource
import signal
import socket
import subprocess
import threading
import time

import idle
from frames import BINARY, CLOSE, frame
from peer import Server, upgrade
from process import Wsio, announced

JOBS = 1
MIB = 1 << 20
GROUPS = {"4 GiB": 4096, "cycles": 100_000, "half-open": 10_000, "kills": 200}


def missing():
    return idle.missing()


def runs(options):
    percent = options.runs or 100
    return [(number, f"{name} × {count * percent // 100}") for number, (name, count) in enumerate(GROUPS.items())]


def one(world, rng, number, group):
    name, count = group.split(" × ")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    begun = time.monotonic()
    act = {"4 GiB": stalls, "cycles": cycles, "half-open": half_open, "kills": kills}[name]
    problems, words = act(world, rng, int(count))
    return problems, f"{words}; {time.monotonic() - begun:.0f} s"


def stalls(world, rng, count):
    """`count` messages of 1 MiB to an output that stops after each 256 of them."""
    block = rng.randbytes(MIB)

    def talk(peer):
        head = frame(BINARY, block)
        for _ in range(count):
            peer.write(head)
        peer.close(1000)
        peer.stream.recv(64)

    server = Server(talk, None, limit=170)
    ours, theirs = os.pipe()
    wsio = Wsio(world, "connect", "--recv-only", "--out", "raw", server.url, stdout=theirs)
    os.close(theirs)
    total = stopped = 0
    wrong = False
    try:
        while data := os.read(ours, MIB):
            at = total % MIB
            wrong |= data != (block[at : at + len(data)] + block[: max(0, at + len(data) - MIB)])
            if total // (256 * MIB) != (total + len(data)) // (256 * MIB):
                stopped += 1
                time.sleep(0.5)
            total += len(data)
        code = wsio.wait(30)
    finally:
        os.close(ours)
        server.stop()
    problems = wsio.problems()
    if code != 0 or wrong or total != count * MIB:
        problems.append(f"exit {code}, {total} of {count * MIB} bytes, {'others' if wrong else 'the same'}")
    if wsio.peak_kib > 64 * 1024:
        problems.append(f"{wsio.peak_kib} KiB of memory")
    return problems, f"{total >> 20} MiB, {stopped} stalls, peak {wsio.peak_kib / 1024:.0f} MiB"


class Listener:
    """`wsio listen --echo`, with its port and what it holds."""

    def __init__(self, world, *options):
        path = world.path("url")
        self.wsio = Wsio(world, "listen", "0", "-q", "--echo", "--announce", path, *options, stdout=subprocess.DEVNULL)
        url = announced(self.wsio, path)
        if not url:
            raise ValueError(f"it never listened: {self.wsio.words[-300:]!r}")
        self.port = int(url.rsplit(":", 1)[1].rstrip("/"))
        self.crowd = idle.Crowd(self.wsio.process.pid, self.port, None, False)

    def open(self, source="127.0.0.1"):
        client = socket.create_connection(("127.0.0.1", self.port), 20, (source, 0))
        upgrade(client, self.crowd.request)
        return client

    def end(self):
        self.wsio.signal(signal.SIGTERM)
        return self.wsio.wait(30)


def cycles(world, rng, count):
    listener = Listener(world)
    close = frame(CLOSE, b"\x03\xe8", key=idle.KEY)
    first, problems = None, []
    for cycle in range(count):
        if cycle == count // 50:
            first = listener.crowd.settled(), listener.crowd.descriptors()
        # Ports of one address would run out.
        with listener.open(f"127.0.0.{cycle % 8 + 1}") as client:
            client.sendall(close)
            answer = b""
            while data := client.recv(64):
                answer += data
        if answer != frame(CLOSE, b"\x03\xe8"):
            problems.append(f"cycle {cycle}: {answer!r}")
            break
    last = listener.crowd.settled(), listener.crowd.descriptors()
    code = listener.end()
    problems += listener.wsio.problems()
    if code != 0 or last[0] - first[0] > 4096 or last[1] > first[1]:
        problems.append(f"exit {code}, from {first} to {last} (KiB, descriptors)")
    return problems, f"{cycle + 1} cycles, memory {last[0] - first[0]:+} KiB, descriptors {last[1] - first[1]:+}"


def half_open(world, rng, count):
    listener = Listener(world, "--max-connections", count + 10, "--handshake-timeout", "20")
    before, here = listener.crowd.settled(), []
    for number in range(count):
        client = socket.create_connection(("127.0.0.1", listener.port), 20)
        client.sendall(listener.crowd.request[: rng.randrange(len(listener.crowd.request) - 2)])
        here.append(client)
    share = (listener.crowd.rss() - before) / count
    begun = time.monotonic()
    with listener.open() as client:
        idle.talk(client, frame(BINARY, b"hello", key=idle.KEY), idle.Heads((BINARY,)))
    served = time.monotonic() - begun
    ended, problems = 0, []
    for client in here:
        client.settimeout(40)
        try:
            while client.recv(4096):
                pass
            ended += 1
        except TimeoutError:
            break
        except OSError:
            ended += 1
        client.close()
    end = time.monotonic() + 20
    while listener.crowd.descriptors() > 100 and time.monotonic() < end:
        time.sleep(0.05)
    left = listener.crowd.descriptors()
    code = listener.end()
    problems += listener.wsio.problems()
    if ended != count or left > 100 or served > 5 or share > 32 or code != 0:
        problems.append(f"{ended} ended, {left} descriptors, served after {served:.1f} s, {share:.1f} KiB each, exit {code}")
    return problems, f"{count} held {share:.1f} KiB each, a client was served in {served * 1000:.0f} ms, {ended} were ended"


def kills(world, rng, count):
    lines = [b"%d %s" % (at, b"x" * rng.randrange(4000)) for at in range(4000)]
    path = world.path("lines")
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    size, problems, cut = path.stat().st_size, [], 0
    for kill in range(count):
        goal, got, over = size * kill // count, [], threading.Event()
        running = []

        def talk(peer):
            taken = 0
            try:
                while (payload := peer.message()) is not None:
                    got.append(payload)
                    taken += len(payload) + 1
                    if taken >= goal and running:
                        running[0].signal(signal.SIGKILL)
            finally:
                over.set()

        server = Server(talk, None, limit=30)
        with open(path, "rb") as given:
            wsio = Wsio(world, "connect", server.url, "--linger", "0", stdin=given)
            running.append(wsio)
            wsio.wait(20)
        over.wait(20)
        server.stop()
        cut += len(got) < len(lines)
        fault = [handled.broken or handled.failed for handled in server.handled]
        if got != lines[: len(got)] or any(fault):
            problems.append(f"kill {kill} after {goal} bytes: {len(got)} messages, a prefix or not, {fault}")
    if not cut:
        problems.append("no kill came before the end")
    return problems, f"{count} kills, {cut} of them before the end"
