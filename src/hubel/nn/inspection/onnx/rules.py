"""Shapes that onnx's own inference has not, or has wrong: rules of ours for some of ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from hubel.nn.inspection.onnx.parts import taken
from hubel.nn.inspection.report import TensorShape

ALIKE = ("GroupNormalization", "MeanVarianceNormalization", "SimplifiedLayerNormalization", "RotaryEmbedding")
"""What gives the shape that it is given, of which inference says nothing, or not in all versions."""
LAYERS = 17  # ONNX's version from which it has LayerNormalization
HIDDEN = "of a shape that is told"


@contextmanager
def as_inference_takes_them(model: Any, told: Mapping[str, TensorShape]) -> Iterator[list[Any]]:
    """Have nodes stand in a model as inference makes the right shapes of them: as ones that change none, and as ones it
    does not know where the shape is `told`. Give the nodes, which are as they were behind.
    """
    before = list[tuple[Any, Any]]()
    version = next((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), 0)
    names = {*ALIKE, *(("LayerNormalization",) if version < LAYERS else ())}  # which ONNX Runtime has before
    for node in model.graph.node:
        alike = node.op_type in names and node.domain in ("", "ai.onnx")
        if alike or (node.output and node.output[0] in told):
            own = type(node)()
            own.CopyFrom(node)
            before.append((node, own))
            node.op_type = "Identity" if alike else HIDDEN
            if alike:
                del node.input[1:], node.output[1:], node.attribute[:]
    yield [own for _, own in before]
    for node, own in before:
        node.CopyFrom(own)


def otherwise(graph: Any, shapes: Mapping[str, TensorShape], told: Mapping[str, TensorShape]) -> Any:
    """Return the first node that gives another shape than inference says, with that shape; None where there is none."""
    for node in graph.node:
        rule = RULES.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if rule is not None and node.output[0] not in told and {*node.input[:2]} <= {*shapes}:
            settings = {each.name: each for each in node.attribute}
            made = rule(settings, *(shapes[name] for name in node.input[:2]))
            if made is not None and made != shapes.get(node.output[0]):
                return node, made
    return None


def _pool(settings: Mapping[str, Any], given: TensorShape) -> TensorShape | None:
    """A pool that rounds up: a window that would begin behind the picture is left out."""
    if "ceil_mode" not in settings or not settings["ceil_mode"].i:
        return None
    axes, automatic = len(given) - 2, settings["auto_pad"].s if "auto_pad" in settings else b"NOTSET"
    kernel, strides, dilations, pads = (
        tuple(settings[name].ints) if name in settings else (default,) * axes * (1 + (name == "pads"))
        for name, default in (("kernel_shape", 1), ("strides", 1), ("dilations", 1), ("pads", 0))
    )
    pads = pads if automatic == b"NOTSET" else (0,) * 2 * axes
    sides = zip(given[2:], kernel, strides, dilations, pads[:axes], pads[axes:], strict=True)
    places = (-(-each[0] // each[2]) if automatic.startswith(b"SAME") else _places(*each) for each in sides)
    return (*given[:2], *places)


def _transposed(settings: Mapping[str, Any], given: TensorShape, weights: TensorShape) -> TensorShape | None:
    """A transposed convolution whose size is set, also below what it is given, where inference breaks off."""
    if "output_shape" not in settings:
        return None
    sizes = tuple(settings["output_shape"].ints)[2 - len(given) :]  # some have the images and channels before
    return (given[0], weights[1] * (settings["group"].i if "group" in settings else 1), *sizes)


RULES: dict[str, Callable[..., TensorShape | None]] = {
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), _pool),
    "ConvTranspose": _transposed,
}
"""By operator, the shape it gives, of its settings and the shapes of its first inputs; None where it is inferred."""


def _places(size: int, window: int, stride: int, dilation: int, before: int, after: int) -> int:
    """Count the windows along an axis, rounded up, as PyTorch and ONNX Runtime do."""
    count = -(-(size + before + after - dilation * (window - 1) - 1) // stride) + 1
    return max(0, count - ((count - 1) * stride >= size + before))


def forget_behind(model: Any, name: str, shape: TensorShape) -> None:
    """Take out the shapes that a file says of what comes of a tensor, where it does not say this one of the tensor."""
    graph = model.graph
    said = {each.name: each for each in (*graph.value_info, *graph.output)}
    if name in said and [size.dim_value for size in said[name].type.tensor_type.shape.dim] == [*shape]:
        return
    behind = {name}
    for node in graph.node:
        if not behind.isdisjoint(taken(node)):
            behind.update(node.output)
    kept = [each for each in graph.value_info if each.name not in behind]
    del graph.value_info[:]
    graph.value_info.extend(kept)
    for each in graph.output:
        if each.name in behind:
            each.type.tensor_type.ClearField("shape")


def tell(onnx: Any, model: Any, name: str, kind: int, shape: Sequence[int]) -> None:
    """Write a tensor's shape into a model."""
    told = onnx.helper.make_tensor_value_info(name, kind, shape)
    given = next((each for each in model.graph.output if each.name == name), None)
    if given is not None:
        given.CopyFrom(told)
    else:
        model.graph.value_info.append(told)
