"""Everything about a run that changes while it trains, and its way into a checkpoint and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from hubel.arch import Network
from hubel.nn import NetworkModule, Pretrained, build, load_pretrained
from hubel.tasks import Objective
from hubel.train.loop.average import MovingAverage
from hubel.train.loop.parameter_groups import make_optimizers
from hubel.train.recipe.freezing import freeze
from hubel.train.recipe.initialise import start_weights
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.checkpoint import Checkpoint
from hubel.train.run.events import EpochMetrics


class State:
    """A network being trained: weights, optimizers, moving average, sums of the running epoch, history.

    step: how many steps are done. seconds: of training, over all sittings. threads: in use. tally: loss and share of
    right answers, summed over the running epoch's steps, on the device.
    """

    def __init__(self, network: Network, recipe: Recipe, class_weights: torch.Tensor | None = None) -> None:
        device = torch.device(recipe.device)
        torch.manual_seed(recipe.seed)
        self.network: NetworkModule = build(network)
        start_weights(self.network, recipe)
        self._frozen = freeze(self.network, recipe.freeze)
        layout = torch.channels_last if recipe.memory_format == "channels-last" else torch.contiguous_format
        self.network = self.network.to(device, memory_format=layout)  # type: ignore[call-overload]
        self.objective: nn.Module = Objective(self.network, recipe.label_smoothing, class_weights).to(device)
        self.to_training()
        self.optimizers = make_optimizers(self.network, recipe)
        self.average = MovingAverage(self.network, recipe.ema) if recipe.ema else None
        self.step = 0
        self.seconds = 0.0
        self.history: list[EpochMetrics] = []
        self.best_epoch = 0
        self.threads = recipe.threads
        self.tally = torch.zeros(2, device=device)

    @property
    def model(self) -> nn.Module:
        """The network that counts: the moving average where there is one."""
        return self.network if self.average is None else self.average.module

    def to_training(self) -> None:
        """Put the network in training mode, but for frozen layers, whose normalisation keeps its statistics."""
        self.objective.train()
        for layer in self._frozen:
            layer.eval()

    def take_weights(self, source: str, classes: Sequence[str], sha256: str | None = None) -> Pretrained:
        """Fill the network, and its average, with trained weights. Raises as `hubel.nn.load_pretrained`."""
        taken = load_pretrained(self.network, source, sha256, classes=classes)
        if self.average is not None:
            self.average.module.load_state_dict(self.network.state_dict())
        return taken

    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors by name: `network.*`, `average.*`, `optimizer.<which>.<parameter>.<what>`, `tally`."""
        found = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        if self.average is not None:
            found.update({f"average.{name}": tensor for name, tensor in self.average.state_dict().items()})
        names = self._names()
        for which, optimizer in enumerate(self.optimizers):
            for parameter, entries in optimizer.state.items():
                for what, tensor in entries.items():
                    found[f"optimizer.{which}.{names[parameter]}.{what}"] = tensor
        return {**found, "tally": self.tally}

    def about(self) -> dict[str, Any]:
        """The rest, as plain values."""
        history = [dataclasses.asdict(row) for row in self.history]
        return {
            "step": self.step,
            "seconds": self.seconds,
            "best_epoch": self.best_epoch,
            "threads": self.threads,
            "history": history,
        }

    def load(self, checkpoint: Checkpoint, rank: int = 0, world: int = 1) -> None:
        """Put everything back to where `tensors` and `about` were taken; `tally` has a row for each process then."""
        tensors = checkpoint.tensors
        self.network.load_state_dict(_under("network.", tensors))
        if self.average is not None:
            self.average.load_state_dict(_under("average.", tensors))
        names = self._names()
        for which, optimizer in enumerate(self.optimizers):
            for parameter, memory in optimizer.state.items():
                entries = _under(f"optimizer.{which}.{names[parameter]}.", tensors)
                memory.update({what: _like(value, parameter) for what, value in entries.items()})
        tallies = tensors["tally"]
        self.tally.copy_(tallies[rank] if len(tallies) == world else tallies.mean(0))
        self.step, self.seconds = checkpoint.about["step"], checkpoint.about["seconds"]
        self.best_epoch, self.threads = checkpoint.about["best_epoch"], checkpoint.about["threads"]
        self.history = [EpochMetrics(**row) for row in checkpoint.about["history"]]

    def _names(self) -> dict[torch.Tensor, str]:
        return {parameter: name for name, parameter in self.network.named_parameters()}


def _under(prefix: str, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _like(value: torch.Tensor, parameter: torch.Tensor) -> torch.Tensor:
    """As the optimizer would hold it: momenta in the parameter's layout, since other strides give other bits."""
    if value.shape != parameter.shape:
        return value.to(parameter.device)
    return torch.empty_like(parameter).copy_(value)
