"""Colours: the colour picture that each grey one was; it moves with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data import Targets

if TYPE_CHECKING:
    import torch

    from hubel.data import Moves

LEAST = 2  # pictures of which anything can be learned


@dataclass(frozen=True, eq=False)
class Colours(Targets):
    """The colour picture of each grey image. pictures: uint8, N×H×W×3, in memory or a memory map."""

    pictures: npt.NDArray[np.uint8]
    classes: tuple[str, ...] = ()
    task: ClassVar[str] = "colorize"
    moves: ClassVar[bool] = True

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """The pictures."""
        return self.pictures

    def take(self, indices: npt.NDArray[np.int64]) -> Colours:
        """Those at these positions, copied."""
        return replace(self, pictures=self.pictures[indices])

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there is not one picture of three channels for each image, of its size."""
        if self.pictures.shape != (*images[:3], 3) or self.pictures.dtype != np.uint8:
            raise DataError(
                f"expected colour pictures as uint8 of {(*images[:3], 3)}, received {self.pictures.dtype} of "
                f"{self.pictures.shape}"
            )

    def check_training(self) -> None:
        """Raise DataError for a single picture."""
        if len(self) < LEAST:
            raise DataError(f"expected at least {LEAST} colour pictures to learn from, received {len(self)}")

    def moved(self, targets: torch.Tensor, moves: Moves) -> torch.Tensor:
        """Pictures moved as their grey ones are."""
        return moves.apply(targets, None if moves.mirrors else 0)

    def drawn(self, image: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The colour picture, its lower half as the grey one is."""
        found = np.array(target)
        found[len(found) // 2 :] = image[len(found) // 2 :]
        return found
