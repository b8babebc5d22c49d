"""ONNX files: changed in one place as no program would write them, and made ones that nothing can compute."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hubel.export.onnx.digest import sealed

ODD = (-(2**63), -1, 0, 1, 3, 7, 2**31 - 1, 2**31, 2**40, 2**63 - 1)
OPERATIONS = ("Conv", "Gemm", "MaxPool", "Reshape", "Softmax", "If", "Loop", "Einsum", "LSTM", "Nothing", "", "Resize")
METADATA: tuple[tuple[str, Any], ...] = (
    *(("classes", value) for value in (
        {}, {"a": 1, "b": 2}, "ab", None, 5, [], ["a"], ["a", "b", "c"], ["a", "a"], ["", "b"], [1, 2], [["a"], ["b"]],
        ["a" * 200_000, "b"], ["\x1b[2J\x07", "</script>"], ["a"] * 2_000_000,
    )),
    *(("preprocessing", value) for value in (
        {}, [], None, "8", {"height": 8}, {"height": 10**9, "width": 10**9, "channels": 1, "mean": [0.5], "std": [0.2]},
        *({"height": 8, "width": 8, "channels": 1, "mean": [0.5], "std": [0.2]} | odd for odd in (
            {"std": [0]}, {"std": [float("nan")]}, {"mean": [float("inf")]}, {"mean": []}, {"mean": 5}, {"fit": "x"},
            {"fit": []}, {"ink": "red"}, {"frame": {}}, {"frame": 5}, {"levels": [1]}, {"levels": "ab"},
            {"levels": [5, 5]}, {"channels": 10**7}, {"height": -8}, {"height": "8"}, {"height": 8.0}, {"more": 1},
        )),
    )),
    *(("task", value) for value in ("", "x", "segmentation", "regression", "multilabel", "os:system")),
    *(("task_settings", value) for value in ([], None, 5, {"means": "ab"}, {"values": {}})),
    *(("summary", value) for value in ([], None, 5, "x", {"a": float("nan")}, {"epochs": {"b": [{}] * 1000}})),
    *(("network", value) for value in (
        "", "8x8x1", "8x8x1: dense 2", "8x8x1: " + "(" * 5000, "8x8x1: 99999999 * relu", "x" * 2_000_000,
        "4x4x1: flatten, dense 2 softmax",
    )),
    *(("name", value) for value in ("\x1b[31m", "a" * 2_000_000)),
    *(("format", value) for value in ("", "2", "-1", "1.0", "\x1b[2J" * 1000)),
    *(("hubel_version", value) for value in ("", "\x1b[2J" * 1000)),
)  # fmt: skip
_PLAIN = ("task", "network", "name", "format", "hubel_version")
PARTS = ("graph.node", "graph.initializer", "graph.input", "graph.output", "metadata_props", "opset_import")


def mutants(content: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Change a model in `count` ways, each in one to three places, with the digest that is right for that."""
    chance = random.Random(seed)
    ways = (_removed, _doubled, _renamed, _resized, _retyped, _reset, _turned)
    for number in range(count):
        model = onnx.load_from_string(content)
        for way in (ways[number % len(ways)], *chance.choices(ways, k=chance.randrange(3))):
            way(model, chance)
        yield sealed(model)


def relabelled(content: bytes) -> Iterator[bytes]:
    """Have an exported model say odd things of itself."""
    for name, value in METADATA:
        model = onnx.load_from_string(content)
        for entry in model.metadata_props:
            if entry.key == name:
                entry.value = value if name in _PLAIN else json.dumps(value)
        yield sealed(model)
    for entry in onnx.load_from_string(content).metadata_props:
        model = onnx.load_from_string(content)
        left = [each for each in model.metadata_props if each.key != entry.key]
        del model.metadata_props[:]
        model.metadata_props.extend(left)
        yield sealed(model)
    for text in ("[" * 100_000, "{", "NaN", '"\\ud800"', "9" * 5000):
        model = onnx.load_from_string(content)
        next(each for each in model.metadata_props if each.key == "classes").value = text
        yield sealed(model)


