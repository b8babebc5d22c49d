"""How much work a piece of code is, counted, so that a test of it is true on every machine, busy or not."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

HANG = 300  # seconds after which a process that a test waits for counts as hung; none takes a tenth of it


def lines_run(work: Callable[[], Any]) -> int:
    """The lines of Python that `work` runs, each as often as it is run."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def clock(tick: float) -> Callable[[], float]:
    """A clock by which `tick` seconds pass between one look at it and the next."""
    moments: Iterator[int] = itertools.count()
    return lambda: next(moments) * tick
