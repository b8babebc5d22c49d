"""Where a trained network puts images: what its last weights are given, brought to two dimensions."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch

from hubel.base.errors import SettingError
from hubel.data import Dataset
from hubel.look.access.infer import check_fits, check_size, features
from hubel.look.access.models import of_any_model
from hubel.tasks import LoadedModel, require_names
from hubel.tasks.decoding import decoding_of
from hubel.tasks.rows import OfRows, Rows
from hubel.view.words.finding import Drawn

Method = Literal["pca", "tsne"]
Floats = npt.NDArray[np.float64]

MOST = 2000  # images, where not said: more are neither seen apart nor laid out in a few seconds
NEIGHBOURS = 10  # of an image, that trustworthiness looks at
_FIRST = 50  # dimensions that t-SNE starts from, as its authors did
_PERPLEXITY = 30.0
_METHODS = {"pca": "principal components", "tsne": "t-SNE"}
_BLOCK = 2**25  # distances held at once


@dataclass(frozen=True, eq=False)
class Space(Drawn):
    """Images as points.

    dataset: the images that are shown (uint8 N×H×W×C) and what is true of them. groups, names: which of some groups
    each is of, int64, N: its class, the rarest of its labels, or the fifth that its first number is in.
    chosen: their positions in the set they were taken from, int64, N.
    features: float32, N×features. predicted: the likeliest class of each, int64, N; its group where it has no class.
    positions: float64, N×2; only which points are near each other means something (and, for PCA, the axes).
    method: "pca" or "tsne". trustworthiness: 0 to 1, see `trustworthiness`.
    explained: the shares of the features' variance along the two axes of PCA; None for t-SNE.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.projection:figure"

    dataset: Dataset
    chosen: npt.NDArray[np.int64] = field(repr=False)
    features: npt.NDArray[np.float32] = field(repr=False)
    predicted: npt.NDArray[np.int64] = field(repr=False)
    positions: Floats = field(repr=False)
    method: Method
    trustworthiness: float
    explained: tuple[float, float] | None
    groups: npt.NDArray[np.int64] = field(repr=False)
    names: tuple[str, ...]

    @property
    def outcome(self) -> str:
        """What is shown, and how far to trust it."""
        count, features = self.features.shape
        parts = [f"{count:,} images, {features:,} features each, by {_METHODS[self.method]}"]
        if self.explained is not None:
            parts.append(f"the axes hold {self.explained[0]:.0%} and {self.explained[1]:.0%} of the variance")
        if isinstance(self.dataset.targets, Rows):
            parts.append(f"the colour of each: {self.dataset.targets.grouped}")
        return " · ".join([*parts, f"trustworthiness {self.trustworthiness:.3f}"])

    def data(self) -> dict[str, Any]:
        """All figures as plain values."""
        return {
            "method": self.method,
            "images": len(self.chosen),
            "features": self.features.shape[1],
            "trustworthiness": self.trustworthiness,
            "explained": self.explained,
            "points": [
                {
                    "index": index,
                    "x": x,
                    "y": y,
                    "label": self.names[label],
                    "predicted": self.names[to],
                }
                for index, (x, y), label, to in zip(
                    self.chosen.tolist(),
                    self.positions.tolist(),
                    self.groups.tolist(),
                    self.predicted.tolist(),
                    strict=True,
                )
            ],
        }


@of_any_model
def space(model: LoadedModel, dataset: Dataset, method: Method = "pca", *, most: int = MOST, seed: int = 0) -> Space:
    """Lay a labelled set's images out in two dimensions by the model's penultimate features.

    `method` is "pca", or "tsne" (van der Maaten, Hinton 2008; needs scikit-learn, `hubel[look]`), which takes some
    seconds and keeps neighbours together far better. Of a set with more than `most` images, so many are drawn by
    `seed`. The same seed gives the same points.

    Raises ValueError for another method, fewer than three images, or a set that does not fit the model.
    """
    named = decoding_of(model.task.name).names
    if named:
        check_fits(model, dataset)
    elif isinstance(model.task, OfRows):
        check_size(model, dataset)
    else:
        require_names(model)
    if method not in get_args(Method):
        raise SettingError(f"expected method as one of {', '.join(get_args(Method))}, received {method!r}")
    if min(len(dataset), most) < 3:
        raise SettingError(f"expected at least 3 images to lay out, received {min(len(dataset), most)}")
    chosen = np.arange(len(dataset))
    if len(dataset) > most:
        chosen = np.sort(np.random.default_rng(seed).permutation(len(dataset))[:most])
        dataset = dataset.take(chosen)
    found = features(model, dataset.tensors()[0])
    vectors = found.numpy()
    shares: tuple[float, float] | None = None
    if method == "pca":
        positions, variances = principal(vectors, 2)
        shares = (float(variances[0]), float(variances[1]))
    else:
        positions = _tsne(vectors, seed)
    trust = trustworthiness(vectors, positions)
    groups, names = dataset.targets.strata()
    predicted = _likeliest(model, dataset) if named else groups
    return Space(dataset, chosen, vectors, predicted, positions, method, trust, shares, groups, names)


