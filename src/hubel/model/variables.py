"""A tensor that keeps its place: a weight of a layer of your own, or what a metric counts in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hubel.model import initializers

__all__ = ["Array", "Result", "Variable"]


class Variable(torch.nn.Parameter):
    """A PyTorch parameter with Keras's `assign`: whatever takes a tensor takes it."""

    _said: str
    _trained: bool

    def __new__(
        cls, value: Any, trainable: bool = True, dtype: Any = None, name: str = "variable", **_: Any
    ) -> Variable:
        """Hold a copy of a value, float32."""
        data = torch.as_tensor(value).detach().clone().float()
        found = super().__new__(cls, data, trainable)
        found._said, found._trained = name, trainable
        return found

    def __init__(self, value: Any, trainable: bool = True, dtype: Any = None, name: str = "variable", **_: Any) -> None:
        pass

    @torch.no_grad()
    def assign(self, value: Any) -> Variable:
        """Take a value of the same shape."""
        self.copy_(torch.as_tensor(value))
        return self

    @torch.no_grad()
    def assign_add(self, value: Any) -> Variable:
        """Add in place."""
        self.add_(torch.as_tensor(value))
        return self

    @torch.no_grad()
    def assign_sub(self, value: Any) -> Variable:
        """Subtract in place."""
        self.sub_(torch.as_tensor(value))
        return self

    @property
    def name(self) -> str:
        """What it was called when it was made."""
        return self._said

    @property
    def trained(self) -> bool:
        """Whether training changes it where nothing is frozen."""
        return self._trained

    @property
    def trainable(self) -> bool:
        """Whether training changes it."""
        return self.requires_grad

    @property
    def tensors(self) -> tuple[Variable]:
        """Itself, as a weight of a layer has it."""
        return (self,)

    def to_keras(self, tensors: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The same: a variable lies as Keras has it."""
        return tensors[0]

    @property
    def value(self) -> torch.Tensor:
        """The tensor."""
        return self.data

    def numpy(self, *, force: bool = True) -> NDArray[Any]:
        """A copy as an array."""
        return np.array(torch.Tensor.numpy(self.data.cpu()))

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"<Variable {self.name}, shape={tuple(self.shape)}>"


def started(shape: Sequence[int] | int, initializer: Any, trainable: bool = True, name: str | None = None) -> Variable:
    """Return a variable of a shape, started as an initializer says."""
    axes = (shape,) if isinstance(shape, int) else tuple(shape)
    found = initializers.get("glorot_uniform" if initializer is None else initializer)(axes)
    return Variable(torch.as_tensor(found), trainable, name=name or "variable")


class Result(torch.Tensor):
    """What a layer or model gives of an array: a tensor that gives `numpy()` though gradients go through."""

    def numpy(self, *, force: bool = False) -> NDArray[Any]:
        """A copy as an array."""
        return np.array(torch.Tensor.numpy(self.detach().cpu().as_subclass(torch.Tensor)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)


class Array(np.ndarray):
    """An element of a data set: an array that knows the `numpy()` of tensors, and whose entries do."""

    def numpy(self) -> NDArray[Any]:
        """The same, as a plain array."""
        return np.asarray(self)

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return found if isinstance(found, np.ndarray) else np.asarray(found).view(Array)
