"""Pictures of more bands than red, green and blue: files of a microscope or a satellite, read as arrays."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from hubel.base.errors import DataError
from hubel.data._dataset import Dataset, Splits, splits_of
from hubel.data.decode.bands import many_bands, read_bands
from hubel.data.decode.image import ImageError
from hubel.data.decode.levels import scaled, usual_levels, words_of_levels
from hubel.data.sources.listing import Listing
from hubel.data.sources.parts import PARTS

_LOOKED = 256  # images by whose values black and white are told


def with_bands(listing: Listing) -> Splits | None:
    """A listing of files of many bands as arrays, in memory; None where its first image has one or three.

    Raises ImageError for a file that cannot be read, DataError where they are not of one size and number of bands.
    """
    first = next((entries[0][0] for part in PARTS if (entries := listing.parts.get(part))), None)
    try:
        if first is None or not first.place[0].lower().endswith((".tif", ".tiff")) or not many_bands(first.read()):
            return None
    except ImageError:  # it is told when it is decoded
        return None
    read = {
        part: [read_bands(item.read(), item.name) for item, _ in listing.parts[part]]
        for part in PARTS
        if listing.parts.get(part)
    }
    shapes = {(values.shape, values.dtype) for part in read.values() for values in part}
    if len(shapes) > 1:
        sizes = ", ".join(f"{'×'.join(map(str, shape))} ({kind})" for shape, kind in sorted(shapes, key=str)[:3])
        raise DataError(f"{listing.name}: expected images of one size and kind with all their bands, received {sizes}")
    sample = next(iter(read.values()))
    bands, kind = sample[0].shape[2], sample[0].dtype
    levels = None if kind == np.uint8 else usual_levels(sample[:: max(1, len(sample) // _LOOKED)])
    parts = {
        part: Dataset(
            np.stack([values.astype(np.uint8) if levels is None else scaled(values, levels) for values in images]),
            np.array([label for _, label in listing.parts[part]], np.int64),
            listing.classes,
            f"{Path(listing.name).name} {part}",
            levels=levels,
            paths=[item.name for item, _ in listing.parts[part]],
        )
        for part, images in read.items()
    }
    told = [f"values of the images: {words_of_levels(levels)} become black to white"] if levels else []
    notes = (*listing.notes, f"images of {bands} bands, held in memory", *told)
    return dataclasses.replace(splits_of(parts), notes=notes)
