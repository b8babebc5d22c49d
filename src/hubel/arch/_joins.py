"""Where branches meet: the shape of what comes out, or what would make them fit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from hubel.arch._errors import Fit, ShapeError
from hubel.arch._shape import Shape, shape_text, size
from hubel.arch._tree import Concat, Join, Product, Sum, assert_never


def join_shape(node: Join, shapes: Sequence[Shape]) -> Shape:
    """Return the shape that branches of these shapes give together, or raise `ShapeError`."""
    match node:
        case Sum():
            return _sum_shape(shapes)
        case Concat():
            return _concat_shape(shapes)
        case Product():
            return product_shape(tuple(shapes))
        case _:
            assert_never(node)


@lru_cache(1024)
def product_shape(shapes: tuple[Shape, ...]) -> Shape:
    """Return the shape of a product, each branch spread along the axes that it lacks or has one of.

    H×W×C takes H×W×C, 1×1×C, (C,), H×W×1 and the like; T×C takes 1×C, (C,) and T×1.
    """
    axes = max(map(len, shapes))
    full = [(1,) * (axes - len(shape)) + shape for shape in shapes]
    found = tuple(max(lengths) for lengths in zip(*full, strict=True))
    mixed = axes == 3 and any(len(shape) == 2 for shape in shapes)
    if mixed or not all(_spreads(own, found) for own in full):
        largest = max(shapes, key=size)
        other = next(shape for shape, own in zip(shapes, full, strict=True) if mixed or not _spreads(own, largest))
        raise ShapeError(
            f"Product expected branches of equal shape, or with axes of 1 that are spread, received {_all(shapes)}",
            rule="each axis of a branch is as long as in the others, or 1, or missing",
            fits=_product_fits(largest, other),
        )
    return found


def _spreads(shape: Shape, over: Shape) -> bool:
    padded = (1,) * (len(shape) - len(over)) + over
    return all(length in (1, whole) for length, whole in zip(shape, padded, strict=True))


def _product_fits(largest: Shape, other: Shape) -> tuple[Fit, ...]:
    channels = largest[-1]
    if len(other) == 1 or other[:-1] == largest[:-1]:
        word = {1: f"dense {channels}", 2: f"conv1d {channels} 1", 3: f"conv {channels} 1x1"}[len(other)]
        return (Fit("in the other branch", word, shape_text((*other[:-1], channels))),)
    pool = "globalavgpool" if len(other) == 3 else "globalavgpool1d"
    gate = pool if other[-1] == channels else f"{pool}, dense {channels}"
    return (
        Fit("in the other branch", gate, f"{channels} numbers, one a channel"),
        Fit("in the other branch", "equal strides and padding 'same'", shape_text(largest)),
    )


def _sum_shape(shapes: Sequence[Shape]) -> Shape:
    if len(set(shapes)) > 1:
        first, other = shapes[0], next(shape for shape in shapes if shape != shapes[0])
        fits = [Fit("the other branch", f"a projection to {shape_text(first)}", "equal shapes")]
        if len(first) == len(other) == 3 and first[:2] == other[:2]:
            fits = [Fit("in the other branch", f"conv {first[2]} 1x1", shape_text(first))]
        elif len(first) == len(other) == 2 and first[0] == other[0]:
            fits = [Fit("in the other branch", f"conv1d {first[1]} 1", shape_text(first))]
        elif len(first) == len(other) == 3 and first[0] and other[0] % first[0] == 0:
            stride = other[0] // first[0]
            fits = [Fit("in the other branch", f"conv {first[2]} 1x1/{stride}", shape_text(first))]
        elif len(first) == len(other) == 3 and other[0] and first[0] % other[0] == 0:
            stride = first[0] // other[0]
            fits = [Fit("in the first branch", f"conv {other[2]} 1x1/{stride}", shape_text(other))]
        raise ShapeError(f"Sum expected branches of equal shape, received {_all(shapes)}", fits=tuple(fits))
    return shapes[0]


def _concat_shape(shapes: Sequence[Shape]) -> Shape:
    if len({shape[:-1] for shape in shapes}) > 1:
        lengths = "number of steps" if all(len(shape) == 2 for shape in shapes) else "height and width"
        raise ShapeError(
            f"Concat expected branches of equal {lengths}, received {_all(shapes)}",
            fits=(Fit("in every branch", "padding 'same' and equal strides", f"equal {lengths}"),),
        )
    return (*shapes[0][:-1], sum(shape[-1] for shape in shapes))


def _all(shapes: Sequence[Shape]) -> str:
    return " and ".join(shape_text(shape) for shape in shapes)
