"""From tensors that layers were called on to a tree, and to a module whose weights are the layers' own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hubel.arch import Chain, Network, Shape, analyse
from hubel.base.errors import NetworkError, OrderError, SettingError
from hubel.model.layers.arrays import last
from hubel.model.layers.layer import Layer
from hubel.model.layers.names import identifier
from hubel.model.layers.own import OwnLayer
from hubel.model.layers.tensor import PROBE, KerasTensor
from hubel.model.layers.weights import orders
from hubel.nn import NetworkModule, build
from hubel.nn.reading.folding import written
from hubel.nn.reading.graph import Step


class Answer(NamedTuple):
    """An output, channels last and in Keras's order; known: N×T, False at steps that count for nothing."""

    values: Tensor
    known: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Assembled:
    """A model for inputs of one shape, as a tree.

    order: that of what comes out, where it is a flattened picture (`hubel.model.layers.weights.flattened`).
    """

    network: Network
    module: NetworkModule
    order: Tensor | None = None

    @property
    def softmaxed(self) -> tuple[bool, ...]:
        """Whether the output is closed by a softmax, and so can be had without."""
        return (isinstance(next(reversed(list(self.module.children())), None), nn.Softmax),)

    @property
    def outputs(self) -> list[Shape]:
        """The output's shape."""
        return [analyse(self.network).output_shape]

    def answers(self, inputs: Sequence[Tensor], bare: Sequence[bool] = (False,)) -> list[Answer]:
        """Return what comes out of N×C×…; `bare` of its softmax."""
        found = self.module.logits(inputs[0]) if bare[0] else self.module(inputs[0])
        return [Answer(last(found if self.order is None else found[:, self.order]))]


def ordered(starts: Sequence[KerasTensor], ends: Sequence[KerasTensor]) -> list[KerasTensor]:
    """Return all tensors from the inputs to the outputs, each after those it is made of.

    Raises SettingError where one hangs on another input, or no output on one of the inputs.
    """
    found: list[KerasTensor] = []
    seen: set[int] = set()
    waiting = [(end, False) for end in reversed(ends)]
    while waiting:
        tensor, ready = waiting.pop()
        if ready:
            found.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            if tensor.layer is None and tensor not in starts:
                names = ", ".join(start.name for start in starts)
                raise SettingError(
                    f"expected outputs that are made of the inputs {names}, received some that need {tensor.name} too"
                )
            waiting.append((tensor, True))
            if tensor not in starts:
                waiting += [(each, False) for each in reversed(tensor.given)]
    missing = [start for start in starts if start not in found]
    if missing:
        raise SettingError(f"expected outputs that are made of the input {missing[0].name}, received some that are not")
    return [*starts, *(tensor for tensor in found if tensor not in starts)]


def in_keras_order(tensors: Sequence[KerasTensor], ends: Sequence[KerasTensor]) -> list[Layer]:
    """Return the layers as Keras lists them: those farthest from the outputs first, of equal ones those first that are
    met first on the way from the outputs to the inputs.
    """
    met: dict[Layer, int] = {}
    seen: set[int] = set()
    waiting = list(reversed(ends))
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen or tensor not in tensors:
            continue
        seen.add(id(tensor))
        if tensor.layer is not None:
            met.setdefault(tensor.layer, len(met))
            waiting += reversed(tensor.given)
    steps: dict[int, int] = {}
    depth: dict[Layer, int] = {}
    for tensor in reversed(tensors):
        if tensor.layer is None:
            continue
        own = depth[tensor.layer] = max(steps.get(id(tensor), 0), depth.get(tensor.layer, 0))
        for given in tensor.given:
            steps[id(given)] = max(own + 1, steps.get(id(given), 0))
    return sorted(depth, key=lambda layer: (-depth[layer], met.get(layer, 0)))


