"""What stands before all routes: who may ask, how much may come and how fast, what is said and noted of it."""

from __future__ import annotations

import asyncio
import hmac
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from hubel.base.words import json_text, printable
from hubel.serve.batches import seconds_of
from hubel.serve.log import LOG, log_request
from hubel.serve.refusal import Refusal

if TYPE_CHECKING:  # models and all that they need; the studio's gate stands before none
    from hubel.serve.service import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_T = TypeVar("_T")
OPEN = (
    "/",
    "/health",
    "/ready",
    "/v2/health/live",
    "/v2/health/ready",
)  # what says nothing of models, and asks for no token
_HELD = 256 * 2**20  # bytes of bodies that are in memory at one time, of small limits
_SHORT = 5  # figures of the length of a body that is sooner read than its connection opened anew
_DRAIN = 1.0  # seconds in which a body that is not wanted may come in, so that the answer is not lost
FAULT = "a fault of hubel's own; the log has it under {}"
GONE = 499  # the status of a request whose client went away
_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::(\d{0,5}))?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ALL = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_DATA = {**_ALL, "content-security-policy": "default-src 'none'; frame-ancestors 'none'"}
_PAGE = {
    **_ALL,
    "content-security-policy": "frame-ancestors 'none'",  # the page has a stricter one in itself
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), geolocation=(), microphone=()",
}
JSON = {"content-type": "application/json"}
_PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-type, x-request-id",
    "access-control-max-age": "600",
}


