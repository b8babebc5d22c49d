"""The running model of a page, used as a reader uses it: mouse, keys, files, phone, in a browser without a network."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from hubel import zoo
from hubel.arch import parse
from hubel.data import Preprocessing, load
from hubel.nn import build
from hubel.tasks import LoadedModel
from tests.report.live_page import (
    COLOURS,
    DIGITS,
    NAMES,
    NOTING,
    assert_shares,
    click,
    drawing,
    marked,
    number,
    opened,
    png,
    predicted,
    settle,
    shares,
    told,
    with_weights,
)


@pytest.fixture(scope="module")
def lenet() -> LoadedModel:
    return with_weights(zoo.get("lenet5"), DIGITS)


@pytest.fixture(scope="module")
def digits() -> list[np.ndarray]:
    return [np.asarray(image)[..., 0] for image in load("mnist").test.images[:3]]


def test_samples_and_files_are_classified_as_pytorch_does(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray]
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, digits)
    for i, image in enumerate(digits):
        page.get_by_role("button", name=f"sample {i}").click()
        assert_shares(page, predicted(lenet, image))
    photo = Image.new("RGB", (300, 200), "#f4f0e8")
    ImageDraw.Draw(photo).line([(90, 50), (190, 50), (120, 160)], "#203080", 14, "curve")
    (tmp_path / "seven.png").write_bytes(png(photo))
    page.get_by_label("image file").set_input_files(tmp_path / "seven.png")
    assert_shares(page, predicted(lenet, tmp_path / "seven.png"), within=0.6)
    before = shares(page)
    (tmp_path / "words.txt").write_text("no picture")
    page.get_by_label("image file").set_input_files(tmp_path / "words.txt")
    assert "words.txt is not an image" in page.locator(".live .note:visible").last.inner_text()
    (tmp_path / "broken.png").write_bytes(b"\x89PNG broken")
    page.get_by_label("image file").set_input_files(tmp_path / "broken.png")
    page.get_by_text("broken.png cannot be read").first.wait_for()
    assert shares(page) == before


HIDING = """new MutationObserver((_, own) => {
  const main = document.getElementById("main");
  if (!main) return;
  own.disconnect();
  main.hidden = true;
  addEventListener("load", () => { main.hidden = false; });
}).observe(document, { childList: true, subtree: true });"""


def test_what_is_hidden_at_first_is_drawn_when_it_is_seen(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray]
) -> None:
    browser_page.add_init_script(HIDING)
    page = opened(browser_page, tmp_path / "live.html", lenet, digits[:1])
    assert_shares(page, predicted(lenet, digits[0]))
    before = drawing(page, "conv1")
    page.get_by_role("button", name="Clear").click()
    settle(page)
    assert drawing(page, "conv1") != before


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_an_image_can_be_dropped_and_pasted(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray], way: str
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, digits[:1])
    script = """([way, text]) => {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const data = new DataTransfer();
      data.items.add(new File([bytes], "digit.png", { type: "image/png" }));
      const settings = { bubbles: true, cancelable: true };
      const event = way === "drop" ? new DragEvent("drop", { ...settings, dataTransfer: data })
        : new ClipboardEvent("paste", { ...settings, clipboardData: data });
      document.querySelector(".live").dispatchEvent(event);
    }"""
    page.evaluate(script, [way, base64.b64encode(png(digits[1])).decode()])
    assert_shares(page, predicted(lenet, digits[1]))


def test_a_pen_stroke_changes_every_layer_and_clear_takes_it_back(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, [])
    paths = ["input", "conv1", "pool1", "conv2", "pool2", "flatten1", "dense1", "dense2", "dense3"]
    page.set_viewport_size({"width": 1280, "height": 1300})
    settle(page)
    assert page.locator(".layer-view").evaluate_all("all => all.map((one) => one.dataset.path)") == paths
    empty, blank = [drawing(page, path) for path in paths], shares(page)
    box = page.locator(".pad").bounding_box()
    page.mouse.move(box["x"] + 90, box["y"] + 70)
    page.mouse.down()
    page.mouse.move(box["x"] + 190, box["y"] + 75, steps=5)
    page.mouse.move(box["x"] + 130, box["y"] + 210, steps=5)
    page.mouse.up()
    drawn = shares(page)
    assert drawn != blank
    assert sum(drawn) == pytest.approx(100, abs=0.6)
    for path, before in zip(paths, empty, strict=True):
        assert drawing(page, path) != before, path
    page.get_by_role("button", name="Clear").click()
    assert shares(page) == blank
    assert [drawing(page, path) for path in paths] == empty


def test_a_chosen_number_shows_its_windows_and_what_made_it(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray]
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, digits)
    picture = lenet.preprocessing.normalise(torch.from_numpy(DIGITS.prepare(digits[0]).copy())[None])
    with torch.inference_mode():
        conv2 = torch.nn.Sequential(*list(lenet.module.children())[:4])(picture)[0]  # conv1, tanh, pool1, conv2
    click(page, "conv2", (3, 2, 5), zoom=4, gap=6, across=16, columns=10)
    dock = page.get_by_role("region", name="what made the chosen number")
    value = float(torch.tanh(conv2[5, 3, 2]))
    title = dock.locator("h3").inner_text()
    assert title.startswith("conv2 map 5, row 3, column 2 = ")
    assert number(title.rsplit("= ", 1)[1]) == pytest.approx(value, abs=1e-3)
    assert number(re.search(r"with the bias \S+: (\S+);", dock.inner_text())[1]) == pytest.approx(
        float(conv2[5, 3, 2]), abs=1e-3
    )
    assert all(marked(page, path) > 50 for path in ("input", "conv1", "pool1", "conv2"))
    assert marked(page, "dense1") == 0
    dock.get_by_text("every term as a table").click()
    dock.locator("tbody tr").nth(149).wait_for()
    rows = dock.locator("tbody tr").all_inner_texts()
    assert len(rows) == 150
    assert rows[0].startswith("pool1 row 3, column 2, channel 0")
    sums = [number(row.split("\t")[-1]) for row in rows]
    products = [number(row.split("\t")[-2]) for row in rows]
    assert sums[-1] == pytest.approx(sum(products), abs=0.02)
    assert sums[7] == pytest.approx(sum(products[:8]), abs=0.002)


def test_pointing_shows_windows_and_numbers_until_they_are_closed(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray]
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, digits)
    maps = page.locator("[data-path=pool1] .live-maps")
    dock = page.locator(".dock")
    maps.hover(position={"x": 72, "y": 23})
    assert dock.locator("h3").inner_text().startswith("pool1 map 1, row 5, column 2 = ")
    assert marked(page, "conv1") > 10
    assert marked(page, "input") > 20
    page.mouse.move(5, 5)
    assert marked(page, "conv1") == 0
    assert dock.is_visible()  # nothing jumps
    dock.get_by_role("button", name="close").click()
    maps.hover(position={"x": 70, "y": 30})
    assert marked(page, "conv1") > 10
    assert not dock.is_visible()
    maps.click(position={"x": 70, "y": 30})
    assert dock.is_visible()


def test_one_can_go_from_a_number_to_those_that_fed_it_down_to_the_input(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray]
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, digits)
    page.locator("[data-path=dense2] .live-maps").click(position={"x": 30, "y": 5})
    dock = page.get_by_role("region", name="what made the chosen number")
    title = dock.locator("h3")
    assert title.inner_text().startswith("dense2 number 2 = ")
    first = dock.locator(".largest .follow").first
    told = first.inner_text()
    first.click()
    number_from = re.match(r"number (\d+): (\S+) ×", told)
    assert number_from is not None
    assert title.inner_text().startswith(f"dense1 number {number_from[1]} = {number_from[2][:4]}")
    for path in ("flatten1", "pool2", "conv2", "pool1", "conv1"):
        if dock.locator(".largest").is_visible():
            dock.locator(".largest .follow").first.click()
        else:
            if not dock.locator("tbody").is_visible():
                dock.get_by_text("every term as a table").click()
            dock.locator("tbody .follow").first.click()
        assert title.inner_text().startswith(f"{path} "), path
    assert marked(page, "input") > 50
    assert dock.locator("tbody .follow").count() == 0  # pixels are made by nothing


def test_the_sum_can_be_stepped_and_played_from_place_to_place(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray]
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, digits)
    click(page, "conv1", (10, 10, 1), zoom=3, gap=6, across=6, columns=28)
    dock = page.get_by_role("region", name="what made the chosen number")
    progress = dock.locator(".progress")
    assert progress.inner_text().startswith("all 25")
    dock.get_by_role("button", name="Next product").click()
    dock.get_by_role("button", name="Next product").click()
    assert progress.inner_text().startswith("2 of 25: ")
    dock.get_by_role("button", name="Next place").click()
    assert "row 10, column 11" in dock.locator("h3").inner_text()
    dock.get_by_role("button", name="Play").click()
    dock.locator("h3").filter(has_text="column 12").wait_for()
    dock.get_by_role("button", name="Pause").click()
    at = dock.locator("h3").inner_text()
    page.wait_for_timeout(400)
    assert dock.locator("h3").inner_text() == at
    dock.get_by_role("button", name="Whole sum").click()
    assert progress.inner_text().startswith("all 25")


def test_a_map_is_swept_place_by_place_as_quickly_as_is_asked_for_and_told_row_by_row(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray]
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, digits)
    click(page, "conv1", (10, 10, 1), zoom=3, gap=6, across=6, columns=28)
    dock = page.get_by_role("region", name="what made the chosen number")
    dock.get_by_label("what comes one at a time").select_option("place")
    dock.get_by_label("how quickly").select_option("8")
    page.evaluate(NOTING)  # a place is shown for an eighth of a second, which a busy machine may look past
    dock.get_by_role("button", name="Play").click()
    told(page, "row 11, column 2")
    assert dock.locator(".progress").inner_text().startswith("all 25")  # whole sums, one after the other
    told(page, "row 11, column 0", "status")
    dock.get_by_role("button", name="Pause").click()


def test_a_kernel_can_be_edited_loaded_and_put_back(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray]
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, digits)
    before, drawn = shares(page), drawing(page, "conv1")
    layer = page.locator("[data-path=conv1]")
    layer.get_by_text("edit a kernel").click()
    layer.get_by_label("filter").select_option("2")
    kernel = lenet.module.state_dict()["conv1.weight"][2, 0]
    cells = layer.get_by_role("group", name="the kernel's weights").locator("input")
    shown = [float(cell.input_value()) for cell in cells.all()]
    assert shown == pytest.approx(kernel.flatten().tolist(), abs=1e-4)
    layer.get_by_label("weight at row 1, column 3").fill("2.5")
    edited = LoadedModel(lenet.network, build(lenet.network).eval(), DIGITS, lenet.classes)
    edited.module.load_state_dict(lenet.module.state_dict())
    with torch.no_grad():
        edited.module.get_parameter("conv1.weight")[2, 0, 1, 3] = 2.5
    assert_shares(page, predicted(edited, digits[0]))
    assert drawing(page, "conv1") != drawn
    layer.get_by_label("a kernel with a name").select_option("sobel-x")
    with torch.no_grad():
        sobel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
        edited.module.get_parameter("conv1.weight")[2, 0] = torch.nn.functional.pad(sobel, (1, 1, 1, 1))
    assert_shares(page, predicted(edited, digits[0]))
    layer.get_by_role("button", name="Reset this kernel").click()
    assert shares(page) == before
    assert drawing(page, "conv1") == drawn


def test_keys_alone_draw_walk_through_layers_and_are_told_aloud(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel
) -> None:
    page = opened(browser_page, tmp_path / "live.html", lenet, [])
    blank = shares(page)
    page.keyboard.press("Tab")
    assert "drawing pad" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    for key in ["ArrowUp"] * 8 + [" "] + ["ArrowDown"] * 16 + [" "]:
        page.keyboard.press(key)
    assert shares(page) != blank
    page.locator("[data-path=conv1] .live-maps").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    status = page.get_by_role("status")
    status.filter(has_text="conv1, map 1").wait_for(state="attached")
    told = status.text_content()
    assert "row 14, column 15" in told
    assert "25 products" in told
    assert "Sees rows 12 to 16, columns 13 to 17 of the input" in told
    page.keyboard.press("Enter")
    dock = page.get_by_role("region", name="what made the chosen number")
    assert dock.evaluate("dock => dock === document.activeElement")
    page.keyboard.press("Escape")
    assert dock.count() == 0 or not dock.is_visible()
    assert page.evaluate("document.activeElement.classList.contains('live-maps')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_in_light_and_dark(
    browser_page: Any, tmp_path: Path, lenet: LoadedModel, digits: list[np.ndarray], scheme: str
) -> None:
    browser_page.set_viewport_size({"width": 390, "height": 844})
    browser_page.emulate_media(color_scheme=scheme)
    page = opened(browser_page, tmp_path / "live.html", lenet, digits)
    page.locator("[data-path=conv2] .live-maps").click(position={"x": 20, "y": 20})
    page.locator("[data-path=conv1]").get_by_text("edit a kernel").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    dock = page.locator(".dock")
    assert dock.evaluate("dock => dock.scrollWidth <= dock.clientWidth")
    before, grip = dock.bounding_box()["height"], dock.locator(".handle").bounding_box()
    page.mouse.move(grip["x"] + 100, grip["y"] + 8)
    page.mouse.down()
    page.mouse.move(grip["x"] + 100, grip["y"] - 92)
    page.mouse.up()
    assert dock.bounding_box()["height"] == pytest.approx(before + 100, abs=2)
    for path in ("pool1", "conv2", "pool2"):  # nothing lies over what is explained
        page.locator(f"[data-path={path}] .live-maps").focus()
        page.keyboard.press("ArrowRight")
        assert 0 < page.locator(f"[data-path={path}] .live-maps").bounding_box()["y"] + 30 < dock.bounding_box()["y"]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 200) == (scheme == "dark")


def test_every_kind_of_layer_can_be_looked_into(browser_page: Any, tmp_path: Path) -> None:
    network = parse(
        "16x16x3: conv 8 3x3 same nobias, norm, relu, sum(conv 8 3x3 same, groupnorm 2 | identity), relu, "
        "concat(conv 4 1x1 relu6 | maxpool 3x3/1 same, dwconv 3x3 same), lrn, shuffle 3, se 4, "
        "concat(identity | avgpool 2, deconv 3 2x2/2), upsample 2, adaptivemaxpool 4, dropout, local 6 2x2, layernorm, "
        "globalavgpool, scale, dense 10"
    )
    model = with_weights(network, COLOURS)
    images = [np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8) for i in range(2)]
    page = opened(browser_page, tmp_path / "live.html", model, images)
    assert_shares(page, predicted(model, images[0]))
    dock = page.get_by_role("region", name="what made the chosen number")
    closed = page.locator("details.block:not([open]) > summary")  # of so many layers most blocks are closed at first
    assert closed.count() == 4
    assert page.locator("[data-path='concat1.branch2.pool1'] h3").text_content() == "branch 2 › pool1"
    while closed.count():
        closed.first.click()
    for view in page.locator(".layer-view").all():
        path = view.get_attribute("data-path")
        view.locator(".live-maps").focus()
        page.keyboard.press("ArrowRight")
        if path != "input":
            dock.locator("h3").filter(has_text=re.compile(rf"^{re.escape(path)} ")).wait_for()
            assert len(dock.locator(".sentence").inner_text()) > 10, path
    summed, joined = page.locator("[data-path=sum1] .live-maps"), page.locator("[data-path=concat1] .live-maps")
    summed.click(position={"x": 5, "y": 5})
    said = re.fullmatch(r"(\S+) ([+−]) (\S+) = (\S+)\.", dock.locator(".sentence").inner_text())
    assert said is not None
    first, sign, second, total = said.groups()
    assert number(first) + number(sign + second) == pytest.approx(number(total), abs=2e-3)
    assert dock.locator(".branch canvas").count() == 3
    assert dock.get_by_role("button", name="Next summand").is_visible()
    joined.focus()
    for _ in range(5):
        page.keyboard.press("PageDown")
    # four channels are the convolution's, those after them the second branch's
    assert "from branch 2 of 2, whose channels are 4 to 11 here" in dock.locator(".sentence").inner_text()
    page.locator("[data-path=dense1] .live-maps").focus()
    for _ in range(9):
        page.keyboard.press("ArrowLeft")
    assert dock.locator("h3").inner_text().startswith("dense1 class zero = ")
    rows = [row.split("\t") for row in dock.locator(".softmax tbody tr").all_inner_texts()]
    assert [row[0] for row in rows] == [*(f"class {name}" for name in NAMES), "sum"]
    powers = [number(row[2]) for row in rows]
    assert [np.exp(number(row[1])) for row in rows[:10]] == pytest.approx(powers[:10], rel=0.05, abs=1e-3)
    assert sum(powers[:10]) == pytest.approx(powers[10], rel=0.02)
    assert [float(row[3].rstrip("%")) for row in rows[:10]] == pytest.approx(shares(page), abs=0.11)
    page.locator("[data-path=input] .live-maps").click(position={"x": 9, "y": 9})
    assert "of 255; normalised: (" in dock.locator(".sentence").inner_text()


def test_a_network_of_vectors_is_drawn_for_too(browser_page: Any, tmp_path: Path) -> None:
    rules = Preprocessing(6, 5, 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
    model = with_weights(parse("90: select 7 37 88 2 15, dense 10"), rules)
    image = np.random.default_rng(0).integers(0, 256, (6, 5, 3), np.uint8)
    page = opened(browser_page, tmp_path / "live.html", model, [image])
    picture = rules.normalise(torch.from_numpy(rules.prepare(image).copy())[None])
    with torch.inference_mode():
        wanted = model.module(picture.flatten(1)).softmax(1)[0] * 100
    assert_shares(page, wanted.tolist())
    page.evaluate(NOTING)
    maps = page.locator("[data-path=select1] .live-maps")
    for key in ("ArrowLeft", "ArrowLeft", "ArrowLeft", "ArrowRight"):
        maps.press(key)  # each finds them anew, drawn again or not
    told(page, "select1, number 1:", "status")  # which what the model says may have taken the place of
    said = [each for each in page.evaluate("noted.status") if "select1, number 1:" in each]
    # number 37 of the vector is row 1, column 2 of the second of three channels
    assert "Sees rows 1 to 1, columns 2 to 2 of the input" in said[0]
