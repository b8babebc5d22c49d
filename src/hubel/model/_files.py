"""Models in files: the one self-explaining safetensors file, with what `compile` chose in its summary."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hubel.arch import Network, Shape, analyse
from hubel.data import Dataset, Preprocessing
from hubel.model._compiled import Compiled
from hubel.nn import NetworkModule
from hubel.tasks import ModelFileError, load_model, save_model

COMPILED = "compiled"  # the summary's entry


def write(
    path: str | Path,
    network: Network,
    module: NetworkModule,
    preprocessing: Preprocessing | None,
    compiled: Compiled | None,
) -> Path:
    """Write network, weights, preprocessing, and what was compiled."""
    outputs = analyse(network).output_shape[-1]
    return save_model(
        path,
        network,
        module,
        preprocessing=preprocessing or plain_preprocessing(network.input),
        classes=[str(i) for i in range(outputs)],
        summary={} if compiled is None else {COMPILED: compiled.settings()},
    )


def read(path: str | Path) -> tuple[Network, NetworkModule, Preprocessing, Compiled | None]:
    """Read what `write` or `hubel train` wrote. Raises FileNotFoundError or ModelFileError."""
    found = load_model(path)
    assert isinstance(found.module, NetworkModule)
    settings: Any = found.summary.get(COMPILED)
    return found.network, found.module, found.preprocessing, Compiled.from_settings(settings) if settings else None


def load_weights(path: str | Path, network: Network, module: NetworkModule) -> None:
    """Put a file's weights into a module. Raises ModelFileError where the file's network is another one."""
    found = load_model(path)
    if found.network.input != network.input or found.network.body != network.body:
        raise ModelFileError(f"{path}: expected the weights of {network}, received those of {found.network}")
    module.load_state_dict(found.module.state_dict())


def measured_preprocessing(array: NDArray[Any], shape: Shape) -> Preprocessing | None:
    """How image files become inputs like these arrays, N×H×W×C or flattened; None where they are no images."""
    if len(shape) == 2:
        return None  # a sequence
    side = math.isqrt(shape[0]) if len(shape) == 1 else 0
    picture = shape if len(shape) == 3 else (side, side, 1)
    if (len(shape) == 1 and side * side != shape[0]) or picture[2] not in (1, 3) or not len(array):
        return None
    scale = 1.0 if float(array.max()) > 1.0 else 255.0
    images = np.clip(array[:2000].reshape(-1, *picture) * scale, 0, 255).round().astype(np.uint8)
    found = Preprocessing.for_dataset(Dataset(images, np.zeros(len(images), np.int64), ("",)))
    return replace(found, mean=(0.0,) * picture[2], std=(scale / 255,) * picture[2])


def plain_preprocessing(shape: Shape) -> Preprocessing:
    """Bytes as numbers from 0 to 1, where nothing else is known; channels that no image has stand side by side."""
    height, width, channels = {1: (1, *shape, 1), 2: (*shape, 1), 3: shape}[len(shape)]
    if channels not in (1, 3):
        width, channels = width * channels, 1
    return Preprocessing(height, width, channels, mean=(0.0,) * channels, std=(1.0,) * channels)
