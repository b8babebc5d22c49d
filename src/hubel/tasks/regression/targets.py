"""Numbers: one or several for every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data.sources.listing import some
from hubel.data.sources.tables.cells import number_in, several
from hubel.tasks.rows import Rows

_GROUPS = 5  # of numbers from small to large, of which equal shares are held out


@dataclass(frozen=True, eq=False)
class Numbers(Rows):
    """What is measured of each image. values: float32, N×numbers. classes: the numbers' names."""

    kind: ClassVar[type[np.generic]] = np.float32
    called: ClassVar[str] = "numbers"
    task: ClassVar[str] = "regression"
    noun: ClassVar[tuple[str, str]] = ("number", "numbers")
    stratum: ClassVar[str] = "of each fifth by size"
    grouped: ClassVar[str] = "the fifth of the images that its first number is in"
    varied: ClassVar[bool] = False

    def check(self, images: tuple[int, ...]) -> None:
        """Raise DataError where there is not one row of finite numbers an image."""
        super().check(images)
        if not np.isfinite(self.values).all():
            raise DataError(f"expected finite numbers, received {int((~np.isfinite(self.values)).sum()):,} others")

    def class_counts(self) -> npt.NDArray[np.int64]:
        """How many images have each number: all."""
        return np.full(len(self.classes), len(self), np.int64)

    def strata(self) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """Fifths of the images, by the first number."""
        edges = np.quantile(self.values[:, 0], np.arange(1, _GROUPS) / _GROUPS) if len(self) else np.zeros(0)
        names = tuple(f"the {part} fifth" for part in ("least", "second", "middle", "fourth", "largest"))
        return np.searchsorted(edges, self.values[:, 0], side="right").astype(np.int64), names

    def told(self) -> tuple[str, ...]:
        """From where to where each number goes."""
        if not len(self):
            return ()
        ends = zip(self.classes, self.values.min(0).tolist(), self.values.max(0).tolist(), strict=True)
        return (f"numbers: {some((f'{name} from {low:g} to {high:g}' for name, low, high in ends), 5)}",)

    def aligned(self, classes: Sequence[str]) -> tuple[Numbers, tuple[str, ...]]:
        """These numbers, by their names, or where there are as many in their order; all images are kept."""
        there = self.places(classes)
        if None not in there:
            return replace(self, values=self.values[:, np.array(there)], classes=tuple(classes)), ()
        if len(classes) != len(self.classes):
            raise DataError(
                f"expected the numbers {some(classes, 12)}, received {some(self.classes, 12)}; name them with "
                "--label-column"
            )
        pairs = (f"{own} is {name}" for own, name in zip(self.classes, classes, strict=True))
        return replace(self, classes=tuple(classes)), (f"numbers by their order: {some(pairs, 5)}",)


def numbers(labels: npt.NDArray[np.int64], texts: tuple[str, ...]) -> Numbers:
    """The numbers of images whose labels are positions in these texts ("3.5", or as `hubel.data.sources.tables.cells`
    writes several).
    """
    rows = [_row(text) for text in texts]
    names = tuple(rows[0]) if rows else ()
    if any(tuple(row) != names for row in rows):
        raise DataError("expected the same numbers of every image, received different ones")
    return Numbers(np.array([list(row.values()) for row in rows], np.float32)[labels], names)


def _row(text: str) -> Mapping[str, float]:
    found = several(text)
    row: Mapping[str, float | None] = found if isinstance(found, Mapping) else {"number": number_in(text)}
    if not all(isinstance(value, (int, float)) for value in row.values()):
        raise DataError(f"expected numbers as labels, received {text!r}")
    return {each: value for each, value in row.items() if value is not None}
