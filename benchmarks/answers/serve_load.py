"""A service under load: hubel's beside plain FastAPI and LitServe, with requests that come whether answered or not.

    python benchmarks/answers/serve_load.py RUN [--rate 1000] [--seconds 15] [--servers echo hubel fastapi litserve]

The load is open: requests begin at set times, `--rate` a second, as users' do, at most `--most` at once (what has no
room then is counted as not sent). Each server runs in a process of its own, one after the other, with the same model,
pictures and threads. `echo` reads a request's head, answers with constant bytes and computes nothing: what this machine
and this program reach at most, as they share processors. hubel is asked as `hubel serve RUN` answers by default, with a
deadline of 250 ms; the peers are their own first examples: a route that decodes and predicts, and LitAPI with batches
of 16. Peers that are not installed are left out, and said so. `--python` is an interpreter that has them.

Figures: goodput (answers of status 200 within a second), of the accepted the median and the 99th percentile, of the
refused the 99th, how late this program sent, what was lost, the processor time of the server and of this program for
each request, the memory of all the server's processes before, ten times meanwhile, and at most; and beforehand, as
`closed/s`, how many requests a second are answered where 32 clients each ask anew once they are answered.

    python benchmarks/answers/serve_load.py RUN --soak 200     # 200,000 requests in 200 s: does memory grow?
    python benchmarks/answers/serve_load.py RUN --overload 60  # ten times what it can, measured in five seconds before
                                                               # (and `echo` at the same rate, beside which it stands)
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image

GOOD = 1.0  # seconds
_T = TypeVar("_T")
PATHS = {"hubel": "/v1/models/model/predict"}
ECHO = """
import asyncio
BODY = bytes(280)
ANSWER = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: 280\\r\\n\\r\\n" + BODY
class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.read = transport, b""
    def data_received(self, data):
        self.read += data
        end = self.read.find(b"\\r\\n\\r\\n") + 4
        length = self.read[:end].lower().partition(b"content-length:")[2].partition(b"\\r\\n")[0]
        if end > 3 and len(self.read) >= end + int(length):
            self.read = b""
            self.transport.write(ANSWER)
async def main():
    async with await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", {port}, backlog=2048) as server:
        await server.serve_forever()
asyncio.run(main())
"""
FASTAPI = """
import io, sys
import torch, uvicorn
from fastapi import FastAPI, Request
from PIL import Image
from hubel.tasks import load_model
torch.set_num_threads({threads})
model, app = load_model({model!r}), FastAPI()
@app.post("/predict")
def predict(body: bytes = __import__("fastapi").Body()):
    return model.task.answer(model, body, 3).data()
uvicorn.run(app, port={port}, log_level="error")
"""
LITSERVE = """
import base64
import litserve, numpy as np, torch
from hubel.tasks import load_model
class Api(litserve.LitAPI):
    def setup(self, device):
        torch.set_num_threads({threads})
        self.model = load_model({model!r})
    def decode_request(self, request):
        return self.model.preprocessing.prepare(base64.b64decode(request["data"]))
    def batch(self, inputs):
        return np.stack(inputs)
    def predict(self, x):
        return self.model.task.answers(self.model, x, 3)
    def unbatch(self, output):
        return output
    def encode_response(self, output):
        return output.data()
if __name__ == "__main__":
    litserve.LitServer(Api(max_batch_size=16, batch_timeout=0.005), accelerator="cpu").run(
        port={port}, generate_client_file=False, log_level="error")
