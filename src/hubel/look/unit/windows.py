"""The arithmetic of pooling and enlarging: the largest, or an average, of what a window sees."""

from __future__ import annotations

from math import prod

import numpy as np

from hubel.arch import ops
from hubel.look.unit.step import Arithmetic, Array, Arrays, Place, at, grid, weighed


def spanned(operation: ops.Span, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Keep the largest, or the mean, of the stretches that lie here; padded places never win."""
    spot = (*place[:-1], *[0] * (len(operation.spans) + 1 - len(place)))  # of a whole there is one place
    here = [axis[part] for axis, part in zip(operation.spans, spot, strict=True)]
    places = grid(*(np.arange(stretch.first, stretch.end) for stretch in here), [place[-1]])
    window = prod(window.kernel for window in operation.windows) if operation.windows else len(places)
    values, padding = at(tensor, places), window - len(places)
    if operation.how == "max":
        return Arithmetic(places, values, np.ones(len(values)), values, "largest", None, padding)
    share = 1 / prod(stretch.divisor for stretch in here)
    return weighed(places, values, np.full(len(places), share), padding)


def enlarged(operation: ops.Upsample, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Take the nearest number over, or mix those around by their nearness."""
    axes, shares = [], np.ones(1)
    for axis, (part, length, made) in enumerate(
        zip(place[:-1], operation.input[:-1], operation.output[:-1], strict=True)
    ):
        middle = max((part + 0.5) * length / made - 0.5, 0.0)
        if operation.aligned:
            middle = part * (length - 1) / max(made - 1, 1)
        first = int(middle) if operation.interpolation == "bilinear" else operation.nearest(axis)[part]
        share = middle - first if operation.interpolation == "bilinear" else 0.0
        axes.append((first, min(first + 1, length - 1)))
        shares = np.outer(shares, (1 - share, share)).ravel()
    places = grid(*axes, [place[-1]])
    counted = shares > 0  # exactly on a number, or at the edge, fewer are mixed
    return weighed(places[counted], at(tensor, places[counted]), shares[counted])
