"""The usual step: a batch's images in, the loss against its targets, weights changed. No Python runs per image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from hubel.arch import Network
from hubel.data import Batch, Dataset, Preprocessing
from hubel.nn import build, step_first
from hubel.tasks import Task
from hubel.tasks.results import LOSS
from hubel.train.loop.machine.recorded import RECORDERS, Recorded
from hubel.train.loop.parameter_groups import make_optimizers, set_rate
from hubel.train.loop.ways.average import MovingAverage
from hubel.train.loop.ways.step import Ready, Step, alone
from hubel.train.recipe.balance import class_weights
from hubel.train.recipe.freezing import freeze
from hubel.train.recipe.initialise import start_weights
from hubel.train.recipe.recipe import Recipe


def normalised(images: torch.Tensor, preprocessing: Preprocessing, recipe: Recipe) -> torch.Tensor:
    """The network's input for uint8 images N×H×W×C on its device, in the recipe's memory layout."""
    inputs = preprocessing.normalise(images)
    return inputs if recipe.memory_format == "channels-last" else inputs.contiguous()


class Supervised(Step):
    """Down the gradient of the task's loss, as many images at a time as the recipe has it."""

    def __init__(
        self, network: Network, recipe: Recipe, task: Task, preprocessing: Preprocessing, training: Dataset
    ) -> None:
        device = torch.device(recipe.device)
        self.recipe, self.task, self.preprocessing = recipe, task, preprocessing
        self.figures = (LOSS, *task.running)
        self.network = build(network)
        if recipe.device == "cpu":
            step_first(self.network)
        start_weights(self.network, recipe)
        self._frozen = freeze(self.network, recipe.freeze)
        layout = torch.channels_last if recipe.memory_format == "channels-last" else torch.contiguous_format
        self.network = self.network.to(device, memory_format=layout)  # type: ignore[call-overload]
        weights = class_weights(recipe, training)
        self.objective: nn.Module = task.objective(self.network, recipe.label_smoothing, weights).to(device)
        self._wrapped = False
        self._rate: float | torch.Tensor = 0.0
        self._share: float | torch.Tensor = 0.0
        self.to_training()
        self.optimizers = make_optimizers(self.network, recipe)
        self.average = MovingAverage(self.network, recipe.ema) if recipe.ema else None
        # a GPU reads what changes from step to step where it lies, so that nobody waits and a step can be recorded
        record = RECORDERS.get(device.type)
        self._given = None if record is None else torch.zeros(2, device=device)
        if recipe.compile == "inductor":
            self.objective.compile()
        self._recorded = None if record is None or recipe.compile == "none" else Recorded(self._change, record)

    @property
    def modules(self) -> Mapping[str, nn.Module]:
        """The network, and its moving average."""
        return {"network": self.network, **({"average": self.average} if self.average is not None else {})}

    @property
    def model(self) -> nn.Module:
        """The moving average where there is one."""
        return self.network if self.average is None else self.average.module

    def to_training(self) -> None:
        """All but frozen layers, whose normalisation keeps its statistics."""
        self.objective.train()
        for layer in self._frozen:
            layer.eval()

    def distribute(self, wrap: Callable[[nn.Module], nn.Module]) -> None:
        """Wrap the network with its loss."""
        self.objective, self._wrapped = wrap(self.objective), True

    def __call__(self, batch: Batch, rate: float, number: int, ready: Ready = alone) -> torch.Tensor:
        """One step of the optimizers, and of the moving average."""
        given = rate, 0.0 if self.average is None else self.average.share(number)
        if self._given is None:
            self._rate, self._share = given
        else:
            for place, value in enumerate(given):
                self._given[place].fill_(value)
            self._rate, self._share = self._given
        if self._recorded is not None and ready is alone:
            return self._recorded(batch)
        return self._change(batch, ready)

    def _change(self, batch: Batch, ready: Ready = alone) -> torch.Tensor:
        """All of a step that is done on the device."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        found = self._backward(batch)
        ready(None if self._wrapped else self.network, found[0])
        if self.recipe.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip_norm, foreach=True)
        set_rate(self.optimizers, self._rate)
        for optimizer in self.optimizers:
            optimizer.step()
        if self.average is not None:
            self.average.update(self._share)
        return found

    def _backward(self, batch: Batch) -> torch.Tensor:
        parts = batch.parts(self.recipe.micro_batch)
        if len(parts) == 1:
            return self._part(batch, 1.0)
        found = torch.zeros(len(self.figures), device=batch.targets.device)
        for number, part in enumerate(parts, 1):
            # processes exchange gradients once a step, with those of the last part
            with contextlib.nullcontext() if number == len(parts) else self._unsynchronised():
                found += self._part(part, len(part.targets) / len(batch.targets))
        return found

    def _part(self, batch: Batch, share: float) -> torch.Tensor:
        """Add the gradients of a part of a batch, which is this share of it; its share of the figures."""
        inputs = normalised(batch.images, self.preprocessing, self.recipe)
        wanted = (batch.targets, batch.others, batch.share)
        if self.recipe.precision == "float32":
            loss, outputs = self.objective(inputs, *wanted)
        else:
            with torch.autocast(inputs.device.type, torch.bfloat16):
                loss, outputs = self.objective(inputs, *wanted)
        figures = self.task.on_the_way(outputs, batch.targets)
        if share == 1:
            loss.backward()
            return torch.stack((loss.detach(), *figures))
        loss = loss * share
        loss.backward()
        return torch.stack((loss.detach(), *(figure * share for figure in figures)))

    def _unsynchronised(self) -> contextlib.AbstractContextManager[None]:
        objective: Any = self.objective  # as it is, or wrapped for several processes
        return objective.no_sync() if hasattr(objective, "no_sync") else contextlib.nullcontext()
