"""Layouts: the same points each time, axes that mean what they say, and a figure for how far to trust them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Dataset, Preprocessing
from hubel.look.figures.projection import apart, places
from hubel.look.retrieve.projection import principal, space, trustworthiness
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
    from sklearn import manifold

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


def test_the_page_knows_each_point_and_draws_where_it_lies(model, shades):
    found = space(model, shades)
    page = found.figure("small").html()
    data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
    assert data["chosen"] == list(range(90))
    assert data["labels"] == shades.labels.tolist()
    on_page = places(found)
    np.testing.assert_allclose(data["points"], on_page, atol=0.06)
    spans = on_page.max(0) - on_page.min(0)
    np.testing.assert_allclose(spans[1] / spans[0], np.ptp(found.positions[:, 1]) / np.ptp(found.positions[:, 0]))
    top = on_page[:, 1].argmin()  # pages count downwards
    assert top == found.positions[:, 1].argmax()


def test_shown_images_do_not_overlap():
    points = np.random.default_rng(0).uniform(0, 200, (500, 2))
    shown = points[apart(points, 30)]
    gaps = np.abs(shown[:, np.newaxis] - shown).max(2) + 1000 * np.eye(len(shown))
    assert gaps.min() >= 30
    assert len(shown) > 15


@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_the_command_writes_a_page(digits_run, tmp_path, ending, capsys):
    target = tmp_path / f"s.{ending}"
    assert main(["look", "space", str(digits_run.directory), "--most", "200", "-o", str(target)]) == 0
    assert target.stat().st_size > 20_000
    assert "trustworthiness 0." in capsys.readouterr().out


def test_the_command_prints_points(digits_run, capsys):
    assert main(["look", "space", str(digits_run.directory), "--most", "50", "--seed", "2", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert len(data["points"]) == 50
    assert len({point["index"] for point in data["points"]}) == 50
    assert 0.5 < data["trustworthiness"] <= 1
