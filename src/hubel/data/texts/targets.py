"""What follows each symbol of a text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data._targets import Targets
from hubel.data.feed.order import Streams
from hubel.data.texts.vocabulary import Numbers, Vocabulary, seen


@dataclass(frozen=True, eq=False)
class Following(Targets):
    """The symbol after each, of windows of a text that follow each other. values: N×steps, as the symbols are."""

    values: Numbers
    vocabulary: Vocabulary
    classes: tuple[str, ...] = ()
    task: ClassVar[str] = "language"
    varied: ClassVar[bool] = False
    apart: ClassVar[bool] = False
    looked_up: ClassVar[bool] = True
    example: ClassVar[tuple[str, str]] = ("window", "windows")

    @property
    def array(self) -> Numbers:
        """The symbols' numbers."""
        return self.values

    def take(self, indices: npt.NDArray[np.int64]) -> Following:
        """Those at these positions, copied."""
        return replace(self, values=self.values[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there is not one symbol after each."""
        if self.values.shape != images[:2]:
            raise DataError(f"expected {images[0]}×{images[1]} symbols, one after each, received {self.values.shape}")

    def check_training(self) -> None:
        """Refuse a text of one symbol over and over."""
        first = self.values.flat[0]
        if (self.values == first).all():
            raise DataError(
                f"expected a text of at least two different {self.vocabulary.noun}s, received "
                f"{seen(self.vocabulary.name(int(first)))!r} alone, {self.values.size:,} times"
            )

    def order(self, seed: int, size: int) -> Streams:
        """Windows that follow each other come at the same place of batches that follow each other."""
        return Streams(seed, len(self), size)
