"""`Model`: a tree of layers with one input, made by calling layers on tensors, or by a `call` of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from hubel.arch import Chain, Network, Node, Shape, analyse, shape_text
from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.model import _graph
from hubel.model._graph import Assembled
from hubel.model._outputs import axes_text, finished, is_single, keeping, shaped, single
from hubel.model.layers.arrays import as_tensor, first, last
from hubel.model.layers.layer import Layer
from hubel.model.layers.names import identifier
from hubel.model.layers.normalised import as_keras
from hubel.model.layers.tensor import KerasTensor, known
from hubel.model.layers.weights import Weight, assign_all
from hubel.model.training.trained import Trained
from hubel.model.variables import Result
from hubel.nn import NetworkModule


class Model(Trained, Layer):
    """Layers between an input and an output: `Model(inputs, outputs)`.

    What is between them is a tree: chains, and sums, products and concatenations whose branches nest. Several outputs
    may be named to look at what is inside; such a model predicts, and does not train.

    A class of your own over this one has `call(inputs)` and no inputs and outputs; it trains and predicts.
    """

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, trainable: bool = True, **settings: Any
    ) -> None:
        kind = "Functional" if type(self) is Model else type(self).__name__
        from hubel.model.layers.names import automatic_name

        Layer.__init__(self, name=name or automatic_name(kind), trainable=True)
        if settings:
            raise TypeError(f"{type(self).__name__} takes no argument {next(iter(settings))!r}")
        self.start_training()
        self.tensors: list[KerasTensor] = []
        self.ends: list[KerasTensor] = []
        self.structure: Any = None  # of several outputs, as they were given
        self.preprocessing: Preprocessing | None = None
        self._assembled: dict[Shape, Assembled] = {}
        if inputs is not None or outputs is not None:
            self._connect(single(inputs), outputs)
        if not trainable:
            self.trainable = False

    def _connect(self, start: KerasTensor, outputs: Any) -> None:
        if not isinstance(start, KerasTensor) or outputs is None:
            raise SettingError(
                "expected inputs and outputs of Model as tensors: keras.Input(…), and what layers made of it"
            )
        several = isinstance(outputs, (list, tuple, dict))
        ends = list(outputs.values() if isinstance(outputs, dict) else outputs) if several else [outputs]
        if not ends or not all(isinstance(end, KerasTensor) for end in ends):
            raise SettingError("expected outputs of Model as tensors that layers made, received others")
        order = _graph.ordered(start, ends)
        deepest = next(end for end in reversed(order) if end in ends)
        self.tensors = _graph.ordered(start, [deepest])
        missing = [end for end in ends if end not in self.tensors]
        if missing:
            raise SettingError(
                f"expected one output, and others on the way to it, received {missing[0].name} beside {deepest.name}: "
                "a tree has one end"
            )
        self.ends, self.structure = ends, outputs if several and not is_single(outputs) else None
        _graph.check_once(self.tensors)
        for layer in self.layers:
            layer.home = self

    # the tree

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order in which they run."""
        found = [tensor.layer for tensor in self.tensors if tensor.layer is not None] or self.sublayers
        return list(dict.fromkeys(found))

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or place. Raises ValueError where there is none."""
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise SettingError(f"expected a layer of {names}, received {name!r}")

    @property
    def input_shape(self) -> Shape | None:
        """The shape of the input, without the batch; None where the data will say it."""
        if self.tensors:
            return known(self.tensors[0].shape[1:])
        return next(iter(self._assembled), None)

    def assembled(self, shape: Shape) -> Assembled:
        """Return tree and module for inputs of this shape; all have the weights in common."""
        if shape not in self._assembled:
            self._assembled[shape] = self._assemble(shape)
            if self._preferred is None:
                self._preferred = shape
        return self._assembled[shape]

    _preferred: Shape | None = None

    def _assemble(self, shape: Shape) -> Assembled:
        if not self.tensors:
            network = Network(shape, Chain(self.node_at(shape)), identifier(self.name))
            from hubel.nn import build

            return Assembled(network, as_keras(build(network)), {}, None)
        expected = self.tensors[0].shape[1:]
        if len(expected) != len(shape) or any(
            want not in (None, got) for want, got in zip(expected, shape, strict=True)
        ):
            raise SettingError(f"{self.name}: expected inputs of {axes_text(expected)}, received {axes_text(shape)}")
        return _graph.assemble(self.name, shape, self.tensors)

    @property
    def network(self) -> Network:
        """The tree: what `hubel.arch` explains. Raises `ValueError` before the input's shape is known."""
        return self.assembled(self._shape()).network

    @property
    def module(self) -> NetworkModule:
        """The PyTorch module; weights start as their initializers say."""
        return self.assembled(self._shape()).module

    def _shape(self) -> Shape:
        shape = self.input_shape or self._preferred
        if shape is None:
            raise SettingError(
                "expected the input's shape, received none: write it on the first layer, such as "
                "Dense(10, input_shape=(784,)), or put Input(shape=(784,)) before it, or call the model on data first"
            )
        return shape

    @property
    def inputs(self) -> list[KerasTensor]:
        """The input, as a list."""
        return self.tensors[:1]

    @property
    def outputs(self) -> list[KerasTensor]:
        """The outputs."""
        return list(self.ends)

    @property
    def input(self) -> Any:
        """The input."""
        return self.tensors[0]

    @property
    def output(self) -> Any:
        """The output; several as they were given."""
        return self.structure or self.ends[0]

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The output's shape, the batch first."""
        return self.ends[0].shape

    # as a layer of another model

    def make_node(self, shape: Shape) -> Node:
        """Return the tree as a chain with a name."""
        if not self.tensors:
            return super().make_node(shape)
        if self.structure is not None:
            raise SettingError(f"expected a model of one output as a layer, received {self.name} of {len(self.ends)}")
        return Chain(*self.assembled(shape).network.body.nodes, name=identifier(self.name))

    def leaves_at(self, shape: Shape) -> Iterator[tuple[int, Layer]]:
        """Give the tree's layers and the layers that they belong to."""
        shapes = {id(self.tensors[0]): shape} if self.tensors else {}
        for tensor in self.tensors[1:]:
            layer, given = tensor.layer, [shapes[id(each)] for each in tensor.given]
            assert layer is not None
            shapes[id(tensor)] = layer.shape_after(given)
            if layer.joins is None:
                yield from layer.leaves_at(given[0])

    def modules_at(self, shape: Shape) -> Sequence[nn.Module]:
        """Return the module of the whole."""
        return [self.assembled(shape).module] if self.tensors else super().modules_at(shape)

    def modules_at_all(self) -> list[nn.Module]:
        """Return the modules for every shape that the model has met."""
        return [each.module for each in self._assembled.values()] or super().modules_at_all()

    def inside(self) -> Iterator[Layer]:
        """Walk over the model, its layers and all in them."""
        yield self
        for layer in self.layers:
            yield from layer.inside()

    # calling and weights

    def run(self, inputs: Any, *more: Any, training: bool | None = None, **settings: Any) -> Any:
        """Return what arrays become, channels last; of several outputs, all of them."""
        if self.is_own:
            return super().run(inputs, *more, training=training, **settings)
        array = as_tensor(inputs).float()
        single = self.tensors and array.dim() == len(self.tensors[0].shape) - 1
        found = self.through(array[None] if single else array, training)
        if self.structure is None:
            return (found[0] if single else found).as_subclass(Result)
        return shaped(self.structure, [each.as_subclass(Result) for each in found])

    def through(self, array: Tensor, training: bool | None = None) -> Any:
        """Run the module on an array, channels last; of several outputs, a list."""
        whole = self.assembled(self.concrete(tuple(array.shape[1:])))
        self.set_mode(whole.module, bool(training))
        if training is None:
            for layer in self.inside():
                if layer.trains_unasked:
                    for module in layer.modules_at_all():
                        module.train()
        if self.structure is None:
            return finished(whole, whole.module(first(array)))
        seen: dict[int, Tensor] = {}
        hooks = []
        for end in self.ends:
            path = whole.places.get(id(end))
            if path is None:
                raise SettingError(f"expected outputs that a tree has by themselves, received {end.name}")
            if path:
                part = whole.module.get_submodule(path)
                hooks.append(part.register_forward_hook(keeping(seen, id(end))))
            else:
                seen[id(end)] = first(array)
        try:
            whole.module(first(array))
        finally:
            for hook in hooks:
                hook.remove()
        return [last(seen[id(end)]) for end in self.ends]

    def concrete(self, shape: Shape) -> Shape:
        """Return the input's shape for arrays of a shape; what is not known yet is so from here on."""
        return shape

    def build(self, input_shape: Any = None) -> None:
        """Make the weights, for inputs of this shape, the batch first."""
        shape = self.input_shape if input_shape is None else known(tuple(input_shape)[1:])
        if shape is not None:
            self.assembled(self.concrete(shape))

    @property
    def built(self) -> bool:
        """Whether the weights are there."""
        return bool(self._assembled)

    @property
    def weights(self) -> list[Weight]:
        """All weights, layer by layer, in Keras's order; none before the input's shape is known."""
        if self.is_own:
            return super().weights
        if not self._assembled and self.input_shape is not None:
            self.build()
        return [weight for layer in self.layers for weight in layer.weights]

    variables = weights

    @property
    def trainable_weights(self) -> list[Weight]:
        """Those that `fit` changes."""
        _ = self.weights
        return [w for layer in self.layers for w in layer.trainable_weights] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """Those that `fit` leaves."""
        if not self.trainable:
            return self.weights
        return [w for layer in self.layers for w in layer.non_trainable_weights]

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    def penalised(self) -> Iterator[Tensor]:
        """Give each layer's penalties."""
        if self.is_own:
            yield from super().penalised()
            return
        for layer in self.layers:
            yield from layer.penalised()

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Return all weights, in Keras's order and axes: `keras_model.set_weights` takes them, and the reverse."""
        self._needs_shape()
        return super().get_weights()

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Take weights as `get_weights` gives them. Raises ValueError where their number or shapes differ."""
        self._needs_shape()
        assign_all(self.weights, weights)

    def count_params(self) -> int:
        """Return the number of weights, those of running statistics included, as Keras counts."""
        self._needs_shape()
        return super().count_params()

    def _needs_shape(self) -> None:
        if not self._assembled:
            self.assembled(self._shape())

    def __repr__(self) -> str:
        shape = "no input yet" if self.input_shape is None else shape_text(self.input_shape)
        return f"<{type(self).__name__} {self.name}: {len(self.layers)} layers, {shape}>"

    def _repr_html_(self) -> str:
        return repr(self) if self.input_shape is None else self.network._repr_html_()

    def summary(self, *_: Any, **__: Any) -> None:
        """Print the network's table: every layer's shape, parameters and multiply-adds, with their formulas.

        Where the data will say a length, only the layers and what they give.
        """
        if self.tensors and self.input_shape is None and self._preferred is None:
            for tensor in self.tensors:
                print(f"{tensor.name:<32} {axes_text(tensor.shape[1:])}")
            return
        from hubel.draw.terminal import network_parts
        from hubel.view.words.terminal import Terminal

        screen = Terminal()
        for part in network_parts(analyse(self.network), screen.width):
            screen.print(part)
        frozen = [layer.name for layer in self.layers if not layer.trainable and layer.weights]
        if frozen:
            screen.print(f"not trained: {', '.join(frozen)}")

    # files

    def save(self, filepath: str | Path, overwrite: bool = True, **_: Any) -> Path:
        """Write one safetensors file that explains itself: weights, text form, preprocessing, what was compiled.

        It is that whatever the path's ending. `load_model` reads it, and so do `hubel predict` and the rest.
        """
        from hubel.model.saving import files

        return files.write(filepath, self)

    def save_weights(self, filepath: str | Path, overwrite: bool = True) -> Path:
        """Write the same file as `save`: there is only one kind."""
        return self.save(filepath)

    def load_weights(self, filepath: str | Path, **_: Any) -> None:
        """Take the weights of a file of the same network: `save`'s, or Keras's `.weights.h5`, `.keras` and `.h5`.

        Raises `hubel.tasks.ModelFileError` where it is of another.
        """
        from hubel.model.saving import files

        files.load_weights(filepath, self)

    def get_config(self) -> dict[str, Any]:
        """Return layers and their connections as plain values."""
        from hubel.model.saving.configs import config_of

        return config_of(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a model of what `get_config` gave, or of what a Keras file says; weights start anew."""
        if "layers" not in config:
            return cls(**config)
        from hubel.model.saving.configs import model_of

        return model_of(config, custom_objects)

    def to_json(self, **_: Any) -> str:
        """Return `get_config` as JSON."""
        import json

        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()})
