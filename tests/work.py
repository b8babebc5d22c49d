"""How much work a test does: how many random examples; and lines run, counted, which are true on a busy machine too."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

HANG = 300  # seconds after which a process that a test waits for counts as hung; none takes a tenth of it
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


def examples(few: int) -> int:
    """So many random examples, or where tests are to be deep forty times as many."""
    return 40 * few if DEEP else few


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
