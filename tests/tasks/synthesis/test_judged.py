"""What a report counts of made pictures: distances beside their floors, classes, the nearest training pictures."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.cli import main
from hubel.data import load as load_classes
from hubel.report import report_page
from hubel.tasks import load
from hubel.tasks.synthesis.distance import features, frechet, moments
from hubel.tasks.synthesis.pictures import pictures
from hubel.train import Recipe, Run, train

MAKER = "8: dense 64, leaky 0.2, reshape 4x4x4, deconv 1 4x4 strides=2 same tanh"
CLASSIFIER = "8x8x1: flatten, dense 12 relu, dense 2 softmax"
RECIPE = Recipe(epochs=1, batch_size=16, threads=1, precision="float32", augmentation="none", label_smoothing=0.0)


def halves(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures that are light on the left, or on the right, and which."""
    random = np.random.default_rng(seed)
    labels = np.arange(number) % 2
    images = random.integers(0, 60, (number, 8, 8, 1))
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] += 150
    return images.astype(np.uint8), labels.astype(np.int64)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A maker, a classifier of the same data, one of other data and one that has not ended, side by side."""
    folder = tmp_path_factory.mktemp("judged")
    for name, seed in (("halves", 0), ("others", 5)):
        (x_train, y_train), (x_test, y_test) = halves(80, seed), halves(40, seed + 1)
        arrays = {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
        np.savez(folder / f"{name}.npz", classes=np.array(["left", "right"]), **arrays)
    for name, data in (("judge", "halves"), ("stranger", "others")):
        path = folder / f"{data}.npz"
        recipe = RECIPE.replace(epochs=20, learning_rate=0.01)
        train(parse(CLASSIFIER), load_classes(path), recipe, folder / "runs" / name, source={"source": str(path)})
    source = {"source": str(folder / "halves.npz"), "task": "synthesis"}
    recipe = RECIPE.replace(monitor="distance", pixels="symmetric", momentum=0.0, ema=0.9)
    train(parse(MAKER), load(**source), recipe, folder / "runs" / "maker", source=source)
    return folder / "runs"


def part(page: str, name: str) -> str:
    """A section's words, without its marks."""
    found = page[page.index(f'<section id="{name}"') :]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found[: found.index("</section>")]))


def test_classes_are_counted_by_a_model_of_the_same_data(runs):
    run, judge = Run.open(runs / "maker"), Run.open(runs / "judge").model()
    page = report_page(run)
    counted = part(page, "classes")
    assert "judge (" in counted
    assert "which was trained on the same data" in counted
    made = torch.from_numpy(pictures(run.model(), 10_000, seed=0))
    scores = judge.module.logits(judge.preprocessing.normalise(made)).argmax(1)
    left = float((scores == 0).float().mean())
    shares = re.search(r"left ([\d.]+)% ([\d.]+)% ([\d.]+)%", counted)
    assert shares is not None
    assert [float(each) for each in shares.groups()] == [pytest.approx(100 * left, abs=0.06), 50.0, 50.0]


def test_distances_stand_beside_their_floors(runs):
    run = Run.open(runs / "maker")
    told = part(report_page(run), "distance")
    assert "10,000 made pictures" in told
    assert "80 training pictures" in told
    splits = load(str(runs.parent / "halves.npz"), task="synthesis")
    made, real, some = (
        moments(features(torch.from_numpy(each)))
        for each in (pictures(run.model(), 10_000, seed=0), splits.test.images, splits.train.images)
    )
    assert f"never trained {frechet(made, real):.3f} {frechet(some, real):.3f}" in told
    assert "the 12 numbers before the last layer" in told


def test_the_nearest_are_of_the_training_pictures(runs):
    assert "the nearest of 80 training pictures" in part(report_page(Run.open(runs / "maker")), "nearest")


def test_a_set_that_is_named_is_measured_and_training_is_read_again(runs, capsys, tmp_path):
    page = tmp_path / "more.html"
    line = ["report", str(runs / "maker"), str(runs.parent / "others.npz"), "-o", str(page)]
    assert main([*line, "--judge", str(runs / "stranger"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["report"] == str(page)
    text = page.read_text(encoding="utf-8")
    assert "the nearest of 80 training pictures" in part(text, "nearest")
    assert "stranger (" in part(text, "classes")


def test_without_a_judge_the_page_says_what_would_count(runs, tmp_path):
    (tmp_path / "alone").mkdir()
    (runs / "maker").rename(tmp_path / "alone" / "maker")
    try:
        told = part(report_page(Run.open(tmp_path / "alone" / "maker")), "classes")
    finally:
        (tmp_path / "alone" / "maker").rename(runs / "maker")
    assert "Not counted" in told
    assert "a model for classification of 8×8×1" in told
    assert "--judge RUN" in told


def test_where_there_are_no_classes_none_is_said_to_count_them(tmp_path):
    (tmp_path / "heap").mkdir()
    for number, pixels in enumerate(halves(24, 3)[0]):
        Image.fromarray(pixels[..., 0]).save(tmp_path / "heap" / f"{number}.png")
    source = {"source": str(tmp_path / "heap"), "task": "synthesis", "size": (8, 8), "channels": 1}
    recipe = RECIPE.replace(monitor="distance", pixels="symmetric", momentum=0.0, epochs=1)
    run = train(parse(MAKER), load(**source), recipe, tmp_path / "runs" / "maker", source=source)
    told = part(report_page(run), "classes")
    assert "Not counted: the pictures that it learnt from have no classes." in told
    assert "judge" not in told


def test_judges_that_cannot_judge_are_refused(runs, capsys):
    assert main(["report", str(runs / "maker"), "--judge", str(runs / "maker")]) == 2
    assert "received one for synthesis" in capsys.readouterr().err
    with pytest.raises(SettingError, match="answers examples and makes none"):
        report_page(Run.open(runs / "judge"), judge=runs / "stranger")


def test_costly_networks_make_fewer_and_the_page_says_so(runs, monkeypatch):
    monkeypatch.setattr("hubel.tasks.synthesis.judged._WORK", 1)
    told = part(report_page(Run.open(runs / "maker")), "distance")
    assert "1,000 made pictures" in told
    assert "10,000 would take long" in told
