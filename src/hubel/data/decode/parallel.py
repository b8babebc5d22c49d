"""Images worked on several at a time, in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Element = TypeVar("Element")
Result = TypeVar("Result")
_CHUNK = 8  # images that a worker takes at once
_AHEAD = 4  # chunks a worker that may be waiting: what bounds memory


def workers_here() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(function: Callable[[Element], Result], items: Sequence[Element], workers: int) -> Iterator[Result]:
    """The function's results for all items, in their order, worked out by `workers` threads a little ahead."""
    starts = iter(range(0, len(items), _CHUNK))
    waiting: deque[Future[list[Result]]] = deque()
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decode")

    def chunk(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + _CHUNK]]

    try:
        while True:
            while len(waiting) < workers * _AHEAD and (start := next(starts, None)) is not None:
                waiting.append(pool.submit(chunk, start))
            if not waiting:
                return
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
