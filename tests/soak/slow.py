"""Transfers over links of 256 kbit/s, 1 and 4 Mbit/s with buffers of 256 KiB and 1 MiB, the default clocks untouched.

Up is from `wsio` to its peer, down the other way. Everything has to be there, and the exit code 0.
"""

import itertools
import os
import signal
import socket
import threading
import time

import links
from peer import Server, dial, listening
from process import Wsio, announced
from streams import Lost
from world import can_be_root

JOBS = 8
MODES = ("connect", "pipe", "listen < F", "listen --to tcp")
# Rate and how many bytes it carries in some 30 s.
RATES = {"256kbit": 960_000, "1mbit": 3_800_000, "4mbit": 15_000_000}
BUFFERS = (256 << 10, 1 << 20)
PIECE = 16_000


def missing():
    """Why this cannot run here."""
    reason = can_be_root()
    if reason:
        return reason
    try:
        links.remove_stale()

        class Probe:
            number, later = staticmethod(lambda: 0), staticmethod(lambda command: None)

        links.Link(Probe, "1mbit", 262144).remove()
    except RuntimeError as error:
        return f"this kernel has no namespaces or no tbf: {error}"
    return None


def runs(options):
    """Every mode, way, rate, buffer, ws and wss; the sizes are random. `--runs` takes as many by chance."""
    every = list(itertools.product(RATES, BUFFERS, MODES, ("up", "down"), ("ws", "wss")))
    every = [case for case in every if (case[2], case[3]) != ("listen < F", "down")]
    numbered = [(number, " ".join(map(str, case))) for number, case in enumerate(every)]
    if options.runs and options.runs < len(every):
        import random

        numbered = sorted(random.Random(options.seed).sample(numbered, options.runs))
    return numbered


def one(world, rng, number, group):
    rate, buffer, rest = group.split(" ", 2)
    mode, way, scheme = rest.rsplit(" ", 2)
    body = os.urandom(int(RATES[rate] * rng.uniform(0.7, 2.4 if rate == "256kbit" else 1.6)))
    limit = len(body) / RATES[rate] * 30 * 2 + 90
    link = links.Link(world, rate, int(buffer))
    transfer = Transfer(world, link, world.tls if scheme == "wss" else None, way, body, limit)
    try:
        run = {"connect": transfer.connect, "pipe": transfer.pipe, "listen < F": transfer.listen}.get(mode)
        wsio, got = run() if run else transfer.listen_to_tcp()
    finally:
        transfer.stop()
        link.remove()
    problems = wsio.problems()
    code = wsio.code
    if code != 0:
        problems.append(f"exit {code}, not 0")
    if got != body:
        held = os.path.commonprefix([got, body])
        problems.append(f"{len(got)} of {len(body)} bytes arrived, the first {len(held)} are right")
    if transfer.fault:
        problems.append(f"the peer: {transfer.fault}")
    if problems:
        problems.append(f"[said {wsio.words.strip()[-300:]!r}]")
    return problems, f"{len(body)} bytes in {wsio.seconds:.0f} s, exit {code}"


