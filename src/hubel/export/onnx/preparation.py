"""From images of any size to the network's input inside the graph: what `Preprocessing.prepare` does, as nodes.

ONNX's own `Resize` is of no use here: some runtimes ignore its antialiasing and are a hundred grey levels off. So each
side is scaled by a product with Pillow's bilinear weights, which the graph works out of the image's size; numbers are
rounded between the two as Pillow rounds them. All of it is in 64 bits, so that pixels are Pillow's
own: of most sizes to the bit, of some tall ones to a grey level.
"""

from __future__ import annotations

from typing import TypeAlias

import onnx

from hubel.base.errors import SettingError
from hubel.data.prepare.preprocessing import Preprocessing
from hubel.export.onnx.graph import Graph

FLOAT, DOUBLE, INT64, UINT8 = (int(getattr(onnx.TensorProto, kind)) for kind in ("FLOAT", "DOUBLE", "INT64", "UINT8"))
Sides: TypeAlias = tuple[str, str]  # of rows, of columns


def reason_no_images(preparation: Preprocessing) -> str | None:
    """Why a model cannot take images of any size in its file; None where it can."""
    if preparation.frame is not None:
        return (
            "its images are drawings, which are found, scaled and centred by their ink before the network sees them "
            "(frame); ONNX does not hold that, so the file takes images of the network's own size, prepared by hubel, "
            "by a package (--to package) or a page (--to web)"
        )
    if preparation.fit == "time":
        return (
            "it hears sounds, of which the file takes what the network sees of them, as "
            "hubel.data.Preprocessing.prepare gives it; a package (--to package) or a page (--to web) takes WAV files"
        )
    return None


def prepared(graph: Graph, image: str, preparation: Preprocessing) -> str:
    """Add what brings uint8 images N×rows×columns×3 (×bands where there are others) of any size to the network's size
    and channels: float32 N×C×H×W of whole numbers from 0 to 255.

    Raises SettingError where the file cannot hold that.
    """
    reason = reason_no_images(preparation)
    if reason is not None:
        raise SettingError(f"expected --input sized, received image: {reason}")
    graph.scope = "preparation"
    size = graph.add("Shape", image)
    sides = _number(graph, size, 1), _number(graph, size, 2)
    pixels = graph.add("Transpose", image, perm=[0, 3, 1, 2])
    dark = preparation.ink == "dark"
    if preparation.ink is not None:
        pixels = _turned_over(graph, pixels, sides, dark)
    if preparation.channels == 1:
        pixels = _grey(graph, pixels)
    numbers = graph.add("Cast", pixels, to=DOUBLE)
    wanted = preparation.height, preparation.width
    weights, inside = zip(*_weights(graph, preparation, sides, wanted), strict=True)
    found = _rounded(graph, graph.add("MatMul", numbers, graph.add("Transpose", weights[1], perm=[1, 0])))
    found = graph.add("Cast", _rounded(graph, graph.add("MatMul", weights[0], found)), to=FLOAT)
    if preparation.fit == "pad" and dark:  # the ground is white
        covered = graph.add("Mul", graph.add("Unsqueeze", inside[0], _ints(graph, 1)), inside[1])
        found = graph.add("Add", found, graph.add("Mul", graph.add("Sub", _one(graph), covered), graph.keep(255.0)))
    return found


def _number(graph: Graph, size: str, axis: int) -> str:
    """A side of the image as one 64-bit floating-point number."""
    return graph.add("Cast", graph.add("Gather", size, graph.keep(axis, "int64")), to=DOUBLE)


def _ints(graph: Graph, *values: int) -> str:
    return graph.keep(list(values), "int64")


def _one(graph: Graph) -> str:
    return graph.keep(1.0)


def _rounded(graph: Graph, x: str) -> str:
    """Round to whole numbers, halves up, as Pillow's resizing does."""
    return graph.add("Floor", graph.add("Add", x, _wide(graph, 0.5)))


def _grey(graph: Graph, pixels: str) -> str:
    """ITU-R 601 in Pillow's whole numbers: (19595·red + 38470·green + 7471·blue + 32768) // 65536; N×1×H×W. They are
    all below 2^24, so that 32-bit floating-point numbers hold them: OpenVINO does not round the quotients of integers.
    """
    weighed = graph.add("Mul", graph.add("Cast", pixels, to=FLOAT), graph.keep([[[19595.0]], [[38470.0]], [[7471.0]]]))
    total = graph.add("ReduceSum", weighed, _ints(graph, 1), keepdims=1)
    return graph.add("Floor", graph.add("Div", graph.add("Add", total, graph.keep(32768.0)), graph.keep(65536.0)))


def _turned_over(graph: Graph, pixels: str, sides: Sides, dark: bool) -> str:
    """Invert images whose ground, the median of their border, is not as the training images had it."""
    flat = graph.add("Flatten", _grey(graph, pixels))
    places = _border(graph, sides)
    values = graph.add("Cast", graph.add("Gather", flat, places, axis=1), to=FLOAT)
    count = graph.add("Shape", places)
    ordered, _ = graph.add_all("TopK", ["ordered", "places"], values, count)
    two = graph.keep(2, "int64")
    upper = graph.add("Div", count, two)
    lower = graph.add("Div", graph.add("Sub", count, _ints(graph, 1)), two)
    both = graph.add("Gather", ordered, graph.add("Concat", lower, upper, axis=0), axis=1)
    light = graph.add("GreaterOrEqual", graph.add("ReduceMean", both, _ints(graph, 1), keepdims=1), graph.keep(128.0))
    wrong = graph.add("Not", light) if dark else light
    wrong = graph.add("Reshape", wrong, _ints(graph, 0, 1, 1, 1))
    return graph.add("Where", wrong, graph.add("Sub", graph.keep(255, "uint8"), pixels), pixels)


