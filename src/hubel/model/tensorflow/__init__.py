"""What programs that were written for Keras take of TensorFlow itself: `from hubel.model import tensorflow as tf`.

Tensors are PyTorch's. Here are `tf.keras`, `tf.data`, the functions of `tf.nn`, `tf.math` and `tf.image` that stand in
such programs, and seeds; nothing of graphs, sessions and SavedModel.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import hubel
from hubel.base.names import did_you_mean
from hubel.model import data, ops
from hubel.model.tensorflow import image, random

float16, float32, float64 = torch.float16, torch.float32, torch.float64
uint8, int32, int64, bool = torch.uint8, torch.int32, torch.int64, torch.bool
Tensor = torch.Tensor
__version__ = f"none, but hubel {hubel.__version__}"
version = SimpleNamespace(VERSION=__version__)


def confusion_matrix(labels: Any, predictions: Any, num_classes: int | None = None, weights: Any = None) -> Tensor:
    """How often each class (rows) was taken for each (columns); `weights` count examples."""
    truth, found = ops.cast(labels, "int64").flatten(), ops.cast(predictions, "int64").flatten()
    classes = num_classes or int(torch.maximum(truth, found).max()) + 1
    each = None if weights is None else ops.convert_to_tensor(weights).flatten()
    return torch.bincount(truth * classes + found, each, classes**2).reshape(classes, classes)


_CALLED = {
    "confusion_matrix": confusion_matrix,
    "constant": ops.convert_to_tensor,
    "clip_by_value": ops.clip,
    "concat": ops.concatenate,
    "divide": ops.divide,
    "pow": ops.power,
    **{f"reduce_{name}": getattr(ops, name) for name in ("mean", "sum", "max", "min", "prod", "all", "any", "std")},
}


class _Math:
    """`tf.math`: its functions are those that `tf` has by the same names."""

    def __getattr__(self, name: str) -> Any:
        return __getattr__(name)


math = _Math()


class Numbers(np.ndarray[Any, Any]):
    """What a function of `tf.nn` makes of an array, such as of predictions: NumPy reads it, and `numpy()` gives it."""

    def numpy(self) -> npt.NDArray[Any]:
        """The numbers."""
        return np.asarray(self)


def _eager(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Any, *settings: Any, **named: Any) -> Any:
        found = function(x, *settings, **named)
        return found.numpy().view(Numbers) if isinstance(x, np.ndarray) else found

    call.__doc__ = function.__doc__
    return call


nn = SimpleNamespace(
    **{
        name: _eager(getattr(ops, name))
        for name in ("relu", "sigmoid", "softmax", "softplus", "tanh", "gelu", "silu", "elu", "selu")
    },
    swish=_eager(ops.silu),
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
    if name == "GradientTape":
        raise AttributeError(
            "hubel.model.tensorflow has no GradientTape: tensors are PyTorch's, so a step by hand is loss.backward() "
            "and an optimizer of torch.optim over model.module.parameters(); model.train_on_batch takes one step"
        )
    if name in ("lite", "saved_model"):
        raise AttributeError(
            f"hubel.model.tensorflow has no {name}, which is TensorFlow's own form; hubel export writes ONNX "
            "and others of what model.save wrote"
        )
    known = [*_CALLED, *ops.__all__, "data", "image", "keras", "math", "nn", "random"]
    raise AttributeError(f"hubel.model.tensorflow has no {name}{did_you_mean(name, known)}")


__all__ = ["Tensor", "data", "function", "image", "math", "nn", "random"]
