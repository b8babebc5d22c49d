"""On how many threads PyTorch computes: each thread's own number, but new threads begin with the one set last."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

from hubel.base.forks import fresh_in_child

_changing = threading.Lock()
_within = threading.local()
_before: list[int] = []  # what the process had before the first of those that are within, once for each
fresh_in_child(_changing)


def usual_threads() -> int:
    """How many threads the process computes on, whatever trains in it at the moment."""
    with _changing:
        return _before[0] if _before else torch.get_num_threads()


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Compute on so many threads; afterwards on as many as before. Several threads of a process may be within, and one
    of them several times.
    """
    own = _own()
    own.append(number)
    with _changing:
        before = _before[0] if _before else torch.get_num_threads()
        _before.append(before)
    torch.set_num_threads(number)
    try:
        yield
    finally:
        with _changing:
            _before.pop()
        own.pop()
        torch.set_num_threads(own[-1] if own else before)


def _own() -> list[int]:
    """What this thread is within, the innermost last."""
    if not hasattr(_within, "numbers"):
        _within.numbers = []
    found: list[int] = _within.numbers
    return found
