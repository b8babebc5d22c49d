"""Files that Keras wrote: `.keras` (a zip of JSON and HDF5), `.h5`, and `.weights.h5`. Nothing in them is run.

Arrays are HDF5, which the package h5py reads.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hubel.base.errors import HubelError, SettingError
from hubel.base.limits import check
from hubel.model.layers.layer import Layer
from hubel.model.layers.made import Reshape
from hubel.model.layers.names import snake_case
from hubel.model.layers.preparing import Normalization
from hubel.model.layers.weights import Weight
from hubel.tasks import ModelFileError

if TYPE_CHECKING:
    from hubel.model.networks.model import Model

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"
MOST_JSON = 64 * 2**20  # bytes of a description


def is_keras(path: str | Path) -> bool:
    """Whether a file is one of Keras's, by its first bytes. Raises FileNotFoundError."""
    with open(path, "rb") as file:
        return file.read(8).startswith((HDF5, ZIP))


def read(path: str | Path, custom_objects: Any = None, compile: bool = True) -> Model:
    """Make the model that Keras wrote, with its weights, and compiled where it was.

    Raises ModelFileError for a damaged file, for weights alone, and for a model that is no tree or has layers that
    hubel has not, which are named.
    """
    from hubel.model.saving.configs import described

    config, compiled, arrays = _opened(Path(path))
    if config is None:
        raise ModelFileError(
            f"{path}: expected a model, received weights alone; build the model, then load_weights(path)"
        )
    try:
        model: Model = described(config["class_name"], config["config"], custom_objects)
    except (SettingError, TypeError, AttributeError, KeyError, IndexError) as error:
        raise ModelFileError(f"{path}: {error}") from error
    if not hasattr(model, "tensors"):
        raise ModelFileError(f"{path}: expected a Sequential or functional model, received {config['class_name']}")
    _fill(path, model, arrays)
    if compile and compiled:
        _compile(path, model, compiled)
    return model


def load_weights(path: str | Path, model: Model) -> None:
    """Put the weights of a file of Keras's into a model. Raises ModelFileError where they are of another."""
    model.get_weights()  # so that they are there
    _fill(path, model, _opened(Path(path))[2])


class _Arrays:
    """Arrays by layer: `of(layers)` gives each layer's, in Keras's order."""

    def __init__(self, root: Any, legacy: bool) -> None:
        self.root, self.legacy = root, legacy

    def of(self, layers: list[Layer], root: Any = None) -> Iterator[tuple[Layer, list[NDArray[np.float32]]]]:
        """Give every layer that has arrays in the file, and these."""
        root = self.root if root is None else root
        if self.legacy:
            yield from self._by_name(layers, root)
            return
        group = root["layers"] if "layers" in root else root.get("_layer_checkpoint_dependencies", root)
        seen: Counter[str] = Counter()
        for layer in layers:
            kind = getattr(layer, "keras_class", None) or type(layer).__name__
            name = snake_case(kind)
            own = group.get(name if not seen[name] else f"{name}_{seen[name]}")
            seen[name] += 1
            if own is None:
                continue
            inner = getattr(layer, "tensors", None)
            if inner:
                yield from self.of(layer.layers, own)
            else:
                yield layer, list(_below(own))

    def _by_name(self, layers: list[Layer], root: Any) -> Iterator[tuple[Layer, list[NDArray[np.float32]]]]:
        for layer in layers:
            group = root.get(layer.name)
            if group is not None:
                names = [
                    name.decode() if isinstance(name, bytes) else str(name) for name in group.attrs["weight_names"]
                ]
                yield layer, [_array(group[name]) for name in names]


def _below(group: Any) -> Iterator[NDArray[np.float32]]:
    """Give a layer's arrays: its own by their numbers, then those of what it holds; forwards before backwards."""
    if "vars" in group:
        own = group["vars"]
        yield from (_array(own[name]) for name in sorted(own, key=int))
    inner = [name for name in group if name not in ("vars", "seed_generator") and hasattr(group[name], "keys")]
    for name in sorted(inner, key=lambda name: (name != "forward_layer", name)):
        yield from _below(group[name])


def _array(found: Any) -> NDArray[np.float32]:
    if found.external or found.is_virtual:
        raise ValueError(f"{found.name} lies in another file, which is not opened")
    check("parameters", math.prod(found.shape), found.name)
    return np.asarray(found[()], np.float32)


