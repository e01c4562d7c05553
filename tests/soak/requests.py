"""Requests for a WebSocket with bytes and lines changed, added, left out and doubled.

Whatever comes, the answer is one, whole, and in time; a 101 is only for a request in which nothing decisive is
malformed or stands twice; nothing panics, and an honest client is let in afterwards.
"""

import re
import socket

from process import Wsio, announced

JOBS = 2
REQUESTS = 3000
GROUPS = ("plain", "guarded")
ODD = (0, 9, 10, 11, 12, 13, 32, 35, 37, 44, 58, 64, 91, 93, 127, 128, 160, 255)
# What decides who gets in, or where it goes, stands once.
ONCE = (b"host", b"origin", b"authorization", b"sec-websocket-key", b"sec-websocket-version", b"content-length")
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*\Z")


def runs(options):
    return [(number, group) for number, group in enumerate(GROUPS)]


def one(world, rng, number, group):
    path = world.path("url")
    own = ["--user", "me:secret", "--allow-origin", "http://good.example"] if group == "guarded" else []
    wsio = Wsio(world, "listen", "0", "--echo", "--announce", path, *own)
    problems, statuses = [], {}
    try:
        url = announced(wsio, path)
        if not url:
            return [f"it never listened: {wsio.words[-300:]!r}"]
        host, port = url.split("://")[1].split("/")[0].rsplit(":", 1)
        address = (host, int(port))
        base = request(port, group == "guarded")
        for _ in range(REQUESTS):
            mutant = mutated(rng, base)
            try:
                answer = exchange(address, mutant)
            except OSError as error:
                problems.append(f"{mutant!r}: {error!r}")
                continue
            found = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
            status = found[1].decode() if found else "none"
            statuses[status] = statuses.get(status, 0) + 1
            if not found and answer:
                problems.append(f"{mutant!r}: {answer[:80]!r}")
            elif status == "101" and (fault := malformed(mutant)):
                problems.append(f"got in with {fault}: {mutant!r}")
            elif found and len(re.findall(rb"HTTP/1\.1 \d{3} ", answer)) > 1 and mutant.count(b"GET ") < 2:
                problems.append(f"{mutant!r}: two answers {answer!r}")
            elif status not in ("101", "none") and len(answer.split(b"\r\n\r\n", 1)[-1]) < 5:
                problems.append(f"{mutant!r}: no reason in {answer!r}")
            if len(problems) > 5:
                break
        if not exchange(address, base).startswith(b"HTTP/1.1 101 "):
            problems.append("an honest client is not let in any more")
    finally:
        wsio.signal(15)
        wsio.wait(20)
    problems += wsio.problems()
    return problems[:5], ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))


def request(port, is_guarded):
    more = "Authorization: Basic bWU6c2VjcmV0\r\nOrigin: http://good.example\r\n" if is_guarded else ""
    return (f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{more}"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n").encode()


def mutated(rng, base):
    changed = bytearray(base)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at, kind = rng.randrange(len(changed)), rng.randrange(5)
        if kind == 0:
            changed[at] = rng.choice((*ODD, rng.randrange(256)))
        elif kind == 1:
            changed.insert(at, rng.choice(ODD))
        elif kind == 2:
            del changed[at]
        elif kind == 3:
            lines = bytes(changed).split(b"\r\n")
            lines.insert(rng.randrange(1, len(lines)), rng.choice(lines))
            changed = bytearray(b"\r\n".join(lines))
        else:
            # Another letter case is no fault.
            changed[at:at + 9] = bytes(changed[at:at + 9]).swapcase()
    return bytes(changed)


def exchange(address, data):
    """The answer; one that waits for more is told that nothing more comes."""
    with socket.create_connection(address, 10) as client:
        client.settimeout(0.3)
        client.sendall(data)
        answer = b""
        while not (answer.startswith(b"HTTP/1.1 101 ") and b"\r\n\r\n" in answer):
            try:
                part = client.recv(4096)
            except ConnectionResetError:
                break
            except TimeoutError:
                if client.gettimeout() == 10:
                    raise
                client.shutdown(socket.SHUT_WR)
                client.settimeout(10)
                continue
            if not part:
                break
            answer += part
        return answer


def malformed(request):
    """What must not be in a request that was let in; None when there is nothing."""
    head = request.split(b"\r\n\r\n", 1)[0]
    if b"\n" in head.replace(b"\r\n", b"") or b"\r" in head.replace(b"\r\n", b""):
        return "a bare CR or LF"
    first, *lines = head.split(b"\r\n")
    if not re.match(rb"GET (/|http://)[\x21-\x7e]* HTTP/1\.1\Z", first):
        return "its request line"
    names = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.match(name) or not VALUE.match(value):
            return f"the line {line!r}"
        names.append(name.lower())
    twice = [name for name in ONCE if names.count(name) > 1]
    return f"two fields {twice[0]!r}" if twice else None
