"""From the steps of a graph to the nodes of a tree: what joins branches is folded with all between it and the fork."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import hubel.arch as arch
from hubel.arch import Chain, Concat, Layer, Sum


class Gated:
    """A picture is multiplied by what a small network makes of it: the first input by the second."""


@dataclass(frozen=True)
class Step:
    """An operation of the graph: a layer, or what joins branches; `inputs` are the places of what it takes.

    `weights` are the layer's tensors, by the names that the tree's module has for them.
    """

    name: str
    what: Layer | type[Sum] | type[Concat] | type[Gated] | None
    inputs: tuple[int, ...]
    weights: Mapping[str, Any] = field(default_factory=dict)
    shape: arch.Shape = ()


def folded(steps: list[Step]) -> tuple[Chain, dict[int, Mapping[str, Any]]]:
    """Return the chain from the first step, which is the input, to the last; and each layer's weights, by its `id`."""
    folding = _Folding(steps)
    nodes = folding.chain(len(steps) - 1, 0)
    return Chain(*nodes or [arch.Identity()]), folding.weights


class _Folding:
    """Folds a graph into a tree: what joins branches is folded with all that lies between it and where they fork."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = _nested(steps)
        self.weights = {id(step.what): step.weights for step in steps}
        self.fork = _dominators(self.steps)
        self.used: set[int] = set()

    def chain(self, end: int, start: int) -> list[arch.Node]:
        """Return the nodes after `start` up to `end`; every way to `end` goes through `start`."""
        nodes: list[arch.Node] = []
        while end != start:
            step = self.steps[end]
            if end in self.used or step.what is None:
                raise ValueError(
                    f"{step.name}: its output goes into branches that do not nest; a tree is made of chains, and of "
                    "sums and concatenations inside one another"
                )
            self.used.add(end)
            fork = self.fork[end]
            if isinstance(step.what, Layer):
                nodes.append(step.what)
            elif issubclass(step.what, Gated):
                nodes.append(self.gate(end, fork))
            else:
                nodes.append(step.what(*(self.branch(given, fork) for given in step.inputs)))
            end = fork
        return nodes[::-1]

    def gate(self, place: int, fork: int) -> arch.Node:
        """Return the gate that multiplies a picture by what lies between it and `place`."""
        step = self.steps[place]
        if fork != step.inputs[0]:
            raise ValueError(f"{step.name}: a tree multiplies a picture only by what is made of that same picture")
        inside = self.chain(step.inputs[1], fork)
        layers = [node for node in inside if not isinstance(node, (arch.Flatten, arch.Reshape))]
        layer = _squeeze_excitation(step, layers)
        self.weights[id(layer)] = {
            f"{name}.{role}": tensor
            for name, node in (("squeeze", layers[1]), ("excite", layers[3]))
            for role, tensor in self.weights[id(node)].items()
        }
        return layer

    def branch(self, end: int, start: int) -> arch.Node:
        """Return one branch as a node."""
        nodes = self.chain(end, start)
        if not nodes:
            return arch.Identity()
        return nodes[0] if len(nodes) == 1 else Chain(*nodes)


def _squeeze_excitation(step: Step, layers: Sequence[arch.Node]) -> arch.SqueezeExcitation:
    """Return the tree's gate that these layers are; raise `ValueError` where they are another."""
    channels = step.shape[-1]
    match layers:
        case [
            arch.GlobalAveragePooling2D(),
            arch.Conv2D() | arch.Dense() as squeeze,
            arch.Activation("relu"),
            arch.Conv2D() | arch.Dense() as excite,
            arch.Activation("sigmoid"),
        ] if (
            squeeze.use_bias and excite.use_bias and getattr(squeeze, "groups", 1) == 1 == getattr(excite, "groups", 1)
        ):
            narrow = squeeze.filters if isinstance(squeeze, arch.Conv2D) else squeeze.units
            ratio = next((ratio for ratio in range(1, channels + 1) if max(1, channels // ratio) == narrow), None)
            if ratio is not None:
                return arch.SqueezeExcitation(ratio)
            raise ValueError(
                f"{step.name}: the tree's SqueezeExcitation narrows channels by a whole ratio, not {channels} to "
                f"{narrow}"
            )
    listed = ", ".join(getattr(node, "function", type(node).__name__) for node in layers) or "itself"
    raise ValueError(
        f"{step.name}: a tree multiplies a picture by global average, dense, relu, dense, sigmoid (squeeze and "
        f"excitation), not by {listed}"
    )


def _dense(layer: arch.Conv2D | arch.Dense) -> bool:
    """Whether a layer connects all channels of one place, with a bias."""
    if isinstance(layer, arch.Conv2D) and (layer.kernel_size != (1, 1) or layer.groups != 1):
        return False
    return layer.use_bias


def _nested(steps: list[Step]) -> list[Step]:
    """Write concat(a, b, c) as concat(concat(a, b), c) where concat(a, b) is in the graph too, as in DenseNet."""
    known: dict[tuple[int, ...], int] = {}
    found = []
    for place, step in enumerate(steps):
        inputs = step.inputs
        if step.what is Concat:
            shorter = next((n for n in range(len(inputs) - 1, 1, -1) if inputs[:n] in known), 0)
            if shorter:
                inputs = (known[inputs[:shorter]], *inputs[shorter:])
            known[step.inputs] = place
        found.append(replace(step, inputs=inputs))
    return found


def _dominators(steps: list[Step]) -> list[int]:
    """Find for each step the last one before it through which every way from the input goes."""
    found = [0]
    for step in steps[1:]:
        candidates = set(step.inputs)
        while len(candidates) > 1:  # the latest of them cannot be it
            latest = max(candidates)
            candidates = (candidates - {latest}) | {found[latest]}
        found.append(candidates.pop())
    return found
