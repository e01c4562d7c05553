"""Byte streams under a peer: plain or TLS, read and written by two threads, and reset at any time.

Reads and writes wait in short ticks, each under a lock that the reset takes too: a socket that another
thread waits on would be closed only when that thread returns, and its reset would come late or never.
TLS goes through memory, since one OpenSSL object must not be used by two threads at once.
"""

import select
import socket
import ssl
import struct
import subprocess
import threading
import time

TICK_MS = 20


class Lost(Exception):
    """The stream is over, or nothing moved for too long."""


class Stream:
    """A plain socket."""

    def __init__(self, sock, limit=120.0):
        sock.setblocking(False)
        self.sock, self.limit, self.gone = sock, limit, False
        self.reading, self.writing, self.order = threading.Lock(), threading.Lock(), threading.Lock()
        self.readable, self.writable = select.poll(), select.poll()
        self.readable.register(sock, select.POLLIN)
        self.writable.register(sock, select.POLLOUT)

    def recv(self, size):
        """Some bytes; none at the end of the stream."""
        end = time.monotonic() + self.limit
        while time.monotonic() < end:
            with self.reading:
                if self.gone:
                    raise Lost("closed on this side")
                if self.readable.poll(TICK_MS):
                    try:
                        return self.sock.recv(size)
                    except BlockingIOError:
                        continue
                    except OSError as error:
                        raise Lost(str(error)) from error
        raise Lost(f"nothing came for {self.limit:.0f} s")

    def sendall(self, data):
        """All of it, in one piece between those of other threads."""
        with self.order:
            self._send(memoryview(data))

    def _send(self, rest):
        end = time.monotonic() + self.limit
        while rest:
            with self.writing:
                if self.gone:
                    raise Lost("closed on this side")
                if self.writable.poll(TICK_MS):
                    try:
                        rest = rest[self.sock.send(rest) :]
                        end = time.monotonic() + self.limit
                    except BlockingIOError:
                        pass
                    except OSError as error:
                        raise Lost(str(error)) from error
            if time.monotonic() > end:
                raise Lost(f"nothing was taken for {self.limit:.0f} s")

    def end(self):
        """Ends the own direction."""
        with self.writing:
            if not self.gone:
                try:
                    self.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass

    def close(self, reset=False):
        """Closes it; with `reset` the other side gets an RST instead of an end."""
        with self.reading, self.writing:
            if self.gone:
                return
            self.gone = True
            if reset and self.sock.family != socket.AF_UNIX:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.sock.close()


class TlsStream:
    """TLS over a plain stream."""

    def __init__(self, raw, context, server_side, name=None):
        self.raw, self.lock, self.order = raw, threading.Lock(), threading.Lock()
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server_side, server_hostname=name)
        self._until_done(self.tls.do_handshake)

    def recv(self, size):
        try:
            return self._until_done(lambda: self.tls.read(size))
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLError as error:
            raise Lost(f"TLS: {error.reason or error}") from error

    def sendall(self, data):
        with self.order:
            for at in range(0, len(data), 65536):
                with self.lock:
                    try:
                        self.tls.write(data[at : at + 65536])
                    except ssl.SSLError as error:
                        raise Lost(f"TLS: {error.reason or error}") from error
                    records = self.outgoing.read()
                self.raw.sendall(records)

    def end(self):
        """Sends close_notify and ends the own direction."""
        with self.order, self.lock:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            records = self.outgoing.read()
        try:
            self.raw.sendall(records)
        except Lost:
            pass
        self.raw.end()

    def close(self, reset=False):
        self.raw.close(reset)

    def _until_done(self, step):
        while True:
            with self.lock:
                try:
                    done, wants = step(), False
                except ssl.SSLWantReadError:
                    done, wants = None, True
                waiting = self.outgoing.pending
            if waiting:
                with self.order:
                    with self.lock:
                        records = self.outgoing.read()
                    self.raw.sendall(records)
            if not wants:
                return done
            data = self.raw.recv(65536)
            with self.lock:
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()


class Tls:
    """A certificate made for this run, for loopback and for the addresses of `links.py`."""

    def __init__(self, folder):
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:10.231.0.1,IP:10.231.0.2"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        command += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", names]
        command += ["-keyout", str(self.key), "-out", str(self.certificate)]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.load_cert_chain(self.certificate, self.key)
        self.client = ssl.create_default_context(cafile=self.certificate)
