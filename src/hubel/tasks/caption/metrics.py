"""How like people's sentences are: BLEU-4 (Papineni et al. 2002) and CIDEr-D (Vedantam et al. 2015)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeAlias

Sentence: TypeAlias = Sequence[Hashable]
_LONGEST = 4  # words of an n-gram
_SIGMA = 6.0  # words of difference in length, the deviation at which CIDEr-D forgives less
_Grams: TypeAlias = list[Counter[tuple[Hashable, ...]]]


def _grams(sentence: Sentence) -> _Grams:
    """How often each n-gram stands in a sentence, for n from 1 to 4."""
    words = tuple(sentence)
    return [Counter(words[i : i + n] for i in range(len(words) - n + 1)) for n in range(1, _LONGEST + 1)]


def bleu(said: Sequence[Sentence], wanted: Sequence[Sequence[Sentence]]) -> float:
    """BLEU-4 of a set, 0 to 1: the geometric mean of the shares of n-grams that one of a picture's sentences has, times
    what is taken off where too little is said. Without smoothing: 0 where no n-gram of a length is right.
    """
    right, there = [0] * _LONGEST, [0] * _LONGEST
    long = nearest = 0
    for sentence, others in zip(said, wanted, strict=True):
        long += len(sentence)
        nearest += min((abs(len(other) - len(sentence)), len(other)) for other in others)[1]
        known = [_grams(other) for other in others]
        for place, grams in enumerate(_grams(sentence)):
            most: Counter[tuple[Hashable, ...]] = Counter()
            for each in known:
                most |= each[place]
            right[place] += (grams & most).total()
            there[place] += grams.total()
    if not all(right):
        return 0.0
    mean = sum(math.log(one / of) for one, of in zip(right, there, strict=True)) / _LONGEST
    return math.exp(mean + min(0.0, 1 - nearest / long))


def cider(said: Sequence[Sentence], wanted: Sequence[Sequence[Sentence]]) -> list[float]:
    """CIDEr-D of each picture, 0 to 10: how like the n-grams are, each weighed by how few pictures' sentences have it.
    Their mean is the set's; of one picture alone all weights are 0, and so is it.
    """
    known = [[_grams(other) for other in others] for others in wanted]
    pictures = Counter(gram for grams in known for gram in {g for each in grams for counts in each for g in counts})
    whole = math.log(max(1, len(wanted)))

    def weighed(grams: _Grams) -> list[dict[tuple[Hashable, ...], float]]:
        return [{g: n * (whole - math.log(max(1, pictures[g]))) for g, n in each.items()} for each in grams]

    found = []
    for sentence, others in zip(said, known, strict=True):
        own, likeness = weighed(_grams(sentence)), 0.0
        for other in others:
            theirs, off = weighed(other), max(0, len(sentence) - 1) - other[1].total()
            like = sum(_like(a, b) for a, b in zip(own, theirs, strict=True)) / _LONGEST
            likeness += like * math.exp(-(off**2) / (2 * _SIGMA**2))
        found.append(10 * likeness / max(1, len(others)))
    return found


def _like(said: dict[tuple[Hashable, ...], float], wanted: dict[tuple[Hashable, ...], float]) -> float:
    """The cosine of two weighed sets of n-grams, where more of one than is wanted counts as much as is wanted."""
    both = sum(min(weight, wanted[gram]) * wanted[gram] for gram, weight in said.items() if gram in wanted)
    sizes = math.hypot(*said.values()) * math.hypot(*wanted.values())
    return both / sizes if sizes else 0.0
