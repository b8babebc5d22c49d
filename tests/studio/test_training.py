"""Trainings in the studio: begun, watched, stepped and followed to their end, and looked into."""

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.axe import PLACE, violations
from tests.studio.conftest import TOKEN, studio
from tests.work import HANG

NET = "8x8x1: conv 2 3x3 relu, flatten, dense 2 softmax"


@pytest.fixture
def shades(tmp_path):
    """Dark and bright images, of which nothing that learns shades gets the first four right."""
    random = np.random.default_rng(0)
    labels = np.arange(80) % 2
    labels[:4] = 1 - labels[:4]
    images = (random.integers(0, 60, (80, 8, 8)) + 150 * (np.arange(80) % 2)[:, None, None]).astype(np.uint8)
    np.savez(tmp_path / "shades.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20])
    return tmp_path / "shades.npz"


def test_one_watches_it_learn_a_step_at_a_time(browser_page, tmp_path, shades):
    """A real training, of which kernels and maps are seen while it trains, waits and makes a single step."""
    page = browser_page
    with studio(runs=tmp_path / "runs") as address:
        page.goto(f"{address}/#token={TOKEN}&room=train&net={NET.replace(' ', '+')}")
        for label, words in (("data", str(shades)), ("call it", "slow"), ("epochs", "100000"), ("rate", "0.1")):
            page.get_by_label(label).fill(words)
        late = []
        page.route("**/ask/examples", lambda route: late.append(route))
        page.get_by_role("button", name="train", exact=True).click()
        page.locator(".learning > summary").click()
        page.locator(".kernels h2", has_text="kernels of conv1, after step").wait_for()
        for route in late:  # the model is shown without them, and they come later
            route.continue_()
        page.unroute("**/ask/examples")
        expect(page.locator(".learning .live .samples button")).to_have_count(8)
        before = page.locator(".kernels canvas").first.evaluate("(each) => each.toDataURL()")
        page.locator(".recipe summary").click()
        page.locator(".recipe[open] dd", has_text="0.1 (yours)").wait_for()
        page.locator(".recipe dd:text-is('adam')").wait_for()
        page.get_by_role("button", name="what it takes for something else").click()
        page.locator(".wrong-ones .note", has_text="Of the 20 test images").evaluate("(note) => (note.dataset.old = 1)")
        page.get_by_role("button", name="pause").focus()
        page.locator(".wrong-ones .note:not([data-old])").wait_for()  # those of a later epoch
        page.keyboard.press("Enter")
        page.locator(".state.paused").wait_for()
        expect(page.get_by_role("button", name="go on")).to_be_focused(timeout=1000 * HANG)
        at = int(page.locator(".stands").inner_text().split()[3].replace(",", ""))
        page.locator(".kernels h2", has_text=f"after step {at:,}").wait_for()
        page.get_by_role("button", name="one step").click()
        page.locator(".stands", has_text=f"paused at step {at + 1:,} of").wait_for()
        page.locator(".kernels h2", has_text=f"after step {at + 1:,}").wait_for()
        assert page.locator(".kernels canvas").first.evaluate("(each) => each.toDataURL()") != before
        page.get_by_role("button", name="go on").click()
        page.locator(".state.training").wait_for()
        page.get_by_role("button", name="stop", exact=True).click()
        page.locator(".state.stopped").wait_for()
        for label, words in (("call it", "quick"), ("epochs", "1")):
            page.get_by_role("textbox", name=label).fill(words)
        page.get_by_role("button", name="train", exact=True).click()
        page.locator("h2", has_text="quick").locator(".state.finished").wait_for()
        page.get_by_role("button", name="slow on the same chart").click()
        page.get_by_role("img", name="loss over epochs. quick").and_(page.get_by_role("img", name="; slow")).wait_for()


@pytest.mark.walk
def test_from_a_training_to_a_look_inside(browser_page, tmp_path, shades):
    """A real training, begun in the page, followed to its end, and its model drawn into."""
    with studio(runs=tmp_path / "runs") as address:
        page = browser_page
        page.goto(f"{address}/#token={TOKEN}&room=train&net={NET.replace(' ', '+')}")
        page.get_by_label("data").fill("nothing")
        page.get_by_label("call it").fill("none")
        page.get_by_role("button", name="train", exact=True).click()
        page.locator(".begin .wrong-box", has_text="received 'nothing', which is neither").wait_for()
        (tmp_path / "broken.npz").write_text("nothing")
        page.get_by_label("data").fill(str(tmp_path / "broken.npz"))
        page.get_by_role("button", name="train", exact=True).click()
        page.locator(".state.refused").wait_for()
        page.locator(".followed pre", has_text="broken.npz").wait_for()
        page.get_by_label("data").fill(str(shades))
        page.get_by_label("call it").fill("shades")
        page.get_by_label("epochs").fill("2")
        page.get_by_role("button", name="train", exact=True).click()
        page.locator("h2", has_text="shades").locator(".state.finished").wait_for()
        assert page.locator(".totals dd").first.inner_text() == "2 of 2"
        assert page.locator(".chart").count() == 2
        page.get_by_role("button", name="take none off the list").click()
        expect(page.locator(".runs b")).to_have_text(["shades"])
        assert not PLACE.is_file() or violations(page) == []
        page.get_by_role("link", name="look inside").click()
        page.locator(".live canvas").first.wait_for()
        assert page.locator(".live .layer-view header b, .live .layer-view header h3").all_inner_texts()[:2] == [
            "input",
            "conv1",
        ]
        page.locator(".look .more summary").click()
        page.locator(".look .more").get_by_label("what to see").select_option("cam")
        page.locator(".look .more button").first.click()
        shown = page.locator(".look .more .made img")
        shown.wait_for()
        assert shown.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 400
        assert not PLACE.is_file() or violations(page) == []
        page.get_by_role("button", name="what it takes for something else").click()
        page.locator(".wrong-ones .note", has_text="Of the 20 test images, it takes").wait_for()
        page.locator(".wrong-ones .mistakes button").first.click()
        page.locator(".live .note", has_text="taken for").wait_for()


def test_what_a_long_training_said_begins_with_its_beginning_in_whole_lines(browser_page, tmp_path):
    lines = [f"epoch {number:3}  loss 1.0716  accuracy  37.50%  175 images/s" for number in range(1000)]
    head = ["training 3 parameters on 4 images", "1 of 4 images are held out; --validation 0 trains on all"]
    (tmp_path / "long").mkdir()
    (tmp_path / "long/run.toml").write_text("network = 'mlp'")
    (tmp_path / ".studio").mkdir()
    (tmp_path / ".studio/long.json").write_text('{"pid": 4194305, "words": []}')
    (tmp_path / ".studio/long.log").write_text("\n".join([*head, *lines]))
    page = browser_page
    with studio(runs=tmp_path) as address:
        page.goto(f"{address}/#token={TOKEN}&room=train&run=long")
        page.get_by_text("what long says").click()
        said = page.locator(".followed pre")
        expect(said).to_be_visible()
        shown = said.inner_text().splitlines()
        assert shown[:2] == head
        assert shown[-1] == lines[-1]
        (gap,) = [at for at, line in enumerate(shown) if "bytes are left out here" in line]
        assert set(shown[2:gap] + shown[gap + 1 :]) <= set(lines)
        expect(page.get_by_text("which this form does not have: --validation.")).to_be_visible()
