"""From scores to boxes inside the graph, as detection answers: the surest peaks, and of those around an object one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hubel.data import Preprocessing
from hubel.export.onnx.graph import Graph
from hubel.export.onnx.preparation import DOUBLE, FLOAT, INT64, covering
from hubel.tasks.decoding import BoxRules


def boxed(
    graph: Graph,
    scores: str,
    shape: tuple[int, ...],
    rules: BoxRules,
    settings: Mapping[str, Any],
    preparation: Preprocessing,
    image: str,
) -> dict[str, Any]:
    """Add boxes (left, top, right, bottom), probabilities (0 where there is none) and classes of each image, N×K, the
    surest first. shape: of scores, channels×H×W. image: what has any size, in whose pixels boxes are then; "" for
    images of the network's size.
    """
    classes, height, width = shape[0] - 4, *shape[1:]
    cells, most = height * width, min(int(settings[rules.most]), classes * height * width)
    logits, far = graph.add_all("Split", ("logits", "far"), scores, graph.keep([classes, 4], "int64"), axis=1)
    heat = graph.add("Sigmoid", graph.add("Add", logits, graph.keep(rules.prior)))
    settings_of_pool = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    _, highest = graph.add_all("MaxPool", ("pooled", "highest"), heat, **settings_of_pool)
    every = graph.add("Range", _whole(graph, 0), graph.add("Size", heat), _whole(graph, 1))
    own = graph.add("Reshape", every, graph.add("Shape", heat))  # of equal places the first
    peaks = graph.add("Where", graph.add("Equal", highest, own), heat, graph.keep(0.0))
    flat = graph.add("Reshape", peaks, graph.keep([0, -1], "int64"))
    sure, places = graph.add_all("TopK", ("sure", "places"), flat, graph.keep([most], "int64"), axis=1)
    kinds = graph.add("Div", places, _whole(graph, cells))
    where = graph.add("Mod", places, _whole(graph, cells))
    found, agreed = _agreed(graph, _told(graph, far, rules, settings, height, width), where, rules, (height, width))
    sure = graph.add("Mul", sure, agreed)
    kept = graph.add("Mul", sure, _kept(graph, found, sure, kinds, rules, classes))
    found = in_pixels(graph, found, preparation, image)
    low, high = graph.add_all("Split", ("low", "high"), found, graph.keep([2, 2], "int64"), axis=2)
    seen = graph.add("Cast", graph.add("Greater", high, low), to=FLOAT)  # none of what lies outside alone
    kept = graph.add("Mul", kept, graph.add("ReduceMin", seen, graph.keep([2], "int64"), keepdims=0))
    probabilities, order = graph.add_all("TopK", ("ordered", "order"), kept, graph.keep([most], "int64"), axis=1)
    across = graph.add(
        "Expand", graph.add("Unsqueeze", order, graph.keep([2], "int64")), graph.keep([1, 1, 4], "int64")
    )
    graph.add("GatherElements", found, across, name=graph.fresh("boxes"), axis=1)
    graph.add("Identity", probabilities, name=graph.fresh("probabilities"))
    graph.add("GatherElements", kinds, order, name=graph.fresh("classes"), axis=1)
    sizes = ["batch", most]
    return {"boxes": ("float32", [*sizes, 4]), "probabilities": ("float32", sizes), "classes": ("int64", sizes)}


def _whole(graph: Graph, value: int) -> str:
    return graph.keep(value, "int64")


def _told(graph: Graph, far: str, rules: BoxRules, settings: Mapping[str, Any], height: int, width: int) -> str:
    """The box that each place tells, N×HW×4, in shares of the image."""
    across, down = (float(side) for side in settings[rules.usual])
    limits = (graph.keep(side * rules.farthest) for side in (-1.0, 1.0))
    usual = np.array([across, down, across, down]).reshape(4, 1, 1) * np.array([-1, -1, 1, 1]).reshape(4, 1, 1)
    distances = graph.add("Mul", graph.add("Exp", graph.add("Clip", far, *limits)), graph.keep(usual))
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    edges = graph.add("Add", distances, graph.keep(np.stack([x, y, x, y])))
    flat = graph.add("Reshape", edges, graph.keep([0, 4, -1], "int64"))
    return graph.add("Transpose", flat, perm=[0, 2, 1])


def _agreed(graph: Graph, told: str, where: str, rules: BoxRules, size: tuple[int, int]) -> tuple[str, str]:
    """Boxes N×K×4 of what places N×HW×4 tell around those at `where`, N×K, and how well they agree, N×K."""
    height, width = size
    last = graph.keep([2], "int64")
    own = _at(graph, told, where)
    low, high = graph.add_all("Split", ("low", "high"), own, graph.keep([2, 2], "int64"), axis=2)
    sides = graph.add("Mul", graph.add("Sub", high, low), graph.keep([width, height]))
    near, middle = (graph.add("Floor", graph.add("Mul", sides, graph.keep(s))) for s in (rules.around, rules.middle))
    place = graph.add("Unsqueeze", where, last)

    def around(away: str) -> str:  # places across and down, N×K×2: what they tell, N×K×9×4
        column, row = graph.add_all(
            "Split", ("across", "down"), graph.add("Cast", away, to=INT64), graph.keep([1, 1], "int64"), axis=2
        )
        steps = np.arange(9)
        found = []
        for kind, away, step, side in (("Mod", column, steps % 3 - 1, width), ("Div", row, steps // 3 - 1, height)):
            moved = graph.add(
                "Add", graph.add(kind, place, _whole(graph, width)), graph.add("Mul", away, graph.keep(step, "int64"))
            )
            found.append(graph.add("Max", graph.add("Min", moved, _whole(graph, side - 1)), _whole(graph, 0)))
        cells = graph.add("Add", graph.add("Mul", found[1], _whole(graph, width)), found[0])
        flat = graph.add("Reshape", cells, graph.keep([0, -1], "int64"))
        return graph.add("Reshape", _at(graph, told, flat), graph.keep([0, -1, 9, 4], "int64"))

    boxes = graph.add("ReduceMean", around(near), last, keepdims=0)
    others = around(graph.add("Max", near, graph.add("Min", middle, graph.keep(1.0))))
    overlap = _overlap(graph, graph.add("Unsqueeze", boxes, last), others)
    return boxes, graph.add("ReduceMean", overlap, last, keepdims=0)


def _at(graph: Graph, told: str, places: str) -> str:
    """What places N×n tell, N×n×4, of N×HW×4."""
    wide = graph.add("Unsqueeze", places, graph.keep([2], "int64"))
    wide = graph.add("Expand", wide, graph.keep([1, 1, 4], "int64"))
    return graph.add("GatherElements", told, wide, axis=1)


def _overlap(graph: Graph, one: str, other: str) -> str:
    """Intersection over union of boxes …×4, N×K×n."""

    def area(low: str, high: str) -> str:
        side = graph.add("Max", graph.add("Sub", high, low), graph.keep(0.0))
        return graph.add("ReduceProd", side, graph.keep([3], "int64"), keepdims=0)

    halves = graph.keep([2, 2], "int64")
    (a, b), (c, d) = (graph.add_all("Split", ("low", "high"), each, halves, axis=3) for each in (one, other))
    both = area(graph.add("Max", a, c), graph.add("Min", b, d))
    either = graph.add("Sub", graph.add("Add", area(a, b), area(c, d)), both)
    return graph.add("Div", both, graph.add("Max", either, graph.keep(1e-12)))


def _kept(graph: Graph, boxes: str, sure: str, kinds: str, rules: BoxRules, classes: int) -> str:
    """1 for boxes that no surer one of their class overlaps too much, 0 for others."""
    one_axis = graph.keep([1], "int64")
    every = graph.keep(np.arange(classes).reshape(1, -1, 1), "int64")
    own = graph.add("Cast", graph.add("Equal", graph.add("Unsqueeze", kinds, one_axis), every), to=FLOAT)
    by_class = graph.add("Mul", own, graph.add("Unsqueeze", sure, one_axis))
    limits = (graph.keep([2**31 - 1], "int64"), graph.keep([rules.overlap]), graph.keep([rules.least]))
    chosen = graph.add("NonMaxSuppression", boxes, by_class, *limits)
    marks = graph.add("Expand", graph.keep([1.0]), graph.add("Shape", chosen, start=0, end=1))
    marked = graph.add("ScatterND", graph.add("Mul", by_class, graph.keep(0.0)), chosen, marks)
    return graph.add("ReduceMax", marked, one_axis, keepdims=0)


def in_pixels(graph: Graph, boxes: str, kind: Preprocessing, image: str) -> str:
    """Boxes in shares of the network's image in pixels of it, or of the picture that it was made of, cut at its edges.

    As `hubel.data.boxes.load.placed` has it.
    """
    if not image:
        edges = graph.keep([kind.width, kind.height] * 2)
        return graph.add("Min", graph.add("Max", graph.add("Mul", boxes, edges), graph.keep(0.0)), edges)
    shape = graph.add("Shape", image)
    sides = [graph.add("Cast", graph.add("Gather", shape, _whole(graph, axis)), to=DOUBLE) for axis in (2, 1)]
    sizes = [graph.keep(float(side), "float64") for side in (kind.width, kind.height)]
    one, half = graph.keep(1.0, "float64"), graph.keep(0.5, "float64")
    ratios = [graph.add("Div", size, side) for size, side in zip(sizes, sides, strict=True)]
    places = covering(graph, (sides[0], sides[1]), (kind.width, kind.height))
    lows, spans = [], []
    for size, side, seen in zip(sizes, sides, places, strict=True):
        if kind.fit == "stretch":
            low, span = graph.keep(0.0, "float64"), one
        elif kind.fit == "pad":
            low = graph.add("Div", graph.add("Floor", graph.add("Mul", graph.add("Sub", size, seen), half)), size)
            span = graph.add("Div", seen, size)
        else:
            span = graph.add("Div", graph.add("Mul", side, graph.add("Max", *ratios)), size)
            low = graph.add("Mul", graph.add("Sub", one, span), half)
        lows.append(low)
        spans.append(span)
    one_axis = graph.keep([0], "int64")
    low, span, whole = (
        graph.add("Concat", *[graph.add("Unsqueeze", each, one_axis) for each in (*pair, *pair)], axis=0)
        for pair in (lows, spans, sides)
    )
    wide = graph.add("Cast", boxes, to=DOUBLE)
    found = graph.add("Mul", graph.add("Div", graph.add("Sub", wide, low), span), whole)
    cut = graph.add("Min", graph.add("Max", found, graph.keep(0.0, "float64")), whole)
    return graph.add("Cast", cut, to=FLOAT)
