"""What a hostile peer does: it speaks and hears at once, at a pace and to an end that its seed chose."""

import random
import threading
import time

from frames import BINARY, TEXT
from streams import Lost

# How a peer ends: with our Close answered, or by its own means.
ENDS = ("wait", "close", "close", "close 1011", "reset", "cut", "fin", "half", "garbage", "ignore", "trickle")
# No trial takes longer: scripts, stalls and clocks together take less.
LIMIT = 40


class Script:
    """What a peer does: it speaks and hears at once, until its end."""

    def __init__(self, rng, raw):
        # Of its own, since two threads draw in an order that no seed decides.
        self.rng, self.raw = random.Random(rng.random()), raw
        rng = self.rng
        self.end = rng.choice(ENDS)
        self.count = rng.choice([0, 1, rng.randrange(50), rng.randrange(2000)])
        self.size = rng.choice([12, 12, 300, 5000, 60_000 if self.count < 200 else 1000])
        self.pause = rng.choice([0, 0, 0, 0.0005, 0.02 if self.count < 100 else 0])
        self.late = rng.choice([0, 0, 0, rng.uniform(0, 2)])
        self.pace = rng.choice([(262144, 0), (262144, 0), (4096, 0.002)])
        self.fragments = rng.random() < 0.3
        self.pings = rng.random() < 0.3
        self.wait_before_end = rng.choice([0, 0, rng.uniform(0, 1.5)])
        self.heard, self.spoken, self.fault = [], [], None
        self.peer, self.answered, self.ended_itself = None, False, False

    def play(self, peer):
        """The hearing part, on the thread of the connection."""
        self.peer = peer
        peer.pace = self.pace
        peer.answers_close = self.end != "ignore"
        speaking = threading.Thread(target=self.speak, daemon=True)
        speaking.start()
        time.sleep(self.late)
        try:
            while (message := peer.message()) is not None:
                self.heard.append(message)
            self.answered = peer.close_sent
            if self.end == "ignore":
                speaking.join(LIMIT)
                return
            speaking.join(5)
            peer.finish()
        except Lost:
            speaking.join(LIMIT)

    def speak(self):
        peer, rng = self.peer, self.rng
        try:
            for number in range(self.count):
                if not self.say(number):
                    return
                if self.pings and number % 10 == 0:
                    peer.ping(b"?")
                if self.pause:
                    time.sleep(self.pause)
            time.sleep(self.wait_before_end)
        except Lost:
            pass
        try:
            if peer.close_code is None or self.end == "ignore":
                self.finish(peer, rng)
        except Lost:
            pass

    def say(self, number):
        """One message; false once the Close is out, behind which nothing may stand."""
        payload = b"%07d " % number + b"m" * max(0, self.size - 8)
        opcode = BINARY if self.raw else TEXT
        with self.peer.closing:
            if self.peer.close_sent:
                return False
            # A message counts from here on: the end of a write that failed is not known.
            self.spoken.append(payload)
            if self.fragments:
                self.peer.send_fragments(payload, max(1, self.size // 3), opcode)
            else:
                self.peer.send(payload, opcode)
        return True

    def finish(self, peer, rng):
        self.ended_itself = self.end != "wait"
        whole = peer.frame(TEXT, b"z" * rng.randrange(2, 5000))
        if self.end.startswith("close"):
            peer.close(1011 if "1011" in self.end else 1000)
        elif self.end in ("reset", "cut"):
            if self.end == "cut":
                self.write(whole[: rng.randrange(1, len(whole))])
            peer.reset()
        elif self.end == "fin":
            if rng.random() < 0.5:
                self.write(whole[: rng.randrange(1, len(whole))])
            peer.stream.end()
        elif self.end == "half":
            self.write(whole[: rng.randrange(1, len(whole))])
        elif self.end == "garbage":
            self.write(rng.choice([b"\xf3\x00", b"\x83\x00", b"\x80\x00", b"\x09\x00", b"\x88\x01x"]))
        elif self.end == "trickle":
            end = time.monotonic() + rng.uniform(1, 5)
            for at in range(len(whole) - 1):
                self.write(whole[at : at + 1], within=at > 0)
                if time.monotonic() > end:
                    break
                time.sleep(0.1)
        elif self.end == "ignore":
            end = time.monotonic() + LIMIT
            while time.monotonic() < end:
                peer.write(peer.frame(BINARY if self.raw else TEXT, b"and on"))
                time.sleep(0.01)

    def write(self, data, within=False):
        """Bytes that end the sequence of whole messages; not behind a Close."""
        with self.peer.closing:
            if self.peer.close_sent and not within:
                raise Lost("closed meanwhile")
            if not within:
                # Once a frame is begun, no Close of ours can follow.
                self.peer.close_sent = True
        self.peer.write(data)
