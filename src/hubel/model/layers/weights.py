"""Weights in Keras's order and axes: kernels height×width×in×out, dense ones in×out, pictures flattened row by row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

import hubel.arch as arch
from hubel.arch import Network, Node, Row, Shape, analyse, named_children, ops
from hubel.base.errors import OrderError, SettingError
from hubel.nn import NetworkModule

Arrays = tuple[Tensor, ...]

ROLES = {"weight": "kernel", "recurrent": "recurrent_kernel"}
OF_NORMALS = {"weight": "gamma", "bias": "beta", "mean": "moving_mean", "variance": "moving_variance"}


@dataclass(frozen=True, eq=False)
class Weight:
    """An array that Keras would call a weight: where it lies in PyTorch's tensors, the way to Keras's axes and back.

    name: its role in its layer ("kernel", "gamma"). trained: whether training changes it where nothing is frozen.
    """

    name: str
    tensors: Arrays
    to_keras: Callable[[Arrays], Tensor]
    from_keras: Callable[[Tensor], Arrays]
    trained: bool = True

    @property
    def value(self) -> Tensor:
        """The array as it is now, detached."""
        return self.to_keras(tuple(tensor.detach() for tensor in self.tensors))

    @property
    def shape(self) -> tuple[int, ...]:
        """Its axes."""
        return tuple(self.value.shape)

    @property
    def dtype(self) -> str:
        """Always "float32"."""
        return "float32"

    @property
    def trainable(self) -> bool:
        """Whether training changes it."""
        return any(tensor.requires_grad for tensor in self.tensors)

    def numpy(self) -> NDArray[np.float32]:
        """A copy."""
        return self.value.clone().contiguous().numpy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self.numpy().astype(dtype or np.float32)

    def assign(self, value: ArrayLike | Tensor) -> None:
        """Put an array in its place. Raises `ValueError` where its shape is another."""
        array = torch.as_tensor(np.asarray(value, np.float32)) if not isinstance(value, Tensor) else value.detach()
        if tuple(array.shape) != self.shape:
            raise SettingError(f"expected {self.name} of shape {self.shape}, received {tuple(array.shape)}")
        with torch.no_grad():
            for tensor, part in zip(self.tensors, self.from_keras(array.float()), strict=True):
                tensor.copy_(part)

    def __repr__(self) -> str:
        return f"<Weight {self.name}, shape={self.shape}>"


def assign_all(weights: Sequence[Weight], values: Sequence[ArrayLike]) -> None:
    """Put arrays in their places, all or none. Raises `ValueError` where their number or shapes differ."""
    if len(weights) != len(values):
        raise SettingError(f"expected {len(weights)} arrays of weights, received {len(values)}")
    arrays = [np.asarray(array, np.float32) for array in values]
    for number, (weight, array) in enumerate(zip(weights, arrays, strict=True)):
        if array.shape != weight.shape:
            raise SettingError(f"expected weights[{number}] of shape {weight.shape}, received {array.shape}")
    for weight, array in zip(weights, arrays, strict=True):
        weight.assign(array)


def weights_of(network: Network, module: NetworkModule, order: Tensor | None = None) -> list[Weight]:
    """Return every array that Keras would call a weight, in its order.

    order: that of the numbers that come in, where they are a flattened picture's.
    """
    report = analyse(network)
    by_channel = {row.path: row.input_shape[-1] for row in report.rows if hasattr(row.node, "depth_multiplier")}
    operations = {row.path: row.operation for row in report.rows}
    seen = orders(network, order)
    state = module.state_dict(keep_vars=True)
    found: list[Weight] = []
    for name, tensor in state.items():
        path, _, what = name.rpartition(".")
        if what == "num_batches_tracked":
            continue
        operation = operations.get(path)
        role, ways = _ways(operation, what, tensor, state.get(f"{path}.bias_hh_l0"), by_channel.get(path))
        if ways is None:
            continue
        if path in seen:
            ways = _reordered(ways, seen[path], isinstance(operation, ops.DenseSum))
        learned = isinstance(tensor, torch.nn.Parameter) and not isinstance(
            operation, ops.RadialSum
        )  # whose codes stay
        found.append(Weight(role, *ways, trained=learned))
    return found


_Ways = tuple[Arrays, Callable[[Arrays], Tensor], Callable[[Tensor], Arrays]]


def _one(tensor: Tensor, to_keras: Callable[[Tensor], Tensor], from_keras: Callable[[Tensor], Tensor]) -> _Ways:
    return (tensor,), lambda tensors: to_keras(tensors[0]), lambda array: (from_keras(array),)


def _ways(
    operation: ops.Operation | None, what: str, tensor: Tensor, second: Tensor | None, channels: int | None
) -> tuple[str, _Ways | None]:
    """Return an array's role, and its way to Keras's axes and back; None where another array has it."""
    roles = {name: role for role, name in operation.weights.items()} if operation is not None else {}
    role = roles.get(what, what)
    if isinstance(operation, ops.Recur) and operation.cell == "gru":
        return ROLES.get(role, role), _gru(what, tensor, second)
    if isinstance(operation, ops.Embed):
        return "embeddings", _one(tensor, lambda t: t, lambda t: t)
    if isinstance(operation, ops.Normalise):
        return OF_NORMALS.get(role, role), _one(tensor, lambda t: t, lambda t: t)
    role = ROLES.get(role, role)
    if isinstance(operation, ops.DenseSum) and tensor.dim() > 2:  # a kernel of 1, or of 1×1
        form = tensor.shape
        return role, _one(tensor, lambda t: t.flatten(1).T, lambda t: t.T.reshape(form))
    if tensor.dim() == 4 and channels is not None:
        count, _, height, width = form = tensor.shape
        grouped = (channels, count // channels, height, width)
        return role, _one(
            tensor,
            lambda t: t.reshape(grouped).permute(2, 3, 0, 1),
            lambda t: t.permute(2, 3, 0, 1).reshape(form),
        )
    if tensor.dim() > 2:
        axes = (*range(2, tensor.dim()), 1, 0)
        return role, _one(
            tensor,
            lambda t: t.permute(axes),
            lambda t: t.permute(t.dim() - 1, t.dim() - 2, *range(t.dim() - 2)),
        )
    if tensor.dim() == 2:
        return role, _one(tensor, lambda t: t.T, lambda t: t.T)
    return role, _one(tensor, lambda t: t, lambda t: t)


def _reordered(ways: _Ways, order: Tensor, weighed: bool) -> _Ways:
    """Order what belongs to a flattened picture as Keras flattens it."""
    tensors, to_keras, from_keras = ways
    if weighed and tensors[0].dim() != 2:  # a bias belongs to what comes out
        return ways
    back = order.argsort()  # the flattened axis is the first of Keras's
    return tensors, lambda arrays: to_keras(arrays)[order], lambda array: from_keras(array[back])


def _gru(what: str, tensor: Tensor, second: Tensor | None) -> _Ways | None:
    """Keras has the update before the reset, and both biases in one array."""

    def turned(t: Tensor) -> Tensor:
        reset, update, new = t.chunk(3, -1)
        return torch.cat((update, reset, new), -1)

    if what == "bias_hh_l0":
        return None
    if what == "bias_ih_l0" and second is not None:
        return (tensor, second), lambda pair: turned(torch.stack(pair)), lambda t: tuple(turned(t))
    return _one(tensor, lambda t: turned(t.T), lambda t: turned(t).T)


def flattened(shape: Shape) -> Tensor:
    """Return where in a flattened picture each number lies here, channel by channel, that Keras has row by row."""
    *places, channels = shape
    return torch.arange(math.prod(shape)).reshape(channels, *places).movedim(0, -1).flatten()


def order_after(row: Row, order: Tensor | None) -> Tensor | None:
    """Return the order of what a layer gives, of a flattened picture's numbers; None where it is Keras's."""
    if len(row.input_shape) > 1:
        return (
            flattened(row.input_shape) if isinstance(row.operation, ops.View) and len(row.output_shape) == 1 else None
        )
    return order if isinstance(row.operation, (ops.Normalise, ops.Activate, ops.Pass, ops.Affine)) else None


def order_joined(joins: Any, given: Sequence[tuple[Tensor | None, Shape]]) -> Tensor | None:
    """Return the order of what a join gives, of the orders and shapes of what it is given. Raises OrderError."""
    known = [order for order, _ in given if order is not None]
    if not known:
        return None
    if joins is arch.Concat:
        starts = [0, *accumulate(shape[-1] for _, shape in given)]
        parts = [torch.arange(shape[-1]) if order is None else order for order, shape in given]
        return torch.cat([start + part for start, part in zip(starts, parts, strict=False)])
    if len(known) < len(given) or any(not torch.equal(known[0], order) for order in known):
        raise OrderError("a flattened picture meets other numbers one by one")
    return known[0]


def orders(network: Network, order: Tensor | None = None) -> dict[str, Tensor]:
    """Return the order (see `flattened`) of what the layers see that see a flattened picture, by their paths, and of
    what comes out, as "". order: that of what comes in. Raises OrderError.
    """
    rows = {row.path: row for row in analyse(network).rows}
    found: dict[str, Tensor] = {}

    def after(node: Node, path: str, given: tuple[Tensor | None, Shape]) -> tuple[Tensor | None, Shape]:
        if isinstance(node, arch.Layer):
            row = rows[path]
            if given[0] is not None:
                found[path] = given[0]
            return order_after(row, given[0]), row.output_shape
        inner = named_children(arch.children(node))
        if isinstance(node, arch.Auxiliary):
            return given
        if isinstance(node, arch.Chain):
            for name, each in inner:
                given = after(each, f"{path}.{name}".lstrip("."), given)
            return given
        return order_joined(type(node), [after(each, f"{path}.{name}", given) for name, each in inner]), rows[
            path
        ].output_shape

    last, _ = after(network.body, "", (order, network.input))
    return found if last is None else {**found, "": last}


def share(name: str, built: nn.Module, other: nn.Module) -> None:
    """Give a module the weights of another that was built for another shape. Raises SettingError where they differ."""
    for (path, kept), (_, made) in zip(built.named_modules(), other.named_modules(), strict=True):
        for kind in ("_parameters", "_buffers"):
            for own, tensor in getattr(kept, kind).items():
                there = getattr(made, kind).get(own)
                if tensor is None or there is None:
                    continue
                if there.shape != tensor.shape:
                    raise SettingError(
                        f"{name}: expected the same inputs as before, which its {path or own} of {tuple(tensor.shape)} "
                        f"was made for, received some that would need {tuple(there.shape)}"
                    )
                setattr(made, own, tensor)
