"""Encoded images to arrays of one size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from hubel.base.download import Progress
from hubel.data._dataset import Fit
from hubel.data.decode.image import QUIET, ImageError, decode_image
from hubel.data.decode.levels import Levels
from hubel.data.decode.parallel import in_order
from hubel.data.prepare.preprocessing import Preprocessing, fit_image
from hubel.data.sources.listing import Item

BadImages = Literal["stop", "skip"]
Pixels = npt.NDArray[np.uint8]
Decoder = Callable[[Item], Pixels]


def decoder(shape: tuple[int, int, int], fit: Fit, levels: Levels | None) -> Decoder:
    """What makes uint8 of `shape` of an item. Raises ImageError where it cannot be read."""
    height, width, channels = shape

    def decode(item: Item) -> Pixels:
        picture = decode_image(item.read(), item.name, levels=levels)
        return fit_image(picture, height, width, channels, fit)

    return decode


def prepared(preprocessing: Preprocessing) -> Decoder:
    """What makes the network's input of an item, as in prediction. Raises ImageError where it cannot be read."""

    def decode(item: Item) -> Pixels:
        picture = decode_image(item.read(), item.name, levels=preprocessing.levels)
        preprocessing.check_kind(picture, item.name)
        return preprocessing.prepare(picture)

    return decode


def decode_into(
    sink: Callable[[Pixels], object],
    items: Sequence[Item],
    decode: Decoder,
    workers: int,
    progress: Progress | None = None,
) -> list[tuple[int, ImageError]]:
    """Decodes the items and hands them to `sink` one by one in their order, leaving out those that
    cannot be read; returns these, each with its position and its error.

    At most `workers` × 32 images are in memory. Pillow decodes and scales outside the interpreter's lock, so that
    threads do what processes would, without starting any.
    """
    rejected: list[tuple[int, ImageError]] = []
    with QUIET:
        decoded = in_order(lambda item: _decode_one(item, decode), items, workers)
        for position, result in enumerate(decoded):
            if isinstance(result, ImageError):
                rejected.append((position, result))
            else:
                sink(result)
            if progress is not None and (position % 32 == 31 or position + 1 == len(items)):
                progress("decoding images", position + 1, len(items))
    return rejected


def _decode_one(item: Item, decode: Decoder) -> Pixels | ImageError:
    try:
        return decode(item)
    except ImageError as error:
        return error
