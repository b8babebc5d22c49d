"""Object keypoint similarity (Lin et al. 2014): for poses what the overlap is for boxes; and COCO's average precision.

exp(−d²/(2·area·(2σ)²)), averaged over the points that are told: 1 where all are exactly there. σ says how differently
people place a point, beside the individual's size (the root of its area).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hubel.tasks.detection.coco import THRESHOLDS, Matched, curves

MOST = 20  # individuals in a picture that count, the surest, as COCO has it
SIGMA = 0.05  # of points that are not COCO's
_COCO = (
    ("nose", 0.026), ("left_eye", 0.025), ("right_eye", 0.025), ("left_ear", 0.035), ("right_ear", 0.035),
    ("left_shoulder", 0.079), ("right_shoulder", 0.079), ("left_elbow", 0.072), ("right_elbow", 0.072),
    ("left_wrist", 0.062), ("right_wrist", 0.062), ("left_hip", 0.107), ("right_hip", 0.107),
    ("left_knee", 0.087), ("right_knee", 0.087), ("left_ankle", 0.089), ("right_ankle", 0.089),
)  # fmt: skip
Doubles = npt.NDArray[np.float64]


def sigmas_of(names: Sequence[str]) -> tuple[float, ...]:
    """COCO's own where these are its seventeen points, else 0.05 each."""
    own = dict(_COCO)
    return tuple(own[name] for name in names) if {*names} == {*own} else (SIGMA,) * len(names)


class Truth(NamedTuple):
    """A picture's individuals. points: M×P×3 (x, y in pixels; 0 where not told); boxes: M×4; areas: M; passed_over: M,
    whether one counts neither for nor against.
    """

    points: Doubles
    boxes: Doubles
    areas: Doubles
    passed_over: npt.NDArray[np.bool_]


def similarity(said: Doubles, truth: Truth, sigmas: Sequence[float]) -> Doubles:
    """Of K individuals that are said (K×P×2 or more) to M that are there, K×M from 0 to 1. Of those without points,
    which are passed over, by how far points lie outside twice their box.
    """
    seen = truth.points[..., 2] > 0
    away = said[:, None, :, :2] - truth.points[None, :, :, :2]
    left, top, right, bottom = truth.boxes.T
    low = np.stack([left - (right - left), top - (bottom - top)], -1)[:, None]
    high = np.stack([right + (right - left), bottom + (bottom - top)], -1)[:, None]
    outside = np.maximum(0, np.maximum(low - said[:, None, :, :2], said[:, None, :, :2] - high))
    some = np.asarray(seen.any(1))[:, None]
    square = np.where(some, (away**2).sum(3), (outside**2).sum(3))
    weights = np.where(some, seen, True)
    apart = square / (2 * np.maximum(truth.areas, 1e-9)[:, None] * (2 * np.array(sigmas)) ** 2)
    found: Doubles = (np.exp(-apart) * weights).sum(2) / weights.sum(1)
    return found


def average_precision(
    pictures: Sequence[tuple[Truth, Doubles, Doubles]], sigmas: Sequence[float]
) -> tuple[float, float]:
    """COCO's, over similarities from 0.50 to 0.95 and at 0.50, of pictures: what is there, the individuals that are
    said K×P×…, and how sure, K. NaN where nothing is to be found.
    """
    right, ignored, scores, rank = [], [], [], []
    there = 0
    for truth, said, sure in pictures:
        order = np.argsort(-sure, kind="stable")[:MOST]
        own = _matched(similarity(said[order], truth, sigmas), truth.passed_over)
        there += int((~truth.passed_over).sum())
        right.append(own[0])
        ignored.append(own[1])
        scores.append(sure[order])
        rank.append(np.arange(len(order)))
    if not there:
        return float("nan"), float("nan")
    sure = np.concatenate(scores)
    surest = np.argsort(-sure, kind="stable")
    found, passed = (np.concatenate(each, 1)[:, None, surest] for each in (right, ignored))
    matched = Matched(sure[surest], np.concatenate(rank)[surest], found, passed, np.array([there]))
    precision = curves(matched, 0, MOST)[0].mean(1)
    return float(precision.mean()), float(precision[0])


def _matched(alike: Doubles, passed_over: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Whether each that is said (the surest first) found one, thresholds×K, and whether that does not count."""
    right = np.zeros((len(THRESHOLDS), len(alike)), bool)
    ignored = np.zeros_like(right)
    for place, least in enumerate(THRESHOLDS):
        taken = np.zeros(alike.shape[1], bool)
        for number, own in enumerate(alike):
            for chosen in (~passed_over & ~taken, passed_over):
                values = np.where(chosen, own, -1.0)
                if values.size and values.max() >= least:
                    best = int(values.argmax())
                    taken[best] = right[place, number] = True
                    ignored[place, number] = passed_over[best]
                    break
    return right, ignored


def assigned(said: Doubles, sure: Doubles, truth: Truth, sigmas: Sequence[float]) -> list[tuple[int, int, float]]:
    """Which of those that are said are which of those that are there: pairs of their places and their similarity, the
    surest first, each the most alike that is free; those that are alike at no point are not.
    """
    alike = similarity(said, truth, sigmas)
    alike[:, truth.passed_over] = -1
    found = []
    for number in np.argsort(-sure, kind="stable").tolist():
        if alike.shape[1] and (best := float(alike[number].max())) > 0.01:
            place = int(alike[number].argmax())
            found.append((number, place, best))
            alike[:, place] = -1
    return found
