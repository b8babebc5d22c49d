"""How a trained model writes on: a symbol at a time, each drawn by what the model says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hubel.arch import analyse
from hubel.base.errors import SettingError
from hubel.base.files import write_atomically
from hubel.base.words import json_text, printable
from hubel.nn import device_of, evaluation_mode
from hubel.nn.modules import carrying
from hubel.nn.threads import threads
from hubel.tasks.answer import Answer
from hubel.tasks.asking import Made, check_options

if TYPE_CHECKING:
    from hubel.tasks.language.task import Language
    from hubel.tasks.model import LoadedModel


_SHARED = 4_000_000  # multiply-adds of a symbol, from which two threads are quicker than one


@dataclass(frozen=True, repr=False)
class Written(Answer):
    """How a model goes on after a text."""

    prompt: str
    text: str

    def data(self) -> dict[str, Any]:
        """Both."""
        return {"prompt": self.prompt, "text": self.text}

    def words(self) -> tuple[str, ...]:
        """Prompt and text, in one."""
        return (printable(self.prompt + self.text, keep="\n\t"),)


@dataclass(frozen=True)
class Writing(Made):
    """What a model writes, symbol by symbol. how: what was said of it, arguments of `write`."""

    model: LoadedModel
    how: Mapping[str, Any]

    def pieces(self) -> Iterator[str]:
        """The prompt, and what comes after it."""
        return chain((self.how.get("prompt", ""),), write(self.model, **self.how))

    def data(self) -> dict[str, Any]:
        """What was said, the prompt and the text after it."""
        prompt, *rest = self.pieces()
        return {**self.how, "prompt": prompt, "text": "".join(rest)}

    def write(self, place: Path) -> list[Path]:
        """Write prompt and text, or as JSON what `data` has."""
        write_atomically(place, json_text(self.data()) if place.suffix == ".json" else "".join(self.pieces()))
        return [place]


def write(
    model: LoadedModel, prompt: str = "", length: int = 500, temperature: float = 0.8, seed: int = 0
) -> Iterator[str]:
    """What a model of a language writes after `prompt`, as it comes: `length` symbols, the prompt not among them.

    temperature: what the logits are divided by; 0 takes the likeliest symbol each time. seed: equal seeds give equal
    texts. Raises SettingError where these are no such numbers, DataError for a prompt with characters that the model
    does not know.
    """
    if model.task.name != "language":
        raise SettingError(f"expected a model that was trained on a text, received one for {model.task.name}")
    check_options("language", {"prompt": prompt, "length": length, "temperature": temperature, "seed": seed})
    task: Any = model.task
    start = task.vocabulary.numbers(prompt).tolist() or [_blank(task)]  # before a text is drawn
    return task.vocabulary.decoded(_numbers(model, start, length, temperature, seed))  # type: ignore[no-any-return]


def _blank(task: Language) -> int:
    """The symbol after which a text without a prompt begins: a line end, or the first there is."""
    known = task.vocabulary.characters
    return max(0, known.find("\n")) if known else ord("\n")


def _numbers(model: LoadedModel, start: list[int], length: int, temperature: float, seed: int) -> Iterator[int]:
    module: Any = model.module
    device, chance = device_of(module), torch.Generator().manual_seed(seed)
    steps = model.network.input[0]
    alone = partial(threads, 1) if analyse(model.network).macs < _SHARED * steps else nullcontext
    memory = None
    for first in range(0, len(start), steps):
        scores, memory = _read(module, torch.tensor([start[first : first + steps]], device=device), memory)
    for _ in range(length):
        number = int(scores.argmax()) if temperature == 0 else _drawn(scores, temperature, chance)
        yield number
        with alone():
            scores, memory = _read(module, torch.tensor([[number]], device=device), memory)


def _read(module: Any, numbers: torch.Tensor, memory: Any) -> tuple[torch.Tensor, Any]:
    """What is said after the last of some symbols, and what is remembered then."""
    with evaluation_mode(module), torch.inference_mode(), carrying(module, memory) as remembered:
        scores = module.logits(numbers)[0, :, -1].float().cpu()
        return scores, remembered()


def _drawn(scores: torch.Tensor, temperature: float, chance: torch.Generator) -> int:
    lower = (scores - scores.max()).double()  # at most nought, so that the smallest temperature divides it
    return int(torch.multinomial((lower / temperature).float().exp(), 1, generator=chance))
