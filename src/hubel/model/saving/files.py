"""Models in files: the one self-explaining safetensors file, with what `compile` chose in its summary."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hubel.arch import Shape, analyse, leaves
from hubel.base.errors import SettingError
from hubel.base.model_file import is_wired
from hubel.base.names import listing
from hubel.data import Dataset, Fit, Preprocessing
from hubel.model.saving import keras_files, wired_files
from hubel.nn import NetworkModule
from hubel.tasks import ModelFileError, load_model, save_model

if TYPE_CHECKING:
    from hubel.model.networks.model import Model

COMPILED = "compiled"  # the summary's entry


def write(path: str | Path, model: Model) -> Path:
    """Write network, weights, preprocessing, and what was compiled. Raises SettingError for a layer of a user's own."""
    from hubel.model.layers.own import REFUSAL, OwnLayer

    settings = model.compiled.settings() if model.compiled is not None else None
    if model.compiled is not None and settings is None:
        warnings.warn("loss or metrics of your own are not kept: compile the loaded model again", stacklevel=4)
    summary = {} if settings is None else {COMPILED: settings}
    if not model.is_tree:
        return wired_files.write(path, model, summary)
    network, module = model.network, model.module
    for leaf in leaves(network.body):
        if isinstance(leaf, OwnLayer):
            words = REFUSAL.format(name=leaf.name, kind=type(leaf.layer).__name__)
            raise SettingError(f"expected a model that a file can hold, received one that {words}")
    outputs, classes = analyse(network).output_shape[-1], model.classes
    if classes and len(classes) != outputs:
        has = f"{outputs} output{'s' * (outputs != 1)}"
        told = f"the names of classes ({listing(classes, 8)}) are not kept, since the network has {has}"
        warnings.warn(told, stacklevel=4)
        classes = None
    if model.preprocessing is None and model.numbers and len(network.input) == 3:
        low, high = model.numbers
        warnings.warn(
            f"{model.name} was trained on numbers from {low:.4g} to {high:.4g}, and no file of pictures has these: "
            "`hubel predict` gives it pixels from 0 to 1; begin the model with layers that prepare pixels (Rescaling, "
            "Normalization) and train it on pixels",
            stacklevel=4,
        )
    return save_model(
        path,
        network,
        module,
        preprocessing=model.preprocessing or plain_preprocessing(network.input),
        classes=classes or [str(i) for i in range(outputs)],
        summary=summary,
    )


def read(path: str | Path, custom_objects: Any = None, compile: bool = True) -> Model:
    """Read what `write`, `hubel train` or Keras wrote. Raises FileNotFoundError or ModelFileError."""
    from hubel.model.layers.tensor import Input
    from hubel.model.networks.sequential import Sequential

    if keras_files.is_keras(path):
        return keras_files.read(path, custom_objects, compile)
    if is_wired(Path(path)):
        wired, summary = wired_files.read(path, custom_objects)
        _compile(wired, summary, compile)
        return wired
    found = load_model(path)
    assert isinstance(found.module, NetworkModule)
    model = Sequential([Input(found.network.input), *found.network.body.nodes], found.network.name or "sequential")
    model.module.load_state_dict(found.module.state_dict())
    model.preprocessing = found.preprocessing
    if any(not name.isdigit() for name in found.classes):
        model.classes = tuple(found.classes)
    _compile(model, found.summary, compile)
    return model


def _compile(model: Model, summary: Mapping[str, Any], asked: bool) -> None:
    from hubel.model.training.compiled import Compiled

    settings: Any = summary.get(COMPILED)
    names = model.output_names if len(model.ends) > 1 else ("",)
    model.compiled = Compiled.from_settings(settings, names) if settings and asked else None


def load_weights(path: str | Path, model: Model) -> None:
    """Put a file's weights into a model. Raises ModelFileError where the file's network is another one."""
    if keras_files.is_keras(path):
        keras_files.load_weights(path, model)
        return
    if is_wired(Path(path)):
        wired_files.fill(path, model)
        return
    found, network = load_model(path), model.network
    if found.network.input != network.input or found.network.body != network.body:
        raise ModelFileError(f"{path}: expected the weights of {network}, received those of {found.network}")
    model.module.load_state_dict(found.module.state_dict())


def measured_preprocessing(array: NDArray[Any], shape: Shape, fit: Fit | None = None) -> Preprocessing | None:
    """How image files become inputs like these arrays, N×H×W×C or flattened: pixels from 0 to 255, from 0 to 1 or from
    −1 to 1; None where they are no images, or of other numbers.
    """
    if len(shape) == 2:
        return None  # a sequence
    side = math.isqrt(shape[0]) if len(shape) == 1 else 0
    picture = shape if len(shape) == 3 else (side, side, 1)
    if (len(shape) == 1 and side * side != shape[0]) or picture[2] not in (1, 3) or not len(array):
        return None
    low, high = float(array.min()), float(array.max())
    if low < -1 or high > 255 or (low < 0 and high > 1):
        return None
    mean, deviation = (0.5, 0.5) if low < 0 else (0.0, 1.0 if high <= 1 else 1 / 255)
    pixels = (array[:2000].reshape(-1, *picture) * deviation + mean) * 255
    images = np.clip(np.nan_to_num(pixels), 0, 255).round().astype(np.uint8)
    found = Preprocessing.for_dataset(Dataset(images, np.zeros(len(images), np.int64), ("",), fit=fit))
    return replace(found, mean=(mean,) * picture[2], std=(deviation,) * picture[2])


def plain_preprocessing(shape: Shape) -> Preprocessing:
    """Bytes as numbers from 0 to 1, where nothing else is known; channels that no image has stand side by side."""
    height, width, channels = {1: (1, *shape, 1), 2: (*shape, 1), 3: shape}[len(shape)]
    if channels not in (1, 3):
        width, channels = width * channels, 1
    return Preprocessing(height, width, channels, mean=(0.0,) * channels, std=(1.0,) * channels)
