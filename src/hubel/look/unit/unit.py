"""One number at one place of one layer: what of the image it sees, and the numbers that fed it, layer by layer.

>>> from hubel.look.unit import unit
>>> found = unit(model, sample(model, "digit.png"), "conv2", at=(3, 5), channel=7)  # doctest: +SKIP
>>> print(found)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from hubel.arch import Pair, Row
from hubel.base.errors import SettingError
from hubel.look.access.captions import pick
from hubel.look.access.models import of_any_model
from hubel.look.access.record import record
from hubel.look.access.sample import Sample, of_length, samples
from hubel.look.unit.step import Arithmetic, Finish, Place, Term, UnitStep
from hubel.look.unit.trace import ARITHMETIC, Tracer
from hubel.look.unit.wiring import INPUT, wiring
from hubel.tasks import LoadedModel
from hubel.view.words.finding import Drawn

MOST_STEPS = 400


@dataclass(frozen=True, eq=False)
class Visit:
    """A number on the way down: its arithmetic, how far below the first it stands, and which term it is of the one
    above it (None for the first).
    """

    step: UnitStep
    depth: int
    term: Term | None = None


@dataclass(frozen=True, eq=False)
class Unit(Drawn):
    """One number of a network's run, and the way down from it to the pixels.

    visits: the number itself, then its strongest contributors, each followed by its own.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.unit:unit_figure"

    name: str
    sample: Sample = field(repr=False)
    row: Row = field(repr=False)
    visits: tuple[Visit, ...] = field(repr=False)
    tracer: Tracer = field(repr=False)

    @property
    def step(self) -> UnitStep:
        """The arithmetic of the number itself."""
        return self.visits[0].step

    @property
    def place(self) -> Place:
        """Where it stands in its layer: (row, column, channel), or (number,)."""
        return self.step.place

    @property
    def value(self) -> float:
        """The number, as its own arithmetic gives it."""
        return self.step.value

    @property
    def field(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """((first row, last row), (first column, last column)) of the picture that it sees, clipped to the picture."""
        found = self.step.field
        limits = self.sample.picture.shape[:2]
        spans = found if found is not None else ((0, limits[0] - 1), (0, limits[1] - 1))
        (top, bottom), (left, right) = (
            (max(first, 0), min(last, limit - 1)) for (first, last), limit in zip(spans, limits, strict=True)
        )
        return (top, bottom), (left, right)

    def lines(self, width: int = 160, most: int = 6) -> Iterator[str]:
        """Give the whole way down in words, of each layer at most so many of the numbers that came in."""
        from hubel.look.unit.text import unit_lines

        return unit_lines(self, most)

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def data(self, most: int | None = None) -> dict[str, Any]:
        """Return everything as JSON-able data: every product and running sum, or the `most` strongest."""
        from hubel.look.unit.text import unit_data

        return unit_data(self, most)


@of_any_model
def unit(
    model: LoadedModel,
    sample: Any,
    layer: str | None = None,
    at: Pair | tuple[int] | None = None,
    channel: int | None = None,
    expand: int = 1,
) -> Unit:
    """Return one number of a layer's output for an image or a text (see `samples`), and the way down from it.

    `layer` is the last one where none is named. `at` is (row, column), of a sequence (step,), and `channel` the channel
    (of a vector, the number's place); what is not given is chosen so that the number is the largest. At each layer the
    `expand` strongest of the numbers that came in are followed down; 400 numbers are followed at most.

    Raises `KeyError`, with the nearest, for a layer that is not there, and `ValueError` for a place outside of it.
    """
    sample = samples(model, sample)[0]
    model = of_length(model, sample)
    found = record(model, sample.input)
    tracer = Tracer(model, sample, found)
    rows = {row.path: row for row in found.rows}
    path = layer if layer is not None else found.rows[-1].path
    if path not in rows:
        path = _nearest(model, path, rows)
    place = _place(tracer.output(path), path, at, channel)
    visits: list[Visit] = []
    _follow(tracer, path, place, 0, None, expand, visits)
    return Unit(model.network.title, sample, rows[path], tuple(visits), tracer)


def _nearest(model: LoadedModel, path: str, rows: dict[str, Row]) -> str:
    """Return the last layer of a part of the network; raise `KeyError` where there is no such part."""
    from hubel.arch import analyse

    inside = [row.path for row in analyse(model.network).find(path) if row.path in rows]
    if not inside:
        raise SettingError(f"expected a layer that runs when the network predicts, received {path!r}, a side exit")
    return inside[-1]


def _place(output: Any, path: str, at: Pair | tuple[int] | None, channel: int | None) -> Place:
    """Check a place, and choose what of it is left open so that the number is the largest."""
    if output.ndim == 1:
        if at is not None:
            raise SettingError(f"expected a channel alone, for {path} gives a vector, received the place {at}")
        return (int(output.argmax()) if channel is None else pick(f"number of {path}", channel, len(output)),)
    if output.ndim == 2:  # a sequence is a picture of one column
        if at is not None:
            pick(f"step of {path}", at[0], output.shape[1])
        step, _, number = _place(output[:, :, np.newaxis], path, at and (at[0], 0), channel)
        return step, number
    if at is not None and len(at) < 2:
        raise SettingError(f"expected a row and a column, such as {at[0]},0, since {path} gives pictures")
    kept = np.ones(output.shape, bool)
    if channel is not None:
        kept &= np.arange(output.shape[0])[:, None, None] == pick(f"channel of {path}", channel, output.shape[0])
    if at is not None:
        pick(f"row of {path}", at[0], output.shape[1])
        pick(f"column of {path}", at[1], output.shape[2])
        kept[:, np.arange(output.shape[1]) != at[0]] = False
        kept[:, :, np.arange(output.shape[2]) != at[1]] = False
    found = np.where(kept, output, -np.inf).argmax()
    deep, row, column = np.unravel_index(found, output.shape)
    return int(row), int(column), int(deep)


def _follow(
    tracer: Tracer, path: str, place: Place, depth: int, term: Term | None, expand: int, visits: list[Visit]
) -> None:
    """Visit a number, and from it the strongest of those that fed it."""
    if len(visits) >= MOST_STEPS:
        return
    step = tracer.step(path, place)
    visits.append(Visit(step, depth, term))
    if path == INPUT:
        return
    for number in step.strongest(expand):
        below = step.term(number)
        _follow(tracer, below.source, below.place, depth + 1, below, expand, visits)


__all__ = ["ARITHMETIC", "Arithmetic", "Finish", "Place", "Term", "Unit", "UnitStep", "Visit", "unit", "wiring"]
