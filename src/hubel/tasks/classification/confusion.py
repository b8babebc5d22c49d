"""What is taken for what: a count for each pair of classes, kept without the pairs that never came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hubel.base.errors import SettingError

MOST_DENSE = 1000  # classes, above which counts are kept by coordinates: a square of so many is 8 MB


class Confusion(Sequence[tuple[int, ...]]):
    """confusion[true][predicted] is a count of images. It takes memory for the pairs that came, not for all there are.

    true, predicted, counts: int64, one entry a pair that came, by true class and then by predicted one.
    """

    def __init__(self, counts: torch.Tensor) -> None:
        """counts: int64, classes×classes, dense or by coordinates."""
        cells = counts.to_sparse().coalesce()
        self.true, self.predicted = cells.indices().numpy()
        self.counts = cells.values().numpy()
        self._classes = len(counts)
        self._starts = np.searchsorted(self.true, np.arange(self._classes + 1))

    def __len__(self) -> int:
        return self._classes

    def __getitem__(self, true: Any) -> Any:
        """A class's row: how many of its images were taken for each class, in order. Only this row is filled."""
        if isinstance(true, slice):
            return tuple(self[i] for i in range(*true.indices(len(self))))
        row = [0] * len(self)
        for predicted, count in self.row(range(len(self))[true]):
            row[predicted] = count
        return tuple(row)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(row == tuple(given) for row, given in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Confusion({len(self)} classes, {int(self.counts.sum())} images)"

    def dense(self) -> npt.NDArray[np.int64]:
        """All counts, int64, classes×classes. Raises ValueError for more than 1,000 classes, whose square is large."""
        if len(self) > MOST_DENSE:
            raise SettingError(
                f"expected at most {MOST_DENSE:,} classes for a matrix of all pairs, received {len(self):,}; "
                "`row`, `cell` and `among` tell the pairs that came"
            )
        return self.among(np.arange(len(self)))

    def row(self, true: int) -> Iterator[tuple[int, int]]:
        """What images of a class were taken for, and how many: (predicted, count) of those that came."""
        part = slice(self._starts[true], self._starts[true + 1])
        return zip(self.predicted[part].tolist(), self.counts[part].tolist(), strict=True)

    def cell(self, true: int, predicted: int) -> int:
        """How many images of a class were taken for another, or for what they are."""
        return dict(self.row(true)).get(predicted, 0)

    def among(self, classes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The square of some classes alone, in their order, with its zeros."""
        rows = (dict(self.row(true)) for true in classes.tolist())
        return np.array([[row.get(other, 0) for other in classes.tolist()] for row in rows], np.int64)

    def totals(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Of each class: how many images there are, how many were taken for it, and how many of them rightly."""
        right = self.true == self.predicted
        return self._total(self.true), self._total(self.predicted), self._total(self.true[right], self.counts[right])

    def data(self) -> list[list[int]] | dict[str, Any]:
        """Plain values: rows; with more than 1,000 classes {"classes": …, "cells": [[true, predicted, count], …]}."""
        if len(self) <= MOST_DENSE:
            return self.dense().tolist()  # type: ignore[no-any-return]
        return {"classes": len(self), "cells": np.stack([self.true, self.predicted, self.counts], 1).tolist()}

    def wrong(self) -> list[tuple[int, int, int]]:
        """The pairs of different classes that came, the most frequent first: (count, true, predicted)."""
        off = self.true != self.predicted
        found = zip(self.counts[off].tolist(), self.true[off].tolist(), self.predicted[off].tolist(), strict=True)
        return sorted(found, key=lambda each: -each[0])

    def _total(self, classes: npt.NDArray[np.int64], counts: npt.NDArray[np.int64] | None = None) -> Any:
        total = np.zeros(len(self), np.int64)
        np.add.at(total, classes, self.counts if counts is None else counts)
        return total


def count_pairs(true: torch.Tensor, predicted: torch.Tensor, classes: int) -> torch.Tensor:
    """How often each pair came: int64, classes×classes, by coordinates above 1,000 classes; such may be added."""
    return count_codes(true * classes + predicted, classes)


def count_codes(codes: torch.Tensor, classes: int) -> torch.Tensor:
    """As `count_pairs`, of pairs as numbers: true · classes + predicted."""
    if classes <= MOST_DENSE:
        return torch.bincount(codes, minlength=classes * classes).view(classes, classes)
    came, counts = codes.unique(return_counts=True)
    places = torch.stack([came // classes, came % classes])
    return torch.sparse_coo_tensor(places, counts, (classes, classes), check_invariants=False, is_coalesced=True)


def confusion(true: torch.Tensor, predicted: torch.Tensor, classes: int) -> Confusion:
    """What is taken for what: both int64, N."""
    return Confusion(count_pairs(true, predicted, classes))
