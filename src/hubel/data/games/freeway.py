"""Freeway on 10×10 cells, by the rules of MinAtar (Young, Tian 2019)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hubel.data.games.game import SIDE, Array, Game, put

_CARS, _COLUMN, _START, _PAUSE, _TIME = 8, 4, SIDE - 1, 3, 2500
_FASTEST = 5


class Freeway(Game):
    """A chicken goes up a column, over eight lanes of cars of different speeds, a step in three. On the other side it
    is a point, the cars change their speeds, and it begins below, as it does when a car hits it. A game has 2,500
    steps.
    """

    name = "freeway"
    planes: ClassVar[tuple[str, ...]] = ("chicken", "car", *(f"speed {number}" for number in range(1, _FASTEST + 1)))
    actions: ClassVar[tuple[str, ...]] = ("stay", "up", "down")

    def blank(self) -> dict[str, Array]:
        """The chicken's row and pause; time left; each car's column, its wait, and how long that is, with its way."""
        one, cars = np.zeros(self.games, np.int64), np.zeros((self.games, _CARS), np.int64)
        names = ("row", "pause", "left")
        return {**{name: one.copy() for name in names}, "x": cars, "wait": cars.copy(), "speed": cars.copy()}

    def begin(self, which: Array, random: np.random.Generator) -> None:
        """All cars at the left, the chicken below."""
        self.state["row"][which], self.state["pause"][which], self.state["left"][which] = _START, _PAUSE, _TIME
        self.state["x"][which] = 0
        self._drive(which, random)

    def _drive(self, which: Array, random: np.random.Generator) -> None:
        """New speeds and ways."""
        size = self.games, _CARS
        drawn = random.integers(1, _FASTEST + 1, size) * random.choice([-1, 1], size)
        self.state["speed"][which] = drawn[which]
        self.state["wait"][which] = np.abs(drawn)[which]

    def step(self, actions: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """Move the chicken, then the cars."""
        s = self.state
        moves = (s["pause"] == 0) & (actions != 0)
        put(s["pause"], np.where(moves, _PAUSE, s["pause"]))
        put(s["row"], np.where(moves, (s["row"] + np.where(actions == 2, 1, -1)).clip(0, SIDE - 1), s["row"]))
        across = s["row"] == 0
        if across.any():
            self._drive(across, random)
            s["row"][across] = _START
        for car in range(_CARS):  # one after the other: one that hits sends the chicken out of the next one's way
            self._hit(car)
            goes = s["wait"][:, car] == 0
            put(s["wait"][:, car], np.where(goes, np.abs(s["speed"][:, car]), s["wait"][:, car] - 1))
            put(s["x"][:, car], (s["x"][:, car] + goes * np.sign(s["speed"][:, car])) % SIDE)
            self._hit(car)
        s["pause"] -= s["pause"] > 0
        s["left"] -= 1
        return across.astype(np.float32), s["left"] < 0

    def _hit(self, car: int) -> None:
        s = self.state
        s["row"][(s["x"][:, car] == _COLUMN) & (s["row"] == car + 1)] = _START

    def planes_of(self) -> Array:
        """Chicken, cars, and behind each a mark in the plane of its speed."""
        s, every = self.state, self.every
        found = np.zeros((self.games, SIDE, SIDE, len(self.planes)), bool)
        found[every, s["row"], _COLUMN, 0] = True
        rows = np.arange(1, _CARS + 1)[np.newaxis]
        speed = np.maximum(np.abs(s["speed"]), 1)
        found[every[:, np.newaxis], rows, s["x"], 1] = True
        found[every[:, np.newaxis], rows, (s["x"] - np.sign(s["speed"])) % SIDE, 1 + speed] = True
        return found