"""
SCRIPTS = {"echo": ECHO, "fastapi": FASTAPI, "litserve": LITSERVE}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run")
    parser.add_argument("--rate", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--most", type=int, default=2000, help="requests under way at once")
    parser.add_argument("--servers", nargs="+", default=["echo", "hubel", "fastapi", "litserve"])
    parser.add_argument("--port", type=int, default=8321)
    parser.add_argument("--python", default=sys.executable, help="the interpreter of all servers")
    parser.add_argument("--soak", type=float, metavar="SECONDS", help="hubel alone for so long")
    parser.add_argument("--overload", type=float, metavar="SECONDS", help="hubel at ten times what it can, then echo")
    parser.add_argument("--images", nargs="+", type=Path, default=[], help="PNGs to send (default: noise, 28×28 grey)")
    parser.add_argument("--options", help="of hubel serve (default: --queue 64 --deadline 0.25, of an overload 2)")
    arguments = parser.parse_args()
    arguments.options = arguments.options or f"--queue 64 --deadline {2 if arguments.overload else 0.25}"
    seconds = arguments.soak or arguments.overload or arguments.seconds
    rate = 0.0 if arguments.overload else arguments.rate
    for name in ["hubel"] if arguments.soak else ["hubel", "echo"] if arguments.overload else arguments.servers:
        try:
            found = measured(name, arguments, seconds, rate)
            rate = found["rate"]
        except RuntimeError as error:
            print(f"{name}: left out, {error}")
            continue
        print(f"{name}: {json.dumps(found)}", flush=True)


def measured(name: str, arguments: argparse.Namespace, seconds: float, rate: float) -> dict[str, Any]:
    """What came of a load of so many requests a second; 0: of ten times what the server answers of 32 clients."""
    path = Path(arguments.run)
    model = str(path / "model.safetensors" if path.is_dir() else path)
    settings = {"model": model, "port": arguments.port, "threads": len(os.sched_getaffinity(0))}
    if name == "hubel":
        words = ["-m", "hubel", "serve", f"model={model}", "--port", str(arguments.port), "--quiet"]
        words += arguments.options.split()
    else:
        script = Path(f"/tmp/serve_load_{name}_{arguments.port}.py")
        script.write_text(SCRIPTS[name].format(**settings))
        words = [str(script)]
    log = Path(f"/tmp/serve_load_{name}_{arguments.port}.log")  # a pipe that nobody reads would stop the server
    with log.open("wb") as stderr:
        server = subprocess.Popen(
            [arguments.python, *words], stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True
        )
    try:
        ready(server, arguments.port, log)
        sent = [each.read_bytes() for each in arguments.images] or [noise(seed) for seed in range(64)]
        bodies = [request(name, each) for each in sent]
        fresh = partial(Load, bodies, arguments.port, arguments.most)
        asyncio.run(fresh().at(50, 2))  # what is slow the first time is not measured
        closed = asyncio.run(fresh().by(32, 5 if arguments.overload else 3))
        rate = rate or 10 * closed
        if not rate:
            raise RuntimeError("it answered nothing in five seconds")
        before, used, own = memory(server.pid), processors(server.pid), time.process_time()
        told, held = asyncio.run(watched(fresh().at(rate, seconds), server.pid, seconds / 10))
        count = max(1, sum(told["statuses"].values()))
        return {
            "closed/s": round(closed),
            "rate": round(rate),
            **told,
            "server ms": round(1000 * (processors(server.pid) - used) / count, 3),
            "client ms": round(1000 * (time.process_time() - own) / count, 3),
            **{"MB before": before, "MB in turn": held, "MB at most": peak(server.pid)},
        }
    finally:
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(server.pid, sign)
                server.wait(30)


async def watched(load: Coroutine[Any, Any, _T], leader: int, every: float) -> tuple[_T, list[int]]:
    """What a load gives, and the memory of a group's processes meanwhile, ten times."""
    task, found = asyncio.ensure_future(load), []
    for _ in range(10):
        await asyncio.sleep(every)
        found.append(memory(leader))
    return await task, found


def noise(seed: int) -> bytes:
    """A picture of a digit's size, as PNG."""
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (28, 28), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def request(name: str, body: bytes) -> bytes:
    """A whole request with a picture."""
    kind = "application/octet-stream"
    if name == "litserve":
        import base64

        body, kind = json.dumps({"data": base64.b64encode(body).decode()}).encode(), "application/json"
    fields = f"Host: localhost\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    head = f"POST {PATHS.get(name, '/predict')} HTTP/1.1\r\n{fields}\r\n"
    return head.encode() + body


def ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until it answers. Raises RuntimeError where it ends before."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if server.poll() is not None:
            last = log.read_text().strip().splitlines()
            raise RuntimeError(last[-1] if last else "it ended")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError("it did not begin")


