"""From scores of the network's size to a mask of the image's own size, inside the graph, as segmentation answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnx

from hubel.data import Preprocessing
from hubel.export.onnx.graph import Graph
from hubel.export.onnx.preparation import DOUBLE, FLOAT, halves_up

FINEST = 1024  # as segmentation has it: pixels of a side up to which scores are enlarged smoothly
VOID = 255
_INT64 = int(onnx.TensorProto.INT64)


def whole(graph: Graph, scores: str, sizes: tuple[int, int], preparation: Preprocessing) -> str:
    """Scores N×classes×sizes, enlarged to the network's own size where they are coarser, as segmentation does first."""
    down, along = (_weights(*pair) for pair in zip((preparation.height, preparation.width), sizes, strict=True))
    if sizes[1] != preparation.width:
        scores = graph.add("MatMul", scores, graph.keep(along.T, "float32"))
    return graph.add("MatMul", graph.keep(down, "float32"), scores) if sizes[0] != preparation.height else scores


def _weights(fine: int, size: int) -> npt.NDArray[np.float64]:
    """What `_enlarging` has in the graph."""
    middle = np.clip((np.arange(fine) + 0.5) * size / fine - 0.5, 0, size - 1)
    shares: npt.NDArray[np.float64] = np.maximum(0, 1 - np.abs(middle[:, np.newaxis] - np.arange(size)))
    return shares


def masked(graph: Graph, scores: str, image: str, preparation: Preprocessing, name: str) -> str:
    """Add the mask by that name, uint8 N×rows×columns, 255 where the network did not look. scores: of the network's
    own size.
    """
    graph.scope = "answer"
    sizes = preparation.height, preparation.width
    shape = graph.add("Shape", image)
    sides = [graph.add("Cast", graph.add("Gather", shape, graph.keep(axis, "int64")), to=DOUBLE) for axis in (1, 2)]
    furthest = "Min" if preparation.fit == "crop" else "Max"
    looked = []
    for side, other, size, others in zip(sides, sides[::-1], sizes, sizes[::-1], strict=True):
        seen, of = side, _wide(graph, others)
        if preparation.fit != "stretch":
            whole = graph.add("Div", graph.add("Mul", other, _wide(graph, size)), of)
            seen = graph.add(furthest, side, whole)
        fine = graph.add("Max", _wide(graph, 1), halves_up(graph, seen, of))
        fine = graph.add("Min", _wide(graph, FINEST), fine)
        looked.append((_enlarging(graph, fine, size), *_places(graph, side, seen, fine)))
    (rows, down, above), (columns, right, beside) = looked
    fine_scores = graph.add("MatMul", rows, graph.add("MatMul", scores, graph.add("Transpose", columns, perm=[1, 0])))
    likeliest = graph.add("ArgMax", fine_scores, axis=1, keepdims=0)
    mask = graph.add("Gather", graph.add("Gather", likeliest, down, axis=1), right, axis=2)
    inside = graph.add("And", graph.add("Unsqueeze", above, graph.keep([1], "int64")), beside)
    mask = graph.add("Where", inside, mask, graph.keep(VOID, "int64"))
    return graph.add("Cast", mask, name=graph.fresh(name), to=int(onnx.TensorProto.UINT8))


def _wide(graph: Graph, value: float) -> str:
    return graph.keep(float(value), "float64")


def _counted(graph: Graph, count: str) -> str:
    """The middles of so many pixels: ½, 1½, …"""
    numbers = graph.add("Range", _wide(graph, 0), count, _wide(graph, 1))
    return graph.add("Add", numbers, _wide(graph, 0.5))


def _enlarging(graph: Graph, fine: str, size: int) -> str:
    """The weights of bilinear enlargement (half-pixel centres): fine × size."""
    scale = graph.add("Div", _wide(graph, size), fine)
    middle = graph.add("Sub", graph.add("Mul", _counted(graph, fine), scale), _wide(graph, 0.5))
    middle = graph.add("Max", _wide(graph, 0), graph.add("Min", middle, _wide(graph, size - 1)))
    away = graph.add(
        "Sub", graph.add("Unsqueeze", middle, graph.keep([1], "int64")), graph.keep(range(size), "float64")
    )
    share = graph.add("Cast", graph.add("Abs", away), to=FLOAT)
    return graph.add("Relu", graph.add("Sub", graph.keep(1.0), share))


def _places(graph: Graph, side: str, seen: str, fine: str) -> tuple[str, str]:
    """For each pixel of a side, where it lies in the enlarged scores, and whether it lies in them at all."""
    first = graph.add("Div", graph.add("Sub", side, seen), _wide(graph, 2))
    place = graph.add("Mul", graph.add("Sub", _counted(graph, side), first), fine)
    place = graph.add("Floor", graph.add("Div", place, seen))
    last = graph.add("Sub", fine, _wide(graph, 1))
    inside = graph.add(
        "And", graph.add("GreaterOrEqual", place, _wide(graph, 0)), graph.add("LessOrEqual", place, last)
    )
    kept = graph.add("Max", _wide(graph, 0), graph.add("Min", place, last))
    return graph.add("Cast", kept, to=_INT64), inside
