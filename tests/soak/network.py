"""A bad network and a hostile peer, between `wsio` and a peer that is right: slices, stalls, RST, a black hole from
byte N on, a byte that is changed.

A proxy of our own stands between them and does one of these to one direction, at a byte that the seed chooses. Whatever
it does: the run ends in bounded time, without a panic; what was delivered is a prefix of what was sent, both ways
(but where a byte of plain text was changed, which shows in a payload as nothing but that); 0 means that all of it
arrived; and what `wsio` sends is well framed.
"""

import re
import select
import socket
import subprocess
import threading
import time

from peer import Server
from process import Wsio
from report import Apart

JOBS = 4
LIMIT = 40
FAULTS = ("slices", "stalls", "reset", "end", "black hole", "corrupt byte", "corrupt byte over TLS")
CLOCKS = ["--ping-interval", "1s", "--ping-timeout", "2s", "--close-timeout", "2s", "--connect-timeout", "5s", "--linger", "100ms"]


def runs(options):
    return [(number, FAULTS[number % len(FAULTS)]) for number in range(len(FAULTS) * (options.runs or 20))]


def one(world, rng, number, group):
    lines = [b"%d " % at + b"x" * rng.choice([0, 10, 1000]) for at in range(rng.choice([1, 20, 400]))]
    body = b"".join(line + b"\n" for line in lines)
    tls = world.tls if group.endswith("TLS") or rng.random() < 0.3 else None
    got = []

    def handler(peer):
        def give():
            for line in lines:
                peer.send(line, 1)

        thread = threading.Thread(target=quietly(give), daemon=True)
        thread.start()
        while (message := peer.message()) is not None:
            got.append(message)
        thread.join()
        peer.finish()

    server = Server(handler, tls, limit=LIMIT)
    way, at = rng.choice(["in", "out"]), rng.choice([rng.randrange(400), rng.randrange(2 * len(body) + 1000)])
    network = Network(server.address, group.removesuffix(" over TLS"), way, at, rng)
    # A plain byte that is changed shows in a payload as nothing but that.
    is_changed = group.startswith("corrupt") and not tls
    try:
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{network.port}/"
        trust = ["--cacert", world.tls.certificate] if tls else []
        wsio = Wsio(world, "connect", "--stats", *CLOCKS, *trust, url, stdin=subprocess.PIPE)
        threading.Thread(target=quietly(lambda: feed(wsio, body)), daemon=True).start()
        wsio.wait(LIMIT)
        network.stop()
        server.join(10)
    finally:
        network.stop()
        server.stop()
    problems = wsio.problems(memory_mib=96)
    is_good = group in ("slices", "stalls") or not network.happened
    if not group.startswith("corrupt"):
        problems += [f"the peer: {handled.broken}" for handled in server.handled if handled.broken]
    out = bytes(wsio.out)
    if not is_changed:
        if not body.startswith(out):
            problems.append(f"what came out is no prefix of what was sent: {out[-80:]!r}")
        if got != lines[: len(got)]:
            problems.append("what arrived is no prefix of the lines")
    if is_good and (wsio.code, out, got) != (0, body, lines):
        problems.append(f"exit {wsio.code}, {len(out)} of {len(body)} bytes came, {len(got)} of {len(lines)} messages went")
    elif wsio.code == 0 and not is_changed and (out, got) != (body, lines):
        problems.append(f"exit 0, but {len(out)} of {len(body)} bytes came, {len(got)} of {len(lines)} messages went")
    if wsio.code == 2:
        problems.append("the command line is refused")
    if wsio.code != 0 and not re.search(r"^wsio: .+: .+", wsio.words, re.M):
        problems.append(f"exit {wsio.code} without a word")
    if problems:
        return [*problems, f"[{way}, byte {at}, {'wss' if tls else 'ws'}, exit {wsio.code}: {wsio.words[-200:]!r}]"]
    return [] if network.happened else Apart("over before the byte of their fault")


def feed(wsio, body):
    wsio.process.stdin.write(body)
    wsio.process.stdin.close()


def quietly(function):
    def run():
        try:
            function()
        except Exception:  # The other side has gone, which shows elsewhere.
            pass

    return run


class Network:
    """Carries one connection to `address`, and does `fault` to the direction `way` at byte `at`."""

    def __init__(self, address, fault, way, at, rng):
        self.address, self.fault, self.way, self.at = address, fault, way, at
        self.sizes = [rng.choice([1, 2, 7, 100, 1400]) for _ in range(50)]
        self.bit = 1 << rng.randrange(8)
        # The fault was done to bytes that came; a connection that ends before its byte shows nothing.
        self.happened, self.broken = False, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets, self.is_over = [], threading.Event()
        threading.Thread(target=quietly(self._carry), daemon=True).start()

    def _carry(self):
        near, _ = self.listener.accept()
        far = socket.create_connection(self.address)
        self.sockets += [near, far]
        for sock in self.sockets:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for way, source, sink in (("out", near, far), ("in", far, near)):
            threading.Thread(target=quietly(self._copier(way, source, sink)), daemon=True).start()

    def _copier(self, way, source, sink):
        return lambda: self._copy(way == self.way, source, sink)

    def _copy(self, is_bad, source, sink):
        passed, number = 0, 0
        while not self._is_over():
            if not select.select([source], [], [], 0.1)[0]:
                continue
            size = 65536
            if is_bad and self.fault in ("slices", "stalls"):
                size = self.sizes[number % len(self.sizes)] if self.fault == "slices" or number % 50 else 65536
            data = bytearray(source.recv(size))
            number += 1
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            here = self.at - passed if is_bad else -1
            if is_bad and self.fault == "slices":
                self.happened = self.happened or len(data) == size
            elif 0 <= here < len(data):
                self.happened = True
                if self.fault == "stalls":
                    time.sleep(0.7)
                elif self.fault == "corrupt byte":
                    data[here] ^= self.bit
                else:
                    self._send(sink, data[:here])
                    return self._break(source, sink)
            passed += len(data)
            self._send(sink, data)

    def _is_over(self):
        return self.is_over.is_set() or self.broken.is_set()

    def _send(self, sink, data):
        """Sends in ticks: a socket that another thread waits on is reset only when that thread returns."""
        data = memoryview(data)
        while data and not self._is_over():
            if select.select([], [sink], [], 0.1)[1]:
                data = data[sink.send(data, socket.MSG_DONTWAIT) :]

    def _break(self, source, sink):
        if self.fault == "reset":
            self.broken.set()
            for sock in (source, sink):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                sock.close()
            return
        if self.fault == "end":
            sink.shutdown(socket.SHUT_WR)
        while not self.is_over.is_set():
            # A black hole swallows.
            if select.select([source], [], [], 0.1)[0] and not source.recv(65536):
                return

    def stop(self):
        self.is_over.set()
        for sock in [self.listener, *self.sockets]:
            sock.close()
