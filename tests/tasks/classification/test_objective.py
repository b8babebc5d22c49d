"""The loss of classification against PyTorch's own, value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from hubel.arch import parse
from hubel.nn import build
from hubel.tasks import Objective

WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 0.0])
LABELS, OTHERS = torch.tensor([0, 1, 1, 2, 3, 2]), torch.tensor([1, 1, 0, 3, 0, 2])
SHARE = torch.tensor([1.0, 0.2, 0.5, 0.9, 0.0, 0.3])


def expected(
    logits: torch.Tensor, targets: tuple[torch.Tensor, ...], smoothing: float, weights: torch.Tensor | None
) -> torch.Tensor:
    def loss(labels: torch.Tensor, reduction: str) -> torch.Tensor:
        return functional.cross_entropy(logits, labels, weights, label_smoothing=smoothing, reduction=reduction)

    if len(targets) == 1:
        return loss(targets[0], "mean")
    labels, others, share = targets
    return (share * loss(labels, "none") + (1 - share) * loss(others, "none")).mean()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("targets", [(LABELS,), (LABELS, OTHERS, SHARE)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loss_is_pytorchs(
    smoothing: float, weights: torch.Tensor | None, targets: tuple[torch.Tensor, ...], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    network = build(parse("5x5x1: conv 3 3x3 relu, flatten, dense 4 softmax"))
    images, parameters = 3 * torch.randn(6, 1, 5, 5), list(network.parameters())
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        loss, logits = Objective(network, smoothing, weights)(images, *targets)
        other = expected(network.logits(images).float(), targets, smoothing, weights)
    assert logits.dtype == dtype
    assert not logits.requires_grad
    torch.testing.assert_close(loss, other)
    own = torch.autograd.grad(loss, parameters)
    torch.testing.assert_close(own, torch.autograd.grad(other, parameters), rtol=1e-5, atol=1e-6)


def test_side_exits_count_a_part() -> None:
    torch.manual_seed(0)
    network = build(parse("5x5x1: conv 3 3x3 relu, aux(flatten, dense 4 softmax), flatten, dense 4 softmax"))
    images = torch.randn(6, 1, 5, 5)
    loss, _ = Objective(network)(images, LABELS)
    last, (side,) = network.logits_with_auxiliary(images)
    both = [expected(logits, (LABELS,), 0.0, None) for logits in (last, side)]
    torch.testing.assert_close(loss, both[0] + 0.3 * both[1])
