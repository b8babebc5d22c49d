"""The event loop of the service: few events at a time, so that answers do not wait for all who ask.

asyncio takes all events that are there before it looks at what threads have sent it. Where thousands ask, reading what
they ask takes longer than computing what was asked before.
"""

from __future__ import annotations

import asyncio
import math
import os
import select
import selectors
import sys

_AT_ONCE = 64  # events

if sys.platform == "linux":

    class _Few(selectors.EpollSelector):
        """Leaves events beyond some to the next time; the system has them come in turns."""

        def __init__(self) -> None:
            super().__init__()
            self._ready = select.epoll.fromfd(os.dup(self.fileno()))

        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            """Some of the events that are there; where none is, wait so many seconds for one."""
            seconds = -1 if timeout is None else max(0.0, math.ceil(timeout * 1000) / 1000)
            keys, found = self.get_map(), []
            for file, bits in self._ready.poll(seconds, _AT_ONCE):
                reads = selectors.EVENT_READ if bits & ~select.EPOLLOUT else 0
                writes = selectors.EVENT_WRITE if bits & ~select.EPOLLIN else 0
                key = keys[file]
                found.append((key, (reads | writes) & key.events))
            return found

        def close(self) -> None:
            """Close."""
            self._ready.close()
            super().close()


def few_at_a_time() -> asyncio.AbstractEventLoop:
    """A new loop."""
    return asyncio.SelectorEventLoop(_Few()) if sys.platform == "linux" else asyncio.new_event_loop()
