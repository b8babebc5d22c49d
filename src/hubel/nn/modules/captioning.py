"""A sentence about a picture: word by word, each given what was written before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hubel.nn.modules.own import Own
from hubel.nn.modules.sequences import GRU, LSTM

State = tuple[Tensor, ...] | None


class Caption(nn.Module):
    """N×features → N×words×steps, scores of each next word, where the likeliest is written and given to the next step.

    Within `teaching` it is given the words that are wanted, N×sentences×steps, and gives N×words×(sentences·steps).
    Within `silence` it hands on what it is given.
    """

    taught = Own[Tensor | None](None)
    is_silent = Own(False)

    def __init__(self, features: int, steps: int, words: int, units: int, cell: str) -> None:
        super().__init__()
        self.steps, self.words = steps, words
        self.look_up = nn.Embedding(words, features)
        kind: Any = {"gru": GRU, "lstm": LSTM}[cell]
        self.recurrent = kind(features, units, True, False)
        self.next = nn.Linear(units, words)

    def forward(self, input: Tensor) -> Tensor:
        """Write, or be taught."""
        if self.is_silent:
            return input
        if self.taught is not None:
            return self._taught(input, self.taught)
        scores, state = [], None
        for _ in range(self.steps):
            found, state = self.step(input, state)
            scores.append(found)
            input = self.look_up(found.argmax(1))
        return torch.stack(scores, 2)

    def step(self, input: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Scores of the next word, N×words, of what is given, N×features, and the state that goes on."""
        recurrent: Any = self.recurrent
        carries, memory = recurrent.carries, recurrent.memory
        recurrent.carries, recurrent.memory = True, state
        try:
            found = self.next(recurrent(input[:, :, None])[:, :, 0])
            return found, recurrent.memory
        finally:
            recurrent.carries, recurrent.memory = carries, memory

    def _taught(self, input: Tensor, words: Tensor) -> Tensor:
        count, sentences = words.shape[:2]
        before = self.look_up(words[..., :-1].long().clamp(min=0))
        first = input[:, None, None].expand(count, sentences, 1, input.shape[1])
        given = torch.cat([first, before.to(first.dtype)], 2).flatten(0, 1)
        found: Tensor = self.next(self.recurrent(given.transpose(1, 2)).transpose(1, 2))
        return found.reshape(count, -1, self.words).transpose(1, 2)


def writer_of(module: nn.Module) -> Caption:
    """The part of a network that writes."""
    return next(each for each in module.modules() if isinstance(each, Caption))


@contextmanager
def silence(writer: Caption) -> Iterator[None]:
    """Within, a network gives what its writer would be given: N×features."""
    writer.is_silent = True
    try:
        yield
    finally:
        writer.is_silent = False


@contextmanager
def teaching(module: nn.Module, words: Tensor) -> Iterator[None]:
    """Within, what writes is given these words, N×sentences×steps; those below 0 are not wanted."""
    writer = writer_of(module)
    writer.taught = words
    try:
        yield
    finally:
        writer.taught = None
