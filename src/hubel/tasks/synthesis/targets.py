"""What is wanted of pictures that are to be like a set's: nothing of each, and of all a critic."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.base.numbers import counted
from hubel.data import Targets

LEAST = 16  # pictures of which anything can be learned


@dataclass(frozen=True, eq=False)
class Alike(Targets):
    """Images that are all of one kind. number: of them. critic: the text form of the network that tells them from made
    ones; by default a rule's.
    """

    number: int
    critic: str = ""
    classes: tuple[str, ...] = ()
    task: ClassVar[str] = "synthesis"

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """Nothing, of each."""
        return np.zeros(self.number, np.uint8)

    def take(self, indices: npt.NDArray[np.int64]) -> Alike:
        """As many as there are positions."""
        return replace(self, number=len(indices))

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there is another number of images."""
        if self.number != images[0]:
            raise DataError(f"expected {self.number:,} images, received {images[0]:,}")

    def check_training(self) -> None:
        """Raise DataError for fewer than 16 images."""
        if self.number < LEAST:
            raise DataError(
                f"expected at least {LEAST} training images to make others like them, received {self.number}; "
                "what is held out for validation is not among them"
            )

    def check_measured(self) -> None:
        """Raise DataError for fewer than 2 images, which are not spread."""
        if self.number < 2:
            raise DataError(
                f"expected at least 2 pictures, by whose spread the distance of made ones is measured, received "
                f"{self.number}"
            )

    def told(self) -> tuple[str, ...]:
        """That classes say nothing here."""
        return (f"{counted(self.number, 'training image')}, taken alike: folders and labels say nothing here",)
