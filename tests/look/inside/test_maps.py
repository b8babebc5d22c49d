"""Maps: every layer's numbers against PyTorch's own, which channels are shown, and what the page says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hubel.arch import parse
from hubel.look import Chart, Section, sample
from hubel.look.inside.maps import maps
from hubel.tasks import LoadedModel
from tests.look.conftest import untrained


@pytest.fixture(scope="module")
def wide_model() -> LoadedModel:
    """Return a network whose layers have more channels than are shown."""
    return untrained(parse("20x16x3: conv 24 3x3 relu, conv 40 3x3/2, globalavgpool, dense 30 softmax"), tuple("abc"))


def test_values_are_those_of_the_module(digits_model: LoadedModel, digit: Path) -> None:
    given = sample(digits_model, digit)
    found = maps(digits_model, given)
    network = dict(digits_model.module.named_children())
    with torch.inference_mode():
        first = network["conv1_relu"](network["conv1"](given.input))
        last = digits_model.module(given.input)
    assert [layer.row.path for layer in found.layers] == ["conv1", "conv2", "pool1", "dense1", "dense2"]
    np.testing.assert_allclose(found["conv1"].values, first.numpy())
    np.testing.assert_allclose(found["dense2"].values, last.numpy())
    assert found["conv1"].channels == tuple(range(6))


def test_maps_of_a_sequence_are_one_pixel_high(tmp_path: Path) -> None:
    model = untrained(parse("6x8x1: reshape 6x8, conv1d 4 3 same, flatten, dense 2 softmax"), ("a", "b"))
    given = sample(model, np.random.default_rng(0).integers(0, 256, (6, 8), np.uint8))
    found = maps(model, given)
    assert found["conv1"].values.shape == (1, 4, 1, 6)  # 6 steps of 4
    assert found["conv1"].dead == (0,)
    assert found.figure().save(tmp_path / "maps.svg").stat().st_size > 1000


def test_the_strongest_channels_of_a_large_layer_are_shown_and_counted(wide_model: LoadedModel) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 16, 3), np.uint8)
    given = sample(wide_model, image)
    layer = maps(wide_model, given, most=5)["conv2"]
    whole = maps(wide_model, given, most=40)["conv2"]
    strengths = np.abs(whole.values[0]).mean((1, 2))
    assert list(layer.channels) == np.argsort(-strengths)[:5].tolist()
    assert "the 5 strongest of 40 channels" in layer.note
    assert layer.values.shape == (1, 5, 8, 6)


def test_named_channels_and_parts(colour_model: LoadedModel) -> None:
    given = sample(colour_model, np.zeros((32, 32, 3), np.uint8))
    found = maps(colour_model, given, layer="sum1")
    assert [layer.row.path for layer in found.layers][-1] == "sum1"
    assert all(layer.row.path.startswith("sum1") for layer in found.layers)
    assert maps(colour_model, given, layer="conv1", channels=[7, 0])["conv1"].channels == (7, 0)


def test_mistaken_names_and_channels_say_what_there_is(colour_model: LoadedModel) -> None:
    given = sample(colour_model, np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(KeyError, match="did you mean 'conv1'"):
        maps(colour_model, given, layer="convv1")
    with pytest.raises(ValueError, match="expected a channel of conv1 from 0 to 7, received 8"):
        maps(colour_model, given, layer="conv1", channels=[8])
    with pytest.raises(ValueError, match="expected one or more images"):
        maps(colour_model, [])


def test_dead_channels_are_counted(colour_model: LoadedModel) -> None:
    given = sample(colour_model, np.zeros((32, 32, 3), np.uint8))
    with torch.no_grad():
        kept = colour_model.module.norm1.bias.clone()  # type: ignore[union-attr, operator]
        try:
            colour_model.module.norm1.bias[:3] = -1000.0  # type: ignore[index]
            layer = maps(colour_model, given)["relu1"]
        finally:
            colour_model.module.norm1.bias.copy_(kept)  # type: ignore[union-attr, operator]
    assert layer.dead[0] >= 3
    assert "zero everywhere" in layer.note


def test_several_images_share_channels_and_colours(wide_model: LoadedModel) -> None:
    random = np.random.default_rng(1)
    pair = [sample(wide_model, random.integers(0, 256, (20, 16, 3), np.uint8), name) for name in ("one", "two")]
    found = maps(wide_model, pair, most=4)
    assert found["conv1"].values.shape[:2] == (2, 4)
    notes = [part.note for part in found.figure().sections if isinstance(part, Section)]
    assert any(note.endswith("one") for note in notes)
    assert any(note.endswith("two") for note in notes)


def test_the_page_tells_shapes_rules_and_fields(digits_model: LoadedModel, digit: Path, tmp_path: Path) -> None:
    figure = maps(digits_model, sample(digits_model, digit)).figure()
    words = "\n".join(f"{part.title} {part.note}" for part in figure.sections)
    assert "28×28×1 → 12×12×6" in words
    assert "size (28 − 5)/2 + 1 rounds down to 12" in words
    assert "one number sees 9×9 of the input" in words  # 5 + 2·(3 − 1)
    chart = figure.sections[-1]
    assert isinstance(chart, Chart)
    assert {"0", "9"} <= {mark.words for mark in chart.marks if hasattr(mark, "words")}
    for ending in ("html", "svg", "png"):
        assert figure.save(tmp_path / f"maps.{ending}").stat().st_size > 1000


def test_a_network_of_vectors_takes_images(tmp_path: Path) -> None:
    model = untrained_vectors()
    found = maps(model, sample(model, np.full((8, 8, 1), 100, np.uint8)))
    assert [layer.values.shape for layer in found.layers] == [(1, 70), (1, 3)]
    assert found.figure().save(tmp_path / "maps.html").exists()


def untrained_vectors() -> LoadedModel:
    from hubel.data import Preprocessing
    from hubel.nn import build

    network = parse("64: dense 70 relu, dense 3 softmax")
    torch.manual_seed(0)
    return LoadedModel(network, build(network).eval(), Preprocessing(8, 8, 1, (0.5,), (0.25,)), tuple("abc"))
