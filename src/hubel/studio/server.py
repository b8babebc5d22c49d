"""The studio's server: the page, and answers to its questions, for this machine alone.

Who may ask is decided by the gate of `hubel.serve`: the Host must be this machine, the Origin the page itself, and
every question bears the token of this launch. The page says nothing of anybody, and is given without.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from logging import getLogger
from pathlib import Path
from socket import socket
from threading import Event
from typing import Any

from uvicorn import Config, Server

from hubel.base.errors import HubelError
from hubel.base.words import json_text, printable
from hubel.serve.board import Board
from hubel.serve.connection import Connection
from hubel.serve.gate import Gate
from hubel.serve.listening import bound_socket
from hubel.serve.log import begin_log
from hubel.serve.refusal import Refusal
from hubel.serve.settings import Access, Limits, Settings
from hubel.studio.answers import QUESTIONS, answered
from hubel.studio.answers.questions import Known
from hubel.studio.digits import DIGIT_FILES, digits_file
from hubel.studio.page import course_page, studio_page
from hubel.studio.runs import Runs
from hubel.studio.runs.looking import GONE

HERE = "127.0.0.1"
LIMITS = Limits(content=2_000_000, connections=256)
ASK = "/ask/"
DIGITS = {f"/{name}": partial(digits_file, name) for name in DIGIT_FILES}
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def application(token: str, runs: Path, course: dict[str, Any] | None = None) -> Any:
    """The studio as an ASGI application. runs: the folder of runs that it shows, and into which it trains. course: a
    teacher's exercises (`hubel.studio.course`) in place of hubel's own.
    """
    guarded: Any = _Guarded(token)
    page = course_page(course) if course else studio_page()
    return Gate(_Studio({**QUESTIONS, **Runs(runs).questions}, page.encode()), guarded, command="")


def serve_studio(
    token: str,
    port: int,
    runs: Path,
    listening: Callable[[socket], None] = lambda bound: None,
    course: dict[str, Any] | None = None,
) -> None:
    """Serve on this machine's loopback until a signal ends it; trainings that were begun go on.

    port: 0 takes a free one. runs: the folder of runs. listening: is called with the socket. course: a teacher's
    exercises. Raises SettingError where the port cannot be had.
    """
    with bound_socket(HERE, port) as bound:
        begin_log()
        getLogger("uvicorn.error").addFilter(lambda record: "graceful shutdown" not in record.getMessage())
        server = server_of(token, runs, course)
        listening(bound)
        server.run([bound])


def server_of(token: str, runs: Path = Path("runs"), course: dict[str, Any] | None = None) -> Server:
    """A server in this process: `run([socket])` serves until its `should_exit` is True."""
    return Server(
        Config(
            application(token, runs, course),
            http=_Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=LIMITS.connections,
            timeout_graceful_shutdown=1,
        )
    )


class _Connection(Connection):
    """A connection whose requests' heads have their bounds, and that is closed where it says nothing."""

    most = LIMITS.connections


class _Guarded:
    """What the gate has to know: who may ask how much, and where it counts. Nothing is ever too much to be asked."""

    known: Mapping[bytes, Any] = {}  # addresses that connections answer by themselves

    def __init__(self, token: str) -> None:
        self.settings, self.limits = Settings((), LIMITS, Access(token), quiet=True), LIMITS
        self.board = Board((), LIMITS.queue)

    def crowded(self, path: str) -> None:
        """Never."""


class _Studio:
    """The routes."""

    def __init__(self, known: Known, page: bytes) -> None:
        self._known, self._page = known, page
        self._quick = ThreadPoolExecutor(1, thread_name_prefix="studio")  # answers share what was read last
        self._looks = ThreadPoolExecutor(32, thread_name_prefix="studio-look")  # which wait for each other
        self._slow = ThreadPoolExecutor(2, thread_name_prefix="studio-slow")  # of runs, whose models PyTorch opens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request. Raises Refusal."""
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if path == "/" and method in ("GET", "HEAD"):
            await _send(send, "text/html; charset=utf-8", self._page)
        elif path in DIGITS and method in ("GET", "HEAD"):
            await _send(send, "application/gzip", DIGITS[path]())
        elif path.startswith(ASK) and (question := path.removeprefix(ASK)) in self._known:
            if method != "POST":
                raise Refusal("method", f"{path} is not for {printable(method)[:20]}, but for POST")
            values = _values(scope, (await receive()).get("body", b""))
            pool = self._quick if question in QUESTIONS else self._looks if question == "looked" else self._slow
            gone, context = Event(), copy_context()
            context.run(GONE.set, gone)
            try:
                found = await asyncio.get_running_loop().run_in_executor(
                    pool, context.run, self._answer, question, values
                )
            except asyncio.CancelledError as error:
                if error.args:  # the server's own words, which it has where it is stopped while something is answered
                    raise Refusal("busy", "the studio is being stopped") from None
                raise
            finally:
                gone.set()
            await _send(send, "application/json", found)
        else:
            raise Refusal("unknown", f"there is nothing at {printable(path)[:100]}")

    def _answer(self, question: str, values: Any) -> bytes:
        try:
            return json_text(answered(question, values, self._known), compact=True).encode()
        except HubelError as error:
            raise Refusal("request", printable(str(error))[:300]) from None


def _values(scope: Scope, body: bytes) -> Any:
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    if kind.partition(b";")[0].strip().lower() != b"application/json":
        raise Refusal("kind", "expected the Content-Type application/json")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal("request", "expected a body of JSON") from None


async def _send(send: Send, kind: str, body: bytes) -> None:
    lines = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": lines})
    await send({"type": "http.response.body", "body": body})
