"""The words that a network writes of one picture, as what it can be asked about: where it looked for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.nn import NetworkModule
from hubel.nn.modules import teaching
from hubel.tasks.classification.task import Classification
from hubel.tasks.model import LoadedModel


@dataclass(frozen=True)
class SentenceWords(Classification):
    """The task of saying one sentence's words, each given the picture and those before it; its classes are they.
    lexicon: all words that the model has.
    """

    sentence: str = ""
    lexicon: tuple[str, ...] = ()
    name: ClassVar[str] = "caption"
    noun: ClassVar[tuple[str, str]] = ("word", "words")
    score: ClassVar[str] = "log-odds"

    def outcome(self, scores: Tensor) -> Tensor:
        """The probability of each word."""
        return scores.sigmoid()

    def foremost(self, scores: Tensor, most: int) -> list[list[int]]:
        """The sentence's words, in its order."""
        return [[*range(most)]] * len(scores)

    def said(self, outcome: Tensor) -> Tensor:
        """All of them."""
        return torch.ones_like(outcome, dtype=torch.bool)


def asked_about(
    model: LoadedModel, sentence: str, numbers: Sequence[int], words: Sequence[str], known: tuple[str, ...]
) -> LoadedModel:
    """The model asked about a sentence of these words, of all that it has, by their numbers: its scores are N×words of
    it.

    Raises SettingError where there is no word.
    """
    if not numbers:
        raise SettingError("the model says no word of this picture, so that there is none to ask about")
    before = Counter[str]()
    called = []
    for word in words:
        before[word] += 1
        called.append(word if before[word] == 1 else f"{word} ({before[word]})")
    return replace(
        model, module=_Spelling(model.module, numbers).eval(), task=SentenceWords(tuple(called), sentence, known)
    )


class _Spelling(NetworkModule):
    """A network that writes, given the words of one sentence."""

    def __init__(self, module: Any, numbers: Sequence[int]) -> None:
        super().__init__(module.network, dict(module.named_children()))
        self.numbers = tuple(numbers)

    def logits(self, input: Tensor) -> Tensor:
        """How much likelier each word of the sentence is at its step than all others, N×words of it: the logarithms of
        odds, which do not saturate near certainty.
        """
        words = torch.tensor(self.numbers, device=input.device)
        with teaching(self, words.expand(len(input), 1, -1)):
            scores = super().logits(input)  # N×words known×steps
        own = torch.nn.functional.one_hot(words, scores.shape[1]).T.bool()
        others = scores.masked_fill(own, -torch.inf).logsumexp(1)
        return (scores * own).sum(1) - others
