"""Clients that say nothing: the memory that each of ten thousand keeps, in each of the states that it may be in.

A client's share is (VmRSS with all of them - VmRSS before the first) / their number. "fresh" says nothing after the
handshake; "spoke" has had a short message back, "large" one of 4 MiB; "churn" comes after ten rounds of as many that
came and went. Beside it stand the CPU time of the server for a client that comes in, and the same share once all
of them have left. `--runs N` takes N thousand clients instead of ten.
"""

import os
import resource
import select
import socket
import ssl
import subprocess
import time
import zlib

from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, frame
from peer import upgrade
from process import Wsio, announced

JOBS = 1
# Options of the server, and the bound on a client's share in each of its states, KiB.
SERVERS = {
    "echo": (["--echo"], {"fresh": 8, "spoke": 8, "large": 8, "churn": 8}),
    "standard streams": ([], {"fresh": 8, "large": 8, "churn": 8}),
    "tls": (["--echo"], {"fresh": 24, "spoke": 24, "large": 24, "churn": 24}),
    "compress": (["--echo", "--compress"], {"fresh": 8, "spoke": 64, "large": 64}),
}
LARGE, ROUNDS = 4 << 20, 10
REQUEST = (b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%b\r\n")
KEY = bytes(4)


def missing():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 10_500:
        return f"it needs 10500 descriptors, and may have {hard}"
    return None


def runs(options):
    clients = (options.runs or 10) * 1000
    cases = [(server, state) for server, (_, states) in SERVERS.items() for state in states]
    return [(number, f"{clients} × {server} × {state}") for number, (server, state) in enumerate(cases)]


def one(world, rng, number, group):
    clients, server, state = group.split(" × ")
    clients = int(clients)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    path = world.path("url")
    options, bounds = SERVERS[server]
    tls = world.tls if server == "tls" else None
    if tls:
        options = [*options, "--cert", tls.certificate, "--key", tls.key]
    # A client that waits for its turn answers no ping.
    args = ["listen", "0", "-q", "--ping-interval", "off", "--max-connections", clients + 10, "--announce", path, *options]
    wsio = Wsio(world, *args, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        url = announced(wsio, path)
        if not url:
            return [f"it never listened: {wsio.words[-300:]!r}"]
        port = int(url.rsplit(":", 1)[1].rstrip("/"))
        crowd = Crowd(wsio.process.pid, port, tls, server == "compress")
        before = crowd.settled()
        for _ in range(ROUNDS if state == "churn" else 0):
            crowd.come(clients)
            crowd.leave()
        crowd.come(clients)
        if state == "spoke":
            crowd.say(b"x" * 100, "--echo" in options)
        elif state == "large":
            crowd.say(bytes(LARGE), "--echo" in options)
        share = (crowd.settled() - before) / clients
        crowd.leave()
        left = (crowd.settled() - before) / clients
        wsio.signal(15)
        wsio.wait(30)
    finally:
        wsio.signal(9)
    problems = wsio.problems(1 << 20)
    if share > bounds[state]:
        problems.append(f"{share:.1f} KiB a client, over {bounds[state]}")
    words = f"{share:.1f} KiB a client, {left:.1f} when all had left; "
    return problems, words + f"{crowd.cpu / crowd.came * 1e6:.0f} µs of CPU to come in, peak {wsio.peak_kib // 1024} MiB"


class Crowd:
    """The clients, one after the other in all that they do."""

    def __init__(self, pid, port, tls, compressed):
        self.pid, self.port, self.tls, self.here = pid, port, tls, []
        self.compressed, self.cpu, self.came = compressed, 0.0, 0
        offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n" if compressed else b""
        self.request = REQUEST % offer

    def rss(self):
        with open(f"/proc/{self.pid}/statm") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize() // 1024

    def spent(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def settled(self):
        """The resident memory, KiB, once it stays as it is; freed memory is given back after a second of quiet."""
        time.sleep(2)
        last, end = self.rss(), time.monotonic() + 10
        while time.monotonic() < end:
            time.sleep(1)
            now = self.rss()
            if abs(now - last) < 64:
                return now
            last = now
        return last

    def come(self, count):
        begun = self.spent()
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", self.port), 20)
            if self.tls:
                client = self.tls.client.wrap_socket(client, server_hostname="localhost")
            upgrade(client, self.request)
            self.here.append(client)
        self.cpu, self.came = self.cpu + self.spent() - begun, self.came + count

    def say(self, payload, echoes):
        """Each sends a message, alone, and waits until it has come back, or else for a pong behind it."""
        message = frame(BINARY, payload, key=KEY)
        if self.compressed:
            deflater = zlib.compressobj(1, wbits=-15)
            body = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)[:-4]
            message = frame(BINARY, body, key=KEY)
            message = bytes([message[0] | 0x40]) + message[1:]
        if not echoes:
            message += frame(PING, key=KEY)
        for client in self.here:
            talk(client, message, Heads((PONG,) if not echoes else (BINARY, CONTINUATION)))

    def leave(self):
        """All go at once, half of them with a Close; waits until the server has let go of them."""
        for index, client in enumerate(self.here):
            try:
                if index % 2:
                    client.send(frame(CLOSE, b"\x03\xe8", key=KEY))
            except OSError:
                pass
            client.close()
        self.here.clear()
        end = time.monotonic() + 30
        while self.descriptors() > 100:
            if time.monotonic() > end:
                raise ValueError(f"{self.descriptors()} descriptors stay open")
            time.sleep(0.05)


class Heads:
    """Reads frames for their heads alone, up to the end of a message of these opcodes."""

    def __init__(self, opcodes):
        self.opcodes, self.head, self.left, self.over = opcodes, bytearray(), 0, False

    def pass_over(self, data):
        while len(data) and not self.over:
            if not self.left:
                taken = data[: 10 - len(self.head)]
                had = len(self.head)
                self.head += taken
                if len(self.head) < 2:
                    return
                size, length = self.head[1] & 127, 2
                if size > 125:
                    length = 4 if size == 126 else 10
                    if len(self.head) < length:
                        return
                    size = int.from_bytes(self.head[2:length], "big")
                data, self.left = data[length - had :], size
                self.last = bool(self.head[0] & 0x80) and self.head[0] & 15 in self.opcodes
                self.head.clear()
            count = min(self.left, len(data))
            data, self.left = data[count:], self.left - count
            self.over = not self.left and self.last


def talk(client, message, heads):
    """Sends while it receives, so that neither side waits for the other."""
    client.setblocking(False)
    poll = select.poll()
    rest, end = memoryview(message), time.monotonic() + 30
    while rest or not heads.over:
        poll.register(client, select.POLLIN | (select.POLLOUT if rest else 0))
        poll.poll(1000)
        if time.monotonic() > end:
            raise ValueError(f"{len(rest)} of {len(message)} bytes were not taken, or not answered")
        try:
            while rest:
                rest = rest[client.send(rest) :]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        try:
            while not heads.over:
                if not (data := client.recv(1 << 20)):
                    raise ValueError("the server left")
                heads.pass_over(memoryview(data))
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
