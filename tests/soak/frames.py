"""Frames of RFC 6455, made and read by hand, so that nothing of `wsio` judges `wsio`."""

import struct

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Broken(Exception):
    """The other side broke RFC 6455."""


def masked(data, key):
    """XORs with the masking key; as integers, since a loop over bytes is a hundred times slower."""
    size = len(data)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


def frame(opcode, payload=b"", fin=True, key=None):
    """One frame; with a key it is masked, as a client's has to be."""
    mask, size = (0x80 if key else 0), len(payload)
    first = (0x80 if fin else 0) | opcode
    if size < 126:
        head = bytes([first, mask | size])
    elif size < 65536:
        head = struct.pack(">BBH", first, mask | 126, size)
    else:
        head = struct.pack(">BBQ", first, mask | 127, size)
    return head + (key + masked(payload, key) if key else payload)


def close_body(code, reason=b""):
    return b"" if code is None else struct.pack(">H", code) + reason


class Parser:
    """Cuts received bytes into frames, and is strict about all that RFC 6455 section 5 says."""

    def __init__(self, from_client):
        self.from_client = from_client
        self.buffer = bytearray()
        self.within_message = False
        self.closed = False

    def next(self):
        """The next whole frame as (fin, opcode, payload), or None until more bytes are fed."""
        buffer = self.buffer
        if len(buffer) < 2:
            return None
        fin, opcode, size = bool(buffer[0] & 0x80), buffer[0] & 15, buffer[1] & 127
        at = 2
        if size == 126:
            at = 4
        elif size == 127:
            at = 10
        if len(buffer) < at:
            return None
        if at > 2:
            size = int.from_bytes(buffer[2:at], "big")
        key_at, at = at, at + (4 if self.from_client else 0)
        if len(buffer) < at + size:
            return None
        self._validate(buffer[0], buffer[1], size)
        payload = bytes(buffer[at : at + size])
        if self.from_client:
            payload = masked(payload, bytes(buffer[key_at:at]))
        del buffer[: at + size]
        return fin, opcode, payload

    def _validate(self, first, second, size):
        fin, opcode = first & 0x80, first & 15
        if self.closed:
            raise Broken(f"a frame with opcode {opcode} behind the Close")
        if first & 0x70:
            raise Broken("reserved bits are set")
        if bool(second & 0x80) != self.from_client:
            raise Broken("a client has to mask, a server must not")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise Broken(f"opcode {opcode}")
        if opcode >= CLOSE:
            if not fin or size > 125:
                raise Broken("a control frame in fragments or over 125 bytes")
            self.closed = opcode == CLOSE
            return
        if self.within_message != (opcode == CONTINUATION):
            raise Broken("fragments of two messages are mixed")
        self.within_message = not fin
