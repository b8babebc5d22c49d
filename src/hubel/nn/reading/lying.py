"""How a tensor's channels lie while a graph is read, and what transpositions and cuts make of that."""

from __future__ import annotations

from collections.abc import Sequence

import hubel.arch as arch
from hubel.arch import Chain, Layer, Shape

TURNS: dict[tuple[str, tuple[int, ...]], str] = {
    ("first", (0, 2, 3, 1)): "last",
    ("last", (0, 3, 1, 2)): "first",
    ("split", (0, 2, 1, 3, 4)): "swapped",
    ("first", (1, 0, 2, 3)): "turned",
    ("turned", (1, 0, 2, 3)): "first",
    ("first", (0, 2, 1)): "last",
    ("last", (0, 2, 1)): "first",
    ("first", (1, 0)): "turned",
    ("turned", (1, 0)): "first",
    ("first", (2, 0, 1)): "steps",
    ("steps", (1, 2, 0)): "first",
    ("last", (1, 0, 2)): "steps",
    ("steps", (1, 0, 2)): "last",
}
"""How a tensor's channels lie, and what a transposition makes of that: "first" is PyTorch's and ONNX's order, channels
before rows; "last" has the channels last, "turned" before the images; "split" has them in groups, in two dimensions,
"swapped" those two exchanged; "steps" has the steps of a sequence before the images, and features last; "loose" is
the same numbers in other dimensions, on the way to a vector or picture; "flat" is a vector whose numbers stand in
another order than the tree's, as of a picture with its channels last: a layer that has weights for each takes it.
"""


def turned(order: str, axes: tuple[int, ...], sizes: Sequence[int]) -> str | None:
    """Return how numbers lie once their dimensions stand in this order; None where a tree has no name for that."""
    lies = TURNS.get((order, axes))
    long = [axis for axis in axes[1:] if sizes[axis] > 1]  # what has one place alone may stand anywhere
    if lies is None and axes[0] == 0 and long == sorted(long) and (order in ("first", "loose") or len(long) < 2):
        lies = "loose"
    return lies


def along_steps(layer: Layer, shape: Shape) -> Chain:
    """Return what a layer of pictures does to a sequence of that shape, which is a picture of one column."""
    steps, features = shape
    picture = (steps, 1, features)
    rows, _, channels = layer.output_shape(picture)
    return Chain(arch.Reshape(picture), layer, arch.Reshape((rows, channels)))


def _thinned_steps(run: range, steps: int, features: int) -> Chain:
    """Return what keeps every so many steps between two."""
    before, after = run[0], steps - 1 - run[-1]
    thinned = along_steps(arch.MaxPooling2D(1, (run.step, 1)), (steps - before - after, features))
    return Chain(*along_steps(arch.Cropping2D(((before, after), (0, 0))), (steps, features)).nodes, *thinned.nodes)


def cut(runs: Sequence[range], given: Sequence[int]) -> Layer | Chain | None:
    """Return the layer that keeps these runs of images, channels and places, which is a choice of channels or a part of
    the picture or sequence; None for another cut.
    """
    if len(runs) == 3:
        layer = cut([*runs, range(1)], [*given, 1])
        of_places = isinstance(layer, Layer) and not isinstance(layer, arch.SelectChannels)
        if isinstance(layer, Chain):
            return None if runs[1] != range(given[1]) else _thinned_steps(runs[2], given[2], given[1])
        return along_steps(layer, (given[2], given[1])) if of_places else layer  # type: ignore[arg-type]
    whole = [run == range(size) for run, size in zip(runs, given, strict=True)]
    if whole[0] and all(whole[2:]):
        return arch.SelectChannels(tuple(runs[1]))
    if all(whole[:2]) and len(runs) == 4 and all(run.step == 1 for run in runs):
        top, left = ((run.start, size - run.stop) for run, size in zip(runs[2:], given[2:], strict=True))
        return arch.Cropping2D((top, left))
    if all(whole[:2]) and len(runs) == 4 and all(run and run.step > 0 for run in runs[2:]):
        thinned = arch.MaxPooling2D(1, (runs[2].step, runs[3].step))  # every second place is what windows of one see
        if all(run == range(0, size, run.step) for run, size in zip(runs[2:], given[2:], strict=True)):
            return thinned
        top, left = ((run[0], size - 1 - run[-1]) for run, size in zip(runs[2:], given[2:], strict=True))
        return Chain(arch.Cropping2D((top, left)), thinned)
    return None
