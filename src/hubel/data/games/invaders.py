"""Space Invaders on 10×10 cells, by the rules of MinAtar (Young, Tian 2019)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from hubel.data.games.game import SIDE, Array, Game, put

_LAST, _PAUSE, _SHOOTS, _SLOW, _FAST = SIDE - 1, 5, 10, 12, 6
_ROWS, _COLUMNS = slice(0, 4), slice(2, 8)


class SpaceInvaders(Game):
    """A cannon below shoots at aliens, one point each, that go from side to side, a row lower each time, the faster the
    fewer they are, and shoot back. When all are gone, others come, which are faster. A bullet or an alien that reaches
    the cannon, or the last row, is the end.
    """

    name = "space_invaders"
    planes: ClassVar[tuple[str, ...]] = ("cannon", "alien", "left", "right", "own bullet", "their bullet")
    actions: ClassVar[tuple[str, ...]] = ("stay", "left", "right", "fire")

    def blank(self) -> dict[str, Array]:
        """The cannon's column, its pause; the aliens' way, when they move and shoot; where aliens and bullets are."""
        one, maps = np.zeros(self.games, np.int64), np.zeros((self.games, SIDE, SIDE), bool)
        names = ("x", "pause", "way", "slow", "turn", "shoots")
        return {
            **{name: one.copy() for name in names},
            **{name: maps.copy() for name in ("aliens", "own", "theirs")},
        }

    def begin(self, which: Array, random: np.random.Generator) -> None:
        """Four rows of six."""
        start = {"x": 5, "pause": 0, "way": -1, "slow": _SLOW, "turn": _SLOW, "shoots": _SHOOTS}
        for name, value in self.state.items():
            value[which] = start.get(name, 0)
        self.state["aliens"][which, _ROWS, _COLUMNS] = True

    def step(self, actions: Array, random: np.random.Generator) -> tuple[Array, Array]:
        """The cannon, bullets, aliens, what is hit."""
        s, every = self.state, self.every
        fires = (actions == 3) & (s["pause"] == 0)
        s["own"][every[fires], _LAST, s["x"][fires]] = True
        put(s["pause"], np.where(fires, _PAUSE, s["pause"]))
        put(s["x"], (s["x"] + (actions == 2) - (actions == 1)).clip(0, _LAST))
        put(s["own"], np.concatenate([s["own"][:, 1:], np.zeros_like(s["own"][:, :1])], 1))
        put(s["theirs"], np.concatenate([np.zeros_like(s["theirs"][:, :1]), s["theirs"][:, :-1]], 1))
        over = s["theirs"][every, _LAST, s["x"]] | s["aliens"][every, _LAST, s["x"]]
        over |= self._move()
        shoots = s["shoots"] == 0
        put(s["shoots"], np.where(shoots, _SHOOTS, s["shoots"]))
        self._shoot(shoots)
        hit = s["aliens"] & s["own"]
        for name in ("aliens", "own"):
            put(s[name], s[name] & ~hit)
        s["pause"] -= s["pause"] > 0
        s["turn"] -= 1
        s["shoots"] -= 1
        cleared = ~s["aliens"].any((1, 2))
        s["slow"] -= cleared & (s["slow"] > _FAST)
        s["aliens"][cleared, _ROWS, _COLUMNS] = True
        return hit.sum((1, 2)).astype(np.float32), over

    def _move(self) -> Array:
        """The aliens, where it is their turn; whether they reach the cannon or leave the last row."""
        s, aliens = self.state, self.state["aliens"]
        moves = s["turn"] == 0
        if not moves.any():
            return np.zeros(self.games, bool)
        put(s["turn"], np.where(moves, np.minimum(aliens.sum((1, 2)), s["slow"]), s["turn"]))
        down = moves & np.where(s["way"] < 0, aliens[:, :, 0].any(1), aliens[:, :, _LAST].any(1))
        over = down & aliens[:, _LAST].any(1)
        aside = moves & ~down
        left, right = aside & (s["way"] < 0), aside & (s["way"] > 0)
        for which, by, axis in ((down, 1, 1), (left, -1, 2), (right, 1, 2)):
            aliens[which] = np.roll(aliens[which], by, axis)
        put(s["way"], np.where(down, -s["way"], s["way"]))
        found: Array = over | (moves & aliens[self.every, _LAST, s["x"]])
        return found

    def _shoot(self, which: Array) -> None:
        """The lowest alien of the nearest column, the left one of two."""
        s, aliens = self.state, self.state["aliens"]
        apart = np.abs(np.arange(SIDE)[np.newaxis] - s["x"][:, np.newaxis])
        column = np.where(aliens.any(1), apart, SIDE).argmin(1)
        row = _LAST - aliens[self.every, ::-1, column].argmax(1)
        some = self.every[which & aliens.any((1, 2))]
        s["theirs"][some, row[some], column[some]] = True

    def planes_of(self) -> Array:
        """The cannon, aliens, the same in the plane of their way, bullets."""
        s = self.state
        found = np.zeros((self.games, SIDE, SIDE, len(self.planes)), bool)
        found[self.every, _LAST, s["x"], 0] = True
        left = (s["way"] < 0)[:, np.newaxis, np.newaxis]
        layers = (s["aliens"], s["aliens"] & left, s["aliens"] & ~left, s["own"], s["theirs"])
        for number, layer in enumerate(layers, 1):
            found[..., number] = layer
        return found