def _opened(path: Path) -> tuple[Any, Any, _Arrays]:
    """Return a file's description of the model and of what was compiled, None where it has none, and its arrays."""
    h5py = _h5py(path)
    with _as_damage(path):
        with open(path, "rb") as file:
            start = file.read(8)
        if start.startswith(ZIP):
            with zipfile.ZipFile(path) as packed:
                said = json.loads(_part(packed, "config.json", MOST_JSON))
                weights = io.BytesIO(_part(packed, "model.weights.h5", path.stat().st_size * 2 + 2**20))
            return said, said.get("compile_config"), _Arrays(_own(h5py.File(weights, "r")), False)
        root = _own(h5py.File(path, "r"))
        if "model_weights" in root or "layer_names" in root.attrs:
            said, compiled = (_json(root.attrs.get(name)) for name in ("model_config", "training_config"))
            return said, compiled, _Arrays(root.get("model_weights", root), True)
        return None, None, _Arrays(root, False)


def _own(root: Any) -> Any:
    """The file, where all that it holds lies in it. Raises ValueError for links, by which HDF5 opens other files."""
    import h5py

    link = root.visititems_links(lambda name, link: None if isinstance(link, h5py.HardLink) else name)
    if link is not None:
        raise ValueError(f"{link} is a link, which is not followed")
    return root


@contextlib.contextmanager
def _as_damage(path: str | Path) -> Iterator[None]:
    """Say of whatever zipfile, json and HDF5 make of a damaged file that it is one: they raise errors of any kind."""
    try:
        yield
    except HubelError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"{path}: expected a file that Keras wrote, received one that cannot be read: {error}"
        ) from error


def _part(packed: zipfile.ZipFile, name: str, most: int) -> bytes:
    size = packed.getinfo(name).file_size
    if size > most:
        raise ValueError(f"{name} of {size:,} bytes, at most {most:,}")
    return packed.read(name)


def _json(said: Any) -> Any:
    return None if said is None else json.loads(said)


def _h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        raise ModelFileError(
            f"{path}: a file of Keras's keeps its weights in HDF5, which needs the package h5py: "
            'pip install "hubel[keras]"'
        ) from error
    return h5py


def _fill(path: str | Path, model: Model, arrays: _Arrays) -> None:
    _same_order(path, model)
    filled: set[int] = set()
    with _as_damage(path):
        found = list(arrays.of(model.layers))
    for layer, values in found:
        if isinstance(layer, Normalization):
            del values[2:]  # the third is how many were counted
            if not values:  # they stand in the description
                filled.add(id(layer))
                continue
        weights = _file_order(layer, arrays.legacy)
        if len(weights) != len(values):
            raise ModelFileError(f"{path}: {layer.name}: expected {len(weights)} arrays, received {len(values)}")
        for weight, value in zip(weights, values, strict=True):
            if weight.shape != value.shape:
                raise ModelFileError(
                    f"{path}: {layer.name}: expected {weight.name} of shape {weight.shape}, received {value.shape}"
                )
            weight.assign(value)
        filled.update(id(each) for each in layer.inside())
    left = [
        layer.name
        for layer in model.inside()
        if not hasattr(layer, "tensors") and layer.weights and id(layer) not in filled
    ]
    if left:
        raise ModelFileError(f"{path}: expected the weights of {', '.join(left)}, received none of them")


def _same_order(path: str | Path, model: Model) -> None:
    """Refuse a Reshape that gives other numbers here: Keras goes place after place, hubel channel after channel."""
    for tensor in model.tensors:
        if not isinstance(tensor.layer, Reshape):
            continue
        given, made = tensor.given[0].shape[1:], tensor.shape[1:]
        mixed = [shape for shape in (given, made) if shape[-1] != 1 and any(size != 1 for size in shape[:-1])]
        if given != made and mixed:
            raise ModelFileError(
                f"{path}: {tensor.layer.name}: expected a Reshape to or from one channel or one place, received "
                f"{_sizes(given)} to {_sizes(made)}, which Keras fills place after place and hubel channel after "
                "channel: the weights around it would meet other numbers"
            )


def _sizes(shape: tuple[int | None, ...]) -> str:
    return "×".join(map(str, shape))


def _file_order(layer: Layer, legacy: bool) -> list[Weight]:
    return [*layer.trainable_weights, *layer.non_trainable_weights] if legacy else layer.weights


def _compile(path: str | Path, model: Model, said: dict[str, Any]) -> None:
    metrics = said.get("metrics")
    try:
        optimizer = said.get("optimizer") or said.get("optimizer_config")
        weights: dict[str, Any] = {
            "loss_weights": said.get("loss_weights"),
            "weighted_metrics": said.get("weighted_metrics"),
        }
        model.compile(optimizer, said.get("loss"), metrics, **weights)
    except (ValueError, TypeError) as error:
        warnings.warn(f"{path}: compile it anew: {error}", stacklevel=4)
