"""The log: a line of JSON each, of requests and of what else happens; nothing of pictures or tokens is in it."""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from hubel.base.words import json_text

LOG = logging.getLogger("hubel.serve")
_WHOLE = 4096  # bytes of a write that a pipe takes in one piece, so that lines of several processes do not mix


class Lines(logging.Formatter):
    """A record as one line of JSON; of an error, where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        told = getattr(record, "note", {})
        if record.exc_info:
            told = {**told, "traceback": self.formatException(record.exc_info)}
        return _line(record.created, record.levelname.lower(), record.getMessage(), told)


class _Requests(logging.StreamHandler[Any]):
    """Writes records as they come, and lines of requests together, once a turn of the loop: under load these are as
    much work as the answers.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(Lines())
        self._lines: list[str] = []
        atexit.register(self.write)

    def add(self, note: Mapping[str, Any]) -> None:
        """Take what is told of a request, on the loop's thread."""
        if not self._lines:
            asyncio.get_running_loop().call_soon(self.write)
        self._lines.append(_line(time.time(), "info", "request", note))

    def write(self) -> None:
        """Write the lines that wait."""
        held, size = list[str](), 0
        for line in self._lines:
            own = len(line.encode()) + 1
            if held and size + own > _WHOLE:
                self._put(held)
                held, size = [], 0
            held.append(line)
            size += own
        self._lines.clear()
        if held:
            self._put(held)

    def _put(self, held: list[str]) -> None:
        self.stream.write("\n".join((*held, "")))
        self.flush()


def begin_log() -> None:
    """Write the service's lines, and what its server and other libraries say of trouble, to standard error."""
    handler = _Requests()
    others = logging.StreamHandler()
    others.setFormatter(Lines())
    others.setLevel(logging.WARNING)
    logging.lastResort = others  # what nobody listens to would come there as bare words
    for name, level in (("hubel.serve", logging.INFO), ("uvicorn.error", logging.WARNING), ("asyncio", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def log_request(note: Mapping[str, Any]) -> None:
    """Log a request: as a record where others listen too, without one where these lines are all."""
    match LOG.handlers:
        case [_Requests() as own]:
            own.add(note)
        case _:
            LOG.info("request", extra={"note": note})


def _line(created: float, level: str, event: str, note: Mapping[str, Any]) -> str:
    when = datetime.fromtimestamp(created, timezone.utc).isoformat(timespec="milliseconds")
    return json_text({"time": when, "level": level, "event": event, **note})