def lines(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as they are sent."""
    return [(name.encode(), value.encode()) for name, value in headers.items()]


OF_DATA, _OF_PAGE = lines(_DATA), lines(_PAGE)


class GoneError(Exception):
    """The client went away."""


class Gate:
    """An ASGI application in front of another one.

    A body is read whole, within its limits, before anything else sees the request, and refused unread where too much is
    asked at this moment; a client that goes away cancels what was begun for it. Answers carry security headers and the
    request's id, by which the log has it.
    """

    def __init__(self, app: Any, service: Service, command: str = "hubel serve") -> None:
        """command: whose options let others in; "" for one that lets nobody else in."""
        self._app, self.service, self.command = app, service, command
        self.limits = service.limits
        self.held = 0  # bytes of bodies in memory
        self._access, self._quiet = service.settings.access, service.settings.quiet
        self._hosts: dict[str, bool] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or say why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, state = begun(scope["headers"], asyncio.get_running_loop().time())
        scope["state"] = {**scope.get("state", {}), **state}
        note, crowded = state["note"], self.service.crowded
        body = _Body(self, receive, headers)
        answer = _Answer(send, note, self.shared(headers))
        before = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers and bool(answer.shared)
        try:
            self.check("/" if before else scope["path"], scope["headers"], headers)
            _check_coding(headers)
            refusal = crowded(scope["path"])
            if refusal and body.is_long:
                raise refusal
            content = await body.read()  # of short ones even where it is for nothing, so that the connection stays
            if refusal := refusal or crowded(scope["path"]):
                raise refusal
            if before:  # a browser's own question, which bears no token
                await answer.whole(200, _PREFLIGHT, b"")
            else:
                # what is asked for its head alone is answered as a whole, of which the server sends the head
                asked = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
                await _unless_gone(self._app(asked, _replayed(content), answer), receive, answer)
        except GoneError:
            note["status"] = GONE
        except Refusal as refusal:
            await answer.refused(refusal, body)
        except Exception:
            await answer.refused(fault(note), body)
        finally:
            self.held -= body.held
        self.noted(scope["method"], scope["path"], state)

    def noted(self, method: str, path: str, state: Mapping[str, Any]) -> None:
        """Count a request that has ended, and log it."""
        note = state["note"]
        seconds = asyncio.get_running_loop().time() - state["arrived"]
        status = note.get("status", 500)
        board = self.service.board
        board.add("hubel_requests_total", f'status="{status}"')
        if "reason" in note:
            board.add("hubel_refused_total", f'reason="{note["reason"]}"')
        if "model" in note and status < 400:
            board.observe("hubel_request_seconds", note["model"], seconds)
        if not self._quiet or status == 500:
            told = {"method": printable(method)[:20], "path": printable(path)[:100], "ms": round(1000 * seconds, 2)}
            log_request(told | note)

    def check(self, path: str, fields: Iterable[tuple[bytes, bytes]], headers: Mapping[bytes, str]) -> None:
        """Raise Refusal for a request that is not for this machine, from a page elsewhere, or without the token."""
        names = [value for name, value in fields if name == b"host"]
        host = headers.get(b"host", "")
        if len(names) != 1 or not self._is_known(host):
            option = f"--host-name {printable(_name_of(host))[:100] or 'NAME'}"
            remedy = f"; where one is, it begins by {self.command} {option}" if self.command else ""
            raise Refusal("host", f"this service is not called '{printable(host)[:100]}'{remedy}")
        origin = headers.get(b"origin")
        if origin is not None and not self._is_own(origin, host):
            remedy = f"; {self.command} --origin ADDRESS lets them" if self.command else ""
            raise Refusal("origin", f"pages of '{printable(origin)[:100]}' may not ask here{remedy}")
        if path not in OPEN and not self._bears_token(headers.get(b"authorization", "")):
            raise Refusal("token", "expected the header Authorization: Bearer TOKEN, with the token of this service")

    def shared(self, headers: Mapping[bytes, str]) -> list[tuple[bytes, bytes]]:
        """What lets a page elsewhere read an answer: of one that `--origin` names."""
        origin = headers.get(b"origin", "")
        if origin not in self._access.origins:
            return []
        exposed = (b"access-control-expose-headers", b"x-request-id, retry-after")
        return [(b"access-control-allow-origin", origin.encode("latin-1")), (b"vary", b"origin"), exposed]

    def _is_known(self, host: str) -> bool:
        known = self._hosts.get(host)
        if known is None:
            known = self._access.knows(_name_of(host))
            if len(self._hosts) < 1000:
                self._hosts[host] = known
        return known

    def _is_own(self, origin: str, host: str) -> bool:
        if origin in self._access.origins:
            return True
        try:
            found = urlsplit(origin)
            return found.scheme in ("http", "https") and found.netloc.lower() == host.lower()
        except ValueError:
            return False

    def _bears_token(self, header: str) -> bool:
        if self._access.token is None:
            return True
        kind, _, given = header.partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(
            given.strip().encode("latin-1"), self._access.token.encode()
        )


def _check_coding(headers: Mapping[bytes, str]) -> None:
    """Raise Refusal for a body that says that it is packed, which is read as it comes."""
    coding, transfer = (headers.get(name, "").strip().lower() for name in (b"content-encoding", b"transfer-encoding"))
    if coding not in ("", "identity"):
        raise Refusal("kind", f"content-encoding: expected none, received '{printable(coding)[:40]}'; send it unpacked")
    if transfer not in ("", "chunked"):
        raise Refusal("coding", f"transfer-encoding: expected chunked or none, received '{printable(transfer)[:40]}'")


def begun(fields: Iterable[tuple[bytes, bytes]], now: float) -> tuple[dict[bytes, str], dict[str, Any]]:
    """A request's headers as words, and its state: when it arrived, and what is noted of it, first its id."""
    headers = {name: value.decode("latin-1") for name, value in fields}
    given = headers.get(b"x-request-id", "")
    own = given if _ID.fullmatch(given) else f"{random.getrandbits(64):016x}"
    return headers, {"note": {"request": own}, "arrived": now}


def fault(note: dict[str, Any]) -> Refusal:
    """What is told where an exception was caught that nobody expected; the log has it."""
    LOG.exception("fault", extra={"note": note})
    return Refusal("fault", FAULT.format(note["request"]))


class _Body:
    """A request's body as it comes in: read whole within limits, or drained."""

    def __init__(self, gate: Gate, receive: Receive, headers: dict[bytes, str]) -> None:
        self.held = 0
        self._gate, self._receive = gate, receive
        self._length = headers.get(b"content-length", "0")
        self._waits = b"expect" in headers  # for a word before it sends the body
        self.complete = b"transfer-encoding" not in headers and self._length == "0"
        self.is_long = b"transfer-encoding" in headers or len(self._length) > _SHORT

    async def read(self) -> bytes:
        """The whole body. Raises Refusal where it is too long, comes too slowly, or there is no memory for it now."""
        limits, parts = self._gate.limits, []
        if self._length.isdecimal() and int(self._length) > limits.content:
            raise self._too_long()
        with _Patience(limits.patience):
            while not self.complete:
                parts.append(await self._part())
                self.held += len(parts[-1])
                self._gate.held += len(parts[-1])
                if self.held > limits.content:
                    raise self._too_long()
                if self._gate.held > max(_HELD, 2 * limits.content):
                    raise Refusal("busy", "too many requests come in at this moment; try again", again=1)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def drain(self) -> None:
        """Take what still comes and leave it, for a moment: an answer to a client that still sends is lost where the
        connection is closed on it.
        """
        left = 0 if self._waits else self._gate.limits.content
        with suppress(Refusal, GoneError), _Patience(_DRAIN):
            while not self.complete and left > 0:
                left -= len(await self._part())

    async def _part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        self.complete = not message.get("more_body")
        part: bytes = message.get("body", b"")
        return part

    def _too_long(self) -> Refusal:
        return Refusal(
            "length",
            f"expected a body of at most {self._gate.limits.content:,} bytes; send fewer or smaller pictures",
        )


class _Patience:
    """Ends what is awaited within it after so many seconds, with a Refusal. (`asyncio.timeout` is of Python 3.11.)"""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._over = seconds, False

    def __enter__(self) -> None:
        self._task: Any = asyncio.current_task()
        self._handle = asyncio.get_running_loop().call_later(self._seconds, self._end)

    def _end(self) -> None:
        self._over = True
        self._task.cancel()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._handle.cancel()
        if self._over and kind is asyncio.CancelledError:
            if hasattr(self._task, "uncancel"):
                self._task.uncancel()
            raise Refusal("slow", f"the request did not come in within {self._seconds:g} s") from None


class _Answer:
    """What is sent, with the headers of every answer and those that let a page elsewhere read it (`shared`); knows
    whether it has begun.
    """

    def __init__(self, send: Send, note: dict[str, Any], shared: list[tuple[bytes, bytes]]) -> None:
        self._send, self._note, self.shared, self.begun, self.complete = send, note, shared, False, False

    async def __call__(self, message: MutableMapping[str, Any]) -> None:
        """Send a part."""
        if message["type"] == "http.response.start":
            self.begun = True
            self._note["status"] = message["status"]
            page = any(name == b"content-type" and value.startswith(b"text/html") for name, value in message["headers"])
            own = (b"x-request-id", self._note["request"].encode())
            message = {**message, "headers": [*message["headers"], own, *self.shared, *(_OF_PAGE if page else OF_DATA)]}
        else:
            self.complete = not message.get("more_body")
        await self._send(message)

    async def whole(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        before_end: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Send an answer, its end after something else."""
        every = [*lines(headers), (b"content-length", str(len(body)).encode())]
        with suppress(OSError):  # of servers that say so where the client is gone
            await self({"type": "http.response.start", "status": status, "headers": every})
            if before_end:
                await self({"type": "http.response.body", "body": body, "more_body": True})
                await before_end()
                body = b""
            await self({"type": "http.response.body", "body": body})

    async def refused(self, refusal: Refusal, asked: _Body) -> None:
        """Say why a request is not answered, unless an answer has begun. What is still to come of it is drained, and
        the connection closed after it.
        """
        self._note["reason"] = refusal.reason
        if self.begun:
            return
        headers, body = told(refusal, self._note)
        if asked.complete:
            await self.whole(refusal.status, {**JSON, **headers}, body)
        else:
            drain = asked.drain if refusal.reason != "slow" else None
            await self.whole(refusal.status, {**JSON, **headers, "connection": "close"}, body, drain)


def told(refusal: Refusal, note: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """The headers, beside `JSON`, and the body that say why a request is not answered."""
    # written out, since under load this is what is answered most: the words and ids hold nothing that JSON escapes
    said = f'{{"error": {json_text(str(refusal))}, "reason": "{refusal.reason}", "request": "{note["request"]}"}}'
    headers = {}
    if refusal.again is not None:
        headers["retry-after"] = seconds_of(refusal.again)
    if refusal.reason == "token":
        headers["www-authenticate"] = "Bearer"
    return headers, said.encode()


def _name_of(host: str) -> str:
    """A Host without its port; "" where it is none."""
    found = _HOST.fullmatch(host)
    return found[1] if found and int(found[2] or 0) < 2**16 else ""


def _replayed(body: bytes) -> Receive:
    """What the application receives: the body, and then nothing more."""
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> MutableMapping[str, Any]:
        message = next(parts, None)
        if message is None:
            await asyncio.Event().wait()
        return message or {}

    return receive


async def _unless_gone(work: Awaitable[_T], receive: Receive, answer: _Answer) -> _T:
    """What the work gives; where the client goes away before, it is cancelled, and GoneError raised."""
    task: Any = asyncio.current_task()
    gone = False

    def leave(_: object) -> None:
        nonlocal gone
        if not answer.complete:  # after which the server says the same
            gone = True
            task.cancel()

    watch: asyncio.Future[Any] = asyncio.ensure_future(receive())
    watch.add_done_callback(leave)
    try:
        return await work
    except asyncio.CancelledError:
        if not gone:
            raise
        if hasattr(task, "uncancel"):
            task.uncancel()
        raise GoneError from None
    finally:
        watch.remove_done_callback(leave)
        watch.cancel()
