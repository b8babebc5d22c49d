"""How a network of the zoo becomes a model as `keras.applications` has it, and what its pixels become."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hubel.arch import Chain, Network, analyse, ended
from hubel.base.errors import SettingError
from hubel.model.layers import GlobalAveragePooling2D, GlobalMaxPooling2D, Input, KerasTensor, Rescaling
from hubel.model.networks.sequential import Sequential
from hubel.zoo import get

_SIDE, _CLASSES = 224, 1000
_MEANS, _DEVIATIONS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green, blue
_BLUE_FIRST = (103.939, 116.779, 123.68)


def made(
    word: str,
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = _CLASSES,
    classifier_activation: str | None = "softmax",
    name: str | None = None,
) -> Sequential:
    """Return the zoo's network as a model. include_top: with its classifier, else without all that comes after the last
    maps, `pooling` ("avg", "max") in its place. weights: None begins anew; a path takes a file of PyTorch's weights.

    Raises SettingError for "imagenet", since hubel downloads no weights by itself.
    """
    if weights == "imagenet":
        raise SettingError(
            f"expected weights=None, which begins anew, or weights=FILE, received 'imagenet': hubel downloads none by "
            f"itself; hubel zoo {word} says where weights of ImageNet are, and takes files of PyTorch's"
        )
    if input_tensor is not None:
        raise SettingError(
            "expected input_shape=(height, width, channels), received input_tensor; call the model on it"
        )
    if pooling not in (None, "avg", "max"):
        raise SettingError(f"expected pooling None, 'avg' or 'max', received {pooling!r}")
    network: Network = get(word, classes=classes, input=tuple(input_shape or (_SIDE, _SIDE, 3)))
    network = ended(network, classifier_activation or "linear")
    nodes = network.body.nodes if include_top else _maps(network)
    layers: list[Any] = [Input(network.input), *nodes]
    if pooling and not include_top:
        layers.append(GlobalAveragePooling2D() if pooling == "avg" else GlobalMaxPooling2D())
    model = Sequential(layers, name or word)
    if weights is not None:
        _fill(model, network, Path(weights))
    return model


def _maps(network: Network) -> tuple[Any, ...]:
    """The nodes up to the last that gives maps."""
    nodes = network.body.nodes
    while len(analyse(Network(network.input, Chain(*nodes))).output_shape) != 3:
        nodes = nodes[:-1]
    return nodes


def _fill(model: Sequential, network: Network, path: Path) -> None:
    """Take what the model has of a file's weights for the whole network."""
    from hubel.nn import build, load_weights

    whole = build(network)
    load_weights(whole, path)
    state = whole.state_dict()
    model.module.load_state_dict({name: state[name] for name in model.module.state_dict()})


def from_minus_one(x: Any, data_format: Any = None) -> Any:
    """Bring pixels from 0 … 255 to −1 … 1."""
    return Rescaling(1 / 127.5, -1.0)(x) if isinstance(x, KerasTensor) else np.asarray(x, np.float32) / 127.5 - 1.0


def by_imagenet(x: Any, data_format: Any = None) -> Any:
    """Bring pixels from 0 … 255 to deviations from ImageNet's means."""
    return (_array(x) / 255 - np.array(_MEANS, np.float32)) / np.array(_DEVIATIONS, np.float32)


def blue_first(x: Any, data_format: Any = None) -> Any:
    """Turn red, green, blue round, and take ImageNet's means off, in pixels from 0 … 255."""
    return _array(x)[..., ::-1] - np.array(_BLUE_FIRST, np.float32)


def _array(x: Any) -> Any:
    if isinstance(x, KerasTensor):
        raise SettingError(
            "expected arrays in preprocess_input, received a tensor without numbers: prepare x before fit"
        )
    return np.asarray(x, np.float32)
