"""The losses of two arrays, by Keras's names: a number an example."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

LEAST_PROBABILITY = 1e-7  # Keras's epsilon: logarithms are taken of nothing smaller


def mean_squared_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean square of the differences."""
    return (y_pred - alike(y_true, y_pred)).square().mean(-1)


def mean_absolute_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean size of the differences."""
    return (y_pred - alike(y_true, y_pred)).abs().mean(-1)


def mean_absolute_percentage_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean size of the differences in per cent of the truth."""
    wanted = alike(y_true, y_pred)
    return 100 * ((wanted - y_pred).abs() / wanted.abs().clamp(min=LEAST_PROBABILITY)).mean(-1)


def mean_squared_logarithmic_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean square of the differences of logarithms."""
    one, other = (torch.log1p(each.clamp(min=LEAST_PROBABILITY)) for each in (y_pred, alike(y_true, y_pred)))
    return (one - other).square().mean(-1)


def huber(y_true: Tensor, y_pred: Tensor, delta: float = 1.0) -> Tensor:
    """Half the square of small differences, and the size of those above `delta`: Huber (1964)."""
    return functional.huber_loss(y_pred, alike(y_true, y_pred), reduction="none", delta=delta).mean(-1)


def log_cosh(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean logarithm of the hyperbolic cosine of the differences."""
    difference = y_pred - alike(y_true, y_pred)
    return (difference + functional.softplus(-2 * difference) - math.log(2.0)).mean(-1)


def kl_divergence(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Kullback and Leibler's divergence."""
    wanted, found = (each.clamp(LEAST_PROBABILITY, 1) for each in (alike(y_true, y_pred), y_pred))
    return (wanted * (wanted / found).log()).sum(-1)


def poisson(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """What is lost of a Poisson distribution's likelihood."""
    return (y_pred - alike(y_true, y_pred) * (y_pred + LEAST_PROBABILITY).log()).mean(-1)


def _signs(y_true: Tensor, y_pred: Tensor) -> Tensor:
    wanted = alike(y_true, y_pred)
    return 2 * wanted - 1 if bool(((wanted == 0) | (wanted == 1)).all()) else wanted


def hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """max(1 − truth·output, 0), of −1 and 1, or 0 and 1."""
    return (1 - _signs(y_true, y_pred) * y_pred).clamp(min=0).mean(-1)


def squared_hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The hinge's square."""
    return (1 - _signs(y_true, y_pred) * y_pred).clamp(min=0).square().mean(-1)


def categorical_hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """How far the largest wrong output comes near the right one's by less than 1."""
    wanted = alike(y_true, y_pred)
    return (((1 - wanted) * y_pred).amax(-1) - (wanted * y_pred).sum(-1) + 1).clamp(min=0)


def cosine_similarity(y_true: Tensor, y_pred: Tensor, axis: int = -1) -> Tensor:
    """Minus the cosine between both, as Keras's loss has it."""
    one, other = (functional.normalize(each.float(), dim=axis, eps=1e-6) for each in (alike(y_true, y_pred), y_pred))
    return -(one * other).sum(axis)


def categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """−log of the right class's probability, for one-hot rows, rows of probabilities, or whole numbers; nats."""
    classes = y_pred.shape[-1]
    labels = labels_of(y_true, y_pred)
    if labels is not None and from_logits:
        first = y_pred if y_pred.dim() == 2 else y_pred.movedim(-1, 1)
        return functional.cross_entropy(first, labels, reduction="none", label_smoothing=label_smoothing)
    if from_logits:
        logarithms = y_pred.log_softmax(-1)
    else:  # Keras takes what comes out for probabilities, and brings each row to a sum of 1
        shares = y_pred / y_pred.sum(-1, keepdim=True)
        logarithms = shares.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY).log()
    if labels is not None and not label_smoothing:
        return -logarithms.gather(-1, labels[..., None])[..., 0]
    rows = functional.one_hot(labels, classes).float() if labels is not None else y_true.float()
    return -((rows * (1 - label_smoothing) + label_smoothing / classes) * logarithms).sum(-1)


sparse_categorical_crossentropy = categorical_crossentropy


def binary_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Tensor:
    """Cross-entropy of yes and no (1 and 0), the mean over outputs; nats."""
    wanted = alike(y_true, y_pred) * (1 - label_smoothing) + label_smoothing / 2
    if from_logits:
        return functional.binary_cross_entropy_with_logits(y_pred, wanted, reduction="none").mean(-1)
    return _cross_entropy_of_two(y_pred, wanted).mean(-1)


def _cross_entropy_of_two(y_pred: Tensor, wanted: Tensor) -> Tensor:
    """Of each output's probability; what is no number stays none, of which PyTorch's raises errors."""
    shares = y_pred.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    return -(wanted * shares.log() + (1 - wanted) * torch.log1p(-shares))


def binary_focal_crossentropy(
    y_true: Tensor, y_pred: Tensor, apply_class_balancing: bool = False, alpha: float = 0.25, gamma: float = 2.0,
    from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """Cross-entropy of yes and no in which easy examples count less: Lin et al. (2017)."""
    found = y_pred.sigmoid() if from_logits else y_pred
    wanted = alike(y_true, y_pred) * (1 - label_smoothing) + label_smoothing / 2
    each = _cross_entropy_of_two(found, wanted)
    right = wanted * found + (1 - wanted) * (1 - found)
    each = (1 - right) ** gamma * each
    if apply_class_balancing:
        each = each * (wanted * alpha + (1 - wanted) * (1 - alpha))
    return each.mean(-1)


def categorical_focal_crossentropy(
    y_true: Tensor, y_pred: Tensor, alpha: float = 0.25, gamma: float = 2.0, from_logits: bool = False,
    label_smoothing: float = 0.0, axis: int = -1,
) -> Tensor:  # fmt: skip
    """Cross-entropy in which easy examples count less: Lin et al. (2017)."""
    shares = y_pred.softmax(-1) if from_logits else y_pred / y_pred.sum(-1, keepdim=True)
    shares = shares.clamp(LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    wanted = alike(y_true, y_pred) * (1 - label_smoothing) + label_smoothing / y_pred.shape[-1]
    return (alpha * (1 - shares) ** gamma * -shares.log() * wanted).sum(-1)


def alike(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Return truths in the form of outputs: whole numbers of classes as one-hot rows, a missing last axis put there."""
    if y_true.shape == y_pred.shape:
        return y_true.to(y_pred.dtype)
    labels = y_true[..., 0] if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1 else y_true
    if not labels.is_floating_point() and labels.dim() == y_pred.dim() - 1 and y_pred.shape[-1] > 1:
        return functional.one_hot(labels.long(), y_pred.shape[-1]).to(y_pred.dtype)
    if y_true.dim() == y_pred.dim() - 1:
        return y_true[..., None].to(y_pred.dtype)
    if y_true.numel() == y_pred.numel():
        return y_true.reshape(y_pred.shape).to(y_pred.dtype)
    return y_true.to(y_pred.dtype)


def labels_of(y_true: Tensor, y_pred: Tensor) -> Tensor | None:
    """Return whole numbers of classes; None where the truths are rows."""
    if y_true.dim() == y_pred.dim() - 1:
        return y_true.long()
    return y_true[..., 0].long() if y_true.shape[-1] == 1 != y_pred.shape[-1] else None


def tensor_of(value: Any) -> Tensor:
    """Return what was given as a tensor."""
    if isinstance(value, Tensor):
        return value
    found = torch.as_tensor(np.asarray(value))
    return found.float() if found.is_floating_point() or found.dtype == torch.bool else found
