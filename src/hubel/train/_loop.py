"""One step of training: a batch of bytes in, weights changed. No Python runs per image."""

from __future__ import annotations

import torch

from hubel.data import Preprocessing
from hubel.tasks import Targets
from hubel.train._optimizers import set_rate
from hubel.train._recipe import Recipe
from hubel.train._state import State


def normalised(images: torch.Tensor, preprocessing: Preprocessing, recipe: Recipe) -> torch.Tensor:
    """The network's input for uint8 images N×H×W×C on its device, in the recipe's memory layout."""
    inputs = preprocessing.normalise(images)
    return inputs if recipe.memory_format == "channels-last" else inputs.contiguous()


def train_step(
    state: State, recipe: Recipe, inputs: torch.Tensor, targets: Targets, rate: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Change the weights once for this batch with this learning rate; the loss and the logits, on the device."""
    loss, logits = forward(state, recipe, inputs, targets)
    update(state, recipe, loss, rate)
    return loss.detach(), logits


def forward(state: State, recipe: Recipe, inputs: torch.Tensor, targets: Targets) -> tuple[torch.Tensor, torch.Tensor]:
    """The batch's mean loss, with its graph, and its logits."""
    if recipe.precision == "float32":
        loss, logits = state.objective(inputs, targets)
    else:
        with torch.autocast(inputs.device.type, torch.bfloat16):
            loss, logits = state.objective(inputs, targets)
    return loss, logits


def update(state: State, recipe: Recipe, loss: torch.Tensor, rate: float) -> None:
    """One step of the optimizers down the gradient of `loss`, and of the moving average."""
    for optimizer in state.optimizers:
        optimizer.zero_grad(set_to_none=True)
    loss.backward()
    if recipe.clip_norm:
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), recipe.clip_norm, foreach=True)
    set_rate(state.optimizers, rate)
    for optimizer in state.optimizers:
        optimizer.step()
    if state.average is not None:
        state.average.update_parameters(state.network)
