"""What the zoo knows of a network besides its tree, and the decorator that writes it down."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hubel.arch import Network

_Builder = TypeVar("_Builder", bound=Callable[..., Network])


@dataclass(frozen=True)
class Paper:
    """The publication a network comes from. `year` is that of its first public version."""

    authors: str
    title: str
    year: int
    venue: str

    @property
    def citation(self) -> str:
        """The paper as one names it in a sentence: "He et al. 2015"."""
        surnames = [" ".join(w for w in author.split() if not w.endswith(".")) for author in self.authors.split(", ")]
        people = f"{surnames[0]} et al." if len(surnames) > 2 else " & ".join(surnames)
        return f"{people} {self.year}"

    def __str__(self) -> str:
        return f"{self.authors}: {self.title}. {self.venue} ({self.year})"


@dataclass(frozen=True)
class Figure:
    """A figure that somebody published about a network: what, how much, and where it stands."""

    what: str
    value: str
    source: str


@dataclass(frozen=True)
class Entry:
    """A network of the zoo: its builder and what is known about it.

    Attributes:
        name: what `zoo.get` is asked for.
        summary: one line on what is new in it.
        paper: where it comes from.
        figures: the figures of the paper (and, where named, of others).
        notes: where the tree here and the well-known ports differ from the paper or from one another.
        build: the function that makes the tree; its keyword arguments are the network's options.
    """

    name: str
    summary: str
    paper: Paper
    figures: tuple[Figure, ...]
    notes: tuple[str, ...]
    build: Callable[..., Network]

    @property
    def options(self) -> dict[str, object]:
        """The options of the network and their defaults, in order."""
        parameters = inspect.signature(self.build).parameters.values()
        return {parameter.name: parameter.default for parameter in parameters}


registered: dict[str, Entry] = {}


def network(
    paper: Paper, summary: str, figures: tuple[Figure, ...] = (), notes: tuple[str, ...] = ()
) -> Callable[[_Builder], _Builder]:
    """Enter the decorated builder in the zoo under its own name."""

    def register(builder: _Builder) -> _Builder:
        name = builder.__name__
        registered[name] = Entry(name, summary, paper, figures, notes, builder)
        return builder

    return register
