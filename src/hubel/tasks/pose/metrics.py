"""The figures of pose: how far points are from where they should be, in pixels and beside the individual's size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.tasks.decoding import THRESHOLD
from hubel.tasks.marks import best_from
from hubel.tasks.pose.decoding import SHOWN
from hubel.tasks.pose.oks import SIGMA, Truth, assigned, average_precision, similarity
from hubel.tasks.results import Measured, Table, percent

NEAR, NEARER, SHARE = 10, 5, 0.1  # pixels; and of an individual's size: the longer side of its box
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PointFigures:
    """One point's figures, None where the set does not tell it. told: how often; error, median: of the distances in
    pixels; pck5, pck10: the shares that are within 5 and 10 pixels; pck_tenth: within a tenth of the individual's size.
    """

    name: str
    told: int
    error: float | None
    median: float | None
    pck5: float | None
    pck10: float | None
    pck_tenth: float | None


@dataclass(frozen=True, repr=False)
class Metrics(Measured):
    """How well a model finds points. error, median: over all that are told, of individuals that were found, in pixels
    of the pictures; pck5, pck10, pck_tenth: shares of all (see `PointFigures`), those of individuals that were missed
    being wrong; oks: the mean similarity of individuals, 0 of missed ones; ap, ap50: COCO's average precision of
    individuals. sigmas: those of the similarity. missed, invented: individuals, of `there`. threshold: the probability
    from which precision and recall of points together are highest, those being right that are within a tenth of the
    individual's size; None where none is.
    """

    error: float
    median: float
    pck5: float
    pck10: float
    pck_tenth: float
    oks: float
    ap: float
    ap50: float
    loss: float
    images: int
    there: int
    missed: int
    invented: int
    threshold: float | None
    several: bool
    sigmas: tuple[float, ...]
    per_point: tuple[PointFigures, ...]

    @property
    def figures(self) -> Mapping[str, float]:
        """All of them, and the loss."""
        names = ("error", "median", "pck5", "pck10", "pck_tenth", "oks", "ap", "ap50", "loss")
        found = {name: float(getattr(self, name)) for name in names}
        return {**found, THRESHOLD: float("nan") if self.threshold is None else self.threshold}

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        known = {name: None if np.isnan(value) else value for name, value in self.figures.items()}
        counts = {name: getattr(self, name) for name in ("images", "there", "missed", "invented", THRESHOLD)}
        return {**known, **counts, "sigmas": list(self.sigmas), "per_point": [asdict(each) for each in self.per_point]}

    def sentence(self, of: str) -> str:
        """The errors, and what they are beside an individual's size."""
        if not self.there:
            return f"{of}: no point to be found; loss {self.loss:.4f}"
        errors = f"{self.error:.2f} pixels off on the mean (median {self.median:.2f})"
        if np.isnan(self.error):
            errors = "no point of one that is found, so that none is so many pixels off"
        within = (
            f"{self.pck5:.1%} of points within 5 pixels, {self.pck10:.1%} within 10, {self.pck_tenth:.1%} within a "
        )
        alike = f"tenth of the individual's size; similarity (OKS, {self.sigma_words}) {self.oks:.3f}"
        shown = "" if self.threshold is None else f"; best shown from a probability of {self.threshold:.2f} on"
        if not self.several:
            return f"{errors} on {of}, {within}{alike}, loss {self.loss:.4f}{shown}"
        found = f"{self.ap:.2%} average precision of individuals ({self.ap50:.2%} at an OKS of 0.50) on {of}"
        return (
            f"{found}, {self.missed:,} of {self.there:,} missed; {errors}, {within}{alike}, loss {self.loss:.4f}{shown}"
        )

    @property
    def sigma_words(self) -> str:
        """The sigmas of the similarity, in words."""
        return f"σ {SIGMA}" if {*self.sigmas} == {SIGMA} else "σ of COCO's 17 points"

    def table(self, most: int) -> Table:
        """Each point; of more than `most`, those that are furthest off."""
        chosen, note = list(self.per_point), ""
        if len(chosen) > most:
            note = f"the {most} points that are furthest off, of {len(chosen)}; all of them: --json"
            chosen = sorted(chosen, key=lambda each: -(each.error or 0.0))[:most]
        rows = tuple(
            (
                each.name,
                f"{each.told:,}",
                *(f"{v:.2f}" if v is not None else "·" for v in (each.error, each.median)),
                *map(percent, (each.pck5, each.pck10, each.pck_tenth)),
            )
            for each in chosen
        )
        return Table(_TITLES, rows, note)


_TITLES = ("point", "#told", "#error", "#median", "#within 5", "#within 10", "#within a tenth")


