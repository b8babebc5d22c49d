"""`Model`: layers called on tensors, from inputs to outputs, or a `call` of one's own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hubel.arch import analyse, shape_text
from hubel.data import Preprocessing
from hubel.model.layers.arrays import as_tensor, first
from hubel.model.layers.layer import Layer
from hubel.model.layers.names import automatic_name
from hubel.model.layers.weights import Weight, assign_all
from hubel.model.networks.connected import Connected
from hubel.model.networks.outputs import axes_text, in_order, shaped
from hubel.model.networks.wired import Wired
from hubel.model.training.trained import Trained
from hubel.model.variables import Result


class Model(Trained, Connected):
    """Layers between inputs and outputs: `Model(inputs, outputs)`, each one tensor, a list, or a dict by name.

    Of one input and one output, with each layer that has weights in one place, it is a tree: chains, and sums, products
    and concatenations whose branches nest, which files hold and every command opens. Others train, measure and predict
    alike, and only `load_model` opens their files.

    A class of your own over this one has `call(inputs)` and no inputs and outputs; it trains and predicts.
    """

    @property
    def keras_class(self) -> str:
        """What Keras calls the class."""
        return "Functional" if type(self) is Model else type(self).__name__

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, trainable: bool = True, **settings: Any
    ) -> None:
        Layer.__init__(self, name=name or automatic_name(self.keras_class), trainable=True)
        if settings:
            raise TypeError(f"{type(self).__name__} takes no argument {next(iter(settings))!r}")
        self.start_training()
        self.start_connecting()
        self.preprocessing: Preprocessing | None = None
        if inputs is not None or outputs is not None:
            self._connect(inputs, outputs)
        if not trainable:
            self.trainable = False

    # calling and weights

    def __call__(self, inputs: Any, *more: Any, training: bool | None = None, **settings: Any) -> Any:
        """Put the model after tensors, or run it on arrays; several inputs are a list, or a dict by name."""
        if isinstance(inputs, dict) and self.tensors:
            inputs = in_order(inputs, self.input_names, "inputs")
        return super().__call__(inputs, *more, training=training, **settings)

    def run(self, inputs: Any, *more: Any, training: bool | None = None, **settings: Any) -> Any:
        """Return what arrays become, channels last; of several outputs, all of them."""
        if self.is_own:
            return super().run(inputs, *more, training=training, **settings)
        given = in_order(inputs, self.input_names, "inputs") if self.takes > 1 else [self._alone(inputs)]
        arrays = [as_tensor(each).float() for each in given]
        single = bool(self.tensors) and all(
            array.dim() == len(start.shape) - 1 for array, start in zip(arrays, self.starts, strict=True)
        )
        found = self.through([array[None] for array in arrays] if single else arrays, training)
        found = [(each[0] if single else each).as_subclass(Result) for each in found]
        return shaped(self.structure, found)

    def _alone(self, inputs: Any) -> Any:
        """Return the array in a list of one."""
        holds = isinstance(inputs, (list, tuple)) and len(inputs) == 1 and isinstance(self.given, (list, tuple))
        return inputs[0] if holds and getattr(inputs[0], "ndim", 0) == len(self.starts[0].shape) else inputs

    def through(self, arrays: Sequence[Tensor], training: bool | None = None) -> list[Any]:
        """Run the module on arrays, channels last, and return each output."""
        whole = self.assembled(*[self.concrete(tuple(array.shape[1:])) for array in arrays])
        module = whole if isinstance(whole, Wired) else whole.module
        self.set_mode(module, bool(training))
        if training is None:
            for layer in self.inside():
                if layer.trains_unasked:
                    for part in layer.modules_at_all():
                        part.train()
        return [answer.values for answer in whole.answers([first(array) for array in arrays])]

    @property
    def built(self) -> bool:
        """Whether the weights are there."""
        return bool(self._assembled)

    @property
    def weights(self) -> list[Weight]:
        """All weights, layer by layer, in Keras's order; none before the input's shape is known."""
        if self.is_own:
            return super().weights
        if not self._assembled:
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
        if not self.is_own:
            self._needs_shape()
        return super().count_params()

    def _needs_shape(self) -> None:
        if not self._assembled:
            self.build()
        if not self._assembled:
            self._shapes()  # says what is missing

    def __repr__(self) -> str:
        shape = "no input yet" if self.input_shape is None else shape_text(self.input_shape)
        return f"<{type(self).__name__} {self.name}: {len(self.layers)} layers, {shape}>"

    def _repr_html_(self) -> str:
        if self.input_shape is None or self.why_no_tree is not None:
            return escape(repr(self))
        return self.network._repr_html_()

    def summary(self, *_: Any, **__: Any) -> None:
        """Print the network's table: every layer's shape, parameters and multiply-adds, with their formulas.

        Where the data will say a length, only the layers and what they give.
        """
        if self.is_own:
            for layer in self.layers:
                print(f"{layer.name:<24} {type(layer).__name__:<20} {layer.count_params():>16,}")
            print(f"{self.count_params():,} parameters; the class's own call says what follows what")
            return
        if self.why_no_tree is not None or (self.tensors and self.input_shape is None and self._preferred is None):
            self._list()
            return
        from hubel.draw.terminal import network_parts
        from hubel.view.words.terminal import Terminal

        screen = Terminal()
        for part in network_parts(analyse(self.network), screen.width):
            screen.print(part)
        frozen = [layer.name for layer in self.layers if not layer.trainable and layer.weights]
        if frozen:
            screen.print(f"not trained: {', '.join(frozen)}")

    def _list(self) -> None:
        """Print tensors: what gives each, its shape, the layer's parameters, what it is made of."""
        told: set[Layer] = set()
        for tensor in self.tensors:
            layer, given = tensor.layer, ", ".join(each.name for each in tensor.given)
            kind = "input" if layer is None else type(layer).__name__
            weights = layer.count_params() if layer is not None and layer not in told and layer.holds_weights else 0
            said = "the same weights" if layer in told and layer is not None and layer.holds_weights else f"{weights:,}"
            line = f"{tensor.name:<24} {kind:<20} {axes_text(tensor.shape[1:]):<14} {said:>16}  {given}"
            print(line.rstrip())
            told |= {layer} if layer is not None else set()
        frozen = [layer.name for layer in self.layers if not layer.trainable and layer.holds_weights]
        if frozen:
            print(f"not trained: {', '.join(frozen)}")

    # files

    def save(self, filepath: str | Path, overwrite: bool = True, **_: Any) -> Path:
        """Write one safetensors file that explains itself: weights, text form, preprocessing, what was compiled.

        It is that whatever the path's ending. `load_model` reads it, and so do `hubel predict` and the rest, where the
        model is a tree.
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

        return json.dumps({"class_name": self.keras_class, "config": self.get_config()})
