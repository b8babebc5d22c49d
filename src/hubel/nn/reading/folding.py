"""From the steps of a graph to the nodes of a tree: what joins branches is folded with all between it and the fork."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import hubel.arch as arch
from hubel.arch import Chain, Join, Layer, Product
from hubel.base.errors import NetworkError


@dataclass(frozen=True)
class Step:
    """An operation of the graph: a layer, or what joins branches; `inputs` are the places of what it takes.

    `weights` are the layer's tensors, by the names that the tree's module has for them; `call` says which call of the
    module of that name it is, where it is one's.
    """

    name: str
    what: Layer | type[Join] | None
    inputs: tuple[int, ...]
    weights: Mapping[str, Any] = field(default_factory=dict)
    shape: arch.Shape = ()
    call: int | None = None


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
                raise NetworkError(
                    f"{step.name}: its output goes into branches that do not nest; a tree is made of chains, and of "
                    "sums, concatenations and products inside one another"
                )
            self.used.add(end)
            fork = self.fork[end]
            if isinstance(step.what, Layer):
                nodes.append(step.what)
            else:
                branches = [self.chain(given, fork) for given in step.inputs]
                gate = self.single(step, branches) if step.what is Product else None
                nodes.append(gate or step.what(*map(_branch, branches)))
            end = fork
        return nodes[::-1]

    def single(self, step: Step, branches: Sequence[Sequence[arch.Node]]) -> Layer | None:
        """Return the one layer that a product is, silu or squeeze and excitation; None where it is another."""
        if sum(map(bool, branches)) != 1:  # the other one is the picture itself
            return None
        layers = [node for node in max(branches, key=len) if not isinstance(node, (arch.Flatten, arch.Reshape))]
        match layers:
            case [arch.Activation("sigmoid")]:
                return arch.Activation("silu")
            case [
                arch.GlobalAveragePooling2D(),
                arch.Conv2D() | arch.Dense() as squeeze,
                arch.Activation("relu"),
                arch.Conv2D() | arch.Dense() as excite,
                arch.Activation("sigmoid"),
            ] if _dense(squeeze) and _dense(excite):
                channels = step.shape[-1]
                narrow = squeeze.filters if isinstance(squeeze, arch.Conv2D) else squeeze.units
                ratio = next((ratio for ratio in range(1, channels + 1) if max(1, channels // ratio) == narrow), None)
                if ratio is None:
                    return None
                layer = arch.SqueezeExcitation(ratio)
                self.weights[id(layer)] = {
                    f"{name}.{role}": tensor
                    for name, node in (("squeeze", squeeze), ("excite", excite))
                    for role, tensor in self.weights[id(node)].items()
                }
                return layer
        return None


def _branch(nodes: Sequence[arch.Node]) -> arch.Node:
    """Return one branch as a node."""
    return nodes[0] if len(nodes) == 1 else Chain(*nodes or [arch.Identity()])


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
        if step.what is arch.Concat:
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
