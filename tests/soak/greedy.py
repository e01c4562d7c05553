"""Clients that announce, or send, more than a server has memory for (`ulimit -v`), in frames, fragments and bombs.

Whatever they do, the server stays up, an honest client gets its echo, and memory follows what was sent.
"""

import os
import signal
import socket
import struct
import threading
import time
import zlib

import frames
from process import Wsio, announced

JOBS = 1
KINDS = ("announce", "fragments announced", "whole", "fragments", "bomb", "impossible", "long ping")
EXTENSION = "Sec-WebSocket-Extensions: permessage-deflate\r\n"


def runs(options):
    return [(number, "listen --echo under ulimit -v") for number in range(options.runs or 20)]


def one(world, rng, number, group):
    limit = rng.choice([300, 500, 1000])
    kinds = [rng.choice(KINDS) for _ in range(rng.randrange(5, 60))]
    # What only announces costs nothing: then memory is bounded too.
    sends = any(kind in ("whole", "fragments", "bomb") for kind in kinds)
    announce = world.path("announce")
    prefix = ("sh", "-c", f'ulimit -v {limit << 10}; exec "$0" "$@"')
    wsio = Wsio(world, "listen", "--echo", "--compress", "--announce", announce, "ws://127.0.0.1:0/", prefix=prefix)
    problems, attackers, threads = [], [], []
    try:
        port = int(announced(wsio, announce).rsplit(":", 1)[1].strip("/"))
        for kind in kinds:
            attackers.append(dial(port, EXTENSION if kind == "bomb" else ""))
            threads.append(threading.Thread(target=attack, args=(attackers[-1], kind, rng.randrange(1 << 30)), daemon=True))
            threads[-1].start()
        while any(thread.is_alive() for thread in threads) and wsio.ended is None:
            problems += honest(port, b"small, while they are at it")
            time.sleep(0.05)
        problems += honest(port, os.urandom(60_000))
        for attacker in attackers:
            attacker.close()
        # What they held is given back.
        end = time.monotonic() + 20
        while (large := honest(port, os.urandom(3 << 20))) and time.monotonic() < end:
            time.sleep(0.1)
        problems += large
        if wsio.ended is not None:
            problems.append(f"the server is gone, exit {wsio.code}")
    finally:
        wsio.signal(signal.SIGTERM)
        wsio.wait(30)
        for attacker in attackers:
            attacker.close()
    problems += wsio.problems(limit if sends else 96)
    return sorted(set(problems)), f"{len(kinds)} clients under {limit} MiB, peak {wsio.peak_kib // 1024} MiB"


def dial(port, more=""):
    stream = socket.create_connection(("127.0.0.1", port), 10)
    stream.sendall(
        f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{more}\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.recv(1) or b"\r\n\r\n"
    return stream


def head(first, length):
    return struct.pack(">BBQ4s", first, 0xFF, length, b"\0" * 4)


def attack(stream, kind, choice):
    """All of one client but the last byte of its message; what it is answered it does not read."""
    size = (20 << 20) + choice % (44 << 20)
    piece = b"x" * (1 << 20)
    try:
        if kind == "announce":
            stream.sendall(head(0x82, size) + b"x" * (choice % 2000))
        elif kind == "fragments announced":
            stream.sendall(head(0x01, 1) + b"a" + head(0x00, size) + b"x" * (choice % 2000))
        elif kind == "whole":
            stream.sendall(head(0x82, size))
            for _ in range(size >> 20):
                stream.sendall(piece)
        elif kind == "fragments":
            for at in range(size >> 20):
                stream.sendall(head(0x00 if at else 0x02, len(piece)) + piece)
        elif kind == "bomb":
            deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
            bomb = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(size >> 20))
            bomb += deflate.flush(zlib.Z_SYNC_FLUSH)
            stream.sendall(head(0x42, len(bomb)) + bomb)
        elif kind == "impossible":
            stream.sendall(head(choice % 256, 1 << 63 | choice))
        elif kind == "long ping":
            stream.sendall(head(0x89, size))
    except OSError:
        pass  # It was sent away.


def honest(port, message):
    """Nothing, if the message comes back."""
    try:
        stream = dial(port)
        try:
            stream.settimeout(10)
            stream.sendall(frames.frame(frames.BINARY, message, key=b"key!"))
            parser = frames.Parser(from_client=False)
            got = bytearray()
            while True:
                while frame := parser.next():
                    fin, opcode, payload = frame
                    if opcode == frames.CLOSE:
                        return [f"an honest client of {len(message)} bytes was closed: {payload!r}"]
                    got += payload
                    if fin:
                        return [] if got == message else ["an echo that is another"]
                data = stream.recv(1 << 16)
                if not data:
                    return [f"an honest client of {len(message)} bytes was cut off"]
                parser.buffer += data
        finally:
            stream.close()
    except OSError as error:
        return [f"an honest client of {len(message)} bytes: {error}"]
