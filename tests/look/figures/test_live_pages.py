"""The pages that can be pointed at, used in a real browser by mouse and keyboard."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from hubel.arch import parse
from hubel.data import Dataset
from hubel.draw import figure as draw
from hubel.look import saliency, sample
from hubel.look.byhand.stepping import step_layer
from hubel.look.errors.mistakes import mistakes
from hubel.look.inside.changes import changes
from hubel.look.inside.filters import filters
from hubel.look.inside.maps import maps
from hubel.look.retrieve.projection import space
from hubel.look.unit import unit
from hubel.nn import inspect
from tests.axe import needs_axe, violations
from tests.hostile import HIDDEN, MARKUP, faults
from tests.look.conftest import untrained


@pytest.fixture(scope="module")
def pages(digits_run, digits_model, digits, digit, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    figures = {
        "mistakes": mistakes(digits_model, digits.test).figure(),
        "space": space(digits_model, digits.test, most=150).figure(),
        "changes": changes(digits_run, digit).figure(),
    }
    return {name: figure.save(folder / f"{name}.html").as_uri() for name, figure in figures.items()}


@pytest.fixture
def opened(browser_page, pages):
    """Open one of the pages on a screen that shows all of it."""

    def go(name):
        browser_page.set_viewport_size({"width": 1280, "height": 2400})
        browser_page.goto(pages[name])
        return browser_page

    return go


@pytest.mark.parametrize("which", ["mistakes", "space", "changes"])
def test_a_phone_need_not_scroll_sideways(opened, which):
    page = opened(which)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@needs_axe
@pytest.mark.parametrize("which", ["mistakes", "space", "changes"])
def test_axe_finds_nothing_on_pages_that_can_be_pointed_at(opened, which):
    assert violations(opened(which)) == []


@needs_axe
def test_axe_finds_nothing_on_drawn_pages(browser_page, digits_model, digit, tmp_path):
    drawings = {
        "draw": draw("resnet18"),
        "inspected": inspect(digits_model.module, [digits_model.network.input]).figure(),
        "maps": maps(digits_model, digit).figure(),
        "unit": unit(digits_model, digit, "conv2").figure(),
        "filters": filters(digits_model, "conv1").figure(),
        "saliency": saliency(digits_model, digit).figure(),
    }
    for name, drawn in drawings.items():
        browser_page.goto(drawn.save(tmp_path / f"{name}.html").as_uri())
        assert violations(browser_page) == [], name
    steps = step_layer(digits_model, sample(digits_model, digit), "conv1", 1)
    place = tmp_path / "steps.html"
    place.write_text(steps.written(".html", "auto"))
    browser_page.goto(place.as_uri())
    assert violations(browser_page) == []


def test_a_cell_opens_its_images_from_the_keyboard(opened):
    page = opened("mistakes")
    title = page.locator(".opened h3")
    assert " taken for " in title.inner_text()  # the most frequent mistake is open from the start
    button = page.locator("button[data-cell]").last
    button.focus()
    page.keyboard.press("Enter")
    assert button.get_attribute("aria-label").startswith("9 taken for 9")
    assert title.inner_text() == "9, rightly"
    images = page.locator(".opened .sprite")
    assert images.count() == 8
    size = images.first.bounding_box()
    assert size["width"] == size["height"] == 84
    assert page.locator("button[aria-pressed=true]").count() == 1


def test_points_show_their_image_to_mouse_and_keyboard(opened):
    page = opened("space")
    page.locator(".space").focus()
    page.keyboard.press("ArrowRight")
    one = page.locator(".pointed").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator(".pointed").inner_text() != one
    page.keyboard.press("Escape")
    assert page.locator(".pointed").is_hidden()
    data = json.loads(page.locator(".space script").inner_text())
    box = page.locator(".space svg").bounding_box()
    scale = box["width"] / page.evaluate("document.querySelector('.space svg').viewBox.baseVal.width")
    right, down = data["points"][7]
    page.mouse.move(box["x"] + right * scale, box["y"] + down * scale)
    assert page.locator(".pointed small").inner_text() == f"image {data['chosen'][7]}"


def test_the_slider_goes_through_the_moments_and_plays_them(opened):
    page = opened("changes")
    moment = page.locator("output")
    last = moment.inner_text()
    page.locator("input[type=range]").focus()
    page.keyboard.press("Home")
    assert moment.inner_text().startswith("the start, step 0")
    page.locator("button", has_text="play").click()
    page.locator("button", has_text="play").wait_for()
    assert moment.inner_text() == last
    assert last.startswith("epoch 3")
    assert "7 " in last


def test_names_of_classes_and_files_do_nothing(browser_page, tmp_path):
    """On every page: mistakes and points with a script each, maps and heat maps without."""
    model = untrained(parse("12x12x3: conv 3 3x3 relu, flatten, dense 4 softmax"), (*MARKUP[:3], HIDDEN))
    images = np.random.default_rng(0).integers(0, 255, (40, 12, 12, 3), np.uint8)
    dataset = Dataset(images, np.arange(40) % 4, model.classes, f"set {MARKUP[1]}")
    path = tmp_path / f"{MARKUP[1].replace('/', '_')}.png"
    Image.fromarray(images[0]).save(path)
    one = sample(model, path)
    found = {
        "mistakes": mistakes(model, dataset).figure(name=MARKUP[0]),
        "space": space(model, dataset).figure(MARKUP[0]),
        "maps": maps(model, [one]).figure(),
        "unit": unit(model, one).figure(),
    }
    for what, figure in found.items():
        browser_page.goto(figure.save(tmp_path / f"{what}.html").as_uri())
        for button in browser_page.locator("button").all()[:3]:
            button.click()
        browser_page.mouse.move(300, 400)
        assert faults(browser_page) == []
        assert "onerror" in browser_page.locator("body").text_content() + browser_page.title()
