"""Pictures on a page: what is drawn for a number, and what is kept of a layer."""

from __future__ import annotations

import copy
import dataclasses
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.look import Scale, Section, Tile, TiledFigure, record, sample
from hubel.tasks import LoadedModel
from hubel.view.figures.scene import Picture


def test_signed_numbers_diverge_around_white() -> None:
    blue, white, red = Scale.signed(2.0).colours([-2.0, 0.0, 2.0]).tolist()
    assert min(white) > 240
    assert blue[2] > blue[0] + 50
    assert red[0] > red[2] + 50


@pytest.mark.parametrize("scale", [Scale.magnitude(0, 1), Scale.signed(1.0)])
def test_equal_steps_are_equal_steps_of_lightness(scale: Scale) -> None:
    """CIE L*, from its definition, rises (or falls from the middle) evenly; 8-bit colours round a little."""
    rgb = scale.colours(np.linspace(0, 1, 33)).astype(float) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(luminance > 0.008856, 116 * np.cbrt(luminance) - 16, 903.3 * luminance)
    steps = np.abs(np.diff(lightness))
    assert (np.sign(np.diff(lightness)) == np.sign(lightness[-1] - lightness[0])).all()
    assert steps.max() < 2.1 * np.median(steps)


def test_what_is_no_number_is_seen_to_be_none() -> None:
    drawn = Scale.magnitude(0, 1).colours(np.array([[0.5, np.nan], [np.inf, -np.inf]]))
    assert len(set(drawn[0, 1].tolist())) == 1  # grey
    assert drawn[1, 0].tolist() == Scale.magnitude(0, 1).colours(1.0).tolist()
    assert drawn[1, 1].tolist() == Scale.magnitude(0, 1).colours(0.0).tolist()


def test_scales_fit_what_they_are_given() -> None:
    assert Scale.of([-1.0, 3.0, np.nan]) == Scale.signed(3.0)
    assert Scale.of([0.5, 3.0]) == Scale.magnitude(0.0, 3.0)
    assert Scale.of_signed([]).colours([0.0]).shape == (1, 3)


def figure() -> TiledFigure:
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    tiles = tuple(Tile(pixels, f"channel {i}", "5·5·1 + 1", boxes=((1, 1, 2, 2),)) for i in range(30))
    return TiledFigure("maps", "28×28×1", (Section("conv1", tiles, "24 rows", scale=Scale.signed(1.5)),))


def test_pages_keep_their_words_inside(tmp_path: Path) -> None:
    scene = figure().scene
    for text in scene.texts:
        left, top, right, bottom = text.box
        assert left >= 0
        assert right <= scene.width
        assert top >= 0
        assert bottom <= scene.height


def test_pages_are_written_by_ending(tmp_path: Path) -> None:
    for ending in (".png", ".svg", ".html"):
        figure().save(tmp_path / f"page{ending}")
    with Image.open(tmp_path / "page.png") as image:
        assert image.width == 2 * figure().scene.width
    page = (tmp_path / "page.html").read_text()
    assert len(re.findall("<figure", page)) == 30
    assert "://" not in page
    with pytest.raises(
        ValueError, match=r"expected a file that ends with \.svg, \.html, \.png, \.pdf, received '\.jpg'"
    ):
        figure().save(tmp_path / "page.jpg")


def test_pixels_stay_pixels() -> None:
    drawn = Image.open(BytesIO(figure().png("light"))).convert("RGB")
    box = next(mark for mark in figure().scene.flat() if isinstance(mark, Picture))
    found = {drawn.getpixel((int(2 * box.x) + 6 + i, int(2 * box.y) + 6)) for i in range(30)}
    assert found == {(0, 1, 2)}


def test_names_are_escaped() -> None:
    page = TiledFigure("<b>&", "", (Section("</script>", (Tile(np.zeros((2, 2), np.uint8), '"quoted"'),)),)).html()
    assert "<b>" not in page
    assert "</script>" not in page
    assert 'alt="&quot;quoted&quot;"' in page


def test_records_are_what_the_layers_give(digits_model: LoadedModel, digit: Path) -> None:
    given = sample(digits_model, digit)
    assert given.name == "seven.png"
    assert given.picture.shape == (28, 28, 1)
    seen = record(digits_model, given.input)
    assert [row.path for row in seen.rows] == list(seen.outputs)
    torch.testing.assert_close(seen.outputs["conv1"], seen.before["conv1"].relu())
    torch.testing.assert_close(seen.inputs["conv2"], seen.outputs["conv1"])
    with torch.no_grad():
        torch.testing.assert_close(list(seen.outputs.values())[-1], digits_model.module(given.input))


def test_records_leave_the_module_as_it_was(colour_model: LoadedModel) -> None:
    module = colour_model.module.train()
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    seen = record(colour_model, torch.randn(2, 3, 32, 32), frozenset({"sum1", "concat1"}))
    assert module.training
    module.eval()
    assert not any(child._forward_hooks or child._forward_pre_hooks for child in module.modules())
    assert all(torch.equal(tensor, module.state_dict()[name]) for name, tensor in state.items())
    inside = {path for path in seen.outputs if path.startswith("sum1.")}
    assert inside
    assert not any(path.startswith("conv1") for path in seen.outputs)
    torch.testing.assert_close(
        seen.outputs["concat1"],
        torch.cat([seen.outputs[f"concat1.{last}"] for last in ("branch1.conv1", "branch2.conv2", "branch3.pool1")], 1),
    )


def test_layers_that_work_in_place_are_seen_as_they_gave(digits_model: LoadedModel, digit: Path) -> None:
    given = sample(digits_model, digit)
    expected = record(digits_model, given.input)
    module = copy.deepcopy(digits_model.module)
    for name, child in module.named_modules():
        if name.endswith("relu"):
            child.inplace = True  # type: ignore[assignment]
    seen = record(dataclasses.replace(digits_model, module=module), given.input)
    assert seen.before["conv1"].min() < 0
    for kind in ("inputs", "before", "outputs"):
        for path, tensor in getattr(expected, kind).items():
            assert torch.equal(getattr(seen, kind)[path], tensor)


def test_unknown_layers_are_refused(colour_model: LoadedModel) -> None:
    with pytest.raises(KeyError, match="no layer is called 'conv11'; did you mean"):
        record(colour_model, torch.randn(1, 3, 32, 32), frozenset({"conv11"}))
