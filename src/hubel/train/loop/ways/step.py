"""How a batch changes weights: a strategy. Around it all is shared: order, checkpoints, exact resume, signals,
processes, listeners, time.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, TypeAlias

import torch
from torch import nn

from hubel.arch import Network
from hubel.data import Batch, Dataset, Preprocessing
from hubel.nn import NetworkModule
from hubel.tasks import Figure, Task
from hubel.train.loop.optimizers import Optimizer
from hubel.train.recipe.recipe import Recipe

Ready: TypeAlias = Callable[[nn.Module | None, torch.Tensor], None]
"""To be called between a backward pass and the update that uses it, with the module that has gradients and the loss:
processes exchange gradients then (None where they have already), and a loss that is not finite ends training.
"""


def alone(module: nn.Module | None, loss: torch.Tensor) -> None:
    """Nobody to exchange gradients with, and nothing checked."""


class Step(abc.ABC):
    """A network being trained, and the rule by which a batch changes it.

    All that a rule remembers from step to step must be in `modules` and `optimizers`: checkpoints hold these, so that
    a run goes on to the same bits. Random numbers may be drawn from PyTorch's generator, which is seeded anew before
    every step.

    name: in `run.toml`. network: the one that the run is named after. preprocessing: of
    images. figures: of what a call returns, the loss first. shared: whether several processes may train by it together.
    """

    name: ClassVar[str] = "supervised"
    shared: ClassVar[bool] = True
    network: NetworkModule
    preprocessing: Preprocessing
    figures: tuple[Figure, ...]
    optimizers: Sequence[Optimizer]

    @abc.abstractmethod
    def __init__(
        self, network: Network, recipe: Recipe, task: Task, preprocessing: Preprocessing, training: Dataset
    ) -> None:
        """Build all that is trained, on the recipe's device, in training mode; PyTorch's generator is seeded."""

    @property
    @abc.abstractmethod
    def modules(self) -> Mapping[str, nn.Module]:
        """What checkpoints hold, by name; the trained network first."""

    @abc.abstractmethod
    def __call__(self, batch: Batch, rate: float, number: int, ready: Ready = alone) -> torch.Tensor:
        """Change the weights once, as step `number` of the run (from 0) with this learning rate; the `figures` of the
        batch, float32 on the device.
        """

    @property
    def model(self) -> nn.Module:
        """The network that counts: what is measured, and written in the end."""
        return self.network

    def to_training(self) -> None:
        """Put all in training mode."""
        for module in self.modules.values():
            module.train()

    def distribute(self, wrap: Callable[[nn.Module], nn.Module]) -> None:
        """Wrap what is called in training, where several processes have a GPU each; by default nothing is."""
