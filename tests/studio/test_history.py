"""What the design room takes back, and does again."""

import pytest
from playwright.sync_api import expect

from hubel import zoo
from tests.studio.conftest import opened
from tests.studio.test_design import SAID, TEXT, becomes, choose, text_of, write


@pytest.fixture
def room(browser_page, address):
    return opened(browser_page, address, SAID)


# letter after letter, with no pause between them however busy the machine is
TYPED = """(area, words) => {
  for (const letter of words) {
    area.setRangeText(letter, area.value.length, area.value.length, "end");
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}"""


def test_undo_and_redo(room):
    choose(room, "conv1")
    room.get_by_label("filters: more").click()
    room.locator(".editor pre", has_text="conv 7").wait_for()
    room.get_by_label("undo").click()
    assert text_of(room) == TEXT
    room.locator("textarea").focus()
    room.keyboard.press("Control+y")
    assert "conv 7" in text_of(room)
    room.keyboard.press("Control+z")
    assert text_of(room) == TEXT
    room.locator("textarea").evaluate(TYPED, ", relu")
    assert text_of(room) == f"{TEXT}, relu"
    room.keyboard.press("Escape")
    room.keyboard.press("Control+z")
    assert text_of(room) == TEXT  # letters without a pause are one step


def test_undo_goes_past_the_name_of_a_network_and_back_over_a_swap(room):
    write(room, "lenet5")
    becomes(room, "parameters", "61,706")
    room.keyboard.press("Escape")
    choose(room, "conv1")
    room.get_by_label("filters: more").click()
    room.locator(".editor pre", has_text="conv 7").wait_for()
    undo, redo = room.get_by_label("undo"), room.get_by_label("redo")
    undo.click()
    becomes(room, "parameters", "61,706")
    undo.click()
    expect(room.locator("textarea")).to_have_value(TEXT)
    redo.click()
    becomes(room, "parameters", "61,706")
    redo.click()
    room.locator(".editor pre", has_text="conv 7").wait_for()
    room.get_by_role("button", name="keep this one to compare with").click()
    write(room, "8x8x1: conv 5 3x3")
    becomes(room, "shape", "8×8×1 → 6×6×5")
    room.get_by_role("button", name="work on the kept one").click()
    becomes(room, "shape", "28×28×1 → 10")
    undo.click()
    becomes(room, "shape", "8×8×1 → 6×6×5")
    room.wait_for_url(lambda url: "with=28x28x1:+conv+7" in url, wait_until="commit")
    redo.click()
    room.wait_for_url(lambda url: "with=8x8x1:+conv+5" in url, wait_until="commit")
    becomes(room, "shape", "28×28×1 → 10")


def test_undo_brings_the_kept_one_back(room):
    """What is kept is of the same steps: of leaving, swapping and keeping."""
    undo, redo = room.get_by_label("undo"), room.get_by_label("redo")
    kept = room.locator(".kept")

    def pair(net, other):
        room.wait_for_url(lambda url: (f"with={other}" in url) if other else "with=" not in url, wait_until="commit")
        expect(room.locator("textarea")).to_have_value(net)
        expect(kept).to_be_visible(visible=bool(other))

    three, five = "8x8x1: conv 3 3x3", "8x8x1: conv 5 3x3"
    write(room, three)
    becomes(room, "shape", "8×8×1 → 6×6×3")
    room.get_by_role("button", name="keep this one to compare with").click()
    pair(three, "8x8x1:+conv+3")
    write(room, five)
    becomes(room, "shape", "8×8×1 → 6×6×5")
    room.get_by_role("button", name="work on the kept one").click()
    pair(three, "8x8x1:+conv+5")
    room.get_by_role("button", name="leave the kept one").click()
    pair(three, "")
    undo.click()
    pair(three, "8x8x1:+conv+5")
    undo.click()
    pair(five, "8x8x1:+conv+3")
    undo.click()
    pair(three, "8x8x1:+conv+3")
    undo.click()
    pair(three, "")
    for net, other in [(three, "8x8x1:+conv+3"), (five, "8x8x1:+conv+3"), (three, "8x8x1:+conv+5"), (three, "")]:
        redo.click()
        pair(net, other)


def test_networks_of_the_zoo_keep_their_names(browser_page, address):
    room = opened(browser_page, address, "&net=resnet50&with=resnet18")
    heading = room.locator(".drawings .canvas svg").first
    room.locator(".kept code", has_text="resnet18").wait_for()
    expect(heading).to_contain_text("resnet50")
    room.get_by_role("button", name="work on the kept one").click()
    room.locator(".kept code", has_text="resnet50").wait_for()
    expect(heading).to_contain_text("resnet18")
    room.wait_for_url(lambda url: "net=resnet18" in url and "with=resnet50" in url, wait_until="commit")
    room.reload()
    room.locator(".kept code", has_text="resnet50").wait_for()
    expect(heading).to_contain_text("resnet18")
    write(room, f"{text_of(room)}, relu")
    expect(heading).not_to_contain_text("resnet18")


def test_a_name_that_is_typed_whole_closes_the_list(room):
    area, offered = room.locator("textarea"), room.get_by_role("listbox")
    area.fill("resnet15")
    expect(offered).to_be_visible()
    area.press("2")
    expect(offered).to_be_hidden()
    area.press("Enter")
    expect(area).to_have_value(str(zoo.get("resnet152")))
