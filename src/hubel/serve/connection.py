"""A connection: closed where it says nothing, and answering by itself what is asked most.

uvicorn hands each request to a coroutine of its own, and FastAPI finds out again what it asks: more work than the
answer of a small network. A request for predictions at an address that was taken once, with a short body, is `Quick`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from hubel.serve.batches import Picture, Waiting
from hubel.serve.gate import GONE, JSON, OF_DATA, Gate, begun, fault, lines, told
from hubel.serve.pictures import Sent, pictures_of
from hubel.serve.refusal import Refusal
from hubel.serve.service import INLINE, Known, told_answers
from hubel.serve.settings import Limits

_SILENCE = 10.0  # seconds in which a connection has to say what it wants
_KEPT = 75.0  # seconds that a connection is kept for another request: longer than balancers keep theirs
_TLS = b"\x16\x03"  # how a connection begins that is to be https
_HEAD = 64 * 2**10  # bytes of a request's head: neither llhttp nor uvicorn ends what has none
_AROUND = 16  # bytes that may stand around each of a body's, such as the lengths of its pieces
_ODD = {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"}
_TOO_LONG = f"expected a head, the address and the lines before the body, of at most {_HEAD:,} bytes"
_open: dict[Any, None] = {}  # connections of this process, the oldest first


class Connection(HttpToolsProtocol):
    """A connection that is closed where it says nothing, or begins and does not go on; and where there are too many,
    the one that has been idle the longest.
    """

    most = Limits.connections
    _came = _bodied = 0  # bytes of this request, and of its body
    _has_head = _is_long = False

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._began(between=False)
        _open[self] = None
        self._timer = self.loop.call_later(_SILENCE, self._look)
        if len(_open) > self.most:
            idle = next((each for each in _open if each.is_idle()), None)
            if idle is not None:
                idle.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._timer.cancel()
        _open.pop(self, None)
        super().connection_lost(exc)

    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _began(self, between: bool) -> None:
        """Begin to wait for the rest of a request, or between two of them for the next."""
        self._between, self._since = between, self.loop.time()

    def _look(self) -> None:
        if self.is_idle() and self.loop.time() - self._since >= (_KEPT if self._between else _SILENCE):
            self.transport.close()
            return
        self._timer = self.loop.call_later(_SILENCE, self._look)

    def on_message_begin(self) -> None:
        """Take the first bytes of a request."""
        super().on_message_begin()
        self._began(between=False)
        self._has_head = False

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._came = self._bodied = 0
        super().on_message_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the head; what comes after the body says nothing here."""
        if not self._has_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._bodied += len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Choose how a request is answered."""
        self._has_head = True
        self._is_long = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > _HEAD
        if self._is_long:
            raise Refusal("head", _TOO_LONG)  # on which the parser ends, and `send_400_response` says why
        if self.url[:1] not in (b"/", b"*"):
            self._take_host()
        gate: Any = self.app
        known = gate.service.known.get(self.url)
        headers, state = begun(self.headers, self.loop.time()) if known else ({}, {})
        if known and self._is_plain(headers, gate.limits):
            self.cycle = Quick(self, gate, known, headers, state)
        else:
            super().on_headers_complete()

    def _take_host(self) -> None:
        """Know this service by the host of an absolute target, which goes before the one of Host (RFC 9112, 3.2.2)."""
        asked = urlsplit(self.url.decode("latin-1"))
        own = asked.netloc.rpartition("@")[2].encode("latin-1")
        self.headers[:] = [*(each for each in self.headers if each[0] != b"host"), (b"host", own)]

    def _is_plain(self, headers: Mapping[bytes, str], limits: Limits) -> bool:
        """Whether a request is as most are: no other is answered at this moment, and its body says how short it is."""
        length = headers.get(b"content-length", "")
        return (
            self.is_idle()
            and not self.flow.write_paused
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and _ODD.isdisjoint(headers)
            and length.isdecimal()
            and len(length) < 6
            and int(length) <= min(INLINE, limits.content)
        )

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request of HTTP as all else is refused: by a sentence, with an id, counted and logged."""
        gate: Any = self.app
        _, state = begun((), self.loop.time())
        said = "what came cannot be read as a request of HTTP/1.1"
        if self._is_tls:
            remedy = "; https takes --certificate and --key at the service's start" if gate.command else ""
            said = f"this port speaks http{remedy}"
        refusal, note = Refusal("head", _TOO_LONG) if self._is_long else Refusal("request", said), state["note"]
        note |= {"reason": refusal.reason, "status": refusal.status}
        headers, body = told(refusal, note)
        own = {"content-length": str(len(body)), "x-request-id": note["request"], "connection": "close", **headers}
        self.transport.write(STATUS_LINE[refusal.status] + _FIXED + b"".join(map(_line, lines(own))) + b"\r\n" + body)
        self.transport.close()
        gate.noted("", "", state)

    def data_received(self, data: bytes) -> None:
        """Take what comes."""
        self._is_tls = data.startswith(_TLS)
        self._came += len(data)
        super().data_received(data)
        if self._came > _HEAD + (1 + _AROUND) * self._bodied and not self.transport.is_closing():
            self._is_long = True
            self.send_400_response(_TOO_LONG)
        if isinstance(self.cycle, Quick):
            self.cycle.wait()

    def on_response_complete(self) -> None:
        """Go on with the next request, if it is here."""
        self._began(between=True)
        if self.pipeline:
            super().on_response_complete()
        else:  # without a timer for each, since `_look` looks at all
            self.server_state.total_requests += 1
            self.flow.resume_reading()


