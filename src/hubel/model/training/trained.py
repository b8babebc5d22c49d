"""What a model does with data, by Keras's names: `compile`, `fit`, `evaluate`, `predict`."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from hubel.arch import Shape
from hubel.base.errors import SettingError
from hubel.data.prepare.arrays import as_array
from hubel.model.callbacks import Callback, CallbackList, History
from hubel.model.layers.layer import Layer
from hubel.model.metric import Metric
from hubel.model.networks.outputs import shaped
from hubel.model.optimizers import Optimizer
from hubel.model.training import fit as fitting
from hubel.model.training.compiled import Compiled
from hubel.model.training.feed import Reader, feed_of, is_stream
from hubel.model.training.feed import fitting as fitted
from hubel.model.training.report import Report, Verbosity

if TYPE_CHECKING:
    from hubel.data import Fit, Preprocessing
    from hubel.model.layers.tensor import KerasTensor
    from hubel.model.networks.graph import Assembled
    from hubel.model.networks.wired import Wired

LARGE = 256  # images measured or predicted at once, where nothing is said: more are no quicker


class Trained:
    """What trains, measures and predicts: the half of `Model` that asks for data."""

    name: str
    stop_training: bool
    is_validated: bool
    history: History | None
    preprocessing: Preprocessing | None
    classes: tuple[str, ...] | None
    numbers: tuple[float, float] | None
    compiled: Compiled | None
    tensors: list[KerasTensor]
    starts: list[KerasTensor]
    ends: list[KerasTensor]
    structure: Any

    if TYPE_CHECKING:
        is_own: bool

        @property
        def input_shape(self) -> Shape | None: ...  # noqa: D102

        @property
        def input_names(self) -> list[str]: ...  # noqa: D102
        @property
        def output_names(self) -> list[str]: ...  # noqa: D102
        def assembled(self, *shapes: Shape) -> Assembled | Wired: ...  # noqa: D102
        def concrete(self, shape: Shape) -> Shape: ...  # noqa: D102
        def through(self, arrays: Sequence[Tensor], training: bool | None = None) -> list[Any]: ...  # noqa: D102
        def penalised(self) -> Iterator[Tensor]: ...  # noqa: D102
        def inside(self) -> Iterator[Layer]: ...  # noqa: D102

    def start_training(self) -> None:
        """Nothing is compiled yet."""
        self.stop_training, self.history, self.compiled, self.classes = False, None, None, None
        self.is_validated, self.numbers = False, None

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Choose optimizer, loss and metrics: by Keras's names (`"adam"`, `metrics=["accuracy"]`), as objects of
        `hubel.model.optimizers`, `losses` and `metrics`, or as functions of (y_true, y_pred); an optimizer of PyTorch's
        for `module.parameters()` will do. `weighted_metrics` count examples by their weights. Of several outputs,
        losses, metrics and `loss_weights` are lists, or dicts by the outputs' names. How Keras would run it
        (`jit_compile` and the like) changes nothing here.

        Raises ValueError for a name that is not known, with those that are.
        """
        names = self.output_names if len(self.ends) > 1 else ("",)
        self.compiled = Compiled.of(optimizer, loss, metrics, weighted_metrics, loss_weights, names)

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer that was compiled; its `learning_rate` may be set."""
        return self._ready().optimizer

    @property
    def loss(self) -> Any:
        """The loss that was compiled."""
        return self._ready().loss

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that were compiled."""
        return [] if self.compiled is None else self.compiled.metrics

    @property
    def metrics_names(self) -> list[str]:
        """The names of what `evaluate` gives."""
        return ["loss"] if self.compiled is None else self.compiled.names

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbosity = "auto",
        callbacks: Sequence[Callback] | Callback | None = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[Any, float] | None = None,
        sample_weight: ArrayLike | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | list[int] = 1,
    ) -> History:
        """Train, by Keras's arguments and rules.

        x, y: arrays, N×height×width×channels or N×features and one-hot rows, whole numbers or words; of several inputs
        and outputs lists of such, or dicts by their names; or x alone: a generator, a `Sequence`, or anything else to
        iterate over that gives (x, y) or (x, y, weights) a batch.
        verbose: 0 silent, 1 a bar, 2 a line an epoch. validation_split: the last share of the arrays, taken off before
        shuffling. validation_data: (x, y), (x, y, weights), a generator or a `Sequence`. class_weight, sample_weight:
        factors of the examples' losses. initial_epoch: where counting goes on from; `epochs` is where it ends.

        Layers that are not `trainable` stay as they are. Returns a `History`. Raises ValueError where shapes or lengths
        disagree, where x or y has NaN, and where the loss is not finite.
        """
        compiled = self._ready()
        if validation_split and validation_data is None:
            if is_stream(x):
                raise SettingError("expected arrays with validation_split, received a generator; give validation_data")
            (x, y, sample_weight), validation_data = fitting.split((x, y, sample_weight), validation_split)
        if is_stream(x):
            batch_size = None  # the source has batches
            self._name(getattr(x, "class_names", None) or ())
        else:
            self._look_at(x, y)
        reader = self._reader(class_weight)
        reader.seen = functools.partial(self._look_at_pictures, fit=getattr(x, "fit", None)) if is_stream(x) else None
        feed = feed_of(
            reader, x, y, sample_weight, batch_size=batch_size, shuffle=shuffle,
            steps=steps_per_epoch,
        )  # fmt: skip
        validation = None
        self.is_validated = validation_data is not None
        if validation_data is not None:
            parts = (validation_data,) if is_stream(validation_data) else tuple(validation_data)
            size = validation_batch_size or max(batch_size or 0, LARGE)
            own = feed_of(self._reader(), *parts, batch_size=size, steps=validation_steps)
            validation = fitting.Validation(own, validation_freq)
        if not any(layer.trainable for layer in self.inside()):
            warnings.warn(f"{self.name} has no weights to train: all of it is frozen (trainable = False)", stacklevel=2)
        self.history, self.stop_training = History(), False
        listeners = CallbackList(
            [*_listed(callbacks), self.history], self, epochs=epochs, steps=feed.steps, verbose=verbose
        )
        report = Report(epochs, feed.steps, verbose)
        fitting.Fit(self, compiled, feed, validation, listeners, report).train(range(initial_epoch, epochs))
        return self.history

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
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
        feed = feed_of(self._reader(), x, y, sample_weight, batch_size=batch_size, steps=steps, usual=LARGE)
        listeners = CallbackList(_listed(callbacks), self, epochs=1, steps=feed.steps, verbose=verbose)
        figures = fitting.measure(self, compiled, feed, listeners)
        if verbose and verbose != "auto":
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
    ) -> Any:
        """Return the network's outputs, float32, N×classes: probabilities where it ends in softmax. x as for `fit`."""
        feed = feed_of(self._reader(labelled=False), x, batch_size=batch_size, steps=steps, usual=LARGE)
        listeners = CallbackList(_listed(callbacks), self, epochs=1, steps=feed.steps, verbose=verbose)
        found = fitting.predicted(self, feed, listeners)
        if found is not None:
            return found
        shapes = [tuple(axis or 0 for axis in start.shape[1:]) for start in self.starts] or [self.input_shape or ()]
        return shaped(self.structure, [np.empty((0, *shape), np.float32) for shape in self._outputs(tuple(shapes))])

    def predict_on_batch(self, x: Any) -> Any:
        """Return the outputs of one batch."""
        return self.predict(x, batch_size=_count(x))

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Measure one batch."""
        return self.evaluate(x, y, _count(x), sample_weight=sample_weight, return_dict=return_dict)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Change the weights once, and return loss and metrics of the batch."""
        settings: dict[str, Any] = {"sample_weight": sample_weight, "class_weight": class_weight}
        found = self.fit(x, y, _count(x), shuffle=False, verbose=0, **settings).history
        figures = {name: values[-1] for name, values in found.items()}
        values = list(figures.values())
        return figures if return_dict else values if len(values) > 1 else values[0]

    # what the loop asks for

    def whole_for(self, inputs: Sequence[Tensor]) -> Assembled | Wired:
        """Return what computes a batch, channels first."""
        shapes = [tuple(each.shape[1:]) for each in inputs]
        return self.assembled(*[self.concrete((*s[1:], s[0]) if len(s) > 1 else s) for s in shapes])

    def module_parameters(self, module: nn.Module) -> list[nn.Parameter]:
        """Return all weights that gradients are for, those of frozen layers among them."""
        return list(module.parameters())

    def set_mode(self, module: nn.Module, training: bool) -> None:
        """Put a module in training or out of it, frozen layers as `trainable` and the `training` of calls say."""
        module.train(training)
        self._mark(self, True)
        if training:
            for layer in self.inside():
                if not layer.trainable:
                    for part in _normalisations(layer):
                        part.eval()
        self.keep_modes()

    def keep_modes(self) -> None:
        """Put those in their own mode that were called with one: `layer(x, training=False)`."""
        for tensor in self.tensors:
            if tensor.layer is None:
                continue
            inner = tensor.layer
            if isinstance(inner, Trained):
                inner.keep_modes()
            if tensor.mode is not None:
                for each in inner.inside():
                    for module in each.modules_at_all():
                        module.train(tensor.mode)

    def _mark(self, layer: Any, on: bool) -> None:
        """Let gradients go to the weights of trainable layers alone."""
        on = on and layer.trainable
        inner = layer.layers if hasattr(layer, "tensors") and not layer.is_own else ()
        for each in inner:
            self._mark(each, on)
        if not inner:
            for weight in layer.weights:
                for tensor in weight.tensors if weight.trained else ():
                    tensor.requires_grad_(on and tensor.is_leaf)

    def _reader(self, class_weight: Mapping[Any, float] | None = None, labelled: bool = True) -> Reader:
        shapes: dict[str, Any] = {"x": self.input_shape}
        if self.tensors:
            shapes = {name: each.shape[1:] for name, each in zip(self.input_names, self.starts, strict=True)}
        names = self.output_names if len(self.ends) > 1 else ["y"]
        losses = [None] * len(names) if self.compiled is None else [part.loss for part in self.compiled.parts]
        return Reader(
            shapes, self._outputs, dict(zip(names, losses, strict=True)), class_weight, labelled, self.classes
        )

    def _outputs(self, shapes: tuple[Shape, ...]) -> list[Shape]:
        if not all(shapes):
            return [() for _ in self.ends or "1"]
        whole = self.assembled(*map(self.concrete, shapes))
        return whole.outputs

    def _look_at(self, x: Any, y: Any) -> None:
        """Take from arrays what only data says: the input's shape, names of classes, how pictures become inputs."""
        if len(self.starts) > 1:
            return
        array = as_array(next(iter(x.values())) if isinstance(x, dict) and len(x) == 1 else x, "x")
        if not array.size:
            raise SettingError("expected one or more examples, received none")
        array = array if self.input_shape is None else fitted(array, self.tensors[0].shape[1:])
        if self.input_shape is None:
            self.concrete(tuple(array.shape[1:]))
        if y is not None and self.classes is None and len(self.ends) < 2:
            labels = as_array(y, "y", words=True) if not isinstance(y, dict) else np.zeros(1)
            if labels.dtype.kind in "UO":
                self._name(sorted({str(word) for word in labels.reshape(-1)}))
        self._look_at_pictures(array)

    def _look_at_pictures(self, array: NDArray[Any], fit: Fit | None = None) -> None:
        """Remember how pictures become inputs like these, and from where to where these go."""
        from hubel.model.saving.files import measured_preprocessing

        self.numbers = (float(array.min()), float(array.max())) if array.size else None
        self.preprocessing = measured_preprocessing(array, self.input_shape or tuple(array.shape[1:]), fit)

    def _name(self, classes: Sequence[str]) -> None:
        """Remember what classes are called, and say it."""
        if classes and self.classes is None:
            self.classes = tuple(map(str, classes))
            print(f"classes: {', '.join(f'{place} {name}' for place, name in enumerate(self.classes))}")

    def _ready(self) -> Compiled:
        if self.compiled is None:
            raise SettingError("expected compile(loss=…, optimizer=…) before fit and evaluate, received none")
        return self.compiled


def _count(x: Any) -> int:
    """How many examples a batch has. Raises SettingError for what is none."""
    return max(1, len(as_array(fitting.each_of(x)[0], "x")))


def _normalisations(layer: Any) -> Iterator[nn.Module]:
    for module in layer.modules_at_all():
        for part in module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                yield part


def _listed(callbacks: Sequence[Callback] | Callback | None) -> list[Callback]:
    if callbacks is None:
        return []
    return [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
