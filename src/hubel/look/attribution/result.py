"""What an attribution finds: maps of numbers, and what they mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from hubel.base.numbers import short_text
from hubel.look.access.sample import Sample
from hubel.view.words.finding import Drawn

if TYPE_CHECKING:
    from rich.console import RenderableType

Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Map:
    """Where the network looked for one class in one image.

    image, class_name, index: which. predicted: whether that class is the likeliest. probability, score: the class's
    softmax and logit; of a number, NaN and the output. told: what is said of it, in words. number: where it is
    one, in its own unit. signed: rows × columns, above zero what speaks for the class; magnitude: the same without
    signs, as each method's paper draws it. facts: what a method measured (steps, error …). notes: what to know, such
    as why the map is blank.
    """

    image: str
    class_name: str
    index: int
    predicted: bool
    probability: float
    score: float
    signed: Numbers = field(repr=False)
    magnitude: Numbers = field(repr=False)
    facts: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    told: str = ""
    number: float | None = None

    def as_json(self, values: bool = False) -> dict[str, Any]:
        """Return plain values; with `values`, the numbers of the map too (None where one is not finite)."""
        finite = self.signed[np.isfinite(self.signed)]
        found: dict[str, Any] = {
            "image": self.image,
            "class": self.class_name,
            "index": self.index,
            "predicted": self.predicted,
            "probability": _plain(self.probability),
            "logit": _plain(self.score),
            **({} if self.number is None else {"number": _plain(self.number)}),
            "rows": self.signed.shape[0],
            "columns": self.signed.shape[1],
            "lowest": float(finite.min()) if finite.size else None,
            "highest": float(finite.max()) if finite.size else None,
            "facts": {name: _plain(value) for name, value in self.facts.items()},
            "notes": list(self.notes),
        }
        if values:
            found["signed"] = [[v if np.isfinite(v) else None for v in row] for row in self.signed.tolist()]
        return found


@dataclass(frozen=True, eq=False)
class Attributions(Drawn):
    """The maps of one method for some images: `maps[i]` are those of `images[i]`, one a class.

    method, about: its name, and in a sentence what its numbers mean. network: the model's name. layer: whose maps were
    weighed, where the method has one. signed: whether signs are drawn where nobody says; share: of the numbers that a
    colour bar covers, since a few extreme pixels would leave the others dark. said: of a model that writes, its
    sentence about each image, whose words the maps are of.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.attribution:figure"

    method: str
    about: str
    network: str
    images: tuple[Sample, ...] = field(repr=False)
    maps: tuple[tuple[Map, ...], ...]
    layer: str | None = None
    signed: bool = False
    share: float = 1.0
    score: str = "logit"
    said: tuple[str, ...] = ()

    def lines(self, width: int = 160) -> Iterator[RenderableType]:
        """What the numbers mean, and a line a map: its class, probability, logit and extremes."""
        from hubel.view.words.terminal import styled, table

        rows = []
        for each in [each for of_image in self.maps for each in of_image]:
            finite = [value for value in each.signed.ravel().tolist() if value == value]
            cells = (
                each.told,
                f"{self.score} {short_text(each.score)}",
                f"{short_text(min(finite))} … {short_text(max(finite))}" if finite else "no numbers",
                "  ".join(f"{name} {value:.4g}" for name, value in each.facts.items()),
            )
            rows.append((each.image, styled("[bold]{}[/]", each.class_name), *cells))
        yield f"{self.method}: {self.about}"
        yield from (f"{image.name}: {sentence}" for image, sentence in zip(self.images, self.said, strict=False))
        yield table(rows=rows, gap=3)

    def data(self, values: bool = False) -> dict[str, Any]:
        """Return plain values, the maps one after another; with `values` their numbers too."""
        maps = [found.as_json(values) for of_image in self.maps for found in of_image]
        said = {"said": [*self.said]} if self.said else {}
        return {"method": self.method, "about": self.about, "layer": self.layer, **said, "maps": maps}

    as_json = data


def _plain(value: float) -> float | None:
    """JSON has no number that is none."""
    return round(value, 6) if np.isfinite(value) else None
