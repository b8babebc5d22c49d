"""Encoded images to arrays of one size, several at a time, in bounded memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

from hubel.base.download import Progress
from hubel.data._dataset import Fit
from hubel.data._image import QUIET, ImageError, decode_image
from hubel.data._listing import Item
from hubel.data._preprocessing import fit_image

Result = TypeVar("Result")
BadImages = Literal["stop", "skip"]
Pixels = npt.NDArray[np.uint8]
_CHUNK = 8  # images that a worker takes at once
_AHEAD = 4  # chunks a worker that may be waiting: what bounds memory


def workers_here() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def decode_into(
    sink: Callable[[Pixels], object],
    items: Sequence[Item],
    shape: tuple[int, int, int],
    fit: Fit,
    workers: int,
    progress: Progress | None = None,
) -> list[tuple[int, ImageError]]:
    """Decodes the items to uint8 of `shape` and hands them to `sink` one by one in their order, leaving out those that
    cannot be read; returns these, each with its position and its error.

    At most `workers` × 32 images are in memory. Pillow decodes and scales outside the interpreter's lock, so that
    threads do what processes would, without starting any.
    """
    rejected: list[tuple[int, ImageError]] = []
    with QUIET:
        decoded = in_order(lambda item: _decode_one(item, shape, fit), items, workers)
        for position, result in enumerate(decoded):
            if isinstance(result, ImageError):
                rejected.append((position, result))
            else:
                sink(result)
            if progress is not None and (position % 32 == 31 or position + 1 == len(items)):
                progress("decoding images", position + 1, len(items))
    return rejected


def in_order(function: Callable[[Item], Result], items: Sequence[Item], workers: int) -> Iterator[Result]:
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


def _decode_one(item: Item, shape: tuple[int, int, int], fit: Fit) -> Pixels | ImageError:
    height, width, channels = shape
    try:
        picture = decode_image(item.read(), item.name, at_least=(height, width))
        return fit_image(picture, height, width, channels, fit)
    except ImageError as error:
        return error
