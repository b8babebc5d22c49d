"""A run's past: the weights that were saved, the start made again from the seed, and what both say of an image."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy

from hubel.arch import parse
from hubel.cli import main
from hubel.data import Dataset, Splits
from hubel.look.figures.changes import filter_pictures, grid, moved_chart
from hubel.look.inside.changes import changes
from hubel.tasks import predict
from hubel.train import Recipe, Run, RunError, train
from hubel.view.figures.charts import ticks
from hubel.view.figures.scene import Text, text_width

COLOURED = "8x8x3: conv 4 3x3 relu, flatten, dense 2 softmax"


@pytest.fixture(scope="module")
def blobs() -> Dataset:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 64)
    images = random.integers(0, 130, (64, 8, 8, 3)) + 120 * labels[:, np.newaxis, np.newaxis, np.newaxis]
    return Dataset(images.astype(np.uint8), labels, ("dark", "light"), "blobs")


def trained(blobs: Dataset, folder, **settings) -> Run:
    recipe = Recipe(**{"epochs": 3, "batch_size": 16, "threads": 1, "precision": "float32", "seed": 3, **settings})
    return train(parse(COLOURED), Splits(blobs), recipe, folder, validation=0)


def test_each_moment_has_the_weights_that_were_saved(digits_run):
    found = changes(digits_run)
    files = sorted((digits_run.directory / "checkpoints").glob("step-*.safetensors"))
    assert found.steps == (0, *(int(file.stem.removeprefix("step-")) for file in files))
    for weights, file in zip(found.weights[1:], files, strict=True):
        np.testing.assert_array_equal(weights, safetensors.numpy.load_file(file)["network.conv1.weight"])
    assert found.row.path == "conv1"
    assert found.weights.shape == (len(files) + 1, 6, 1, 5, 5)
    assert found.epochs[-1] == pytest.approx(3, abs=0.02)
    assert len(found.metrics) == 3


def test_the_last_moment_answers_as_the_model_does(digits_run, digits_model, digit):
    found = changes(digits_run, digit)
    np.testing.assert_allclose(found.probabilities[-1], predict(digits_model, [digit])[0], atol=1e-6)
    assert found.maps.shape[:2] == (len(found.steps), 6)
    assert found.probabilities[0].max() < 0.6  # nothing is known at the start
    assert found.probabilities[-1].argmax() == 7


def test_the_start_is_where_training_began(blobs, tmp_path):
    run = trained(blobs, tmp_path / "still", learning_rate=1e-12, optimizer="sgd", epochs=1)
    found = changes(run)
    assert found.steps == (0, 4)
    np.testing.assert_allclose(found.weights[0], found.weights[1], atol=1e-7)
    assert np.abs(found.weights[0]).max() > 0.01


def test_how_far_a_layer_moved_is_measured_against_its_length(blobs, tmp_path):
    run = trained(blobs, tmp_path / "run", keep_checkpoints=9)
    found = changes(run, layer="dense1")
    assert found.steps == (0, 4, 8, 12)
    vectors = []
    for step in (4, 8):
        saved = safetensors.numpy.load_file(run.directory / "checkpoints" / f"step-{step:08d}.safetensors")
        vectors.append(np.concatenate([saved[f"network.dense1.{part}"].ravel() for part in ("weight", "bias")]))
    first, second = vectors
    expected = np.linalg.norm(second - first) / np.linalg.norm(first)
    assert found.moved["dense1"][1] == pytest.approx(expected, rel=1e-4)
    assert set(found.moved) == {"conv1", "dense1"}


def test_the_moving_average_is_what_counts(blobs, tmp_path):
    run = trained(blobs, tmp_path / "run", ema=0.9)
    image = blobs.images[0]
    np.testing.assert_allclose(changes(run, image).probabilities[-1], predict(run.model(), [image])[0], atol=1e-6)


def test_few_checkpoints_are_said_to_be_few(blobs, tmp_path, capsys):
    run = trained(blobs, tmp_path / "run")
    assert "keep_checkpoints" in changes(run).advice
    assert main(["look", "changes", str(run.directory), "--json"]) == 0
    told = capsys.readouterr()
    assert "only 2 checkpoints" in told.err
    assert json.loads(told.out)["steps"] == [0, 8, 12]
    assert changes(trained(blobs, tmp_path / "other", keep_checkpoints=9, epochs=4)).advice == ""


def test_damaged_checkpoints_are_left_out_and_named(blobs, tmp_path, capsys):
    run = trained(blobs, tmp_path / "run", keep_checkpoints=9)
    files = sorted((run.directory / "checkpoints").glob("step-*.safetensors"))
    files[1].write_bytes(files[1].read_bytes()[:-1])
    found = changes(run)
    assert found.steps == (0, 4, 12)
    assert files[1].name in found.problems[0]
    assert main(["look", "changes", str(run.directory)]) == 0
    assert f"left out: {files[1]}: its SHA-256 does not match" in capsys.readouterr().err
    assert "only 2 checkpoints of this run were kept and 1 damaged" in found.advice
    shutil.rmtree(run.directory / "checkpoints")
    with pytest.raises(RunError, match="none that is whole"):
        changes(run)


def test_filters_of_colours_are_drawn_in_colours_by_one_scale(blobs, tmp_path):
    found = changes(trained(blobs, tmp_path / "run"))
    pictures, scale = filter_pictures(found)
    assert scale is None
    assert pictures[0].shape == (7, 7, 3)  # 2×2 filters of 3×3 with a line between them
    place = np.unravel_index(np.abs(found.weights).argmax(), found.weights.shape)
    moment, channel, colour, row, column = place
    drawn = pictures[moment][channel // 2 * 4 + row, channel % 2 * 4 + column, colour]
    assert drawn == (255 if found.weights[place] > 0 else 0)


def test_a_grid_keeps_pictures_in_order():
    pictures = np.arange(1, 6, dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis] * np.ones((5, 2, 2, 3), np.uint8)
    canvas = grid(pictures)
    assert canvas.shape == (5, 8, 3)
    assert canvas[::3, ::3, 0].tolist() == [[1, 2, 3], [4, 5, 170]]


def test_the_names_at_the_ends_of_lines_stand_whole(digits_run):
    found = changes(digits_run)
    longer = {f"level.below.level.below.level.below.{path}": moved for path, moved in found.moved.items()}
    chart = moved_chart(replace(found, moved=longer))
    names = [mark for mark in chart.marks if isinstance(mark, Text) and mark.words in longer]
    assert names
    assert all(name.x + 1.15 * text_width(name.words, name.role) < chart.width for name in names)
    assert moved_chart(found).width < chart.width


@pytest.mark.parametrize(("low", "high", "wanted"), [(1, 1, (0.75, 1)), (0, 0, (0, 0.25)), (0.98, 1, (0.98, 1))])
def test_an_axis_of_shares_ends_at_all(low, high, wanted):
    assert (ticks(low, high)[0], ticks(low, high)[-1]) == pytest.approx(wanted)


@pytest.mark.parametrize("ending", ["png", "svg", "html"])
def test_the_command_writes_a_page(digits_run, digit, tmp_path, ending, capsys):
    target = tmp_path / f"c.{ending}"
    assert main(["look", "changes", str(digits_run.directory), str(digit), "--layer", "conv2", "-o", str(target)]) == 0
    assert target.stat().st_size > 20_000
    assert "seven.png is 7" in capsys.readouterr().out
    if ending == "html":
        page = target.read_text(encoding="utf-8")
        data = json.loads(re.search(r'<script type="application/json">(.*?)</script>', page)[1])
        assert data["steps"] == list(changes(digits_run).steps)
        assert data["when"][0] == "the start"
        assert data["places"] == sorted(data["places"])
    if ending == "svg":  # in a report's colours: training the first, what was measured the second
        text = target.read_text(encoding="utf-8")
        labels = dict(re.findall(r'series-([01])"[^>]*/>\s*<text[^>]*>(\w+)</text>', text)[:2])
        assert labels["0"] == "training"
        assert labels["1"] in ("test", "validation")


def test_what_cannot_be_followed_is_refused(digits_run, tmp_path, capsys):
    with pytest.raises(KeyError, match="did you mean 'conv"):
        changes(digits_run, layer="conv9")
    with pytest.raises(ValueError, match="no"):
        changes(digits_run, layer="pool1")
    assert main(["look", "changes", str(tmp_path)]) == 2
    assert "expected a run's folder" in capsys.readouterr().err
