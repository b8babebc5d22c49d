"""From scores of colours to the picture in colour inside the graph, of its own size, as colorize answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from hubel.data.colours.white import GREY, HALVINGS, SLOPE, SMALL, TO_XYZ, WHITE
from hubel.export.onnx.graph import Graph
from hubel.export.onnx.preparation import FLOAT
from hubel.tasks.decoding import ColourRules

_UINT8 = int(onnx.TensorProto.UINT8)
_FROM_XYZ = np.linalg.inv(np.array(TO_XYZ)) * np.array(WHITE)
_LEAST = 1e-9  # below which nothing is raised to a power


def coloured(
    graph: Graph, scores: str, squares: int, rules: ColourRules, settings: Mapping[str, Any], image: str, grey: bool
) -> str:
    """Add the "picture", uint8 N×rows×columns×3, of scores N×squares×h×w and of the image N×rows×columns×3 (or ×1,
    where it is `grey`): as light as this everywhere, with the colours that scores tell, paler where no screen has them.
    """
    shares = graph.add("Softmax", graph.add("Div", scores, graph.keep(rules.temperature)), axis=1)
    middles = np.asarray(settings[rules.middles], np.float32).reshape(squares, 2)
    small = graph.add("Conv", shares, graph.keep(middles.T[..., None, None]))
    light, size = _light(graph, image, grey)
    whole = graph.add("Concat", graph.add("Shape", small, start=0, end=2), size, axis=0)
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    colours = graph.add("Resize", small, "", "", whole, **how)
    zero = graph.add("Mul", light, graph.keep(0.0))
    low, high, most = zero, graph.add("Add", zero, graph.keep(1.0)), graph.add("Add", zero, graph.keep(1.0))
    for _ in range(HALVINGS + 1):
        levels = _screen(graph, light, graph.add("Mul", colours, most))
        inside = graph.add(
            "And", graph.add("Greater", levels, graph.keep(-0.5)), graph.add("Less", levels, graph.keep(255.5))
        )
        one = graph.keep([1], "int64")
        fits = graph.add("ReduceMin", graph.add("Cast", inside, to=FLOAT), one, keepdims=1)
        fits = graph.add("Greater", fits, graph.keep(0.5))
        low, high = graph.add("Where", fits, most, low), graph.add("Where", fits, high, most)
        between = graph.add("Mul", graph.add("Add", low, high), graph.keep(0.5))
        most = graph.add("Where", graph.add("GreaterOrEqual", low, graph.keep(1.0)), low, between)
    levels = graph.add("Round", _screen(graph, light, graph.add("Mul", colours, low)))
    levels = graph.add("Clip", levels, graph.keep(0.0), graph.keep(255.0))
    turned = graph.add("Transpose", levels, perm=[0, 2, 3, 1])
    return graph.add("Cast", turned, name=graph.fresh("picture"), to=_UINT8)


def _light(graph: Graph, image: str, grey: bool) -> tuple[str, str]:
    """L* of the image, N×1×rows×columns, of its grey levels as Pillow has them; and its rows and columns."""
    levels = graph.add("Cast", graph.add("Transpose", image, perm=[0, 3, 1, 2]), to=FLOAT)
    if not grey:
        parts = graph.keep(np.array(GREY).reshape(1, 3, 1, 1))
        whole = graph.add("ReduceSum", graph.add("Mul", levels, parts), graph.keep([1], "int64"), keepdims=1)
        levels = graph.add("Floor", graph.add("Div", graph.add("Add", whole, graph.keep(0x8000)), graph.keep(65536.0)))
    share = graph.add("Div", levels, graph.keep(255.0))
    dark = graph.add("Div", share, graph.keep(12.92))
    light = _power(graph, graph.add("Div", graph.add("Add", share, graph.keep(0.055)), graph.keep(1.055)), 2.4)
    linear = graph.add("Where", graph.add("LessOrEqual", share, graph.keep(0.04045)), dark, light)
    small = graph.keep(SMALL)
    straight = graph.add("Add", graph.add("Mul", linear, graph.keep(SLOPE)), graph.keep(4 / 29))
    curved = _power(graph, graph.add("Max", linear, small), 1 / 3)
    root = graph.add("Where", graph.add("Greater", linear, small), curved, straight)
    found = graph.add("Sub", graph.add("Mul", root, graph.keep(116.0)), graph.keep(16.0))
    return found, graph.add("Shape", found, start=2, end=4)


def _power(graph: Graph, value: str, exponent: float) -> str:
    return graph.add("Pow", graph.add("Max", value, graph.keep(_LEAST)), graph.keep(exponent))


def _screen(graph: Graph, light: str, colours: str) -> str:
    """Levels N×3×rows×columns of L* N×1×… and colours N×2×…, as `hubel.data.colours.lab` has them."""
    y = graph.add("Div", graph.add("Add", light, graph.keep(16.0)), graph.keep(116.0))
    a, b = graph.add_all("Split", ("a", "b"), colours, graph.keep([1, 1], "int64"), axis=1)
    x = graph.add("Add", y, graph.add("Div", a, graph.keep(500.0)))
    z = graph.add("Sub", y, graph.add("Div", b, graph.keep(200.0)))
    root = graph.add("Concat", x, y, z, axis=1)
    cube = graph.add("Mul", graph.add("Mul", root, root), root)
    straight = graph.add("Mul", graph.add("Sub", root, graph.keep(4 / 29)), graph.keep(1 / SLOPE))
    xyz = graph.add("Where", graph.add("Greater", root, graph.keep(6 / 29)), cube, straight)
    linear = graph.add("Conv", xyz, graph.keep(_FROM_XYZ[..., None, None]))
    dark = graph.add("Mul", linear, graph.keep(12.92))
    curved = _power(graph, linear, 1 / 2.4)
    curved = graph.add("Sub", graph.add("Mul", curved, graph.keep(1.055)), graph.keep(0.055))
    share = graph.add("Where", graph.add("LessOrEqual", linear, graph.keep(0.0031308)), dark, curved)
    return graph.add("Mul", share, graph.keep(255.0))
