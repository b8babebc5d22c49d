"""Layers that are several of the tree's, or another one by their settings."""

from __future__ import annotations

from copy import copy
from dataclasses import fields
from typing import Any

import torch

import hubel.arch as arch
from hubel.arch import Chain, Node, Shape
from hubel.base.errors import SettingError
from hubel.model import activations
from hubel.model.layers.layer import Layer
from hubel.model.layers.made import Made, own_name
from hubel.model.layers.names import identifier
from hubel.model.layers.roles import take_roles
from hubel.model.layers.weights import Weight


class Plain(Layer):
    """A node of the tree as a layer: what `hubel.arch` and its branches are in a `Sequential`."""

    def __init__(self, node: Node) -> None:
        own, shape = getattr(node, "name", None), getattr(node, "input_shape", None)
        super().__init__(name=own, input_shape=shape)
        # a copy, since a text such as "2 * dense 3" has one node twice
        self.node = copy(node) if shape is None else _without_shape(node)

    def make_node(self, shape: Shape) -> Node:
        """Return it."""
        return self.node


def _without_shape(node: Any) -> Node:
    settings = {each.name: getattr(node, each.name) for each in fields(node) if each.name != "input_shape"}
    made: Node = type(node)(**settings)
    return made


class Activation(Layer):
    """Apply a function to each number, by its name: relu, tanh, softmax (over the channels) and the like."""

    masks = "passes"

    def __init__(self, activation: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self.function = activations.name_of(activation)

    def make_node(self, shape: Shape) -> Node:
        """Return the function."""
        if self.function == "leaky_relu":
            return arch.LeakyReLU(activations.SLOPE, name=own_name(self))
        return arch.Activation(self.function or "linear", name=own_name(self))

    def get_config(self) -> dict[str, Any]:
        """Return name and function."""
        return {**super().get_config(), "activation": self.function or "linear"}


class ReLU(Layer):
    """max(x, 0), at most `max_value` (None or 6), or with a slope below 0."""

    masks = "passes"

    def __init__(
        self, max_value: float | None = None, negative_slope: float = 0.0, threshold: float = 0.0, **settings: Any
    ) -> None:
        super().__init__(**settings)
        if threshold or (max_value is not None and (max_value != 6 or negative_slope)):
            raise SettingError(
                "expected ReLU() as it is, with max_value=6 or with a negative_slope, received "
                f"max_value={max_value}, negative_slope={negative_slope}, threshold={threshold}"
            )
        self.max_value, self.negative_slope = max_value, negative_slope

    def make_node(self, shape: Shape) -> Node:
        """Return the function."""
        if self.negative_slope:
            return arch.LeakyReLU(self.negative_slope, name=own_name(self))
        return arch.Activation("relu" if self.max_value is None else "relu6", name=own_name(self))

    def get_config(self) -> dict[str, Any]:
        """Return both."""
        return {**super().get_config(), "max_value": self.max_value, "negative_slope": self.negative_slope}


class Softmax(Made):
    """eˣ / Σ eˣ over the channels of each place."""

    kind, order, usual, masks = arch.Activation, ("axis",), {"function": "softmax"}, "passes"


class SeparableConv2D(Layer):
    """A convolution of each channel by itself, then one of 1×1 over all of them: Chollet (2016)."""

    order = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "depth_multiplier")

    def __init__(self, filters: int, kernel_size: Any, *args: Any, **settings: Any) -> None:
        settings |= dict(zip(self.order[2:], args, strict=False))
        self.config = {"filters": filters, "kernel_size": kernel_size, **settings}
        deep = ("strides", "padding", "data_format", "dilation_rate", "depth_multiplier")
        of_depth = {name: settings.pop(name) for name in deep if name in settings}
        of_point = {name: settings.pop(name) for name in ("activation", "use_bias") if name in settings}
        roles = {"depthwise": "depthwise_kernel", "pointwise": "pointwise_kernel", "bias": "bias"}
        taken = {
            k: settings.pop(k) for k in list(settings) if k.partition("_")[0] in roles and not k.startswith("batch")
        }
        super().__init__(**settings)
        take_roles(self, roles, taken)
        from hubel.model.layers.made import Conv2D, DepthwiseConv2D

        self.parts = (
            DepthwiseConv2D(kernel_size, use_bias=False, **of_depth),
            Conv2D(filters, 1, data_format=of_depth.get("data_format"), **of_point),
        )
        for role in ("depthwise_kernel", "pointwise_kernel"):
            self.initial.setdefault(role, _glorot)

    def make_node(self, shape: Shape) -> Node:
        """Return both, one after the other."""
        deep, point = self.parts
        rows = deep.kind(**deep.settings)
        return Chain(rows, point.make_node(rows.output_shape(shape)), name=identifier(self.name))

    @property
    def weights(self) -> list[Weight]:
        """Both kernels and the bias, by Keras's names."""
        found = super().weights
        roles = iter(("depthwise_kernel", "pointwise_kernel"))
        return [Weight(next(roles) if w.name == "kernel" else w.name, w.tensors, w.to_keras, w.from_keras, w.trained)
                for w in found]  # fmt: skip

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {**super().get_config(), **self.config}


