"""Play: its figures, its rules, and what is shown of it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hubel.arch import Network, analyse, ops
from hubel.base.errors import SettingError
from hubel.base.numbers import counted
from hubel.base.plain import as_number, as_text, as_whole
from hubel.data import Dataset, Preprocessing, Splits
from hubel.data.games.environments import Environments, in_colour
from hubel.data.games.load import GameDescription, describe, load
from hubel.data.games.named import environments, is_game, is_own
from hubel.data.games.targets import Playing
from hubel.tasks import task
from hubel.tasks.model import LoadedModel
from hubel.tasks.play.film import Film, frame
from hubel.tasks.play.playing import EPSILON, STEP, moment_of, moments, returns

_FRAMES = {False: 1_000_000, True: 10_000_000}  # to be played in all: of one moment, of four
_SHOWN = 12  # moments of a game in a report
_SEED = 1_000_003  # of games that are measured by, apart from those of training


@dataclass(frozen=True)
class Play(task.Task):
    """The task of playing a game: saying what each action is worth, and by it, which to do.

    game: its word. classes: its actions. games: how many are played side by side, 0 for the rule's. discount: what a
    point is worth a step later. trace: of λ-returns, how far they look beyond the next step before they trust the
    network (0 to 1). explore: the chance of an action at random in the end, and exploring: the share of training over
    which it falls to that from 1. memory: frames that replay remembers. every: updates between two renewals of the
    target network.
    passes: how often λ-returns are learned from; drawn, apart: moments of an update of replay, and the frames that are
    played between two (Mnih et al. 2015).
    """

    game: str
    classes: tuple[str, ...]
    games: int = 0
    discount: float = 0.99
    trace: float = 0.65
    explore: float = 0.05
    exploring: float = 0.3
    memory: int = 100_000
    every: int = 1_000
    passes: ClassVar[int] = 2
    drawn: ClassVar[int] = 32
    apart: ClassVar[int] = 4
    name: ClassVar[str] = "play"
    step: ClassVar[str] = "q-learning"
    figures: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("return", "points a game", "number"),
        task.Figure("steps", "steps a game", "number"),
    )
    running: ClassVar[tuple[task.Figure, ...]] = (
        task.Figure("played", "points a game of late", "number"),
        task.Figure("epsilon", "at random"),
    )
    noun: ClassVar[tuple[str, str]] = ("action", "actions")
    example: ClassVar[tuple[str, str]] = ("frame", "frames")
    measured_by: ClassVar[str] = "games"
    as_it_is: ClassVar[str] = "a game"
    asked: ClassVar[str] = "-o game.gif"
    reads_like: ClassVar[bool] = False
    of_one: ClassVar[bool] = False
    measures_loss: ClassVar[bool] = False
    guesses: ClassVar[bool] = False
    shares: ClassVar[bool] = False
    scores_classes: ClassVar[bool] = True
    score: ClassVar[str] = "worth"

    @classmethod
    def recognises(cls, source: str) -> bool:
        """The word of a game."""
        return is_game(source)

    @classmethod
    def load(cls, source: str, **settings: Any) -> Splits:
        """Pictures of random play, and games to measure by; see `hubel.data.games.load`."""
        return load(source, **settings)

    @classmethod
    def describe(cls, source: str, **settings: Any) -> GameDescription:
        """Its actions, and what comes of random play."""
        return describe(source, **settings)

    @classmethod
    def for_dataset(cls, dataset: Dataset) -> Play:
        """The task of playing this game."""
        targets = dataset.targets
        if not isinstance(targets, Playing):
            raise SettingError(f"{dataset.name}: expected a game, received targets for {targets.task}")
        return cls.from_settings(targets.classes, {"game": targets.game, **targets.how})

    def settings(self) -> dict[str, Any]:
        """All but name and actions."""
        return {each.name: getattr(self, each.name) for each in fields(self) if each.name != "classes"}

    @classmethod
    def from_settings(cls, classes: tuple[str, ...], settings: Mapping[str, Any]) -> Play:
        """The task with these settings. Raises SettingError for one out of its range."""
        kinds: dict[str, Any] = {"game": as_text, **dict.fromkeys(("games", "memory", "every"), as_whole)}
        given = {name: kinds.get(name, as_number)(value) for name, value in settings.items()}
        known = {each.name for each in fields(cls)}
        for name, value in given.items():
            if name not in known:
                raise SettingError(f"expected settings of playing, {', '.join(sorted(known))}, received {name}")
            low, high = (1, math.inf) if name in ("memory", "every") else (0, math.inf if name == "games" else 1)
            if name != "game" and not low <= value <= high:
                raise SettingError(f"expected {name} from {low} to {high:g}, received {value:g}")
        return cls(classes=tuple(classes), **given)

    def environments(self, games: int) -> Environments:
        """So many games."""
        found = environments(self.game, games)
        if found.actions != self.classes:
            raise SettingError(
                f"{self.game}: expected the actions {', '.join(self.classes)}, received {', '.join(found.actions)}"
            )
        return found

    @staticmethod
    def is_replayed(network: Network) -> bool:
        """Whether a network learns by replay and a target network (Mnih et al. 2015), since its layers are not
        normalised, or without them (Gallici et al. 2024), since normalised ones keep such learning steady.
        """
        rows = analyse(network).rows
        return not any(isinstance(row.operation, ops.Normalise) and row.operation.over != "batch" for row in rows)

    @classmethod
    def work(cls, network: Network) -> tuple[float, float]:
        """A look to act by, and what is learned from a frame: twice, or as often as replay draws one, whose target
        network looks too.
        """
        drawn = cls.drawn / cls.apart
        return (1 + drawn, drawn) if cls.is_replayed(network) else (1.0, float(cls.passes))

    def network(self, training: Dataset) -> task.Chosen:
        """The normalised one of the pictures' size."""
        small = training.shape[0] < 36  # which the larger one's convolutions do not fit
        return task.Chosen(
            "minatar_pqn" if small else "pqn", {}, f"pictures of {training.shape[0]}×{training.shape[1]}"
        )

    @classmethod
    def rules(cls, network: Network, training: Dataset) -> Mapping[str, Any]:
        """A million frames of a game of ours, ten of others; the rate, batches and clipping of the two papers' kinds of
        learning.
        """
        replayed, large = cls.is_replayed(network), training.shape[0] > 36
        epoch = training.targets.order(0, 1).size
        return {
            "epochs": float(max(1, round(_FRAMES[large] / epoch))),
            "batch_size": min(len(training), 128 if replayed else 1024 if not large else 512),
            "optimizer": "adam",
            "learning_rate": 2.5e-4 if replayed else 1e-3 if not large else 3e-4,
            "momentum": 0.9,
            "beta2": 0.999,
            "schedule": "constant" if replayed else "cosine",
            "warmup": 0.0,
            "clip_norm": 10.0,
            "ema": 0.0,
            "label_smoothing": 0.0,
            "augmentation": "none",
            "monitor": "return",
            "initializer": "pytorch",
            "precision": "float32",
            "checkpoint_seconds": 300.0 if large and replayed else 30.0,
        }

    def output(self, shape: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """A number an action."""
        return (len(self.classes),), f"'dense {len(self.classes)}'"

    def outcome(self, scores: torch.Tensor) -> torch.Tensor:
        """The worth itself."""
        return scores

    def tell(self, outcome: float) -> str:
        """A worth as a number."""
        return f"{outcome:.3f}"

    def objective(
        self, network: nn.Module, label_smoothing: float, class_weights: torch.Tensor | None
    ) -> task.Objective:
        """There is none of pictures alone: what is learned from is played, by the step "q-learning"."""
        raise SettingError("what actions are worth is learned by playing; it is trained by the step 'q-learning'")

    def stretches(self, examples: int, steps: int, at_once: int) -> Iterator[slice]:
        """All games side by side."""
        yield slice(0, examples)

    def outputs(self, module: nn.Module, preprocessing: Preprocessing, images: torch.Tensor) -> torch.Tensor:
        """Points and steps of as many games as there are pictures, N×2, float32. Their seeds are always the same."""
        found = returns(self.environments(len(images)), module, preprocessing, _SEED, EPSILON)
        return torch.from_numpy(found)

    def counts(self) -> task.Counts:
        """Sums over games."""
        return _Games()

    def measured(self, counts: Sequence[torch.Tensor]) -> Metrics:
        """Points a game, and how they are spread."""
        points, squares, steps, games, least, most = counts[0].tolist()
        mean = points / max(1, games)
        return Metrics(
            self,
            mean,
            math.sqrt(max(0.0, squares / max(1, games) - mean**2)),
            steps / max(1, games),
            int(games),
            least,
            most,
        )

    def prepared(self, model: LoadedModel, given: Any) -> npt.NDArray[np.uint8]:
        """A picture of the game, uint8 H×W×C, as `hubel.data.games.environments` gives them; of the game's word that
        which the network sees after 50 steps of a game that it plays, of `GAME#STEP` after so many.
        """
        if isinstance(given, str) and is_game(given):
            return moment_of(model, self.game, self.environments(1), given)
        if isinstance(given, (str, os.PathLike)):
            raise SettingError(
                f"{os.fspath(given)}: a model that plays takes no file; {self.game} has it play to step {STEP} and "
                f"shows what it sees, {self.game}#{4 * STEP} to step {4 * STEP}"
            )
        array = np.asarray(given)
        shape = model.preprocessing.height, model.preprocessing.width, model.preprocessing.channels
        if array.shape != shape or array.dtype != np.uint8:
            raise SettingError(
                f"expected a picture of the game as the network sees it, uint8 {'×'.join(map(str, shape))}, "
                f"received {array.dtype} {'×'.join(map(str, array.shape)) or type(given).__name__}"
            )
        return array

    def visible(self, prepared: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Of games of ours things in colours; of others the newest frame."""
        return in_colour(prepared > 0) if is_own(self.game) else prepared[..., -1:]

    def answer(self, model: LoadedModel, image: Any, top: int = 3) -> Chosen:
        """What each action is worth of one picture, an array uint8 H×W×C."""
        found: Chosen = self.answers(model, self.prepared(model, image)[None], top)[0]
        return found

    def answers(self, model: LoadedModel, prepared: npt.NDArray[np.uint8], top: int = 3) -> list[Any]:
        """What each action is worth, of pictures."""
        from hubel.tasks.measure import outputs_of

        found = outputs_of(model, prepared).tolist()
        return [Chosen(tuple(zip(self.classes, worth, strict=True))) for worth in found]

    def measures(self, examples: int) -> str:
        """That games are played, which may take minutes."""
        return f"playing {counted(examples, 'game')}, and as many at random"

    def make(self, model: LoadedModel, **how: Any) -> Film:
        """A game as a film; see `hubel.tasks.play.film.Film`."""
        return Film.of(self, model, **how)

    def sections(self, model: LoadedModel, dataset: Dataset) -> Sequence[task.Section]:
        """Points beside those of random play, and moments of a game."""
        games = len(dataset)
        own = returns(self.environments(games), model.module, model.preprocessing, _SEED, EPSILON)[:, 0]
        chance = returns(self.environments(games), None, None, _SEED, 1.0)[:, 0]
        rows = tuple(
            (name, f"{each.mean():.2f}", f"{each.std():.2f}", f"{each.min():g}", f"{each.max():g}")
            for name, each in (("this network", own), ("at random", chance))
        )
        note = (
            f"{games} games, an action at random with a chance of {EPSILON:g}; {'; '.join(self.environments(1).rules)}"
        )
        game, *_ = moments(self.environments(1), model.module, model.preprocessing, 500, 0, EPSILON)
        some = game[:: max(1, len(game) // _SHOWN)][:_SHOWN]
        limits = min(float(each.worth.min()) for each in game), max(float(each.worth.max()) for each in game)
        pictures = [(f"{each.points:g} points", frame(each, self.classes, limits)) for each in some]
        return [
            task.Section(
                "points", "Points", note, task.Table(("player", "#mean", "#deviation", "#least", "#most"), rows)
            ),
            task.Section(
                "moments",
                "Moments of a game",
                "The game, where the last convolution answers, and what each action is worth; hubel predict RUN -o "
                "game.gif makes the film.",
                pictures=pictures,
            ),
        ]


@dataclass(frozen=True, repr=False)
class Chosen(task.Answer):
    """What actions are worth at a moment. worth: of each, in the task's order."""

    worth: tuple[tuple[str, float], ...]

    @property
    def action(self) -> str:
        """The best one."""
        return max(self.worth, key=lambda each: each[1])[0]

    def data(self) -> dict[str, Any]:
        """The best action, and what each is worth."""
        return {"action": self.action, "worth": {name: round(value, 6) for name, value in self.worth}}

    def words(self) -> tuple[str, ...]:
        """The best action, and what each is worth."""
        return self.action, "  ".join(f"{name} {value:.3f}" for name, value in self.worth)


class _Games(task.Counts):
    """Points, their squares, steps, games, the least and the most points."""

    def __init__(self) -> None:
        self.parts: list[torch.Tensor] = []

    def add(self, outputs: torch.Tensor, targets: torch.Tensor) -> None:
        """Count games, N×2."""
        self.parts.append(outputs.double())

    def tensors(self) -> tuple[torch.Tensor, ...]:
        """All six, of games that are measured together."""
        points, steps = torch.cat(self.parts).T
        found = (
            points.sum(),
            points.square().sum(),
            steps.sum(),
            points.new_tensor(len(points)),
            points.min(),
            points.max(),
        )
        return (torch.stack(found).cpu(),)


@dataclass(frozen=True, repr=False)
class Metrics(task.Measured):
    """How well games were played: points, their deviation, steps, how many games, the least and the most points."""

    play: Play
    mean: float
    deviation: float
    steps: float
    games: int
    least: float
    most: float

    @property
    def figures(self) -> Mapping[str, float]:
        """Points and steps a game; no loss, since that is of what is learned from."""
        return {"return": self.mean, "steps": self.steps, "loss": math.nan}

    def data(self) -> dict[str, Any]:
        """All of it as plain values, and those of random play."""
        chance = self._chance()
        return {
            "return": self.mean,
            "deviation": self.deviation,
            "standard_error": self.deviation / math.sqrt(max(1, self.games)),
            "least": self.least,
            "most": self.most,
            "steps": self.steps,
            "games": self.games,
            "epsilon": EPSILON,
            "at_random": {
                "return": float(chance[:, 0].mean()),
                "deviation": float(chance[:, 0].std()),
                "least": float(chance[:, 0].min()),
                "most": float(chance[:, 0].max()),
                "steps": float(chance[:, 1].mean()),
            },
            "rules": list(self.play.environments(1).rules),
        }

    def sentence(self, of: str) -> str:
        """Points a game, with how sure that is."""
        sure = self.deviation / math.sqrt(max(1, self.games))
        games = f"{self.games} games of {self.play.game}, {EPSILON:g} of actions at random"
        return f"{self.mean:.2f} ± {sure:.2f} points a game in {games}"

    def table(self, most: int) -> task.Table:
        """The figures, beside those of random play."""
        chance = self._chance()
        rows = (
            ("points a game", f"{self.mean:.2f}", f"{chance[:, 0].mean():.2f}"),
            ("deviation between games", f"{self.deviation:.2f}", f"{chance[:, 0].std():.2f}"),
            ("least", f"{self.least:g}", f"{chance[:, 0].min():g}"),
            ("most", f"{self.most:g}", f"{chance[:, 0].max():g}"),
            ("steps a game", f"{self.steps:.1f}", f"{chance[:, 1].mean():.1f}"),
        )
        return task.Table(("figure", "#this network", "#at random"), rows, "; ".join(self.play.environments(1).rules))

    def _chance(self) -> npt.NDArray[np.float64]:
        """Points and steps of as many games that are played at random."""
        return returns(self.play.environments(self.games), None, None, _SEED, 1.0)
