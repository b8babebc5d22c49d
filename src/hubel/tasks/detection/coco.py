"""COCO's twelve figures of boxes, in NumPy, equal to pycocotools' to the last digit (tests/tasks/detection).

A box that is found is right where its intersection over union with one of its class that no surer one has taken is at
least a threshold, from 0.50 to 0.95; precision is averaged over 101 recalls, ten thresholds, and classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

THRESHOLDS = np.linspace(0.5, 0.95, int(np.round((0.95 - 0.5) / 0.05)) + 1, endpoint=True)
RECALLS = np.linspace(0.0, 1.00, int(np.round((1.00 - 0.0) / 0.01)) + 1, endpoint=True)
AREAS = np.array([[0, 1e5**2], [0, 32**2], [32**2, 96**2], [96**2, 1e5**2]], np.float64)  # all, small, medium, large
MOST = (1, 10, 100)  # boxes of a class in a picture that count, the surest
NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
_AT_ONCE = 2**22  # comparisons in memory
Doubles = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Truth(NamedTuple):
    """Boxes that are there, in any order. boxes: left, top, width, height, in pixels; areas: as files tell them."""

    pictures: Whole
    classes: Whole
    boxes: Doubles
    crowd: Flags
    areas: Doubles


class Said(NamedTuple):
    """Boxes that a model says, in any order; boxes as in `Truth`."""

    pictures: Whole
    classes: Whole
    boxes: Doubles
    scores: Doubles


class Matched(NamedTuple):
    """One class's boxes that were said, the surest first. scores: each's; rank: among those of its picture; right,
    ignored: for each threshold and area, thresholds×areas×boxes. there: how many there are to be found, by area.
    """

    scores: Doubles
    rank: Whole
    right: Flags
    ignored: Flags
    there: Whole


_Kind = TypeVar("_Kind", Truth, Said)


@dataclass(frozen=True, eq=False)
class Scores:
    """precision: thresholds×recalls×classes×4 areas×3 (1, 10 or 100 boxes a picture); recall: without its axis of
    recalls. -1 where there is nothing to find. matched: of each class, what these come from.
    """

    precision: Doubles
    recall: Doubles
    matched: tuple[Matched, ...]

    def twelve(self) -> dict[str, float]:
        """COCO's figures by name; -1 where nothing is to be found."""
        cells = [(self.precision, 0, 2), (self.precision[:1], 0, 2), (self.precision[5:6], 0, 2)]
        cells += [(self.precision, area, 2) for area in (1, 2, 3)]
        cells += [(self.recall, 0, most) for most in (0, 1, 2)] + [(self.recall, area, 2) for area in (1, 2, 3)]
        return {name: _mean(of[..., area, most]) for name, (of, area, most) in zip(NAMES, cells, strict=True)}

    def of_class(self, number: int, threshold: int | None = None) -> float:
        """The average precision of one class, at one threshold or over all; -1 where it is not there."""
        chosen = self.precision if threshold is None else self.precision[threshold : threshold + 1]
        return _mean(chosen[:, :, number, 0, 2])


def _mean(values: Doubles) -> float:
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else -1.0


def score(truth: Truth, said: Said, classes: int) -> Scores:
    """The figures of what a model says of a set."""
    precision = -np.ones((len(THRESHOLDS), len(RECALLS), classes, len(AREAS), len(MOST)))
    recall = -np.ones((len(THRESHOLDS), classes, len(AREAS), len(MOST)))
    matched = tuple(match(_of(truth, number), _of(said, number)) for number in range(classes))
    for number, each in enumerate(matched):
        for area in np.flatnonzero(each.there).tolist():
            for most in range(len(MOST)):
                if most == 2 or area == 0:
                    places = curves(each, area, MOST[most])
                    precision[:, :, number, area, most], recall[:, number, area, most] = places
    return Scores(precision, recall, matched)


def curves(matched: Matched, area: int = 0, most: int = 100) -> tuple[Doubles, Doubles]:
    """The precision at each of 101 recalls, thresholds×101, and the recall of all that is said, one a threshold."""
    kept = matched.rank < most
    right, ignored = matched.right[:, area, kept], matched.ignored[:, area, kept]
    true = np.cumsum(right & ~ignored, axis=1).astype(np.float64)
    false = np.cumsum(~right & ~ignored, axis=1).astype(np.float64)
    recalls = true / matched.there[area]
    precisions = true / (false + true + np.spacing(1))
    precisions = np.maximum.accumulate(precisions[:, ::-1], axis=1)[:, ::-1]
    found = np.zeros((len(THRESHOLDS), len(RECALLS)))
    for own, recalled, place in zip(precisions, recalls, found, strict=True):
        at = np.searchsorted(recalled, RECALLS, side="left")
        inside = at < len(own)
        place[inside] = own[at[inside]]
    return found, recalls[:, -1] if recalls.shape[1] else np.zeros(len(THRESHOLDS))


