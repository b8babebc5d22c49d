"""Layers of a user's own, with `call`, as leaves of the tree: they train and predict; files cannot hold them."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

import hubel.arch as arch
from hubel.arch import Call, Node, Shape, register
from hubel.arch.figures.expression import Expression, Quantity
from hubel.base.errors import SettingError
from hubel.model.layers.arrays import first, last
from hubel.model.layers.layer import Layer
from hubel.model.layers.names import identifier

REFUSAL = (
    "has {name}, a layer of your own ({kind}), which the text of a network cannot name; a class of hubel.arch.Layer "
    "(CONTRIBUTING, a new layer) is written into files and opened by every command"
)


@register("keraslayer")
class OwnLayer(arch.Layer):
    """A layer with a `call` of its own, written with the Keras face."""

    layer: Any = None

    def output_shape(self, input: Shape) -> Shape:
        """Return what a run gives."""
        return tuple(tried(self.layer, [input]).shape[1:])

    def figures(self, input: Shape) -> dict[str, Expression]:
        """Return how many weights there are."""
        count = sum(each.numel() for each in own_parameters(self.layer))
        return {"parameters": Quantity("weights", count)} if count else {}

    def call(self, input: Shape) -> Call:
        """Return the module around it."""
        return Call("hubel.model.layers.own.OwnModule", {"layer": self.layer})


def own_node(layer: Layer, shape: Shape) -> Node:
    """Return the leaf. Raises SettingError where the class has no `call`."""
    if type(layer).call is Layer.call:
        raise SettingError(f"expected {type(layer).__name__} to have a method call(inputs), received a class without")
    tried(layer, [shape])
    return OwnLayer(layer=layer, name=identifier(layer.name))


def tried(layer: Layer, shapes: list[Shape]) -> Tensor:
    """Return what an example of zeros becomes, a list where there are several; weights are made at the first time."""
    with torch.no_grad():
        zeros = [torch.zeros(1, *shape) for shape in shapes]
        found: Tensor = called(layer, zeros if len(zeros) > 1 else zeros[0], False)
    if not isinstance(found, Tensor) or not found.dim() or len(found) != 1:
        gave = f"one of {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
        raise SettingError(f"expected {layer.name} to give a tensor with the batch first, for one example {gave}")
    return found


def called(layer: Any, array: Any, training: bool, *more: Any, **settings: Any) -> Any:
    """Call a layer of a user's own on an array, channels last; its weights are made before."""
    if not layer.__dict__.get("_made"):
        layer._made = True
        if type(layer).build is not Layer.build:
            layer.build(tuple(array.shape) if not isinstance(array, (list, tuple)) else [tuple(a.shape) for a in array])
    layer.added.clear()
    if "training" in inspect.signature(layer.call).parameters:
        settings["training"] = training
    if layer.by_place and isinstance(array, list):
        return layer.call(*array, **settings)
    return layer.call(array, *more, **settings)


def own_parameters(layer: Layer) -> list[nn.Parameter]:
    """Return the weights of a layer of a user's own, and of layers in it."""
    found: list[nn.Parameter] = list(layer.own_weights)
    for inner in layer.sublayers:
        found += own_parameters(inner)
        if inner._first is not None:
            found += list(inner._first[1].parameters())
    return list(dict.fromkeys(found))


class OwnModule(nn.Module):
    """A layer of a user's own as a module: N×C×… becomes what `call` makes of N×…×C."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        self.__dict__["layer"] = layer  # not a module
        for number, parameter in enumerate(own_parameters(layer)):
            self.register_parameter(f"weight{number}", parameter)

    def forward(self, input: Tensor) -> Tensor:
        """Call the layer, of a flattened picture with its numbers in Keras's order."""
        layer: Any = self.layer
        given = last(input) if layer.sees_order is None else input[:, layer.sees_order]
        found: Tensor = first(called(layer, given, self.training))
        return found


class Lambda(Layer):
    """A function of tensors, channels last, as a layer; it trains and predicts, and is not written into files."""

    masks = "passes"

    def __init__(
        self, function: Any, output_shape: Any = None, mask: Any = None, arguments: Any = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.function, self.arguments = function, dict(arguments or {})

    def call(self, inputs: Any) -> Any:
        """Call the function."""
        return self.function(inputs, **self.arguments)
