"""Synthesis: its critic, figures and pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hubel import data
from hubel.arch import Network, Shape, analyse, ops, parse, shape_text
from hubel.base.errors import NetworkError, SettingError
from hubel.base.plain import as_number, as_text
from hubel.data import Augmentation, Dataset, Preprocessing, Splits
from hubel.tasks import task
from hubel.tasks.judging import Judged
from hubel.tasks.measure import called, shown
from hubel.tasks.model import LoadedModel
from hubel.tasks.synthesis.critic import critic_of
from hubel.tasks.synthesis.distance import features, few_pictures, frechet, moments
from hubel.tasks.synthesis.judged import how_good
from hubel.tasks.synthesis.pictures import Pictures, between, foremost, grid, made_of, nearest, noise_for, pictures
from hubel.tasks.synthesis.targets import Alike

_IMAGES = 600_000  # to be seen in all
_BATCH = 64
_GRID = 8  # pictures of a side in a report
_SLIDERS = 12  # numbers of a vector that a page lets one move
_BESIDE = 6  # made pictures that are shown beside the real one that is nearest


@dataclass(frozen=True)
class Synthesis(task.Task, Judged):
    """The task of making pictures that look like a set's. critic: the text form of the network that judges them; "" for
    the rule's. penalty: of the critic's slopes (R1 and R2), 0 for none.
    """

    critic: str = ""
    penalty: float = 1.0
    classes: tuple[str, ...] = ()
    name: ClassVar[str] = "synthesis"
    figures: ClassVar[tuple[task.Figure, ...]] = (task.Figure("distance", "Fréchet distance", "number", "lowest"),)
    draws: ClassVar[bool] = True
    step: ClassVar[str] = "adversarial"
    noun: ClassVar[tuple[str, str]] = ("picture", "pictures")
    of_one: ClassVar[bool] = False
    measures_loss: ClassVar[bool] = False
    judged_by: ClassVar[str] = "classification"
    asked: ClassVar[str] = "-o made.png"

    @classmethod
    def wants(cls, network: Network) -> bool:
        """Whether a network makes pictures of vectors."""
        return len(network.input) == 1 and not network.reads_whole_numbers and len(_made_by(network)) == 3

    @classmethod
    def images_of(cls, network: Network) -> Shape:
        """Those that it makes."""
        return _made_by(network)

    @classmethod
    def load(cls, source: str, critic: str = "", **settings: Any) -> Splits:
        """Images of any source of `hubel.data.load`, or of a folder without classes; what they show is not asked."""
        if critic:
            critic = str(parse(critic))

        def alike(labels: npt.NDArray[np.int64], names: tuple[str, ...]) -> Alike:
            return Alike(len(labels), critic)

        return data.load(source, targets=alike, label_kind="none", **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> data.Description:
        """What a set holds, whatever its images show."""
        return data.describe(source, label_kind="none", **settings)

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Synthesis:
        """The task of making pictures like this set's."""
        targets = dataset.targets
        return cls(targets.critic if isinstance(targets, Alike) else "")

    def settings(self) -> dict[str, Any]:
        """The critic and its penalty."""
        return {"critic": self.critic, "penalty": self.penalty}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Synthesis:
        """The task with this critic."""
        penalty = as_number(settings.get("penalty", cls.penalty))
        if not 0 <= penalty < math.inf:
            raise SettingError(f"expected a penalty of at least 0, received {penalty:g}")
        return cls(as_text(settings.get("critic", "")), penalty)

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """Rates, momenta and averages of two networks that learn in turn (Huang et al. 2024), or of the logistic loss
        as Radford et al. (2016) have them.
        """
        own = cls.for_dataset(training)
        paired = own.is_paired(own.critic_for(network))
        epochs = float(min(200, max(1, round(_IMAGES / max(1, len(training))))))
        return {
            "epochs": epochs,
            "batch_size": min(_BATCH, len(training)),
            "optimizer": "adam",
            "learning_rate": 1e-3 if paired else 2e-4,
            "momentum": 0.0 if paired else 0.5,
            "beta2": 0.99 if paired else 0.999,
            "schedule": "cosine" if paired else "constant",
            "warmup": 0.01,
            "ema": 0.995,
            "label_smoothing": 0.0,
            "augmentation": "none",
            "monitor": "distance",
            "initializer": "he",
            "pixels": "symmetric",
            "precision": "float32",
        }

    def critic_for(self, network: Network) -> Network:
        """The network that judges what `network` makes: the one that was named, or the rule's."""
        made = _made_by(network)
        found = parse(self.critic) if self.critic else critic_of(network, made)
        if tuple(found.input) != tuple(made):
            raise NetworkError(
                f"expected a critic that takes pictures of {shape_text(made)}, as the network makes them, received one "
                f"for {shape_text(found.input)}; begin it with {'x'.join(map(str, made))}"
            )
        if len(output := analyse(found).output_shape) not in (1, 3) or output[-1] != 1:
            raise NetworkError(
                f"expected a critic that says one number of a picture, or of each of its places, received one whose "
                f"output is {shape_text(output)}; end it with dense 1"
            )
        return found

    def asked_with(self, network: Network, named: str) -> Mapping[str, str]:
        """The critic's text form, where it was named or hangs on a name that `named` lacks."""
        plain = replace(network, name=network.name if named == network.name else "")
        usual, own = replace(self, critic="").critic_for(plain), self.critic_for(network)
        return {} if own == replace(usual, name=own.name) else {"critic": str(own)}

    def is_paired(self, critic: Network) -> bool:
        """Whether a critic judges each picture alone, without batch normalisation."""
        rows = analyse(critic).rows
        return not any(isinstance(row.operation, ops.Normalise) and row.operation.over == "batch" for row in rows)

    def check(self, network: Network, shape: tuple[int, int, int]) -> None:
        """Raise NetworkError for one that does not make pictures of the set's shape of vectors, or a critic that does
        not take them.
        """
        made = _made_by(network)
        if len(network.input) != 1 or network.reads_whole_numbers or tuple(made) != tuple(shape):
            raise NetworkError(
                f"expected a network that makes pictures of {shape_text(shape)} of a vector, received one that makes "
                f"{shape_text(made)} of {shape_text(network.input)}; begin it with '64: dense', reshape that, "
                f"and end it with 'deconv {shape[2]} 4x4 strides=2 same tanh', or take dcgan or r3gan"
            )
        self.critic_for(network)

    def check_training(self, balance: str, augmentation: Augmentation) -> None:
        """Refuse what needs classes, or would be learned as part of the pictures."""
        if balance != "none":
            raise SettingError("recipe: expected balance 'none', since pictures that are alike have no classes")
        if augmentation.mixup or augmentation.cutout:
            raise SettingError(
                f"recipe: expected an augmentation that leaves pictures whole, since what it does to them is learned "
                f"too, received {augmentation}"
            )

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A picture."""
        return tuple(shape), f"'deconv {shape[-1]} 4x4 strides=2 same tanh' at the pictures' size"

    def outputs(self, module: nn.Module, preprocessing: Preprocessing, images: torch.Tensor) -> torch.Tensor:
        """The features of images and of as many made ones, N×2×features. Each one's noise follows from an image, so
        that equal sets are measured alike, in whatever parts.
        """
        flat = images.flatten(1).cpu().long()
        seeds = (flat * torch.arange(1, flat.shape[1] + 1)).sum(1).tolist()
        made = made_of(module, preprocessing, torch.cat([noise_for(module, 1, seed) for seed in seeds]))
        return torch.stack([features(images.to(made.device)), features(made)], 1)

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """What it says is the picture itself."""
        return scores

    def objective(
        self, network: nn.Module, label_smoothing: float, class_weights: torch.Tensor | None
    ) -> task.Objective:
        """There is none: what a picture should be is learned, by the step "adversarial"."""
        raise SettingError("synthesis has no loss of one network alone; it is trained by the step 'adversarial'")

    def counts(self) -> task.Counts:
        """Moments of real and made pictures' features."""
        return _Moments()

    def measured(self, counts: Sequence[torch.Tensor]) -> Distance:
        """The distance between the two. No loss: that is between two networks, and says little."""
        real, made = counts
        size = math.isqrt(len(real) - 1)
        return Distance(self, {"distance": frechet(real, made), "loss": math.nan}, int(real[0]), size)

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> task.Answer:
        """Refused: a network that makes pictures takes none."""
        raise SettingError(
            f"{model.network.name or 'this network'} makes pictures and takes none; hubel predict RUN -o grid.png "
            "makes some, and hubel.tasks.synthesis.pictures.pictures(model, 16) gives them in Python"
        )

    def make(self, model: LoadedModel, **how: Any) -> Pictures:
        """Pictures, of noise of a seed; see `hubel.tasks.synthesis.pictures.Pictures`."""
        return Pictures.of(model, **how)

    def vectors(self, model: LoadedModel) -> tuple[list[list[float]], list[int]] | None:
        """Those of the first pictures of a report's grid, and the foremost numbers of all of these."""
        noise = noise_for(model.module, _GRID * _GRID, seed=0)
        return noise[:_GRID].tolist(), foremost(model, noise[:_GRID], _SLIDERS)

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Made pictures, and steps from one to another."""
        some = pictures(model, _GRID * _GRID, seed=0)
        steps = between(model, 10, rows=3, seed=1)
        return [
            task.Section("makes", "What it makes", pictures=[(f"{len(some)}, of noise of seed 0", grid(some))]),
            task.Section(
                "between",
                "From one to another",
                note="Pictures of vectors on the way from one to another. Where each is a picture too, the network has "
                "learned more than single ones.",
                pictures=[("three ways, ten steps each", grid(steps, 10))],
            ),
        ]

    def compared(
        self, model: LoadedModel, dataset: Dataset, training: Dataset | None, judge: LoadedModel | None, told: str
    ) -> Sequence[task.Section]:
        """Distances beside their floors, how often each class is made, and the training pictures that are nearest."""
        known = dataset if training is None else training
        which = "real" if training is None else "training"
        beside = []
        for made, real, index, apart in nearest(pictures(model, _BESIDE, seed=0), known):
            words = (
                f"made, and the nearest of {len(known):,} {which} pictures ({called(known, index)}), {apart:.1f} apart"
            )
            beside.append((words, np.concatenate([shown(made), shown(real)], 1)))
        note = "apart: the root of the mean squared difference of grey levels"
        if training is None:
            note += "; the training pictures could not be read, so that this says nothing of memory"
        counted = how_good(model, dataset, training, judge, told)
        return [*counted, task.Section("nearest", "Is it memory?", note, pictures=beside)]


@dataclass(frozen=True)
class Distance(task.Numbers):
    """The distance of made pictures to so many real ones, by so many features of each."""

    pictures: int = 0
    features: int = 0

    @property
    def note(self) -> str:
        """What the distance cannot be held against, where there are few pictures."""
        return few_pictures(self.pictures, self.features)

    def data(self) -> dict[str, Any]:
        """The distance, and how many pictures it is to."""
        return {**self.values, "pictures": self.pictures}

    def table(self, most: int) -> task.Table:
        """The distance, with the note."""
        return replace(super().table(most), note=self.note)


class _Moments(task.Counts):
    def __init__(self) -> None:
        self.both: list[torch.Tensor] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count the features of a batch, N×2×features."""
        found = [moments(outputs[:, which]) for which in range(2)]
        self.both = [old + new for old, new in zip(self.both, found, strict=True)] if self.both else found

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Real ones, made ones."""
        return self.both[0].cpu(), self.both[1].cpu()


def _made_by(network: Network) -> Shape:
    return tuple(analyse(network).output_shape)
