"""What captions hold, before anything is learnt from them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hubel.base.numbers import counted
from hubel.base.words import printable
from hubel.data.captions.load import load
from hubel.data.captions.targets import Captions
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table

_ROWS = 10  # words, and sentences, in a table


@dataclass(frozen=True, repr=False)
class CaptionDescription(Finding):
    """What captions hold. parts: pictures and sentences of each. words: how often each known word stands in training;
    sentences: how many pictures have each, in all; both the most frequent first. notes: what was decided.
    """

    name: str
    parts: Mapping[str, tuple[int, int]]
    words: Mapping[str, int]
    sentences: Mapping[str, int]
    notes: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        parts = {name: {"pictures": pictures, "captions": many} for name, (pictures, many) in self.parts.items()}
        words, sentences = dict(self.words), dict(self.sentences)
        return {
            "name": self.name,
            "task": "caption",
            "parts": parts,
            "words": words,
            "sentences": sentences,
            "notes": list(self.notes),
        }

    def shown(self) -> list[Part]:
        """How much there is, the most frequent words and sentences."""
        parts = ", ".join(f"{pictures:,} {name}" for name, (pictures, _) in self.parts.items())
        pictures, many = (sum(each) for each in zip(*self.parts.values(), strict=True))
        found: list[Part] = [
            f"{self.name}: {counted(pictures, 'picture')} with {counted(many, 'caption')} ({parts}), "
            f"{len(self.sentences):,} different, {counted(len(self.words), 'word')} known"
        ]
        for head, counts in (("word", self.words), ("caption", self.sentences)):
            rows = [(printable(name)[:80], f"{count:,}") for name, count in list(counts.items())[:_ROWS]]
            found.append(Table((head, "#how often"), tuple(rows)))
            found += [f"and {len(counts) - _ROWS:,} more; --json lists all"] if len(counts) > _ROWS else []
        return [*found, *self.notes]


def describe(source: str | os.PathLike[str], **settings: Any) -> CaptionDescription:
    """Reads captions as `load` does."""
    splits = load(source, **settings)
    parts, sentences, words = dict[str, tuple[int, int]](), Counter[str](), Counter[str]()
    for name, part in splits.parts().items():
        about = part.targets
        assert isinstance(about, Captions)
        own = [about.sentences(row) for row in range(len(about))]
        parts[name] = len(part), sum(map(len, own))
        sentences.update(sentence for some in own for sentence in some)
        if name == "train":
            rows = about.values[:, 1:]
            words.update(word for row in rows[rows[..., 0] >= 0] for word in about.words.said(row.tolist()))
    name = os.path.basename(os.fspath(source).rstrip("/")) or os.fspath(source)
    return CaptionDescription(name, parts, dict(words.most_common()), dict(sentences.most_common()), splits.notes)
