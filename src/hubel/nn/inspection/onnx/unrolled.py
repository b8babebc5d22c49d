"""RNNs that an exporter (PyTorch's newer one) has written out step by step, put together again."""

from __future__ import annotations

import importlib
from collections import defaultdict
from pathlib import Path
from typing import Any

CELLS = ("Tanh", "Relu")


def rolled_up(graph: Any, folder: Path) -> int:
    """Put ONNX's RNN in place of every one that is written out; return how many there were."""
    done = 0
    while (found := _Graph(graph, folder).first()) is not None:
        _replace(graph, *found)
        done += 1
    if done:
        _without_stacks(graph)
    return done


class _Graph:
    """Looks for the first step of an RNN, and follows it to the last."""

    def __init__(self, graph: Any, folder: Path) -> None:
        self.graph, self.folder = graph, folder
        self.numpy = importlib.import_module("onnx.numpy_helper")
        self.maker = {name: node for node in graph.node for name in node.output}
        self.users: dict[str, list[Any]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self.users[name].append(node)
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                self.stored.update((node.output[0], each.t) for each in node.attribute if each.name == "value")

    def first(self) -> tuple[list[Any], list[Any], list[Any]] | None:
        """Return what goes, what comes in its place, and what that stores."""
        for node in self.graph.node:
            try:
                found = self._from(node) if node.op_type in CELLS else None
            except (LookupError, ValueError, OSError):  # of another form, or its numbers are not there
                continue
            if found is not None:
                return found
        return None

    def _array(self, name: str) -> Any:
        return self.numpy.to_array(self.stored[name], base_dir=str(self.folder))

    def _only(self, node: Any, kind: str) -> Any:
        """Return the one of its users that is of a kind."""
        (found,) = (user for user in self.users[node.output[0]] if user.op_type == kind)
        return found

    def _split(self, node: Any) -> tuple[str, str]:
        """Return what a node takes besides what is stored, and that."""
        one, other = node.input
        return (one, other) if other in self.stored else (other, one)

    def _step(self, name: str) -> tuple[str, int, list[Any]]:
        """Return of which sequence a step is taken, which one, and by what."""
        squeeze = self.maker[name]
        cut = self.maker[squeeze.input[0]]
        if (squeeze.op_type, cut.op_type) != ("Squeeze", "Slice") or int(self._array(cut.input[3])[0]):
            raise ValueError(name)
        return cut.input[0], int(self._array(cut.input[1])[0]), [squeeze, cut]

    def _from(self, node: Any) -> tuple[list[Any], list[Any], list[Any]] | None:
        helper = importlib.import_module("onnx.helper")
        begin = self.maker[node.input[0]]
        given, first = self._split(begin)
        if begin.op_type != "Add" or first not in self.stored:
            return None
        sequence, number, gone = self._step(given)
        states, gone = [node], [*gone, begin, node]
        again = self._only(node, "MatMul")
        recurrent, bias = again.input[1], ""
        while number == len(states) - 1 and (
            again := next((one for one in self.users[states[-1].output[0]] if one.input[1:] == [recurrent]), None)
        ):
            add = self._only(again, "Add")
            gone += [again, add]
            if any(name in self.stored for name in add.input):
                _, bias = self._split(add)
                add = self._only(add, "Add")
                gone.append(add)
            (given,) = (name for name in add.input if self.maker[name].op_type == "Squeeze")
            other, number, taken = self._step(given)
            states.append(self._only(add, node.op_type))
            gone += [*taken, states[-1]]
            if other != sequence:
                return None
        whole = next((one for one in self.users[node.output[0]] if one.op_type == "Concat"), None)
        within = [id(one) for one in gone] + [id(whole)]
        inner = [user for state in states[:-1] for user in self.users[state.output[0]]]
        if len(states) < 2 or not {*map(id, inner)} <= {*within}:
            return None
        linear, before = self.maker[sequence], ""
        reverse = linear.op_type == "Slice"
        if reverse:
            gone.append(linear)
            linear = self.maker[linear.input[0]]
        if linear.op_type == "Add":
            gone.append(linear)
            _, before = self._split(linear)
            linear = self.maker[next(name for name in linear.input if name != before)]
        source, weights = linear.input
        gone.append(linear)
        begins = self._array(first).reshape(-1)
        shift = self._array(bias) if bias else 0 * begins
        names = [state.output[0] for state in states]
        if linear.op_type != "MatMul" or abs(begins - shift).max() > 1e-6:  # it begins with another state
            return None
        if whole is not None and [*whole.input] != (names[::-1] if reverse else names):
            return None
        path = f"{names[-1]}/rnn"
        own = [self._array(weights).T[None], self._array(recurrent).T[None]]
        if before or bias:
            shifts = [self._array(name) if name else 0 * begins for name in (before, bias)]
            own.append(importlib.import_module("numpy").concatenate(shifts)[None])
        stored = [self.numpy.from_array(array.copy(), f"{path}/{place}") for place, array in enumerate(own)]
        settings = {"activations": ["Relu"]} if node.op_type == "Relu" else {}
        used = [user for user in self.users[names[-1]] if user is not whole]
        ends = names[-1] if used or names[-1] in {each.name for each in self.graph.output} else f"{path}/last"
        made = [
            helper.make_node(
                "RNN",
                [source, *(tensor.name for tensor in stored)],
                [f"{path}/all", ends],
                path,
                hidden_size=len(begins),
                direction="reverse" if reverse else "forward",
                **settings,
            )
        ]
        if whole is not None:
            gone.append(whole)
            stored.append(self.numpy.from_array(importlib.import_module("numpy").array([1]), f"{path}/ways"))
            made.append(helper.make_node("Squeeze", [f"{path}/all", f"{path}/ways"], [whole.output[0]], f"{path}/ways"))
        return gone, made, stored


def _replace(graph: Any, gone: list[Any], made: list[Any], stored: list[Any]) -> None:
    taken = {name for node in gone for name in node.output}
    nodes = [node for node in graph.node if taken.isdisjoint(node.output)]
    place = next(
        (number for number, node in enumerate(nodes) if {*node.input} & {*made[-1].output, *made[0].output}), 0
    )
    kept = [*nodes[:place], *made, *nodes[place:]]
    used = {name for node in kept for name in node.input} | {each.name for each in graph.output}
    left = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend([*left, *stored])


def _without_stacks(graph: Any) -> None:
    """Take one of several states that were stacked, without the stack."""
    numpy = importlib.import_module("onnx.numpy_helper")
    maker = {name: node for node in graph.node for name in node.output}
    stored = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        stack = maker.get(node.input[0]) if node.op_type == "Gather" else None
        if stack is None or stack.op_type != "Concat" or node.input[1] not in stored:
            continue
        parts, chosen = [maker.get(name) for name in stack.input], numpy.to_array(stored[node.input[1]])
        if chosen.ndim == 0 and all(part is not None and part.op_type == "Unsqueeze" for part in parts):
            node.op_type, node.input[:] = "Identity", [parts[int(chosen)].input[0]]  # type: ignore[union-attr]
            del node.attribute[:]
    used = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
    for kind in ("Concat", "Unsqueeze", "Squeeze"):
        idle = [node for node in graph.node if node.op_type == kind and used.isdisjoint(node.output)]
        for node in idle:
            graph.node.remove(node)
        used = {name for node in graph.node for name in node.input} | {each.name for each in graph.output}