def match(truth: Truth, said: Said) -> Matched:
    """Which of one class's boxes are right, each picture by itself, the surest first (see `Matched`)."""
    order = np.lexsort((-said.scores, said.pictures))
    said = _at(said, order)
    truth = _at(truth, np.argsort(truth.pictures, kind="stable"))
    rank = _rank(said.pictures)
    said, rank = _at(said, rank < MOST[-1]), rank[rank < MOST[-1]]
    areas = said.boxes[:, 2] * said.boxes[:, 3]
    right = np.zeros((len(THRESHOLDS), len(AREAS), len(rank)), bool)
    ignored = np.repeat(((areas < AREAS[:, :1]) | (areas > AREAS[:, 1:]))[np.newaxis], len(THRESHOLDS), 0)
    out = truth.crowd | (truth.areas < AREAS[:, :1]) | (truth.areas > AREAS[:, 1:])
    for these, those in _groups(said.pictures, truth.pictures):
        found = _matched(said.boxes, these, truth, out, those)
        at = these >= 0
        right[:, :, these[at]] = found[0][:, :, at]
        ignored[:, :, these[at]] = np.where(found[0], found[1], ignored[:, :, these])[:, :, at]
    surest = np.argsort(-said.scores, kind="mergesort")
    return Matched(
        said.scores[surest], rank[surest], right[:, :, surest], ignored[:, :, surest], (~out).sum(1).astype(np.int64)
    )


def _of(whole: _Kind, number: int) -> _Kind:
    return _at(whole, whole.classes == number)


def _at(whole: _Kind, places: npt.NDArray[Any]) -> _Kind:
    """Those at these positions, or where it is true."""
    fields: Any = [field[places] for field in whole]
    found: _Kind = type(whole)(*fields)
    return found


def _rank(pictures: Whole) -> Whole:
    """The place of each among those of its picture, of sorted pictures."""
    starts = np.flatnonzero(np.diff(pictures, prepend=-1)) if len(pictures) else np.zeros(0, np.int64)
    return np.arange(len(pictures)) - np.repeat(starts, np.diff(np.append(starts, len(pictures))))


def _groups(said: Whole, there: Whole) -> Iterator[tuple[Whole, Whole]]:
    """The places of each picture's boxes that are said, and that are there, where there are both: rows of -1 at the
    end, pictures of like numbers together.
    """
    pictures, counts = np.unique(said, return_counts=True)
    known, many = np.unique(there, return_counts=True)
    both, one, other = np.intersect1d(pictures, known, assume_unique=True, return_indices=True)
    starts, begins = np.searchsorted(said, both), np.searchsorted(there, both)
    sizes, numbers = counts[one], many[other]
    order = np.lexsort((sizes, numbers))
    first = 0
    while first < len(order):
        last = first + 1
        while last < len(order):
            wide = numbers[order[last]]
            if (last + 1 - first) * wide * len(THRESHOLDS) * len(AREAS) > _AT_ONCE:
                break
            last += 1
        own = order[first:last]
        yield _padded(starts[own], sizes[own]), _padded(begins[own], numbers[own])
        first = last


def _padded(starts: Whole, sizes: Whole) -> Whole:
    across = np.arange(int(sizes.max(initial=0)))
    return np.where(across < sizes[:, None], starts[:, None] + across, -1)


def _matched(boxes: Doubles, these: Whole, truth: Truth, out: Flags, those: Whole) -> tuple[Flags, Flags]:
    """For pictures G×D and G×M: whether each box found one, thresholds×areas×G×D, and whether that does not count."""
    crowd, real = truth.crowd[those], those >= 0
    overlap = _overlap(boxes[these], truth.boxes[those], crowd)
    overlap[~np.broadcast_to(real[:, None], overlap.shape)] = -1
    least = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None, None, None]
    ignored = np.asarray(out[:, those])  # areas×G×M
    taken = np.zeros((len(THRESHOLDS), len(AREAS), *those.shape), bool)
    right = np.zeros((len(THRESHOLDS), len(AREAS), *these.shape), bool)
    useless = np.zeros_like(right)
    last = those.shape[1] - 1
    for place in range(these.shape[1]):
        own = overlap[:, place]
        free: Flags = (own >= least) & (~taken | crowd) & (these[:, place] >= 0)[:, None]
        counted = free & ~ignored
        some = np.asarray(counted.any(3))
        values = np.where(np.where(some[..., None], counted, free), own, -1.0)
        best = last - values[..., ::-1].argmax(3)  # the last of equal ones
        found = free.any(3)
        right[..., place], useless[..., place] = found, found & ~some
        where = np.nonzero(found)
        threshold, area, picture = where
        taken[threshold, area, picture, best[where]] = True
    return right, useless


def _overlap(said: Doubles, there: Doubles, crowd: Flags) -> Doubles:
    """Intersection over union, G×D×M, of boxes G×D×4 and G×M×4; over what is said alone, where there is a crowd."""
    low = np.maximum(said[:, :, None, :2], there[:, None, :, :2])
    high = np.minimum((said[..., :2] + said[..., 2:])[:, :, None], (there[..., :2] + there[..., 2:])[:, None])
    sides = np.maximum(high - low, 0)
    both = sides[..., 0] * sides[..., 1]
    own, other = said[..., 2] * said[..., 3], there[..., 2] * there[..., 3]
    either = np.where(crowd[:, None], own[:, :, None], own[:, :, None] + other[:, None] - both)
    found: Doubles = np.divide(both, either, out=np.zeros_like(both), where=either != 0)
    return found
