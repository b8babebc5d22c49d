"""Normalisation of groups of channels that PyTorch's exporters have written out, put together again."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from math import prod
from pathlib import Path
from typing import Any

from hubel.nn.inspection.onnx.parts import taken
from hubel.nn.inspection.onnx.writing import WORKED_OUT

_NAMELESS = re.compile(r"val_\d+$")  # what PyTorch's newer exporter calls constants that are no parameters


def put_together(graph: Any, folder: Path) -> int:
    """Put ONNX's GroupNormalization in place of each that is written out: pictures reshaped to one row of numbers for
    each group, normalised with ones and zeros, reshaped back, and multiplied and shifted. Return how many there were.

    Ones and zeros of other normalisations that are no parameters of the model's are marked as not stored.
    """
    looking, gone, done = _Graph(graph, folder), set[int](), 0
    for node in [each for each in graph.node if each.op_type == "InstanceNormalization"]:
        if not looking.plain(node.input[1], 1) or not looking.plain(node.input[2], 0):
            continue
        found = looking.around(node)
        if found is not None:
            inside, last, source, weights = found
            groups = looking.sizes[node.input[1]][0]
            settings = [each for each in node.attribute if each.name == "epsilon"]
            made = importlib.import_module("onnx.helper").make_node(
                "GroupNormalization", [source, *weights], last.output, node.name or node.output[0], num_groups=groups
            )
            made.attribute.extend(settings)
            last.CopyFrom(made)
            gone.update(id(each) for each in inside if each is not last)
            done += 1
        elif looking.nameless(node.input[1]) and looking.nameless(node.input[2]):
            for place in (1, 2):
                array = looking.array(node.input[place])
                tensor = importlib.import_module("onnx.numpy_helper").from_array(array, f"{node.output[0]}/{place}")
                tensor.doc_string, node.input[place] = WORKED_OUT, tensor.name
                graph.initializer.append(tensor)
    left = [node for node in graph.node if id(node) not in gone]
    read = {name for node in left for name in taken(node)} | {each.name for each in graph.output}
    unread = looking.read - read
    stored = [tensor for tensor in graph.initializer if tensor.name not in unread]
    nodes = [node for node in left if node.op_type not in ("Shape", "Constant") or not unread.issuperset(node.output)]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(stored)
    return done


class _Graph:
    """Looks at what is around a normalisation."""

    def __init__(self, graph: Any, folder: Path) -> None:
        self.folder, self.read = folder, {name for node in graph.node for name in taken(node)}
        self.maker = {name: node for node in graph.node for name in node.output}
        self.uses = Counter(name for node in graph.node for name in taken(node))
        self.uses.update(each.name for each in graph.output)
        self.user = {name: node for node in graph.node for name in node.input}
        self.stored = {tensor.name: tensor for tensor in graph.initializer}
        self.inline = {node.output[0] for node in graph.node if node.op_type in ("Constant", "ConstantOfShape")}
        for node in graph.node:
            if node.op_type == "Constant":
                self.stored.update((node.output[0], each.t) for each in node.attribute if each.name == "value")
        self.sizes = {name: tuple(tensor.dims) for name, tensor in self.stored.items()}

    def array(self, name: str) -> Any:
        """Return a stored tensor's numbers."""
        return importlib.import_module("onnx.numpy_helper").to_array(self.stored[name], base_dir=str(self.folder))

    def plain(self, name: str, number: int) -> bool:
        """Whether a stored tensor is this number everywhere."""
        if name not in self.stored or len(self.sizes[name]) != 1:
            return False
        try:
            return bool((self.array(name) == number).all())
        except (OSError, ValueError, TypeError):  # it is not there, or damaged
            return False

    def nameless(self, name: str) -> bool:
        """Whether a constant has no name of a model's parameter."""
        return name in self.inline or _NAMELESS.match(name) is not None

    def around(self, node: Any) -> tuple[list[Any], Any, str, list[str]] | None:
        """Return the nodes of a normalisation of groups, the last of them, what it is given, and what it has stored."""
        before, after = self.maker.get(node.input[0]), self._next(node)
        if before is None or after is None or (before.op_type, after.op_type) != ("Reshape", "Reshape"):
            return None
        source = before.input[0]
        if self.uses[before.output[0]] > 1 or not self._back(after.input[1], source):
            return None
        inside, scaled = [before, node, after], self._learned(after, "Mul")
        shifted = None if scaled is None else self._learned(scaled[0], "Add")
        if scaled is None or shifted is None:
            return inside, after, source, []
        weights = [scaled[1], shifted[1]]
        both = zip(weights, (1, 0), strict=True)
        if all(name in self.inline and (self.array(name) == number).all() for name, number in both):
            weights = []
        elif not self._alike(scaled[1], shifted[1], node.input[1]):
            return inside, after, source, []
        return [*inside, scaled[0], shifted[0]], shifted[0], source, weights

    def _next(self, node: Any) -> Any:
        """Return what alone takes what a node gives."""
        return self.user.get(node.output[0]) if self.uses[node.output[0]] == 1 else None

    def _learned(self, node: Any, kind: str) -> tuple[Any, str] | None:
        """Return the node that follows with a stored tensor, if it is of a kind, and that."""
        following = self._next(node)
        names = [] if following is None else [name for name in following.input if name in self.stored]
        return (following, names[0]) if len(names) == 1 and following.op_type == kind else None

    def _alike(self, scale: str, shift: str, groups: str) -> bool:
        """Whether both have a number for each channel, some channels a group."""
        channels = prod(self.sizes[scale])
        along = [size for size in self.sizes[scale] if size != 1] in ([channels], [])
        return along and self.sizes[scale] == self.sizes[shift] and channels % self.sizes[groups][0] == 0

    def _back(self, name: str, source: str) -> bool:
        """Whether sizes are stored, or worked out of those of `source`."""
        maker = self.maker.get(name)
        if name in self.stored or maker is None:
            return name in self.stored
        if maker.op_type == "Shape":
            return bool(maker.input[0] == source)
        return bool(maker.input) and all(self._back(each, source) for each in maker.input)
