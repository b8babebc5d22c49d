"""Label sets: yes or no for every label of every image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data.sources.listing import folded, natural_order, some
from hubel.data.sources.tables.cells import separator_of, several
from hubel.tasks.rows import Rows


@dataclass(frozen=True, eq=False)
class LabelSets(Rows):
    """Which labels each image has. values: uint8, N×labels, 1 where it has it. classes: the labels' names."""

    kind: ClassVar[type[np.generic]] = np.uint8
    called: ClassVar[str] = "label sets"
    task: ClassVar[str] = "multilabel"
    noun: ClassVar[tuple[str, str]] = ("label", "labels")
    stratum: ClassVar[str] = "a label"
    grouped: ClassVar[str] = "the rarest of its labels"

    def check(self, images: tuple[int, ...]) -> None:
        """Raise DataError where there is not one row of flags an image."""
        super().check(images)
        if len(self.values) and int(self.values.max()) > 1:
            raise DataError("expected flags of 0 and 1, received others")

    def class_counts(self) -> npt.NDArray[np.int64]:
        """How many images have each label."""
        return np.asarray(self.values.sum(0, dtype=np.int64))

    def strata(self) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """The rarest label that each image has, so that each is held out in about its share."""
        counts = self.class_counts()
        rarity = np.where(self.values > 0, counts, np.iinfo(np.int64).max)
        return np.where(self.values.any(1), rarity.argmin(1), len(self.classes)), (*self.classes, "no label")

    def told(self) -> tuple[str, ...]:
        """How many images have each label."""
        counts = zip(self.classes, self.class_counts().tolist(), strict=True)
        return (f"labels: {some((f'{name} ({count:,})' for name, count in counts), 8)}",)

    def aligned(self, classes: Sequence[str]) -> tuple[LabelSets, tuple[str, ...]]:
        """Flags of these labels; all images are kept."""
        there = self.places(classes)
        if all(place is None for place in there):
            raise DataError(f"expected images with the labels {some(classes, 12)}, received {some(self.classes, 12)}")
        columns = [self.values[:, place] if place is not None else np.zeros(len(self), np.uint8) for place in there]
        unknown = [name for name in self.classes if folded(name) not in set(map(folded, classes))]
        notes = [f"labels that the model does not know, left out: {some(unknown, 5)}"] if unknown else []
        absent = [name for name, column in zip(classes, columns, strict=True) if not column.any()]
        notes += [f"no image with {some(absent, 5)}"] if absent else []
        return replace(self, values=np.stack(columns, 1), classes=tuple(classes)), tuple(notes)


def label_sets(labels: npt.NDArray[np.int64], texts: tuple[str, ...]) -> LabelSets:
    """The label sets that images have whose labels are positions in these texts ("cat;dog", or as
    `hubel.data.sources.tables.cells` writes several), the labels in natural order, or in that of the columns that they
    come from.
    """
    said: list[Mapping[str, Any] | Sequence[str] | str] = [several(text) for text in texts]
    sign = separator_of([one for one in said if isinstance(one, str)])
    rows: list[Mapping[str, Any]] = []
    for one in said:
        pieces = one if not isinstance(one, str) else [each.strip() for each in one.split(sign)] if sign else [one]
        rows.append(pieces if isinstance(pieces, Mapping) else dict.fromkeys(filter(None, pieces), 1))
    names = [name for row in rows for name in row]
    columns = any(0 in row.values() for row in rows)
    classes = tuple(dict.fromkeys(names)) if columns else natural_order(names)
    if not classes:
        raise DataError("expected images with labels, received none with any")
    index = {name: number for number, name in enumerate(classes)}
    table = np.zeros((len(texts), len(classes)), np.uint8)
    for number, row in enumerate(rows):
        for name, flag in row.items():
            if flag not in (0, 1):
                raise DataError(f"expected yes or no (1 or 0) for {name}, received {flag!r}")
            table[number, index[name]] = int(flag)
    return LabelSets(table[labels], classes)
