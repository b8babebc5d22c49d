"""Q-learning: a network learns what each action is worth of what is seen, by playing as it takes to be best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from hubel.arch import Network
from hubel.base.errors import SettingError
from hubel.data import Batch, Dataset, Preprocessing
from hubel.data.feed.device import sent
from hubel.data.games.environments import Environments
from hubel.nn import NetworkModule, build, evaluation_mode
from hubel.tasks import Task
from hubel.tasks.results import LOSS
from hubel.train.loop.parameter_groups import make_optimizers, set_rate
from hubel.train.loop.playing.kept import Games, Memory
from hubel.train.loop.ways.step import Ready, Step, alone
from hubel.train.loop.ways.supervised import normalised
from hubel.train.recipe.initialise import start_weights
from hubel.train.recipe.recipe import Recipe

_GAMES = {"replay": 8, "cells": 64, "pictures": 16}  # side by side, where nothing is said
_PARTS = {False: 4, True: 8}  # in how many updates each time, where a picture is of one moment, and of four
_ONLY = {"precision": "float32", "micro_batch": 0, "freeze": "", "label_smoothing": 0.0, "ema": 0.0}


@runtime_checkable
class Played(Protocol):
    """A task whose examples are played: `hubel.tasks.play.task.Play` says what these are."""

    games: int
    discount: float
    trace: float
    explore: float
    exploring: float
    memory: int
    every: int
    passes: ClassVar[int]
    drawn: ClassVar[int]
    apart: ClassVar[int]

    def environments(self, games: int) -> Environments:
        """So many games."""

    def is_replayed(self, network: Network) -> bool:
        """Whether a network learns by replay."""


class QLearning(Step):
    """Plays as many frames as a batch has pictures, and learns from them.

    A network whose layers are normalised learns from what was just played, of many games side by side, by λ-returns
    (Gallici et al. 2024, "PQN"): no replay, no target network. One without learns from moments drawn from a memory, by
    what a copy of itself, renewed now and then, takes the next moment to be worth (Mnih et al. 2015, "DQN").

    The chance of an action at random falls from 1 to `explore` over the first `exploring` of all frames. `figures`: the
    loss, points a game of late, and that chance.
    """

    name: ClassVar[str] = "q-learning"
    shared: ClassVar[bool] = False

    def __init__(
        self, network: Network, recipe: Recipe, task: Task, preprocessing: Preprocessing, training: Dataset
    ) -> None:
        if not isinstance(task, Played):
            raise SettingError(f"the step of Q-learning is for tasks that are played, received the task {task.name}")
        for name, only in _ONLY.items():
            if getattr(recipe, name) != only:
                raise SettingError(
                    f"recipe: expected {name} {only!r} where a network learns by playing, received "
                    f"{getattr(recipe, name)!r}"
                )
        self.recipe, self.task, self.preprocessing = recipe, task, preprocessing
        self.figures = (LOSS, *task.running)
        self.device = torch.device(recipe.device)
        self.network = self._built(network)
        size = min(recipe.batch_size, len(training))
        self.games = Games(task.environments(self._side_by_side(network, training, size)))
        environments = self.games.environments
        self.steps = max(1.0, recipe.epochs * (training.targets.order(recipe.seed, size).size // size))
        self.target: NetworkModule | None = None
        self.memory: Memory | None = None
        if task.is_replayed(network):
            self.memory, self.target = Memory(environments, task.memory), self._built(network)
            self.target.load_state_dict(self.network.state_dict())
        self.updates = nn.Module()
        self.updates.register_buffer("number", torch.zeros(1, dtype=torch.int64))
        self.to_training()
        self.optimizers = make_optimizers(self.network, recipe)
        environments.begin(_random())

    def _side_by_side(self, network: Network, training: Dataset, size: int) -> int:
        kind = "replay" if self.task.is_replayed(network) else "pictures" if training.shape[0] > 36 else "cells"
        games = min(size, self.task.games or _GAMES[kind])
        if size % games:
            raise SettingError(
                f"recipe: expected a batch_size that {games} games side by side can share equally, received {size}; "
                f"{max(1, size // games) * games} would do"
            )
        return games

    def _built(self, network: Network) -> NetworkModule:
        module = build(network)
        start_weights(module, self.recipe)
        layout = torch.channels_last if self.recipe.memory_format == "channels-last" else torch.contiguous_format
        return module.to(self.device, memory_format=layout)  # type: ignore[call-overload, no-any-return]

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The network, the games, updates so far; of replay the target network and the memory."""
        found: dict[str, nn.Module] = {"network": self.network, "games": self.games, "updates": self.updates}
        if self.target is not None and self.memory is not None:
            found |= {"target": self.target, "memory": self.memory}
        return found

    def __call__(self, batch: Batch, rate: float, number: int, ready: Ready = alone) -> torch.Tensor:
        """Play so many frames, and learn."""
        set_rate(self.optimizers, rate)
        random, epsilon = _random(), self.epsilon(number)
        steps = max(1, len(batch.positions) // self.games.environments.games)
        learn = self._by_traces if self.memory is None else self._by_replay
        loss = learn(steps, epsilon, random, ready)
        told = torch.tensor([self.games.played(), epsilon], dtype=torch.float32)
        return torch.cat([loss.reshape(1), sent(told, self.device)])

    def epsilon(self, number: int) -> float:
        """The chance of an action at random at a step."""
        done = number / self.steps / max(1e-9, self.task.exploring)
        return max(self.task.explore, 1 - (1 - self.task.explore) * done)

    def _by_traces(self, steps: int, epsilon: float, random: np.random.Generator, ready: Ready) -> torch.Tensor:
        games = self.games.environments
        kept: list[tuple[Any, ...]] = []
        worth: list[torch.Tensor] = []
        with evaluation_mode(self.network), torch.no_grad():
            for _ in range(steps):
                pictures = games.pictures()
                scores = self._scores(pictures)
                done = self._chosen(scores, epsilon, random)
                kept.append((pictures, done, *self.games.step(done, random)))
                worth.append(scores.amax(1))
            worth.append(self._scores(games.pictures()).amax(1))
        images, actions, rewards, over = (
            sent(torch.from_numpy(np.stack(each)), self.device) for each in zip(*kept, strict=True)
        )
        wanted = self._returns(rewards, over, worth).flatten()
        images, actions = images.flatten(0, 1), actions.flatten()
        losses = []
        for _ in range(self.task.passes):
            for some in torch.randperm(len(wanted)).tensor_split(min(_PARTS[games.stacked], len(wanted))):
                part = sent(some, self.device)
                losses.append(self._change(images[part], actions[part], wanted[part], ready))
        return torch.stack(losses).mean()

    def _returns(self, rewards: torch.Tensor, over: torch.Tensor, worth: list[torch.Tensor]) -> torch.Tensor:
        """λ-returns, steps×games: what an action brought, and of what came after a share as it was, a share as the
        network took it to be worth.
        """
        trace, found, after = self.task.trace, torch.empty_like(rewards), worth[-1]
        for step in reversed(range(len(rewards))):
            found[step] = rewards[step] + self.task.discount * after * ~over[step]
            after = (1 - trace) * worth[step] + trace * found[step]
        return found

    def _by_replay(self, steps: int, epsilon: float, random: np.random.Generator, ready: Ready) -> torch.Tensor:
        assert self.memory is not None
        assert self.target is not None
        games, losses = self.games.environments, []
        owed = 0.0
        for _ in range(steps):
            pictures = games.pictures()
            with evaluation_mode(self.network), torch.no_grad():
                done = self._chosen(self._scores(pictures), epsilon, random)
            self.memory.add(pictures, done, *self.games.step(done, random))
            owed += games.games / self.task.apart
            while owed >= 1:
                owed -= 1
                if self.memory.ready(self.task.drawn):
                    losses.append(self._remembered(ready))
        return torch.stack(losses).mean() if losses else torch.zeros((), device=self.device)

    def _remembered(self, ready: Ready) -> torch.Tensor:
        assert self.memory is not None
        assert self.target is not None
        number: Any = self.updates.number
        if int(number) % self.task.every == 0:
            self.target.load_state_dict(self.network.state_dict())
        number += 1
        seen, done, brought, over, after = (sent(each, self.device) for each in self.memory.draw(self.task.drawn))
        with torch.no_grad():
            best = self.target.logits(self._inputs(after)).amax(1)
            wanted = brought + self.task.discount * best * ~over
        return self._change(seen, done, wanted, ready)

    def _change(self, images: torch.Tensor, actions: torch.Tensor, wanted: torch.Tensor, ready: Ready) -> torch.Tensor:
        """One update: what was done should be worth what was found. Errors above 1 count as they are, not squared, in
        replay (Mnih et al. 2015).
        """
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        worth = self.network.logits(self._inputs(images)).float().gather(1, actions[:, None])[:, 0]
        loss = F.mse_loss(worth, wanted) / 2 if self.memory is None else F.smooth_l1_loss(worth, wanted)
        loss.backward()
        found = loss.detach()
        ready(self.network, found)
        if self.recipe.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm, foreach=True)
        for optimizer in self.optimizers:
            optimizer.step()
        return found

    def _inputs(self, images: torch.Tensor) -> torch.Tensor:
        return normalised(images, self.preprocessing, self.recipe)

    def _scores(self, pictures: Any) -> torch.Tensor:
        found: torch.Tensor = self.network.logits(self._inputs(sent(torch.from_numpy(pictures), self.device)))
        return found.float()

    def _chosen(self, scores: torch.Tensor, epsilon: float, random: np.random.Generator) -> Any:
        """The best action of each game, or one at random. Games are played on the processor: it has to be fetched."""
        best = scores.argmax(1).cpu().numpy()
        others = random.integers(0, scores.shape[1], len(best))
        return np.where(random.random(len(best)) < epsilon, others, best)


def _random() -> np.random.Generator:
    """A generator by PyTorch's, which is seeded anew before every step."""
    return np.random.default_rng(int(torch.randint(2**62, (1,))))
