"""What tasks make of a network's scores, as data: for those who write it into other forms. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hubel.base.errors import SettingError
from hubel.tasks.names import told

VIEWS = "views"  # the setting of a task: how often an image is looked at
THRESHOLD = "threshold"  # the figure of a set that says from which probability objects are best shown
PRIOR = -4.0  # added to maps of marks (boxes, points), since nearly all places show none


@dataclass(frozen=True)
class BoxRules:
    """How scores N×(classes + 4)×H×W tell boxes: a logit a class, then the logarithms of how far left, top, right and
    bottom are, over the usual ones (`usual` of the task's settings, shares of the image).

    prior: is added to logits. farthest: of the logarithms, in either direction. overlap: intersection over union from
    which two boxes of a class are of one object. least: probability below which a place is passed over. shown: from
    which an object is shown, where nothing else is said. around: of a box's sides, how far from its peak eight other
    places are, in whole places, whose boxes are averaged with the peak's; how much all nine overlap with that is what
    the peak's probability is multiplied by, the eight at least one place away for this, as far as that is less than
    `middle` of the sides. most, usual: names of settings of the task.
    """

    prior: float
    farthest: float
    overlap: float
    least: float
    shown: float
    around: float
    middle: float
    most: str = "most"
    usual: str = "usual"


@dataclass(frozen=True)
class PointRules:
    """How scores N×C×H×W tell points: of each a logit and how far it is (x, y, in `reach` cells), and where the task's
    settings say `several`, a logit of an individual's middle and how far its points are from there, in `far` cells.

    prior: is added to logits. votes: so many cells around the surest are weighed together. near: of an individual's
    size, the deviation of its points from where its middle says; where nothing so weighed reaches `least`, that stays.
    shown: probability from which a point, or of several an individual, is shown, where nothing else is said.
    """

    prior: float
    reach: float
    far: float
    votes: int
    near: float
    least: float
    shown: float


@dataclass(frozen=True)
class ColourRules:
    """How scores N×squares×H×W tell colours, once `prior` of the task's settings is added: the mean of squares' middles
    (`middles` of the settings, a* and b* each) by a softmax of that over `temperature`.
    """

    temperature: float
    middles: str = "middles"
    prior: str = "prior"


@dataclass(frozen=True)
class Decoding:
    """What comes out, by its name, of scores N×C×… before a closing softmax or sigmoid.

    function: of the scores, a softmax over classes. scale, shift: settings of the task, a number an output, that the
    outcome is multiplied by and that are added. likeliest: the name of a second output, the likeliest class of each
    place, where there is one. boxes, points, colours: how scores are such, where they are. carries: whether layers go
    on with what they remembered, which is given and given back besides. names: whether the outcome is probabilities of
    classes, of which an answer tells the likeliest (`answer.Named`). enough: of probabilities of labels, from which on
    an image has one.
    writes: whether each step's scores come of the likeliest word of the step before, which is told as `likeliest`: of
    two words as likely as each other, all that follows hangs on which is taken. makes: whether a vector of noise is
    taken and the scores are a picture, as the preparation would scale it.
    """

    output: str = "scores"
    function: Literal["linear", "softmax", "sigmoid"] = "linear"
    scale: str = ""
    shift: str = ""
    likeliest: str = ""
    carries: bool = False
    writes: bool = False
    names: bool = False
    enough: float = 0.0
    makes: bool = False
    boxes: BoxRules | None = None
    points: PointRules | None = None
    colours: ColourRules | None = None

    @property
    def says_where(self) -> bool:
        """Whether an answer is what is where, of which no number is the likeliest few."""
        marks = self.boxes or self.points or self.colours
        return marks is not None or bool(self.likeliest and not self.writes)

    @property
    def lists(self) -> bool:
        """Whether the outcome is a number a class that an answer tells as it is: of labels, or measured."""
        return bool(self.enough or self.scale)

    @property
    def sees_none(self) -> bool:
        """Whether no picture is what goes in: numbers that can be drawn are."""
        return self.carries or self.makes


@dataclass(frozen=True)
class Exchange:
    """What of the outputs of an image that is mirrored left to right tells what of the image as it is: each output is
    what the one at its place in `order` says, times its sign. Both empty where that is its own.
    """

    order: tuple[int, ...] = ()
    signs: tuple[int, ...] = ()


def exchange_of(task: str, classes: Sequence[str], settings: Mapping[str, Any]) -> Exchange | None:
    """The exchange of a model's outputs where it looks at images twice (`views` of the task's settings); else None."""
    if settings.get(VIEWS, 1) == 1:
        return None
    decoding, number = decoding_of(task), len(classes)
    if decoding.boxes is not None:  # left and right
        return Exchange((*range(number), number + 2, number + 1, number, number + 3), (1,) * (number + 4))
    if decoding.points is None:
        return Exchange()
    other = list(range(number))
    if "pairs" not in settings:
        raise SettingError("expected views 1 of a model of an older version, which did not say what is left and right")
    for left, right in settings["pairs"]:
        other[left], other[right] = right, left

    def places(first: int) -> list[int]:  # of how far points are, across and down
        return [first + 2 * point + axis for point in other for axis in (0, 1)]

    order, signs = [*other, *places(number)], [1] * number + [-1, 1] * number
    if settings["several"]:
        order, signs = [*order, 3 * number, *places(3 * number + 1)], [*signs, 1, *[-1, 1] * number]
    return Exchange(tuple(order), tuple(signs))


def views_of(settings: Mapping[str, Any]) -> int:
    """How often a model with these settings of its task looks at an image. Raises SettingError for no such number."""
    views = settings.get(VIEWS, 1)
    if views not in (1, 2) or isinstance(views, bool):
        raise SettingError(f"expected views 1 or 2, received {views!r:.60}")
    return int(views)


def shown_from(rules: BoxRules | PointRules, summary: Mapping[str, Any]) -> float:
    """The probability from which a model's objects or points are shown: what was best on its validation images, where
    its summary knows that.
    """
    measured = summary.get("validation")
    found = measured.get(THRESHOLD) if isinstance(measured, Mapping) else None
    return float(found) if isinstance(found, (int, float)) and 0 <= found <= 1 else rules.shown


def told_most(task: str, top: int | None) -> int:
    """How many classes or sentences an answer tells: three where nobody says. Raises SettingError where they are not
    counted.
    """
    decoding = decoding_of(task)
    if top is not None and (decoding.says_where or decoding.output == "numbers"):
        raise SettingError(f"top: counts classes or sentences, the likeliest first, which answers of {task} are not")
    return top or 3


def decoding_of(task: str) -> Decoding:
    """Return what a task of that name makes of scores; the scores themselves where it does not say."""
    found: Decoding = told(task, "decoding", Decoding())
    return found
