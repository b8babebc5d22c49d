"""Games from pictures: hubel's two kinds of Q-learning, a plain DQN script, and chance, each as long on one thread.

    python benchmarks/tasks/play.py [--game minatar:breakout] [--seconds 120] [--seeds 1] [--only plain,minatar]

All play by the same rules, and are measured alike in the end: 100 games, an action at random with a chance of 0.01.
Seconds are of the processor (user and system), one thread, training alone, so that others on the machine change them
little. The plain script is the usual one: one game at a time, replay of 100,000 frames, an update of 32 moments every
frame from 5,000 frames on, a target network renewed every 1,000, RMSprop, actions at random from 1 down to 0.1 over
100,000 frames (Young, Tian 2019).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import hubel
from hubel.arch import Network
from hubel.data import Preprocessing, Splits
from hubel.data.games.named import environments
from hubel.tasks import LoadedModel, load, task_of
from hubel.tasks.play.playing import EPSILON, returns
from hubel.train import Recipe, choose, train

_SEED = 77  # of the games that are measured by


class Plain(nn.Module):
    """MinAtar's network, for uint8 pictures N×H×W×C as they are."""

    def __init__(self, channels: int, actions: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 16, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1024, 128),
            nn.ReLU(),
            nn.Linear(128, actions),
        )

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """What actions are worth, N×actions."""
        return self.layers(pictures.permute(0, 3, 1, 2).float() / 255)

    scores = forward


def plain(game: str, seconds: float, seed: int) -> tuple[nn.Module, int]:
    """A plain DQN after so many seconds, and how many frames it saw."""
    torch.manual_seed(seed)
    random.seed(seed)
    dice = np.random.default_rng(seed)
    games = environments(game, 1)
    games.begin(dice)
    own, target = (Plain(games.shape[2], len(games.actions)) for _ in range(2))
    target.load_state_dict(own.state_dict())
    optimizer = torch.optim.RMSprop(own.parameters(), 2.5e-4, alpha=0.95, centered=True, eps=0.01)
    size, frames = 100_000, 0
    seen, then = (np.zeros((size, *games.shape), np.uint8) for _ in range(2))
    told = np.zeros((size, 3), np.float32)
    began, now = time.process_time(), games.pictures()
    while time.process_time() - began < seconds:
        epsilon = max(0.1, 1 - 0.9 * max(0, frames - 5000) / 100_000)
        if random.random() < epsilon:
            action = random.randrange(len(games.actions))
        else:
            with torch.inference_mode():
                action = int(own(torch.from_numpy(now)).argmax())
        reward, over = games.step(np.array([action]), dice)
        after, place = games.pictures(), frames % size
        seen[place], then[place], told[place] = now[0], after[0], (action, reward[0], over[0])
        now, frames = after, frames + 1
        if frames < 5000:
            continue
        some = dice.integers(0, min(frames, size), 32)
        actions, rewards, ends = torch.from_numpy(told[some]).T
        with torch.no_grad():
            wanted = rewards + 0.99 * (1 - ends) * target(torch.from_numpy(then[some])).amax(1)
        worth = own(torch.from_numpy(seen[some])).gather(1, actions.long()[:, None])[:, 0]
        loss = F.smooth_l1_loss(worth, wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if frames % 1000 == 0:
            target.load_state_dict(own.state_dict())
    return own, frames


def paced(network: Network, splits: Splits, recipe: Recipe, folder: Path) -> float:
    """Frames a second of the processor in training, by a short one."""
    began = time.process_time()
    train(network, splits, recipe.replace(epochs=0.5), folder)
    return 0.5 * splits.train.targets.order(0, 1).size / (time.process_time() - began)


def own(game: str, name: str, seconds: float, seed: int) -> tuple[LoadedModel, int, float]:
    """Hubel's after about so many seconds, nothing measured on the way: the model, frames, seconds."""
    splits = load(game)
    splits = Splits(splits.train, None, None, notes=splits.notes)
    network = hubel.zoo.get(name, input=splits.train.shape, classes=len(splits.train.classes))
    recipe = choose(network, splits.train).replace(seed=seed, threads=1, measure_every=1_000_000)
    with tempfile.TemporaryDirectory() as folder:
        pace = paced(network, splits, recipe, Path(folder) / "short")
        epochs = pace * seconds / splits.train.targets.order(0, 1).size
        began = time.process_time()
        run = train(network, splits, recipe.replace(epochs=epochs), Path(folder) / "run")
        took = time.process_time() - began
        return run.model(), run.metrics[-1].step * recipe.batch_size, took


def told(name: str, points: np.ndarray, **more: float) -> dict[str, object]:
    error = points.std() / len(points) ** 0.5
    return {"player": name, "points": round(points.mean(), 2), "standard error": round(error, 2), **more}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", default="minatar:breakout")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="minatar_pqn,minatar,plain")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    task = task_of(load(chosen.game, frames=64).train)
    games = task.environments(100)
    print(json.dumps(told("at random", returns(games, None, None, _SEED, 1.0)[:, 0])), flush=True)
    for seed in range(chosen.seeds):
        for name in chosen.only.split(","):
            if name == "plain":
                module, frames = plain(chosen.game, chosen.seconds, seed)
                module, scale, took = module.eval(), Preprocessing(10, 10, 1, (0.0,), (1.0,)), chosen.seconds
            else:
                model, frames, took = own(chosen.game, name, chosen.seconds, seed)
                module, scale = model.module, model.preprocessing
            with torch.inference_mode():
                points = returns(games, module, scale, _SEED, EPSILON)[:, 0]
            print(json.dumps(told(name, points, frames=frames, seconds=round(took, 1), seed=seed)), flush=True)


if __name__ == "__main__":
    main()
