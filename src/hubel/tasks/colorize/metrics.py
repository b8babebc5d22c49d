"""The figures of colours: how far off, how colourful, and how like real ones, beside grey and one colour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hubel.tasks.results import Measured, Table


@dataclass(frozen=True)
class Way:
    """Pictures that were coloured in one way. error: the mean distance from the true colour in the plane of a* and b*;
    colourfulness: the mean of Hasler's and Süsstrunk's; distance: Fréchet's, from the true pictures.
    """

    name: str
    error: float
    colourfulness: float
    distance: float


@dataclass(frozen=True, repr=False)
class Metrics(Measured):
    """How well a model colours. model, grey: its pictures, and the grey ones. mean: the error of the training set's
    mean colour everywhere. truth: the colourfulness of the true ones. loss: the weighed cross-entropy of squares of
    colours.
    """

    model: Way
    grey: Way
    mean: float
    truth: float
    loss: float
    images: int

    @property
    def figures(self) -> Mapping[str, float]:
        """The distance, the error, the colourfulness as a share of the truth's, and the loss."""
        share = self.model.colourfulness / self.truth if self.truth else float("nan")
        return {
            "ab_error": self.model.error,
            "colourfulness": share,
            "distance": self.model.distance,
            "loss": self.loss,
        }

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        ways = {
            way.name: {"ab_error": way.error, "colourfulness": way.colourfulness, "distance": way.distance}
            for way in (self.model, self.grey)
        }
        known = {"images": self.images, "mean_colour_ab_error": self.mean, "colourfulness_of_truth": self.truth}
        return {**self.figures, **known, "ways": ways}

    def sentence(self, of: str) -> str:
        """The error beside those of grey and of one colour, and how colourful the pictures are."""
        return (
            f"{self.model.error:.2f} off in a*b* on {of} (grey {self.grey.error:.2f}, the mean colour "
            f"{self.mean:.2f}); colourfulness {self.model.colourfulness:.1f} of the truth's {self.truth:.1f}; "
            f"{_distances(self.model.distance, self.grey.distance)}; loss {self.loss:.4f}"
        )

    def table(self, most: int) -> Table:
        """The model's pictures beside grey ones and those of one colour."""
        rows = tuple(
            (
                way.name,
                f"{way.error:.2f}",
                f"{way.colourfulness:.1f}",
                "–" if math.isnan(way.distance) else f"{way.distance:.3f}",
            )
            for way in (self.model, self.grey)
        )
        mean = ("the mean colour", f"{self.mean:.2f}", "·", "·")
        return Table(_TITLES, (*rows, mean, ("truth", "0.00", f"{self.truth:.1f}", "0.000")))


def _distances(own: float, grey: float) -> str:
    if math.isnan(own):
        return "no Fréchet distance, which takes two pictures at least"
    return f"Fréchet distance {own:.3f} (grey {grey:.3f})"


_TITLES = ("pictures", "#a*b* error", "#colourfulness", "#Fréchet distance")
