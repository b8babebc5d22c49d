"""From scores to points inside the graph, as pose answers: each map's surest place, and what places around it say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hubel.data import Preprocessing
from hubel.export.onnx.boxes import in_pixels
from hubel.export.onnx.graph import Graph
from hubel.tasks.decoding import PointRules

_MIDDLE = 0.5  # of the first pixel, from which answers count


def pointed(
    graph: Graph,
    scores: str,
    shape: tuple[int, ...],
    rules: PointRules,
    settings: Mapping[str, Any],
    preparation: Preprocessing,
    image: str,
) -> dict[str, Any]:
    """Add the points of each image's individuals (x, y), N×K×P×2, the probabilities that they are seen, N×K×P, and
    those of the individuals, N×K, the surest first. shape: of scores, channels×H×W. image: what has any size, in
    whose pixels points are then; "" for images of the network's size.
    """
    several, cells = bool(settings["several"]), shape[1] * shape[2]
    points = (shape[0] - several) // (5 if several else 3)
    parts = [points, 2 * points, *([1, 2 * points] if several else [])]
    names = ("logits", "offsets", "middle", "far")[: len(parts)]
    maps = graph.add_all("Split", names, scores, graph.keep(parts, "int64"), axis=1)
    heat = _heat(graph, maps[0], rules)
    votes = _votes(graph, heat, maps[1], rules, (points, *shape[1:]))
    flat = graph.add("Reshape", heat, graph.keep([0, points, cells], "int64"))
    if several:
        most = min(int(settings["most"]), cells)
        individuals, at = _peaks(graph, _heat(graph, maps[2], rules), cells, most)
        told = _gathered(graph, _places(graph, maps[3], rules.far, (points, *shape[1:])), at, points)
        places, sure = _refined(graph, told, heat, flat, votes, rules, (points, *shape[1:]))
    else:
        most = 1
        sure = graph.add("ReduceMax", flat, graph.keep([2], "int64"), keepdims=0)
        at = graph.add("ArgMax", flat, axis=2, keepdims=1)
        places = _chosen(graph, votes, at)
        sure = graph.add("Unsqueeze", sure, graph.keep([1], "int64"))
        individuals = graph.add("ReduceMean", sure, graph.keep([2], "int64"), keepdims=0)
    shares = graph.add("Div", places, graph.keep([shape[2], shape[1]]))
    twice = graph.add("Concat", shares, shares, axis=3)
    row = graph.add("Reshape", twice, graph.keep([0, -1, 4], "int64"))
    pixels = graph.add(
        "Slice", in_pixels(graph, row, preparation, image), *(graph.keep([n], "int64") for n in (0, 2, 2))
    )
    whole = graph.add("Reshape", pixels, graph.keep([0, most, points, 2], "int64"))
    graph.add("Sub", whole, graph.keep(_MIDDLE), name=graph.fresh("points"))
    graph.add("Identity", sure, name=graph.fresh("probabilities"))
    graph.add("Identity", individuals, name=graph.fresh("individuals"))
    sizes: list[Any] = ["batch", most]
    return {
        "points": ("float32", [*sizes, points, 2]),
        "probabilities": ("float32", [*sizes, points]),
        "individuals": ("float32", sizes),
    }


def _heat(graph: Graph, logits: str, rules: PointRules) -> str:
    return graph.add("Sigmoid", graph.add("Add", logits, graph.keep(rules.prior)))


def _places(graph: Graph, offsets: str, unit: float, shape: tuple[int, ...]) -> str:
    """Where each place says that points are, in cells: N×P×2×H×W."""
    points, height, width = shape
    told = graph.add("Reshape", offsets, graph.keep([0, points, 2, height, width], "int64"))
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return graph.add("Add", graph.add("Mul", told, graph.keep(unit)), graph.keep(np.stack([x, y])))


def _votes(graph: Graph, heat: str, offsets: str, rules: PointRules, shape: tuple[int, ...]) -> str:
    """Where places and those around them say that points are, by how sure they are: N×P×2×(H·W)."""
    points, height, width = shape
    weighed = graph.add("Mul", _places(graph, offsets, rules.reach, shape), _wide(graph, heat, 2))
    row = graph.add("Reshape", weighed, graph.keep([0, 2 * points, height, width], "int64"))
    around = 2 * rules.votes + 1
    pool: dict[str, Any] = {"kernel_shape": [around, around], "pads": [rules.votes] * 4, "count_include_pad": 1}
    summed = graph.add("AveragePool", row, **pool)
    summed = graph.add("Reshape", summed, graph.keep([0, points, 2, height, width], "int64"))
    least = graph.add("Max", graph.add("AveragePool", heat, **pool), graph.keep(1e-12))
    found = graph.add("Div", summed, _wide(graph, least, 2))
    return graph.add("Reshape", found, graph.keep([0, points, 2, height * width], "int64"))


def _wide(graph: Graph, value: str, *axes: int) -> str:
    return graph.add("Unsqueeze", value, graph.keep(list(axes), "int64"))


def _peaks(graph: Graph, heat: str, cells: int, most: int) -> tuple[str, str]:
    """The surest peaks of a map N×1×H×W: how sure, and where, N×K."""
    _, highest = graph.add_all("MaxPool", ("pooled", "highest"), heat, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    every = graph.add("Range", *(graph.keep(0, "int64"), graph.add("Size", heat), graph.keep(1, "int64")))
    own = graph.add("Reshape", every, graph.add("Shape", heat))  # of equal places the first
    peaks = graph.add("Where", graph.add("Equal", highest, own), heat, graph.keep(0.0))
    flat = graph.add("Reshape", peaks, graph.keep([0, cells], "int64"))
    sure, places = graph.add_all("TopK", ("sure", "places"), flat, graph.keep([most], "int64"), axis=1)
    return sure, places


def _gathered(graph: Graph, told: str, at: str, points: int) -> str:
    """What places N×P×2×H×W say at N×K of them: N×K×P×2."""
    flat = graph.add("Reshape", told, graph.keep([0, points, 2, -1], "int64"))
    wanted = graph.add("Expand", _wide(graph, at, 1, 2), graph.keep([1, points, 2, 1], "int64"))
    return graph.add("Transpose", graph.add("GatherElements", flat, wanted, axis=3), perm=[0, 3, 1, 2])


def _chosen(graph: Graph, votes: str, at: str) -> str:
    """What votes N×P×2×cells say at N×P×K of them: N×K×P×2."""
    wanted = graph.add("Expand", _wide(graph, at, 2), graph.keep([1, 1, 2, 1], "int64"))
    return graph.add("Transpose", graph.add("GatherElements", votes, wanted, axis=3), perm=[0, 3, 1, 2])


def _refined(
    graph: Graph, told: str, heat: str, flat: str, votes: str, rules: PointRules, shape: tuple[int, ...]
) -> tuple[str, str]:
    """Points N×K×P×2 that middles tell, moved to where maps of points say that one is nearby; and how sure, N×K×P."""
    points, height, width = shape
    span = graph.add(
        "Sub", *(graph.add(kind, told, graph.keep([2], "int64"), keepdims=0) for kind in ("ReduceMax", "ReduceMin"))
    )
    size = graph.add("Max", graph.add("ReduceMax", span, graph.keep([2], "int64"), keepdims=0), graph.keep(2.0))
    deviation = graph.add("Mul", size, graph.keep(rules.near))
    spread = graph.add("Max", graph.add("Mul", deviation, deviation), graph.keep(1.0))
    x, y = graph.add_all("Split", ("x", "y"), told, graph.keep([1, 1], "int64"), axis=3)
    across, down = (
        graph.add("Sub", place, graph.keep(np.arange(side) + 0.5)) for place, side in ((x, width), (y, height))
    )
    squares = (_wide(graph, graph.add("Mul", each, each), axis) for each, axis in ((across, 3), (down, 4)))
    apart = graph.add(
        "Div", graph.add("Mul", graph.add("Add", *squares), graph.keep(-0.5)), _wide(graph, spread, 2, 3, 4)
    )
    near = graph.add("Mul", graph.add("Exp", apart), _wide(graph, heat, 1))
    row = graph.add("Reshape", near, graph.keep([0, 0, points, height * width], "int64"))
    best = graph.add("ReduceMax", row, graph.keep([3], "int64"), keepdims=0)
    at = graph.add("Transpose", graph.add("ArgMax", row, axis=3, keepdims=0), perm=[0, 2, 1])
    sure = graph.add("Transpose", graph.add("GatherElements", flat, at, axis=2), perm=[0, 2, 1])
    found = graph.add("GreaterOrEqual", best, graph.keep(rules.least))
    places = graph.add("Where", _wide(graph, found, 3), _chosen(graph, votes, at), told)
    return places, graph.add("Where", found, sure, best)
