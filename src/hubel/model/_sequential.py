"""`Sequential`: layers one after another, trained and used as in Keras."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from hubel.arch import Chain, Layer, Network, Node, Shape, analyse, order_note, shape_text
from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.model import _files, _fit, _weights
from hubel.model._compiled import Compiled
from hubel.model._feed import Reader, feed_of, is_stream
from hubel.model._report import Report, Verbosity
from hubel.model.callbacks import Callback, CallbackList, History
from hubel.model.layers import Input
from hubel.model.losses import Loss
from hubel.model.optimizers import Optimizer
from hubel.nn import NetworkModule, build

LARGE = 256  # images measured or predicted at once, where nothing is said: more are no quicker


class Sequential:
    """Layers one after another, trained and used as in Keras.

    The first layer says what comes in (`Dense(10, input_shape=(784,))`), or an `Input` stands before it.
    """

    def __init__(self, layers: Sequence[Node | Input] = (), name: str = "sequential") -> None:
        self.name = name
        self.input_shape: Shape | None = None
        self.layers: list[Node] = []
        self.stop_training = False
        self.history: History | None = None
        self._module: NetworkModule | None = None
        self._compiled: Compiled | None = None
        self._preprocessing: Preprocessing | None = None
        for layer in layers:
            self.add(layer)

    def add(self, layer: Node | Input) -> None:
        """Put a layer at the end. Raises `ShapeError` at once where it does not fit what is before it."""
        if isinstance(layer, Input):
            if self.layers:
                raise SettingError("expected Input before all layers, received it after some")
            self.input_shape = tuple(layer.shape)
            _say_order(self.input_shape)
            return
        if isinstance(layer, Layer) and layer.input_shape is not None:
            if not self.layers:
                self.input_shape = layer.input_shape
                _say_order(self.input_shape)
            layer = replace(layer, input_shape=None)
        self.layers.append(layer)
        self._module = None
        if self.input_shape is not None:
            analyse(self.network)

    @property
    def network(self) -> Network:
        """The tree: what `hubel.arch` explains. Raises `ValueError` before the input's shape is known."""
        if self.input_shape is None:
            raise SettingError(
                "expected the input's shape, received none: write it on the first layer, such as "
                "Dense(10, input_shape=(784,)), or put Input(shape=(784,)) before it"
            )
        return Network(self.input_shape, Chain(*self.layers), self.name)

    @property
    def module(self) -> NetworkModule:
        """The PyTorch module; kernels start as in Keras (Glorot, Bengio 2010, uniform), biases at nought."""
        if self._module is None:
            self._module = build(self.network).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for part in self._module.modules():
                if isinstance(part, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                    nn.init.xavier_uniform_(part.weight)
                    if part.bias is not None:
                        nn.init.zeros_(part.bias)
        return self._module

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that was compiled; its `learning_rate` may be set."""
        return self._ready().optimizer

    def compile(
        self,
        optimizer: str | Optimizer | torch.optim.Optimizer = "rmsprop",
        loss: str | Loss = "",
        metrics: Sequence[str] = (),
    ) -> None:
        """Choose optimizer, loss and metrics, by Keras's names (`"adam"`, `metrics=["accuracy"]`) or as objects of
        `hubel.model.optimizers` and `hubel.model.losses`; an optimizer of PyTorch's for `module.parameters()` will do.

        Raises ValueError for a name that is not known, with those that are.
        """
        self._compiled = Compiled.of(optimizer, loss, metrics)

    def fit(
        self,
        x: Any,
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbosity = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[int, float] | None = None,
        sample_weight: ArrayLike | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
    ) -> History:
        """Train, by Keras's arguments and rules.

        x, y: arrays, N×height×width×channels or N×features and one-hot rows or whole numbers; or x alone: a generator,
        a `Sequence`, or anything else to iterate over that gives (x, y) or (x, y, weights) a batch.
        verbose: 0 silent, 1 a bar, 2 a line an epoch. validation_split: the last share of the arrays, taken off before
        shuffling. validation_data: (x, y), (x, y, weights), a generator or a `Sequence`. class_weight, sample_weight:
        factors of the examples' losses. initial_epoch: where counting goes on from; `epochs` is where it ends.

        Returns a `History`. Raises ValueError where shapes or lengths disagree, and where the loss is not finite.
        """
        compiled = self._ready()
        if validation_split and validation_data is None:
            if is_stream(x):
                raise SettingError("expected arrays with validation_split, received a generator; give validation_data")
            (x, y, sample_weight), validation_data = _fit.split((x, y, sample_weight), validation_split)
        network = self.network
        reader = Reader(network, compiled.loss, class_weight)
        feed = feed_of(
            reader, x, y, sample_weight, batch_size=batch_size, shuffle=shuffle, steps=steps_per_epoch
        )  # fmt: skip
        if not is_stream(x):
            if not len(np.asarray(x)):
                raise SettingError("expected one or more examples, received none")
            self._preprocessing = _files.measured_preprocessing(np.asarray(x), network.input) or self._preprocessing
        validation = None
        if validation_data is not None:
            parts = (validation_data,) if is_stream(validation_data) else tuple(validation_data)
            size = validation_batch_size or max(batch_size or 0, LARGE)
            own = feed_of(Reader(network, compiled.loss), *parts, batch_size=size, steps=validation_steps)
            validation = _fit.Validation(own, validation_freq)
        self.history, self.stop_training = History(), False
        listeners = CallbackList(
            [*_listed(callbacks), self.history], self, epochs=epochs, steps=feed.steps, verbose=verbose
        )
        report = Report(epochs, feed.steps, verbose)
        _fit.Fit(self, compiled, feed, validation, listeners, report).train(range(initial_epoch, epochs))
        return self.history

    def evaluate(
        self,
        x: Any,
        y: ArrayLike | None = None,
        batch_size: int | None = None,
        verbose: Verbosity = 0,
        sample_weight: ArrayLike | None = None,
        steps: int | None = None,
        callbacks: Sequence[Callback] | Callback | None = None,
        return_dict: bool = False,
    ) -> Any:
        """Return the loss, or [loss, metrics …] where metrics were compiled, or with `return_dict` a dict of them.

        x and y as for `fit`, in batches of `batch_size`.
        """
        compiled = self._ready()
        feed = feed_of(
            Reader(self.network, compiled.loss), x, y, sample_weight, batch_size=batch_size, steps=steps, usual=LARGE
        )
        listeners = CallbackList(_listed(callbacks), self, epochs=1, steps=feed.steps, verbose=verbose)
        figures = _fit.measure(self.module, compiled, feed, listeners)
        if verbose:
            print("  ".join(f"{name}: {value:.4f}" for name, value in figures.items()))
        values = list(figures.values())
        return figures if return_dict else values if len(values) > 1 else values[0]

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Verbosity = 0,
        steps: int | None = None,
        callbacks: Sequence[Callback] | Callback | None = None,
    ) -> NDArray[np.float32]:
        """Return the network's outputs, float32, N×classes: probabilities where it ends in softmax. x as for `fit`."""
        feed = feed_of(Reader(self.network, None), x, batch_size=batch_size, steps=steps, usual=LARGE)
        listeners = CallbackList(_listed(callbacks), self, epochs=1, steps=feed.steps, verbose=verbose)
        found = _fit.predicted(self.module, feed, listeners)
        return np.empty((0, *analyse(self.network).output_shape), np.float32) if found is None else found

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Return all weights, in Keras's order and axes: `keras_model.set_weights` takes them, and the reverse."""
        return _weights.get_weights(self.network, self.module)

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Take weights as `get_weights` gives them. Raises ValueError where their number or shapes differ."""
        _weights.set_weights(self.network, self.module, weights)

    def count_params(self) -> int:
        """Return the number of weights, those of running statistics included, as Keras counts."""
        return sum(array.size for array in self.get_weights())

    def __repr__(self) -> str:
        shape = "no input yet" if self.input_shape is None else shape_text(self.input_shape)
        return f"<Sequential {self.name}: {len(self.layers)} layers, {shape}>"

    def _repr_html_(self) -> str:
        return repr(self) if self.input_shape is None else self.network._repr_html_()

    def summary(self) -> None:
        """Print the network's table: every layer's shape, parameters and multiply-adds, with their formulas."""
        from hubel.draw.terminal import network_parts
        from hubel.view.terminal import Terminal

        screen = Terminal()
        for part in network_parts(analyse(self.network), screen.width):
            screen.print(part)

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file that explains itself: weights, text form, preprocessing, what was compiled.

        It is that whatever the path's ending. `load_model` reads it, and so do `hubel predict` and the rest.
        """
        return _files.write(path, self.network, self.module, self._preprocessing, self._compiled)

    @staticmethod
    def load(path: str | Path) -> Sequential:
        """Read a model that `save` or `hubel train` wrote, ready to predict, and compiled where it was when saved; the
        optimizer starts afresh. Raises FileNotFoundError or `hubel.tasks.ModelFileError`.
        """
        network, module, preprocessing, compiled = _files.read(path)
        model = Sequential([Input(network.input), *network.body.nodes], network.name or "sequential")
        model._module, model._preprocessing, model._compiled = module, preprocessing, compiled
        return model

    def save_weights(self, path: str | Path) -> Path:
        """Write the same file as `save`: there is only one kind."""
        return self.save(path)

    def load_weights(self, path: str | Path) -> None:
        """Take the weights of a file of the same network. Raises `hubel.tasks.ModelFileError` where it is another."""
        _files.load_weights(path, self.network, self.module)

    def _ready(self) -> Compiled:
        if self._compiled is None:
            raise SettingError("expected compile(loss=…, optimizer=…) before fit and evaluate, received none")
        return self._compiled


def load_model(path: str | Path) -> Sequential:
    """Read a model that `Sequential.save` or `hubel train` wrote; see `Sequential.load`."""
    return Sequential.load(path)


def _listed(callbacks: Sequence[Callback] | Callback | None) -> list[Callback]:
    if callbacks is None:
        return []
    return [callbacks] if isinstance(callbacks, Callback) else list(callbacks)


def _say_order(shape: Shape) -> None:
    """Warn of a shape that looks as if channels were meant to stand first."""
    order = order_note(shape)
    if order is not None:
        warnings.warn(order, stacklevel=4)
