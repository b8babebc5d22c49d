"""What a run found out by measuring on the way: which mirrorings its images bear, whether a second view pays, and
whether its model is too sure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hubel.base.errors import SettingError
from hubel.base.plain import as_number, as_whole
from hubel.data import Augmentation
from hubel.tasks import Figure

WAYS = {"updown": "top to bottom", "flip": "left to right"}


@dataclasses.dataclass(frozen=True)
class Mirrored:
    """What came of mirroring in one way. how: as `Augmentation` calls it. step: after which it was tried. figure: which
    one decided, of images `as_they_are` and `mirrored`. taken: whether training mirrors so from then on.
    """

    how: str
    step: int
    figure: str
    as_they_are: float
    mirrored: float
    taken: bool

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Mirrored:
        """As a checkpoint has it. Raises `MISREAD` for what is none."""
        if told["how"] not in WAYS or not isinstance(told["taken"], bool):
            raise SettingError(f"expected a way to mirror, received {told['how']!r}")
        figures = as_number(told["as_they_are"]), as_number(told["mirrored"])
        return cls(told["how"], as_whole(told["step"]), str(told["figure"]), *figures, told["taken"])

    def sentence(self, figure: Figure) -> str:
        """What was found and what follows, in a line."""
        mirrored, plain = (figure.text(each) for each in (self.mirrored, self.as_they_are))
        then = "training mirrors so from here on (--set mirrors=said does not)" if self.taken else "not mirrored so"
        return f"{figure.title} {mirrored} on validation images mirrored {WAYS[self.how]}, {plain} as they are: {then}"


def with_mirrors(augmentation: Augmentation, found: tuple[Mirrored, ...] | None) -> Augmentation:
    """An augmentation that mirrors in the ways that were found to be borne, too."""
    return dataclasses.replace(augmentation, **{each.how: True for each in found or () if each.taken})


@dataclasses.dataclass(frozen=True)
class Looked:
    """What looking twice gains. figure: which one decided, of answers from `one` and from `two` views. taken: whether
    the model looks twice.
    """

    figure: str
    one: float
    two: float
    taken: bool

    def sentence(self, figure: Figure) -> str:
        """What was found and what follows, in a line."""
        one, two = (figure.text(each) for each in (self.one, self.two))
        found = f"{figure.title} {two} where each image is seen as it is and mirrored, {one} where once"
        if not self.taken:
            return f"{found}: the model looks once"
        once = "--views 1 where it predicts, or --set views=1 in training, has it look once"
        return f"{found}: the model looks twice, in twice the time ({once})"


@dataclasses.dataclass(frozen=True)
class Tempered:
    """What dividing a model's scores brings (temperature scaling: Guo et al. 2017). temperature: by which they are.
    share: of the validation part, by which it was found. figure: which one, of scores `as_they_are` and `divided`.
    """

    temperature: float
    share: float
    figure: str
    as_they_are: float
    divided: float

    def sentence(self, figure: Figure) -> str:
        """What was found and what follows, in a line."""
        plain, divided = (figure.text(each) for each in (self.as_they_are, self.divided))
        return (
            f"{figure.title} {divided} where scores are divided by {self.temperature:.3g}, {plain} as they are: it was "
            f"too sure, as the first {self.share:.0%} of the validation part tell, and its last layer's weights are "
            "divided so"
        )


def sentences(settings: Mapping[str, Any], figure: Figure) -> list[str]:
    """All that a run's settings say of this, in sentences. figure: the task's first one."""
    told = [Mirrored.of(each).sentence(figure) for each in settings.get("mirrors", ())]
    told += [Looked(**settings["views"]).sentence(figure)] if "views" in settings else []
    return [*told, Tempered(**settings["tempered"]).sentence(figure)] if "tempered" in settings else told
