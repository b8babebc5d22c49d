"""Exported masks: of any size, as fine and where `predict` has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hubel
from hubel.data import Preprocessing
from hubel.export import export, onnx_model
from hubel.export.check import colours, compared
from hubel.export.forms import Written
from hubel.export.onnx.form import onnx_bytes, runner
from hubel.tasks import LoadedModel, task_named
from tests.export.test_export import ran
from tests.export.test_onnx import lived_in


def streets(stride: int = 1, fit: Any = "crop") -> LoadedModel:
    """A segmentation that has learnt nothing, of places of so many pixels."""
    network = hubel.parse(f"12x16x3: conv 6 5x5/{stride} same tanh, conv 3 3x3 same softmax")
    settings = {"values": [0, 1, 2], "colours": [[0, 0, 0], [9, 9, 9], [200, 0, 0]]}
    task = task_named("segmentation").from_settings(("sky", "road", "car"), settings)
    return LoadedModel(network, lived_in(network), Preprocessing(12, 16, 3, (0.5,) * 3, (0.2,) * 3, fit), task)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_masks_of_the_networks_own_size_are_as_fine_as_its_input(stride: int) -> None:
    model = streets(stride)
    image = np.random.default_rng(stride).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    found = ran(onnx_model(model), image=image[np.newaxis])["mask"][0]
    np.testing.assert_array_equal(found, model.task.answer(model, image).mask)  # type: ignore[attr-defined]


@pytest.mark.parametrize("below", [True, False])
def test_a_card_on_a_transparent_canvas_stays_where_it_is(below: bool, tmp_path: Path) -> None:
    model = streets()
    pixels = np.random.default_rng(1).integers(0, 256, (48, 64, 4), dtype=np.uint8)
    pixels[..., 3] = 255 * ((np.arange(48) >= 24)[:, np.newaxis] == below)
    Image.fromarray(pixels).save(tmp_path / "card.png")
    seen = colours(str(tmp_path / "card.png"), model.preprocessing)
    assert seen.shape == (48, 64, 3)
    np.testing.assert_array_equal(seen[pixels[..., 3] > 0], pixels[..., :3][pixels[..., 3] > 0])
    assert len(np.unique(seen[pixels[..., 3] == 0])) == 1
    wanted = model.task.answer(model, seen).mask  # type: ignore[attr-defined]
    np.testing.assert_array_equal(model.task.answer(model, tmp_path / "card.png").mask, wanted)  # type: ignore[attr-defined]
    found = ran(onnx_model(model, "image"), image=seen[np.newaxis])["mask"][0]
    assert (found != wanted).mean() <= 0.002


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_masks_come_in_the_size_of_the_image(fit: Any, stride: int) -> None:
    model = streets(stride, fit)
    made = onnx_model(model, "image")
    for height, width in [(12, 16), (40, 31), (1, 30), (1100, 9), (7, 5)]:
        coarse = np.random.default_rng(height).integers(0, 256, (9, 9, 3), dtype=np.uint8)
        image = np.asarray(Image.fromarray(coarse).resize((width, height)))
        wanted = model.task.answer(model, image).mask  # type: ignore[attr-defined]
        found = ran(made, image=image[np.newaxis])["mask"][0]
        assert found.shape == wanted.shape
        assert (found != wanted).mean() <= 0.003
        assert ((found == 255) == (wanted == 255)).all()


def test_masks_may_be_off_by_what_a_level_moves_and_no_further(tmp_path: Path, monkeypatch: Any) -> None:
    """Edges of masks are steep: what a file resizes by itself is a level off here and there, and a place lies there."""
    monkeypatch.setattr("hubel.export.onnx.form.is_here", lambda engine: False)  # 32 bits are off by more there
    network = hubel.parse("16x24x3: conv 4 3x3 same relu, conv 2 1x1 softmax")
    module = lived_in(network, 3)
    with torch.no_grad():
        [each for each in module.modules() if isinstance(each, torch.nn.Conv2d)][-1].weight.mul_(120)
    task = task_named("segmentation").from_settings(
        ("sky", "road"), {"values": [0, 1], "colours": [[0, 0, 9], [9, 0, 0]]}
    )
    model = LoadedModel(network, module, Preprocessing(16, 24, 3, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)), task)
    found = export(model, tmp_path / "steep.onnx").check
    assert found is not None
    assert 5e-3 < found.largest <= found.bound < 0.5
    wrong = Written({}, "image", lambda images: np.full((1, 2, 16, 24), 0.5), "a fault")
    assert not compared(model, wrong, []).passed


def test_of_masks_it_is_said_how_many_places_have_another_class() -> None:
    """A picture of which one place is another is not one that is another."""
    model = streets()
    right = runner(onnx_bytes(model, "sized"), "sized", model)

    def corner(images: Any) -> Any:
        shares = right(images).copy()
        shares[..., 0, 0] = np.roll(shares[..., 0, 0], 1, 1)
        return shares

    found = compared(model, Written({}, "sized", corner, "another", bounded=False), [])
    assert found.share is not None
    assert found.others > 20
    assert found.share == pytest.approx(found.others / (found.odd * 12 * 16), rel=0.2)
    told = f"; {found.others} have another class at some place, {found.share:.2%} of all places"
    assert found.sentence().endswith(told)
    assert found.data()["share"] == found.share
