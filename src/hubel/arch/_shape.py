"""Shapes: height × width × channels of a picture, steps × features of a sequence, the features of a vector."""

from __future__ import annotations

from math import prod
from typing import TypeAlias, TypeVar

from hubel.base.errors import SettingError
from hubel.base.limits import check

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = tuple[int, int]
T = TypeVar("T")


def shape_text(shape: Shape) -> str:
    """Write a shape as slides do: `28×28×6`, or `84` for a vector."""
    return "×".join(map(str, shape))


def size(shape: Shape) -> int:
    """Count the numbers that a tensor of this shape holds."""
    return prod(shape)


def positions(shape: Shape) -> int:
    """Count the places: height × width of a picture, the steps of a sequence; a vector has one."""
    return prod(shape[:-1])


def checked_shape(shape: object) -> Shape:
    """Return `shape` as a tuple, or raise `ValueError` where it is not H×W×C, T×C or a vector's length."""
    given = (shape,) if isinstance(shape, int) else shape
    if (
        not isinstance(given, (tuple, list))
        or not 1 <= len(given) <= 3
        or not all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in given)
    ):
        raise SettingError(
            "expected a shape (height, width, channels), (steps, features) or (features,) of positive ints, "
            f"received {_received(shape)}"
        )
    return bounded(tuple(given))


def _received(shape: object) -> str:
    """Write what is no shape; of an array, which may hold millions of numbers, its own shape."""
    sizes = getattr(shape, "shape", None)
    return repr(shape) if sizes is None else f"an array of {shape_text(tuple(sizes))}"


LEAST_PICTURE = 24


def order_note(shape: Shape) -> str | None:
    """Say of a shape that looks like channels × height × width how it is read; None where it does not look so."""
    if len(shape) == 3 and shape[0] in (1, 3) and min(shape[1:]) >= LEAST_PICTURE:
        meant = shape_text((shape[1], shape[2], shape[0]))
        return (
            f"the input {shape_text(shape)} is read as {shape[0]} row{'s' if shape[0] > 1 else ''}, {shape[1]} columns "
            f"and {shape[2]} channels; "
            f"where channels were meant to stand first, write {meant}"
        )
    return None


def bounded(shape: Shape) -> Shape:
    """Return `shape`, or raise `LimitError` where it is larger than is worked out."""
    if len(shape) == 3:
        check("rows", max(shape[:2]), shape_text(shape))
        check("channels", shape[2], shape_text(shape))
    elif len(shape) == 2:
        check("rows", shape[0], shape_text(shape))
        check("channels", shape[1], shape_text(shape))
    else:
        check("features", shape[0], shape_text(shape))
    return shape


def pair(value: object, what: str, least: int = 1) -> Pair:
    """Return a size given as one int or as (rows, columns) as a pair; raise `ValueError` below `least`."""
    given = (value, value) if isinstance(value, int) else value
    if (
        not isinstance(given, (tuple, list))
        or len(given) != 2
        or not all(isinstance(n, int) and not isinstance(n, bool) and n >= least for n in given)
    ):
        raise SettingError(f"expected {what} as an int ≥ {least} or a pair (rows, columns) of them, received {value!r}")
    check("rows", max(given), what)
    return given[0], given[1]


def steps(value: object, what: str) -> int:
    """Return a size along the steps of a sequence, an int or a tuple of one; raise `ValueError` below 1."""
    found = positive(value[0] if isinstance(value, (tuple, list)) and len(value) == 1 else value, what)
    check("rows", found, what)
    return found


def positive(value: object, what: str, least: int = 1) -> int:
    """Return `value` if it is an int of at least `least`, or raise `ValueError`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise SettingError(f"expected {what} as an int ≥ {least}, received {value!r}")
    check("features", value, what)
    return value


def torch_order(shape: Shape) -> Shape:
    """Return the shape as PyTorch has it, channels first: C×H×W, C×T, or (n,)."""
    return (shape[-1], *shape[:-1])


def both(value: T | tuple[T, T]) -> tuple[T, T]:
    """Return a checked setting of two axes as a pair: one value stands for both."""
    return value if isinstance(value, tuple) else (value, value)