@dataclass(frozen=True, eq=False)
class Picture:
    """What is there on one, and what was said: points K×P×3 in pixels with their probabilities, and how sure, K."""

    truth: Truth
    said: Doubles
    sure: Doubles


def metrics(
    pictures: Sequence[Picture],
    names: tuple[str, ...],
    sigmas: tuple[float, ...],
    several: bool,
    loss: float,
    images: int,
) -> Metrics:
    """The metrics of a whole set."""
    off, alike = [np.zeros((0, len(names)))], list[float]()
    beside, there, spare = [np.zeros((0, len(names)))], 0, list[float]()
    told = list[tuple[Doubles, npt.NDArray[np.bool_]]]()
    for each in pictures:
        real = ~each.truth.passed_over
        there += int(real.sum())
        pairs = assigned(each.said, each.sure, each.truth, sigmas) if several else _only(each, sigmas)
        apart = np.where(each.truth.points[..., 2] > 0, np.inf, np.nan)  # of one that is missed
        for number, place, similar in pairs:
            distance = np.linalg.norm(each.said[number, :, :2] - each.truth.points[place, :, :2], axis=1)
            apart[place] = np.where(each.truth.points[place, :, 2] > 0, distance, np.nan)
            alike.append(similar)
        spare += np.delete(each.sure, [number for number, *_ in pairs]).tolist()
        sides = (each.truth.boxes[:, 2:] - each.truth.boxes[:, :2]).max(1, initial=1e-9)
        off.append(apart[real])
        beside.append(apart[real] / sides[real, None])
        told.append(_told(each, pairs, apart / sides[:, None], several))
    distances, shares = np.concatenate(off), np.concatenate(beside)
    precise = average_precision([(each.truth, each.said, each.sure) for each in pictures], sigmas)
    whole = _of("all", distances, shares)
    mean = sum(alike) / there if there else float("nan")
    columns = (_of(name, distances[:, n], shares[:, n]) for n, name in enumerate(names))
    missed = there - len(alike)
    threshold = _threshold(told, int((~np.isnan(distances)).sum()))
    least = SHOWN if threshold is None else threshold

    def known(value: float | None) -> float:
        return float("nan") if value is None else value

    return Metrics(
        error=known(whole.error),
        median=known(whole.median),
        pck5=known(whole.pck5),
        pck10=known(whole.pck10),
        pck_tenth=known(whole.pck_tenth),
        oks=mean,
        ap=precise[0],
        ap50=precise[1],
        loss=loss,
        images=images,
        there=there,
        missed=missed,
        invented=sum(sure >= least for sure in spare),
        threshold=threshold,
        several=several,
        sigmas=sigmas,
        per_point=tuple(columns),
    )


def _told(
    each: Picture, pairs: Sequence[tuple[int, int, float]], apart: Doubles, several: bool
) -> tuple[Doubles, npt.NDArray[np.bool_]]:
    """How sure each point of a picture is shown, of several no surer than its individual, and whether it is right.
    apart: of those that are there, in shares of the individual's size.
    """
    sure = np.minimum(each.said[..., 2], each.sure[:, None]) if several else each.said[..., 2]
    right = np.zeros(sure.shape, bool)
    for number, place, _ in pairs:
        right[number] = apart[place] <= SHARE
    return sure.ravel(), right.ravel()


def _threshold(told: Sequence[tuple[Doubles, npt.NDArray[np.bool_]]], there: int) -> float | None:
    """From which probability points are best shown."""
    if not told or not there:
        return None
    sure, right = map(np.concatenate, zip(*told, strict=True))
    order = np.argsort(-sure, kind="stable")
    return best_from([(sure[order], right[order], there)])


def _only(each: Picture, sigmas: Sequence[float]) -> list[tuple[int, int, float]]:
    """The one that is said and the one that is there, however far they are apart."""
    real = np.flatnonzero(~each.truth.passed_over)
    if not len(real) or not len(each.said):
        return []
    return [(0, int(real[0]), float(similarity(each.said[:1], each.truth, sigmas)[0, real[0]]))]


def _of(name: str, distances: Doubles, shares: Doubles) -> PointFigures:
    """The figures of distances in pixels, and beside individuals' sizes: infinite where missed, NaN where not told."""
    told = ~np.isnan(distances)
    number = int(told.sum())
    if not number:
        return PointFigures(name, 0, None, None, None, None, None)
    known, beside = distances[told], shares[told]
    found = known[np.isfinite(known)]
    error, median = (float(found.mean()), float(np.median(found))) if len(found) else (None, None)
    within = [float((known <= NEARER).mean()), float((known <= NEAR).mean()), float((beside <= SHARE).mean())]
    return PointFigures(name, number, error, median, *within)