def _glorot(shape: tuple[int, ...], dtype: Any = None) -> torch.Tensor:
    from hubel.model.initializers import GlorotUniform

    return GlorotUniform()(shape)


class Bidirectional(Layer):
    """Read the steps in both directions, with weights of their own, and put both last states side by side ("concat"),
    or add or multiply them ("sum", "mul").

    Of a layer with return_sequences=True it gives every step's states, those that were read backwards in the order of
    the steps: that is no tree; it trains, predicts and is kept, for `load_model`.
    """

    masks = "uses"

    def __new__(cls, layer: Any = None, *_: Any, **__: Any) -> Any:
        """Make what gives every step's states where the layer does."""
        given = layer.get("config", {}) if isinstance(layer, dict) else getattr(layer, "settings", {})
        sequences = given.get("return_sequences", False)
        return super().__new__(BidirectionalSequences if cls is Bidirectional and sequences else cls)

    def __init__(
        self, layer: Any, merge_mode: str = "concat", weights: Any = None, backward_layer: Any = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        if merge_mode not in ("concat", "sum", "mul") or weights is not None:
            raise SettingError(f"expected merge_mode of concat, sum, mul and no weights, received {merge_mode!r}")
        if isinstance(layer, dict):
            from hubel.model.layers import deserialize

            layer, backward_layer = deserialize(layer), deserialize(backward_layer) if backward_layer else None
        self.merge_mode = merge_mode
        backward = backward_layer or type(layer)(**{**layer.config, "go_backwards": True})
        self.parts = {"ahead": layer, "back": backward}
        self.initial |= layer.initial

    def make_node(self, shape: Shape) -> Node:
        """Return two branches."""
        join: Any = {"concat": arch.Concat, "sum": arch.Sum, "mul": arch.Product}[self.merge_mode]
        branches = [part.kind(**part.settings, name=name) for name, part in self.parts.items()]
        found: Node = join(*branches, name=identifier(self.name))
        return found

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        from hubel.model.layers import serialize

        return {**super().get_config(), "layer": serialize(self.parts["ahead"]), "merge_mode": self.merge_mode}


class BidirectionalSequences(Bidirectional):
    """The states of every step, read in both directions."""

    is_silent = True  # as in Keras
    keras_class = "Bidirectional"

    def __init__(self, layer: Any, *more: Any, **settings: Any) -> None:
        super().__init__(layer, *more, **settings)
        self.ahead, self.back = self.parts["ahead"], self.parts["back"]

    def make_node(self, shape: Shape) -> Node:
        """Return a leaf that calls both."""
        return Layer.make_node(self, shape)

    def call(self, inputs: torch.Tensor, training: bool = False) -> torch.Tensor:
        """Read forwards and backwards, and turn what was read backwards round."""
        ahead, back = self.ahead(inputs, training=training), self.back(inputs, training=training).flip(1)
        if self.merge_mode == "concat":
            return torch.cat([ahead, back], -1)
        found: torch.Tensor = ahead + back if self.merge_mode == "sum" else ahead * back
        return found
