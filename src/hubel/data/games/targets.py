"""What is wanted of pictures of a game: nothing of each, and of all that they bring points."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError
from hubel.data._targets import Targets
from hubel.data.feed.order import Order, Repeated


@dataclass(frozen=True, eq=False)
class Playing(Targets):
    """Pictures of a game. number: of them. game: its word. classes: its actions. times: how often an epoch sees so many
    pictures, which are new ones then. how: settings of the task of playing it that were said.
    """

    number: int
    game: str
    classes: tuple[str, ...] = ()
    times: int = 1
    how: dict[str, Any] = field(default_factory=dict)
    task: ClassVar[str] = "play"
    noun: ClassVar[tuple[str, str]] = ("action", "actions")

    @property
    def array(self) -> npt.NDArray[np.uint8]:
        """Nothing, of each."""
        return np.zeros(self.number, np.uint8)

    def take(self, indices: npt.NDArray[np.int64]) -> Playing:
        """As many as there are positions."""
        return replace(self, number=len(indices))

    def check(self, images: tuple[int, ...]) -> None:
        """Raise ValueError where there is another number of images."""
        if self.number != images[0]:
            raise DataError(f"expected {self.number:,} images, received {images[0]:,}")

    def order(self, seed: int, size: int) -> Any:
        """As many places as an epoch has frames; what is seen there is played, not looked up."""
        return Repeated(Order(seed, self.number), self.times)
