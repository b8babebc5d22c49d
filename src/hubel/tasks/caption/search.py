"""Sentences word by word, several followed at once: beam search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from hubel.base.errors import SettingError
from hubel.data.captions.words import END, UNKNOWN, Words
from hubel.data.feed.device import sent
from hubel.nn import device_of, evaluation_mode
from hubel.nn.modules import writer_of
from hubel.nn.modules.captioning import Caption, silence
from hubel.tasks.answer import Answer
from hubel.tasks.model import LoadedModel
from hubel.tasks.outputs import outputs

BEAM = 3


@dataclass(frozen=True, repr=False)
class Written(Answer):
    """Sentences about a picture, the likeliest first, with the probability of their words together. numbers: those of
    the likeliest's words.
    """

    sentences: tuple[tuple[str, float], ...]
    numbers: tuple[int, ...] = ()

    @property
    def caption(self) -> str:
        """The likeliest."""
        return self.sentences[0][0]

    def data(self) -> dict[str, Any]:
        """The likeliest, and others that the beam ends with."""
        others = [{"caption": text, "probability": round(p, 6)} for text, p in self.sentences]
        return {**others[0], "others": others[1:]}

    def words(self) -> tuple[str, ...]:
        """The sentence and how probable it is."""
        text, probability = self.sentences[0]
        return text or "(no word)", f"{probability:.1%}"


def write(
    model: LoadedModel, prepared: npt.NDArray[np.uint8], words: Words, steps: int, beam: int, top: int
) -> Iterator[Written]:
    """Sentences about pictures that are prepared, uint8 N×H×W×C, by beams of so many (0: 3); an unknown word is never
    said. An exported file follows the likeliest word alone, and says it where it is unknown.

    Raises SettingError where such a file is to follow several.
    """
    module: Any = model.module
    if hasattr(module, "scores"):
        if beam > 1:
            raise SettingError(f"an exported file follows one sentence, received a beam of {beam}; leave out --beam")
        yield from _likeliest(outputs(module, model.preprocessing, torch.from_numpy(np.array(prepared))), words)
        return
    writer = writer_of(module)
    images = torch.from_numpy(np.array(prepared))
    with evaluation_mode(module), torch.inference_mode():
        with silence(writer):
            given = module.logits(model.preprocessing.normalise(sent(images, device_of(module))))
        for features in given:
            found = _beam(writer, features[None], steps, beam or BEAM)[: max(1, top)]
            sentences = tuple((words.sentence(numbers), float(np.exp(score))) for numbers, score in found)
            yield Written(sentences, tuple(found[0][0]))


def _likeliest(scores: torch.Tensor, words: Words) -> Iterator[Written]:
    """Of scores N×words×steps, the sentences of the likeliest word at each step."""
    shares, numbers = scores.float().softmax(1).max(1)
    for own, probable in zip(numbers.tolist(), shares.tolist(), strict=True):
        ends = next((place + 1 for place, number in enumerate(own) if number == END), len(own))
        said = [number for number in own[:ends] if number != END]
        yield Written(((words.sentence(said), float(np.prod(probable[:ends]))),), tuple(said))


def _beam(writer: Caption, features: torch.Tensor, steps: int, beam: int) -> list[tuple[list[int], float]]:
    """Sentences and the logarithms of their probabilities, the likeliest first."""
    ended: list[tuple[list[int], float]] = []
    open_: list[tuple[list[int], float]] = [([], 0.0)]
    given, state = features, None
    for _ in range(steps):
        found, state = writer.step(given, state)
        shares = found.float().log_softmax(1)
        shares[:, UNKNOWN] = -torch.inf
        total = shares.cpu() + torch.tensor([score for _, score in open_])[:, None]
        scores, places = total.flatten().topk(min(beam, total.numel()))
        rows, chosen = places // total.shape[1], places % total.shape[1]
        going = []
        for row, number, score in zip(rows.tolist(), chosen.tolist(), scores.tolist(), strict=True):
            if score == -np.inf:
                continue
            if number == END:
                ended.append((open_[row][0], score))
            else:
                going.append((row, number, score))
        ended = sorted(ended, key=lambda each: -each[1])[:beam]
        if not going or (len(ended) == beam and going[0][2] <= ended[-1][1]):
            break
        at = torch.tensor([row for row, _, _ in going], device=features.device)
        state = tuple(each[at] for each in state or ())
        given = writer.look_up(torch.tensor([number for _, number, _ in going], device=features.device))
        open_ = [([*open_[row][0], number], score) for row, number, score in going]
    else:
        ended += open_  # no room for an end
    return sorted(ended or open_, key=lambda each: -each[1])
