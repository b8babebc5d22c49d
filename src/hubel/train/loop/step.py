"""One step of training: a batch of bytes in, weights changed. No Python runs per image."""

from __future__ import annotations

import contextlib
from typing import Any

import torch

from hubel.data import Batch, Preprocessing
from hubel.tasks import Targets
from hubel.train.loop.parameter_groups import set_rate
from hubel.train.loop.state import State
from hubel.train.recipe.recipe import Recipe


def normalised(images: torch.Tensor, preprocessing: Preprocessing, recipe: Recipe) -> torch.Tensor:
    """The network's input for uint8 images N×H×W×C on its device, in the recipe's memory layout."""
    inputs = preprocessing.normalise(images)
    return inputs if recipe.memory_format == "channels-last" else inputs.contiguous()


def train_step(state: State, recipe: Recipe, preprocessing: Preprocessing, batch: Batch, rate: float) -> torch.Tensor:
    """Change the weights once for this batch with this learning rate; return its mean loss, on the device."""
    loss, _ = backward(state, recipe, preprocessing, batch)
    update(state, recipe, rate)
    return loss


def backward(
    state: State, recipe: Recipe, preprocessing: Preprocessing, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor]:
    """Work out the gradient of the batch's mean loss, as many images at a time as the recipe has it; return the loss
    and the share of right answers, on the device.
    """
    for optimizer in state.optimizers:
        optimizer.clear()
    parts = batch.parts(recipe.micro_batch)
    if len(parts) == 1:
        loss, right = _forward(state, recipe, preprocessing, batch)
        loss.backward()
        return loss.detach(), right / len(batch.labels)
    total, hits = torch.zeros(2, device=batch.labels.device)
    for number, part in enumerate(parts, 1):
        # processes exchange gradients once a step, with those of the last part
        with contextlib.nullcontext() if number == len(parts) else _unsynchronised(state):
            loss, right = _forward(state, recipe, preprocessing, part)
            loss = loss * (len(part.labels) / len(batch.labels))
            loss.backward()
        total, hits = total + loss.detach(), hits + right
    return total, hits / len(batch.labels)


def update(state: State, recipe: Recipe, rate: float) -> None:
    """One step of the optimizers down the gradient that is there, and of the moving average."""
    if recipe.clip_norm:
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), recipe.clip_norm, foreach=True)
    set_rate(state.optimizers, rate)
    for optimizer in state.optimizers:
        optimizer.step()
    if state.average is not None:
        state.average.update(state.step)


def _forward(
    state: State, recipe: Recipe, preprocessing: Preprocessing, batch: Batch
) -> tuple[torch.Tensor, torch.Tensor]:
    """The mean loss, with its graph, and how many answers are right."""
    inputs = normalised(batch.images, preprocessing, recipe)
    targets = Targets(batch.labels, batch.other_labels, batch.share)
    if recipe.precision == "float32":
        loss, logits = state.objective(inputs, targets)
    else:
        with torch.autocast(inputs.device.type, torch.bfloat16):
            loss, logits = state.objective(inputs, targets)
    return loss, (logits.argmax(1) == batch.labels).sum()


def _unsynchronised(state: State) -> contextlib.AbstractContextManager[None]:
    objective: Any = state.objective  # as it is, or wrapped for several processes
    return objective.no_sync() if hasattr(objective, "no_sync") else contextlib.nullcontext()
