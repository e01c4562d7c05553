"""A TCP relay that holds each way for a while: a long road without `netem`."""

import collections
import socket
import threading
import time

from peer import listening

# Bytes that may be on the road each way; beyond it the relay reads no more.
ROAD = 32 << 20


class Relay:
    """Listens on a free port and passes everything on to `target`, `delay` seconds later."""

    def __init__(self, target, delay):
        self.target, self.delay, self.stopped = target, delay, False
        self.listener = listening()
        self.address = self.listener.getsockname()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while not self.stopped:
            try:
                near, _ = self.listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return
            far = socket.create_connection(self.target, 10)
            for one, other in ((near, far), (far, near)):
                one.settimeout(None)
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                Road(one, other, self.delay)

    def stop(self):
        self.stopped = True
        self.listener.close()


class Road:
    """One way of one connection."""

    def __init__(self, source, sink, delay):
        self.source, self.sink, self.delay = source, sink, delay
        self.pieces, self.size, self.change = collections.deque(), 0, threading.Condition()
        threading.Thread(target=self._take, daemon=True).start()
        threading.Thread(target=self._give, daemon=True).start()

    def _take(self):
        data = b"-"
        while data:
            try:
                data = self.source.recv(262144)
            except OSError:
                data = b""
            with self.change:
                self.change.wait_for(lambda: self.size < ROAD)
                self.pieces.append((time.monotonic() + self.delay, data))
                self.size += len(data)
                self.change.notify_all()

    def _give(self):
        while True:
            with self.change:
                self.change.wait_for(lambda: self.pieces)
                due, data = self.pieces[0]
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                self.sink.sendall(data) if data else self.sink.shutdown(socket.SHUT_WR)
            except OSError:
                data = b""
            with self.change:
                self.pieces.popleft()
                self.size -= len(data)
                self.change.notify_all()
            if not data:
                return
