"""What is added to the loss for large weights, by Keras's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from hubel.model.training.named import made

__all__ = ["L1", "L1L2", "L2", "OrthogonalRegularizer", "Regularizer", "get", "l1", "l1_l2", "l2"]


class Regularizer:
    """A base: write `__call__(weights)`, which gives a number to be added to the loss."""

    def __call__(self, weights: Tensor) -> Tensor:
        """Return the penalty."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return dict(self.__dict__)


class L1L2(Regularizer):
    """`l1` times the sum of sizes, and `l2` times the sum of squares."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1, self.l2 = float(l1 or 0.0), float(l2 or 0.0)

    def __call__(self, weights: Tensor) -> Tensor:
        """Return the penalty."""
        found = self.l1 * weights.abs().sum() if self.l1 else torch.zeros(())
        return found + self.l2 * weights.square().sum() if self.l2 else found


class L1(L1L2):
    """`l1` times the sum of sizes."""

    def __init__(self, l1: float = 0.01) -> None:
        super().__init__(l1=l1)

    def get_config(self) -> dict[str, Any]:
        """Return the factor."""
        return {"l1": self.l1}


class L2(L1L2):
    """`l2` times the sum of squares."""

    def __init__(self, l2: float = 0.01) -> None:
        super().__init__(l2=l2)

    def get_config(self) -> dict[str, Any]:
        """Return the factor."""
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """`factor` times how far the rows (or columns) of a matrix are from being at right angles, as in Keras."""

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor, self.mode = factor, mode

    def __call__(self, weights: Tensor) -> Tensor:
        """Return the penalty."""
        rows = weights if self.mode == "rows" else weights.T
        rows = torch.nn.functional.normalize(rows, dim=1, eps=1e-6)
        products = rows @ rows.T
        count = len(rows) * (len(rows) - 1) / 2
        return self.factor * 0.5 * (products * (1 - torch.eye(len(rows)))).abs().sum() / max(1.0, count)


l1, l2 = L1, L2


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Return both."""
    return L1L2(l1, l2)


NAMED: dict[str, Callable[[], Regularizer]] = {"l1": L1, "l2": L2, "l1_l2": l1_l2, "l1l2": l1_l2}
BY_CLASS = {kind.__name__: kind for kind in (L1, L2, L1L2, OrthogonalRegularizer)}


def get(regularizer: Any) -> Callable[[Tensor], Tensor] | None:
    """Return the regularizer of a name ("l2"), of what a Keras file says, or what was given; None for None.

    Raises ValueError for a name that is not known, with those that are.
    """
    if regularizer is None or (callable(regularizer) and not isinstance(regularizer, type)):
        return regularizer
    own: Regularizer = made(
        regularizer, Regularizer, "a regularizer", NAMED, BY_CLASS, or_else=", or a function of weights"
    )
    return own
