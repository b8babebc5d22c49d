"""`Sequential`: layers one after another, trained and used as in Keras."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import hubel.arch as arch
from hubel.arch import Shape, order_note
from hubel.base.errors import SettingError
from hubel.model.layers.composed import Plain
from hubel.model.layers.layer import Layer
from hubel.model.layers.preparing import Resizing
from hubel.model.layers.tensor import Axes, Input, KerasTensor, known
from hubel.model.networks.model import Model


class Sequential(Model):
    """Layers one after another, trained and used as in Keras.

    The first layer says what comes in (`Dense(10, input_shape=(784,))`), or an `Input` stands before it, or the data
    says it. What `hubel.arch` joins branches with (`Sum`, `Concat`, `Product`) is a layer here like others.
    """

    def __init__(self, layers: Sequence[Any] | None = None, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name=name)
        self._layers: list[Layer] = []
        if layers is not None and (isinstance(layers, str | bytes) or not isinstance(layers, Iterable)):
            raise TypeError(f"expected a list of layers, received {type(layers).__name__}")
        for layer in () if layers is None else layers:
            self.add(layer)
        if not trainable:
            self.trainable = False

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order."""
        return list(self._layers)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer at the end. Raises `ShapeError` at once where it does not fit what is before it."""
        if isinstance(layer, KerasTensor):
            if self._layers:
                raise SettingError("expected Input before all layers, received it after some")
            self._begin(layer)
            return
        if isinstance(layer, arch.Chain) and layer.name is None:
            for node in layer.nodes:
                self.add(node)
            return
        if isinstance(layer, (arch.Layer, arch.Chain, arch.Sum, arch.Concat, arch.Product, arch.Auxiliary)):
            layer = Plain(layer)
        if not isinstance(layer, Layer):
            raise TypeError(
                f"expected layers, received {layer!r}; functions stand in layers of your own, activations in Activation"
            )
        if any(layer is each for each in self._layers):
            raise SettingError(f"expected each layer once, received {layer.name} twice: make another")
        taken = {each.name for each in self._layers}
        if layer.name in taken and not isinstance(layer, Plain):
            raise SettingError(f"expected layers of different names, received {layer.name!r} twice")
        given = layer.given_shape
        if given is None and not self._layers and isinstance(layer, Model) and layer.tensors:
            given = layer.tensors[0].shape[1:]
        if not self._layers and not self.tensors and given is not None:
            self._begin(Input(given))
        if self.tensors:
            self._follow(layer)
        self._layers.append(layer)
        self._assembled.clear()
        self._nodes.clear()

    def pop(self, rebuild: bool = True) -> Layer:
        """Take the last layer off, and return it."""
        if not self._layers:
            raise SettingError("expected a layer to take off, received a model without")
        layer = self._layers.pop()
        if self.tensors:
            self.tensors.pop()
            self.ends = self.tensors[-1:]
        self._assembled.clear()
        self._nodes.clear()
        return layer

    def _begin(self, start: KerasTensor) -> None:
        self.tensors, self.starts, self.ends = [start], [start], [start]
        axes: Axes = start.shape[1:]
        order = order_note(known(axes) or ())
        if order is not None:
            warnings.warn(order, stacklevel=5)

    def _follow(self, layer: Layer) -> None:
        self.tensors.append(layer.follow(self.tensors[-1:]))
        layer.home = self
        self.ends = self.tensors[-1:]

    def concrete(self, shape: Shape) -> Shape:
        """Take the input's shape from data where nothing has said it; rows and columns stay open without weights."""
        if not self.tensors:
            open_ = len(shape) == 3 and not self._weighs(shape)
            self._begin(Input((None, None, shape[-1]) if open_ else shape))
            for layer in self._layers:
                self._follow(layer)
        return shape

    def _weighs(self, shape: Shape) -> bool:
        """Whether a layer has weights for inputs of this shape."""
        for layer in self._layers:
            if arch.analyse(arch.Network(shape, arch.Chain(layer.node_at(shape)))).parameters:
                return True
            shape = layer.shape_after([shape])
        return False

    def run(self, inputs: Any, *more: Any, training: bool | None = None, **settings: Any) -> Any:
        """Return what arrays become. What prepares pictures of any size does so, layer by layer."""
        if self.tensors or not isinstance(next(iter(self._layers), None), Resizing):
            return super().run(inputs, *more, training=training, **settings)
        for layer in self._layers:
            inputs = layer(inputs, training=training)
        return inputs

    def make_node(self, shape: Shape) -> arch.Node:
        """Return the tree as a chain with a name."""
        self.concrete(shape)
        return super().make_node(shape)

    @staticmethod
    def load(path: str | Path) -> Any:
        """Read a model that `save`, `hubel train` or Keras wrote; see `load_model`."""
        return load_model(path)


def load_model(filepath: str | Path, custom_objects: Any = None, compile: bool = True, safe_mode: bool = True) -> Any:
    """Read a model that `Model.save` or `hubel train` wrote, ready to predict, and compiled where it was when saved; or
    what Keras wrote, `.keras` or `.h5`. The optimizer starts afresh.

    Raises FileNotFoundError or `hubel.tasks.ModelFileError`.
    """
    from hubel.model.saving import files

    return files.read(filepath, custom_objects, compile)
