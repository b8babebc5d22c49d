"""Global response normalisation, written out: norms of whole maps, divided by their mean over the channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

import hubel.arch as arch
from hubel.nn.reading.graph import Step
from hubel.nn.reading.moves import argument
from hubel.nn.reading.record import Call
from hubel.nn.reading.tensors import Tensors, Value


@dataclass(frozen=True)
class Response:
    """How far it is: "norms" of the maps of the step that a value names, their "mean", "share" of it, what is
    "responded" (the picture times its shares), and times a weight "weighed". order: how the picture lies.
    """

    is_: str
    order: str
    epsilon: float = 0.0
    weight: Tensor | None = None
    bias: Tensor | None = None
    added: bool = False  # the picture itself


def responded(tensors: Tensors, call: Call, takes: Sequence[Tensor], constants: Sequence[Tensor]) -> bool:
    """Take in one of the calls that make a global response normalisation; false for all others."""
    own = [tensors[tensor] for tensor in takes]
    if call.what in ("norm", "vector_norm", "linalg_vector_norm"):
        return len(own) == 1 and _norms(tensors, call, takes[0], own[0])
    parts = [value for value in own if isinstance(value.made, Response)]
    if not parts or len({value.place for value in own}) > 1:
        return False
    made = _next(tensors, call, takes, constants, parts)
    if made is None:
        return False
    place, shape = parts[0].place, parts[0].shape
    if made.is_ == "weighed" and made.bias is not None and made.added:
        layer = arch.GlobalResponseNormalization(made.epsilon)
        tensors.add(
            call.output, Step(call.label, layer, (place,), {"weight": made.weight, "bias": made.bias}), made.order
        )
    else:
        tensors.set(call.output, Value(place, shape, "part", made))
    return True


def _norms(tensors: Tensors, call: Call, given: Tensor, value: Value) -> bool:
    power = argument(call, 1, "p", "ord", default=2)
    axes = argument(call, 2, "dim")
    places = {"first": (2, 3), "last": (1, 2)}.get(value.order)
    square = power in (2, 2.0, None, "fro") and not isinstance(power, bool)
    if given.dim() != 4 or not square or not isinstance(axes, (tuple, list)) or places is None:
        return False
    if tuple(sorted(axis % 4 for axis in axes)) != places or not argument(call, 3, "keepdim", default=False):
        return False
    tensors.set(call.output, Value(value.place, value.shape, "part", Response("norms", value.order)))
    return True


def _next(
    tensors: Tensors, call: Call, takes: Sequence[Tensor], constants: Sequence[Tensor], parts: Sequence[Value]
) -> Response | None:
    made: Response = parts[0].made
    name = str(call.what).removeprefix("i")
    kinds = sorted(value.made.is_ for value in parts)
    number = next((float(each) for each in call.inputs if type(each) in (int, float)), None)
    if name == "mean" and kinds == ["norms"]:
        axis, keeps = argument(call, 1, "dim"), argument(call, 2, "keepdim", default=False)
        axis = axis[0] if isinstance(axis, (tuple, list)) and len(axis) == 1 else axis
        over = 1 if made.order == "first" else 3
        return replace(made, is_="mean") if keeps and axis in (over, over - 4) else None
    if name == "add" and kinds == ["mean"] and number is not None and len(call.inputs) == 2 and not call.keywords:
        return replace(made, epsilon=made.epsilon + number)
    if name in ("div", "truediv", "true_divide") and kinds == ["mean", "norms"] and not call.keywords:
        mean: Response = next(value.made for value in parts if value.made.is_ == "mean")
        first = tensors[call.inputs[0]].made.is_ == "norms"
        return replace(mean, is_="share") if first else None
    if name == "mul" and kinds == ["share"] and len(takes) == 2:
        return replace(made, is_="responded")
    if name == "mul" and kinds == ["responded"] and len(constants) == 1 and len(takes) == 1:
        return _learned(tensors, replace(made, is_="weighed"), "weight", constants[0])
    if name == "addcmul" and kinds == ["responded"] and len(constants) == 2 and not call.keywords:
        weighed = _learned(tensors, replace(made, is_="weighed"), "weight", constants[1])
        return weighed and _learned(tensors, weighed, "bias", constants[0])
    if name == "add" and kinds == ["weighed"] and not call.keywords and len(call.inputs) == 2:
        if len(constants) == 1 and len(takes) == 1 and made.bias is None:
            return _learned(tensors, made, "bias", constants[0])
        return replace(made, added=True) if len(takes) == 2 and not constants and not made.added else None
    return None


def _learned(tensors: Tensors, made: Response, role: str, tensor: Tensor) -> Response | None:
    along = 1 if made.order == "first" else 3
    shape = (1,) * (4 - tensor.dim()) + tuple(tensor.shape)
    stored: Any = tensors.stored(tensor)
    if stored is None or any(size > 1 for axis, size in enumerate(shape) if axis != along):
        return None
    return replace(made, **{role: stored})
