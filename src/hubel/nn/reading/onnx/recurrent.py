"""ONNX's LSTM, GRU and RNN, and what exporters write around them to get at all states, or the last ones.

Each layer stands twice, once giving all its states and once the last: what is not taken is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import hubel.arch as arch
from hubel.arch import Concat
from hubel.base.errors import NetworkError
from hubel.nn.reading.graph import Step
from hubel.nn.reading.lying import TURNS
from hubel.nn.reading.onnx.node import Node

CELLS: dict[str, type[arch.LSTM] | type[arch.GRU] | type[arch.SimpleRNN]] = {
    "LSTM": arch.LSTM,
    "GRU": arch.GRU,
    "RNN": arch.SimpleRNN,
}
PEEPHOLES = 7
BACK = " back"
"""What stands behind how a sequence lies whose last step comes first."""


@dataclass(frozen=True)
class Value:
    """A tensor: the place of the step that makes it, and how it lies (see `lying.TURNS`).

    "ways" are all states of a recurrent layer, steps × ways × images × units, "ends" the last of each, without steps,
    "cells" what an LSTM keeps beside;
    `ends` are the places of those, one for each way or layer, and of all states that of the last one.
    """

    place: int
    order: str = "first"
    ends: tuple[int, ...] = ()


def recurred(steps: list[Step], node: Node, value: Value) -> tuple[Value, ...]:
    """Add the steps of a recurrent operator; return what it gives."""
    backwards = _refused(node, value)
    weights, recurrent = node.weights[0], node.weights[1]
    units, length = recurrent[2], node.given[0]
    cell: Any = CELLS[node.kind]
    more = {"activation": _functions(node)[0].lower()} if node.kind == "RNN" else {}
    every, ends = list[int](), list[int]()
    for way in range(weights[0]):
        goes_back = bool(way) or backwards
        for sequences in (True, False):
            layer = cell(units, use_bias=_has(node, 3), return_sequences=sequences, go_backwards=goes_back, **more)
            (every if sequences else ends).append(len(steps))
            shape = (length, units) if sequences else (units,)
            steps.append(Step(node.label, layer, (value.place,), shape=shape))
    reverse = node.settings.get("direction") == b"reverse"  # whose states stand in the order of the steps
    last = Value(ends[0], "ends", tuple(ends))
    return Value(every[0], "ways", () if reverse else last.ends), last, Value(ends[0], "cells")


def biases_beside(node: Node) -> int:
    """Return how many numbers of its biases the tree has not: the second one's of an LSTM and an RNN."""
    if node.kind == "GRU" or not _has(node, 3):
        return 0
    return node.weights[0][0] * node.weights[0][1]


def _has(node: Node, place: int) -> bool:
    return len(node.inputs) > place and bool(node.inputs[place])


def _functions(node: Node) -> list[str]:
    given = [each.decode() for each in node.settings.get("activations", ())]
    return given or ["Tanh"]


def _refused(node: Node, value: Value) -> bool:
    """Say what of its settings the tree has no place for; return whether it reads the last step first."""
    usual = {"LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"], "RNN": ["Tanh"]}[node.kind]
    ways = node.weights[0][0] if node.weights else 1
    known = [usual * ways, *([["Relu"] * ways] if node.kind == "RNN" else [])]
    direction = node.settings.get("direction", b"forward").decode()
    if value.order.removesuffix(BACK) != "steps":
        raise NetworkError("its input, T×N×C, is not what comes of a sequence's steps and features")
    if len(node.weights) < 2 or len(node.weights[1]) != 3 or node.inputs[0] not in node.takes:
        raise NetworkError(f"the tree's {node.kind} has weights that are stored")
    if "activations" in node.settings and _functions(node) not in known:
        raise NetworkError(f"the tree's {node.kind} has no {', '.join(_functions(node))}")
    if node.settings.get("clip") or node.settings.get("input_forget") or _has(node, PEEPHOLES):
        raise NetworkError(f"the tree's {node.kind} has no limits, coupled gates or peepholes")
    if node.settings.get("layout") or _has(node, 4):
        raise NetworkError(f"the tree's {node.kind} takes all steps, which come first in a file")
    if node.kind == "GRU" and not node.settings.get("linear_before_reset"):
        raise NetworkError("the tree's GRU resets what comes of the state, as PyTorch's (linear_before_reset=1)")
    for place in (5, 6):
        if _has(node, place) and ((begin := node.array(place)) is None or begin.any()):
            raise NetworkError("in a tree states begin with zeros, here with others")
    reverse = direction == "reverse"
    if value.order.endswith(BACK) and (reverse or ways > 1):
        raise NetworkError("a tree reads a sequence one way or the other")
    return reverse or value.order.endswith(BACK)


