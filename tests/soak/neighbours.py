"""What one client, or three, that read nothing cost the others of a fan-out.

Each case runs twice, with the bad ones and with honest clients in their places. The others get every message in
order, wait for at most a second in all, and but for that second their p99 stays within 1.5 times of what it is
without the bad ones; who reads nothing is told 1013.
"""

import os
import re
import select
import socket
import subprocess
import threading
import time

from process import Wsio, announced

JOBS = 1
CLIENTS, LINE = 20, 10_000
# A second; together they fill a queue of 16M in some seconds.
RATE, SECONDS = 400, 14
CASES = [(source, queue, bad) for source in ("input", "relay") for queue, bad in (("16M", 1), ("1M", 1), ("1M", 3))]
# What is held up, with what a busy machine adds; a shorter gap is none.
HELD, GAP = 1.2, 0.05
# Latencies below this are equal.
FLOOR = 0.004
REQUEST = (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")


def runs(options):
    return [(number, f"{source} × {queue} × {bad} bad") for number, (source, queue, bad) in enumerate(CASES)]


def one(world, rng, number, group):
    source, queue, bad = CASES[number]
    without = Run(world, source, queue, 0)
    with_bad = Run(world, source, queue, bad)
    problems = without.problems + with_bad.problems
    for name, run in (("without", without), ("with", with_bad)):
        if len(run.counts) != CLIENTS - run.bad or set(run.counts) != {RATE * SECONDS}:
            problems.append(f"{name}: {sorted(set(run.counts))} messages came of {RATE * SECONDS}")
    # A machine that is busy otherwise makes gaps of its own.
    if with_bad.held > HELD + without.held:
        problems.append(f"the others were held up for {with_bad.held:.2f} s")
    if with_bad.p99 > max(1.5 * without.p99, FLOOR):
        problems.append(f"p99 {with_bad.p99 * 1000:.1f} ms, without {without.p99 * 1000:.1f}")
    if with_bad.sent_away != bad:
        problems.append(f"{with_bad.sent_away} of {bad} were told 1013")
    return problems, f"without: {without.words()}; with: {with_bad.words()}"


class Run:
    """One fan-out, fed at an even rate; each message begins with the moment at which it was due."""

    def __init__(self, world, source, queue, bad):
        self.bad, self.problems, self.counts, self.sent_away = bad, [], [], 0
        self.latencies, self.held, self.p50, self.p99 = [], 0.0, 0.0, 0.0
        path = world.path("url")
        own = ["--relay"] if source == "relay" else []
        inside, self.outside = os.pipe()
        wsio = Wsio(world, "listen", "0", "--queue", queue, "--ping-interval", "off", "--announce", path, *own,
                    stdin=inside, stdout=subprocess.DEVNULL)
        os.close(inside)
        self.sockets = []
        try:
            url = announced(wsio, path)
            if not url:
                self.problems.append(f"it never listened: {wsio.words[-300:]!r}")
                return
            host, port = url.split("://")[1].split("/")[0].rsplit(":", 1)
            dial = lambda: self.dial((host, int(port)))
            # Bad ones first, so that they stand before the others wherever there is an order.
            worse = [dial() for _ in range(bad)]
            good = [dial() for _ in range(CLIENTS - bad)]
            speaker = dial() if source == "relay" else None
            end = time.monotonic() + 10
            while wsio.words.count(" open ") < len(self.sockets) and time.monotonic() < end:
                time.sleep(0.01)
            feeding = threading.Thread(target=self.feed, args=(speaker,), daemon=True)
            feeding.start()
            self.read(good)
            feeding.join(10)
            end = time.monotonic() + 5
            while self.sent_away < bad and time.monotonic() < end:
                self.sent_away = len(re.findall(r" close 1013 ", wsio.words))
                time.sleep(0.05)
            del worse
        finally:
            wsio.signal(15)
            os.close(self.outside)
            for sock in self.sockets:
                sock.close()
            wsio.wait(30)
        self.problems += wsio.problems(300)
        self.judge()

    def dial(self, address):
        sock = socket.create_connection(address, 10)
        self.sockets.append(sock)
        sock.sendall(REQUEST)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        return sock

    def feed(self, speaker):
        begun = time.monotonic()
        for number in range(RATE * SECONDS):
            due = begun + number / RATE
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            text = b"%.6f %d " % (due, number)
            text += b"x" * (LINE - 1 - len(text))
            if speaker:
                speaker.sendall(b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text)
            else:
                rest = memoryview(text + b"\n")
                while rest:
                    rest = rest[os.write(self.outside, rest):]

    def read(self, good):
        """Reads for all of the others; a reader that is busy itself measures no less than there is."""
        poll = select.epoll()
        clients = {sock.fileno(): [sock, bytearray(), 0, 0.0] for sock in good}
        for number in clients:
            poll.register(number, select.EPOLLIN)
        self.came, end = [], time.monotonic() + SECONDS + 60
        while clients and time.monotonic() < end:
            for number, _ in poll.poll(1):
                client = clients[number]
                data = client[0].recv(1 << 18)
                now = time.monotonic()
                client[1] += data
                at = 0
                while len(client[1]) - at >= LINE + 3 and client[1][at] == 0x81:
                    due, count, _ = bytes(client[1][at + 4:at + 60]).split(b" ", 2)
                    if int(count) != client[2]:
                        self.problems.append(f"{count} came in place of {client[2]}")
                    client[2] += 1
                    self.came.append((now, now - float(due)))
                    at += LINE + 3
                del client[1][:at]
                if not data or client[2] == RATE * SECONDS or client[1] and client[1][0] != 0x81:
                    self.counts.append(client[2])
                    poll.unregister(number)
                    del clients[number]
        self.counts += [client[2] for client in clients.values()]

    def judge(self):
        """Gaps in which nobody got anything, and the latencies but for what such a gap delayed."""
        gaps = []
        for (before, _), (after, _) in zip(self.came, self.came[1:]):
            if after - before > GAP:
                gaps.append((before, after))
        self.held = sum(after - before for before, after in gaps)
        delayed = lambda due: any(before - 0.05 <= due <= after + 0.5 for before, after in gaps)
        latencies = sorted(latency for now, latency in self.came if not delayed(now - latency))
        if latencies:
            self.p50, self.p99 = latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100]

    def words(self):
        return f"p50 {self.p50 * 1000:.2f} ms, p99 {self.p99 * 1000:.2f} ms, held {self.held:.2f} s"
