"""Weights in Keras's order and axes: kernels height×width×in×out, dense ones in×out, pictures flattened row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from hubel.arch import Network, Shape, analyse, ops
from hubel.base.errors import SettingError
from hubel.nn import NetworkModule

Change = Callable[[Tensor], Tensor]


class _Place(NamedTuple):
    tensor: Tensor
    to_keras: Change
    from_keras: Change


def get_weights(network: Network, module: NetworkModule) -> list[NDArray[np.float32]]:
    """Return copies of all weights and running statistics."""
    return [place.to_keras(place.tensor).detach().clone().contiguous().numpy() for place in _places(network, module)]


def set_weights(network: Network, module: NetworkModule, weights: Sequence[ArrayLike]) -> None:
    """Put weights back. Raises ValueError where their number or shapes are not the network's."""
    places = list(_places(network, module))
    if len(weights) != len(places):
        raise SettingError(f"expected {len(places)} arrays of weights, received {len(weights)}")
    arrays = [np.asarray(array, np.float32) for array in weights]
    for number, (place, array) in enumerate(zip(places, arrays, strict=True)):
        expected = tuple(place.to_keras(place.tensor).shape)
        if array.shape != expected:
            raise SettingError(f"expected weights[{number}] of shape {expected}, received {array.shape}")
    with torch.no_grad():
        for place, array in zip(places, arrays, strict=True):
            place.tensor.copy_(place.from_keras(torch.tensor(array)))


def _places(network: Network, module: NetworkModule) -> Iterator[_Place]:
    """Every tensor that Keras would call a weight, in order, with its way to Keras's axes and back."""
    by_channel = {
        row.path: row.input_shape[-1] for row in analyse(network).rows if hasattr(row.node, "depth_multiplier")
    }
    flattened = _flattened(network)
    for name, tensor in module.state_dict(keep_vars=True).items():
        path, _, what = name.rpartition(".")
        if what == "num_batches_tracked":
            continue
        if tensor.dim() == 4 and path in by_channel:
            count, _, height, width = tensor.shape
            inputs = by_channel[path]
            grouped = (inputs, count // inputs, height, width)
            yield _Place(
                tensor,
                lambda t, form=grouped: t.reshape(form).permute(2, 3, 0, 1),  # type: ignore[misc]
                lambda t, form=tensor.shape: t.permute(2, 3, 0, 1).reshape(form),  # type: ignore[misc]
            )
        elif tensor.dim() == 4:
            yield _Place(tensor, lambda t: t.permute(2, 3, 1, 0), lambda t: t.permute(3, 2, 0, 1))
        elif tensor.dim() == 2 and path in flattened:
            height, width, channels = flattened[path]
            yield _Place(
                tensor,
                lambda t, c=channels, h=height, w=width: (  # type: ignore[misc]
                    t.reshape(-1, c, h, w).permute(2, 3, 1, 0).reshape(h * w * c, -1)
                ),
                lambda t, c=channels, h=height, w=width: (  # type: ignore[misc]
                    t.reshape(h, w, c, -1).permute(3, 2, 0, 1).reshape(-1, c * h * w)
                ),
            )
        elif tensor.dim() == 2:
            yield _Place(tensor, lambda t: t.T, lambda t: t.T)
        else:
            yield _Place(tensor, lambda t: t, lambda t: t)


def _flattened(network: Network) -> dict[str, Shape]:
    """The dense layers that take a flattened picture, and its shape: PyTorch flattens channel by channel."""
    found: dict[str, Shape] = {}
    picture: Shape | None = None
    for row in analyse(network).rows:
        if isinstance(row.operation, ops.View) and len(row.input_shape) == 3:
            picture = row.input_shape
        elif isinstance(row.operation, ops.DenseSum) and picture is not None:
            found[row.path], picture = picture, None
        elif len(row.input_shape) == 3:
            picture = None
    return found
