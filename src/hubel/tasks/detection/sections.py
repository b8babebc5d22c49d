"""What a report shows of a detector: each class, precision and recall, pictures, and mistakes by their kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from hubel.data import Dataset
from hubel.data.boxes.draw import colour_of, drawn
from hubel.data.boxes.targets import BOTTOM, CLASS, LEFT
from hubel.tasks import task
from hubel.tasks.detection.decode import decode
from hubel.tasks.detection.decoding import shown
from hubel.tasks.detection.metrics import READ, chart
from hubel.tasks.detection.mistakes import KINDS, MEANT, MISSED, RIGHT, Judged, judged
from hubel.tasks.marks import neighbourhood
from hubel.tasks.measure import called, evaluate, outputs_of
from hubel.tasks.model import LoadedModel

if TYPE_CHECKING:
    from hubel.tasks.detection.task import Detection

_SHOWN, _OF_EACH = 6, 6  # images, and mistakes of each kind, in a report
_LOOKED_AT = 500  # images whose mistakes are counted
_SIDE = 480  # pixels of an image's shorter side, to which small ones are enlarged
_AROUND = 1.0  # of a box's longer side, that is shown around it
_CROP = 160  # pixels of a mistake's picture
Pixels = npt.NDArray[np.uint8]


class Seen(NamedTuple):
    """An image of a set, with what is there and what is said, boxes in its pixels."""

    number: int
    image: Pixels
    there: npt.NDArray[np.float64]
    true: list[int]
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float32]
    kinds: list[int]


def sections(kind: Detection, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
    """Each class's figures and curve, some images, and the mistakes with pictures of those that are surest."""
    found = evaluate(model, dataset)
    colours = tuple(colour_of(number) for number in range(len(kind.classes)))
    parts = [
        task.Section(
            "classes",
            "Each class",
            f"{found.sentence(dataset.name or 'the images')}. {_COCO}",
            found.table(len(kind.classes), colours),
        ),
    ]
    if found.curves:
        drawing = chart(found.curves).scene()
        parts.append(task.Section("curves", "Precision and recall", READ, drawing=drawing))
    chosen = np.unique(np.linspace(0, len(dataset) - 1, _SHOWN).astype(np.int64))
    pictures = [_beside(kind, dataset, each) for each in seen(kind, model, dataset, chosen)]
    note = f"Shown are boxes of at least {shown(model.summary):.0%}, in the colour of their class."
    parts.append(task.Section("objects", "What it finds", note, pictures=pictures))
    return [*parts, mistakes(kind, model, dataset)]


_COCO = (
    "AP: the average precision over ten overlaps from 0.50 to 0.95 and over recalls, as COCO counts it; AP50 and AP75: "
    "at one overlap."
)


def seen(kind: Detection, model: LoadedModel, dataset: Dataset, chosen: npt.NDArray[np.int64]) -> Iterator[Seen]:
    """Some images of a set with what is there and what is said of at least the usual probability."""
    height, width, _ = dataset.shape
    size = np.array([width, height, width, height], np.float64)
    for first in range(0, len(chosen), 64):
        some = chosen[first : first + 64]
        images, rows = dataset.images[some], dataset.targets.array[some]
        found = decode(outputs_of(model, images), len(kind.classes), kind.usual, kind.most, shown(model.summary))
        for place, index in enumerate(some.tolist()):
            own = rows[place, 1:][rows[place, 1:, CLASS] >= 0]
            kept = found.scores[place].numpy() > 0
            yield Seen(
                index,
                images[place],
                own[:, LEFT : BOTTOM + 1] * size,
                own[:, CLASS].astype(np.int64).tolist(),
                found.boxes[place].double().numpy()[kept] * size,
                found.scores[place].numpy()[kept],
                found.classes[place].numpy()[kept].tolist(),
            )


def _beside(kind: Detection, dataset: Dataset, each: Seen) -> tuple[str, Pixels]:
    """An image with the boxes that are there, and with those that are said."""
    image, times = _enlarged(each.image)
    words = [f"{kind.classes[k]} {score:.0%}" for k, score in zip(each.kinds, each.scores, strict=True)]
    there = drawn(image, each.there * times, [kind.classes[k] for k in each.true], each.true)
    said = drawn(image, each.boxes * times, words, each.kinds)
    counts = f"{len(each.there)} there, {len(each.boxes)} found"
    gap = np.full((image.shape[0], 6, 3), 255, np.uint8)
    return f"{called(dataset, each.number)}: what is there, and what the model finds: {counts}", np.concatenate(
        [there, gap, said], 1
    )


def _enlarged(image: Pixels) -> tuple[Pixels, int]:
    times = max(1, round(_SIDE / min(image.shape[:2])))
    return image.repeat(times, 0).repeat(times, 1), times


def mistakes(kind: Detection, model: LoadedModel, dataset: Dataset) -> task.Section:
    """How many boxes are right and wrong in which way, and pictures of mistakes of each kind."""
    least = shown(model.summary)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(_LOOKED_AT, len(dataset))).astype(np.int64))
    every: list[tuple[Seen, Judged]] = []
    for each in seen(kind, model, dataset, chosen):
        every += [(each, one) for one in judged(each.boxes, each.kinds, each.there, each.true)]
    rows = []
    pictures: list[tuple[str, Pixels]] = []
    for number, (name, meant) in enumerate(zip(KINDS, MEANT, strict=True)):
        own = [pair for pair in every if pair[1].kind == number]
        rows.append((name, f"{len(own):,}", meant))
        if number != RIGHT:
            surest = sorted(own, key=lambda pair: -_sureness(*pair))[:_OF_EACH]
            pictures += [_picture(kind, dataset, *pair) for pair in surest]
    note = (
        f"Of {len(chosen):,} images, boxes of at least {least:.0%}; the surest mistakes of each kind, and the largest "
    )
    note += "objects that are missed. Dashed is what is there."
    table = task.Table(("what", "#boxes", "that is"), tuple(rows))
    return task.Section("mistakes", "Mistakes", note, table, pictures)


def _sureness(each: Seen, one: Judged) -> float:
    if one.kind == MISSED:
        box = each.there[one.box]
        return float((box[2] - box[0]) * (box[3] - box[1]))
    return float(each.scores[one.box])


def _picture(kind: Detection, dataset: Dataset, each: Seen, one: Judged) -> tuple[str, Pixels]:
    """The neighbourhood of a mistake: what is there dashed, what is said drawn through."""
    missed = one.kind == MISSED
    box = (each.there if missed else each.boxes)[one.box]
    name = kind.classes[(each.true if missed else each.kinds)[one.box]]
    sure = "" if missed else f" {each.scores[one.box]:.0%}"
    beside = f", beside {kind.classes[each.true[one.there]]}, overlap {one.overlap:.2f}" if one.there >= 0 else ""
    margin = _AROUND * max(box[2] - box[0], box[3] - box[1]) / 2 + 4
    image, left, top, times = neighbourhood(each.image, box + margin * np.array([-1, -1, 1, 1]), _CROP)
    shift = np.array([left, top, left, top])
    there = each.there if missed or one.there < 0 else each.there[[one.there]]
    true = each.true if missed or one.there < 0 else [each.true[one.there]]
    if missed:
        there, true = there[[one.box]], [true[one.box]]
    picture = drawn(image, (there - shift) * times, [""] * len(true), true, dashed=True)
    if not missed:
        picture = drawn(picture, ((box - shift) * times)[None], [""], [each.kinds[one.box]])
    return f"{KINDS[one.kind]}: {name}{sure}{beside} ({called(dataset, each.number)})", picture
