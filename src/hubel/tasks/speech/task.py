"""The next sample of speech: its loss, counts, figures, and what is said."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hubel.arch import Network, Shape, analyse
from hubel.arch.ops.causal import goes_on
from hubel.base.download import Progress
from hubel.base.errors import NetworkError, SettingError
from hubel.base.plain import as_number, as_text, as_whole
from hubel.data import Dataset, Splits
from hubel.data.decode.companding import CODES, samples_of
from hubel.data.decode.sound import Sound, spectrogram
from hubel.data.speech.describe import SpeechDescription, describe
from hubel.data.speech.load import load
from hubel.data.speech.targets import VOID, Spoken, Told
from hubel.tasks import task
from hubel.tasks.model import LoadedModel
from hubel.tasks.speech.speaking import Said, speak
from hubel.tasks.steps import OF_STEPS, Objective

_SAMPLES = 30_000_000  # to be seen in all
_BATCH = 32_768  # samples at once
_SHOWN = 6  # recordings in a report


@dataclass(frozen=True)
class Speech(task.Task):
    """The task of saying the next sample of a recording, and by it of speaking.

    known: what may be told of a recording, and its words. rate: samples a second. seconds: how long each label takes.
    """

    known: Told
    rate: int
    seconds: tuple[float, ...]
    classes: tuple[str, ...] = ()
    name: ClassVar[str] = "speech"
    figures: ClassVar[tuple[task.Figure, ...]] = (task.Figure("bits", "bits a sample", "number", "lowest"),)
    noun: ClassVar[tuple[str, str]] = ("sample", "samples")
    example: ClassVar[tuple[str, str]] = ("window", "windows")
    of_files: ClassVar[bool] = False
    of_one: ClassVar[bool] = False
    own_size: ClassVar[bool] = True
    guesses: ClassVar[bool] = False
    as_it_is: ClassVar[str] = "recordings"
    asked: ClassVar[str] = "--say WORD -o said.wav"

    @classmethod
    def wants(cls, network: Network) -> bool:
        """Whether a network says one of 256 codes after each step, and sees those before alone."""
        if len(network.input) != 2 or network.reads_whole_numbers:
            return False
        report = analyse(network)
        return tuple(report.output_shape) == (network.input[0], CODES) and not _looks_ahead(network)

    @classmethod
    def images_of(cls, network: Network) -> Shape:
        """Windows of so many steps, with a column for each word."""
        steps, *_, columns = network.input
        return steps, 1, columns

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """The windows of recordings; see `hubel.data.speech.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> SpeechDescription:
        """How much is said, of which words; see `hubel.data.speech.describe.describe`."""
        return describe(source, **settings)

    def reading(self) -> dict[str, Any]:
        """What may be told, and the rate."""
        return {"told": self.known, "rate": self.rate}

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Speech:
        """The task of speaking as these recordings do."""
        targets = dataset.targets
        if not isinstance(targets, Spoken):
            raise SettingError(f"{dataset.name}: expected recordings, received targets for {targets.task}")
        return cls(targets.known, targets.rate, targets.seconds)

    def settings(self) -> dict[str, Any]:
        """What may be told, rate and lengths."""
        known = {name: list(words) for name, words in self.known.items()}
        return {"known": known, "rate": self.rate, "seconds": list(self.seconds)}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Speech:
        """The task with these."""
        if not all(isinstance(words, (list, tuple)) for words in settings["known"].values()):
            raise SettingError("expected lists of what the model is told")
        known = {name: tuple(map(as_text, words)) for name, words in settings["known"].items()}
        seconds, rate = tuple(map(as_number, settings["seconds"])), as_whole(settings["rate"])
        if not (1000 <= rate <= 1_000_000 and all(0 < each < 3600 for each in seconds)):
            raise SettingError(f"expected a rate from 1,000 and lengths below an hour, received {rate}, {seconds}")
        if "label" not in known or len(seconds) != len(known["label"]) or not all(known.values()):
            raise SettingError("expected a length for each label, and something of each kind that is told")
        return cls(known, rate, seconds)

    def network(self, training: Dataset) -> task.Chosen:
        """WaveNet, whose blocks see an eighth of a second at 8,000 samples, twice as much at 16,000."""
        depth = 10 + (self.rate > 12_000)
        return task.Chosen("wavenet", {"depth": depth}, f"{len(training):,} windows of {training.shape[0]:,} samples")

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """Batches of 32,768 samples, fewer where there are not 50 steps an epoch then; so many epochs that thirty
        million are seen, at most 200.
        """
        steps = training.shape[0]
        at_once = max(1, min(_BATCH // steps, len(training) // 50))
        each = max(1, len(training) * steps)
        epochs = float(min(200, max(1, round(_SAMPLES / each))))
        return {**OF_STEPS, "batch_size": at_once, "epochs": epochs, "learning_rate": 0.003}

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A number a code, after each step. Raises SettingError for windows of other columns than that takes."""
        columns = 1 + sum(map(len, self.known.values()))
        if shape[-1] != columns:
            raise SettingError(
                f"expected windows with {columns} columns, the sample's and one of each thing that is told, received "
                f"{shape[-1]}"
            )
        return (shape[0], CODES), f"'conv1d {CODES} 1'"

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """Raise NetworkError where a network does not take the windows, says no code after each step, or sees what is
        still to come.
        """
        steps, _, columns = shape
        wanted, end = self.output(shape)
        start = f"begin it with '{steps}x{columns}: conv1d 32 2 causal', or take wavenet"
        if tuple(network.input) != (steps, columns) or network.reads_whole_numbers:
            raise NetworkError(
                f"expected a network of {steps}×{columns}, a sample and {columns - 1} words at each step, received one "
                f"for {'×'.join(map(str, network.input))}; {start}"
            )
        if path := _looks_ahead(network):
            raise NetworkError(
                f"expected layers that say something after every sample and see none that is still to come: {path} "
                "does not; causal conv1d and recurrent layers with sequences do"
            )
        output = tuple(analyse(network).output_shape)
        if output != wanted:
            raise NetworkError(
                f"expected a network with {CODES} outputs after each step, one a code, received one whose output is "
                f"{'×'.join(map(str, output))}; end it with {end}"
            )

    def objective(
        self, network: nn.Module, label_smoothing: float = 0.0, class_weights: torch.Tensor | None = None
    ) -> Objective:
        """The network with the cross-entropy of the next code, in nats."""
        return Objective(network, label_smoothing)

    def counts(self) -> task.Sums:
        """Sums over samples: nats, and how often each code comes."""

        def of(outputs: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, ...]:
            wanted = targets.long()
            nats = nn.functional.cross_entropy(outputs, wanted, reduction="sum", ignore_index=VOID)
            often = torch.zeros(CODES, dtype=torch.float64, device=wanted.device)
            there = wanted.flatten().clamp(min=0)
            return nats, often.scatter_add_(0, there, (wanted != VOID).double().flatten())

        return task.Sums(of)

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Bits and nats a sample."""
        nats, *often = counts[0].tolist()
        loss = nats / max(1, sum(often))
        return Metrics(self, {"bits": loss / math.log(2), "loss": loss}, tuple(often))

    def prepared(self, model: LoadedModel, given: Any) -> npt.NDArray[np.uint8]:
        """Refused, as `answer`."""
        raise self._no_example()

    @staticmethod
    def _no_example() -> SettingError:
        return SettingError(
            "this model speaks, and answers to no example; hubel predict RUN --say WORD -o said.wav makes it, and "
            'model.make(say="WORD") in Python'
        )

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> task.Answer:
        """Refused: a network that speaks answers to nothing."""
        raise self._no_example()

    def make(self, model: LoadedModel, progress: Progress | None = None, **how: Any) -> Said:
        """What the model says: `say` and `speaker` are what it is told, the rest is as `speak` has it."""
        names = {"say": "label", "speaker": "speaker"}
        told = {names[name]: how[name] for name in names if name in how}
        rest = {name: value for name, value in how.items() if name not in names}
        return speak(model, told, **rest, progress=progress)[0]

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Spectrograms of recordings, and of what the model says when it is told the same."""
        targets: Any = dataset.targets
        firsts = np.unique(targets.words, axis=0, return_index=True)[1]
        rows = sorted(firsts.tolist())[:: max(1, len(firsts) // _SHOWN)][:_SHOWN]
        told = [self.told(targets.words[row]) for row in rows]
        said = speak(model, told)
        pictures = []
        for row, each in zip(rows, said, strict=True):
            codes = targets.values[row]
            real = samples_of(codes[codes != VOID])
            name = ", ".join(each.told.values())
            pictures.append((f"{name}: recorded, and below said", self._beside(real, each.samples)))
        note = "Spectrograms, the highest pitches on top; hubel predict RUN --say WORD -o said.wav makes such sounds."
        return [task.Section("says", "What it says", note, pictures=pictures)]

    def told(self, words: npt.NDArray[np.int64]) -> dict[str, str]:
        """What was told, of its numbers."""
        return {name: those[number] for (name, those), number in zip(self.known.items(), words.tolist(), strict=True)}

    def _beside(self, real: npt.NDArray[np.float32], said: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        both = [spectrogram(Sound(samples, self.rate)) for samples in (real, said)]
        width = max(each.shape[1] for each in both)
        shown = np.full((2 * len(both[0]) + 4, width), 128, np.uint8)
        for top, each in zip((0, len(both[0]) + 4), both, strict=True):
            shown[top : top + len(each), : each.shape[1]] = each
        return np.repeat(shown[..., None], 3, 2).repeat(3, 0).repeat(3, 1)


@dataclass(frozen=True)
class Metrics(task.Numbers):
    """Figures of speech. often: how often each code is there."""

    often: tuple[float, ...] = ()

    def baseline(self) -> task.Baseline:
        """The bits of what says at each step how often each code comes."""
        shares = [each / sum(self.often) for each in self.often if each]
        nats = -sum(share * math.log(share) for share in shares)
        return task.Baseline("codes", "how often codes come", {"bits": nats / math.log(2), "loss": nats})


def _looks_ahead(network: Network) -> str:
    """The path of the first layer that sees what is still to come, or gives nothing for some steps."""
    rows = analyse(network).rows
    return next((row.path for row in rows if row.operation is not None and not goes_on(row.operation)), "")