def no_tree(starts: Sequence[KerasTensor], tensors: Sequence[KerasTensor], ends: Sequence[KerasTensor]) -> str | None:
    """Return why this is no tree, in words; None where it may be one."""
    if len(starts) != 1:
        return f"{len(starts)} inputs"
    if len(ends) != 1:
        return f"{len(ends)} outputs"
    seen: set[int] = set()
    for tensor in tensors:
        layer = tensor.layer
        if layer is None:
            continue
        if layer.joins is None and len(tensor.given) > 1:
            return f"{layer.name}, a layer of {len(tensor.given)} tensors"
        if layer.masks == "makes":
            return f"{layer.name}, which masks steps"
        if _is_computed(layer, tensor.given):
            return f"{layer.name}, for which trees have no layer"
        if layer.why_no_tree is not None:
            return f"{layer.name}, a model of {layer.why_no_tree}"
        if id(layer) in seen and layer.joins is None and _weighs(layer, tensor.given[0]):
            return f"{layer.name} in two places with the same weights"
        seen.add(id(layer))
    return None


def _is_computed(layer: Layer, given: Sequence[KerasTensor]) -> bool:
    """Whether a layer is one of Keras's that is no node of the tree here."""
    if not layer.is_own or not layer.is_in_files or len(given) != 1:
        return False
    return isinstance(layer.node_at(_shape_of(given[0])), OwnLayer)


def _shape_of(tensor: KerasTensor) -> Shape:
    return tuple(PROBE if axis is None else axis for axis in tensor.shape[1:])


def _weighs(layer: Layer, given: KerasTensor) -> bool:
    """Whether a layer has weights, made or not."""
    if layer.holds_weights:
        return True
    shape = _shape_of(given)
    return analyse(Network(shape, Chain(layer.node_at(shape)))).parameters > 0


def assemble(name: str, shape: Shape, tensors: Sequence[KerasTensor]) -> Assembled:
    """Return the tree and the module for inputs of a shape; the last tensor is what comes out.

    Raises ShapeError where shapes do not fit, SettingError where branches do not nest, and OrderError where weights
    would not be in Keras's order.
    """
    place = {id(tensor): number for number, tensor in enumerate(tensors)}
    shapes: list[Shape] = [shape]
    steps, used = [Step("the input", None, (), shape=shape)], list[Layer | None]([None])
    for tensor in tensors[1:]:
        layer = tensor.layer
        assert layer is not None
        given = [place[id(each)] for each in tensor.given]
        shapes.append(layer.shape_after([shapes[at] for at in given]))
        what: Any = layer.joins or layer.node_at(shapes[given[0]])
        steps.append(Step(layer.name, what, tuple(given), shape=shapes[-1]))
        used.append(layer)
    try:
        body, made = written(steps)
    except NetworkError as error:
        raise SettingError(str(error)) from None
    network = Network(shape, body, identifier(name))
    nodes = {at: made.get(at) if isinstance(step.what, type) else step.what for at, step in enumerate(steps)}
    owners = {id(nodes[at]): (layer, shapes[steps[at].inputs[0]]) for at, layer in enumerate(used) if layer is not None}
    owners = {node: (layer, given) for node, (layer, given) in owners.items() if layer.joins is None}
    found = orders(network)
    _tell_orders(network, owners, found)
    module = build(network, {node: layer.modules_at(given) for node, (layer, given) in owners.items()})
    return Assembled(network, module, found.get(""))


def _tell_orders(network: Network, owners: Mapping[int, tuple[Layer, Shape]], found: Mapping[str, Tensor]) -> None:
    """Tell the layers that see a flattened picture the order of its numbers. Raises OrderError where one is in another
    model that has it otherwise.
    """
    by_leaf: dict[int, Layer] = {}
    for layer, given in owners.values():
        by_leaf.update(layer.leaves_at(given))
    seen: dict[Layer, Tensor | None] = {}
    for row in analyse(network).rows:
        if (owner := by_leaf.get(id(row.node))) is not None:
            seen[owner] = found.get(row.path) if seen.get(owner) is None else seen[owner]
    for layer, order in seen.items():
        if layer.holds_weights and layer.is_ordered and not same_order(layer.sees_order, order):
            raise OrderError(f"{layer.name} sees flattened pictures of two shapes")
    for layer, order in seen.items():
        layer.sees_order, layer.is_ordered = order, True


def same_order(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two orders are one."""
    return one is other or (one is not None and other is not None and torch.equal(one, other))
