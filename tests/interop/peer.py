"""Peers on Python's `websockets`, started by python.test.mjs.

    peer.py serve echo|close|deflate    serve on a free port, said on stderr as `port N`
    peer.py ask|flood|relay|deflate URL be a client; an unmet expectation ends with a traceback
"""

import asyncio
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def close(socket):
    """Closes with the code that the first message names."""
    await socket.close(int(await socket.recv()), "x")


async def server(handler, **options):
    async with serve(handler, "127.0.0.1", 0, subprotocols=["chat"], **options) as listening:
        print("port", listening.sockets[0].getsockname()[1], file=sys.stderr, flush=True)
        await asyncio.sleep(120)


async def ask(url):
    async with connect(url, subprotocols=["other", "chat"]) as socket:
        assert socket.subprotocol == "chat", socket.subprotocol
        for message in ["grüße", b"\x00\xff", ""]:
            await socket.send(message)
            assert await socket.recv() == message
        await asyncio.wait_for(await socket.ping(), 10)
        await socket.close(1000, "thanks")
        assert socket.close_code == 1000, socket.close_code


async def flood(url):
    async with connect(url) as socket:

        async def send():
            try:
                while True:
                    await socket.send(bytes(20_000))
            except ConnectionClosed:
                pass

        sending = asyncio.create_task(send())
        received = []
        try:
            async for message in socket:
                received.append(message)
        except ConnectionClosed:
            pass
        await sending
        assert received == [f"message {n}" for n in range(200)], received
        print(len(received), socket.close_code, socket.close_reason)


async def relay(url):
    async with connect(url, subprotocols=["chat"]) as socket:
        await socket.send("4321")
        try:
            await socket.recv()
        except ConnectionClosed:
            print(socket.subprotocol, socket.close_code, socket.close_reason)


async def deflate(url):
    default = None
    # zlib makes no raw stream with 8 bits, but it restores one, and minds the window.
    smallest = [ClientPerMessageDeflateFactory(server_no_context_takeover=True, server_max_window_bits=8)]
    for extensions in [default, smallest]:
        async with connect(url, max_size=None, extensions=extensions) as socket:
            assert socket.protocol.extensions[0].name == "permessage-deflate"
            words = " ".join(f"word {n * n % 9973}" for n in range(400_000))
            for message in ["grüße", words, b"", bytes(range(256)) * 65_536, "", words[:5000]]:
                await socket.send(message)
                assert await socket.recv() == message
            # In fragments, with something in between.
            pieces = [words[at : at + 9999] for at in range(0, 100_000, 9999)]
            await socket.send(iter(pieces))
            await (await socket.ping())
            assert await socket.recv() == "".join(pieces)


match sys.argv[1:]:
    case ["serve", "echo"]:
        asyncio.run(server(echo))
    case ["serve", "close"]:
        asyncio.run(server(close))
    case ["serve", "deflate"]:
        asyncio.run(server(echo, max_size=None))
    case ["ask" | "flood" | "relay" | "deflate" as what, url]:
        client = {"ask": ask, "flood": flood, "relay": relay, "deflate": deflate}[what]
        asyncio.run(asyncio.wait_for(client(url), 30))
    case _:
        sys.exit(__doc__)
