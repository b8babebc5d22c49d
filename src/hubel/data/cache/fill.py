"""Encoded images to arrays of one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from hubel.base.download import Progress
from hubel.data._dataset import Fit
from hubel.data.decode.image import QUIET, ImageError, decode_image
from hubel.data.decode.parallel import in_order
from hubel.data.prepare.preprocessing import fit_image
from hubel.data.sources.listing import Item

BadImages = Literal["stop", "skip"]
Pixels = npt.NDArray[np.uint8]


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


def _decode_one(item: Item, shape: tuple[int, int, int], fit: Fit) -> Pixels | ImageError:
    height, width, channels = shape
    try:
        picture = decode_image(item.read(), item.name, at_least=(height, width))
        return fit_image(picture, height, width, channels, fit)
    except ImageError as error:
        return error
