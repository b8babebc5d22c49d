"""Sentences as words and back: how they are cut, and the numbers that a network knows words by."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from hubel.base.errors import SettingError

END, UNKNOWN, FIRST = 0, 1, 2  # numbers: after the last word; for words that are not known; of the first known word
MOST = 10_000  # words of a vocabulary
LONGEST = 40  # letters of a word, above which it is not known
RULE = (
    "sentences are cut into words of letters and digits in lower case, without signs; of scripts that write no blanks "
    "(Chinese, Japanese, Thai and the like) each character is a word"
)
# scripts that write no blanks: Thai, Lao, Burmese, Khmer; kana; Han and what belongs to it
_CLOSE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARK = "\u0300-\u036f\u0900-\u0dff\u0610-\u061a\u064b-\u065f\u0591-\u05c7\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
_WORD = re.compile(rf"[{_CLOSE}][{_MARK}]*|(?:(?![{_CLOSE}])[^\W_]|[{_MARK}])+(?:['’\-](?:(?![{_CLOSE}])[^\W_])+)*")
_IS_CLOSE = re.compile(rf"[{_CLOSE}]")


def words_of(sentence: str) -> list[str]:
    """The words of a sentence."""
    return _WORD.findall(unicodedata.normalize("NFC", sentence).casefold())


def sentence_of(words: Iterable[str]) -> str:
    """Words as one sentence: blanks between them, but for scripts without."""
    found = ""
    for word in words:
        close = found and _IS_CLOSE.match(word) and _IS_CLOSE.search(found[-2:])
        found += word if close or not found else f" {word}"
    return found


@dataclass(frozen=True)
class Words:
    """Which words there are, in order, each once; numbers begin at 2, since 0 ends a sentence and 1 is unknown."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.words)) != len(self.words) or not all(isinstance(each, str) and each for each in self.words):
            raise SettingError("expected the words of a vocabulary, each once")

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], least: int) -> Words:
        """The words that these have at least so often, the most frequent first; at most 10,000, of 40 letters."""
        counts = Counter(word for words in sentences for word in words if len(word) <= LONGEST)
        often = sorted((-count, word) for word, count in counts.items() if count >= least)
        return cls(tuple(word for _, word in often[:MOST]))

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: FIRST + place for place, word in enumerate(self.words)}

    def __len__(self) -> int:
        """How many numbers there are, with those for the end and for the unknown."""
        return FIRST + len(self.words)

    def numbers(self, words: Iterable[str]) -> list[int]:
        """Each word's number."""
        return [self._numbers.get(word, UNKNOWN) for word in words]

    def sentence(self, numbers: Iterable[int]) -> str:
        """What numbers say, up to the end."""
        return sentence_of(self.said(numbers))

    def said(self, numbers: Iterable[int]) -> list[str]:
        """The words up to the end; what is unknown as "?"."""
        found = []
        for number in numbers:
            if number <= END:
                break
            found.append("?" if number == UNKNOWN else self.words[number - FIRST])
        return found


def least_of(sentences: int) -> int:
    """How often a word stands in so many sentences of training before it is learnt: once in fewer than 1,000, five
    times from 50,000 (as in Show and Tell), between them twice.
    """
    return 1 if sentences < 1_000 else 2 if sentences < 50_000 else 5
