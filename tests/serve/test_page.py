"""The page in a real browser, asking a real service."""

import httpx
import pytest
import torch

from hubel.arch import parse
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.serve.settings import Access, Settings
from hubel.tasks import save_model, task_named
from tests.serve.conftest import CLASSES, picture, serving, written_model
from tests.work import HANG

TOKEN = "a-token-of-24-characters"
# a camera that shows one colour after the other
CAMERA = """
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 64;
  const context = canvas.getContext("2d");
  setInterval(() => { context.fillStyle = `hsl(${Date.now() % 360} 80% 50%)`; context.fillRect(0, 0, 64, 64); }, 30);
  Object.defineProperty(navigator, "mediaDevices", { value: { getUserMedia: async () => canvas.captureStream(30) } });
"""


@pytest.fixture(scope="module")
def two(model_file, tmp_path_factory):
    other = written_model(tmp_path_factory.mktemp("other") / "other.safetensors", seed=3)
    with serving(Settings((("animals", str(model_file)), ("other", str(other))), access=Access(TOKEN))) as found:
        yield found


def files(*names):
    return [{"name": name, "mimeType": "image/png", "buffer": picture(seed=n)} for n, name in enumerate(names)]


def test_pictures_that_are_chosen_are_answered(browser_page, address, client):
    browser_page.goto(address)
    browser_page.locator("#files").set_input_files(files("one.png", "two.png"))
    cards = browser_page.locator(".answers .answer")
    cards.nth(1).wait_for()
    told = client.post("/v1/models/animals/predict", content=picture(seed=1), headers={"content-type": "image/png"})
    assert cards.nth(0).locator(".said").inner_text() == told.json()["predictions"][0]["class"]
    assert cards.nth(0).locator(".name").all_inner_texts()[0] in CLASSES
    assert "two.png" in cards.nth(0).inner_text()


def test_a_picture_that_cannot_be_read_says_why(browser_page, address):
    browser_page.goto(address)
    wrong = {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"}
    browser_page.locator("#files").set_input_files([wrong])
    assert "is no picture of a format" in browser_page.locator(".answers .refused").inner_text()


def test_a_drawing_is_answered_as_it_is_drawn(browser_page, address):
    browser_page.goto(address)
    browser_page.get_by_role("button", name="Draw").click()
    box = browser_page.locator(".pad").bounding_box()
    browser_page.mouse.move(box["x"] + 40, box["y"] + 40)
    browser_page.mouse.down()
    browser_page.mouse.move(box["x"] + 120, box["y"] + 160, steps=4)
    browser_page.mouse.up()
    browser_page.locator(".answer-place .said").wait_for()
    browser_page.get_by_role("button", name="Clear").click()
    assert browser_page.locator(".answer-place .answer").count() == 0


def test_the_camera_is_looked_at_until_it_is_left(browser_page, address):
    browser_page.add_init_script(CAMERA)
    browser_page.goto(address)
    browser_page.get_by_role("button", name="Camera").click()
    browser_page.locator(".answer-place .said").wait_for()
    browser_page.get_by_role("button", name="Keep this one").click()
    assert browser_page.locator(".answers .answer").count() == 1
    browser_page.evaluate("window.track = document.querySelector('video').srcObject.getTracks()[0]")
    browser_page.get_by_role("button", name="Pictures").click()
    assert browser_page.evaluate("window.track.readyState") == "ended"


def test_without_a_live_camera_the_phones_own_is_opened(browser_page, address):
    browser_page.add_init_script("Object.defineProperty(navigator, 'mediaDevices', { value: undefined });")
    browser_page.goto(address)
    browser_page.get_by_role("button", name="Camera").click()
    assert browser_page.locator("#taken").get_attribute("capture") == "environment"
    browser_page.locator("#taken").set_input_files(files("photo.png"))
    browser_page.locator(".answers .said").wait_for()


def test_the_token_stands_behind_the_address_or_is_asked_for(browser_page, two):
    from playwright.sync_api import expect

    browser_page.goto(two)
    browser_page.get_by_label("token").fill("wrong")
    browser_page.get_by_role("button", name="Go on").click()
    expect(browser_page.get_by_label("token")).to_have_value("", timeout=1000 * HANG)  # asked anew
    browser_page.get_by_label("token").fill(TOKEN)
    browser_page.get_by_role("button", name="Go on").click()
    browser_page.get_by_label("model").select_option("other")
    browser_page.evaluate("sessionStorage.clear()")
    browser_page.goto(f"{two}/#{TOKEN}")
    browser_page.reload()
    browser_page.locator("#files").set_input_files(files("a.png"))
    browser_page.locator(".answers .said").wait_for()
    assert TOKEN not in browser_page.url


def detector(path, second=-9.0):
    """A model of two classes, which finds something of the first wherever it looks."""
    task = task_named("detection").from_settings(
        ("cat", "dog"), {"ids": [1, 2], "usual": [0.3, 0.2], "most": 4, "stride": 4}
    )
    network = parse("8x8x3: conv 6 3x3/4 same")
    module = build(network)
    with torch.no_grad():
        next(module.parameters()).zero_()
        module.state_dict()["conv1.bias"].copy_(torch.tensor([9.0, second, 0, 0, 0, 0]))
    kind = Preprocessing(8, 8, 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))
    return save_model(path, network, module, preprocessing=kind, task=task)


