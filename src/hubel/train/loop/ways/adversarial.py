"""Two networks in turn: one makes pictures of noise, a critic tells them from real ones, and each learns from what the
other does (Goodfellow et al. 2014).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import nn

from hubel.arch import Network
from hubel.base.errors import SettingError
from hubel.data import Batch, Dataset, Preprocessing
from hubel.nn import NetworkModule, build
from hubel.tasks import Figure, Task
from hubel.tasks.results import LOSS
from hubel.train.loop.optimizers import Optimizer
from hubel.train.loop.parameter_groups import make_optimizers, set_rate
from hubel.train.loop.ways.average import MovingAverage
from hubel.train.loop.ways.step import Ready, Step, alone
from hubel.train.loop.ways.supervised import normalised
from hubel.train.recipe.initialise import start_weights
from hubel.train.recipe.recipe import Recipe

_EVERY = 4  # steps between two in which the penalties are added, as many times as large (Karras et al. 2020, "lazy")
_ONLY = {"precision": "float32", "micro_batch": 0, "freeze": "", "label_smoothing": 0.0}
_Loss = tuple[torch.Tensor, torch.Tensor]  # as it is told, and with what some steps alone add to it
MAKER_LOSS = Figure("maker_loss", "the maker's loss", "number", "lowest")


@runtime_checkable
class Judged(Protocol):
    """A task whose answers a second network judges: `hubel.tasks.synthesis.task.Synthesis` says what these are."""

    penalty: float

    def critic_for(self, network: Network) -> Network:
        """The network that judges what `network` makes."""

    def is_paired(self, critic: Network) -> bool:
        """Whether a critic judges each picture alone."""


class Adversarial(Step):
    """A step of the critic on real and made pictures, then one of the network that makes them.

    A critic without batch normalisation learns by the relativistic pairing loss with R1 and R2 penalties (Huang et al.
    2024, "R3GAN"): softplus of the difference between a made picture's score and a real one's, and the squared gradient
    of the score with respect to either, which keeps the two from circling. In one with batch normalisation a picture's
    score hangs on its batch's others, and such gradients say little: it learns by the logistic loss alone (Radford et
    al. 2016, "DCGAN"). `figures`: the critic's loss without penalties, the maker's.
    """

    name = "adversarial"
    figures = (LOSS, MAKER_LOSS)

    def __init__(
        self, network: Network, recipe: Recipe, task: Task, preprocessing: Preprocessing, training: Dataset
    ) -> None:
        if not isinstance(task, Judged):
            raise SettingError(f"the adversarial step is for tasks with a critic, received the task {task.name}")
        for name, only in _ONLY.items():
            if getattr(recipe, name) != only:
                raise SettingError(
                    f"recipe: expected {name} {only!r} where two networks learn in turn, received "
                    f"{getattr(recipe, name)!r}"
                )
        self.recipe, self.preprocessing = recipe, preprocessing
        critic = task.critic_for(network)
        self.paired, self.penalty = task.is_paired(critic), task.penalty
        self.latent = network.input[0]
        self.network, self.critic = (self._built(each) for each in (network, critic))
        self.average = MovingAverage(self.network, recipe.ema) if recipe.ema else None
        self.to_training()
        self._own = [make_optimizers(module, recipe) for module in (self.network, self.critic)]
        self.optimizers: Sequence[Optimizer] = [each for own in self._own for each in own]

    def _built(self, network: Network) -> NetworkModule:
        module = build(network)
        start_weights(module, self.recipe)
        layout = torch.channels_last if self.recipe.memory_format == "channels-last" else torch.contiguous_format
        return module.to(torch.device(self.recipe.device), memory_format=layout)  # type: ignore[call-overload, no-any-return]

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The network, its critic, and the network's moving average."""
        found: dict[str, nn.Module] = {"network": self.network, "critic": self.critic}
        return found if self.average is None else {**found, "average": self.average}

    @property
    def model(self) -> nn.Module:
        """The moving average where there is one."""
        return self.network if self.average is None else self.average.module

    def __call__(self, batch: Batch, rate: float, number: int, ready: Ready = alone) -> torch.Tensor:
        """One step of the critic, one of the network, one of the moving average."""
        real = normalised(batch.images, self.preprocessing, self.recipe)
        judged = self._change(1, lambda: self._critics_loss(real, number), rate, ready)
        self.critic.requires_grad_(False)
        fooled = self._change(0, lambda: self._makers_loss(real), rate, ready)
        self.critic.requires_grad_(True)
        if self.average is not None:
            self.average.update(self.average.share(number))
        return torch.stack([judged, fooled])

    def _change(self, which: int, loss_of: Callable[[], _Loss], rate: float, ready: Ready) -> torch.Tensor:
        own = self._own[which]
        for optimizer in own:
            optimizer.zero_grad()
        told, loss = loss_of()
        loss.backward()
        ready((self.network, self.critic)[which], loss.detach())
        if self.recipe.clip_norm:
            for optimizer in own:
                for group in optimizer.param_groups:
                    nn.utils.clip_grad_norm_(group["params"], self.recipe.clip_norm, foreach=True)
        set_rate(own, rate)
        for optimizer in own:
            optimizer.step()
        return told.detach()

    def _made(self, real: torch.Tensor) -> torch.Tensor:
        noise = torch.randn(len(real), self.latent, device=real.device)
        pictures: torch.Tensor = self.network(noise)
        return pictures

    def _scores(self, pictures: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.critic.logits(pictures)
        return scores.flatten(1).mean(1).float()

    def _critics_loss(self, real: torch.Tensor, number: int) -> _Loss:
        with torch.no_grad():
            made = self._made(real)
        penalised = self.paired and self.penalty > 0 and number % _EVERY == 0
        if penalised:
            real, made = real.detach().requires_grad_(), made.requires_grad_()
        of_real, of_made = self._scores(real), self._scores(made)
        if not self.paired:
            loss = F.softplus(-of_real).mean() + F.softplus(of_made).mean()
            return loss, loss
        loss = F.softplus(of_made - of_real).mean()
        if penalised:
            slopes = torch.autograd.grad(of_real.sum() + of_made.sum(), (real, made), create_graph=True)
            squared = sum(slope.float().square().sum((1, 2, 3)).mean() for slope in slopes)
            return loss, loss + self.penalty / 2 * _EVERY * squared
        return loss, loss

    def _makers_loss(self, real: torch.Tensor) -> _Loss:
        of_made = self._scores(self._made(real))
        if not self.paired:
            loss = F.softplus(-of_made).mean()
            return loss, loss
        with torch.no_grad():
            of_real = self._scores(real)
        loss = F.softplus(of_real - of_made).mean()
        return loss, loss
