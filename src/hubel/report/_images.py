"""Which images a report shows, and all of them on one sheet, so that a page of hundreds stays small."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from hubel.data import Dataset
from hubel.look import sprite
from hubel.look.errors.mistakes import Mistakes
from hubel.view.writers.markup import data_url

Indices = npt.NDArray[np.int64]

MOST_VALUES = 6_000_000  # of all thumbnails together: numbers in pixels
MOST_IMAGES = 1600
_EDGE, _EDGE_OF_MANY, _MANY = 96, 64, 20  # pixels of a thumbnail's longer side; smaller for more classes than so many
_EACH = 36  # images of a class that are right, and of a cell that are wrong
_TOLD = 10  # classes whose probabilities are told for an image
_LEAST = 5e-5  # a probability that would be written 0.00%


def chosen(found: Mistakes) -> Indices:
    """The images to show, in the set's order, as indices: as many as there is room for.

    First the surest mistakes, then some of each cell of the confusion matrix and likely label errors, then images
    that are right, evenly over the classes.
    """
    room = min(MOST_IMAGES, MOST_VALUES // int(np.prod(thumbnail_shape(found.dataset))))
    wrong = found.confident_errors()
    cells = found.labels[wrong] * len(found.classes) + found.predicted[wrong]
    wrong_places = _places(cells)
    right = _spread(found)
    right_places = _places(found.labels[right])
    queue = [
        wrong[:24],
        found.label_suspects(24),
        right[right_places < 1],
        wrong[wrong_places < 2],
        right[right_places < 6],
        wrong[np.argsort(wrong_places, kind="stable")][: _EACH * len(found.classes)],
        right[np.argsort(right_places, kind="stable")],
    ]
    ordered = np.concatenate(queue)
    _, first = np.unique(ordered, return_index=True)
    return np.sort(ordered[np.sort(first)][:room])


def _places(groups: Indices) -> Indices:
    """For each entry, how many of its group stand before it."""
    order = np.argsort(groups, kind="stable")
    sorted_groups = groups[order]
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]) if len(groups) else order
    lengths = np.diff(np.r_[starts, len(groups)])
    places = np.empty(len(groups), np.int64)
    places[order] = np.arange(len(groups)) - np.repeat(starts, lengths)
    return places


def _spread(found: Mistakes) -> Indices:
    """Images that are right, up to `_EACH` of a class, evenly over the set."""
    right = np.flatnonzero(found.predicted == found.labels)
    classes = found.labels[right]
    picked = []
    for number in range(len(found.classes)):
        own = right[classes == number]
        picked.append(own[np.linspace(0, len(own) - 1, min(_EACH, len(own))).astype(np.int64)])
    return np.concatenate([np.empty(0, np.int64), *picked])


def thumbnail_shape(dataset: Dataset) -> tuple[int, int, int]:
    """Height, width and channels of the thumbnails of a set."""
    height, width, channels = dataset.seen(slice(0, 1)).shape[1:]
    edge = _EDGE if len(dataset.classes) <= _MANY else _EDGE_OF_MANY
    scale = min(1.0, edge / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale)), 1 if channels == 1 else 3


def sheet(dataset: Dataset, indices: Indices) -> dict[str, Any]:
    """The thumbnails of these images on one picture: `url`, `width` and `height` of one in pixels, in `columns`."""
    found = sprite(dataset.seen(indices), max(thumbnail_shape(dataset)[:2]))
    lines = -(-len(indices) // found.columns)
    return {
        "url": found.address,
        "width": found.width,
        "height": found.height,
        "columns": found.columns,
        "lines": lines,
        "exact": dataset.shape[2] == 1 and (found.height, found.width) == dataset.shape[:2],
    }


def picture_url(image: npt.NDArray[np.uint8], kind: str = "png") -> str:
    """A picture, uint8 H×W×C, without loss in a data: URL, as "png" or the smaller "webp"; of four channels, the last
    is its opacity.
    """
    content = BytesIO()
    Image.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[2] == 1 else image)).save(
        content, kind, lossless=True
    )
    return data_url(content.getvalue(), kind)


def tiled(tiles: list[npt.NDArray[np.uint8]], across: int) -> npt.NDArray[np.uint8]:
    """Equal tiles, uint8 H×W×3, on one picture H×W×4, `across` in a line, a transparent pixel apart."""
    rows, columns = tiles[0].shape[:2]
    down = -(-len(tiles) // across)
    canvas = np.zeros((down * (rows + 1) - 1, across * (columns + 1) - 1, 4), np.uint8)
    for place, tile in enumerate(tiles):
        top, left = (number * step for number, step in zip(divmod(place, across), (rows + 1, columns + 1), strict=True))
        canvas[top : top + rows, left : left + columns, :3] = tile
        canvas[top : top + rows, left : left + columns, 3] = 255
    return canvas


def image_data(found: Mistakes, indices: Indices) -> dict[str, Any]:
    """What is told of each image: its place in the set, label, answer, and the likeliest classes with probabilities.

    `probabilities` is a list an image of class, probability, class, probability …, the likeliest first; those below
    0.005% are left out.
    """
    told = []
    for index in indices:
        row = found.probabilities[index]
        order = np.argsort(-row, kind="stable")[:_TOLD]
        true = int(found.labels[index])
        classes = [int(i) for i in order if row[i] >= _LEAST]
        classes += [] if true in classes else [true]
        told.append([value for i in classes for value in (i, round(float(row[i]), 4))])
    return {
        "index": indices.tolist(),
        "label": found.labels[indices].tolist(),
        "predicted": found.predicted[indices].tolist(),
        "probabilities": told,
    }
