"""Classes of unequal size: weighed in the loss, or shown more often."""

from __future__ import annotations

import torch

from hubel.data import BalancedOrder, Dataset, Order
from hubel.train.recipe.recipe import Recipe


def class_weights(recipe: Recipe, training: Dataset) -> torch.Tensor | None:
    """Each class's factor in the loss, float32, (examples / (classes × the class's)) ^ `balance_power`, where examples
    are images, or pixels where each has a class; 0 for absent classes. None where the recipe does not weigh.
    """
    if recipe.balance != "weights":
        return None
    classes = len(training.classes)
    counts = torch.from_numpy(training.targets.class_counts())
    weights = (int(counts.sum()) / (classes * counts.clamp(min=1))) ** recipe.balance_power
    return torch.where(counts > 0, weights, 0.0).float()


def order_of(recipe: Recipe, training: Dataset) -> Order | BalancedOrder:
    """The order in which the recipe shows a training set."""
    if recipe.balance == "sampling":
        return BalancedOrder(recipe.seed, training.labels, recipe.balance_power)
    return Order(recipe.seed, len(training))
