"""Pictures that end in the middle of a pixel where they are padded: every engine, page and answer rounds that up."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from PIL import Image

from hubel.data import Preprocessing
from hubel.export import onnx_model
from hubel.export.engines import asking
from hubel.export.odd import odd_pictures
from hubel.export.onnx.boxes import in_pixels
from hubel.export.onnx.graph import Graph
from tests.export.test_export import graph_of
from tests.export.test_masks import streets
from tests.report.pages import page

Size: TypeAlias = tuple[int, int]
ENGINES = ["onnxruntime", pytest.param("openvino", marks=pytest.mark.peers)]  # the latter computes in 32 bits


def halves(height: int, width: int, most: int = 330) -> list[Size]:
    """Heights and widths of pictures that end in the middle of a pixel where they are padded to a size."""
    return [
        (rows, columns)
        for rows in range(1, most)
        for columns in range(1, most)
        if (rows * width > columns * height and 2 * columns * height % (2 * rows) == rows)
        or (rows * width < columns * height and 2 * rows * width % (2 * columns) == columns)
    ]


def some(size: Size, count: int, most: int = 330) -> list[Size]:
    """So many of them, drawn at random."""
    found = halves(*size, most)
    return [found[place] for place in np.random.default_rng(0).choice(len(found), count, replace=False)]


def taken(picture: Size, size: Size) -> Size:
    """The rows and columns of a size that a padded picture takes, in fractions."""
    scale = min(Fraction(size[0], picture[0]), Fraction(size[1], picture[1]))
    rows, columns = (max(1, math.floor(side * scale + Fraction(1, 2))) for side in picture)
    return rows, columns


def computed(model: Any, engine: Any) -> Callable[[Any], dict[str, Any]]:
    """What computes all outputs of an ONNX model for a picture, by their names."""
    if engine == "openvino":
        pytest.importorskip("openvino")
    names, ask = [output.name for output in model.graph.output], asking(engine, model.SerializeToString())
    return lambda picture: dict(zip(names, (each[0] for each in ask({"image": picture[np.newaxis]})), strict=True))


def mottled(size: Size) -> Any:
    """A smooth picture in which every place differs."""
    coarse = np.random.default_rng(size[0]).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize(size[::-1]))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [(160, 208), (33, 47)])
def test_a_padded_picture_takes_as_many_places_everywhere(size: Size, engine: str) -> None:
    preparation = Preprocessing(*size, 3, (0.5,) * 3, (0.2,) * 3, "pad")
    run = computed(graph_of(preparation), engine)
    known = [(192, 243), (64, 81), (320, 405)] if size == (160, 208) else []
    for sides in [*some(size, 120), *known]:
        white = np.full((*sides, 3), 255, np.uint8)
        wanted = preparation.prepare(white)
        assert tuple(int((wanted[..., 0] > 0).any(axis).sum()) for axis in (1, 0)) == taken(sides, size), sides
        assert np.abs(run(white)["out"].transpose(1, 2, 0) - wanted).max() <= 1, sides


@pytest.mark.parametrize("engine", ENGINES)
def test_boxes_and_points_lie_where_predict_has_them(engine: str) -> None:
    size, graph = (160, 208), Graph()
    graph.fresh("image")
    shares = np.array([[0.5, 0.5, 0.75, 0.625]], np.float32)
    kind = Preprocessing(*size, 3, (0.5,) * 3, (0.2,) * 3, "pad")
    graph.add("Identity", in_pixels(graph, graph.keep(shares[np.newaxis]), kind, "image"), name="boxes")
    made = graph.model(
        {"image": ("uint8", ["batch", "rows", "columns", 3])},
        {"boxes": ("float32", ["batch", 1, 4])},
        name="boxes",
        words="",
        metadata={},
        version="",
    )
    run = computed(made, engine)
    for sides in [*some(size, 120), (192, 243), (64, 81), (320, 405)]:
        across, down = (
            ((size[axis] - many) // 2 / size[axis], many / size[axis], sides[axis])
            for axis, many in zip((1, 0), taken(sides, size)[::-1], strict=True)
        )
        wanted = [
            min(max(0.0, (share - low) / span * side), side)
            for share, (low, span, side) in zip(shares[0], (across, down) * 2, strict=True)
        ]
        np.testing.assert_allclose(run(np.zeros((*sides, 3), np.uint8))["boxes"][0], wanted, rtol=2e-6, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_masks_lie_where_predict_has_them(fit: Any, engine: str) -> None:
    """At edges of places a pixel may be another; none is moved."""
    model = streets(fit=fit)
    run = computed(onnx_model(model, "image"), engine)
    for sides in [*some((12, 16), 60, 120), *some((16, 12), 20, 120), (88, 99), (56, 49), (42, 31), (30, 75)]:
        picture = mottled(sides)
        wanted = model.task.answer(model, picture).mask  # type: ignore[attr-defined]
        found = run(picture)["mask"]
        assert ((found == 255) == (wanted == 255)).all(), sides
        assert (found != wanted).sum() <= max(3, 0.02 * wanted.size), sides


def test_pages_count_and_place_as_python_does(browser_page: Any, tmp_path: Path) -> None:
    sizes = [((160, 208), sides) for sides in some((160, 208), 400)]
    sizes += [((33, 47), sides) for sides in [*some((33, 47), 400), (20000, 1), (1, 20000), (7, 7)]]
    script = """
    import { covered } from "hubel/view/engine/pixels";
    import { makePreparation } from "hubel/view/engine/prepare";
    const prepare = makePreparation(data.rules);
    window.counted = data.sizes.map(([size, sides]) => covered(sides, size));
    window.seen = data.some.map(([height, width]) => {
      const { picture } = prepare({ width, height, data: new Uint8ClampedArray(3 * height * width).fill(255) });
      return [...picture].filter((_, place) => place % 3 === 0);
    });"""
    few, preparation = some((33, 47), 30), Preprocessing(33, 47, 3, (0.0,) * 3, (1.0,) * 3, "pad")
    given = {"sizes": sizes, "some": few, "rules": json.loads(preparation.to_json())}
    browser_page.goto(page(tmp_path / "halves.html", script, given))
    browser_page.wait_for_function("window.ready")
    assert browser_page.evaluate("window.counted") == [list(taken(sides, size)) for size, sides in sizes]
    wanted = [preparation.prepare(np.full((*sides, 3), 255, np.uint8))[..., 0].flatten().tolist() for sides in few]
    assert browser_page.evaluate("window.seen") == wanted


@pytest.mark.parametrize("size", [(160, 208), (224, 224), (12, 10), (32, 32), (1, 1), (640, 640), (1000, 3)])
def test_the_odd_pictures_hold_one(size: Size, tmp_path: Path) -> None:
    (tmp_path / "noise.png").write_bytes(dict(odd_pictures(*size))["noise"])
    with Image.open(tmp_path / "noise.png") as picture:
        width, height = picture.size
    assert height * width < 4e6
    assert 2 * width * size[0] % (2 * height) == height
