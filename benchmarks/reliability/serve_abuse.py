"""What must not stop a service: bombs, cut files, slow clients, idle connections, a killed worker, far too much to do.

    python benchmarks/reliability/serve_abuse.py MODEL [--idle 2000] [--seconds 60] [--workers 2]

Each part prints what came of it, and whether a plain request was answered meanwhile; the status is 1 where one was not.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import random
import re
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

PREDICT = "/v1/models/model/predict"
PNG = {"content-type": "image/png"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--idle", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    wrong = 0
    words = [sys.executable, "-m", "hubel", "serve", f"model={arguments.model}", "--port", "0", "--quiet"]
    for more, parts in (
        ([], (bombs, cut_files, slow_clients, lambda place, _: idle(place, arguments.idle))),
        (["--deadline", "1", "--queue", "32"], (lambda place, server: overload(place, server, arguments.seconds),)),
        (["--workers", str(arguments.workers)], (killed,)),
    ):
        server = subprocess.Popen([*words, *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        place = re.search(r"http://[^/]*", server.stdout.readline())[0]  # type: ignore[index]
        try:
            answered(place)
            for part in parts:
                begun = time.perf_counter()
                print(f"{part(place, server)} [{time.perf_counter() - begun:.0f} s]", flush=True)
                wrong += not answered(place)
        finally:
            server.terminate()
            server.wait(60)
    return 1 if wrong else 0


def answered(place: str, seconds: float = 60) -> bool:
    """Whether a plain request is answered within so many seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if httpx.post(place + PREDICT, content=picture(), headers=PNG, timeout=seconds).status_code == 200:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    print("  not answered")
    return False


def picture(size: tuple[int, int] = (28, 28), kind: str = "PNG", mode: str = "L") -> bytes:
    stream = io.BytesIO()
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    Image.fromarray(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)).save(stream, kind)
    return stream.getvalue()


def bombs(place: str, server: subprocess.Popen[str]) -> str:
    """Small files of many pixels, of as many as are taken, and bodies that are longer than they may be."""
    statuses: Counter[int] = Counter()
    for side, kinds in ((7_000, ("PNG", "GIF", "WEBP")), (9_000, ("PNG", "GIF", "WEBP"))):
        for kind in kinds:
            stream = io.BytesIO()
            Image.new("RGB" if kind == "WEBP" else "L", (side, side)).save(stream, kind)
            if len(stream.getvalue()) > 16_000_000:
                continue
            statuses[httpx.post(place + PREDICT, content=stream.getvalue(), headers=PNG, timeout=120).status_code] += 1
    for side in (60_000, 2**31 - 1):  # of which only the head is there
        lie = bytearray(picture())
        lie[16:24] = struct.pack(">II", side, side)
        lie[29:33] = struct.pack(">I", zlib.crc32(lie[12:29]))
        statuses[httpx.post(place + PREDICT, content=bytes(lie), headers=PNG, timeout=120).status_code] += 1
    statuses[httpx.post(place + PREDICT, content=bytes(17_000_000), headers=PNG, timeout=60).status_code] += 1
    peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text())
    return f"bombs: {dict(statuses)}, the most memory {int(peak[1]) // 1024 if peak else 0} MB"