class Transfer:
    """One transfer in one mode; `wsio` is on the near side."""

    def __init__(self, world, link, tls, way, body, limit):
        self.world, self.link, self.tls, self.way, self.body, self.limit = world, link, tls, way, body, limit
        self.file, self.out = world.path("body"), world.path("out")
        if way == "up":
            self.file.write_bytes(body)
        self.got, self.servers, self.fault = bytearray(), [], None
        self.common = ["--framing", "raw"]

    def stop(self):
        for server in self.servers:
            server.stop()
        for path in (self.file, self.out):
            path.unlink(missing_ok=True)

    def talk(self, peer):
        """The peer's part: gives all and closes, or takes all and answers the Close."""
        if self.way == "down":
            def give():
                try:
                    for at in range(0, len(self.body), PIECE):
                        peer.send(self.body[at : at + PIECE])
                    peer.close(1000)
                except Lost as lost:
                    self.fault = str(lost)

            threading.Thread(target=give, daemon=True).start()
        while (message := peer.message()) is not None:
            self.got += message
        peer.finish()

    def server(self):
        inside = self.link.inside(self.link.far)
        server = Server(self.talk, self.tls, address=links.FAR, inside=inside, limit=self.limit)
        self.servers.append(server)
        return server

    def wsio(self, *args, **streams):
        trusted = ["--cacert", self.world.tls.certificate] if self.tls and args[0] != "listen" else []
        return Wsio(self.world, args[0], *trusted, *args[1:], prefix=self.link.prefix(), **streams)

    def over(self, wsio, server=None):
        """Waits for the end; what arrived at the far side, or here."""
        wsio.wait(self.limit)
        if server:
            server.join(30)
            for handled in server.handled:
                self.fault = self.fault or handled.lost or handled.broken or handled.failed
        if self.way == "up":
            return wsio, bytes(self.got)
        return wsio, self.out.read_bytes() if self.out.exists() else b""

    def connect(self):
        server = self.server()
        if self.way == "up":
            with open(self.file, "rb") as file:
                return self.over(self.wsio("connect", *self.common, server.url, stdin=file), server)
        with open(self.out, "wb") as out:
            return self.over(self.wsio("connect", *self.common, server.url, stdout=out), server)

    def pipe(self):
        server = self.server()
        if self.way == "up":
            return self.over(self.wsio("pipe", f"file:{self.file}", server.url), server)
        return self.over(self.wsio("pipe", server.url, f"file:{self.out}"), server)

    def client(self, wsio, announce):
        """The far side dials, and does its part on this thread."""
        url = announced(wsio, announce)
        if url is None:
            self.fault = "it never announced an address"
            return
        port = int(url.rsplit(":", 1)[1].strip("/"))
        try:
            peer = dial((links.NEAR, port), self.tls, self.link.inside(self.link.far), limit=self.limit)
            self.talk(peer)
        except Exception as error:
            self.fault = repr(error)

    def listening_wsio(self, *args, **streams):
        announce = self.world.path("announce")
        tls = ["--cert", self.world.tls.certificate, "--key", self.world.tls.key] if self.tls else []
        address = f"{'wss' if self.tls else 'ws'}://{links.NEAR}:0/"
        return self.wsio("listen", *tls, *args, "--announce", announce, address, **streams), announce

    def listen(self):
        with open(self.file, "rb") as file:
            wsio, announce = self.listening_wsio("--once", *self.common, stdin=file)
            self.client(wsio, announce)
            return self.over(wsio)

    def listen_to_tcp(self):
        """The TCP side is on the near side too, over loopback; the server is ended by SIGTERM."""
        near = self.link.inside(self.link.near)
        listener = near(listening)
        taken = bytearray()

        def target():
            sock = None
            end = time.monotonic() + self.limit
            while sock is None and time.monotonic() < end:
                try:
                    sock, _ = listener.accept()
                except TimeoutError:
                    continue
                except OSError:
                    return
            if sock is None:
                return
            sock.settimeout(self.limit)
            try:
                if self.way == "up":
                    sock.sendall(self.body)
                    sock.shutdown(socket.SHUT_WR)
                while data := sock.recv(65536):
                    taken.extend(data)
            except OSError as error:
                self.fault = self.fault or f"the TCP target: {error}"
            sock.close()

        serving = threading.Thread(target=target, daemon=True)
        serving.start()
        wsio, announce = self.listening_wsio("--to", "tcp:127.0.0.1:%d" % listener.getsockname()[1])
        self.client(wsio, announce)
        serving.join(30)
        listener.close()
        wsio.signal(signal.SIGTERM)
        wsio.wait(40)
        return wsio, bytes(self.got if self.way == "up" else taken)