def _border(graph: Graph, sides: Sides) -> str:
    """The places of the outer twentieth of an image, at least one pixel, in its flattened rows."""
    rows, columns = (graph.add("Cast", side, to=int(onnx.TensorProto.INT64)) for side in sides)
    edge = graph.add("Div", graph.add("Min", rows, columns), graph.keep(20, "int64"))
    edge = graph.add("Max", edge, graph.keep(1, "int64"))
    within = []
    for side in (rows, columns):
        place = graph.add("Range", graph.keep(0, "int64"), side, graph.keep(1, "int64"))
        far = graph.add("Less", place, graph.add("Sub", side, edge))
        within.append(graph.add("And", graph.add("GreaterOrEqual", place, edge), far))
    inner = graph.add("And", graph.add("Unsqueeze", within[0], _ints(graph, 1)), within[1])
    flat = graph.add("Reshape", graph.add("Not", inner), _ints(graph, -1))
    return graph.add("Reshape", graph.add("NonZero", flat), _ints(graph, -1))


def _weights(graph: Graph, preparation: Preprocessing, sides: Sides, wanted: tuple[int, int]) -> list[tuple[str, str]]:
    """For rows and for columns: the weights, wanted × side, and which of the wanted places the image covers."""
    double = [graph.keep(float(each), "float64") for each in wanted]
    shares = [graph.add("Div", each, side) for each, side in zip(double, sides, strict=True)]
    zero, within = graph.keep(0.0, "float64"), covering(graph, sides, wanted)
    found = []
    for number, (side, places) in enumerate(zip(sides, wanted, strict=True)):
        first, seen, before, covered = zero, side, zero, double[number]
        if preparation.fit == "crop":
            seen = graph.add("Div", double[number], graph.add("Max", *shares))
            first = graph.add("Div", graph.add("Sub", side, seen), graph.keep(2.0, "float64"))
            first = graph.add("Max", zero, first)
            end = _narrow(graph, graph.add("Min", graph.add("Add", first, seen), side))
            first = _narrow(graph, first)
            seen = graph.add("Sub", end, first)
        elif preparation.fit == "pad":
            covered = within[number]
            room = graph.add("Sub", double[number], covered)
            before = graph.add("Floor", graph.add("Div", room, graph.keep(2.0, "float64")))
        found.append(_triangles(graph, side, first, seen, before, covered, places))
    return found


def covering(graph: Graph, sides: Sides, wanted: tuple[int, int]) -> Sides:
    """How many of the wanted places of each side a picture that is padded takes, as
    `hubel.data.prepare.preprocessing.covered` counts them.
    """
    found = []
    for side, other, most, others in zip(sides, sides[::-1], wanted, wanted[::-1], strict=True):
        exact = graph.add("Div", graph.add("Mul", side, _wide(graph, others)), other)
        whole = halves_up(graph, exact, other)
        found.append(graph.add("Max", _wide(graph, 1), graph.add("Min", whole, _wide(graph, most))))
    return found[0], found[1]


def halves_up(graph: Graph, exact: str, of: str) -> str:
    """Round a whole number's quotient by another, `of`. What lies below a half does so by half of 1/of at least: half
    of that is added, since OpenVINO, which computes in 32 bits, may be a bit below what is a half.
    """
    half = graph.add("Add", _wide(graph, 0.5), graph.add("Div", _wide(graph, 0.25), of))
    return graph.add("Floor", graph.add("Add", exact, half))


def _triangles(
    graph: Graph, side: str, first: str, seen: str, before: str, covered: str, places: int
) -> tuple[str, str]:
    """Pillow's bilinear filter along one side. Of `places`, `covered` from `before` on show the stretch of `seen`
    pixels from `first` on; each is a mean of the pixels around its middle, weighed by a triangle.
    """
    scale = graph.add("Div", seen, covered)
    place = graph.add("Sub", graph.keep([number + 0.5 for number in range(places)], "float64"), before)
    middle = graph.add("Add", first, graph.add("Mul", place, scale))
    width = graph.add("Max", scale, graph.keep(1.0, "float64"))
    pixel = graph.add("Range", graph.keep(0.0, "float64"), side, graph.keep(1.0, "float64"))
    pixel = graph.add("Add", pixel, graph.keep(0.5, "float64"))
    away = graph.add("Sub", pixel, graph.add("Unsqueeze", middle, _ints(graph, 1)))
    heights = graph.add("Sub", _wide(graph, 1), graph.add("Abs", graph.add("Div", away, width)))
    heights = graph.add("Max", _wide(graph, 0), heights)
    after = graph.add("Greater", place, _wide(graph, 0))
    inside = graph.add("And", after, graph.add("Less", place, covered))
    there = graph.add("Cast", inside, to=DOUBLE)
    total = graph.add("Max", _wide(graph, 1e-9), graph.add("ReduceSum", heights, _ints(graph, 1), keepdims=1))
    weights = graph.add("Div", graph.add("Mul", heights, graph.add("Unsqueeze", there, _ints(graph, 1))), total)
    # in Pillow's whole numbers, so that halves fall to the same side
    whole = graph.add("Floor", graph.add("Add", graph.add("Mul", weights, _wide(graph, 2**22)), _wide(graph, 0.5)))
    weights = graph.add("Div", whole, _wide(graph, 2**22))
    return weights, graph.add("Cast", there, to=FLOAT)


def _narrow(graph: Graph, x: str) -> str:
    """Round to 32 bits, in which Pillow takes the box to be scaled."""
    return graph.add("Cast", graph.add("Cast", x, to=FLOAT), to=DOUBLE)


def _wide(graph: Graph, value: float) -> str:
    return graph.keep(float(value), "float64")
