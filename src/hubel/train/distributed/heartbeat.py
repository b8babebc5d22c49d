"""How processes that train together know that all of them live: each keeps a line open to the first one.

PyTorch does not tell them in time. Gloo lets a process that was sending to one that died wait until its time is up (its
`Pair::signalException` passes over what is queued to be sent), deaf to signals meanwhile, and a question to PyTorch's
store has no limit at all where the first process, which answers, stands still.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from hubel.base.limits import setting
from hubel.train.distributed.ranks import DisagreementError, LostProcessError
from hubel.train.distributed.signals import StoppedError

_SIGN_OF_LIFE = 1.0  # seconds between two
_TOLD = 5.0  # seconds of waiting after which it is said for whom
_GRACE = 3.0  # seconds that a process has to end by itself once another is lost: PyTorch mostly sees to it at once
_ENDED = "of this training ended or hangs"
_MESSAGE = struct.Struct("!IcI")  # which training, what, and a number
_HELLO, _ALIVE, _READY, _GO, _LOST, _LEFT = b"H", b"A", b"R", b"G", b"L", b"B"

unbroken = threading.Lock()  # held while a checkpoint is written, which is finished first


class Heartbeat:
    """One process's end of the lines: it shows that it lives and learns who does not.

    Once one is lost, a process that needs it raises LostProcessError where it waits for it here, and ends itself where
    PyTorch holds it for seconds more. patience: the seconds after which one that says nothing counts as lost.
    """

    def __init__(self, rank: int, world: int, patience: float, end: socket.socket, token: int) -> None:
        """end: where the first process listens, or another's line to it. token: what this training's messages bear."""
        self.rank, self.world, self.patience, self.token = rank, world, patience, token
        self._lines: list[_Line] = []
        self._selector = selectors.DefaultSelector()
        self._changed = threading.Condition()
        self._lost: int | None = None
        self._ended: int | None = None  # one that left in good order, and is missed if all meet again
        self._lost_at = self._shown = 0.0
        self._needed = False
        self._ready: set[int] = set()
        self._port = 0
        end.setblocking(False)
        if rank == 0:
            self._selector.register(end, selectors.EVENT_READ)
        else:
            self._add(end, 0).tell(_HELLO, rank)
        threading.Thread(target=self._look, name="heartbeat", daemon=True).start()

    @contextlib.contextmanager
    def needed(self) -> Iterator[None]:
        """While this runs the others are needed; who leaves it in good order is not missed by them."""
        self._needed = True
        try:
            yield
        except (StoppedError, DisagreementError):
            self._tell(_LEFT)
            raise
        else:
            self._tell(_LEFT)
        finally:
            self._needed = False

    def meet(self, port: int, seconds: float) -> int:
        """Wait until all have come here, for as long as they live; the first one's `port`.

        Raises LostProcessError where one is lost, or has shown no sign of life at all after so many seconds.
        """
        end, told = time.monotonic() + seconds, time.monotonic() + _TOLD
        with self._changed:
            self._port = port
            if self.rank != 0:
                self._tell(_READY)
            while not (len(self._ready) == self.world - 1 if self.rank == 0 else self._port):
                for lost in (self._lost, self._ended):
                    if lost is not None:
                        raise LostProcessError(
                            f"rank {lost} {_ENDED} before all had met, and where it could, it said why; nothing was "
                            "trained by this start"
                        )
                missing = sorted(set(range(self.world)) - {line.rank for line in self._lines} - {self.rank})
                if self.rank == 0 and missing and time.monotonic() > end:
                    raise LostProcessError(
                        f"{_named(missing)} of this training did not come in {seconds:.0f} s; each has ended, was not "
                        "started, or read its data before it called hubel.train.start_heartbeat(). Where one needs "
                        f"longer, set {setting('waiting')}={2 * seconds:.0f}"
                    )
                if self.rank == 0 and missing and time.monotonic() > told:
                    told = end
                    _tell(_waiting(missing, seconds))
                self._changed.wait(1)
            if self.rank == 0:
                self._ready.clear()
                self._tell(_GO, port)
            return self._port

    def _add(self, connection: socket.socket, rank: int) -> _Line:
        line = _Line(connection, rank, self.token)
        self._lines.append(line)
        self._selector.register(connection, selectors.EVENT_READ, line)
        return line

    def _tell(self, kind: bytes, number: int = 0) -> None:
        for line in list(self._lines):
            line.tell(kind, number)

    def _look(self) -> None:
        while True:
            for key, _ in self._selector.select(_SIGN_OF_LIFE / 2):
                if key.data is not None:
                    self._hear(key.data)
                    continue
                with contextlib.suppress(OSError):  # who called has hung up
                    self._add(key.fileobj.accept()[0], -1).tell(_HELLO)  # type: ignore[union-attr]
            now = time.monotonic()
            if now - self._shown > _SIGN_OF_LIFE:
                self._shown = now
                self._tell(_ALIVE)
            for line in self._lines:
                if now - line.heard > self.patience:
                    self._lose(line.rank)
            if self._needed and self._lost is not None and now - self._lost_at > _GRACE:
                self._end()

    def _hear(self, line: _Line) -> None:
        try:
            messages = line.messages()
        except (OSError, EOFError):
            self._selector.unregister(line.connection)
            self._lines.remove(line)
            line.connection.close()
            if not line.left:
                self._lose(line.rank)
                return
            with self._changed:
                self._ended = line.rank
                self._changed.notify_all()
            return
        for kind, number in messages:
            with self._changed:
                if kind == _HELLO and self.rank == 0:
                    line.rank = number
                elif kind == _READY:
                    self._ready.add(line.rank)
                elif kind == _GO:
                    self._port = number
                line.left = kind == _LEFT or (line.left and kind == _ALIVE)
                self._changed.notify_all()
            if kind == _LOST:
                self._lose(number)

    def _lose(self, rank: int) -> None:
        if self._lost is not None or rank < 0:  # below 0: someone who called and did not say who
            return
        with self._changed:
            self._lost, self._lost_at = rank, time.monotonic()
            self._changed.notify_all()
        if self.rank == 0:
            self._tell(_LOST, rank)

    def _end(self) -> None:
        """End this process without PyTorch's destructors, which wait for what will not come."""
        with unbroken:
            if self._needed and self._lost is not None:
                _tell(f"LostProcessError: {_message(self._lost)}")
                os._exit(1)


