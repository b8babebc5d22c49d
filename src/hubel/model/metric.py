"""What a figure beside the loss is: counted over the batches of an epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from hubel.model.layers.names import snake_case
from hubel.model.loss_functions import tensor_of
from hubel.model.variables import Variable, started

_names: Counter[str] = Counter()


class Metric:
    """A figure that is counted over batches. One of your own has `update_state`, `result` and, where it keeps more than
    `add_weight` makes, `reset_state`.
    """

    best: ClassVar[str] = "highest"  # which end is good

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or unique(snake_case(type(self).__name__))
        self.variables: list[Variable] = []
        self._starts: list[Tensor] = []

    def add_weight(
        self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str | None = None, **_: Any
    ) -> Variable:
        """Make a variable, which `reset_state` puts back."""
        if isinstance(shape, str):  # the older order: the name first
            shape, name = (), shape
        found = started(shape, initializer, False, name)
        self.variables.append(found)
        self._starts.append(found.detach().clone())
        return found

    add_variable = add_weight

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch."""
        raise NotImplementedError(f"{type(self).__name__} has no update_state(y_true, y_pred)")

    def result(self) -> Any:
        """Return the figure so far."""
        raise NotImplementedError(f"{type(self).__name__} has no result()")

    def reset_state(self) -> None:
        """Begin anew."""
        for variable, start in zip(self.variables, self._starts, strict=True):
            variable.assign(start)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Count a batch, and return the figure so far."""
        self.update_state(*args, **settings)
        return self.result()

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {"name": self.name}


def unique(name: str) -> str:
    """Return Keras's name for the next metric of a kind: precision, precision_1, …"""
    _names[name] += 1
    return name if _names[name] == 1 else f"{name}_{_names[name] - 1}"


class Mean(Metric):
    """The mean of numbers, weighted where weights are given."""

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name)
        self.total, self.count = torch.zeros(()), torch.zeros(())

    def update_state(self, values: Any, sample_weight: Any = None, *_: Any) -> None:  # type: ignore[override]
        """Add numbers."""
        numbers = tensor_of(values).detach().float()
        if sample_weight is None:
            self.total, self.count = self.total + numbers.sum(), self.count + numbers.numel()
            return
        weights = tensor_of(sample_weight).float()
        weights = weights.reshape(*weights.shape, *[1] * (numbers.dim() - weights.dim())).expand_as(numbers)
        self.total, self.count = self.total + (numbers * weights).sum(), self.count + weights.sum()

    def result(self) -> Tensor:
        """Return the mean."""
        return self.total / self.count if bool(self.count) else torch.zeros(())

    def reset_state(self) -> None:
        """Begin anew."""
        self.total, self.count = torch.zeros(()), torch.zeros(())


class Sum(Mean):
    """The sum of numbers."""

    def result(self) -> Tensor:
        """Return the sum."""
        return self.total


class MeanMetricWrapper(Mean):
    """The mean of a function of y_true and y_pred."""

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **settings: Any) -> None:
        super().__init__(name or str(getattr(fn, "__name__", "metric")))
        self.fn, self.settings = fn, settings

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # type: ignore[override]
        """Count a batch."""
        super().update_state(self.fn(tensor_of(y_true), tensor_of(y_pred), **self.settings), sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return name and settings."""
        return {"name": self.name, **self.settings}
