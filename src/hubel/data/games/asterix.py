"""Asterix on 10×10 cells, by the rules of MinAtar (Young, Tian 2019)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hubel.data.games.game import SIDE, Array, Game, put

_LANES, _COMES, _MOVES, _RAMP = 8, 10, 5, 100


class Asterix(Game):
    """Enemies and gold come from either side along eight lanes: gold is a point, an enemy the end. They come and go the
    faster the longer the game lasts.
    """

    name = "asterix"
    planes: ClassVar[tuple[str, ...]] = ("player", "enemy", "trail", "gold")
    actions: ClassVar[tuple[str, ...]] = ("stay", "left", "up", "right", "down")

    def blank(self) -> dict[str, Array]:
        """The player's place; of each lane whether something is there, its column, its way, whether it is gold; how
        often things come and move, when next, when that becomes faster.
        """
        one, lanes = np.zeros(self.games, np.int64), np.zeros((self.games, _LANES), np.int64)
        names = ("x", "y", "comes", "next", "moves", "turn", "ramp", "ramps")
        things = {name: lanes.copy() for name in ("there", "column", "way", "gold")}
        return {**{name: one.copy() for name in names}, **things}

    def begin(self, which: Array, random: np.random.Generator) -> None:
        """In the middle, with nothing else there."""
        start = {"x": 5, "y": 5, "comes": _COMES, "next": _COMES, "moves": _MOVES, "turn": _MOVES, "ramp": _RAMP}
        for name, value in self.state.items():
            value[which] = start.get(name, 0)

    def step(self, actions: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """Something may come; the player moves; things move."""
        s = self.state
        comes = s["next"] == 0
        self._come(comes, random)
        put(s["next"], np.where(comes, s["comes"], s["next"]))
        put(s["x"], (s["x"] + (actions == 3) - (actions == 1)).clip(0, SIDE - 1))
        put(s["y"], (s["y"] + (actions == 4) - (actions == 2)).clip(1, _LANES))
        points, over = self._met()
        moves = s["turn"] == 0
        put(s["turn"], np.where(moves, s["moves"], s["turn"]))
        put(s["column"], s["column"] + moves[:, np.newaxis] * s["way"])
        put(s["there"], s["there"] * ((s["column"] >= 0) & (s["column"] < SIDE)))
        more, ended = self._met()
        s["next"] -= 1
        s["turn"] -= 1
        self._ramp()
        return (points + more).astype(np.float32), over | ended

    def _come(self, which: Array, random: np.random.Generator) -> None:
        """Something in a free lane, gold one time of three."""
        s = self.state
        right, gold = random.random(self.games) < 0.5, random.random(self.games) < 1 / 3
        lane = np.where(s["there"] == 1, -1.0, random.random((self.games, _LANES))).argmax(1)
        rows = self.every[which & (s["there"] == 0).any(1)]
        place = rows, lane[rows]
        s["there"][place], s["gold"][place] = 1, gold[rows]
        s["way"][place], s["column"][place] = np.where(right, 1, -1)[rows], np.where(right, 0, SIDE - 1)[rows]

    def _met(self) -> tuple[Array, Array]:
        """Points for gold that is where the player is, which is gone then; and whether an enemy is."""
        s, lane = self.state, self.state["y"] - 1
        here = (s["there"][self.every, lane] == 1) & (s["column"][self.every, lane] == s["x"])
        gold = here & (s["gold"][self.every, lane] == 1)
        s["there"][self.every[gold], lane[gold]] = 0
        return gold.astype(np.int64), here & ~gold

    def _ramp(self) -> None:
        """Things come more often every time, and move faster every other."""
        s = self.state
        open_ = (s["comes"] > 1) | (s["moves"] > 1)
        due = open_ & (s["ramp"] < 0)
        s["moves"] -= due & (s["moves"] > 1) & (s["ramps"] % 2 == 1)
        s["comes"] -= due & (s["comes"] > 1)
        s["ramps"] += due
        put(s["ramp"], np.where(due, _RAMP, s["ramp"] - open_))

    def planes_of(self) -> Array:
        """The player, enemies and gold, and behind each a trail."""
        s = self.state
        found = np.zeros((self.games, SIDE, SIDE, 4), bool)
        found[self.every, s["y"], s["x"], 0] = True
        game, lane = np.nonzero(s["there"])
        column = s["column"][game, lane]
        found[game, lane + 1, column, np.where(s["gold"][game, lane] == 1, 3, 1)] = True
        behind = column - s["way"][game, lane]
        seen = (behind >= 0) & (behind < SIDE)
        found[game[seen], lane[seen] + 1, behind[seen], 2] = True
        return found
