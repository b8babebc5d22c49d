"""The log: a line of JSON each, of requests and of what else happens; nothing of pictures or tokens is in it."""

from __future__ import annotations

import logging
import sys
from datetime import datetime, timezone

from hubel.base.words import json_text

LOG = logging.getLogger("hubel.serve")


class Lines(logging.Formatter):
    """A record as one line of JSON; of an error, where it was raised."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        when = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        told = {"time": when, "level": record.levelname.lower(), "event": record.getMessage()}
        told |= getattr(record, "note", {})
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json_text(told)


def begin_log() -> None:
    """Write the service's lines, and what its server says of trouble, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    for name, level in (("hubel.serve", logging.INFO), ("uvicorn.error", logging.WARNING), ("asyncio", logging.ERROR)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)
