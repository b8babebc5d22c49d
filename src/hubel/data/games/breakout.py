"""Breakout on 10×10 cells, by the rules of MinAtar (Young, Tian 2019)."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from hubel.data.games.game import SIDE, Array, Game, put

_WALL = slice(1, 4)  # rows of bricks
_LAST = SIDE - 1


class Breakout(Game):
    """A paddle at the bottom bounces a ball against three rows of bricks, one point each; when all are gone, three more
    come. The ball goes along diagonals. Which way it bounces says where it meets the paddle: from straight above it
    turns back on its column, on the paddle's edge it goes back where it came from. Missed, the game is over.
    """

    name = "breakout"
    planes: ClassVar[tuple[str, ...]] = ("paddle", "ball", "trail", "brick")
    actions: ClassVar[tuple[str, ...]] = ("stay", "left", "right")

    def blank(self) -> dict[str, Array]:
        """Paddle's column; ball's place, its way, and where it was; bricks; whether the last move struck one."""
        one = np.zeros(self.games, np.int64)
        names = ("paddle", "x", "y", "across", "down", "old_x", "old_y", "struck")
        return {**{name: one.copy() for name in names}, "bricks": np.zeros((self.games, SIDE, SIDE), bool)}

    def begin(self, which: Array, random: np.random.Generator) -> None:
        """The ball comes down from either side."""
        state = self.state
        left = random.random(self.games) < 0.5
        x = np.where(left, 0, _LAST)
        values: dict[str, Any] = {"paddle": 4, "x": x, "y": 3, "across": np.where(left, 1, -1), "down": 1}
        for name, value in {**values, "old_x": x, "old_y": 3, "struck": 0}.items():
            state[name][which] = np.broadcast_to(value, which.shape)[which]
        state["bricks"][which] = False
        state["bricks"][which, _WALL] = True

    def step(self, actions: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """Move the paddle, then the ball."""
        s, every = self.state, self.every
        paddle = s["paddle"] = put(s["paddle"], (s["paddle"] + (actions == 2) - (actions == 1)).clip(0, _LAST))
        was_x, was_y = s["x"].copy(), s["y"].copy()
        x, y = was_x + s["across"], was_y + s["down"]
        aside = (x < 0) | (x > _LAST)
        x = x.clip(0, _LAST)
        across = np.where(aside, -s["across"], s["across"])
        top = y < 0
        y = y.clip(0, _LAST)
        brick = ~top & s["bricks"][every, y, x]
        hit = brick & (s["struck"] == 0)
        bottom = ~top & ~brick & (y == _LAST)
        s["bricks"][every[hit], y[hit], x[hit]] = False
        cleared = bottom & ~s["bricks"].any((1, 2))
        s["bricks"][cleared, _WALL] = True
        above = bottom & (was_x == paddle)
        edge = bottom & ~above & (x == paddle)
        over = bottom & ~above & ~edge
        back = hit | above | edge
        put(s["old_x"], was_x)
        put(s["old_y"], was_y)
        put(s["down"], np.where(top | back, -s["down"], s["down"]))
        put(s["across"], np.where(edge, -across, across))
        put(s["x"], x)
        put(s["y"], np.where(back, was_y, y))
        put(s["struck"], brick)
        return hit.astype(np.float32), over

    def planes_of(self) -> Array:
        """Paddle, ball, where the ball was, bricks."""
        s, every = self.state, self.every
        found = np.zeros((self.games, SIDE, SIDE, 4), bool)
        found[every, _LAST, s["paddle"], 0] = True
        found[every, s["y"], s["x"], 1] = True
        found[every, s["old_y"], s["old_x"], 2] = True
        found[..., 3] = s["bricks"]
        return found
