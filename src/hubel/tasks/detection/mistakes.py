"""What kinds of mistakes a model makes: objects missed, doubled, of another class, badly placed, or not there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RIGHT, WRONG_CLASS, DOUBLED, BADLY_PLACED, NOT_THERE, MISSED = range(6)
KINDS = ("right", "wrong class", "doubled", "badly placed", "nothing there", "missed")
MEANT = (
    "overlaps an object of its class by at least a half",
    "overlaps an object of another class by at least a half",
    "overlaps an object that a surer one has found already",
    "overlaps an object of its class by a tenth to a half",
    "overlaps no object of its class by a tenth",
    "an object that no box of its class overlaps by a half",
)
_ENOUGH, _NEAR = 0.5, 0.1  # intersection over union


@dataclass(frozen=True)
class Judged:
    """A box that is said (or of MISSED, one that is there): which of `KINDS` it is, its number among them, and of what
    there is, that it was compared with; -1 for nothing. overlap: their intersection over union.
    """

    kind: int
    box: int
    there: int
    overlap: float


def judged(
    boxes: npt.NDArray[np.floating], kinds: Sequence[int], there: npt.NDArray[np.floating], true: Sequence[int]
) -> list[Judged]:
    """Each box that is said (K×4, the surest first) against those that are there (M×4), with their classes."""
    overlap = overlaps(boxes, there)
    taken = np.zeros(len(there), bool)
    same = np.array(kinds, np.int64)[:, None] == np.array(true, np.int64)[None]
    found = [_judge(number, overlap[number], same[number], taken) for number in range(len(boxes))]
    found += [Judged(MISSED, number, -1, 0.0) for number in np.flatnonzero(~taken).tolist()]
    return found


def _judge(
    number: int, overlap: npt.NDArray[np.float64], same: npt.NDArray[np.bool_], taken: npt.NDArray[np.bool_]
) -> Judged:
    for kind, chosen, least in (
        (RIGHT, same & ~taken, _ENOUGH),
        (DOUBLED, same & taken, _ENOUGH),
        (WRONG_CLASS, ~same, _ENOUGH),
        (BADLY_PLACED, same, _NEAR),
    ):
        values = np.where(chosen, overlap, -1)
        if values.size and values.max() >= least:
            best = int(values.argmax())
            taken[best] |= kind == RIGHT
            return Judged(kind, number, best, float(values[best]))
    return Judged(NOT_THERE, number, -1, 0.0)


def overlaps(one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Intersection over union of boxes K×4 and M×4, K×M."""
    low, high = np.maximum(one[:, None, :2], other[None, :, :2]), np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    areas = [(each[:, 2:] - each[:, :2]).prod(1) for each in (one, other)]
    either = areas[0][:, None] + areas[1][None] - both
    found: npt.NDArray[np.float64] = np.divide(both, either, out=np.zeros(both.shape), where=either > 0)
    return found
