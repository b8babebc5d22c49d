"""A window's way: each position against the module and the walk by hand, strips, films, and the page that plays."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from hubel.arch import parse
from hubel.look import Chart, Sample, record, sample
from hubel.look.byhand.convolve import convolve, pool
from hubel.look.byhand.stepping import Stepping, step_layer, step_walk
from hubel.tasks import LoadedModel
from tests.look.conftest import untrained

PHOTO = "122 134 124 25 45 / 153 210 112 47 96 / 66 48 68 45 45 / 11 123 45 78 128"


@pytest.fixture(scope="module")
def odd_model() -> LoadedModel:
    """Return a network of windows that stride, dilate, overhang, and differ from place to place."""
    text = (
        "14x12x3: conv 4 3x3/2 same relu, conv 4 3x3 pad=2 dilation=2 groups=2 nobias, dwconv 2x2, avgpool 2/1 pad=1, "
        "maxpool 3/2 pad=1, local 3 2x2 tanh, flatten, dense 5 relu, dense 3 softmax"
    )
    return untrained(parse(text), ("a", "b", "c"))


@pytest.fixture(scope="module")
def noise(odd_model: LoadedModel) -> Sample:
    return sample(odd_model, np.random.default_rng(0).integers(0, 256, (14, 12, 3), np.uint8))


def check(found: Stepping, here: tuple[int, int]) -> None:
    position = found.position(here)
    assert position.value == pytest.approx(found.output[here], abs=1e-5)
    assert np.all(position.values[position.outside] == 0)
    assert position.values.shape == (len(found.channels), len(position.rows), len(position.columns))
    inside = {
        (c, i, j): found.inputs[c, row, column]
        for c in range(len(found.channels))
        for i, row in enumerate(position.rows)
        for j, column in enumerate(position.columns)
        if 0 <= row < found.inputs.shape[1] and 0 <= column < found.inputs.shape[2]
    }
    for spot, value in inside.items():
        assert position.values[spot] == value
    if found.kind in ("sum", "units", "average"):
        assert position.running[-1] == pytest.approx(position.total, abs=1e-9)
    last = position.finish[-1].value if position.finish else position.total
    assert last == pytest.approx(position.value, abs=1e-5)


@pytest.mark.parametrize("layer", ["conv1", "conv2", "dwconv1", "pool1", "pool2", "local1"])
def test_every_position_gives_what_the_module_gave(odd_model: LoadedModel, noise: Sample, layer: str) -> None:
    for channel in (0, 2):
        found = step_layer(odd_model, noise, layer, channel)
        output = record(odd_model, noise.input).outputs[layer][0, channel]
        np.testing.assert_array_equal(found.output, output.double().numpy())
        for row in range(found.output.shape[0]):
            for column in range(found.output.shape[1]):
                check(found, (row, column))


def test_units_of_a_dense_layer_are_positions(odd_model: LoadedModel, noise: Sample) -> None:
    found = step_layer(odd_model, noise, "dense1")
    assert found.is_dense
    for unit in range(5):
        check(found, (0, unit))


def test_a_walk_by_hand() -> None:
    found = step_walk(convolve(PHOTO, "1 -1 / 1 0", bias=-100, activation="relu"))
    assert found.strongest == (0, 1)
    here = found.position((0, 1))
    assert here.running.tolist() == [134, 10, 220, 220]
    assert [done.text for done in here.finish] == ["220 − 100 = 120", "relu(120) = 120"]
    check(found, (2, 3))
    padded = step_walk(convolve("1 2 / 3 4", "edge", padding="same"))
    assert padded.position((0, 0)).outside.sum() == 5
    pooled = step_walk(pool("1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4", "average"))
    assert pooled.position((1, 0)).value == 2
    check(pooled, (0, 1))


def test_the_output_grows_in_reading_order() -> None:
    found = step_walk(convolve(PHOTO, "1 -1 / 1 0"))
    known = found.known((1, 0))
    assert np.isfinite(known).sum() == 5
    np.testing.assert_array_equal(known[0], found.output[0])
    assert found.frames(4) == [(0, 0), (1, 0), (1, 3), (2, 3)]
    assert len(found.frames(100)) == 12


def test_the_strip_tells_products_and_the_sum(odd_model: LoadedModel, noise: Sample, tmp_path: Path) -> None:
    figure = step_walk(convolve(PHOTO, "1 -1 / 1 0")).figure((0, 0))
    words = " ".join(part.note for part in figure.sections)
    assert "the sum as it grows: 122 → −12 → 141 → 141" in words
    drawn = [part for part in figure.sections if isinstance(part, Chart)]
    assert {"122", "210", "141"} <= {mark.words for part in drawn for mark in part.marks if hasattr(mark, "words")}
    for layer in ("conv1", "conv2", "pool2", "local1", "dense1"):
        assert step_layer(odd_model, noise, layer).save(tmp_path / f"{layer}.svg").stat().st_size > 1000


def test_films_have_a_frame_a_position(tmp_path: Path) -> None:
    found = step_walk(pool("1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4", "max"))
    for ending in ("gif", "apng"):
        with Image.open(found.save(tmp_path / f"max.{ending}")) as film:
            frames = [frame.convert("RGB").copy() for frame in ImageSequence.Iterator(film)]
        assert len(frames) == 4
        assert len({frame.tobytes() for frame in frames}) == 4
    with pytest.raises(ValueError, match=r"expected a file that ends with .*\.apng.*, received '\.mp4'"):
        found.save(tmp_path / "max.mp4")


def test_mistakes(odd_model: LoadedModel, noise: Sample) -> None:
    with pytest.raises(ValueError, match="expected a convolution, a pooling or a dense layer"):
        step_layer(odd_model, noise, "flatten1")
    with pytest.raises(KeyError, match="did you mean 'conv1'"):
        step_layer(odd_model, noise, "cov1")
    with pytest.raises(ValueError, match="expected a channel of conv1 from 0 to 3, received 4"):
        step_layer(odd_model, noise, "conv1", 4)
    with pytest.raises(ValueError, match="expected a row of the output from 0 to 6, received 7"):
        step_layer(odd_model, noise, "conv1", 0).position((7, 0))


def test_a_page_is_not_made_of_too_large_an_input(tmp_path: Path) -> None:
    found = step_walk(pool(np.zeros((700, 700), int).tolist(), "max", size=100))
    with pytest.raises(ValueError, match="expected an input of at most 400,000 numbers"):
        found.save(tmp_path / "large.html")


PRODUCTS = """
window.products = () => Array.from({length: count}, (_, place) => {
  show(place);
  return seen(Math.floor(place / outColumns), place % outColumns).products.map((x) => x ?? 0);
});
"""


@pytest.mark.parametrize("layer", ["conv2", "pool2"])
def test_the_page_computes_the_same_products(
    browser_page: Any, odd_model: LoadedModel, noise: Sample, layer: str, tmp_path: Path
) -> None:
    found = step_layer(odd_model, noise, layer, 1)
    page = found.save(tmp_path / "page.html")
    text = re.sub("<meta http-equiv=[^>]*>", "", page.read_text(encoding="utf-8"))  # which knows the script by its hash
    page.write_text(text.replace("let now =", f"{PRODUCTS}let now =", 1), encoding="utf-8")
    browser_page.goto(page.as_uri())
    told = browser_page.evaluate("window.products()")
    width = found.output.shape[1]
    for place, products in enumerate(told):
        mine = found.position((place // width, place % width))
        np.testing.assert_allclose(products, mine.products.ravel(), atol=2e-5)
    assert browser_page.locator("#sum").inner_text()
    assert torch.is_tensor(noise.input)