def made() -> Iterator[bytes]:
    """Make models by hand: loops, bombs, files of others, graphs without ends."""
    yield b"\x08\x07" + bytes(100)
    yield b""
    one = _info("x", (1, 1, 8, 8))
    for build in _GRAPHS:
        yield _model(*build(one))
    for size in ODD:
        yield _model(*_single("Conv", _info("x", (1, 1, size, 8)), np.zeros((2, 1, 3, 3), np.float32)))
        yield _model(*_single("MaxPool", one, kernel_shape=[size, 2]))
        yield _model(*_single("Reshape", one, np.array([1, size], np.int64)))
        yield _model(*_single("ConstantOfShape", one, filled=size))
        yield _model(*_single("Concat", one, axis=size))
    for name in OPERATIONS:
        yield _model(*_single(name, one))
    for equation in ("", "ij", "ij,jk->ik", "...i->", "i" * 1000, "\xff"):
        yield _model(*_single("Einsum", one, equation=equation.encode("latin-1")))


def _info(name: str, shape: tuple[Any, ...] | None, kind: int = TensorProto.FLOAT) -> Any:
    found = helper.make_tensor_value_info(name, kind, None)
    for size in shape or ():
        found.type.tensor_type.shape.dim.add().dim_value = size
    return found


Parts = tuple[list[Any], list[Any], list[Any], list[Any]]  # nodes, inputs, outputs, stored tensors


def _single(kind: str, given: Any, weights: Any = None, filled: int | None = None, **settings: Any) -> Parts:
    """One operation on one input."""
    stored = [] if weights is None else [numpy_helper.from_array(weights, "w")]
    names = ["x", *(each.name for each in stored)]
    if filled is not None:
        stored, names = [numpy_helper.from_array(np.array([filled, 9], np.int64), "s")], ["s"]
    node = helper.make_node(kind, names, ["y"], **settings)
    return [node, helper.make_node("Add", ["x", "y"], ["z"])], [given], [_info("z", None)], stored


def _external(given: Any) -> Parts:
    """A weight that lies in another file of the machine."""
    nodes, inputs, outputs, stored = _single("Add", given, np.zeros((1, 1, 8, 8), np.float32))
    stored[0].ClearField("raw_data")
    stored[0].data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../../../../../../etc/passwd"), ("length", "256")):
        entry = stored[0].external_data.add()
        entry.key, entry.value = key, value
    return nodes, inputs, outputs, stored


def _nested(given: Any) -> Parts:
    """Branches in branches."""
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [], [_info("y", None)])
    for _ in range(30):
        inner = helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([inner], "g", [], [_info("y", None)]) if graph.ByteSize() < 10**6 else graph
    return list(graph.node), [given, _info("c", (), TensorProto.BOOL)], [_info("y", None)], []


def _chain(given: Any) -> Parts:
    nodes = [helper.make_node("Relu", ["x" if i == 0 else f"n{i}"], [f"n{i + 1}"]) for i in range(10_000)]
    return nodes, [given], [_info("n10000", None)], []


