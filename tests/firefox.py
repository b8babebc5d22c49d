#!/usr/bin/env python3
"""A Firefox as its maker gives it, for Playwright, which drives it by WebDriver BiDi: started in its place.

Playwright says of every page whether it is light or dark, and a Firefox that does not know that command yet refuses
the whole page. What is between them answers that one command; pages are then as the program itself is set. All else
goes through untouched. FIREFOX names the program.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from functools import partial

LISTENS = re.compile(rb"WebDriver BiDi listening on ws://127\.0\.0\.1:(\d+)")
UNKNOWN, KNOWN = b'"emulation.setMediaFeaturesOverride"', b'"session.status"'  # which answers whatever it is given
HOST = re.compile(rb"(?i)\r\nhost:[^\r]*")
EXTENSIONS = re.compile(rb"(?i)\r\nsec-websocket-extensions:[^\r]*")  # none: frames are read as they are


async def main() -> int:
    """Run the program until it ends, with a port of our own before its."""
    program = os.environ.get("FIREFOX", "firefox-esr")
    browser = await asyncio.create_subprocess_exec(program, *sys.argv[1:], stderr=asyncio.subprocess.PIPE)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, browser.terminate)
    assert browser.stderr is not None
    async for line in browser.stderr:
        if found := LISTENS.search(line):
            between = await asyncio.start_server(partial(joined, int(found[1])), "127.0.0.1", 0)
            line = line.replace(found[1], str(between.sockets[0].getsockname()[1]).encode())
        sys.stderr.buffer.write(line)
        sys.stderr.flush()
    return await browser.wait()


async def joined(port: int, asks: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
    """Join one who asks with the browser until either ends."""
    told, tells = await asyncio.open_connection("127.0.0.1", port)
    ways = [asyncio.create_task(commands(asks, tells, port)), asyncio.create_task(copied(told, answers))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    for writer in (tells, answers):
        writer.close()


async def copied(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass everything on."""
    while some := await reader.read(2**16):
        writer.write(some)
        await writer.drain()


async def commands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Pass on a request for a WebSocket, then its frames (RFC 6455), all of which are masked in this direction."""
    try:
        request = EXTENSIONS.sub(b"", await reader.readuntil(b"\r\n\r\n"))
        writer.write(HOST.sub(f"\r\nHost: 127.0.0.1:{port}".encode(), request))
        while True:
            head = await reader.readexactly(2)
            more = {126: 2, 127: 8}.get(head[1] & 127, 0)
            length = await reader.readexactly(more)
            mask = await reader.readexactly(4)
            size = int.from_bytes(length, "big") if more else head[1] & 127
            plain = masked(await reader.readexactly(size), mask)
            plain = plain.replace(UNKNOWN, KNOWN.ljust(len(UNKNOWN)), 1)  # as long as before, so that the head is right
            writer.write(head + length + mask + masked(plain, mask))
            await writer.drain()
    except asyncio.IncompleteReadError:
        return


def masked(content: bytes, mask: bytes) -> bytes:
    """Mask, or unmask."""
    size = len(content)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(content, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
