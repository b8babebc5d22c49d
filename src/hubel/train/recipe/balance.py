"""Classes of unequal size: weighed in the loss, or shown more often."""

from __future__ import annotations

import torch

from hubel.data import Augmentation, BalancedOrder, Dataset, Order, Repeated, Streams
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


def order_of(recipe: Recipe, training: Dataset) -> Order | BalancedOrder | Repeated | Streams:
    """The order in which the recipe shows a training set; seen through windows, each image several times an epoch."""
    own = training.targets.order(recipe.seed, min(recipe.batch_size, len(training)))
    if isinstance(own, Streams):
        return own
    order: Order | BalancedOrder = own
    if recipe.balance == "sampling":
        order = BalancedOrder(recipe.seed, training.labels, recipe.balance_power)
    times = passes(recipe, training.shape)
    return order if times == 1 else Repeated(order, times)


def passes(recipe: Recipe, shape: tuple[int, ...]) -> int:
    """How often an epoch shows each image of this shape."""
    if recipe.augmentation == "auto":
        return 1
    return Augmentation.parse(recipe.augmentation).passes((shape[0], shape[1]))


def told_of_windows(recipe: Recipe, shape: tuple[int, ...]) -> str:
    """The sentence about windows that training sees of images of this shape; "" where it sees them whole."""
    if recipe.augmentation == "auto" or not Augmentation.parse(recipe.augmentation).window:
        return ""
    rows, columns = Augmentation.parse(recipe.augmentation).size((shape[0], shape[1]))
    if (rows, columns) == tuple(shape[:2]):
        return ""
    return (
        f"training sees windows of {rows}×{columns}, {passes(recipe, shape)} of each {shape[0]}×{shape[1]} image an "
        "epoch; images are measured and answered whole"
    )
