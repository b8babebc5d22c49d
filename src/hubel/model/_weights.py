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

Arrays = tuple[Tensor, ...]


class _Place(NamedTuple):
    tensors: Arrays
    to_keras: Callable[[Arrays], Tensor]
    from_keras: Callable[[Tensor], Arrays]

    @property
    def array(self) -> Tensor:
        return self.to_keras(self.tensors)


def _one(tensor: Tensor, to_keras: Callable[[Tensor], Tensor], from_keras: Callable[[Tensor], Tensor]) -> _Place:
    return _Place((tensor,), lambda tensors: to_keras(tensors[0]), lambda array: (from_keras(array),))


def get_weights(network: Network, module: NetworkModule) -> list[NDArray[np.float32]]:
    """Return copies of all weights and running statistics."""
    return [place.array.detach().clone().contiguous().numpy() for place in _places(network, module)]


def set_weights(network: Network, module: NetworkModule, weights: Sequence[ArrayLike]) -> None:
    """Put weights back. Raises ValueError where their number or shapes are not the network's."""
    places = list(_places(network, module))
    if len(weights) != len(places):
        raise SettingError(f"expected {len(places)} arrays of weights, received {len(weights)}")
    arrays = [np.asarray(array, np.float32) for array in weights]
    for number, (place, array) in enumerate(zip(places, arrays, strict=True)):
        expected = tuple(place.array.shape)
        if array.shape != expected:
            raise SettingError(f"expected weights[{number}] of shape {expected}, received {array.shape}")
    with torch.no_grad():
        for place, array in zip(places, arrays, strict=True):
            for tensor, value in zip(place.tensors, place.from_keras(torch.tensor(array)), strict=True):
                tensor.copy_(value)


def _places(network: Network, module: NetworkModule) -> Iterator[_Place]:
    """Every tensor that Keras would call a weight, in order, with its way to Keras's axes and back."""
    by_channel = {
        row.path: row.input_shape[-1] for row in analyse(network).rows if hasattr(row.node, "depth_multiplier")
    }
    operations = {row.path: row.operation for row in analyse(network).rows}
    flattened, state = _flattened(network), module.state_dict(keep_vars=True)
    for name, tensor in state.items():
        path, _, what = name.rpartition(".")
        operation = operations.get(path)
        if what == "num_batches_tracked":
            continue
        if isinstance(operation, ops.Recur) and operation.cell == "gru":
            yield from _gru(what, tensor, state.get(f"{path}.bias_hh_l0"))
        elif isinstance(operation, ops.Embed):
            yield _one(tensor, lambda t: t, lambda t: t)
        elif isinstance(operation, ops.DenseSum) and tensor.dim() == 3:  # along steps: a kernel of 1
            yield _one(tensor, lambda t: t[..., 0].T, lambda t: t.T[..., None])
        elif tensor.dim() == 4 and path in by_channel:
            count, _, height, width = tensor.shape
            inputs = by_channel[path]
            grouped = (inputs, count // inputs, height, width)
            yield _one(
                tensor,
                lambda t, form=grouped: t.reshape(form).permute(2, 3, 0, 1),  # type: ignore[misc]
                lambda t, form=tensor.shape: t.permute(2, 3, 0, 1).reshape(form),  # type: ignore[misc]
            )
        elif tensor.dim() > 2:
            axes = (*range(2, tensor.dim()), 1, 0)
            yield _one(
                tensor,
                lambda t, axes=axes: t.permute(axes),  # type: ignore[misc]
                lambda t: t.permute(t.dim() - 1, t.dim() - 2, *range(t.dim() - 2)),
            )
        elif tensor.dim() == 2 and path in flattened:
            *places, channels = flattened[path]
            yield _one(
                tensor,
                lambda t, form=(-1, channels, *places): t.reshape(form).movedim(1, -1).flatten(1).T,  # type: ignore[misc]
                lambda t, form=(-1, *places, channels): t.T.reshape(form).movedim(-1, 1).flatten(1),  # type: ignore[misc]
            )
        elif tensor.dim() == 2:
            yield _one(tensor, lambda t: t.T, lambda t: t.T)
        else:
            yield _one(tensor, lambda t: t, lambda t: t)


def _gru(what: str, tensor: Tensor, second: Tensor | None) -> Iterator[_Place]:
    """Give a GRU's arrays: Keras has the update before the reset, and both biases in one array."""

    def turned(t: Tensor) -> Tensor:
        reset, update, new = t.chunk(3, -1)
        return torch.cat((update, reset, new), -1)

    if what == "bias_ih_l0" and second is not None:
        yield _Place((tensor, second), lambda pair: turned(torch.stack(pair)), lambda t: tuple(turned(t)))
    elif what != "bias_hh_l0":
        yield _one(tensor, lambda t: turned(t.T), lambda t: turned(t).T)


def _flattened(network: Network) -> dict[str, Shape]:
    """The dense layers that take something flattened, and its shape: PyTorch flattens channel by channel."""
    found: dict[str, Shape] = {}
    picture: Shape | None = None
    for row in analyse(network).rows:
        if isinstance(row.operation, ops.View) and len(row.input_shape) > 1:
            picture = row.input_shape
        elif isinstance(row.operation, ops.DenseSum) and picture is not None:
            found[row.path], picture = picture, None
        elif len(row.input_shape) > 1:
            picture = None
    return found
