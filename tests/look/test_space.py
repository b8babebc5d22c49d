"""Layouts: the same points each time, axes that mean what they say, and a figure for how far to trust them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hubel.arch import parse
from hubel.data import Dataset, Preprocessing
from hubel.look.space import principal, space, trustworthiness
from hubel.nn import build
from hubel.tasks import LoadedModel, predict

NAMES = ("dark", "bright")


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    network = parse("6x6x1: conv 4 3x3 relu, flatten, dense 12 tanh, dense 2 softmax")
    torch.manual_seed(0)
    return LoadedModel(network, build(network).eval(), Preprocessing(6, 6, 1, (0.5,), (0.25,)), NAMES)


@pytest.fixture(scope="module")
def shades() -> Dataset:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 90)
    images = random.integers(0, 120, (90, 6, 6, 1)) + 135 * labels[:, np.newaxis, np.newaxis, np.newaxis]
    return Dataset(images.astype(np.uint8), labels, NAMES, "shades")


def test_principal_components_are_those_of_the_covariance():
    vectors = np.random.default_rng(0).normal(size=(50, 4)) * (5, 2, 1, 0.1)
    scores, shares = principal(vectors, 2)
    values = np.linalg.eigvalsh(np.cov(vectors.T))[::-1]
    np.testing.assert_allclose(scores.var(0, ddof=1), values[:2])
    np.testing.assert_allclose(shares, values[:2] / values.sum())
    assert np.corrcoef(scores[:, 0], vectors[:, 0])[0, 1] > 0.99  # and not -0.99: signs are settled


def test_fewer_components_than_asked_for_leave_noughts():
    scores, shares = principal([[1.0], [2.0], [4.0]], 2)
    assert scores[:, 1].tolist() == [0, 0, 0]
    assert shares.tolist() == [1, 0]
    assert principal([[3.0, 3.0]] * 4, 2)[0].tolist() == [[0, 0]] * 4


def test_a_layout_that_is_the_features_can_be_trusted_and_noise_cannot():
    random = np.random.default_rng(0)
    points = random.normal(size=(300, 2))
    assert trustworthiness(points, points) == 1
    assert trustworthiness(points, points * 3 + 1) == 1
    assert trustworthiness(points, random.normal(size=(300, 2))) == pytest.approx(0.5, abs=0.05)


def test_trustworthiness_is_that_of_scikit_learn():
    manifold = pytest.importorskip("sklearn.manifold")
    vectors = np.random.default_rng(0).normal(size=(120, 7))
    expected = manifold.trustworthiness(vectors, vectors[:, :2], n_neighbors=10)
    assert trustworthiness(vectors, vectors[:, :2]) == pytest.approx(expected)


def test_points_stand_for_their_images(model, shades):
    found = space(model, shades)
    assert found.positions.shape == (90, 2)
    assert found.features.shape == (90, 12)
    assert found.predicted.tolist() == predict(model, shades.images).argmax(1).tolist()
    assert found.trustworthiness > 0.7
    assert found.explained is not None
    assert 0.5 < sum(found.explained) <= 1
    bright = found.positions[found.dataset.labels == 1, 0]
    dark = found.positions[found.dataset.labels == 0, 0]
    assert min(bright.max(), dark.max()) < max(bright.min(), dark.min())  # what differs most is the first axis


def test_of_many_images_the_same_are_drawn_by_a_seed(model, shades):
    few = space(model, shades, most=20, seed=3)
    assert len(few.dataset) == 20
    np.testing.assert_array_equal(few.dataset.images, shades.images[few.chosen])
    np.testing.assert_array_equal(few.positions, space(model, shades, most=20, seed=3).positions)
    assert few.chosen.tolist() != space(model, shades, most=20, seed=4).chosen.tolist()


def test_tsne_is_the_same_by_seed_and_keeps_neighbours(model, shades):
    pytest.importorskip("sklearn")
    one, again = (space(model, shades, "tsne", seed=1) for _ in range(2))
    np.testing.assert_array_equal(one.positions, again.positions)
    assert one.trustworthiness > space(model, shades).trustworthiness - 0.05
    assert one.explained is None


@pytest.mark.parametrize(
    ("options", "words"), [({"method": "umap"}, "pca, tsne"), ({"most": 2}, "at least 3 images"), ({}, "in its order")]
)
def test_what_cannot_be_laid_out_is_refused(model, shades, options, words):
    other = shades if options else Dataset(shades.images, shades.labels, NAMES[::-1], "turned")
    with pytest.raises(ValueError, match=words):
        space(model, other, **options)
