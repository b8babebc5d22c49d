"""How a trained model speaks: a sample at a time, each drawn by what the model says of it."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from hubel.base.download import Progress
from hubel.base.errors import SettingError
from hubel.base.files import write_atomically
from hubel.base.names import did_you_mean, listing
from hubel.data.decode.companding import SILENCE, samples_of
from hubel.data.decode.sound import Samples
from hubel.data.speech.load import columns_of
from hubel.nn import device_of, evaluation_mode
from hubel.nn.modules import carrying
from hubel.nn.threads import threads
from hubel.tasks.asking import Made, check_options

if TYPE_CHECKING:
    from hubel.tasks.model import LoadedModel
    from hubel.tasks.speech.task import Speech

_FEW = 16  # that speak side by side on one thread


@dataclass(frozen=True)
class Said(Made):
    """What a model said. told: what it was told, by name. samples: float32 from -1 to 1; rate: of them a second."""

    told: Mapping[str, str]
    samples: Samples = field(repr=False)
    rate: int

    def data(self) -> dict[str, Any]:
        """What was told, and how long it took to say."""
        return {**self.told, "seconds": round(len(self.samples) / self.rate, 3), "rate": self.rate}

    def words(self) -> str:
        """The same in words."""
        said = ", ".join(f"{name} {word}" for name, word in self.told.items())
        return f"{said}, {len(self.samples) / self.rate:.2f} s"

    def write(self, place: Path) -> list[Path]:
        """Write it as a WAV file."""
        write_atomically(place, self.wav())
        return [place]

    def wav(self) -> bytes:
        """It as a WAV file of 16 bits."""
        buffer = io.BytesIO()
        with wave.open(buffer, "wb") as file:
            file.setparams((1, 2, self.rate, 0, "NONE", ""))
            file.writeframes((np.clip(self.samples, -1, 1) * 32767).round().astype("<i2").tobytes())
        return buffer.getvalue()


def speak(
    model: LoadedModel,
    told: Mapping[str, str] | Sequence[Mapping[str, str]],
    seconds: float | None = None,
    temperature: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Said]:
    """What a model of speech says that is told `told`: {"label": "7", "speaker": "theo"}, or many of these, which it
    says side by side. What is not told is drawn.

    seconds: how long; by default as recordings of that label are. temperature: what the logits are divided by; 0 takes
    the likeliest code each time. seed: equal seeds give equal sounds. Layers keep what their next windows still see, so
    that each sample costs one step (Paine et al. 2016), on one thread where few speak, since several would wait for
    each other more than they compute. progress: is told how many samples there are, and how many of them are said.

    Raises SettingError where these are no such numbers, or words that the model was never told.
    """
    if model.task.name != "speech":
        raise SettingError(f"expected a model that learnt to speak, received one for {model.task.name}")
    check_options(
        "speech", {"temperature": temperature, "seed": seed, **({} if seconds is None else {"seconds": seconds})}
    )
    task: Any = model.task
    chance = torch.Generator().manual_seed(seed)
    wanted = [told] if isinstance(told, Mapping) else list(told)
    words = np.array([_numbers(task, each, chance) for each in wanted], np.int64).reshape(len(wanted), -1)
    lengths = [round((task.seconds[row[0]] if seconds is None else seconds) * task.rate) for row in words.tolist()]
    most, heard = max(lengths, default=0), []
    with threads(1) if len(wanted) <= _FEW else nullcontext():
        for each in _codes(model, task, words, most, temperature, chance):
            heard.append(each)
            if progress is not None:
                progress("samples said:", len(heard), most)
    codes = np.stack(heard, 1)
    names = [{name: task.known[name][row[column]] for column, name in enumerate(task.known)} for row in words.tolist()]
    said = zip(names, codes, lengths, strict=True)
    return [Said(each, samples_of(row[:length]), task.rate) for each, row, length in said]


def _numbers(task: Speech, told: Mapping[str, str], chance: torch.Generator) -> list[int]:
    """The numbers of what is told; what is not is drawn."""
    for name in told:
        if name not in task.known:
            raise SettingError(f"expected {listing(list(task.known), 5)}, which the model is told, received {name!r}")
    numbers = []
    for name, known in task.known.items():
        word = told.get(name)
        if word is not None and str(word) not in known:
            raise SettingError(
                f"expected a {name} that the model was told, {listing(known, 10)}, received {word!r}"
                f"{did_you_mean(str(word), known)}"
            )
        drawn = int(torch.randint(len(known), (), generator=chance))
        numbers.append(drawn if word is None else known.index(str(word)))
    return numbers


def _codes(
    model: LoadedModel,
    task: Speech,
    words: npt.NDArray[np.int64],
    length: int,
    temperature: float,
    chance: torch.Generator,
) -> Iterator[npt.NDArray[np.int64]]:
    module: Any = model.module
    device = device_of(module)
    shown = torch.zeros(len(words), 1, 1, 1 + sum(map(len, task.known.values())), dtype=torch.uint8)
    shown[:, 0, 0, 0] = SILENCE
    for row, numbers in enumerate(words):
        shown[row, 0, 0, columns_of(numbers, task.known)] = 255
    preprocessing = model.preprocessing
    with evaluation_mode(module), torch.inference_mode(), carrying(module):
        for _ in range(length):
            inputs = preprocessing.normalise(shown.to(device))
            scores = module.logits(inputs)[:, :, -1].float().cpu()
            if temperature:
                shares = (scores / temperature).softmax(1)
                codes = torch.multinomial(shares, 1, generator=chance)[:, 0]
            else:
                codes = scores.argmax(1)
            shown[:, 0, 0, 0] = codes.to(torch.uint8)
            yield codes.numpy()
