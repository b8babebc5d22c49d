"""A game as a data set: pictures of random play, by which shades are scaled, and games to measure by."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hubel.base.errors import SettingError
from hubel.base.numbers import counted
from hubel.data._dataset import Dataset, Splits, splits_of
from hubel.data.games.environments import Environments
from hubel.data.games.named import environments
from hubel.data.games.targets import Playing
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table

EPOCH = 65_536  # frames
_RANDOM = {False: (32, 4096), True: (4, 512)}  # games, and pictures of random play, of one moment and of four
_SHORT, _LONG = {False: 10, True: 5}, 100  # games to measure by, on the way and in the end
_OF_FILES = ("parts", "labels", "image_column", "label_column", "label_kind", "image_folder", "void", "vocabulary")
_APART = 5  # frames between two pictures that are kept


_OF_PICTURES = {"fit": "auto", "bad_images": "stop"}  # which come with their usual values whatever is read


def load(
    source: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    validation: Any = 0.0,
    frames: int = EPOCH,
    how: dict[str, Any] | None = None,
    **others: object,
) -> Splits:
    """Pictures of a game (see `hubel.data.games.named`): in training those of random play, whose shades say how all are
    scaled, while what is learned from is played on the way. The other parts are so many games that are measured by: 10
    (5 of four moments) for validation, 100 for the test.

    frames: of an epoch. size, channels: of what the network sees; refused where the game's pictures are others. how:
    settings of the task. validation: refused, since nothing is held out of games. Raises SettingError for a game that
    is not there.
    """
    word = os.fspath(source)
    unusual = [name for name, usual in _OF_PICTURES.items() if others.get(name, usual) != usual]
    if said := [*(name for name in others if name in _OF_FILES), *unusual]:
        raise SettingError(f"{word}: is a game, for which {', '.join(said)} means nothing")
    random = np.random.default_rng(0)
    first = environments(word, 1)
    many, kept = _RANDOM[first.stacked]
    many, kept = min(many, frames), min(kept, frames)
    found = environments(word, many)
    wanted = (*(size or found.shape[:2]), channels or found.shape[2])
    if wanted != found.shape:
        shape, other = ("×".join(map(str, each)) for each in (found.shape, wanted))
        names = "dqn or pqn" if found.stacked else "minatar or minatar_pqn"
        raise SettingError(
            f"{word}: expected a network for the game's pictures of {shape}, received one for {other}; take {names}, "
            f"or begin it with {shape.replace('×', 'x')}"
        )
    if isinstance(validation, float) and validation:
        raise SettingError(f"{word}: nothing is held out of a game, which is played anew; leave --validation out")
    pictures = _of_random_play(found, random, kept)
    played = Playing(kept, word, found.actions, frames // kept, dict(how or {}))
    parts = {"train": (pictures, played)}
    for name, number in (("validation", _SHORT[first.stacked]), ("test", _LONG)):
        parts[name] = pictures[:1].repeat(number, 0), replace(played, number=number, times=1)
    sets = {name: Dataset(*each, name=f"{word} {name}", fit="stretch") for name, each in parts.items()}
    told = (f"{word}: {len(found.actions)} actions ({', '.join(found.actions)})", *found.rules)
    return replace(splits_of(sets), notes=("; ".join(told),))


def _of_random_play(found: Environments, random: np.random.Generator, kept: int) -> Any:
    found.begin(random)
    pictures = []
    for step in range(kept // found.games * _APART):
        found.step(random.integers(0, len(found.actions), found.games), random)
        if step % _APART == 0:
            pictures.append(found.pictures())
    return np.concatenate(pictures)[:kept]


@dataclass(frozen=True, repr=False)
class GameDescription(Finding):
    """What a game is before anything is learnt of it. points: of so many games at random, the mean and the deviation;
    steps: the mean. pace: frames a second of the games alone, on this machine at this moment. rules: in sentences.
    """

    name: str
    shape: tuple[int, int, int]
    actions: tuple[str, ...]
    points: tuple[float, float]
    steps: float
    games: int
    pace: float
    rules: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """All of it as plain values."""
        mean, deviation = self.points
        return {
            "name": self.name,
            "task": "play",
            "picture": list(self.shape),
            "actions": list(self.actions),
            "random": {"return": mean, "deviation": deviation, "steps": self.steps, "games": self.games},
            "frames_per_second": self.pace,
            "rules": list(self.rules),
        }

    def shown(self) -> list[Part]:
        """Pictures, actions, points at random, pace, rules."""
        mean, deviation = self.points
        size = "×".join(map(str, self.shape))
        rows = (
            ("actions", f"{len(self.actions)}: {', '.join(self.actions)}"),
            ("points a game, at random", f"{mean:.2f}, deviation {deviation:.2f}, of {counted(self.games, 'game')}"),
            ("steps a game, at random", f"{self.steps:.1f}"),
            ("frames a second of the games alone", f"{self.pace:,.0f}"),
        )
        return [f"{self.name}: a game of pictures {size}", Table(("", ""), rows), *self.rules]


def describe(source: str | os.PathLike[str], **settings: Any) -> GameDescription:
    """What a game is, by games of it that are played at random."""
    load(source, **settings)  # which refuses what a game has no use for
    word = os.fspath(source)
    number = _SHORT[environments(word, 1).stacked]
    found, random = environments(word, number), np.random.default_rng(0)
    began = time.process_time()
    found.begin(random)
    total, steps, going = np.zeros(number), np.zeros(number), np.ones(number, bool)
    frames = 0
    while going.any():
        rewards, over = found.step(random.integers(0, len(found.actions), number), random)
        found.pictures()
        total += np.where(going, rewards, 0)
        steps += going
        going &= ~over
        frames += number
    pace = frames / max(1e-9, time.process_time() - began)
    spread = float(total.mean()), float(total.std())
    return GameDescription(word, found.shape, found.actions, spread, float(steps.mean()), number, pace, found.rules)
