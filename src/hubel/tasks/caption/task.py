"""Sentences about pictures: their loss, counts, figures and answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hubel.arch import Chain, Layer, Network, Node, Shape, analyse, named_children, ops, parse_node
from hubel.base.errors import NetworkError, SettingError
from hubel.base.numbers import counted
from hubel.base.plain import as_whole
from hubel.data import Augmentation, Dataset, Splits
from hubel.data.captions.describe import CaptionDescription, describe
from hubel.data.captions.find import recognises
from hubel.data.captions.load import load
from hubel.data.captions.targets import NUMBER, SEEN, VOID, Captions
from hubel.data.captions.words import END, Words
from hubel.nn.modules import teaching
from hubel.tasks import steps, task
from hubel.tasks.caption.metrics import bleu, cider
from hubel.tasks.caption.search import BEAM, Written, write
from hubel.tasks.caption.spoken import asked_about
from hubel.tasks.gathering import gathered
from hubel.tasks.measure import called, evaluate, shown
from hubel.tasks.model import LoadedModel

_SHOWN = 12  # pictures in a report
_SAMPLES = 3  # pictures spoken of on the way
_UNITS, _FEATURES = 256, 128
_PICTURES = 60_000  # to be seen in all


@dataclass(frozen=True)
class Captioning(task.Task):
    """The task of saying a sentence about a picture.

    words: what words are known. steps: of a sentence, with its end. beam: how many sentences are followed at once; 0
    means 3.
    """

    words: Words
    steps: int
    classes: tuple[str, ...] = ()
    beam: int = 0
    name: ClassVar[str] = "caption"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("cider", "CIDEr-D", "number"),
        task.Figure("bleu4", "BLEU-4", "number"),
        task.Figure("exact", "said as a person did"),
        task.Figure("unseen", "said so of sentences that training lacks"),
    )
    noun: ClassVar[tuple[str, str]] = ("word", "words")
    example: ClassVar[tuple[str, str]] = ("picture", "pictures")
    of_one: ClassVar[bool] = False
    reads_like: ClassVar[bool] = False
    own_size: ClassVar[bool] = True
    guesses: ClassVar[bool] = False

    @classmethod
    def recognises(cls, source: str) -> bool:
        """A table or JSON of captions, or a folder with one."""
        return recognises(source)

    @classmethod
    def wants(cls, network: Network) -> bool:
        """Whether a network writes."""
        return bool(_writers(network))

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """Pictures with sentences; see `hubel.data.captions.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> CaptionDescription:
        """How many pictures, sentences and words there are."""
        return describe(source, **settings)

    def reading(self) -> dict[str, Any]:
        """The words, and how many a sentence has."""
        return {"words": self.words, "steps": self.steps}

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Captioning:
        """The task of saying such sentences."""
        if not isinstance(dataset.targets, Captions):
            raise SettingError(f"{dataset.name}: expected captions, received targets for {dataset.targets.task}")
        return cls(dataset.targets.words, dataset.targets.steps)

    def settings(self) -> dict[str, Any]:
        """The words and the steps."""
        return {"words": list(self.words.words), "steps": self.steps}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Captioning:
        """The task with these."""
        steps = as_whole(settings["steps"])
        if steps < 2:
            raise SettingError(f"expected sentences of at least 2 steps, received {steps}")
        return cls(Words(tuple(settings["words"])), steps)

    def _ends(self) -> tuple[str, str]:
        return f"dense {_FEATURES}", f"caption {self.steps} {len(self.words)} {_UNITS}"

    def network(self, training: Dataset) -> task.Chosen:
        """Convolutions that halve the picture until a side has 8 places at most, all of them seen by what writes."""
        height, width, channels = training.shape
        filters, blocks = 16, list[str]()
        while max(height, width) > 8 * 2 ** len(blocks) and min(height, width) >= 2 ** (len(blocks) + 1):
            blocks.append(f"conv {filters} 3x3 same, norm, relu, maxpool 2")
            filters = min(128, 2 * filters)
        blocks.append(f"conv {filters} 3x3 same, norm, relu, flatten, dropout 0.3")
        text = f"{height}x{width}x{channels}: {', '.join((*blocks, *self._ends()))}"
        return task.Chosen(text, {}, f"{len(training):,} pictures of {height}×{width}×{channels}", "teller")

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """So many epochs that 60,000 pictures are seen, from 4 to 60, as they are: turned over, "left of" is untrue."""
        return {
            **steps.OF_STEPS,
            "epochs": float(min(60, max(4, round(_PICTURES / max(1, len(training)))))),
            "batch_size": max(4, min(32, len(training) // 20)),
            "learning_rate": 0.002,
        }

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A number a word, for each step."""
        return (self.steps, len(self.words)), f"'{', '.join(self._ends())}'"

    def fitted(self, network: Network) -> Network:
        """A network of the zoo with what writes in the place of its last dense layer; it stays as it is up to there."""
        nodes = network.body.nodes
        shapes = {row.path: row.input_shape for row in analyse(network).rows}
        kinds = [_lowered(node, shapes.get(path)) for path, node in named_children(nodes)]
        dense = [place for place, kind in enumerate(kinds) if isinstance(kind, ops.DenseSum)]
        before = nodes[: dense[-1]] if dense else nodes
        return replace(network, body=Chain(*before, *map(parse_node, self._ends())))

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """As every task, and refuse what does not end with `caption`."""
        report = analyse(network)
        last = report.rows[-1]
        if len(_writers(network)) != 1 or not isinstance(last.operation, ops.Write):
            raise NetworkError(
                f"expected a network that ends with what writes, and has no other such layer, received one that ends "
                f"with {last.node}; end it with {self.output(shape)[1]}"
            )
        if tuple(report.output_shape) != (self.steps, len(self.words)):
            raise NetworkError(
                f"expected sentences of {self.steps} steps and {len(self.words)} words (those known, the end and the "
                f"unknown), received {last.node}; end it with {self.output(shape)[1]}"
            )
        super().check(network, shape)

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what is for classes."""
        if balance != "none":
            raise SettingError(f"recipe: expected balance 'none' with captions, received {balance!r}")
        if augmentation.mixup:
            raise SettingError(f"recipe: expected an augmentation that mixes no pictures, received {augmentation}")

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with the cross-entropy of each next word, given those before."""
        return Objective(network, label_smoothing)

    def counts(self) -> _Counts:
        """What is said of each picture, the likeliest word at each step, and its sentences."""
        return _Counts()

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """CIDEr-D, BLEU-4, how many are said as a person did. No loss: without a person's words before it, none."""
        found = counts[0].coalesce()
        rows = found.values().long().reshape(found.values().shape[0], -1, self.steps)
        return Metrics.of(self, rows.tolist())

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Written:
        """The sentence that the beam ends with."""
        return self.answers(model, model.preprocessing.prepare(image)[np.newaxis], top)[0]  # type: ignore[return-value]

    def answers(self, model: LoadedModel, prepared: npt.NDArray[np.uint8], top: int = 3) -> list[task.Answer]:
        """Sentences about pictures that are prepared."""
        return [*write(model, prepared, self.words, self.steps, self.beam, top)]

    def about(self, model: LoadedModel, prepared: npt.NDArray[np.uint8]) -> LoadedModel:
        """The model asked about the sentence that it says of a picture."""
        (said,) = write(model, prepared[np.newaxis], self.words, self.steps, self.beam, 1)
        return asked_about(model, said.caption, said.numbers, self.words.said(said.numbers), self.words.words)

    def sample(self, model: LoadedModel, seed: int, held_out: tuple[torch.Tensor, torch.Tensor] | None) -> str:
        """What it says of some held-out pictures, others each time, beside what people said."""
        if held_out is None or not len(held_out[0]):
            return ""
        images, targets = held_out
        rows = np.random.default_rng(seed).permutation(len(images))[:_SAMPLES].tolist()
        said = self.answers(model, images[rows].cpu().numpy())
        lines = (
            f"{each.words()[0]}  (a person: {self.words.sentence(targets[row, 1].tolist())})"
            for row, each in zip(rows, said, strict=True)
        )
        return "\n".join(lines)

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Figures, and pictures beside what is said and what people said."""
        found, targets = evaluate(model, dataset), dataset.targets
        assert isinstance(targets, Captions)
        rows = range(0, len(dataset), max(1, len(dataset) // _SHOWN))[:_SHOWN]
        said = self.answers(model, dataset.images[list(rows)])
        pictures = [
            (f"{called(dataset, row)}: {each}; a person: {targets.sentences(row)[0]}", shown(dataset.images[row]))
            for row, each in zip(rows, said, strict=True)
        ]
        return [
            task.Section("captions", "Captions", "", found.table(0)),
            task.Section("says", "What it says", f"By beams of {self.beam or BEAM}.", pictures=pictures),
        ]


def _writers(network: Network) -> list[str]:
    return [row.path for row in analyse(network).rows if isinstance(row.operation, ops.Write)]


def _lowered(node: Node, input: Shape | None) -> ops.Operation | None:
    return node.steps()[0].lower(input) if isinstance(node, Layer) and input is not None else None


class Objective(steps.Objective):
    """The mean cross-entropy of each word of each sentence, given the picture and the words before. Targets: int32
    N×(1 + sentences)×steps.
    """

    def forward(
        self,
        inputs: torch.Tensor,
        targets: torch.Tensor,
        others: torch.Tensor | None = None,
        share: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As of all tasks, with the words that people wrote."""
        with teaching(self.network, targets[:, 1:]):
            return super().forward(inputs, targets, others, share)

    def loss(
        self, outputs: torch.Tensor, targets: torch.Tensor, others: torch.Tensor | None, share: torch.Tensor | None
    ) -> torch.Tensor:
        """The mean loss of outputs, N×words×(sentences·steps)."""
        return super().loss(outputs, targets[:, 1:].flatten(1), others, share)


class _Counts(task.Counts):
    """By each picture's number: a row of what is not a sentence, its sentences, and what is said."""

    def __init__(self) -> None:
        self.batches: list[tuple[torch.Tensor, torch.Tensor]] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Keep a batch's words."""
        self.batches.append((outputs.argmax(1), targets.clone()))

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """All words, by coordinates."""
        parts = []
        for said, targets in self.batches:
            rows = torch.cat([targets, said[:, None].to(targets.dtype)], 1).cpu()
            places = torch.stack([rows[:, 0, NUMBER].long(), torch.zeros(len(rows), dtype=torch.int64)])
            parts.append((places, rows.flatten(1).double()))
        return (gathered(parts, parts[0][1].shape[1] if parts else 1),)


@dataclass(frozen=True)
class Metrics(task.Numbers):
    """Figures of captions. pictures: how many; unseen: of how many training has none of the sentences, -1: not told;
    wanted: what people said of each, in words' numbers.
    """

    pictures: int = 0
    unseen: int = -1
    wanted: Sequence[Sequence[Sequence[int]]] = field(default=(), repr=False)

    @classmethod
    def of(cls, kind: Captioning, rows: Sequence[Sequence[Sequence[int]]]) -> Metrics:
        """Of rows as `_Counts` has them."""
        said = [_words(row[-1]) for row in rows]
        wanted = [[_words(each) for each in row[1:-1] if each[0] != VOID] for row in rows]
        new = (row[0][SEEN] == 0 for row in rows)
        strange = [one in others for one, others, is_new in zip(said, wanted, new, strict=True) if is_new]
        told = all(row[0][SEEN] != VOID for row in rows)
        values = {**_likeness(said, wanted), "unseen": _mean(strange), "loss": math.nan}
        return cls(kind, values, len(rows), len(strange) if told else -1, wanted)

    def baseline(self) -> task.Baseline:
        """The sentence that people say most often of these pictures, said of all."""
        return self._always

    @cached_property
    def _always(self) -> task.Baseline:
        often = Counter(tuple(each) for others in self.wanted for each in others).most_common(1)
        one = [*often[0][0]] if often else []
        assert isinstance(self.task, Captioning)
        figures = _likeness([one] * len(self.wanted), self.wanted)
        return task.Baseline("always", "one for all", figures, {"caption": self.task.words.sentence(one)})

    def data(self) -> dict[str, Any]:
        """The figures, and what they are of."""
        return {**super().data(), "pictures": self.pictures, "unseen_pictures": max(0, self.unseen)}

    def sentence(self, of: str) -> str:
        """CIDEr-D and BLEU-4."""
        found = self.values
        return (
            f"{found['cider']:.4f} CIDEr-D on {of}, BLEU-4 {found['bleu4']:.4f}, {found['exact']:.2%} as a person said"
        )

    def table(self, most: int) -> task.Table:
        """A row a figure."""
        told = "whose sentences training lacks" if self.unseen >= 0 else ""
        strange = f", {self.unseen:,} of them {told}" if told else "; no training part tells which sentences are new"
        one = f"one for all: {self.baseline().more['caption']!r}, which people say most often"
        note = f"{counted(self.pictures, 'picture')}{strange}; the likeliest word at each step; {one}"
        return replace(super().table(most), note=note)


def _likeness(said: Sequence[Sequence[int]], wanted: Sequence[Sequence[Sequence[int]]]) -> dict[str, float]:
    """How like people's sentences those are that are said."""
    right = [one in others for one, others in zip(said, wanted, strict=True)]
    return {"cider": _mean(cider(said, wanted)), "bleu4": bleu(said, wanted), "exact": _mean(right)}


def _words(row: Sequence[int]) -> list[int]:
    return [*row[: next((place for place, number in enumerate(row) if number <= END), len(row))]]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
