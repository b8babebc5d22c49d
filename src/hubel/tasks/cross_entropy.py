"""Cross-entropy between logits and what an image should be called, whole or in shares."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def shares(
    labels: Tensor, classes: int, smoothing: float = 0.0, weights: Tensor | None = None
) -> tuple[Tensor, Tensor | int]:
    """How much each class counts in the loss of each image, float32 N×classes, and what the mean divides by.

    The label has 1 - `smoothing`, and all classes share the rest (Szegedy et al. 2015). With class weights (float32,
    classes) every class counts so many times, and the mean is that of as many images as the labels' weights add up to.
    """
    rest = smoothing / classes
    found = torch.full((len(labels), classes), rest, device=labels.device)
    found.scatter_(1, labels[:, None], 1 - smoothing + rest)
    if weights is None:
        return found, len(labels)
    return found * weights, weights.index_select(0, labels).sum()


def cross_entropy(logits: Tensor, shares: Tensor) -> Tensor:
    """The sum over images and classes of `shares`·(−log softmax of `logits`), both N×classes.

    One pass back for a loss that PyTorch takes apart in ten, which a small network notices.
    """
    found: Tensor = _CrossEntropy.apply(logits, shares)  # type: ignore[no-untyped-call]
    return found


class _CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, logits: Tensor, shares: Tensor) -> Tensor:
        """Weigh the logarithms of the softmax."""
        logarithms = torch.log_softmax(logits, 1)
        context.save_for_backward(logarithms, shares)
        return -(logarithms * shares).sum()

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The softmax, as much of it as the image's shares add up to, less the shares."""
        logarithms, shares = context.saved_tensors
        return logarithms.exp().mul_(shares.sum(1, keepdim=True)).sub_(shares).mul_(gradient), None
