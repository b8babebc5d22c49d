"""The figures of detection: COCO's twelve, each class's, and how precise and complete what is said is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hubel.tasks.decoding import THRESHOLD
from hubel.tasks.detection.coco import MOST, RECALLS, Matched, Scores, curves
from hubel.tasks.marks import best_from
from hubel.tasks.results import Measured, Table, percent
from hubel.view.figures.axes import Axes
from hubel.view.figures.colours import SERIES
from hubel.view.figures.figure import Figure
from hubel.view.figures.scene import Mark, Rectangle, Text, shortened
from hubel.view.figures.tiles import Chart, TiledFigure

READ = "Each class as more and more of the less sure boxes are taken, at an overlap of a half."
_NAME = 120.0  # page pixels of a class in the legend


@dataclass(frozen=True)
class ObjectClass:
    """One class's figures, None where the set has no object of it. ap: its average precision over ten thresholds of
    overlap; ap50, ap75: at one. precision, recall: at an overlap of a half, of what is said with at least `threshold`,
    the probability where their harmonic mean is highest.
    """

    name: str
    objects: int
    ap: float | None
    ap50: float | None
    ap75: float | None
    precision: float | None
    recall: float | None
    threshold: float | None


@dataclass(frozen=True, repr=False)
class Metrics(Measured):
    """How well a model finds objects. coco: the twelve figures by name, None where the set has nothing for one.

    most: objects of one class in one picture. threshold: the probability from which all classes' harmonic means of
    precision and recall, at an overlap of a half, are highest on the mean; None where nothing is found. curves: of each
    class, the precision at recalls of 0, 1 … 100 %, at an overlap of a half; none where it is absent.
    """

    coco: Mapping[str, float | None]
    loss: float
    images: int
    most: int
    threshold: float | None
    per_class: tuple[ObjectClass, ...]
    curves: Mapping[str, tuple[float, ...]]

    @property
    def absent(self) -> tuple[str, ...]:
        """The classes of which the set has no object."""
        return tuple(each.name for each in self.per_class if not each.objects)

    @property
    def figures(self) -> Mapping[str, float]:
        """Mean average precision over overlaps of 0.50 to 0.95, at 0.50, at 0.75, the threshold, and the loss."""
        known = {"map": self.coco["AP"], "map50": self.coco["AP50"], "map75": self.coco["AP75"]}
        known[THRESHOLD] = self.threshold
        return {**{name: float("nan") if v is None else v for name, v in known.items()}, "loss": self.loss}

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "map": self.coco["AP"],
            "map50": self.coco["AP50"],
            "map75": self.coco["AP75"],
            "loss": self.loss,
            THRESHOLD: self.threshold,
            "coco": dict(self.coco),
            "absent": list(self.absent),
            "most_of_a_class_in_a_picture": self.most,
            "per_class": [asdict(each) for each in self.per_class],
            "curves": {
                name: {"recall": [round(float(recall), 2) for recall in RECALLS], "precision": list(precisions)}
                for name, precisions in self.curves.items()
            },
        }

    def drawing(self) -> Figure | None:
        """Each class's precision over recall."""
        return TiledFigure("Precision and recall", READ, (chart(self.curves),)) if self.curves else None

    def sentence(self, of: str) -> str:
        """Mean average precision, at a half, and what is absent."""
        told = (
            f"{percent(self.coco['AP'])} mAP (50:95) on {of}, {percent(self.coco['AP50'])} mAP 50, "
            f"{percent(self.coco['AR100'])} average recall (50:95), loss {self.loss:.4f}"
        )
        if self.most > MOST[-1]:
            told += f"; a picture has {self.most:,} objects of a class, of which COCO counts the {MOST[-1]} surest"
        if self.threshold is not None:
            told += f"; precision and recall together are highest from {self.threshold:.2f} on"
        return told + (f"; {', '.join(self.absent)} absent, left out of the mean" if self.absent else "")

    def table(self, most: int, colours: tuple[tuple[int, int, int], ...] = ()) -> Table:
        """Each class; of more than `most`, those of least average precision."""
        order, note = list(range(len(self.per_class))), "precision and recall: at an overlap of a half, from the "
        note += "probability in the last column on, where both together are highest"
        if len(order) > most:
            note = f"the {most} classes of least average precision, of {len(order)}; all of them: --json; {note}"
            order = sorted(order, key=lambda i: (self.per_class[i].ap is None, self.per_class[i].ap or 0.0))[:most]
        rows = []
        for each in (self.per_class[i] for i in order):
            shares = map(percent, (each.ap, each.ap50, each.ap75, each.precision, each.recall))
            rows.append(
                (each.name, f"{each.objects:,}", *shares, "·" if each.threshold is None else f"{each.threshold:.2f}")
            )
        titles = ("class", "#objects", "#AP", "#AP50", "#AP75", "#precision", "#recall", "#from")
        return Table(titles, tuple(rows), note=note, colours=tuple(colours[i] for i in order) if colours else ())


