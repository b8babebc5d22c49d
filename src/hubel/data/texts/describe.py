"""What a text holds, before anything is learnt from it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hubel.base.numbers import counted
from hubel.data.texts.load import STEPS, load
from hubel.data.texts.vocabulary import Vocabulary
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table

_ROWS = 20  # symbols in a table


@dataclass(frozen=True, repr=False)
class TextDescription(Finding):
    """What a text holds. parts: how many symbols each has. counts: how often each symbol comes in all, the most
    frequent first, by its number. notes: what was decided, and what to look at.
    """

    name: str
    vocabulary: Vocabulary
    parts: Mapping[str, int]
    counts: Mapping[int, int]
    notes: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {
            "name": self.name,
            "task": "language",
            "symbol": self.vocabulary.noun,
            "parts": dict(self.parts),
            "vocabulary": self.vocabulary.characters,
            "counts": {self.vocabulary.name(number): count for number, count in self.counts.items()},
            "notes": list(self.notes),
        }

    def shown(self) -> list[Part]:
        """How long it is, and its most frequent symbols."""
        noun, total = self.vocabulary.noun, sum(self.parts.values())
        parts = ", ".join(f"{count:,} {part}" for part, count in self.parts.items())
        first = f"{self.name}: a text of {total:,} {noun}s, {len(self.counts):,} different ones ({parts})"
        rows = [
            (self.vocabulary.name(number), f"{count:,}", f"{count / total:.2%}")
            for number, count in list(self.counts.items())[:_ROWS]
        ]
        left = len(self.counts) - _ROWS
        more = [f"and {left:,} more; --json lists all"] if left > 0 else []
        return [first, Table((noun, "#how often", "#share"), tuple(rows)), *more, *self.notes]


def describe(source: str | os.PathLike[str], **settings: Any) -> TextDescription:
    """Reads a text as `load` does, in windows of one symbol, so that any but an empty one is told."""
    found = load(source, **{**settings, "size": (1, 1)})
    counts, lengths = Counter[int](), dict[str, int]()
    for part, dataset in found.parts().items():
        symbols = [int(dataset.images.flat[0]), *dataset.targets.array.ravel().tolist()]
        counts.update(symbols)
        lengths[part] = len(symbols)
    own = found.train.targets
    vocabulary: Vocabulary = own.vocabulary  # type: ignore[attr-defined]
    name = os.path.basename(os.fspath(source).rstrip("/")) or os.fspath(source)
    short = [
        f"{part} has {counted(length, vocabulary.noun)}, and training needs at least {STEPS + 1}, one window and what "
        "follows it; a network with a shorter input takes shorter texts"
        for part, length in lengths.items()
        if length <= STEPS
    ]
    return TextDescription(name, vocabulary, lengths, dict(counts.most_common()), (*found.notes, *short))
