"""A model as a Keras file (`.keras`), written from the same operations, its preparation's numbers inside."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from hubel.arch import ops, torch_order
from hubel.arch.ops.functions import FUNCTIONS
from hubel.base.errors import SettingError
from hubel.export.forms import Order, Written
from hubel.export.lowered import Step, affine_of, steps_of
from hubel.export.source import Source
from hubel.tasks.decoding import decoding_of


def written_keras(order: Order) -> Written:
    """Write a Keras model: uint8 N×H×W×C of the network's own size to probabilities.

    Raises SettingError for operations that are not written for Keras, and where it is not installed.
    """
    model, preparation = order.model, order.model.preprocessing
    if not decoding_of(model.task.name).names or len(model.network.input) == 2:
        raise SettingError(f"a Keras file is written for models that name an image's class, not for {model.task.name}")
    if find_spec("tensorflow") is None:  # which Keras would take by itself
        os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        keras = importlib.import_module("keras")
    except ModuleNotFoundError as error:  # of Keras itself, or of what computes for it
        raise SettingError(f"this form needs {error.name}, which is not installed: pip install keras") from None
    source = Source.of(model)
    size = preparation.height, preparation.width, preparation.channels
    image = keras.Input(size, dtype="uint8", name="image")
    mean, std = np.asarray(preparation.mean), np.asarray(preparation.std)
    x = _rescaled(keras, image, 1 / (255 * std), -mean / std)
    if len(model.network.input) == 1:
        x = _viewed(keras, x, size, model.network.input)
    scores = _written(keras, steps_of(source.network, source.arrays), x)
    whole = keras.Model(image, keras.layers.Softmax(name="probabilities")(scores), name=model.network.name or "network")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.keras"
        whole.save(file)
        content = file.read_bytes()
        again = keras.models.load_model(file)

    def run(images: Any) -> Any:
        try:
            return keras.ops.convert_to_numpy(again(images, training=False))
        except Exception as error:  # what is behind Keras has errors of its own, as for groups on a processor
            raise SettingError(f"Keras cannot run this model here: {str(error).splitlines()[0][:200]}") from None

    note = "it takes uint8 images N×H×W×C of the network's own size, as Preprocessing.prepare makes them"
    return Written({"": content}, "sized", run, f"Keras {keras.__version__} on {keras.config.backend()}", notes=(note,))


def _written(keras: Any, steps: Sequence[Step], x: Any) -> Any:
    for step in steps:
        writer = _WRITERS.get(type(step.operation))
        x = None if writer is None else writer(keras, step, x)
        if x is None:
            raise SettingError(f"{step.path} ({step.operation.kind}) is not written for Keras; model.onnx can hold it")
    return x


def _filled(layer: Any, x: Any, *weights: Any) -> Any:
    """Call a layer, then give it its weights."""
    found = layer(x)
    layer.set_weights([np.asarray(each, np.float32) for each in weights])
    return found


def _rescaled(keras: Any, x: Any, factor: Any, offset: Any) -> Any:
    return keras.layers.Rescaling([float(each) for each in factor], [float(each) for each in offset])(x)


def _viewed(keras: Any, x: Any, before: Sequence[int], after: Sequence[int]) -> Any:
    """The same numbers in another shape, channel after channel."""
    first = {1: (1,), 2: (2, 1), 3: (3, 1, 2)}[len(before)]
    back = {1: (1,), 2: (2, 1), 3: (2, 3, 1)}[len(after)]
    x = keras.layers.Permute(first)(x) if len(before) > 1 else x
    x = keras.layers.Reshape(torch_order(tuple(after)))(x)
    return keras.layers.Permute(back)(x) if len(after) > 1 else x


def _padded(keras: Any, x: Any, sides: Sequence[tuple[int, int]], value: float = 0.0) -> Any:
    if not any(map(any, sides)):
        return x
    if value:
        return keras.ops.pad(x, ((0, 0), *sides, (0, 0)), constant_values=value)
    return (keras.layers.ZeroPadding2D if len(sides) == 2 else keras.layers.ZeroPadding1D)(_sides(sides))(x)


def _sides(sides: Sequence[tuple[int, int]]) -> Any:
    return tuple(map(tuple, sides)) if len(sides) == 2 else tuple(sides[0])


def _windowed(keras: Any, step: Step, x: Any) -> Any:
    operation: Any = step.operation
    windows, axes = operation.windows, len(operation.windows)
    weight, biases = step.arrays["weight"], [step.arrays[name] for name in ("bias",) if name in step.arrays]
    x = _padded(keras, x, [(window.before, window.after) for window in windows])
    common: dict[str, Any] = {
        "strides": tuple(window.stride for window in windows),
        "dilation_rate": tuple(window.dilation for window in windows),
        "use_bias": bool(biases),
        "name": _name(step),
    }
    kernel = tuple(window.kernel for window in windows)
    last = tuple(range(2, 2 + axes))
    if operation.is_depthwise and axes == 2:
        channels = operation.input[-1]
        each = weight.shape[0] // channels
        layer = keras.layers.DepthwiseConv2D(kernel, depth_multiplier=each, **common)
        return _filled(layer, x, weight.reshape(channels, each, *kernel).transpose(2, 3, 0, 1), *biases)
    kind = keras.layers.Conv2D if axes == 2 else keras.layers.Conv1D
    layer = kind(weight.shape[0], kernel, groups=operation.groups, **common)
    return _filled(layer, x, weight.transpose(*last, 1, 0), *biases)


def _name(step: Step) -> str:
    operation: Any = step.operation
    return f"{step.path}.{operation.weight}".removesuffix(".weight").replace(".", "_")


def _dense(keras: Any, step: Step, x: Any) -> Any:
    weight = step.arrays["weight"].reshape(step.operation.output[-1], -1)
    biases = [step.arrays[name] for name in ("bias",) if name in step.arrays]
    layer = keras.layers.Dense(len(weight), use_bias=bool(biases), name=_name(step))
    return _filled(layer, x, weight.T, *biases)


def _pooled(keras: Any, step: Step, x: Any) -> Any:
    operation: Any = step.operation
    places, how = len(operation.input) - 1, "Max" if operation.how == "max" else "Average"
    if operation.is_whole:
        whole = getattr(keras.layers, f"Global{how}Pooling{places}D")
        return whole(keepdims=len(operation.output) > 1)(x)
    windows = operation.windows
    pool = getattr(keras.layers, f"{how}Pooling{places}D")
    if not windows:  # bins
        sizes = [length // len(axis) for axis, length in zip(operation.spans, operation.input[:-1], strict=True)]
        fits = all(n % len(axis) == 0 for axis, n in zip(operation.spans, operation.input[:-1], strict=True))
        return pool(tuple(sizes))(x) if fits else None
    over = [max(0, (w.count - 1) * w.stride + w.kernel - w.before - w.length) for w in windows]
    sides = [(w.before, after) for w, after in zip(windows, over, strict=True)]
    if how == "Average" and any(map(any, sides)):
        return None
    x = _padded(keras, x, sides, -1e30)
    return pool(tuple(w.kernel for w in windows), tuple(w.stride for w in windows))(x)


def _activate(keras: Any, step: Step, x: Any) -> Any:
    operation: Any = step.operation
    if operation.function == "leaky_relu":
        return keras.layers.LeakyReLU(negative_slope=operation.constants["negative_slope"])(x)
    if operation.constants or operation.function not in FUNCTIONS:
        return None
    told = FUNCTIONS[operation.function].keras or operation.function
    if told.startswith("ops."):
        return getattr(keras.ops, told.removeprefix("ops."))(x)
    return keras.layers.Activation(told)(x)


def _affine(keras: Any, step: Step, x: Any) -> Any:
    found = affine_of(step)
    return None if found is None else _rescaled(keras, x, *np.broadcast_arrays(*found))


def _normalise(keras: Any, step: Step, x: Any) -> Any:
    operation: Any = step.operation
    if operation.over == "place":
        ones = np.ones(operation.input[-1])
        numbers = step.arrays.get("weight", ones), step.arrays.get("bias", 0 * ones)
        return _filled(keras.layers.LayerNormalization(epsilon=operation.epsilon), x, *numbers)
    return _affine(keras, step, x)


def _pad(keras: Any, step: Step, x: Any) -> Any:
    operation: Any = step.operation
    *sides, channels = operation.sides
    if any(channels) or len(sides) != 2 or operation.fill != "zeros":
        return None
    if all(side <= 0 for pair in sides for side in pair):
        return keras.layers.Cropping2D(tuple((-before, -after) for before, after in sides))(x)
    return _padded(keras, x, sides) if all(side >= 0 for pair in sides for side in pair) else None


def _join(keras: Any, step: Step, x: Any) -> Any:
    operation: Any = step.operation
    given = [_written(keras, branch, x) for branch in step.branches]
    if operation.how == "multiply":
        most = max(len(each.shape) for each in given)
        given = [
            keras.layers.Reshape((*[1] * (most - len(each.shape)), *each.shape[1:]))(each)
            if len(each.shape) < most
            else each
            for each in given
        ]
    joins = {"add": keras.layers.Add, "concat": keras.layers.Concatenate, "multiply": keras.layers.Multiply}
    return joins[operation.how]()(given)


def _view(keras: Any, step: Step, x: Any) -> Any:
    return _viewed(keras, x, step.operation.input, step.operation.output)


_WRITERS: dict[type[ops.Operation], Callable[[Any, Step, Any], Any]] = {
    ops.WindowedSum: _windowed,
    ops.DenseSum: _dense,
    ops.Span: _pooled,
    ops.Activate: _activate,
    ops.Affine: _affine,
    ops.Normalise: _normalise,
    ops.Pad: _pad,
    ops.Join: _join,
    ops.View: _view,
}