def principal(vectors: npt.ArrayLike, dimensions: int) -> tuple[Floats, Floats]:
    """The first principal components of N vectors: scores, N×dimensions, and each one's share of the variance.

    Each axis points to where its largest weight is positive, so that the same vectors give the same picture. Where
    there are fewer components than asked for, the rest are zero.
    """
    given = np.asarray(vectors, np.float64)
    centred = given - given.mean(0)
    left, values, axes = np.linalg.svd(centred, full_matrices=False)
    kept = min(dimensions, len(values))
    signs = np.sign(np.take_along_axis(axes, np.abs(axes).argmax(1, keepdims=True), 1))[:kept, 0]
    scores, shares = np.zeros((len(given), dimensions)), np.zeros(dimensions)
    scores[:, :kept] = left[:, :kept] * values[:kept] * signs
    total = float((values**2).sum())
    if total:
        shares[:kept] = values[:kept] ** 2 / total
    return scores, shares


def trustworthiness(vectors: npt.ArrayLike, positions: npt.ArrayLike, neighbours: int = NEIGHBOURS) -> float:
    """How far neighbours in a layout are neighbours in truth, 0 to 1 (Venna, Kaski 2001).

    1 - 2 / (n·k·(2n - 3k - 1)) · Σ (r - k), over all of an image's k nearest in the layout that are not among its k
    nearest by the features; r is their rank by the features. Chance gives about one half.
    """
    high, low = np.asarray(vectors, np.float64), np.asarray(positions, np.float64)
    size = len(high)
    k = min(neighbours, (size - 1) // 2)
    if k < 1:
        return 1.0
    penalty = 0
    for start in range(0, size, max(1, _BLOCK // size)):
        rows = np.arange(start, min(size, start + max(1, _BLOCK // size)))
        order = _distances(high, rows).argsort(1, kind="stable")
        ranks = np.empty_like(order)
        np.put_along_axis(ranks, order, np.arange(size)[np.newaxis], 1)  # an image's own is 0
        nearest = _distances(low, rows).argsort(1, kind="stable")[:, 1 : k + 1]
        penalty += int(np.maximum(np.take_along_axis(ranks, nearest, 1) - k, 0).sum())
    return 1 - 2 * penalty / (size * k * (2 * size - 3 * k - 1))


def _distances(points: Floats, rows: npt.NDArray[np.int64]) -> Floats:
    """Squared distances from some points to all; a point is nearest to itself, whatever rounding says."""
    lengths = (points**2).sum(1)
    found: Floats = lengths[rows, np.newaxis] + lengths - 2 * points[rows] @ points.T
    found[np.arange(len(rows)), rows] = -np.inf
    return found


def _tsne(vectors: npt.NDArray[np.float32], seed: int) -> Floats:
    manifold: Any = importlib.import_module("sklearn.manifold")  # has no types
    start, _ = principal(vectors, min(_FIRST, *vectors.shape))
    perplexity = min(_PERPLEXITY, (len(vectors) - 1) / 3)
    layout = manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    positions: Floats = layout.fit_transform(start.astype(np.float32)).astype(np.float64)
    return positions


def _likeliest(model: LoadedModel, dataset: Dataset) -> npt.NDArray[np.int64]:
    from hubel.look.access.infer import logits

    likeliest: torch.Tensor = logits(model, dataset.tensors()[0]).argmax(1)
    found: npt.NDArray[np.int64] = likeliest.numpy()
    return found