def moved(steps: list[Step], node: Node, values: list[Value]) -> Value | None:
    """Read what is done to states, or to a sequence whose steps are turned; None for another operation."""
    value = values[0]
    if node.kind == "Concat" and {one.order for one in values} == {"ends"} and node.settings.get("axis") == 0:
        return replace(value, ends=tuple(place for one in values for place in one.ends))
    if len(values) > 1:
        return None
    if value.order.split()[0] in _READERS:
        found = _READERS[value.order.split()[0]](steps, node, value)
        if found is None:
            what = {"ways": "states at all steps", "ends": "last states", "cells": "cells"}[value.order.split()[0]]
            raise NetworkError(f"of an LSTM's, GRU's or RNN's {what} a tree has no {node.kind} like this")
        return found
    if value.order.removesuffix(BACK) in ("last", "steps"):
        return _of_sequence(node, value)
    return None


def _of_ways(steps: list[Step], node: Node, value: Value) -> Value | None:
    """All states: without the axis of ways the steps come first."""
    if node.kind == "Transpose" and value.order == "ways" and tuple(node.settings["perm"]) == (0, 2, 1, 3):
        return replace(value, order="ways turned")
    if len(value.ends) > 1 and node.kind in ("Reshape", "Squeeze", "Gather", "Split", "Slice"):
        raise NetworkError("a tree has no place for the states of both ways at each step (the last of each it has)")
    without = (node.given[0], *node.given[2:]) if value.order == "ways" else (*node.given[:2], node.given[3])
    steps_of = node.kind in ("Squeeze", "Reshape") and len(value.ends) == 1 and node.made == without
    return replace(value, order="steps") if steps_of else None


def _of_ends(steps: list[Step], node: Node, value: Value) -> Value | None:
    """The last states, one for each way or layer: one of them, or all beside one another."""
    if node.kind == "Transpose" and value.order == "ends" and tuple(node.settings["perm"]) == (1, 0, 2):
        return replace(value, order="ends turned")
    if node.kind in ("Squeeze", "Reshape", "Flatten") and value.order == "ends" and len(value.ends) == 1:
        return Value(value.ends[0]) if node.made == node.given[1:] else None
    if node.kind in ("Reshape", "Flatten", "Squeeze") and value.order == "ends turned":
        if node.made != (node.given[0], node.given[1] * node.given[2]):
            return None
        if len(value.ends) == 1:
            return Value(value.ends[0])
        steps.append(Step(node.label, Concat, value.ends, shape=node.made[1:]))
        return Value(len(steps) - 1)
    if value.order == "ends" and node.kind in ("Gather", "Slice"):
        chosen = _chosen(node, 0)
        if isinstance(chosen, int):
            return Value(value.ends[chosen])
        if chosen is not None:
            return replace(value, ends=tuple(value.ends[place] for place in chosen))
    return None


_READERS: dict[str, Callable[[list[Step], Node, Value], Value | None]] = {
    "ways": _of_ways,
    "ends": _of_ends,
    "cells": lambda steps, node, value: None,
}


def _of_sequence(node: Node, value: Value) -> Value | None:
    """A sequence: turned round in time, brought into another order, or its last state taken."""
    order, back = value.order.removesuffix(BACK), BACK if value.order.endswith(BACK) else ""
    axis = 0 if order == "steps" else 1
    if node.kind == "Transpose" and (back or value.ends):
        turned = TURNS.get((order, tuple(node.settings["perm"])))
        return None if turned is None else replace(value, order=turned + back)
    if node.kind not in ("Gather", "Slice") or len(node.given) != 3:
        return None
    chosen = _chosen(node, axis)
    if chosen == range(node.given[axis] - 1, -1, -1):
        return replace(value, order=order if back else order + BACK, ends=())
    if value.ends and not back and isinstance(chosen, int) and chosen == node.given[axis] - 1:
        return Value(value.ends[0])
    if value.ends and not back and chosen == range(node.given[axis] - 1, node.given[axis]):
        return Value(value.ends[0], "ends" if axis == 0 else "ends turned", value.ends)
    return None


def _chosen(node: Node, axis: int) -> int | range | None:
    """Return which of an axis's places a node takes: one, without the axis, or several; None of another axis."""
    size = node.given[axis]
    if node.kind == "Gather":
        place = node.array(1)
        own = node.settings.get("axis", 0) % len(node.given) == axis
        return int(place) % size if own and place is not None and place.ndim == 0 else None
    starts, ends, axes = (node.numbers(name, place) for place, name in enumerate(("starts", "ends", "axes"), 1))
    steps = node.numbers("steps", 4) or (1,) * len(starts)
    if len(starts) != 1 or (axes or (0,))[0] % len(node.given) != axis:
        return None
    return range(size)[starts[0] : ends[0] : steps[0]]