def _circle(given: Any) -> Parts:
    nodes = [helper.make_node("Add", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    return nodes, [given], [_info("b", None)], []


def _twice(given: Any) -> Parts:
    return [helper.make_node("Relu", ["x"], ["y"])] * 2, [given, given], [_info("y", None)] * 2, []


def _doubling(given: Any) -> Parts:
    """Sixty nodes that make 2**60 times what comes in."""
    nodes = [helper.make_node("Concat", [name, name], [after], axis=2) for name, after in _steps(60)]
    return nodes, [given], [_info("n60", None)], []


def _steps(count: int) -> Iterator[tuple[str, str]]:
    return (("x" if i == 0 else f"n{i}", f"n{i + 1}") for i in range(count))


def _packed(given: Any) -> Parts:
    """A weight that says it has far more numbers than it has bytes."""
    nodes, inputs, outputs, stored = _single("Add", given, np.zeros((1, 1, 8, 8), np.float32))
    stored[0].dims[0] = 2**40
    return nodes, inputs, outputs, stored


def _shared(given: Any) -> Parts:
    """Small constants that would work out as ever larger ones."""
    start = numpy_helper.from_array(np.arange(4000, dtype=np.int64), "x0")
    nodes = [helper.make_node("Tile", [f"x{i}", "x0"], [f"x{i + 1}"]) for i in range(4)]
    return [*nodes, helper.make_node("Reshape", ["x", "x4"], ["y"])], [given], [_info("y", None)], [start]


_GRAPHS: tuple[Callable[[Any], Parts], ...] = (
    _external, _nested, _chain, _circle, _twice, _doubling, _packed, _shared,
    lambda given: ([], [given], [given], []),
    lambda given: ([], [], [], []),
    lambda given: ([helper.make_node("Relu", ["x"], ["y"])], [given], [], []),
    lambda given: ([helper.make_node("Relu", [], [])], [given], [_info("y", None)], []),
    lambda given: ([helper.make_node("Relu", ["x"], ["y"])], [], [_info("y", None)], []),
    lambda given: ([helper.make_node("Relu", ["x"], ["y"])], [given], [_info("other", None)], []),
    lambda given: ([helper.make_node("Relu", [""], [""])], [given], [_info("", None)], []),
    lambda given: ([helper.make_node("\x1b[31mRelu" * 300, ["x"], ["y"])], [given], [_info("y", None)], []),
)  # fmt: skip


def _model(nodes: list[Any], inputs: list[Any], outputs: list[Any], stored: list[Any]) -> bytes:
    graph = helper.make_graph(nodes, "made", inputs, outputs, stored)
    content: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    return content


def _part(model: Any, chance: random.Random) -> Any:
    """One of a model's lists that is not empty."""
    found = model
    filled = [name for name in PARTS if len(_at(model, name))]
    if filled:
        found = _at(model, chance.choice(filled))
    return found if filled else [onnx.NodeProto()]


def _at(model: Any, path: str) -> Any:
    for name in path.split("."):
        model = getattr(model, name)
    return model


def _removed(model: Any, chance: random.Random) -> None:
    part = _part(model, chance)
    del part[chance.randrange(len(part))]


def _doubled(model: Any, chance: random.Random) -> None:
    part = _part(model, chance)
    part.insert(chance.randrange(len(part)), chance.choice(part))


def _node(model: Any, chance: random.Random) -> Any:
    return chance.choice(model.graph.node) if len(model.graph.node) else onnx.NodeProto()


def _renamed(model: Any, chance: random.Random) -> None:
    node = _node(model, chance)
    names = [*(name for each in model.graph.node for name in (*each.input, *each.output)), "", "nowhere", "\x1b[2J"]
    side = chance.choice([side for side in (node.input, node.output) if len(side)] or [[""]])
    side[chance.randrange(len(side))] = chance.choice(names)


def _resized(model: Any, chance: random.Random) -> None:
    stored = chance.choice(model.graph.initializer or [onnx.TensorProto(dims=[1])])
    if chance.random() < 0.5 and len(stored.dims):
        stored.dims[chance.randrange(len(stored.dims))] = chance.choice(ODD)
    elif len(model.graph.input) and len(dims := model.graph.input[0].type.tensor_type.shape.dim):
        chance.choice(dims).dim_value = chance.choice(ODD)


def _retyped(model: Any, chance: random.Random) -> None:
    if len(model.graph.initializer) and chance.random() < 0.7:
        chance.choice(model.graph.initializer).data_type = chance.randrange(26)
    elif len(model.graph.input):
        model.graph.input[0].type.tensor_type.elem_type = chance.randrange(26)


def _reset(model: Any, chance: random.Random) -> None:
    node = next((each for each in chance.sample(list(model.graph.node), len(model.graph.node)) if each.attribute), None)
    if node is None:
        return
    setting = chance.choice(node.attribute)
    way = chance.randrange(3)
    if way == 0 and len(setting.ints):
        setting.ints[chance.randrange(len(setting.ints))] = chance.choice(ODD)
    elif way == 1:
        setting.i, setting.type = chance.choice(ODD), onnx.AttributeProto.INT
    else:
        node.attribute.remove(setting)


def _turned(model: Any, chance: random.Random) -> None:
    node = _node(model, chance)
    node.op_type = chance.choice((*OPERATIONS, node.op_type))
    if chance.random() < 0.3:
        node.domain = chance.choice(("x", "\x1b[31m", "com.microsoft"))
