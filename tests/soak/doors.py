"""Ten thousand sockets at a time that say nothing, or one byte now and then, a thousand a second coming and going.

Meanwhile honest clients ask for a WebSocket, over TLS too, or use `tcp-listen:` and `udp-listen:`: each of them is
in within a second, and gets its message back. Memory and the program's own descriptors stay bounded.
"""

import resource
import socket
import struct
import threading
import time

from peer import upgrade
from process import Wsio, announced
from streams import Lost

JOBS = 1
MANNERS = ("silent", "dripping", "both")
SERVERS = ("ws", "wss", "tcp", "udp")
# At a time, a second, and for how long.
CROWD, RATE, SECONDS = 10_000, 1_000, 15
# An honest client's answer, with what a busy machine may add.
BOUND, SLACK = 1.0, 1.0
MEMORY_MIB = 400
REQUEST = (b"GET / HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
HELLO = b"\x81\x85\0\0\0\0hello"


def missing():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < CROWD + 500:
        return f"it needs {CROWD + 500} descriptors, and may have {hard}"
    return None


def runs(options):
    cases = [(server, manner) for server in SERVERS for manner in MANNERS if server != "udp" or manner == "silent"]
    return [(number, " × ".join(case)) for number, case in enumerate(cases)]


def one(world, rng, number, group):
    server, manner = group.split(" × ")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    path = world.path("url")
    if server in ("ws", "wss"):
        own = ["--cert", world.tls.certificate, "--key", world.tls.key] if server == "wss" else []
        wsio = Wsio(world, "listen", "0", "--echo", "--announce", path, *own)
    else:
        wsio = Wsio(world, "pipe", f"{server}-listen:0", "echo:", "--announce", path)
    crowd, took, problems = None, [], []
    try:
        url = announced(wsio, path)
        if not url:
            return [f"it never listened: {wsio.words[-300:]!r}"]
        host, port = url.split("://")[1].split("/")[0].rsplit(":", 1)
        address = (host, int(port))
        crowd = Crowd(address, manner, rng, server == "udp")
        crowd.start()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            begun = time.monotonic()
            try:
                HONEST[server](world, address)
                took.append(time.monotonic() - begun)
            except (OSError, Lost, ValueError) as error:
                problems.append(f"an honest client got nothing: {error!r}")
            time.sleep(0.1)
        took.sort()
        if not took or took[-1] > BOUND + SLACK:
            problems.append(f"an honest client waited {took[-1] if took else SECONDS:.2f} s")
    finally:
        if crowd:
            crowd.stop()
        wsio.signal(15)
        wsio.wait(20)
    problems += wsio.problems(MEMORY_MIB)
    words = f"{len(took)} honest, p50 {took[len(took) // 2]:.3f} s, max {took[-1]:.3f} s" if took else ""
    return problems[:5], f"{words}, {crowd.made} strangers, {wsio.peak_kib // 1024} MiB"


class Crowd(threading.Thread):
    """Those who come, say next to nothing and go."""

    def __init__(self, address, manner, rng, is_udp):
        super().__init__(daemon=True)
        self.address, self.manner, self.rng, self.is_udp = address, manner, rng, is_udp
        self.over, self.made = threading.Event(), 0

    def run(self):
        here, begun = [], time.monotonic()
        while not self.over.is_set():
            due = int((time.monotonic() - begun) * RATE)
            while self.made < due and not self.over.is_set():
                if (stranger := self.one()) is not None:
                    here.append(stranger)
                self.made += 1
                if len(here) > CROWD:
                    leave(here.pop(0))
            for stranger in self.rng.sample(here, min(100, len(here))) if self.manner != "silent" else ():
                try:
                    stranger.send(b"G")
                except OSError:
                    pass
            time.sleep(0.01)
        for stranger in here:
            leave(stranger)

    def one(self):
        if self.is_udp:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                # Each is another peer, whichever port it had before.
                one.bind((f"127.{self.rng.randrange(1, 255)}.{self.rng.randrange(1, 255)}.1", 0))
                one.sendto(b"x", self.address)
            return None
        stranger = socket.socket()
        stranger.setblocking(False)
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            stranger.bind((f"127.0.{self.rng.randrange(1, 255)}.1", 0))
            stranger.connect(self.address)
        except BlockingIOError:
            pass
        except OSError:
            stranger.close()
            return None
        return stranger

    def stop(self):
        self.over.set()
        self.join(20)


def leave(stranger):
    stranger.close()


def honest_ws(world, address, tls=None):
    with socket.create_connection(address, 10) as plain:
        client = tls.client.wrap_socket(plain, server_hostname="localhost") if tls else plain
        upgrade(client, REQUEST % address[0].encode())
        client.sendall(HELLO)
        expect(client, b"\x81\x05hello")
        client.sendall(b"\x88\x82\0\0\0\0\x03\xe8")


def honest_wss(world, address):
    honest_ws(world, address, world.tls)


def honest_tcp(world, address):
    with socket.create_connection(address, 10) as client:
        client.sendall(b"hello")
        expect(client, b"hello")


def honest_udp(world, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect(address)
        for _ in range(2):
            client.send(b"hello")
            if client.recv(100) != b"hello":
                raise ValueError("another answer")


def expect(client, wanted):
    got = b""
    while len(got) < len(wanted):
        if not (data := client.recv(len(wanted) - len(got))):
            break
        got += data
    if got != wanted:
        raise ValueError(f"{got!r} came back")


HONEST = {"ws": honest_ws, "wss": honest_wss, "tcp": honest_tcp, "udp": honest_udp}
