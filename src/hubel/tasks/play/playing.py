"""Games that a network plays: many side by side, to measure it, and one to be looked at."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.data.games.environments import Environments
from hubel.nn import evaluation_mode
from hubel.nn.modules.own import own_hook
from hubel.tasks.outputs import outputs

if TYPE_CHECKING:
    from hubel.tasks.model import LoadedModel

EPSILON = 0.01  # chance of an action at random, where models are measured

STEP = 50  # of a game, whose moment is looked at

Array = npt.NDArray[Any]


class ShortGameWarning(UserWarning):
    """A game that was over before the step that is usually looked at."""


def returns(
    games: Environments, module: nn.Module | None, preprocessing: Preprocessing | None, seed: int, epsilon: float
) -> npt.NDArray[np.float64]:
    """Points and steps of one game each of so many, N×2, the best action taken but for a share of ones at random; all
    at random where there is no module.
    """
    random = np.random.default_rng(seed)
    games.begin(random)
    found, going = np.zeros((games.games, 2)), np.ones(games.games, bool)
    while going.any():
        actions = random.integers(0, len(games.actions), games.games)
        if module is not None and preprocessing is not None:
            best = outputs(module, preprocessing, torch.from_numpy(games.pictures())).argmax(1).cpu().numpy()
            actions = np.where(random.random(games.games) < epsilon, actions, best)
        rewards, over = games.step(actions, random)
        found[going, 0] += rewards[going]
        found[going, 1] += 1
        going &= ~over
    return found


@dataclass(frozen=True, eq=False)
class Moment:
    """A moment of a game: what people see (uint8 H×W×3), what the network was shown (uint8 H×W×C), how strongly its
    last map answered (float32 h×w, 0 to 1), each action's worth, which was done, points before that.
    """

    seen: Array
    shown: Array
    activity: Array
    worth: Array
    action: int
    points: float


def moments(
    games: Environments, module: nn.Module, preprocessing: Preprocessing, steps: int, seed: int, epsilon: float
) -> tuple[list[Moment], bool, float]:
    """One game, moment by moment, up to so many steps; whether it was over by then; and all of its points."""
    random = np.random.default_rng(seed)
    games.begin(random)
    found: list[Moment] = []
    points = 0.0
    maps: list[torch.Tensor] = []
    last = [each for each in module.modules() if isinstance(each, nn.Conv2d)][-1:]
    hooks = [each.register_forward_hook(own_hook(lambda _module, _given, answer: maps.append(answer))) for each in last]
    try:
        with evaluation_mode(module), torch.inference_mode():
            for _ in range(steps):
                shown, seen = games.pictures(), games.seen()
                maps.clear()
                worth = outputs(module, preprocessing, torch.from_numpy(shown))[0].cpu().numpy()
                action = int(worth.argmax())
                if random.random() < epsilon:
                    action = int(random.integers(0, len(games.actions)))
                activity = _activity(maps[0][0]) if maps else np.zeros((1, 1), np.float32)
                rewards, over = games.step(np.array([action]), random)
                found.append(Moment(seen, shown[0], activity, worth, action, points))
                points += float(rewards[0])
                if over[0]:
                    return found, True, points
    finally:
        for hook in hooks:
            hook.remove()
    return found, False, points


def moment_of(model: LoadedModel, game: str, games: Environments, given: str) -> Array:
    """What a network sees of its game after 50 steps that it plays, or last where that is over sooner (which a
    ShortGameWarning says), uint8 H×W×C; of `GAME#STEP` after so many. Raises SettingError where it is over before.
    """
    named, _, step = given.partition("#")
    if named.lower() != game.lower():
        raise SettingError(f"{given}: expected the game that the model plays, {game}")
    if step and not (step.isascii() and step.isdecimal() and len(step) < 6):
        raise SettingError(f"{given}: expected a step's number after #, such as {game}#{STEP}")
    wanted = int(step or STEP)
    found, *_ = moments(games, model.module, model.preprocessing, wanted + 1, 0, EPSILON)
    if step and len(found) <= wanted:
        raise SettingError(f"{given}: the game was over after {len(found):,} steps; take one below {len(found):,}")
    if len(found) <= wanted:
        told = f"{game}: the game was over after {len(found):,} steps, and its last moment is looked at"
        warnings.warn(told, ShortGameWarning, stacklevel=2)
    return found[-1].shown


def _activity(maps: torch.Tensor) -> Array:
    """How strongly places of maps C×H×W answer, over the strongest one: what is above zero, added over channels."""
    strength = maps.float().clamp_min(0).sum(0)
    found: Array = (strength / strength.max().clamp_min(1e-6)).cpu().numpy()
    return found
