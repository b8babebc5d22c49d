"""A model in a page of its own: off line, under a strict policy, with the answers of predict."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import hubel
from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.export import export
from hubel.export.forms import Order
from hubel.export.onnx.form import onnx_bytes, runner
from hubel.export.page import form
from hubel.export.page.form import _BUNDLE, _WASM, _as_module
from hubel.export.page.trial import Trial, TrialError, found_node
from hubel.tasks import LoadedModel, task_named
from hubel.train import Run
from tests.export.conftest import picture
from tests.export.test_onnx import lived_in


@pytest.fixture(autouse=True)
def without_node(monkeypatch: pytest.MonkeyPatch) -> None:
    """Node takes seconds to run a page's programs on all pictures; one test lets it."""
    monkeypatch.setattr("hubel.export.page.trial.found_node", lambda: None)


@pytest.mark.skipif(found_node() is None, reason="Node runs a page's programs")
def test_node_runs_a_pages_programs_and_finds_what_answers_otherwise(run: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("hubel.export.page.trial.found_node", found_node)
    model = Run.open(run).model()
    pictures = [np.asarray(picture(name, 7, 40, 31)) for name in ("red", "blue")]
    written = form.written_page(Order(model, None, Path("page.html")))
    assert written.runtime.startswith("Node ")
    assert written.run is not None
    for each in pictures:
        wanted = model.task.answers(model, model.preprocessing.prepare(each)[np.newaxis])[0].data()
        assert written.run(each[np.newaxis])[0].max() == pytest.approx(wanted["probability"], abs=5e-3)
    modules, data = form.running(model)
    with pytest.raises(TrialError, match="is not a function"):
        Trial(modules, data, "answers")(np.zeros((1, 8, 8, 3), np.uint8))


def test_a_page_answers_as_predict_does(run: Path, tmp_path: Path, browser_page: Any) -> None:
    file = tmp_path / "colours.html"
    found = export(run, file)
    assert (found.form, found.check) == ("web", None)
    assert "(Node is not installed), so it was not compared" in found.notes[1]
    model = Run.open(run).model()
    browser_page.goto(file.as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    for name, size in {"red": (40, 31), "blue": (12, 12)}.items():
        shown = tmp_path / f"{name}.png"
        picture(name, 7, *size).save(shown)
        browser_page.set_input_files("#files", str(shown))
        browser_page.wait_for_selector(f"figure.answer >> text={name}.png")
        card = browser_page.locator("figure.answer").first
        answer = model.task.answer(model, shown).data()
        assert card.locator(".said").inner_text() == answer["class"]
        shares = [text.inner_text() for text in card.locator(".share").all()]
        wanted = [each["probability"] for each in answer["top"]]
        assert [float(text.rstrip("%")) for text in shares] == pytest.approx([100 * each for each in wanted], abs=0.1)


def test_pictures_are_turned_as_they_say(tmp_path: Path, browser_page: Any) -> None:
    network = hubel.parse("12x12x3: flatten, dense 4 softmax")
    rule = Preprocessing(12, 12, 3, (0.5,) * 3, (0.2,) * 3)
    model = LoadedModel(network, lived_in(network, 1), rule, ("up", "right", "down", "left"))
    export(model, tmp_path / "page.html")
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    rows, columns = np.mgrid[:12, :12]
    plain = Image.fromarray(np.stack([20 * rows, 20 * columns, 10 * (rows + columns)], 2).astype(np.uint8))
    for ending, ways in {"webp": range(1, 9), "png": (6, 7), "jpg": (6, 7)}.items():
        for way in ways:
            shown, turned = tmp_path / f"{way}.{ending}", Image.Exif()
            turned[0x0112] = way
            plain.save(shown, exif=turned, lossless=True, quality=100)
            browser_page.set_input_files("#files", str(shown))
            browser_page.wait_for_selector(f"figure.answer >> text={shown.name}")
            card = browser_page.locator("figure.answer").first
            shares = [float(text.rstrip("%")) for text in card.locator(".share").all_inner_texts()]
            wanted = [100 * each["probability"] for each in model.task.answer(model, shown, 4).data()["top"]]
            assert shares == pytest.approx(wanted, abs=0.1 if ending != "jpg" else 1), shown.name


def test_what_is_cut_away_is_said_in_the_page(run: Path, tmp_path: Path, browser_page: Any) -> None:
    model = Run.open(run).model()
    file = tmp_path / "colours.html"
    export(replace(model, preprocessing=replace(model.preprocessing, fit="crop")), file)
    browser_page.goto(file.as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    for name, size in (("square", (30, 30)), ("wide", (30, 90))):
        picture("red", 3, *size).save(tmp_path / f"{name}.png")
    browser_page.set_input_files("#files", [tmp_path / "square.png", tmp_path / "wide.png"])
    browser_page.wait_for_selector("figure.answer:nth-child(2)")
    wide, square = browser_page.locator("figure.answer .note").all_inner_texts()
    assert wide == "wide.png · 67% of it is cut away: its form is not that of the training's pictures"
    assert square == "square.png"


def test_what_is_no_picture_is_said_in_the_page(run: Path, tmp_path: Path, browser_page: Any) -> None:
    export(run, tmp_path / "page", to="web")
    browser_page.goto((tmp_path / "page" / "index.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    browser_page.set_input_files("#files", files=[{"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"}])
    browser_page.wait_for_selector("figure.answer .refused")
    told = browser_page.locator(".refused").inner_text()
    assert told.startswith("a.txt cannot be looked at: it is no picture of a format that this browser reads (JPEG, PNG")


def test_drawings_are_looked_at(run: Path, tmp_path: Path, browser_page: Any) -> None:
    export(run, tmp_path / "page.html")
    browser_page.set_viewport_size({"width": 390, "height": 800})
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    browser_page.get_by_role("button", name="Draw").click()
    box = browser_page.locator(".pad").bounding_box()
    browser_page.mouse.move(box["x"] + 30, box["y"] + 30)
    browser_page.mouse.down()
    browser_page.mouse.move(box["x"] + 150, box["y"] + 160, steps=5)
    browser_page.mouse.up()
    browser_page.wait_for_selector(".answer-place figure .said")
    assert browser_page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_policy_knows_scripts_by_their_hashes_and_lets_nothing_out(run: Path, tmp_path: Path) -> None:
    export(run, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    policy = text.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert "default-src 'none'" in policy.replace("&#39;", "'")
    assert "script-src 'sha256-" in policy.replace("&#39;", "'")
    assert "unsafe" not in policy
    assert "connect-src" not in policy


STREETS = {
    "crop": "16x24x3: conv 6 3x3 same relu, conv 4 1x1 softmax",
    "pad": "16x24x3: sum(conv 6 3x3 same | conv 6 1x1), relu, conv 4 1x1",
    "stretch": "12x12x3: concat(conv 4 3x3 same relu | maxpool 2, conv 4 3x3 same, upsample 2), conv 4 1x1 softmax",
}
OVERLAY = """() => {
  const canvas = document.querySelector("figure.answer canvas");
  return [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
}"""


@pytest.mark.parametrize("fit", STREETS)
def test_a_page_draws_what_segmentation_draws(fit: Any, tmp_path: Path, browser_page: Any) -> None:
    names, colours = ("sky", "road", "tree", "void of all"), [[9, 9, 250], [90, 90, 90], [0, 200, 0], [255, 0, 0]]
    task = task_named("segmentation").from_settings(names, {"values": [0, 1, 2, 3], "colours": colours})
    network = hubel.parse(STREETS[fit])
    height, width, _ = network.input
    kind = Preprocessing(height, width, 3, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), fit=fit)
    model = LoadedModel(network, lived_in(network, 3), kind, task)
    export(model, tmp_path / "page.html")
    shown = tmp_path / "street.png"
    blocks = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((47, 60), Image.Resampling.BICUBIC).save(shown)
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    browser_page.set_input_files("#files", str(shown))
    browser_page.wait_for_selector("figure.answer .said")
    answer = task.answer(model, shown)
    assert len(answer.data()["classes"]) > 1
    drawn = np.reshape(browser_page.evaluate(OVERLAY), (60, 47, 4))[..., :3].astype(int)
    away = np.abs(drawn - answer.pictures()["overlay"].astype(int)).max(2)
    assert (away <= 1).mean() > 0.995  # but for pixels where two classes are as likely
    assert browser_page.locator(".said").inner_text() == answer.data()["classes"][0]["class"]
    assert browser_page.locator("h1").inner_text() == "page"
    samples = browser_page.locator(".swatch").evaluate_all("all => all.map((each) => each.style.background)")
    drawn_in = dict(zip(names, colours, strict=True))
    assert samples == [f"rgb{tuple(drawn_in[each['class']])}" for each in answer.data()["classes"]]
    shares = [float(each.inner_text().rstrip("%")) for each in browser_page.locator(".share").all()]
    assert shares == pytest.approx([100 * each["share"] for each in answer.data()["classes"]], abs=0.5)


FOUND = {  # of a detector's networks: the places are every second pixel
    "crop": "16x24x3: conv 6 3x3/2 same tanh, conv 7 1x1",
    "pad": "16x24x3: conv 7 3x3/2 same",
    "stretch": "12x12x3: conv 6 3x3/2 same tanh, conv 7 1x1",
}


@pytest.mark.parametrize("fit", FOUND)
def test_a_page_finds_what_detection_finds(fit: Any, tmp_path: Path, browser_page: Any) -> None:
    names, settings = ("cat", "dog", "hen"), {"ids": [1, 2, 3], "usual": [0.1, 0.2], "most": 12, "stride": 2}
    task = task_named("detection").from_settings(names, settings)
    network = hubel.parse(FOUND[fit])
    height, width, _ = network.input
    kind = Preprocessing(height, width, 3, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), fit=fit)
    module = lived_in(network, 3)
    with torch.no_grad():
        last = [each for each in module.modules() if isinstance(each, torch.nn.Conv2d)][-1]
        assert last.bias is not None
        last.bias[:3] += 3.5  # so that some objects are sure
    model = LoadedModel(network, module, kind, task)
    export(model, tmp_path / "page.html")
    shown = tmp_path / "yard.png"
    blocks = np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((47, 60), Image.Resampling.BICUBIC).save(shown)
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    spy = "const boxes = CanvasRenderingContext2D.prototype; window.drawn = [];"
    spy += "boxes.strokeRect = function (...edges) { window.drawn.push(edges); }; 0"
    browser_page.evaluate(spy)
    browser_page.set_input_files("#files", str(shown))
    browser_page.wait_for_selector("figure.answer .said")
    objects = task.answer(model, shown).data()["objects"]
    assert 1 < len(objects) <= 12
    scale = 480 / 60
    wanted = [[each[edge] * scale for edge in ("left", "top", "right", "bottom")] for each in objects[::-1]]
    corners = [[x, y, x + wide, y + high] for x, y, wide, high in browser_page.evaluate("window.drawn")]
    assert np.array(corners) == pytest.approx(np.array(wanted), abs=4)
    shares = [float(each.inner_text().rstrip("%")) for each in browser_page.locator(".share").all()]
    assert shares == pytest.approx([100 * each["probability"] for each in objects[:8]], abs=0.1)
    counts = Counter(each["class"] for each in objects)
    assert browser_page.locator(".said").inner_text() == ", ".join(f"{n} {name}" for name, n in counts.most_common())
    told = f"the 8 surest of {len(objects)} are listed"
    assert (told in browser_page.locator(".answer .note").inner_text()) == (len(objects) > 8)
    assert len(objects) > 8 or fit == "pad"


POSED = {  # of the points of one individual, and of several: the places are every second pixel
    "pad": ("16x24x3: conv 6 3x3/2 same tanh, conv 9 1x1", False),
    "crop": ("24x16x3: conv 6 3x3/2 same tanh, conv 16 1x1", True),
}


def opened(model: LoadedModel, folder: Path, shown: Path, page: Any) -> None:
    """A page of the model, in which a picture of 47×60 is looked at."""
    blocks = np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(blocks).resize((47, 60), Image.Resampling.BICUBIC).save(shown)
    export(model, folder / "page.html")
    page.goto((folder / "page.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    page.evaluate(
        "const pen = CanvasRenderingContext2D.prototype; window.drawn = [];"
        "pen.arc = function (x, y) { window.drawn.push([x, y]); }; 0"
    )
    page.set_input_files("#files", str(shown))
    page.wait_for_selector("figure.answer .said")


@pytest.mark.parametrize("fit", POSED)
def test_a_page_finds_the_points_that_pose_finds(fit: Any, tmp_path: Path, browser_page: Any) -> None:
    text, several = POSED[fit]
    settings = {"bones": [[0, 1], [1, 2]], "several": several, "most": 6}
    task = task_named("pose").from_settings(("nose", "ear", "tail"), settings)
    network = hubel.parse(text)
    height, width, _ = network.input
    kind = Preprocessing(height, width, 3, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), fit=fit)
    module = lived_in(network, 5)
    with torch.no_grad():
        last = [each for each in module.modules() if isinstance(each, torch.nn.Conv2d)][-1]
        assert last.bias is not None
        last.bias[[0, 1, 2, *([9] if several else [])]] += 3.5  # so that some are sure
    model, shown = LoadedModel(network, module, kind, task), tmp_path / "yard.png"
    opened(model, tmp_path, shown, browser_page)
    individuals = task.answer(model, shown).data()["individuals"]
    assert len(individuals) > 1 if several else len(individuals) == 1
    scale = 480 / 60
    dots = np.array(browser_page.evaluate("window.drawn"))[::2]  # each on a white one
    wanted = [[(p["x"] + 0.5) * scale, (p["y"] + 0.5) * scale] for one in individuals[::-1] for p in one["points"]]
    assert dots == pytest.approx(np.array(wanted), abs=4)
    number = sum(len(one["points"]) for one in individuals)
    said = f"{len(individuals)} individuals, {number} points" if several else f"{number} points"
    assert browser_page.locator(".said").inner_text() == said


RUNTIME = """const answer={probabilities:{data:PROBABILITIES,dims:DIMS}},a={create:async()=>({run:async()=>answer})},
b=class{},c={wasm:{}};export{a as InferenceSession,b as Tensor,c as env};"""


@pytest.mark.parametrize("engine", ["its own", "ONNX Runtime"])
def test_a_page_colours_as_colorize_does(engine: str, tmp_path: Path, browser_page: Any, monkeypatch: Any) -> None:
    """ONNX Runtime's answer is that of its Python, since npm may not be here."""
    middles = [[0, 0], [60, 30], [-40, 40], [20, -70]]
    settings = {"middles": middles, "weights": [1] * 4, "prior": [-0.5, -2.5, -1.5, -2.0], "mean": [0, 0]}
    task = task_named("colorize").from_settings((), settings)
    network = hubel.parse("16x24x1: conv 6 3x3/2 same tanh, conv 4 1x1")
    kind = Preprocessing(16, 24, 1, (0.4,), (0.2,), fit="stretch")
    module = lived_in(network, 3)
    with torch.no_grad():
        list(module.parameters())[-2].mul_(4)  # so that colours are vivid
    model, shown = LoadedModel(network, module, kind, task), tmp_path / "old.png"
    if engine != "its own":

        def answered(_: LoadedModel, why: str) -> Any:
            found = runner(onnx_bytes(model, "sized"), "sized", model)(kind.prepare(shown)[np.newaxis])
            bundle = RUNTIME.replace("PROBABILITIES", str(found.ravel().tolist())).replace("DIMS", str([*found.shape]))
            (tmp_path / _BUNDLE).write_text(bundle)
            (tmp_path / _WASM).write_bytes(b"")
            return usual(model, why)

        usual = form._runtime
        monkeypatch.setattr(form, "reason_not_packed", lambda *_, **__: "asked")
        monkeypatch.setattr(form, "_installed", lambda why: tmp_path)
        monkeypatch.setattr(form, "_runtime", answered)
    opened(model, tmp_path, shown, browser_page)
    answer = task.answer(model, shown)
    drawn = np.reshape(browser_page.evaluate(OVERLAY), (60, 47, 4))[..., :3].astype(int)
    away = np.abs(drawn - answer.pictures()["coloured"].astype(int)).max(2)
    assert away.max() <= 3
    assert (away <= 1).mean() > 0.99
    assert np.ptp(drawn, axis=2).max() > 40
    assert browser_page.locator(".said").inner_text() == f"colourfulness {answer.vivid:.1f}"


LISTED = {
    "labels": ("multilabel", ("cat", "dog", "wet", "red"), {}, "dense 4 sigmoid"),
    "labels without an end": ("multilabel", ("cat", "dog", "wet", "red"), {}, "dense 4"),
    "numbers": ("regression", ("weight", "height"), {"means": [3.0, 0.5], "deviations": [2.0, 0.1]}, "dense 2"),
    "one number": ("regression", ("age",), {"means": [40.0], "deviations": [12.0]}, "dense 1"),
}


@pytest.mark.parametrize("listed", LISTED)
def test_a_page_says_labels_and_numbers(listed: str, tmp_path: Path, browser_page: Any) -> None:
    kind, names, settings, end = LISTED[listed]
    task, network = task_named(kind).from_settings(names, settings), hubel.parse(f"16x24x3: conv 4 3x3, flatten, {end}")
    preparation = Preprocessing(16, 24, 3, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), fit="stretch")
    model = LoadedModel(network, lived_in(network, 3), preparation, task)
    export(model, tmp_path / "page.html")
    shown = tmp_path / "shown.png"
    picture("red", 5, 40, 31).save(shown)
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    browser_page.set_input_files("#files", str(shown))
    browser_page.wait_for_selector("figure.answer .said")
    said, told = browser_page.locator(".said").inner_text(), task.answer(model, shown).data()
    if kind == "multilabel":
        assert said == (", ".join(told["labels"]) or "no label")
        shares = [float(each.inner_text().rstrip("%")) / 100 for each in browser_page.locator(".share").all()]
        assert shares[: len(told["top"])] == pytest.approx([each["probability"] for each in told["top"]], abs=2e-3)
    else:
        values = dict(each.rsplit(" ", 1) for each in said.split(", "))
        assert {name: float(value) for name, value in values.items()} == pytest.approx(told["numbers"], rel=5e-3)


def test_what_no_page_answers_for_is_refused(tmp_path: Path) -> None:
    task = task_named("caption").from_settings((), {"words": ["cat", "dog", "red"], "steps": 3})
    network = hubel.parse("8x8x3: flatten, dense 4, caption 3 5 4")
    model = LoadedModel(network, lived_in(network), Preprocessing(8, 8, 3, (0.4,) * 3, (0.2,) * 3), task)
    with pytest.raises(SettingError, match="or colour pictures, not for caption"):
        export(model, tmp_path / "page.html")


def large(tmp_path: Path) -> LoadedModel:
    network = hubel.parse("32x32x3: flatten, dense 600 relu, dense 3 softmax")
    task = task_named("classification").from_settings(("a", "b", "c"), {})
    return LoadedModel(network, lived_in(network), Preprocessing(32, 32, 3, (0.5,) * 3, (0.2,) * 3), task)


def test_a_larger_model_needs_the_runtime_that_npm_installs(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError) as refused:
        export(large(tmp_path), tmp_path / "page.html")
    assert str(refused.value) == (
        "expected at most 1,500,000 parameters to run in a page, received 1,845,603 by itself; larger models run in "
        "ONNX Runtime as WebAssembly, which the page then holds: npm install onnxruntime-web, in this folder, and again"
    )


def test_a_larger_model_and_its_runtime_stand_in_the_page(tmp_path: Path, monkeypatch: Any, browser_page: Any) -> None:
    """With something in the runtime's place that takes what it is given, and has one answer."""
    folder = tmp_path / "node_modules" / "onnxruntime-web" / "dist"
    folder.mkdir(parents=True)
    bundle = """var a={create:async(model,o)=>({run:async({image})=>({probabilities:{data:[.2,image.data.length/1e4,
    model.length/1e9]}})})},b=class{constructor(k,d,s){this.data=d}},c={wasm:{}};
    export{a as InferenceSession,b as Tensor,c as env};
//# sourceMappingURL=x.map"""
    (folder / "ort.wasm.bundle.min.mjs").write_text(bundle)
    (folder / "ort-wasm-simd-threaded.wasm").write_bytes(b"\0asm")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    found = export(large(tmp_path), tmp_path / "page.html")
    assert "it runs in ONNX Runtime inside the page" in found.notes[0]
    text = (tmp_path / "page.html").read_text(encoding="utf-8").replace("&#39;", "'")
    assert "'wasm-unsafe-eval'" in text.partition('content="default-src')[2].partition('"')[0]
    browser_page.goto((tmp_path / "page.html").as_uri())
    browser_page.wait_for_selector("html[data-ready]")
    picture("red", 1, 20, 30).save(tmp_path / "red.png")
    browser_page.set_input_files("#files", str(tmp_path / "red.png"))
    browser_page.wait_for_selector("figure.answer .said")
    assert browser_page.locator(".said").inner_text() == "b"
    shares = browser_page.locator(".share").all_inner_texts()
    assert shares[:2] == ["30.7%", "20.0%"]
    with pytest.raises(SettingError, match="to end with its exports"):
        _as_module("var a = 1;")
