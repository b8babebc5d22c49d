"""How far made pictures are from real ones: Fréchet's distance between features, as in FID (Heusel et al. 2017)."""

from __future__ import annotations

import math
from functools import cache

import torch
import torch.nn.functional as F

from hubel.base.numbers import counted

_SIDE = 32  # pixels that pictures are averaged down to, where they are larger
_FILTERS = (32, 64)


@cache
def _filters(channels: int) -> tuple[torch.Tensor, ...]:
    """Kernels that are drawn once for all, so that figures can be compared."""
    drawn, found, before = torch.Generator().manual_seed(0), [], channels
    for filters in _FILTERS:
        kernel = torch.randn(filters, before, 5, 5, generator=drawn)
        found.append(kernel / math.sqrt(before * 25))
        before = filters
    return tuple(found)


def features(pictures: torch.Tensor) -> torch.Tensor:
    """What a fixed network of two convolutions, drawn at random and never trained, says of uint8 pictures N×H×W×C: the
    mean and the deviation of each of its last filters over all places, N×128.

    Distances between them tell shapes, strokes and colours apart and know of no classes; those of an Inception network
    (Heusel et al. 2017) are other numbers, not to be compared.
    """
    x = pictures.permute(0, 3, 1, 2).float() / 127.5 - 1
    if max(x.shape[2:]) > _SIDE:
        share = _SIDE / max(x.shape[2:])
        x = F.interpolate(x, [max(1, round(side * share)) for side in x.shape[2:]], mode="area")
    first, second = (kernel.to(x.device) for kernel in _filters(x.shape[1]))
    x = F.leaky_relu(F.conv2d(x, first, stride=1, padding=2), 0.2) * math.sqrt(2)
    x = F.leaky_relu(F.conv2d(x, second, stride=2, padding=2), 0.2) * math.sqrt(2)
    return torch.cat([x.mean((2, 3)), x.std((2, 3), correction=0)], 1)


def moments(features: torch.Tensor) -> torch.Tensor:
    """What a distance is worked out from, float64: how many, their sum, the sum of their outer products, in a row."""
    features = features.double()
    number = features.new_full((1,), len(features))
    return torch.cat([number, features.sum(0), (features.T @ features).flatten()])


def frechet(one: torch.Tensor, other: torch.Tensor) -> float:
    """The distance between two normal distributions with these `moments`: |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2·√(Σ₁Σ₂))
    (Dowson, Landau 1982). NaN where there are fewer than two of either.
    """
    (mean, spread), (mean_too, spread_too) = _normal(one), _normal(other)
    if not (torch.isfinite(spread).all() and torch.isfinite(spread_too).all()):
        return math.nan
    values, vectors = torch.linalg.eigh(spread)
    root = vectors @ torch.diag(values.clamp_min(0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root @ spread_too @ root).clamp_min(0).sqrt().sum()
    return max(0.0, float((mean - mean_too).square().sum() + spread.trace() + spread_too.trace() - 2 * shared))


def few_pictures(pictures: int, features: int) -> str:
    """What a distance to so many pictures, by so many features, cannot be held against; "" where they are enough."""
    if pictures > features:
        return ""
    return (
        f"{counted(pictures, 'picture')}, no more than the {features} features that are compared: such a distance can "
        "be held against those to these same pictures alone"
    )


def _normal(moments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    size = math.isqrt(len(moments) - 1)  # n + n² + 1 numbers
    number, sums = moments[0], moments[1 : size + 1]
    mean = sums / number
    products = moments[size + 1 :].view(size, size)
    return mean, (products - number * torch.outer(mean, mean)) / (number - 1)
