"""What a run that plays keeps besides weights: the games, how they went of late, and what replay remembers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from hubel.data.games.environments import Environments

_LATE = 100  # games of which the points are told on the way


class Games(nn.Module):
    """Games side by side; their state are buffers in the very memory that they play in."""

    def __init__(self, games: Environments) -> None:
        super().__init__()
        self.environments = games
        for name, array in games.state.items():
            self.register_buffer(name, torch.from_numpy(array))
        for name, size in (("points", games.games), ("late", _LATE), ("ended", 1)):
            self.register_buffer(f"of_{name}", torch.zeros(size, dtype=torch.float64))
        self._points, self._late, self._ended = (
            self.get_buffer(f"of_{name}").numpy() for name in ("points", "late", "ended")
        )
        self.register_load_state_dict_post_hook(lambda *_: games.restore())  # type: ignore[no-untyped-call]

    def step(self, actions: Any, random: np.random.Generator) -> tuple[Any, Any]:
        """Do an action in each; what it brings, as it is learned from, and which are over."""
        rewards, over = self.environments.step(actions, random)
        self._points += rewards
        for points in self._points[over].tolist():
            self._late[int(self._ended[0]) % _LATE] = points
            self._ended += 1
        self._points[over] = 0
        return np.sign(rewards) if self.environments.clipped else rewards, over

    def played(self) -> float:
        """The mean points of the last hundred games; until one is over, of those that are under way."""
        ended = min(_LATE, int(self._ended[0]))
        return float(self._late[:ended].mean() if ended else self._points.mean())


class Memory(nn.Module):
    """What was seen, done and brought in the last frames, in rows of one moment of all games.

    Of pictures that are moments one after another, the newest alone is kept, and the others are found in the rows
    before.
    """

    written: torch.Tensor
    ages: torch.Tensor
    age: torch.Tensor
    pictures: torch.Tensor

    def __init__(self, games: Environments, frames: int) -> None:
        super().__init__()
        self.moments = games.shape[2] if games.stacked else 1
        height, width, channels = games.shape
        self.rows = max(frames // games.games, 2 * self.moments + 2)
        size = self.rows, games.games
        kinds = {"actions": torch.int64, "rewards": torch.float32, "over": torch.bool, "age": torch.int32}
        seen = torch.zeros(*size, height, width, 1 if games.stacked else channels, dtype=torch.uint8)
        self.register_buffer("pictures", seen)
        for name, kind in kinds.items():
            self.register_buffer(name, torch.zeros(size, dtype=kind))
        self.register_buffer("written", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("ages", torch.zeros(games.games, dtype=torch.int32))

    def add(self, pictures: Any, actions: Any, rewards: Any, over: Any) -> None:
        """Write a row over the oldest."""
        row = int(self.written) % self.rows
        newest = pictures[..., -1:] if self.moments > 1 else pictures
        values = {"pictures": newest, "actions": actions, "rewards": rewards, "over": over}
        for name, value in values.items():
            self.get_buffer(name)[row] = torch.from_numpy(np.ascontiguousarray(value))
        self.age[row] = self.ages
        self.ages += 1
        self.ages[torch.from_numpy(over)] = 0
        self.written += 1

    def ready(self, number: int) -> bool:
        """Whether so many may be drawn."""
        return int(self.written) * self.ages.numel() >= number and int(self.written) > self.moments + 1

    def draw(self, number: int) -> tuple[torch.Tensor, ...]:
        """So many moments at random: pictures uint8 N×H×W×C, actions, rewards, whether over, pictures thereafter."""
        written = int(self.written)
        oldest = max(0, written - self.rows) + self.moments - 1
        rows = torch.randint(oldest, written - 1, (number,))
        games = torch.randint(0, self.ages.numel(), (number,))
        told = (self.get_buffer(name)[rows % self.rows, games] for name in ("actions", "rewards", "over"))
        return self._seen(rows, games), *told, self._seen(rows + 1, games)

    def _seen(self, rows: torch.Tensor, games: torch.Tensor) -> torch.Tensor:
        if self.moments == 1:
            return self.pictures[rows % self.rows, games]
        ages = self.age[rows % self.rows, games].long()
        before = [rows - ages.clamp(max=back) for back in reversed(range(self.moments))]
        return torch.cat([self.pictures[each % self.rows, games] for each in before], -1)
