"""A WebSocket peer written by hand, as server and as client, with the faults that a scenario asks for."""

import base64
import hashlib
import os
import re
import socket
import threading
import time

from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Broken, Parser, close_body, frame
from streams import Lost, Stream, TlsStream

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Peer:
    """One connection after its upgrade."""

    def __init__(self, stream, is_client, rest=b""):
        self.stream, self.is_client = stream, is_client
        self.parser = Parser(from_client=not is_client)
        self.parser.buffer += rest
        # The code of the Close that came (1005 for none in it), and whether ours is out.
        self.close_code, self.close_sent = None, False
        self.closing = threading.Lock()
        # Bytes that are read at a time, and the pause before each.
        self.pace = (262144, 0.0)
        self.answers_pings, self.answers_close = True, True
        self.pings = 0
        self.last_heard = time.monotonic()

    def write(self, data):
        self.stream.sendall(data)

    def frame(self, opcode, payload=b"", fin=True):
        """The bytes of a frame as this side has to send it."""
        return frame(opcode, payload, fin, os.urandom(4) if self.is_client else None)

    def send(self, payload, opcode=BINARY):
        self.write(self.frame(opcode, payload))

    def send_fragments(self, payload, size, opcode=BINARY):
        """One message in frames of `size` bytes."""
        pieces = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            self.write(self.frame(opcode if number == 0 else CONTINUATION, piece, last))

    def ping(self, payload=b""):
        self.write(self.frame(PING, payload))

    def close(self, code=1000, reason=b""):
        """Sends a Close, once."""
        with self.closing:
            if self.close_sent:
                return
            self.close_sent = True
        self.write(self.frame(CLOSE, close_body(code, reason)))

    def next_frame(self):
        while True:
            got = self.parser.next()
            if got:
                return got
            size, pause = self.pace
            if pause:
                time.sleep(pause)
            data = self.stream.recv(size)
            if not data:
                held = len(self.parser.buffer)
                raise Lost(f"end of the stream, {held} bytes of a frame before it" if held else "end of the stream")
            self.last_heard = time.monotonic()
            self.parser.buffer += data

    def message(self):
        """The payload of the next whole data message, or None once a Close came."""
        pieces = []
        while True:
            fin, opcode, payload = self.next_frame()
            if opcode in (TEXT, BINARY, CONTINUATION):
                pieces.append(payload)
                if fin:
                    return b"".join(pieces)
            elif opcode == PING:
                self.pings += 1
                if self.answers_pings and not self.close_sent:
                    self.write(self.frame(PONG, payload))
            elif opcode == CLOSE:
                self.close_code = int.from_bytes(payload[:2], "big") if payload else 1005
                if self.answers_close:
                    try:
                        self.close(None if self.close_code == 1005 else self.close_code)
                    except Lost:
                        pass
                return None

    def finish(self):
        """Ends the transport as after a closing handshake."""
        self.stream.end()
        try:
            while self.stream.recv(65536):
                pass
        except Lost:
            pass
        self.stream.close()

    def reset(self):
        self.stream.close(reset=True)


class Handled:
    """What came of one connection: the peer, what its handler returned, and the exception that ended it."""

    def __init__(self, peer):
        self.peer, self.value, self.lost, self.broken, self.failed = peer, None, None, None, None


class Server:
    """Takes connections on a free port and gives each to `handler(peer)` on a thread of its own.

    `behind_101` goes out in the same segment as the answer to the upgrade. `inside` runs a function in a
    network namespace. `receive_buffer` is SO_RCVBUF.
    """

    def __init__(self, handler, tls=None, behind_101=b"", receive_buffer=None, address="127.0.0.1",
                 inside=lambda function: function(), limit=120.0):
        self.handler, self.tls, self.behind_101, self.limit = handler, tls, behind_101, limit
        self.listener = inside(lambda: listening(address, receive_buffer))
        self.address = self.listener.getsockname()
        self.handled, self.threads, self.stopped = [], [], False
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    @property
    def url(self):
        return f"{'wss' if self.tls else 'ws'}://{self.address[0]}:{self.address[1]}/"

    def _accept(self):
        while not self.stopped:
            try:
                sock, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=[sock], daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, sock):
        stream = Stream(sock, self.limit)
        handled = Handled(None)
        try:
            if self.tls:
                stream = TlsStream(stream, self.tls.server, server_side=True)
            head, rest = read_head(stream)
            key = re.search(rb"(?i)\r\nsec-websocket-key: *(\S+)", head)[1]
            accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
            answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            stream.sendall(answer + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n" + self.behind_101)
            handled.peer = Peer(stream, is_client=False, rest=rest)
            handled.peer.handled = handled
            self.handled.append(handled)
            handled.value = self.handler(handled.peer)
        except Lost as lost:
            handled.lost = str(lost)
        except Broken as broken:
            handled.broken = str(broken)
        except Exception as error:  # A handler that fails is a fault of the scenario, and is said as one.
            handled.failed = repr(error)
        finally:
            stream.close()

    def join(self, limit=30.0):
        """Waits until every connection was handled; whether they all were."""
        end = time.monotonic() + limit
        for thread in list(self.threads):
            thread.join(max(0.0, end - time.monotonic()))
        return not any(thread.is_alive() for thread in self.threads)

    def stop(self):
        self.stopped = True
        self.listener.close()
        for handled in self.handled:
            if handled.peer:
                handled.peer.stream.close(reset=True)


def listening(address="127.0.0.1", receive_buffer=None):
    """A TCP listener on a free port; accepted sockets inherit its buffer."""
    listener = socket.socket()
    if receive_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    listener.bind((address, 0))
    listener.listen(16)
    listener.settimeout(0.2)
    return listener


def read_head(stream):
    """The head of an HTTP message, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(4096)
        if not more:
            raise Lost("end of the stream before the upgrade")
        data += more
    head, _, rest = data.partition(b"\r\n\r\n")
    return head, rest


def upgrade(stream, request):
    """Sends the request and reads the answer of a server that upgrades; gives what came behind that."""
    stream.sendall(request)
    head, rest = read_head(stream)
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise Lost(f"the upgrade was answered with {head.split(bytes([13]))[0]!r}")
    return rest


def dial(address, tls=None, inside=lambda function: function(), receive_buffer=None, limit=120.0):
    """Opens a WebSocket as a client."""

    def connected():
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(20)
        try:
            sock.connect(address)
        except ConnectionRefusedError:
            raise Lost("nobody listens any more") from None
        return sock

    stream = Stream(inside(connected), limit)
    if tls:
        stream = TlsStream(stream, tls.client, server_side=False, name=address[0])
    key = base64.b64encode(os.urandom(16))
    rest = upgrade(
        stream,
        b"GET / HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n" % (address[0].encode(), address[1], key),
    )
    return Peer(stream, is_client=True, rest=rest)
