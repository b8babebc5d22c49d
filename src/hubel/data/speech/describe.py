"""What recordings hold, before anything is learnt from them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hubel.base.numbers import counted
from hubel.data import Dataset
from hubel.data.speech.load import load
from hubel.data.speech.targets import VOID, Spoken
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table

_ROWS = 20  # words in a table
_LEAST = 2  # recordings of a word, below which nothing of it is held out and little learnt


@dataclass(frozen=True)
class Said:
    """How much there is of something. recordings: how many; seconds: how long they are together."""

    recordings: int
    seconds: float


@dataclass(frozen=True, repr=False)
class SpeechDescription(Finding):
    """What recordings hold. rate: samples a second. parts: how much each has. words: how much each word of each kind
    that is told has ("label", "speaker"). notes: what was decided, and what to look at.
    """

    name: str
    rate: int
    parts: Mapping[str, Said]
    words: Mapping[str, Mapping[str, Said]]
    notes: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "name": self.name,
            "task": "speech",
            "rate": self.rate,
            "parts": {name: vars(each) for name, each in self.parts.items()},
            "words": {kind: {word: vars(each) for word, each in own.items()} for kind, own in self.words.items()},
            "notes": list(self.notes),
        }

    def shown(self) -> list[Part]:
        """How much there is in all, and of each word."""
        parts = ", ".join(f"{each.recordings:,} {part}" for part, each in self.parts.items())
        seconds = sum(each.seconds for each in self.parts.values())
        total = counted(sum(each.recordings for each in self.parts.values()), "recording")
        found: list[Part] = [f"{self.name}: {total}, {seconds:,.0f} s at {self.rate:,} samples a second ({parts})"]
        for kind, own in self.words.items():
            rows = [(word, f"{each.recordings:,}", f"{each.seconds:,.1f}") for word, each in list(own.items())[:_ROWS]]
            found.append(Table((kind, "#recordings", "#seconds"), tuple(rows)))
            if len(own) > _ROWS:
                found.append(f"and {len(own) - _ROWS:,} more; --json lists all")
        return [*found, *self.notes]


def describe(source: str | os.PathLike[str], **settings: Any) -> SpeechDescription:
    """Reads recordings as `load` does."""
    splits = load(source, **settings)
    parts = {name: _amounts(part) for name, part in splits.parts().items()}
    about = splits.train.targets
    assert isinstance(about, Spoken)
    words = {
        kind: {
            word: _together([amounts[column, number] for amounts in parts.values()])
            for number, word in enumerate(those)
        }
        for column, (kind, those) in enumerate(about.known.items())
    }
    few = [
        f"{kind} {word} has {counted(each.recordings, 'recording')}"
        for kind, own in words.items()
        for word, each in own.items()
        if each.recordings < _LEAST
    ]
    notes = (*splits.notes, *([f"little to learn from: {'; '.join(few[:5])}"] if few else []))
    name = os.path.basename(os.fspath(source).rstrip("/")) or os.fspath(source)
    whole = {
        part: _together([own[0, number] for number in range(len(next(iter(about.known.values()))))])
        for part, own in parts.items()
    }
    return SpeechDescription(name, about.rate, whole, words, notes)


def _amounts(part: Dataset) -> dict[tuple[int, int], Said]:
    """Of each word, by its kind's column and its number, how much a part has."""
    about = part.targets
    assert isinstance(about, Spoken)
    told = (about.values != VOID).sum(1) / about.rate
    # a recording's first window is the one whose first sample is wanted
    first = about.values[:, 0] != VOID
    return {
        (column, number): Said(int(first[own].sum()), float(told[own].sum()))
        for column, those in enumerate(about.known.values())
        for number in range(len(those))
        for own in [about.words[:, column] == number]
    }


def _together(amounts: list[Said]) -> Said:
    return Said(sum(each.recordings for each in amounts), float(np.sum([each.seconds for each in amounts])))