def cut_files(place: str, server: subprocess.Popen[str]) -> str:
    """Files cut at 100 places each, and with bytes changed."""
    statuses: Counter[int] = Counter()
    dice = random.Random(0)
    with httpx.Client(base_url=place, timeout=60) as client:
        for kind in ("PNG", "JPEG", "GIF", "BMP", "WEBP"):
            whole = picture((40, 30), kind, "L" if kind == "GIF" else "RGB")
            for number in range(200):
                content = bytearray(whole[: len(whole) * number // 100] if number < 100 else whole)
                for _ in range(dice.randint(1, 8) if number >= 100 else 0):
                    content[dice.randrange(len(content))] = dice.randrange(256)
                statuses[client.post(PREDICT, content=bytes(content), headers=PNG).status_code] += 1
    assert max(statuses) < 500, statuses
    return f"1,000 cut or changed files: {dict(statuses)}"


def slow_clients(place: str, server: subprocess.Popen[str]) -> str:
    """200 clients that send a byte a second, of the head or of the body, while others ask."""
    host, port = place.removeprefix("http://").split(":")
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 900\r\n".encode()
    slow = [socket.create_connection((host, int(port))) for _ in range(200)]
    for number, each in enumerate(slow):
        each.sendall(head + (b"\r\n" if number % 2 else b""))
    taken, gone = [], 0
    for _ in range(25):
        start = time.perf_counter()
        assert httpx.post(place + PREDICT, content=picture(), headers=PNG, timeout=30).status_code == 200
        taken.append(time.perf_counter() - start)
        for each in list(slow):
            try:
                each.sendall(b"x")
            except OSError:  # noqa: PERF203 (it is what is counted)
                slow.remove(each)
                gone += 1
        time.sleep(1)
    for each in slow:
        each.close()
    return f"200 slow clients: others were answered within {1000 * max(taken):.0f} ms, {gone} slow ones were closed"


def idle(place: str, count: int) -> str:
    """Connections that say nothing."""
    host, port = place.removeprefix("http://").split(":")
    silent = [socket.create_connection((host, int(port))) for _ in range(count)]
    start = time.perf_counter()
    good = answered(place)
    taken = time.perf_counter() - start
    time.sleep(22)
    open_ = 0
    for each in silent:
        each.setblocking(False)
        try:
            open_ += each.recv(1) != b""
        except BlockingIOError:
            open_ += 1
        except OSError:
            pass
        each.close()
    how = "answered" if good else "not answered"
    return f"{count} idle connections: {how} in {1000 * taken:.0f} ms, {open_} open after 22 s"


def overload(place: str, server: subprocess.Popen[str], seconds: float) -> str:
    """Ten times as much as it can, measured just before."""
    host, port = place.removeprefix("http://").split(":")
    body = picture()
    head = (
        f"POST {PREDICT} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    found: Counter[str] = Counter()
    refused: list[float] = []

    async def asking(until: float) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while time.perf_counter() < until:
            start = time.perf_counter()
            try:
                writer.write(head.encode() + body)
                answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
                await reader.readexactly(length)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                found[type(error).__name__] += 1
                reader, writer = await asyncio.open_connection(host, int(port))
                continue
            found[answer[9:12].decode()] += 1
            if answer[9:12] != b"200":
                refused.append(time.perf_counter() - start)
        writer.close()

    async def crowd(clients: int, length: float) -> None:
        until = time.perf_counter() + length
        await asyncio.gather(*(asking(until) for _ in range(clients)))

    asyncio.run(crowd(16, 5))
    can = found["200"] / 5
    found.clear()
    before = resident(server.pid)
    # each client asks anew when it is answered: ten times as many as fill queue and batches
    asyncio.run(crowd(640, seconds))
    after = resident(server.pid)
    late = f"{1000 * np.percentile(refused, 99):.0f} ms" if refused else "none"
    return (
        f"640 clients for {seconds:g} s, of a service that does {can:.0f}/s: {dict(found)}, refusals' 99th percentile "
        f"{late}, memory {before} to {after} MB"
    )


def resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def killed(place: str, server: subprocess.Popen[str]) -> str:
    """Signal 9 to one worker after another, five times, once all are there again."""
    failed = asked = 0

    def living() -> list[int]:
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        return [int(each) for each in children if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]

    count = len(living())
    back = []
    for _ in range(5):
        os.kill(random.choice(living()), signal.SIGKILL)
        start = time.monotonic()
        while len(living()) < count or time.monotonic() < start + 4:
            asked += 1
            try:
                failed += httpx.post(place + PREDICT, content=picture(), headers=PNG, timeout=60).status_code != 200
            except httpx.TransportError:
                failed += 1
            time.sleep(0.02)
        back.append(time.monotonic() - start)
    return f"five of {count} workers killed: {failed} of {asked} requests failed, all back within {max(back):.0f} s"


if __name__ == "__main__":
    raise SystemExit(main())