def _tell(words: str) -> None:
    with contextlib.suppress(OSError, ValueError):  # nobody reads it
        print(words, file=sys.stderr, flush=True)


def _named(ranks: Sequence[int]) -> str:
    shown = ", ".join(map(str, ranks[:8])) + (f" and {len(ranks) - 8:,} more" if len(ranks) > 8 else "")
    return f"rank {shown}" if len(ranks) == 1 else f"ranks {shown}"


def _waiting(ranks: Sequence[int], seconds: float, why: str = "") -> str:
    longer = f"{setting('waiting')}=SECONDS waits longer"
    return f"waiting for {_named(ranks)} of this training, for at most {seconds:.0f} s ({why}{longer})"


def _message(rank: int) -> str:
    return (
        f"rank {rank} {_ENDED}; nothing is lost up to the last checkpoint, from which torchrun goes on if it may "
        "(--max-restarts)"
    )


class _Line:
    """A connection on which messages come and go. rank: who is at its other end, -1 where it has not said."""

    def __init__(self, connection: socket.socket, rank: int, token: int) -> None:
        connection.setblocking(False)
        self.connection, self.rank, self.token = connection, rank, token
        self.heard = time.monotonic()
        self.left = False
        self._rest = b""

    def tell(self, kind: bytes, number: int = 0) -> None:
        with contextlib.suppress(OSError):  # that nobody is there any more shows where one listens
            self.connection.send(_MESSAGE.pack(self.token, kind, number))

    def messages(self) -> list[tuple[bytes, int]]:
        """What has come. Raises EOFError or OSError where nothing will any more, or a stranger speaks."""
        came = self.connection.recv(4096)
        self.heard = time.monotonic()
        whole = (len(self._rest) + len(came)) // _MESSAGE.size * _MESSAGE.size
        text, self._rest = (self._rest + came)[:whole], (self._rest + came)[whole:]
        messages = [(kind, number) for token, kind, number in _MESSAGE.iter_unpack(text) if token == self.token]
        if not came or len(messages) * _MESSAGE.size < whole:
            raise EOFError
        return messages


def opened(port: int) -> socket.socket:
    """Where the first process listens; 0 for any port."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))


def called(host: str, ask: Callable[[], int], token: int, patience: float, seconds: float) -> socket.socket:
    """A line to the first process, once it listens at the port that is asked for and greets with the token.

    Raises LostProcessError where it takes the call and says nothing, or did not listen after so many seconds.
    """
    end, told = time.monotonic() + seconds, time.monotonic() + _TOLD
    while True:
        port = ask()
        why = "it did not say where it listens"
        if port:
            try:
                line = socket.create_connection((host, port), timeout=10)
            except OSError as error:
                why = str(error)
            else:
                if _greets(line, token, patience):
                    return line
                why = "another program listens there"
        if time.monotonic() > end:
            raise LostProcessError(
                f"rank 0 of this training did not come to {host}:{port} in {seconds:.0f} s: {why}; where it needs "
                f"longer, set {setting('waiting')}={2 * seconds:.0f}"
            )
        if time.monotonic() > told:
            told = end
            _tell(_waiting([0], seconds, f"{host}:{port}: {why}; "))
        time.sleep(0.02)


def _greets(line: socket.socket, token: int, patience: float) -> bool:
    line.settimeout(patience)
    try:
        if line.recv(_MESSAGE.size) == _MESSAGE.pack(token, _HELLO, 0):
            return True
    except TimeoutError as error:
        raise LostProcessError(_message(0)) from error
    except OSError:
        pass
    line.close()
    return False
