"""Many games of one kind side by side, in arrays: a step of all of them is some twenty operations on whole arrays."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
SIDE = 10  # cells


class Game(abc.ABC):
    """Games on 10×10 cells, in which each kind of thing has a plane of its own.

    name: as the paper has it. planes: what each shows. actions: what can be done, "stay" first. state: all that there
    is of the games, arrays whose first axis are the games; nothing else is remembered.
    """

    name: ClassVar[str]
    planes: ClassVar[tuple[str, ...]]
    actions: ClassVar[tuple[str, ...]]
    state: dict[str, Array]

    def __init__(self, games: int) -> None:
        self.games = games
        self.every = np.arange(games)
        self.state = self.blank()

    @abc.abstractmethod
    def blank(self) -> dict[str, Array]:
        """Room for the state of all games."""

    @abc.abstractmethod
    def begin(self, which: Array, random: np.random.Generator) -> None:
        """Begin those games anew (bool, a game)."""

    @abc.abstractmethod
    def step(self, actions: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """Do an action in each game (int64): what it brings (float32), and whether the game is over (bool)."""

    @abc.abstractmethod
    def planes_of(self) -> Array:
        """Where things are, bool N×10×10×planes."""


def put(place: Array, values: Array) -> Array:
    """Write in place: checkpoints hold these very arrays."""
    place[...] = values
    return place
