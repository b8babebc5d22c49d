"""From the steps of a graph to the nodes of a tree: what joins branches is folded with all between it and the fork."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import hubel.arch as arch
from hubel.arch import Chain, Concat, Product
from hubel.nn.reading.graph import Step, carried, common, does_not_nest, dominators, nested


def folded(steps: list[Step]) -> tuple[Chain, dict[int, Mapping[str, Any]]]:
    """Return the chain from the first step, which is the input, to the last; and each layer's weights, by its `id`.

    Branches that do not nest are made to: what two of them share is carried along, as channels beside the others.
    """
    body, folding = _body(steps, whole=False)
    return body, folding.weights


def written(steps: list[Step]) -> tuple[Chain, dict[int, arch.Node]]:
    """Return the chain from the first step, which is the input, to the last, every layer as it is; and the node of each
    step by its place, of none where branches that do not nest were made to.
    """
    body, folding = _body(steps, whole=True)
    return body, folding.made if len(folding.steps) == len(steps) else {}


def _body(steps: list[Step], whole: bool) -> tuple[Chain, _Folding]:
    steps = nested(steps)
    while True:
        folding = _Folding(steps, whole)
        nodes = folding.chain(len(steps) - 1, 0)
        if not folding.shared:
            return Chain(*nodes or [arch.Identity()]), folding
        steps = carried(steps, min(folding.shared))


class _Folding:
    """Folds a graph into a tree: what joins branches is folded with all that lies between it and where they fork.

    shared: steps that were met in two branches, of a tree that is none. whole: no product of several layers becomes
    what is usually written for it. made: the node of each step.
    """

    def __init__(self, steps: list[Step], whole: bool = False) -> None:
        self.whole, self.made = whole, dict[int, arch.Node]()
        self.steps = steps
        self.weights = {id(step.what): step.weights for step in steps}
        self.fork = dominators([step.inputs for step in steps])
        self.used: set[int] = set()
        self.shared: set[int] = set()

    def chain(self, end: int, start: int) -> list[arch.Node]:
        """Return the nodes after `start` up to `end`; every way to `end` goes through `start`."""
        nodes: list[list[arch.Node]] = []
        while end != start:
            step, fork = self.steps[end], self.fork[end]
            if step.what is None:
                raise does_not_nest(step)
            if end in self.used:
                self.shared.add(end)
                break
            self.used.add(end)
            own: list[arch.Node] = (
                [step.what] if not isinstance(step.what, type) else self.join(step, step.inputs, fork)
            )
            nodes.append(own)
            self.made[end] = own[-1]
            end = fork
        return _selected_once(node for part in reversed(nodes) for node in part)

    def join(self, step: Step, inputs: Sequence[int], fork: int) -> list[arch.Node]:
        """Return the nodes after `fork` that join these inputs; those that share a beginning are joined by themselves.

        concat(x, f(x), g(f(x))) is concat(identity | f, concat(identity | g)).
        """
        groups = self._groups(inputs, fork, step.what is not Concat)
        if len(groups) == 1:
            beginning = common(self.fork, inputs)
            return [*self.chain(beginning, fork), *self.join(step, inputs, beginning)]
        branches = [self.chain(group[0], fork) if len(group) == 1 else self.join(step, group, fork) for group in groups]
        gate = self.single(step, branches) if step.what is Product and not self.whole else None
        return [gate or step.what(*map(_branch, branches))]  # type: ignore[misc, operator]

    def _groups(self, inputs: Sequence[int], fork: int, in_any_order: bool) -> list[list[int]]:
        """Return the inputs, those together that share the first step after the fork."""
        groups: list[tuple[int | None, list[int]]] = []
        for given in inputs:
            first = self._first_after(given, fork)
            known = [group for own, group in groups[0 if in_any_order else -1 :] if own == first is not None]
            if known:
                known[0].append(given)
            else:
                groups.append((first, [given]))
        return [group for _, group in groups]

    def _first_after(self, place: int, fork: int) -> int | None:
        while place != fork and self.fork[place] != fork:
            place = self.fork[place]
        return None if place == fork else place

    def single(self, step: Step, branches: Sequence[Sequence[arch.Node]]) -> arch.Node | None:
        """Return what a product is usually written as, silu or squeeze and excitation; None where it is another."""
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
                product = deepcopy(arch.SqueezeExcitation(ratio).composed(step.shape))  # layers of its own
                for layer, node in zip(arch.leaves(product), (None, None, squeeze, excite), strict=True):
                    self.weights[id(layer)] = {} if node is None else self.weights[id(node)]
                return product
        return None


def _selected_once(nodes: Iterable[arch.Node]) -> list[arch.Node]:
    """Write a selection out of selected channels as one."""
    found: list[arch.Node] = []
    for node in nodes:
        last = found[-1] if found else None
        if isinstance(node, arch.SelectChannels) and isinstance(last, arch.SelectChannels):
            found[-1] = arch.SelectChannels(tuple(last.channels[channel] for channel in node.channels))
        else:
            found.append(node)
    return found


def _branch(nodes: Sequence[arch.Node]) -> arch.Node:
    """Return one branch as a node."""
    return nodes[0] if len(nodes) == 1 else Chain(*nodes or [arch.Identity()])


def _dense(layer: arch.Conv2D | arch.Dense) -> bool:
    """Whether a layer connects all channels of one place, with a bias."""
    if isinstance(layer, arch.Conv2D) and (layer.kernel_size != (1, 1) or layer.groups != 1):
        return False
    return layer.use_bias
