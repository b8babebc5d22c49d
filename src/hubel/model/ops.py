"""Functions of tensors by Keras's names, for losses, metrics and layers of your own: `ops.mean(ops.square(x), -1)`.

Tensors are PyTorch's, and PyTorch's own functions do as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.model import activations, loss_functions
from hubel.model.layers.operations import symbolic

Axis = int | Sequence[int] | None

_TYPES = {
    "float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32, "float64": torch.float64,
    "int8": torch.int8, "uint8": torch.uint8, "int16": torch.int16, "int32": torch.int32, "int64": torch.int64,
    "bool": torch.bool, "float": torch.float32, "int": torch.int32,
}  # fmt: skip


def dtype_of(dtype: Any) -> torch.dtype:
    """Return PyTorch's type for a name, or for NumPy's."""
    if isinstance(dtype, torch.dtype):
        return dtype
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name not in _TYPES:
        raise SettingError(f"expected a type of {', '.join(_TYPES)}, received {dtype!r}")
    return _TYPES[name]


def convert_to_tensor(x: Any, dtype: Any = None, sparse: Any = None) -> Tensor:
    """Return a tensor of an array, a list or a number; real numbers become float32."""
    found = x if isinstance(x, Tensor) else torch.as_tensor(np.asarray(x))
    if dtype is not None:
        return found.to(dtype_of(dtype))
    return found.float() if found.dtype == torch.float64 else found


array = convert_to_tensor


def convert_to_numpy(x: Any) -> NDArray[Any]:
    """Return an array."""
    return np.asarray(x.detach().cpu() if isinstance(x, Tensor) else x)


def cast(x: Any, dtype: Any) -> Tensor:
    """Return the same numbers in another type."""
    return convert_to_tensor(x).to(dtype_of(dtype))


def shape(x: Any) -> tuple[int, ...]:
    """Return the axes."""
    return tuple(x.shape)


def ndim(x: Any) -> int:
    """Return how many axes there are."""
    return len(x.shape)


def size(x: Any) -> int:
    """Return how many numbers there are."""
    return convert_to_tensor(x).numel()


def stop_gradient(x: Tensor) -> Tensor:
    """Return the same, through which no gradient goes."""
    return x.detach()


def _axes(axis: Axis, x: Tensor) -> Any:
    if axis is None:
        return tuple(range(x.dim()))
    return axis if isinstance(axis, int) else tuple(axis)


def _real(x: Any) -> Tensor:
    found = convert_to_tensor(x)
    return found if found.is_floating_point() else found.float()


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the mean along axes; of all without."""
    found = _real(x)
    return found.mean(_axes(axis, found), keepdims) if found.dim() else found


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the sum along axes; of all without."""
    found = convert_to_tensor(x)
    return found.sum(_axes(axis, found), keepdims) if found.dim() else found


def prod(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the product."""
    found = convert_to_tensor(x)
    return found.prod() if axis is None else found.prod(axis, keepdims)


