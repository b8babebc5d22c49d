"""The Keras-style face: a program from a course runs after its import lines are changed.

    from hubel.model import Activation, Dense, Sequential, mnist, to_categorical

Arrays are NumPy's, N×height×width×channels or N×features, used as they are given: scale them yourself, as in Keras. For
images from files, with everything chosen well, `hubel.train` is the better way.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from hubel.arch import Chain, Layer, Network, Node, Shape, analyse, shape_text
from hubel.arch.layers import *  # noqa: F403 (layers by their Keras names, beside Sequential)
from hubel.arch.layers import __all__ as _layers
from hubel.data import Dataset, Preprocessing, load
from hubel.nn import NetworkModule, build
from hubel.tasks import load_model, save_model

__all__ = ["History", "Input", "Sequential", "cifar10", "cifar100", "fashion_mnist", "load_data", "mnist"]
__all__ += ["to_categorical", *_layers]

LOSSES = ("categorical_crossentropy", "sparse_categorical_crossentropy", "mse", "mean_squared_error")
OPTIMIZERS: dict[str, tuple[type[torch.optim.Optimizer], dict[str, Any]]] = {
    "adam": (torch.optim.Adam, {"lr": 1e-3, "eps": 1e-7, "fused": True}),
    "sgd": (torch.optim.SGD, {"lr": 1e-2, "fused": True}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 1e-3, "alpha": 0.9, "eps": 1e-7}),
    "adamw": (torch.optim.AdamW, {"lr": 1e-3, "eps": 1e-7, "weight_decay": 4e-3, "fused": True}),
}
LEAST_PROBABILITY = 1e-7  # Keras's epsilon: logarithms are taken of nothing smaller

Verbosity: TypeAlias = Literal[0, 1, 2, "auto"]
Part: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Input:
    """The shape that a network takes: (height, width, channels) or (features,), the first thing in a `Sequential`."""

    shape: Shape


@dataclass
class History:
    """What `fit` returns: `history` has a list for each figure, a number an epoch; `epoch` counts from 0."""

    history: dict[str, list[float]] = field(default_factory=dict)
    epoch: list[int] = field(default_factory=list)


class Sequential:
    """Layers one after another, trained and used as in Keras.

    The first layer says what comes in (`Dense(10, input_shape=(784,))`), or an `Input` stands before it.
    """

    def __init__(self, layers: Sequence[Node | Input] = (), name: str = "sequential") -> None:
        self.name = name
        self.input_shape: Shape | None = None
        self.layers: list[Node] = []
        self._module: NetworkModule | None = None
        self._compiled: _Compiled | None = None
        self._preprocessing: Preprocessing | None = None
        for layer in layers:
            self.add(layer)

    def add(self, layer: Node | Input) -> None:
        """Put a layer at the end. Raises `ShapeError` at once where it does not fit what is before it."""
        if isinstance(layer, Input):
            if self.layers:
                raise ValueError("expected Input before all layers, received it after some")
            self.input_shape = tuple(layer.shape)
            return
        if isinstance(layer, Layer) and layer.input_shape is not None:
            if not self.layers:
                self.input_shape = layer.input_shape
            layer = replace(layer, input_shape=None)
        self.layers.append(layer)
        self._module = None
        if self.input_shape is not None:
            analyse(self.network)

    @property
    def network(self) -> Network:
        """The tree: what `hubel.arch` explains. Raises `ValueError` before the input's shape is known."""
        if self.input_shape is None:
            raise ValueError(
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

    def compile(
        self, optimizer: str | torch.optim.Optimizer = "rmsprop", loss: str = "", metrics: Sequence[str] = ()
    ) -> None:
        """Choose optimiser, loss and metrics, by Keras's names: adam, sgd, rmsprop, adamw; `metrics=['acc']`.

        Losses: categorical_crossentropy and sparse_categorical_crossentropy (both take one-hot rows and whole numbers),
        mse. Learning rates are Keras's defaults; for another give a torch optimiser of `module.parameters()`.
        """
        if isinstance(optimizer, str) and optimizer.lower() not in OPTIMIZERS:
            raise ValueError(f"expected an optimizer of {', '.join(OPTIMIZERS)}, received {optimizer!r}")
        if loss not in LOSSES:
            raise ValueError(f"expected a loss of {', '.join(LOSSES)}, received {loss!r}")
        unknown = [metric for metric in metrics if metric not in ("acc", "accuracy")]
        if unknown:
            raise ValueError(f"expected metrics of acc, accuracy, received {unknown[0]!r}")
        self._compiled = _Compiled(optimizer, loss, tuple(metrics))

    def fit(
        self,
        x: ArrayLike,
        y: ArrayLike,
        batch_size: int = 32,
        epochs: int = 1,
        verbose: Verbosity = "auto",
        validation_data: tuple[ArrayLike, ArrayLike] | None = None,
        shuffle: bool = True,
    ) -> History:
        """Train on arrays: x N×height×width×channels or N×features, y one-hot rows or whole numbers.

        `verbose`: 0 silent, 1 a bar, 2 a line an epoch. Returns a `History`. Raises `ValueError` where shapes disagree,
        and where the loss stops being a number.
        """
        how = self._ready()
        inputs, targets = self._inputs(x), self._targets(y)
        if len(inputs) != len(targets):
            raise ValueError(
                f"expected as many labels as images, received {len(inputs)} images and {len(targets)} labels"
            )
        if not len(inputs):
            raise ValueError("expected one or more examples, received none")
        self._remember(x)
        optimizer = how.start(self.module)
        history = History()
        report = _Report(epochs, math.ceil(len(inputs) / batch_size), verbose)
        for epoch in range(epochs):
            order = torch.randperm(len(inputs)) if shuffle else torch.arange(len(inputs))
            figures = self._epoch(inputs, targets, order.split(batch_size), optimizer, report)
            if not math.isfinite(figures["loss"]):
                raise ValueError(f"the loss became {figures['loss']} in epoch {epoch + 1}; try a smaller learning rate")
            if validation_data is not None:
                own = self._measured(*validation_data, batch_size=max(batch_size, 256))
                figures |= {f"val_{name}": value for name, value in own.items()}
            history.epoch.append(epoch)
            for name, value in figures.items():
                history.history.setdefault(name, []).append(value)
            report.epoch_done(epoch, figures)
        return history

    def evaluate(
        self, x: ArrayLike, y: ArrayLike, batch_size: int = 256, verbose: Verbosity = 0
    ) -> float | list[float]:
        """Return the loss, or [loss, accuracy] where metrics were compiled."""
        figures = self._measured(x, y, batch_size)
        if verbose:
            print("  ".join(f"{name}: {value:.4f}" for name, value in figures.items()))
        values = list(figures.values())
        return values if len(values) > 1 else values[0]

    def predict(self, x: ArrayLike, batch_size: int = 256, verbose: Verbosity = 0) -> NDArray[np.float32]:
        """Return the network's outputs, float32, N×classes: probabilities where it ends in softmax."""
        module, inputs = self.module.eval(), self._inputs(x)
        with torch.inference_mode():
            found = [module(self._batch(inputs, rows)) for rows in torch.arange(len(inputs)).split(batch_size)]
        outputs = torch.cat(found) if found else torch.empty(0, *analyse(self.network).output_shape)
        array: NDArray[np.float32] = (outputs.permute(0, 2, 3, 1) if outputs.dim() == 4 else outputs).numpy()
        return array

    def summary(self) -> None:
        """Print the network's table: every layer's shape, parameters and multiply-adds, with their formulas."""
        from rich.console import Console

        from hubel.draw.terminal import network_parts

        screen = Console()
        for part in network_parts(analyse(self.network), screen.width):
            screen.print(part, highlight=False)

    def save(self, path: str | Path) -> Path:
        """Write one safetensors file that explains itself: weights, text form, classes, preprocessing."""
        outputs = analyse(self.network).output_shape[-1]
        return save_model(
            path,
            self.network,
            self.module,
            preprocessing=self._preprocessing or _plain_preprocessing(self.network.input),
            classes=[str(i) for i in range(outputs)],
        )

    @staticmethod
    def load(path: str | Path) -> Sequential:
        """Read a model that `save` or `hubel train` wrote. `compile` it again to train on or to evaluate."""
        found = load_model(path)
        model = Sequential([Input(found.network.input), *found.network.body.nodes], found.network.name or "sequential")
        assert isinstance(found.module, NetworkModule)
        model._module, model._preprocessing = found.module, found.preprocessing
        return model

    def _ready(self) -> _Compiled:
        if self._compiled is None:
            raise ValueError("expected compile(loss=…, optimizer=…) before fit and evaluate, received none")
        return self._compiled

    def _inputs(self, x: ArrayLike) -> Tensor:
        array = np.asarray(x)
        shape = self.network.input
        if array.shape[1:] == shape[:2] and len(shape) == 3 and shape[2] == 1:
            array = array[..., None]
        if array.shape[1:] != shape:
            raise ValueError(
                f"expected inputs of N×{shape_text(shape)}, received {shape_text(array.shape)}; reshape them, or write "
                f"the network for input_shape={array.shape[1:]}"
            )
        return torch.from_numpy(np.ascontiguousarray(array, None if array.dtype == np.uint8 else np.float32))

    def _batch(self, inputs: Tensor, rows: Tensor) -> Tensor:
        batch = inputs.index_select(0, rows).float()
        return batch.permute(0, 3, 1, 2) if batch.dim() == 4 else batch  # already channels-last in memory

    def _targets(self, y: ArrayLike) -> Tensor:
        how, outputs = self._ready(), analyse(self.network).output_shape
        array = np.asarray(y)
        if how.loss.startswith("m"):
            return torch.from_numpy(np.ascontiguousarray(array, np.float32))
        labels = array.argmax(1) if array.ndim == 2 and array.shape[1] > 1 else array.reshape(-1)
        if array.ndim == 2 and array.shape[1] not in (1, outputs[-1]):
            raise ValueError(f"expected one-hot labels of {outputs[-1]} classes, received {array.shape[1]} columns")
        if len(labels) and not 0 <= labels.min() <= labels.max() < outputs[-1]:
            raise ValueError(f"expected labels from 0 to {outputs[-1] - 1}, received {labels.min()} to {labels.max()}")
        return torch.from_numpy(labels.astype(np.int64))

    def _epoch(
        self,
        inputs: Tensor,
        targets: Tensor,
        batches: Sequence[Tensor],
        optimizer: torch.optim.Optimizer,
        report: _Report,
    ) -> dict[str, float]:
        how, module = self._ready(), self.module.train()
        total, right, seen = torch.zeros(()), torch.zeros((), dtype=torch.int64), 0
        for rows in batches:
            wanted = targets.index_select(0, rows)
            loss, hits = how.loss_of(module, self._batch(inputs, rows), wanted)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            total, right, seen = total + loss.detach() * len(rows), right + hits, seen + len(rows)
            report.batch_done(seen, total, right)
        return how.figures(float(total) / seen, int(right) / seen)

    def _measured(self, x: ArrayLike, y: ArrayLike, batch_size: int) -> dict[str, float]:
        how, module = self._ready(), self.module.eval()
        inputs, targets = self._inputs(x), self._targets(y)
        total, right = 0.0, 0
        with torch.inference_mode():
            for rows in torch.arange(len(inputs)).split(batch_size):
                loss, hits = how.loss_of(module, self._batch(inputs, rows), targets.index_select(0, rows))
                total, right = total + float(loss) * len(rows), right + int(hits)
        return how.figures(total / max(1, len(inputs)), right / max(1, len(inputs)))

    def _remember(self, x: ArrayLike) -> None:
        """Note how images look and are scaled, so that a saved model can be given image files."""
        array, shape = np.asarray(x), self.network.input
        side = math.isqrt(shape[0]) if len(shape) == 1 else 0
        picture = shape if len(shape) == 3 else (side, side, 1)
        if len(shape) == 1 and side * side != shape[0]:
            return
        if picture[2] not in (1, 3):
            return
        scale = 1.0 if float(array.max()) > 1.0 else 255.0
        images = np.clip(array[:2000].reshape(-1, *picture) * scale, 0, 255).round().astype(np.uint8)
        measured = Preprocessing.for_dataset(Dataset(images, np.zeros(len(images), np.int64), ("",)))
        self._preprocessing = replace(measured, mean=(0.0,) * picture[2], std=(scale / 255,) * picture[2])


@dataclass(frozen=True)
class _Compiled:
    optimizer: str | torch.optim.Optimizer
    loss: str
    metrics: tuple[str, ...]

    def start(self, module: NetworkModule) -> torch.optim.Optimizer:
        if not isinstance(self.optimizer, str):
            return self.optimizer
        kind, settings = OPTIMIZERS[self.optimizer.lower()]
        return kind(module.parameters(), **settings)

    def loss_of(self, module: NetworkModule, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return the batch's mean loss, and how many are right."""
        if self.loss.startswith("m"):
            outputs: Tensor = module(inputs)
            wanted = targets.permute(0, 3, 1, 2) if targets.dim() == 4 else targets.reshape(outputs.shape)
            return functional.mse_loss(outputs, wanted), torch.zeros((), dtype=torch.int64)
        logits = module.logits(inputs)
        if isinstance(list(module.children())[-1], nn.Softmax):
            loss = functional.cross_entropy(logits, targets)
        else:  # Keras takes what comes out for probabilities, and brings each row to a sum of 1
            shares = logits / logits.sum(1, keepdim=True)
            loss = functional.nll_loss(shares.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).log(), targets)
        return loss, (logits.argmax(1) == targets).sum()

    def figures(self, loss: float, accuracy: float) -> dict[str, float]:
        """Name the figures as they were asked for."""
        return {"loss": loss, **dict.fromkeys(self.metrics, accuracy)}


class _Report:
    """What `fit` prints."""

    def __init__(self, epochs: int, steps: int, verbose: Verbosity) -> None:
        self.epochs, self.steps = epochs, steps
        self.verbose = 1 if verbose == "auto" else verbose
        self.step, self.since, self.started = 0, time.perf_counter(), time.perf_counter()

    def batch_done(self, seen: int, total: Tensor, right: Tensor) -> None:
        self.step += 1
        now = time.perf_counter()
        if self.verbose != 1 or not sys.stdout.isatty() or (now - self.since < 0.2 and self.step < self.steps):
            return
        self.since = now
        bar = "━" * round(24 * self.step / self.steps)
        left = (now - self.started) / self.step * (self.steps - self.step)
        pace = seen / (now - self.started)
        figures = f"loss {float(total) / seen:.4f}  {pace:,.0f} images/s  {left:.0f} s left"
        print(f"\r{self.step}/{self.steps} {bar:<24} {figures}\x1b[K", end="", flush=True)

    def epoch_done(self, epoch: int, figures: dict[str, float]) -> None:
        seconds = time.perf_counter() - self.started
        if self.verbose:
            if self.verbose == 1 and sys.stdout.isatty():
                print("\r\x1b[K", end="")
            named = "  ".join(f"{name}: {value:.4f}" for name, value in figures.items())
            print(f"Epoch {epoch + 1}/{self.epochs}  {seconds:.1f} s  {named}", flush=True)
        self.step, self.started = 0, time.perf_counter()


@dataclass(frozen=True)
class _Named:
    """A data set by Keras's name: `mnist.load_data()`."""

    name: str

    def load_data(
        self,
    ) -> tuple[tuple[NDArray[np.uint8], NDArray[np.int64]], tuple[NDArray[np.uint8], NDArray[np.int64]]]:
        """Return (x_train, y_train), (x_test, y_test): uint8 images (grey ones N×height×width), whole numbers."""
        return load_data(self.name)


mnist, fashion_mnist, cifar10, cifar100 = map(_Named, ("mnist", "fashion-mnist", "cifar10", "cifar100"))


def load_data(name: str) -> tuple[Part, Part]:
    """Return (x_train, y_train), (x_test, y_test) of a data set as Keras does: grey images without the channel axis."""
    splits = load(name)
    parts = list(_arrays(splits.train, splits.test))
    return parts[0], parts[1]


def _arrays(*parts: Dataset | None) -> Iterator[Part]:
    for part in parts:
        if part is None:
            raise ValueError("expected a data set with a training and a test part, received one without")
        images = np.asarray(part.images)
        yield (images[..., 0] if images.shape[3] == 1 else images), np.asarray(part.labels)


def to_categorical(y: ArrayLike, num_classes: int | None = None) -> NDArray[np.float32]:
    """Turn whole numbers into one-hot rows: N → N×num_classes."""
    labels = np.asarray(y, dtype=np.int64).reshape(-1)
    return np.eye(num_classes or int(labels.max()) + 1, dtype=np.float32)[labels]


def _plain_preprocessing(shape: Shape) -> Preprocessing:
    height, width, channels = shape if len(shape) == 3 else (1, shape[0], 1)
    return Preprocessing(height, width, channels, mean=(0.0,) * channels, std=(1.0,) * channels)
