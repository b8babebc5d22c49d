"""What is wanted of pictures: sentences of words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data._targets import Targets
from hubel.data.captions.words import Words

VOID = -1  # where no word is wanted
NUMBER, SEEN = 0, 1  # of the first row: the picture's number; whether one of its sentences is in training, -1: not told


@dataclass(frozen=True, eq=False)
class Captions(Targets):
    """Sentences about each picture. values: int32, N×(1 + sentences)×steps: a row of `NUMBER` and `SEEN`, and of each
    sentence the words' numbers, the end (0), then -1. A picture with fewer sentences has rows of -1. words: known ones.
    """

    values: npt.NDArray[np.int32]
    words: Words
    classes: tuple[str, ...] = ()
    task: ClassVar[str] = "caption"
    varied: ClassVar[bool] = False  # a picture that is turned over makes "left of" untrue
    noun: ClassVar[tuple[str, str]] = ("word", "words")

    @property
    def array(self) -> npt.NDArray[np.int32]:
        """The rows."""
        return self.values

    @property
    def steps(self) -> int:
        """Words of a sentence, with its end."""
        return int(self.values.shape[2])

    def take(self, indices: npt.NDArray[np.int64]) -> Captions:
        """Those at these positions, copied."""
        return replace(self, values=self.values[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise DataError where there are not sentences for each picture."""
        shape = self.values.shape
        if len(shape) != 3 or shape[0] != images[0] or shape[1] < 2 or shape[2] < 2:
            raise DataError(f"expected sentences of {images[0]} images, received {self.values.dtype} of {shape}")
        if self.values[:, 1:].size and int(self.values[:, 1:].max()) >= len(self.words):
            raise DataError(f"expected words below {len(self.words)}, received {int(self.values[:, 1:].max())}")

    def check_training(self) -> None:
        """Refuse one sentence for all."""
        sentences = {row.tobytes() for rows in self.values[:, 1:] for row in rows if row[0] != VOID}
        if len(sentences) < 2:
            said = self.caption(self.values[0]) if len(self) else "none"
            raise DataError(
                f"expected different sentences, received one for all {len(self):,} pictures, {said!r}: it would be "
                "said whatever is seen"
            )

    def sentences(self, row: int) -> list[str]:
        """Those about one picture."""
        return [self.words.sentence(each.tolist()) for each in self.values[row, 1:] if each[0] != VOID]

    def caption(self, target: npt.NDArray[Any]) -> str:
        """The first sentence."""
        return self.words.sentence(target[1].tolist())