def var(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the variance."""
    found = _real(x)
    return found.var(_axes(axis, found), correction=0, keepdim=keepdims)


def std(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the deviation."""
    return var(x, axis, keepdims).sqrt()


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the largest along axes; of all without."""
    found = convert_to_tensor(x)
    return found.amax(_axes(axis, found), keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """Return the smallest along axes; of all without."""
    found = convert_to_tensor(x)
    return found.amin(_axes(axis, found), keepdims)


amax, amin = max, min


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the place of the largest."""
    return convert_to_tensor(x).argmax(axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Tensor:
    """Return the place of the smallest."""
    return convert_to_tensor(x).argmin(axis, keepdims)


def all(x: Any, axis: int | None = None) -> Tensor:
    """Return whether all are true."""
    found = convert_to_tensor(x).bool()
    return found.all() if axis is None else found.all(axis)


def any(x: Any, axis: int | None = None) -> Tensor:
    """Return whether one is true."""
    found = convert_to_tensor(x).bool()
    return found.any() if axis is None else found.any(axis)


def reshape(x: Any, newshape: Any) -> Tensor:
    """Return the same numbers in another shape."""
    return convert_to_tensor(x).reshape((newshape,) if isinstance(newshape, int) else tuple(newshape))


def expand_dims(x: Any, axis: int) -> Tensor:
    """Return the same with an axis of 1."""
    return convert_to_tensor(x).unsqueeze(axis)


def squeeze(x: Any, axis: int | None = None) -> Tensor:
    """Return the same without axes of 1."""
    return convert_to_tensor(x).squeeze() if axis is None else convert_to_tensor(x).squeeze(axis)


def transpose(x: Any, axes: Sequence[int] | None = None) -> Tensor:
    """Return the same with its axes in another order."""
    found = convert_to_tensor(x)
    return found.permute(tuple(axes) if axes is not None else tuple(range(found.dim()))[::-1])


def concatenate(xs: Sequence[Any], axis: int = -1) -> Tensor:
    """Put tensors one after the other along an axis."""
    return torch.cat([convert_to_tensor(x) for x in xs], axis)


def stack(xs: Sequence[Any], axis: int = 0) -> Tensor:
    """Put tensors side by side along a new axis."""
    return torch.stack([convert_to_tensor(x) for x in xs], axis)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """Cut a tensor into parts."""
    return list(torch.tensor_split(convert_to_tensor(x), indices_or_sections, axis))


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Return the first where something is true, else the second."""
    if x1 is None:
        return torch.where(convert_to_tensor(condition))
    return torch.where(convert_to_tensor(condition).bool(), convert_to_tensor(x1), convert_to_tensor(x2))


def clip(x: Any, x_min: Any, x_max: Any) -> Tensor:
    """Return numbers within two limits."""
    return convert_to_tensor(x).clamp(x_min, x_max)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: Any = None) -> Tensor:
    """Return whole numbers as one-hot rows."""
    found = torch.nn.functional.one_hot(convert_to_tensor(x).long(), num_classes)
    found = found if axis == -1 else found.movedim(-1, axis)
    return found.to(dtype_of(dtype)) if dtype is not None else found.float()


def zeros(shape: Any, dtype: Any = None) -> Tensor:
    """Return zeros."""
    return torch.zeros(shape, dtype=dtype_of(dtype or "float32"))


def ones(shape: Any, dtype: Any = None) -> Tensor:
    """Return ones."""
    return torch.ones(shape, dtype=dtype_of(dtype or "float32"))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Tensor:
    """Return one number everywhere."""
    return torch.full(tuple(shape), fill_value, dtype=dtype_of(dtype or "float32"))


def arange(*ends: Any, dtype: Any = None) -> Tensor:
    """Return numbers in steps."""
    return torch.arange(*ends, dtype=None if dtype is None else dtype_of(dtype))


def take(x: Any, indices: Any, axis: int | None = None) -> Tensor:
    """Return the entries at some places."""
    found = convert_to_tensor(x)
    places = convert_to_tensor(indices).long()
    return found.reshape(-1)[places] if axis is None else found.index_select(axis, places.reshape(-1))


def get_item(x: Any, key: Any) -> Tensor:
    """Return what x has at a key: `x[key]`."""
    found: Tensor = convert_to_tensor(x)[key]
    return found


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """Return the length."""
    found: Tensor = torch.linalg.norm(_real(x), ord, axis, keepdims)
    return found


def _pairwise(function: Callable[..., Any], doc: str) -> Callable[[Any, Any], Any]:
    def call(x1: Any, x2: Any) -> Any:
        return function(convert_to_tensor(x1), convert_to_tensor(x2))

    call.__doc__ = doc
    return call


def _each(function: Callable[..., Any], doc: str) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        return function(_real(x))

    call.__doc__ = doc
    return call


def _of(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, *settings: Any, **named: Any) -> Any:
        return function(_real(x), *settings, **named)

    call.__doc__ = function.__doc__
    return call


add = _pairwise(torch.add, "x1 + x2.")
subtract = _pairwise(torch.sub, "x1 − x2.")
multiply = _pairwise(torch.mul, "x1·x2.")
divide = _pairwise(torch.div, "x1 / x2.")
power = _pairwise(torch.pow, "x1 to the power of x2.")
maximum = _pairwise(torch.maximum, "The larger of both.")
minimum = _pairwise(torch.minimum, "The smaller of both.")
matmul = _pairwise(torch.matmul, "The product of matrices.")
dot = _pairwise(torch.matmul, "The product of matrices.")
equal = _pairwise(torch.eq, "Whether both are equal.")
not_equal = _pairwise(torch.ne, "Whether both differ.")
greater = _pairwise(torch.gt, "Whether the first is larger.")
greater_equal = _pairwise(torch.ge, "Whether the first is as large.")
less = _pairwise(torch.lt, "Whether the first is smaller.")
less_equal = _pairwise(torch.le, "Whether the first is as small.")
logical_and = _pairwise(torch.logical_and, "Whether both are true.")
logical_or = _pairwise(torch.logical_or, "Whether one is true.")
square = _each(torch.square, "x².")
sqrt = _each(torch.sqrt, "√x.")
abs = _each(torch.abs, "|x|.")
absolute = abs
exp = _each(torch.exp, "eˣ.")
log = _each(torch.log, "The natural logarithm.")
log1p = _each(torch.log1p, "ln(1 + x).")
sign = _each(torch.sign, "−1, 0 or 1.")
sin = _each(torch.sin, "The sine.")
cos = _each(torch.cos, "The cosine.")
round = _each(torch.round, "The nearest whole number.")
floor = _each(torch.floor, "The next whole number below.")
ceil = _each(torch.ceil, "The next whole number above.")
negative = _each(torch.neg, "−x.")
isnan = _each(torch.isnan, "Whether it is no number.")

relu, relu6, leaky_relu = _of(activations.relu), _of(activations.relu6), _of(activations.leaky_relu)
sigmoid, softmax, softplus = _of(activations.sigmoid), _of(activations.softmax), _of(activations.softplus)
tanh, silu, gelu = _of(activations.tanh), _of(activations.silu), _of(activations.gelu)
elu, selu = _of(activations.elu), _of(activations.selu)
hard_sigmoid, hard_silu = _of(activations.hard_sigmoid), _of(activations.hard_silu)
binary_crossentropy, categorical_crossentropy = (
    loss_functions.binary_crossentropy,
    loss_functions.categorical_crossentropy,
)
sparse_categorical_crossentropy = loss_functions.categorical_crossentropy

__all__ = [
    name
    for name, value in list(globals().items())
    if callable(value) and not name.startswith("_") and getattr(value, "__module__", "").startswith("hubel.model")
]

for _name in set(__all__) - {"convert_to_tensor", "array", "convert_to_numpy", "shape", "ndim", "size", "dtype_of"}:
    globals()[_name] = symbolic(_name, globals()[_name])
