"""What is wanted of recordings: each next sample, and what is told of them all along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data._targets import Targets

VOID = -1  # in the place of a sample that is not there, or was wanted in the window before

Told = Mapping[str, tuple[str, ...]]
"""What may be told of a recording, by its name ("label", "speaker"), and the words for it, in order."""


@dataclass(frozen=True, eq=False)
class Spoken(Targets):
    """The code of each next sample. values: int16, N×steps, 0 to 255, -1 where none is wanted. known: what may be told
    of a recording; words: int64, N×that many, which of its words was. rate: samples a second. seconds: how long a
    recording of each label is, the one in the middle.
    """

    values: npt.NDArray[np.int16]
    known: Told
    words: npt.NDArray[np.int64]
    rate: int
    seconds: tuple[float, ...]
    classes: tuple[str, ...] = ()
    task: ClassVar[str] = "speech"
    stratum: ClassVar[str] = "a label"

    @property
    def array(self) -> npt.NDArray[np.int16]:
        """The codes."""
        return self.values

    def take(self, indices: npt.NDArray[np.int64]) -> Spoken:
        """Those at these positions, copied."""
        return replace(self, values=self.values[indices], words=self.words[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there is not one sample after each step."""
        if self.values.shape != images[:2]:
            raise DataError(f"expected {images[0]}×{images[1]} samples, one after each, received {self.values.shape}")

    def check_training(self) -> None:
        """Refuse recordings of silence alone."""
        wanted = self.values[self.values != VOID]
        if not len(wanted) or (wanted == wanted[0]).all():
            raise DataError("expected recordings in which something is to be heard, received silence alone")

    def strata(self) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """The labels."""
        return self.words[:, 0], next(iter(self.known.values()))
