"""What programs that were written for Keras take of TensorFlow itself: `from hubel.model import tensorflow as tf`.

Tensors are PyTorch's. Here are `tf.keras`, `tf.data`, the functions of `tf.nn`, `tf.math` and `tf.image` that stand in
such programs, and seeds; nothing of graphs, sessions and SavedModel.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import torch

import hubel
from hubel.base.names import did_you_mean
from hubel.model import data, ops
from hubel.model.tensorflow import image, random

float16, float32, float64 = torch.float16, torch.float32, torch.float64
uint8, int32, int64, bool = torch.uint8, torch.int32, torch.int64, torch.bool
Tensor = torch.Tensor
__version__ = f"none, but hubel {hubel.__version__}"

_CALLED = {
    "constant": ops.convert_to_tensor,
    "clip_by_value": ops.clip,
    "concat": ops.concatenate,
    "divide": ops.divide,
    "pow": ops.power,
    **{f"reduce_{name}": getattr(ops, name) for name in ("mean", "sum", "max", "min", "prod", "all", "any", "std")},
}
math = ops
nn = SimpleNamespace(
    **{
        name: getattr(ops, name)
        for name in ("relu", "sigmoid", "softmax", "softplus", "tanh", "gelu", "silu", "elu", "selu")
    },
    swish=ops.silu,
)


def function(func: Callable[..., Any] | None = None, **_: Any) -> Any:
    """Return a function as it is: nothing is compiled here."""
    return func if func is not None else lambda each: each


def __getattr__(name: str) -> Any:
    if name == "keras":
        import hubel.model as keras

        return keras
    if name in _CALLED:
        return _CALLED[name]
    if name in ops.__all__:
        return getattr(ops, name)
    known = [*_CALLED, *ops.__all__, "data", "image", "keras", "math", "nn", "random"]
    raise AttributeError(f"hubel.model.tensorflow has no {name}{did_you_mean(name, known)}")


__all__ = ["Tensor", "data", "function", "image", "math", "nn", "random"]