class Asking(asyncio.Protocol):
    """A connection that asks and reads the answer, with as little work as may be."""

    def __init__(self, load: Load) -> None:
        self.transport: asyncio.Transport
        self._load, self._read, self.asked = load, b"", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def ask(self, content: bytes, due: float) -> None:
        """Send a request that should have been sent at a time."""
        self._due, self._sent, self.asked = due, time.perf_counter(), True
        self.transport.write(content)

    def data_received(self, data: bytes) -> None:
        """Look whether the answer is whole."""
        self._read += data
        end = self._read.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._read[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        if len(self._read) >= end + 4 + length:
            self._read, self.asked = b"", False
            self._load.answered(self, int(head[9:12]), self._due, self._sent, b"connection: close" in head)

    def connection_lost(self, error: Exception | None) -> None:
        """Tell what is lost with it."""
        self._load.closed(self, type(error).__name__ if error else "closed")


class Load:
    """Requests to a server, and what came of them."""

    def __init__(self, bodies: list[bytes], port: int, most: int) -> None:
        self._bodies, self._port, self._most = bodies, port, most
        self._free: list[Asking] = []
        self._under_way = self._number = 0
        self._opening: set[asyncio.Task[None]] = set()
        self._again_until = 0.0
        self.times: dict[int, list[float]] = {}
        self.late: list[float] = []
        self.lost: Counter[str] = Counter()

    async def at(self, rate: float, seconds: float) -> dict[str, Any]:
        """Ask at a rate for so long; a request that is due is begun, whatever became of those before."""
        start, sent = time.perf_counter(), 0
        while (now := time.perf_counter() - start) < seconds:
            while sent / rate <= now:
                self._ask(start + sent / rate)
                sent += 1
            await asyncio.sleep(0.001)
        await self._rest(35)
        good = self.times.get(200, [])
        refused = [each for status, those in self.times.items() if status != 200 for each in those]
        return {
            "offered": sent,
            "goodput/s": round(sum(each <= GOOD for each in good) / seconds, 1),
            "accepted": len(good),
            "median ms": milliseconds(good, 50),
            "p99 ms": milliseconds(good, 99),
            "statuses": {status: len(those) for status, those in sorted(self.times.items())},
            "refused p99 ms": milliseconds(refused, 99),
            "sent late p99 ms": milliseconds(self.late, 99),
            "lost": dict(self.lost),
        }

    async def by(self, clients: int, seconds: float) -> float:
        """Answers of status 200 a second to clients who each ask anew once they are answered."""
        self._again_until = time.perf_counter() + seconds
        for _ in range(clients):
            self._ask(time.perf_counter())
        await asyncio.sleep(seconds)
        good = len(self.times.get(200, ()))
        await self._rest(35)
        return good / seconds

    async def _rest(self, seconds: float) -> None:
        """Wait for what is under way, and close."""
        until = time.perf_counter() + seconds
        while self._under_way and time.perf_counter() < until:
            await asyncio.sleep(0.01)
        if self._under_way:
            self.lost["no answer"] += self._under_way
        while self._free:
            self._free.pop().transport.close()

    def _ask(self, due: float) -> None:
        if self._under_way >= self._most:
            self.lost["not sent"] += 1
            return
        self._under_way += 1
        self._number += 1
        content = self._bodies[self._number % len(self._bodies)]
        while self._free and self._free[-1].transport.is_closing():
            self._free.pop()
        if self._free:
            self._free.pop().ask(content, due)
        else:
            task = asyncio.ensure_future(self._open(content, due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, content: bytes, due: float) -> None:
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Asking(self), "127.0.0.1", self._port
            )
        except OSError as error:
            self._under_way -= 1
            self.lost[type(error).__name__] += 1
        else:
            connection.ask(content, due)

    def answered(self, connection: Asking, status: int, due: float, sent: float, closes: bool) -> None:
        """Count an answer, and keep its connection."""
        now = time.perf_counter()
        self._under_way -= 1
        self.times.setdefault(status, []).append(now - due)
        self.late.append(sent - due)
        if closes:
            connection.transport.close()
        else:
            self._free.append(connection)
        if now < self._again_until:
            self._ask(now)

    def closed(self, connection: Asking, why: str) -> None:
        """Count what was asked on a connection that is lost."""
        if connection.asked:
            self._under_way -= 1
            self.lost[why] += 1
        elif connection in self._free:
            self._free.remove(connection)


def milliseconds(values: list[float], percent: float) -> float | None:
    return round(1000 * float(np.percentile(values, percent)), 1) if values else None


def of_group(leader: int) -> list[Path]:
    """A process and all that it began: its group's, as folders of /proc."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may have ended meanwhile
            if os.getpgid(int(each.name)) == leader:
                found.append(each)
    return found


def memory(leader: int) -> int:
    """MB of a group's processes."""
    pages = sum(int((each / "statm").read_text().split()[1]) for each in of_group(leader))
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


def peak(leader: int) -> int:
    """MB of a group's processes, each at its most."""
    texts = [(each / "status").read_text() for each in of_group(leader)]
    return sum(int(text.partition("VmHWM:")[2].split()[0]) for text in texts if "VmHWM:" in text) // 1024


def processors(leader: int) -> float:
    """Seconds of processors that a group has taken."""
    fields = [(each / "stat").read_text().rpartition(")")[2].split() for each in of_group(leader)]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
