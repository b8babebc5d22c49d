"""ONNX's operators that move numbers, cut them, and take means of places: one row an operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from math import ceil, floor, prod

import hubel.arch as arch
from hubel.arch import Layer
from hubel.base.errors import NetworkError
from hubel.nn.reading.composed import pooled_channels
from hubel.nn.reading.layers import resized
from hubel.nn.reading.lying import along_steps, cut, turned
from hubel.nn.reading.onnx.constants import FLOATS, HALF
from hubel.nn.reading.onnx.node import Instead, Laid, Node, Parts, Reader, Same, public

WHOLE = {
    ("ReduceMean", 3): arch.GlobalAveragePooling1D,
    ("ReduceMean", 4): arch.GlobalAveragePooling2D,
    ("ReduceMax", 3): arch.GlobalMaxPooling1D,
    ("ReduceMax", 4): arch.GlobalMaxPooling2D,
}
PADDINGS: dict[str, Callable[..., Layer]] = {
    "constant": arch.ZeroPadding2D,
    "reflect": arch.ReflectionPadding2D,
    "edge": arch.ReplicationPadding2D,
    "wrap": arch.CircularPadding2D,
}


def _transpose(node: Node) -> Same | None:
    axes = tuple(node.settings.get("perm", tuple(range(len(node.given)))[::-1]))
    lies = turned(node.order, axes, node.given)
    return None if lies is None else Same(lies)


def _reshape(node: Node) -> Same | Layer | Laid | None:
    given, made = node.given, node.made
    if node.order == "last" and made == (given[0], given[-1], *given[1:-1]) and given[-1] == 1:
        return Same("first")
    if node.last and node.order == "first" and len(given) > 2 and made == (given[0], *given[2:], given[1] == 1):
        return Same("last")
    if node.order == "last" and len(given) == 3 and made == (given[0], 1, *given[1:]):
        return Laid(arch.Reshape(made[1:]), "last")  # a sequence as a picture of one row, and back
    if node.order == "first" and len(given) == 4 and given[2] == 1 and made == (*given[:2], given[3]):
        return arch.Reshape(public(made))
    if node.order == "last" and len(made) == 2 and made[0] == given[0]:
        one = given[-1] == 1 or prod(given[1:-1]) == 1  # of which the numbers stand in the same order either way
        return arch.Flatten() if one else Laid(arch.Flatten(), "flat")
    if made[:1] != given[:1] or node.order not in ("first", "loose", "swapped", "split"):
        raise NetworkError("a tree makes vectors of pictures, one of each image")
    if node.order == "swapped":
        dealt = made == (given[0], given[1] * given[2], *given[3:])
        return arch.ChannelShuffle(given[2]) if dealt else None
    if public(made) == node.shape:
        return Same("first")
    if len(given) == 4 and len(made) == 5 and made[1] * made[2] == given[1] and made[3:] == given[2:]:
        return Same("split")
    if len(made) == 2:
        return arch.Flatten()
    if len(given) == 2 and len(made) == 4 and node.last and (made[1:3] == (1, 1) or node.free):
        return Laid(arch.Reshape(made[1:]), "last")  # as such a file has pictures
    if len(made) == 4 or (len(made) == 3 and len(node.shape) < 3):
        return arch.Reshape(public(made))
    return Same("loose")


def _reduce(node: Node) -> Layer | arch.Chain:
    axes = {axis % len(node.given) for axis in node.numbers("axes", 1)}
    keeps, last = bool(node.settings.get("keepdims", 1)), node.order == "last"
    if axes == {3 if last else 1} and len(node.given) == 4 and keeps and node.order in ("first", "last"):
        kind, total = "max" if node.kind == "ReduceMax" else "mean", float(node.shape[-1])
        return arch.Chain(*pooled_channels(kind, node.shape), *_times(node, total))
    wanted = set(range(1, len(node.given) - 1)) if last else set(range(2, len(node.given)))
    if axes != wanted or not axes or node.order not in ("first", "last"):
        raise NetworkError("a tree reduces all places of a picture, and nothing else")
    layer = WHOLE["ReduceMax" if node.kind == "ReduceMax" else "ReduceMean", len(node.given)](keepdims=keeps)
    factor = _times(node, float(prod(node.given[axis] for axis in axes)))
    return arch.Chain(layer, *factor) if factor else layer


def _times(node: Node, number: float) -> list[Layer]:
    """Return what makes a mean of so many a sum, where that is asked for."""
    return [arch.Rescaling(number)] if node.kind == "ReduceSum" else []


def _pad(node: Node) -> Layer | arch.Chain | None:
    pads, rank = node.numbers("pads", 1), len(node.given)
    mode = node.settings.get("mode", b"constant").decode()
    filled, own = node.array(2), [axis % rank for axis in node.numbers("axes", 3)]
    if own and len(pads) == 2 * len(own):
        before, after = (dict(zip(own, part, strict=True)) for part in (pads[: len(own)], pads[len(own) :]))
        pads = tuple(side.get(axis, 0) for side in (before, after) for axis in range(rank))
    if len(pads) != 2 * rank or pads[0] or pads[rank] or (filled is not None and filled):
        raise NetworkError("the tree pads rows and columns, or channels, with zeros")
    sides = [(pads[axis], pads[axis + rank]) for axis in range(1, rank)]
    if node.order == "last":
        sides.insert(0, sides.pop())
    elif node.order != "first":
        return None
    if any(sides[0]) and mode == "constant" and not any(map(any, sides[1:])):
        return arch.ChannelPadding(*sides[0])
    if any(sides[0]) or rank not in (3, 4) or mode not in PADDINGS:
        return None
    cropped = mode == "constant" and max(map(max, sides)) <= 0
    places = [(-before, -after) if cropped else (before, after) for before, after in sides[1:]]
    layer = (arch.Cropping2D if cropped else PADDINGS[mode])(_pair([*places, (0, 0)][:2]))
    return layer if rank == 4 else along_steps(layer, node.shape)


def _pair(sides: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = sides
    return rows, columns


def _gather(node: Node) -> Layer | Laid | None:
    if node.inputs[0] not in node.takes:  # rows of a stored table, looked up
        embedded = len(node.weights[0]) == 2 and len(node.given) == 2 and node.settings.get("axis", 0) == 0
        return Laid(arch.Embedding(*node.weights[0]), "last") if embedded else None
    axis = {"first": 1, "turned": 0, "last": len(node.given) - 1}.get(node.order, -1)
    if node.order == "first" and len(node.given) == 4 and node.settings.get("axis", 0) in (2, 3):
        return _gather_places(node, node.settings["axis"])
    if node.settings.get("axis", 0) % len(node.given) != axis or len(node.weights) != 1:
        return None
    chosen = node.array(1)
    if chosen is None or chosen.ndim != 1:
        return None
    return arch.SelectChannels(tuple(int(number) % node.given[axis] for number in chosen))


def _gather_places(node: Node, axis: int) -> Layer | None:
    """Read rows or columns that are those of a nearest picture of another size."""
    chosen, before, after = node.array(1), node.given[axis], node.made[axis]
    nearest = [place * before // after for place in range(after)]
    return (
        None if chosen is None or chosen.tolist() != nearest else resized(node.shape, node.made[2:], "nearest", False)
    )


def _gather_rows(node: Node) -> Layer | None:
    chosen = node.array(1)
    if chosen is None or chosen.ndim != 2 or chosen.shape[1] != 1 or node.order != "turned":
        return None
    return arch.SelectChannels(tuple(int(number) % node.given[0] for number in chosen[:, 0]))


def _slice(node: Node) -> Layer | arch.Chain | None:
    starts, ends = node.numbers("starts", 1), node.numbers("ends", 2)
    axes = node.numbers("axes", 3) or tuple(range(len(starts)))
    steps = node.numbers("steps", 4) or (1,) * len(starts)
    runs = [range(length) for length in node.given]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        runs[axis] = runs[axis][start:end:step]
    return cut(runs, node.given) if node.order == "first" and starts else None


def _split(node: Node) -> Parts:
    """Read what deals channels out to several tensors."""
    axis = node.settings.get("axis", 0) % len(node.given)
    if axis != (len(node.given) - 1 if node.order == "last" else 1) or node.order not in ("first", "last"):
        raise NetworkError(f"a tree deals out channels, not dimension {axis}")
    ends = list(accumulate((made[axis] for made in node.parts), initial=0))
    return Parts(tuple(arch.SelectChannels(tuple(range(first, end))) for first, end in pairwise(ends)))


def _resize(node: Node) -> Layer | None:
    mode = node.settings.get("mode", b"nearest").decode()
    centres = node.settings.get("coordinate_transformation_mode", b"half_pixel").decode()
    if len(node.given) != 4 or node.order != "first" or node.made[:2] != node.given[:2]:
        return None
    sizes = list(zip(node.given[2:], node.made[2:], strict=True))
    scales = node.array(2 if len(node.inputs) > 2 else 1)
    if scales is not None and any(abs(a * s - b) > 1e-4 * b for (a, b), s in zip(sizes, scales[2:], strict=False)):
        raise NetworkError("the tree resizes by what gives whole sizes")
    if node.settings.get("antialias", 0) and any(after < before for before, after in sizes):
        raise NetworkError("the tree does not smooth what it shrinks (antialias)")
    rounding = node.settings.get("nearest_mode", b"round_prefer_floor").decode()
    if node.kind == "Upsample":  # of old files
        centres, rounding = "asymmetric", "floor"
    if mode == "nearest" and all(_takes_those_before(*both, centres, rounding) for both in sizes):
        return resized(node.shape, node.made[2:], mode, False)
    at_one = centres == "pytorch_half_pixel" and any(after == 1 < before for before, after in sizes)
    if mode == "linear" and centres in ("half_pixel", "pytorch_half_pixel", "align_corners") and not at_one:
        return resized(node.shape, node.made[2:], "bilinear", centres == "align_corners")
    raise NetworkError(f"the tree's UpSampling2D has no {mode} with {centres}")


def _repeat(node: Node) -> Laid | Instead | None:
    """Read rows or columns repeated along an axis behind their own, all brought into another order then."""
    rank, axis, times = len(node.given), node.settings["axes"][0] - 1, node.settings["times"]
    places = (1, 2) if node.order == "last" else (2, 3)
    axes: list[int | str] = [*range(axis + 1), "again", *range(axis + 1, rank)]
    axes = [axes[place] for place in node.settings.get("perm", range(rank + 1))]
    if (
        rank != 4
        or node.order not in ("first", "last")
        or axis not in places
        or axes.index("again") != axes.index(axis) + 1
    ):
        return None
    axes.remove("again")
    order = node.order if axes == [*range(rank)] else turned(node.order, tuple(axes), node.given)  # type: ignore[arg-type]
    if order not in ("first", "last") or node.made != tuple(
        node.given[own] * (times if own == axis else 1)  # type: ignore[index]
        for own in axes
    ):
        return None
    size, before = (times, 1) if axis == places[0] else (1, times), node.before
    if order == node.order and isinstance(before, arch.UpSampling2D) and before.interpolation == "nearest":
        rows, columns = arch.both(before.size)
        return Instead(arch.UpSampling2D((rows * size[0], columns * size[1])))
    return Laid(arch.UpSampling2D(size), order)


def _takes_those_before(before: int, after: int, centres: str, rounding: str) -> bool:
    """Whether each place of a nearest one takes that which the tree takes: the one before, counted from the first."""
    for place in range(after):
        there = Fraction(2 * place * before, 2 * after)
        if centres in ("half_pixel", "pytorch_half_pixel"):
            there = Fraction((2 * place + 1) * before, 2 * after) - Fraction(1, 2)
        elif centres == "align_corners":
            there = Fraction(place * (before - 1), max(after - 1, 1))
        elif centres != "asymmetric":
            return False
        half = Fraction(1, 2)
        found = {
            "floor": floor(there),
            "ceil": ceil(there),
            "round_prefer_floor": ceil(there - half),
            "round_prefer_ceil": floor(there + half),
        }[rounding]
        if min(max(found, 0), before - 1) != place * before // after:
            return False
    return True


def _cast(node: Node) -> Same:
    if node.settings["to"] not in FLOATS and not node.whole:
        raise NetworkError("makes whole numbers, or truth values, of numbers; a tree does not round")
    if node.settings["to"] in HALF and not node.constants.half:  # in a file that is in 32 bits otherwise
        raise NetworkError("rounds to 16 bits; a tree's numbers stay as they are")
    return Same(node.order)


def _same(node: Node) -> Same:
    return Same(node.order)


def _alone(node: Node) -> Same | None:
    """Read a join of one tensor, with no constant beside it."""
    return Same(node.order) if len(node.inputs) == 1 else None


MOVES: dict[str, Reader] = {
    "Cast": _cast,
    "Concat": _alone,
    "Flatten": _reshape,
    "Gather": _gather,
    "GatherND": _gather_rows,
    "Identity": _same,
    "Pad": _pad,
    "Neg": lambda node: arch.Rescaling(-1.0),
    "ReduceMax": _reduce,
    "ReduceMean": _reduce,
    "ReduceSum": _reduce,
    "Repeat": _repeat,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _reshape,
    "Sum": _alone,
    "Transpose": _transpose,
    "Unsqueeze": _reshape,
    "Upsample": _resize,
}
