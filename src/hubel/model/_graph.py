"""From tensors that layers were called on to a tree, and to a module whose weights are the layers' own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import hubel.arch as arch
from hubel.arch import Network, Node, Shape, analyse, named_children
from hubel.base.errors import NetworkError, SettingError
from hubel.model.layers.layer import Layer
from hubel.model.layers.names import identifier
from hubel.model.layers.tensor import KerasTensor, known
from hubel.model.layers.weights import flattened_before
from hubel.nn import NetworkModule, build
from hubel.nn.reading.folding import written
from hubel.nn.reading.graph import Step


@dataclass(frozen=True, eq=False)
class Assembled:
    """A model for inputs of one shape.

    places: the path of what gives each tensor, so that it can be listened to; "" is the input's.
    flattened: the shape of the picture that comes out flattened, where it does.
    """

    network: Network
    module: NetworkModule
    places: dict[int, str]
    flattened: Shape | None


def ordered(start: KerasTensor, ends: Sequence[KerasTensor]) -> list[KerasTensor]:
    """Return all tensors from the input to the outputs, each after those it is made of.

    Raises SettingError where one hangs on another input.
    """
    found: list[KerasTensor] = []
    known: set[int] = set()
    waiting = [(end, False) for end in reversed(ends)]
    while waiting:
        tensor, ready = waiting.pop()
        if ready:
            found.append(tensor)
        elif id(tensor) not in known:
            known.add(id(tensor))
            if tensor.layer is None and tensor is not start:
                raise SettingError(
                    f"expected a model of one input, received one that needs {start.name} and {tensor.name}: a "
                    "tree has one input"
                )
            waiting.append((tensor, True))
            waiting += [(each, False) for each in reversed(tensor.given)]
    if start not in found:
        raise SettingError(f"expected outputs that are made of the input {start.name}, received some that are not")
    return [start, *(tensor for tensor in found if tensor is not start)]


def check_once(tensors: Sequence[KerasTensor]) -> None:
    """Raise SettingError where a layer with weights is called twice: a tree has each of its layers once."""
    seen: set[int] = set()
    for tensor in tensors:
        layer = tensor.layer
        if layer is None or layer.joins is not None:
            continue
        if id(layer) in seen and _weighs(layer, tensor.given[0]):
            raise SettingError(
                f"expected each layer with weights in one place, received {layer.name} in two; a tree shares no "
                f"weights: make another {type(layer).__name__}"
            )
        seen.add(id(layer))


def _weighs(layer: Layer, given: KerasTensor) -> bool:
    """Whether a layer has weights, made or not."""
    shape = known(given.shape[1:])
    if layer.weights or shape is None:
        return bool(layer.weights)
    return analyse(Network(shape, arch.Chain(layer.node_at(shape)))).parameters > 0


def assemble(name: str, shape: Shape, tensors: Sequence[KerasTensor]) -> Assembled:
    """Return the tree and the module for inputs of a shape; the last tensor is what comes out.

    Raises ShapeError where shapes do not fit, and NetworkError where branches do not nest.
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
    _tell_flattened(network, owners)
    module = build(network, {node: layer.modules_at(given) for node, (layer, given) in owners.items()})
    paths = _paths(network)
    places = {id(tensors[at]): paths[id(node)] for at, node in nodes.items() if id(node) in paths}
    picture = flattened_before(network).get("")
    return Assembled(network, module, {**places, id(tensors[0]): ""}, picture)


def _tell_flattened(network: Network, owners: Mapping[int, tuple[Layer, Shape]]) -> None:
    """Tell the layers that see a flattened picture its shape."""
    flattened = flattened_before(network)
    by_leaf: dict[int, Layer] = {}
    for layer, given in owners.values():
        by_leaf.update(layer.leaves_at(given))
    for row in analyse(network).rows:
        found = by_leaf.get(id(row.node))
        if found is not None:
            found.picture = flattened.get(row.path)


def _paths(network: Network) -> dict[int, str]:
    """Return the path of the module that gives every node's output, by the node's id: that of an activation written
    with it, where there is one.
    """
    found: dict[int, str] = {}

    def go(nodes: tuple[Node, ...], scope: str) -> None:
        for name, node in named_children(nodes):
            activated = isinstance(node, arch.Layer) and len(node.steps()) > 1
            found[id(node)] = f"{scope}{name}_{getattr(node, 'activation', '')}" if activated else scope + name
            go(arch.children(node), f"{scope}{name}.")

    go(network.body.nodes, "")
    return found
