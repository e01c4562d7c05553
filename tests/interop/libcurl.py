"""libcurl as a WebSocket client: `receive URL` writes what comes until the end, as the command `curl URL` does; `echo URL`
sends lines of standard input one by one and writes the answers, a fragment of a larger one at a time."""

import sys

from curl_cffi import Curl, CurlInfo, CurlOpt


def receive(url):
    curl = Curl()
    curl.setopt(CurlOpt.URL, url.encode())
    curl.setopt(CurlOpt.WRITEFUNCTION, lambda data: sys.stdout.buffer.write(data))
    try:
        curl.perform()
    finally:
        sys.stdout.flush()
        print("status", curl.getinfo(CurlInfo.RESPONSE_CODE), file=sys.stderr)


def echo(url):
    from curl_cffi.requests import Session

    with Session() as session:
        socket = session.ws_connect(url)
        for line in sys.stdin.buffer:
            socket.send_str(line.rstrip(b"\n").decode())
            data, _ = socket.recv()
            sys.stdout.buffer.write(data + b"\n")
        sys.stdout.flush()
        socket.close(1000, b"enough")


{"receive": receive, "echo": echo}[sys.argv[1]](sys.argv[2])