class Quick(RequestResponseCycle):
    """A request for predictions that needs no coroutine: what comes in is told to it as to any other, and it answers
    when the last of its pictures is. What `Gate` does for a request it does by itself.
    """

    def __init__(
        self, connection: Connection, gate: Gate, known: Known, headers: Mapping[bytes, str], state: dict[str, Any]
    ) -> None:
        self._connection, self._gate, self._known = connection, gate, known
        self._headers, self._state = headers, state
        self._state["note"]["model"] = known.name
        self._timer: asyncio.TimerHandle | None = None
        self._sent: list[Sent] = []
        self._waiting: Waiting | None = None
        self.keep_alive = connection.parser.should_keep_alive()
        self.body, self.more_body = bytearray(), True  # at most INLINE bytes: all connections' are bounded
        self.disconnected = self.response_complete = False
        self.message_event: Any = self  # of which `set` is called when something has come

    def set(self) -> None:
        """Look what has come: a part of the body, its end, or that the client has gone."""
        if self.response_complete:
            return
        if self.disconnected:
            if self._waiting is not None:
                self._gate.service.queues[self._known.name].leave(self._waiting)
            self._end(GONE)
        elif not self.more_body:
            self._try(self._ask)

    def wait(self) -> None:
        """Wait for the rest of the body, but not for ever."""
        if self.more_body and self._timer is None and not self.response_complete:
            self._timer = self._connection.loop.call_later(self._gate.limits.patience, self._slow)

    def _slow(self) -> None:
        self.keep_alive = False
        self._refuse(Refusal("slow", f"the request did not come in within {self._gate.limits.patience:g} s"))

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Refusal as refusal:
            self._refuse(refusal)
        except Exception:
            self._refuse(fault(self._state["note"]))

    def _ask(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        path, name, asked = self._known
        service = self._gate.service
        self._gate.check(path, self._connection.headers, self._headers)
        if refusal := service.crowded(path):
            raise refusal
        self._sent = pictures_of(self._headers.get(b"content-type", ""), bytes(self.body), service.limits)
        pictures = [Picture(*each, asked.top) for each in self._sent]
        self._state["note"]["pictures"] = len(pictures)
        until = self._state["arrived"] + service.limits.deadline
        self._waiting = service.queues[name].ask(pictures, until, lambda found: self._try(lambda: self._tell(found)))

    def _tell(self, found: Any) -> None:
        _, name, asked = self._known
        found = self._gate.service.counted(name, found)
        self._answer(200, _FIXED, told_answers(name, asked, self._sent, found))

    def _refuse(self, refusal: Refusal) -> None:
        note = self._state["note"]
        note["reason"] = refusal.reason
        headers, body = told(refusal, note)
        self._answer(refusal.status, _FIXED + b"".join(map(_line, lines(headers))), body)

    def _answer(self, status: int, headers: bytes, body: bytes) -> None:
        own = b"content-length: %d\r\nx-request-id: %s\r\n" % (len(body), self._state["note"]["request"].encode())
        kept = b"" if self.keep_alive else b"connection: close\r\n"
        more = (*self._connection.server_state.default_headers, *self._gate.shared(self._headers))
        always = b"".join(map(_line, more))
        self._end(status)
        transport = self._connection.transport
        if not transport.is_closing():
            transport.write(b"".join((STATUS_LINE[status], always, headers, own, kept, b"\r\n", body)))
        if not self.keep_alive:
            transport.close()
        self._connection.on_response_complete()

    def _end(self, status: int) -> None:
        self.response_complete = True
        if self._timer is not None:
            self._timer.cancel()
        self._state["note"]["status"] = status
        self._gate.noted("POST", self._known.path, self._state)


def _line(header: tuple[bytes, bytes]) -> bytes:
    return b"%s: %s\r\n" % header


_FIXED = b"".join(map(_line, (*lines(JSON), *OF_DATA)))
