"""The symbols of a text: its characters in order, or the 256 bytes; and the numbers that a network knows them by."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.base.errors import DataError, SettingError
from hubel.base.words import printable

MOST_CHARACTERS = 4096  # different ones, above which bytes are taken by rule: more make a network of tables alone
Numbers = npt.NDArray[np.uint8] | npt.NDArray[np.int32]


@dataclass(frozen=True)
class Vocabulary:
    """What symbols there are. characters: each once, by code point; none where the symbols are bytes (of UTF-8)."""

    characters: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.characters, str) or list(self.characters) != sorted(set(self.characters)):
            raise SettingError("expected the characters of a vocabulary in order, each once")

    @classmethod
    def of(cls, text: str) -> Vocabulary:
        """The characters of a text."""
        return cls("".join(map(chr, np.unique(_points(text)).tolist())))

    @property
    def noun(self) -> str:
        """What a symbol is called."""
        return "character" if self.characters else "byte"

    def __len__(self) -> int:
        return len(self.characters) or 256

    @cached_property
    def _sorted(self) -> npt.NDArray[np.uint32]:
        return _points(self.characters)

    def numbers(self, text: str) -> Numbers:
        """The number of each symbol of a text: uint8, or int32 where there are more than 256. Raises DataError for
        characters that are not in the vocabulary.
        """
        found, known = self._looked_up(text)
        if not known.all():
            at = int(np.argmin(known))
            others = sorted({text[i] for i in np.flatnonzero(~known)[:10_000].tolist()})
            raise DataError(
                f"expected characters that the model knows, received {named_characters(others)} (the first at place "
                f"{at + 1:,}); it knows {named_characters(self.characters, 120)}"
            )
        return found

    def known(self, text: str) -> tuple[str, dict[str, int]]:
        """A text without the characters that are not in the vocabulary, and how often each of those stood there."""
        _, known = self._looked_up(text)
        if known.all():
            return text, {}
        points = _points(text)
        others, counts = np.unique(points[~known], return_counts=True)
        left = points[known].tobytes().decode("utf-32-le")
        return left, {chr(point): count for point, count in zip(others.tolist(), counts.tolist(), strict=True)}

    def _looked_up(self, text: str) -> tuple[Numbers, npt.NDArray[np.bool_]]:
        if not self.characters:
            found = np.frombuffer(text.encode("utf-8", "surrogatepass"), np.uint8)
            return found, np.ones(len(found), bool)
        points = _points(text)
        places = np.minimum(np.searchsorted(self._sorted, points), len(self) - 1)
        return places.astype(np.uint8 if len(self) <= 256 else np.int32), self._sorted[places] == points

    def decoded(self, numbers: Iterable[int]) -> Iterator[str]:
        """The text of numbers, as they come; of bytes, whole characters, and � for what is none."""
        if self.characters:
            yield from (self.characters[number] for number in numbers)
            return
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        yield from filter(None, (decoder.decode(bytes([number])) for number in numbers))
        if rest := decoder.decode(b"", final=True):
            yield rest

    def name(self, number: int) -> str:
        """One symbol, so that it can be seen."""
        return (
            seen(self.characters[number]) if self.characters else seen(chr(number)) if number < 128 else f"{number:#x}"
        )

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {"vocabulary": self.characters}


def _points(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def seen(character: str) -> str:
    """A character that can be seen: a blank as a dot, hidden ones as escapes."""
    return "·" if character == " " else printable(character)


def named_characters(characters: Iterable[str], most: int = 8) -> str:
    """Characters in a row, and the names of a few; … for more."""
    found = list(characters)
    if len(found) > 3:
        return f"{' '.join(map(seen, found[:most]))}{f' … ({len(found):,} in all)' if len(found) > most else ''}"
    return ", ".join(f"'{seen(each)}' ({unicodedata.name(each, f'U+{ord(each):04X}')})" for each in found)
