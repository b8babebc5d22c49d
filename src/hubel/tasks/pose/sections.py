"""What a report shows of a model of points: each point, pictures, and the points that are furthest off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from hubel.data import Dataset
from hubel.data.points.annotations import SEEN
from hubel.data.points.draw import skeletons
from hubel.data.points.targets import BOTTOM, FIRST, INDIVIDUAL, KIND, LEFT
from hubel.tasks import task
from hubel.tasks.marks import neighbourhood
from hubel.tasks.measure import called, evaluate, outputs_of
from hubel.tasks.model import LoadedModel
from hubel.tasks.pose.decoding import shown
from hubel.tasks.pose.oks import Truth, assigned

if TYPE_CHECKING:
    from hubel.tasks.pose.task import Pose

_SHOWN, _WORST = 6, 12  # images, and points, in a report
_LOOKED_AT = 500  # images whose points are looked at
_SIDE = 480  # pixels of an image's shorter side, to which small ones are enlarged
_AROUND, _CROP = 0.35, 160  # of an individual's size that is shown around a point, and pixels of that picture
_MARK = 4.0  # pixels of a mark's radius there
Pixels = npt.NDArray[np.uint8]
Doubles = npt.NDArray[np.float64]


class Seen(NamedTuple):
    """An image of a set, with what is there and what is said, in its pixels; points K×P×3."""

    number: int
    image: Pixels
    truth: Truth
    said: Doubles
    sure: Doubles


class Off(NamedTuple):
    """A point that is told: which, where it is, where it was said to be (NaN where its individual was missed), and how
    far that is, in pixels of the image and beside the individual's size.
    """

    seen: Seen
    point: int
    there: Doubles
    said: Doubles
    apart: float
    share: float


def sections(kind: Pose, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
    """Each point's figures, some images, and pictures of the points that are furthest off."""
    found = evaluate(model, dataset)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(_LOOKED_AT, len(dataset))).astype(np.int64))
    every = seen(kind, model, dataset, chosen)
    some = [every[place] for place in np.unique(np.linspace(0, len(every) - 1, _SHOWN).astype(np.int64))]
    worst = sorted((off for each in every for off in offs(kind, each)), key=lambda off: -off.share)[:_WORST]
    least = shown(model.summary)
    told = (
        "Errors are in pixels of the pictures, within 5 and 10 of them, and within a tenth of the individual's size, "
        "the longer side of the box around it."
    )
    return [
        task.Section(
            "points",
            "Each point",
            f"{found.sentence(dataset.name or 'the images')}. {told}",
            found.table(len(kind.classes)),
        ),
        task.Section(
            "poses",
            "What it finds",
            f"Rings are what is there, dots what is found with at least {least:.0%}.",
            pictures=[_beside(kind, dataset, each, least) for each in some],
        ),
        task.Section(
            "furthest",
            "The points that are furthest off",
            f"Of {len(every):,} images, beside the individual's size: a ring is where the point is, a dot where it is "
            "said to be.",
            pictures=[_picture(kind, dataset, off) for off in worst],
        ),
    ]


def seen(kind: Pose, model: LoadedModel, dataset: Dataset, chosen: npt.NDArray[np.int64]) -> list[Seen]:
    """Some images of a set, with what is there and what is said, of at least the probability that is shown."""
    height, width, _ = dataset.shape
    found = []
    for first in range(0, len(chosen), 64):
        numbers = chosen[first : first + 64]
        images, rows = dataset.images[numbers], dataset.targets.array[numbers]
        said = kind.peaks(outputs_of(model, images))
        for place, number in enumerate(numbers.tolist()):
            own = rows[place, 1:][rows[place, 1:, KIND] == INDIVIDUAL].astype(np.float64)
            points = own[:, FIRST:].reshape(len(own), len(kind.classes), 3) * (width, height, 1)
            boxes = own[:, LEFT : BOTTOM + 1] * (width, height, width, height)
            areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
            sure = said.scores[place].double().numpy()
            kept = sure >= (shown(model.summary) if kind.several else 0)
            places = said.points[place].double().numpy() * (width, height, 1)
            truth = Truth(points, boxes, areas, np.zeros(len(own), bool))
            found.append(Seen(number, images[place], truth, places[kept], sure[kept]))
    return found


def offs(kind: Pose, each: Seen) -> list[Off]:
    """How far off each point of an image is that is told, and found at all."""
    pairs = assigned(each.said, each.sure, each.truth, kind.sigmas)
    if not kind.several and len(each.truth.points) and len(each.said):
        pairs = [(0, 0, 0.0)]
    found = []
    for number, place, _ in pairs:
        there, said = each.truth.points[place], each.said[number]
        side = float((each.truth.boxes[place, 2:] - each.truth.boxes[place, :2]).max())
        for point in np.flatnonzero(there[:, 2] > 0).tolist():
            apart = float(np.linalg.norm(there[point, :2] - said[point, :2]))
            found.append(Off(each, point, there[point], said[point], apart, apart / max(side, 1e-9)))
    return found


def _beside(kind: Pose, dataset: Dataset, each: Seen, least: float) -> tuple[str, Pixels]:
    """An image under what is there, as rings, and what is said, as dots."""
    times = max(1, round(_SIDE / min(each.image.shape[:2])))
    image = each.image.repeat(times, 0).repeat(times, 1)
    scale = (times, times, 1)
    said = each.said * scale
    said[..., 2] = np.where(said[..., 2] >= least, SEEN, 0)
    picture = skeletons(image, each.truth.points * scale, kind.classes, (), hollow=True)
    picture = skeletons(picture, said, kind.classes, kind.bones)
    off = [one.apart for one in offs(kind, each)]
    told = f", {np.mean(off):.1f} pixels of the image off on the mean" if off else ""
    return f"{called(dataset, each.number)}: {len(each.truth.points)} there, {len(each.said)} found{told}", picture


def _picture(kind: Pose, dataset: Dataset, off: Off) -> tuple[str, Pixels]:
    """The neighbourhood of a point, and where it was said to be."""
    middle = (off.there[:2] + off.said[:2]) / 2
    half = max(8.0, off.apart * 0.8, _AROUND * off.apart / max(off.share, 1e-9))
    large, left, top, times = neighbourhood(off.seen.image, [*(middle - half), *(middle + half)], _CROP)
    both = np.zeros((2, len(kind.classes), 3))
    for row, place in enumerate((off.there, off.said)):
        both[row, off.point] = (*((place[:2] - (left, top)) * times), SEEN)
    picture = skeletons(large, both[:1], kind.classes, (), hollow=True, least=_MARK)
    picture = skeletons(picture, np.concatenate([both[1:], np.zeros_like(both[1:])]), kind.classes, (), least=_MARK)
    told = (
        f"{kind.classes[off.point]}: {off.apart:.1f} pixels of the image off, {off.share:.0%} of the individual's size"
    )
    return f"{told} ({called(dataset, off.seen.number)})", picture