def metrics(scores: Scores, classes: tuple[str, ...], loss: float, images: int, most: int) -> Metrics:
    """The metrics of a set from what is found in it."""
    twelve = {name: None if value < 0 else value for name, value in scores.twelve().items()}
    each = tuple(_of_class(scores, number, name) for number, name in enumerate(classes))
    drawn = {
        name: tuple(curves(matched)[0][0].tolist())
        for name, matched in zip(classes, scores.matched, strict=True)
        if matched.there[0]
    }
    return Metrics(twelve, loss, images, most, _threshold(scores, len(classes)), each, drawn)


def _of_class(scores: Scores, number: int, name: str) -> ObjectClass:
    matched = scores.matched[number]
    objects = int(matched.there[0])
    if not objects:
        return ObjectClass(name, 0, *[None] * 6)
    values = (scores.of_class(number), scores.of_class(number, 0), scores.of_class(number, 5))
    return ObjectClass(name, objects, *values, *_balanced(matched, objects))


def _threshold(scores: Scores, classes: int) -> float | None:
    """That from which the classes' harmonic means are highest on the mean."""
    kinds = []
    for matched in (scores.matched[number] for number in range(classes)):
        if objects := int(matched.there[0]):
            counted = ~matched.ignored[0, 0]
            kinds.append((matched.scores[counted], matched.right[0, 0, counted], objects))
    return best_from(kinds)


def _balanced(matched: Matched, objects: int) -> tuple[float | None, float, float | None]:
    """Precision, recall and probability where their harmonic mean is highest, at an overlap of a half."""
    counted = ~matched.ignored[0, 0]
    right = np.cumsum(matched.right[0, 0, counted])
    if not len(right) or not right[-1]:
        return None, 0.0, None
    said = np.arange(1, len(right) + 1)
    best = int(np.argmax(2 * right / (said + objects)))
    return float(right[best] / said[best]), float(right[best] / objects), float(matched.scores[counted][best])


def chart(curves: Mapping[str, tuple[float, ...]]) -> Chart:
    """Precision over recall, a line a class, and below it which is which."""
    axes = Axes(46, 30, 380, 260, (0, 1), (0, 1))
    shares = [(share, f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)]
    across, up = (
        "recall: of the objects that are there, those that are found",
        "precision: of what is said, what is right",
    )
    marks: list[Mark] = axes.frame(shares, shares, across, up)
    each, top = int(axes.width // _NAME), axes.top + axes.height + 46
    for place, (name, values) in enumerate(curves.items()):
        colour, steps = place % len(SERIES), max(1, len(values) - 1)
        marks += axes.curve([number / steps for number in range(len(values))], values, f"line-{colour}")
        x, y = axes.left + place % each * _NAME, top + place // each * 16
        marks.append(Rectangle(x, y, 10, 10, f"series-{colour}"))
        marks.append(Text(x + 15, y + 9, shortened(name, "label", _NAME - 22), "label", "start"))
    return Chart("", tuple(marks), 440, top + (len(curves) - 1) // each * 16 + 14)
