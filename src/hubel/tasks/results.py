"""What tasks tell: figures by name, what a set measures, parts of a report."""

from __future__ import annotations

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from hubel.view.words import tables
from hubel.view.words.result import Part, Result

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hubel.tasks.task import Task
    from hubel.view.figures.figure import Figure as Drawing
    from hubel.view.figures.scene import Scene


@dataclass(frozen=True)
class Figure:
    """A number that says how well a model does.

    name: in files and JSON ("accuracy"). title: in words ("mean IoU"). kind: a "share" from 0 to 1, printed in per
    cent, or a "number". best: which end is good.
    """

    name: str
    title: str
    kind: Literal["share", "number"] = "share"
    best: Literal["highest", "lowest"] = "highest"

    def text(self, value: float, digits: int = 2) -> str:
        """The value as one reads it: "97.50%", "0.0312"; of what is not known, "–"."""
        if math.isnan(value):
            return "–"
        if self.kind == "share":
            return f"{value:.{digits}%}"
        return f"{value:.{digits + 2}f}" if not 0 < abs(value) < 0.001 else f"{value:.{digits + 1}g}"

    def better(self, value: float, other: float) -> bool:
        """Whether a value is better than another. NaN is never."""
        return value > other if self.best == "highest" else value < other


LOSS = Figure("loss", "loss", "number", "lowest")


@dataclass(frozen=True)
class Table:
    """Words and numbers in rows; a title that begins with # is of numbers, which stand at the right. note: what is left
    out. colours: of the rows, where they are shown in some.
    """

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    colours: tuple[tuple[int, int, int], ...] = ()


def examples_of(task: Any, fit: str | None) -> tuple[str, str]:
    """What a task's data set is made of, one and many, where images were brought to their size so: sounds by "time"."""
    one, many = task.example
    return ("sound", "sounds") if fit == "time" and one == "image" else (one, many)


@dataclass(frozen=True)
class Section:
    """A part of a report, as plain data: a table, a drawing, pictures (uint8 H×W×3) with what they show, and texts with
    what they are.
    """

    name: str
    title: str
    note: str = ""
    table: Table | None = None
    pictures: Sequence[tuple[str, npt.NDArray[np.uint8]]] = ()
    texts: Sequence[tuple[str, str]] = ()
    drawing: Scene | None = None


class Measured(Result, abc.ABC):
    """How well a model does on a set: all that a task can tell of it."""

    def shown(self) -> list[Part]:
        """The main number, and a table of the parts."""
        found = self.table(20)
        notes = [found.note] if found.note else []
        return [self.sentence("the images"), tables.Table(found.titles, found.rows), *notes]

    @property
    @abc.abstractmethod
    def figures(self) -> Mapping[str, float]:
        """The named numbers, of the task's `figures`."""

    @abc.abstractmethod
    def data(self) -> dict[str, Any]:
        """All of it as plain values."""

    @abc.abstractmethod
    def sentence(self, of: str) -> str:
        """The main number and what it is of, in a line that begins with it."""

    def drawing(self) -> Drawing | None:
        """The figures drawn; of most tasks none."""
        return None

    @abc.abstractmethod
    def table(self, most: int) -> Table:
        """The parts that the figures are made of, such as classes: at most so many, the worst where there are more."""


@dataclass(frozen=True)
class Baseline:
    """What needs no network, measured in the same way: a model that has learnt something is better. name: in JSON.
    title: of its column. values: by name, of the task's `figures`. more: what else is told of it.
    """

    name: str
    title: str
    values: Mapping[str, float]
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Numbers(Measured):
    """Figures and no more. values: by name, of the task's `figures`."""

    task: Task
    values: Mapping[str, float]

    @property
    def figures(self) -> Mapping[str, float]:
        """The named numbers."""
        return self.values

    def baseline(self) -> Baseline | None:
        """What the figures are to be compared with; of most tasks nothing."""
        return None

    def data(self) -> dict[str, Any]:
        """The named numbers, and those beside them."""
        base = self.baseline()
        return {**self.values, **({} if base is None else {base.name: {**base.more, **base.values}})}

    def sentence(self, of: str) -> str:
        """The task's primary figure."""
        return self.task.headline(self.values, of)

    def table(self, most: int) -> Table:
        """A row a figure."""
        columns, titles, base = [self.values], ["figure", "#value"], self.baseline()
        if base is not None:
            columns, titles = [*columns, base.values], [*titles, f"#{base.title}"]
        known = (self.task.figure(name) for name, value in self.values.items() if not math.isnan(value))
        rows = ((each.title, *(each.text(of.get(each.name, math.nan)) for of in columns)) for each in known)
        return Table(tuple(titles), tuple(rows))


def share(part: int, whole: int) -> float | None:
    """How much of the whole a part is, 0 to 1; None of nothing."""
    return float(part) / float(whole) if whole else None


def percent(share: float | None) -> str:
    """A share as it is shown; a dot where there is nothing to divide by."""
    return "·" if share is None else f"{share:.2%}"
