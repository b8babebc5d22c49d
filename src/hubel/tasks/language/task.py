"""The next symbol of a text: its loss, counts, figures, and what is written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hubel.arch import Network, analyse, ops, parse
from hubel.arch.ops.causal import goes_on
from hubel.base.errors import NetworkError, SettingError
from hubel.data import Dataset, Splits
from hubel.data.texts.describe import TextDescription, describe
from hubel.data.texts.load import is_text, load
from hubel.data.texts.targets import Following
from hubel.data.texts.vocabulary import Vocabulary
from hubel.nn import evaluation_mode
from hubel.nn.modules import carrying
from hubel.tasks import task
from hubel.tasks.language.writing import Writing, Written, write
from hubel.tasks.measure import evaluate
from hubel.tasks.model import LoadedModel
from hubel.tasks.steps import OF_STEPS, Objective

_STRETCH = 4096  # symbols that are read one after the other, at least, where a text is measured in several stretches
_STRETCHES = 64
_SMALL, _LARGE = 200_000, 5_000_000  # symbols of a text up to which fewer units do, from which more pay
_SYMBOLS = 8_000_000  # to be seen in all
_UNITS = (720, 544, 440, 360, 272, 184, 136, 96)  # of each of two LSTMs: as many weights as 1,024 to 128 in one
_OFTEN, _WEIGHTS = 5, 2  # epochs at least, and weights a symbol at most, where a network is as large as the time allows
_WIDE = 512  # units in all from which more streams are quicker
_DROPPED = {  # weights times epochs a symbol, from which on so much dropout helps, behind one LSTM and behind two
    "dropout": ((30, 0.4), (12, 0.3), (6, 0.2)),
    "spatialdropout1d": ((12, 0.4), (6, 0.3)),  # of whole channels
}
_HARDEST = 20  # symbols in a report
_SAMPLE = 200  # symbols of what is written on the way


@dataclass(frozen=True)
class Language(task.Task):
    """The task of saying the next symbol of a text, and by it of writing.

    vocabulary: what symbols there are. What a network remembers is carried from window to window, in training, where a
    text is measured and where one is written.
    """

    vocabulary: Vocabulary
    classes: tuple[str, ...] = ()
    name: ClassVar[str] = "language"
    step: ClassVar[str] = "carried"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("bits", "bits a character", "number", "lowest"),
        task.Figure("accuracy", "next characters right"),
    )
    noun: ClassVar[tuple[str, str]] = ("symbol", "symbols")
    example: ClassVar[tuple[str, str]] = ("window", "windows")
    reads_like: ClassVar[bool] = False
    of_files: ClassVar[bool] = False
    as_it_is: ClassVar[str] = "a text"
    asked: ClassVar[str] = "--prompt TEXT"
    of_one: ClassVar[bool] = False
    tempers: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Bits are of a byte where a text is taken as bytes."""
        if (noun := self.vocabulary.noun) != "character":
            bits = replace(self.figures[0], title=f"bits a {noun}")
            object.__setattr__(self, "figures", (bits, replace(self.figures[1], title=f"next {noun}s right")))

    @classmethod
    def recognises(cls, source: str) -> bool:
        """A file of text, or a folder of such and nothing else."""
        return is_text(source)

    @classmethod
    def images_of(cls, network: Network) -> tuple[int, ...]:
        """Windows of so many symbols, N×steps×1×1."""
        return (*network.input[:1], 1, 1)

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """The windows of a text; see `hubel.data.texts.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> TextDescription:
        """How long a text is, and its symbols."""
        return describe(source, **settings)

    def reading(self) -> dict[str, Any]:
        """The vocabulary."""
        return {"vocabulary": self.vocabulary}

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Language:
        """The task of writing on as this text does."""
        if not isinstance(dataset.targets, Following):
            raise SettingError(f"{dataset.name}: expected a text, received targets for {dataset.targets.task}")
        return cls(dataset.targets.vocabulary)

    def settings(self) -> dict[str, Any]:
        """The vocabulary."""
        return self.vocabulary.data()

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Language:
        """The task with this vocabulary."""
        return cls(Vocabulary(settings["vocabulary"]))

    def network(self, training: Dataset) -> task.Chosen:
        """A network for a text, by rule: symbols looked up, one LSTM of 128 to 512 units by the text's length."""
        length = training.targets.array.size
        units = 128 if length < _SMALL else 256 if length < _LARGE else 512
        return self._chosen(training, units, _epochs(length))

    def network_within(self, training: Dataset, work: float) -> task.Chosen:
        """A network for a text and a time, by rule: two LSTMs side by side, which learn more than one with as many
        weights; of eight sizes the largest with at most two weights for each symbol that goes through the text five
        times or more.
        """
        length = training.targets.array.size
        for units in _UNITS:
            report = analyse(parse(self._chosen(training, units, 0, sides=2).word))
            epochs = work / (report.training_macs * max(1, len(training)))
            if epochs >= _OFTEN and report.parameters <= _WEIGHTS * length:
                break
        chosen = self._chosen(training, units, epochs, sides=2)
        return replace(chosen, why=f"{chosen.why} and so long")

    def _chosen(self, training: Dataset, units: int, epochs: float, sides: int = 1) -> task.Chosen:
        """The network with so many units a side; with dropout where it would know the text by heart after so many
        epochs.
        """
        symbols, length = len(self.vocabulary), training.targets.array.size
        learnt = sides * 4 * units * units * epochs / max(1, length)
        dropout = "dropout" if sides == 1 else "spatialdropout1d"
        dropped = next((f", {dropout} {share}" for least, share in _DROPPED[dropout] if learnt > least), "")
        one = f"lstm {units} sequences"
        layers = f"concat({' | '.join([one] * sides)})" if sides > 1 else one
        text = f"{training.shape[0]}: embed {symbols} {min(64, symbols)}, {layers}{dropped}, dense {symbols}"
        name = f"lstm{units}" if sides == 1 else f"lstm{sides}x{units}"
        return task.Chosen(text, {}, f"a text of {length:,} {self.vocabulary.noun}s", name)

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """Batches of 32 streams, 48 where recurrent layers are so wide that this is quicker, fewer where there are not
        50 steps an epoch then; so many epochs that eight million symbols are seen, from 4 to 60, and the best of them
        where the last is clearly worse; a rate of 0.006 at most, 0.01 with such wide layers and fewer steps; gradients
        of at most 1.
        """
        windows, steps = len(training), training.shape[0]
        operations = [row.operation for row in analyse(network).rows]
        wide = sum(each.units for each in operations if isinstance(each, ops.Recur)) >= _WIDE
        streams = 48 if wide else 32
        while streams > 4 and windows // streams < 50:
            streams //= 2
        rate = 0.01 if wide else 0.006
        rules = {"batch_size": streams, "epochs": _epochs(windows * steps), "learning_rate": rate, "keep": "best"}
        return {**OF_STEPS, **rules}

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A number a symbol, after each symbol."""
        return (shape[0], len(self.vocabulary)), f"'dense {len(self.vocabulary)}'"

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """Raise NetworkError where a network does not look up the text's symbols, gives no number for each of them
        after each step, or sees what is still to come.
        """
        symbols, steps = len(self.vocabulary), shape[0]
        report = analyse(network)
        looked = next((row for row in report.rows if isinstance(row.operation, ops.Embed)), None)
        wide = looked.output_shape[-1] if looked else min(64, symbols)
        wanted, end = self.output(shape)
        start = f"{steps}: embed {symbols} {wide}"
        if tuple(network.input) != (steps,) or not network.reads_whole_numbers or looked is None:
            raise NetworkError(
                f"expected a network that looks up each of {steps} symbols, received one for "
                f"{'×'.join(map(str, network.input))}; begin it with '{start}, lstm 256 sequences' and end it with "
                f"{end}"
            )
        assert isinstance(looked.operation, ops.Embed)
        if looked.operation.numbers != symbols:
            raise NetworkError(
                f"expected a network that looks up {symbols} symbols, those of the text, received one for "
                f"{looked.operation.numbers}; begin it with '{start}' and end it with {end}"
            )
        for row in report.rows:
            if row.operation is not None and not goes_on(row.operation):
                why = (
                    "gives its last state alone; write it with sequences"
                    if row.operation.kind == "Recur" and len(row.output_shape) == 1
                    else "sees steps that are still to come, or gives none for some; recurrent layers with sequences "
                    "and causal conv1d do not"
                )
                raise NetworkError(f"expected layers that say something after every symbol: {row.path} {why}")
        if tuple(report.output_shape) != wanted:
            raise NetworkError(
                f"expected a network with {symbols} outputs after each step, one a symbol, received one whose output "
                f"is {'×'.join(map(str, report.output_shape))}; end it with {end}"
            )

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with the cross-entropy of the next symbol, in nats."""
        return Objective(network, label_smoothing)

    def counts(self) -> task.Sums:
        """Sums over symbols: how many, nats, how often the likeliest was right."""

        def of(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor | int, ...]:
            wanted = targets.long()
            nats = nn.functional.cross_entropy(outputs, wanted, reduction="none").double().sum()
            return targets.numel(), nats, (outputs.argmax(1) == wanted).sum()

        return task.Sums(of)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Bits and nats a symbol."""
        symbols, nats, right = counts[0].tolist()
        return Metrics(self, nats / max(1, symbols), right / max(1, symbols), int(symbols))

    def stretches(self, examples: int, steps: int, at_once: int) -> Iterator[slice]:
        """Windows to be read together: the text in stretches of at least 4,096 symbols side by side, at most 64 of
        them, each begun with nothing remembered; what is left over after the last one.
        """
        streams = max(1, min(_STRETCHES, examples * steps // _STRETCH))
        each = examples // streams
        yield from (slice(place, streams * each, each) for place in range(each))
        yield from (slice(place, place + 1) for place in range(streams * each, examples))

    def going_on(self, module: nn.Module) -> AbstractContextManager[Any]:
        """What is remembered goes from one stretch to the next."""
        return carrying(module)

    def prepared(self, model: LoadedModel, given: Any) -> npt.NDArray[np.uint8]:
        """The symbols of a text, steps×1×1."""
        if not isinstance(given, str) or not given:
            raise SettingError(f"expected a text of at least one {self.vocabulary.noun}, received {given!r:.100}")
        numbers: npt.NDArray[Any] = self.vocabulary.numbers(given)
        return numbers.reshape(-1, 1, 1)

    def answer(
        self,
        model: LoadedModel,
        image: Any,
        top: int = 3,
        *,
        length: int = 500,
        temperature: float = 0.8,
        seed: int = 0,
    ) -> Written:
        """How the model goes on after a text."""
        text = "".join(write(model, image, length, temperature, seed))
        return Written(str(image), text)

    def make(self, model: LoadedModel, **how: Any) -> Writing:
        """What it writes after a prompt; see `hubel.tasks.language.writing.write`."""
        return Writing(model, how)

    def symbols(self, prepared: npt.NDArray[np.uint8]) -> tuple[str, ...]:
        """The symbols' names."""
        return tuple(self.vocabulary.name(number) for number in prepared.ravel().tolist())

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Bits and nats, what each symbol costs, and what it writes at three temperatures."""
        found = task.Section("bits", "Bits", "", evaluate(model, dataset).table(0))
        costs = task.Section("costs", "What each symbol costs", "", _costs(self, model, dataset))
        texts = [(f"Temperature {each:g}", "".join(write(model, "", 2 * _SAMPLE, each, 0))) for each in (0.5, 0.8, 1.0)]
        note = "The lower the temperature, the oftener the likeliest symbol comes."
        return [found, costs, task.Section("writes", "What it writes", note, texts=texts)]

    def sample(self, model: LoadedModel, seed: int, held_out: tuple[torch.Tensor, torch.Tensor] | None) -> str:
        """What it writes at this moment, from a line end on."""
        return "".join(write(model, "", _SAMPLE, 0.8, seed))


def _epochs(length: int) -> float:
    """So many that eight million symbols are seen, from 4 to 60."""
    return float(min(60, max(4, round(_SYMBOLS / max(1, length)))))


def _costs(language: Language, model: LoadedModel, dataset: Dataset) -> task.Table:
    """Of each symbol, how often it comes and how many bits it costs, the dearest in all first."""
    symbols = len(language.vocabulary)
    often, bits = torch.zeros(symbols, dtype=torch.float64), torch.zeros(symbols, dtype=torch.float64)
    images, targets = dataset.tensors()
    with evaluation_mode(model.module), torch.inference_mode(), language.going_on(model.module):
        for part in language.stretches(len(images), images.shape[1], 0):
            wanted = targets[part].long()
            scores = language.outputs(model.module, model.preprocessing, images[part])
            nats = nn.functional.cross_entropy(scores, wanted, reduction="none").double().cpu().flatten()
            often += torch.bincount(wanted.flatten(), minlength=symbols)
            bits += torch.bincount(wanted.flatten(), nats / math.log(2), minlength=symbols)
    order = bits.argsort(descending=True).tolist()
    rows = [number for number in order if often[number]]
    cells = (
        (
            language.vocabulary.name(number),
            f"{int(often[number]):,}",
            f"{bits[number] / often[number]:.3f}",
            f"{bits[number] / bits.sum():.2%}",
        )
        for number in rows[:_HARDEST]
    )
    note = f"the {_HARDEST} dearest of {len(rows)}" if len(rows) > _HARDEST else ""
    titles = (language.vocabulary.noun, "#how often", "#bits each", "#of all bits")
    return task.Table(titles, tuple(cells), note)


@dataclass(frozen=True)
class Metrics(task.Measured):
    """How well a text is foretold. loss: nats a symbol; accuracy: how often the likeliest one comes."""

    language: Language
    loss: float
    accuracy: float
    symbols: int

    @property
    def bits(self) -> float:
        """Bits a symbol."""
        return self.loss / math.log(2)

    @property
    def figures(self) -> Mapping[str, float]:
        """Bits, accuracy, nats."""
        return {"bits": self.bits, "accuracy": self.accuracy, "loss": self.loss}

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        noun = self.language.vocabulary.noun
        return {**self.figures, "symbol": noun, "symbols": self.symbols, "perplexity": math.exp(min(700, self.loss))}

    def sentence(self, of: str) -> str:
        """Bits and nats."""
        noun = self.language.vocabulary.noun
        return f"{self.bits:.4f} bits a {noun} ({self.loss:.4f} nats) on {of}, what is remembered carried along"

    def table(self, most: int) -> task.Table:
        """The figures, a row each."""
        noun = self.language.vocabulary.noun
        rows = (
            (f"bits a {noun}", f"{self.bits:.4f}"),
            (f"nats a {noun}", f"{self.loss:.4f}"),
            ("perplexity", f"{math.exp(min(700, self.loss)):.3f}"),
            (f"next {noun}s right", f"{self.accuracy:.2%}"),
            (f"{noun}s", f"{self.symbols:,}"),
        )
        return task.Table(("figure", "#value"), rows)
