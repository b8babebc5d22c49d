"""Games side by side that begin anew when they are over, with all that they hang on in arrays that can be kept."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from hubel.data.games.game import Array, Game

STICKY = 0.1  # MinAtar's chance that the action before is done again (Young, Tian 2019)
LIMIT = 10_000  # steps after which a game of ours is over, however it stands; MinAtar has no such limit


class Environments(abc.ABC):
    """Games of one kind side by side.

    games: how many. shape: of a picture, H×W×C. stacked: whether its channels are moments, the newest last. actions:
    their names. rules: what is to be known of how they are played, in sentences. clipped: whether rewards are taken for
    1, 0 or -1 in learning, since points of such games mean nothing beside those of others (Mnih et al. 2015). limit:
    steps after which a game is over.
    """

    games: int
    shape: tuple[int, int, int]
    stacked: ClassVar[bool]
    clipped: ClassVar[bool]
    actions: tuple[str, ...]
    rules: tuple[str, ...]
    limit: int

    @property
    @abc.abstractmethod
    def state(self) -> Mapping[str, Array]:
        """All that the games hang on, arrays that may be overwritten with those of another moment; then `restore`."""

    def restore(self) -> None:
        """Go on from what `state` holds now. Raises DataError where the games do not come to that moment again."""

    @abc.abstractmethod
    def begin(self, random: np.random.Generator) -> None:
        """Begin all games."""

    @abc.abstractmethod
    def step(self, actions: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """Do an action in each game (int64): what it brings (float32), and whether the game is over (bool). Those that
        are over are begun anew.
        """

    @abc.abstractmethod
    def pictures(self) -> Array:
        """What is seen of them, uint8 N×H×W×C."""

    @abc.abstractmethod
    def seen(self) -> Array:
        """The first game as people see it, uint8 H×W×3."""


_COLOURS = (
    (214, 40, 57), (255, 214, 102), (90, 105, 136), (69, 160, 232), (122, 201, 122), (214, 122, 232), (232, 145, 69),
    (120, 220, 220), (240, 240, 240), (150, 120, 90),
)  # fmt: skip


def in_colour(planes: Array) -> Array:
    """Planes of things H×W×C, true where one is, as people see them, uint8 H×W×3: each in its own colour."""
    found = np.full((*planes.shape[:2], 3), 24, np.uint8)
    for plane in reversed(range(planes.shape[-1])):
        found[planes[..., plane]] = _COLOURS[plane % len(_COLOURS)]
    return found


class Cells(Environments):
    """Games of ours, on 10×10 cells."""

    stacked: ClassVar[bool] = False
    clipped: ClassVar[bool] = False

    def __init__(self, kind: type[Game], games: int, sticky: float = STICKY, limit: int = LIMIT) -> None:
        self.game, self.games, self.sticky, self.limit = kind(games), games, sticky, limit
        self.actions = kind.actions
        self.shape = self.game.planes_of().shape[1:]
        self._before, self._steps = np.zeros(games, np.int64), np.zeros(games, np.int64)
        self.rules = (
            f"the action before is done again with a chance of {sticky:g} (sticky actions)",
            f"a game is over after {limit:,} steps at the latest",
        )

    @property
    def state(self) -> Mapping[str, Array]:
        """The game's own, the action before, steps so far."""
        return {**self.game.state, "before": self._before, "steps": self._steps}

    def begin(self, random: np.random.Generator) -> None:
        """Begin all games."""
        self._begin(np.ones(self.games, bool), random)

    def _begin(self, which: Array, random: np.random.Generator) -> None:
        self.game.begin(which, random)
        self._before[which] = self._steps[which] = 0

    def step(self, actions: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """Do an action in each, or the one before again."""
        done = np.where(random.random(self.games) < self.sticky, self._before, actions)
        self._before[...] = done
        self._steps += 1
        rewards, over = self.game.step(done, random)
        over = over | (self._steps >= self.limit)
        if over.any():
            self._begin(over, random)
        return rewards, over

    def pictures(self) -> Array:
        """The planes, 255 where a thing is."""
        found: Array = self.game.planes_of().view(np.uint8) * np.uint8(255)
        return found

    def seen(self) -> Array:
        """Each kind of thing in a colour of its own, the first planes on top."""
        return in_colour(self.game.planes_of()[0])