def test_boxes_are_drawn_by_the_page(browser_page, tmp_path):
    place = detector(tmp_path / "finder.safetensors")
    with serving(Settings((("finder", str(place)),))) as address:
        told = httpx.get(f"{address}/v1/models/finder", timeout=HANG).json()
        assert told["draws"]
        assert told["boxes"]
        browser_page.goto(address)
        asked = []
        browser_page.on("request", lambda request: asked.append(request.url))
        browser_page.locator("#files").set_input_files(files("one.png"))
        browser_page.locator(".answers .said").wait_for()
        assert browser_page.locator(".answers .said").inner_text() == "1 cat"
        assert browser_page.get_by_label("the picture, with boxes").count() == 1
        assert "pictures=true" not in asked[0]


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_page(browser_page, address, width):
    browser_page.set_viewport_size({"width": width, "height": 800})
    browser_page.goto(address)
    browser_page.locator("#files").set_input_files(files("a-name-" + "x" * 150 + ".png"))
    browser_page.locator(".answers .said").wait_for()
    assert browser_page.evaluate("document.documentElement.scrollWidth") <= width


def test_points_are_counted_and_drawn(browser_page, tmp_path):
    task = task_named("pose").from_settings(("nose", "tail"), {"bones": [[0, 1]], "several": False, "most": 1})
    network = parse("8x8x3: conv 6 3x3/4 same")
    module = build(network)
    with torch.no_grad():
        next(module.parameters()).zero_()
        module.state_dict()["conv1.bias"].copy_(torch.tensor([9.0, 6, 0, 0, 0, 0]))
    kind = Preprocessing(8, 8, 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))
    place = save_model(tmp_path / "cats.safetensors", network, module, preprocessing=kind, task=task)
    with serving(Settings((("cats", str(place)),))) as address:
        browser_page.goto(address)
        browser_page.locator("#files").set_input_files(files("one.png"))
        card = browser_page.locator(".answers .answer")
        card.locator(".said").wait_for()
        assert card.locator(".said").inner_text() == "2 points"
        assert card.locator(".bars .name").all_inner_texts() == ["nose", "tail"]
        assert card.locator("img").count() == 1


def test_sentences_are_told_the_likeliest_first(browser_page, tmp_path):
    task = task_named("caption").from_settings((), {"words": ["a", "cat", "elephant"], "steps": 3})
    network = parse("8x8x3: conv 2 3x3 relu, flatten, dense 4, caption 3 5 4")
    torch.manual_seed(0)
    module = build(network)
    with torch.no_grad():
        module.state_dict()["caption1.next.bias"].copy_(torch.tensor([0.0, 0, 0, 0, 1]))
    kind = Preprocessing(8, 8, 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.25))
    place = save_model(tmp_path / "told.safetensors", network, module, preprocessing=kind, task=task)
    with serving(Settings((("told", str(place)),))) as address:
        browser_page.goto(address)
        browser_page.locator("#files").set_input_files(files("one.png"))
        card = browser_page.locator(".answers .answer")
        card.locator(".said").wait_for()
        assert "elephant" in card.locator(".said").inner_text()
        names = card.locator(".bars .name").all_inner_texts()
        assert names[0] == card.locator(".said").inner_text()
        assert len(names) == 3
        assert "caption. Pictures become 8×8" in browser_page.locator(".note").first.inner_text()
