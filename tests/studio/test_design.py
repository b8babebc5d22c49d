"""The design room in a real browser."""

import base64
import json

import pytest
from playwright.sync_api import expect

from hubel import zoo
from hubel.arch import analyse, parse
from hubel.code import source
from hubel.draw import layout
from hubel.view.writers.svg import to_svg
from tests.axe import needs_axe, violations
from tests.conftest import is_firefox
from tests.studio.conftest import opened
from tests.work import HANG

TEXT = "28x28x1: conv 6 5x5 tanh, avgpool 2, flatten, dense 10 softmax"
SAID = f"&net={TEXT.replace(' ', '+')}"


@pytest.fixture
def room(browser_page, address):
    return opened(browser_page, address, SAID)


def text_of(page):
    return page.locator("textarea").input_value()


def becomes(page, title, value):
    page.locator(".totals div", has=page.locator(f"dt:text-is('{title}')")).locator(
        f"dd:has-text('{value}')"
    ).wait_for()


def write(page, text):
    page.locator("textarea").fill(text)


def choose(page, path):
    page.locator(f"tbody th button:text-is('{path}')").click()
    page.locator(f".layer-pane h2:text-is('{path}')").wait_for()


@pytest.mark.walk
def test_the_figures_follow_each_letter(room):
    room.locator("textarea").focus()
    room.keyboard.press("Control+End")
    for letter in ", dense 30":
        room.keyboard.type(letter)
    written = f"{TEXT}, dense 30"
    becomes(room, "parameters", f"{analyse(parse(written)).parameters:,}")
    assert room.locator("tbody th").all_inner_texts() == [row.path for row in analyse(parse(written)).rows]
    room.locator(".totals .difference").first.wait_for(state="attached")
    assert room.locator(".wrong-box").inner_text() == ""


def test_the_last_network_that_works_out_stays(room):
    before = room.locator(".canvas svg").inner_html()
    write(room, TEXT.replace("avgpool", "avgpol"))
    room.locator(".wrong-box", has_text="did you mean 'avgpool'").wait_for()
    assert room.locator(".editor pre .wrong").inner_text() == "avgpol"
    assert "column 27" in room.locator(".wrong-box").inner_text()
    assert room.locator(".canvas svg").inner_html() == before


def test_a_button_makes_it_fit(room):
    write(room, "8x8x1: conv 6 9x9, flatten, dense 3")
    room.locator(".fits button", has_text="kernel_size 8").click()
    becomes(room, "shape", "8×8×1 → 3")
    assert text_of(room) == "8x8x1: conv 6 8x8, flatten, dense 3"


@pytest.mark.walk
def test_a_layer_is_clicked_and_changed_and_the_text_follows(room):
    room.locator(".canvas .layer[data-rows]").first.click()
    room.locator(".layer-pane h2:text-is('conv1')").wait_for()
    assert room.locator(".editor pre .chosen").all_inner_texts() == ["conv", " ", "6", " ", "5x5", " ", "tanh"]
    room.get_by_label("filters: more").click()
    becomes(room, "parameters", f"{analyse(parse(TEXT.replace('conv 6', 'conv 7'))).parameters:,}")
    assert text_of(room) == TEXT.replace("conv 6", "conv 7")
    assert room.evaluate("document.activeElement.getAttribute('aria-label')") == "filters: more"
    assert room.locator(".usage").inner_text().startswith("conv FILTERS")
    assert "+26 parameters" in room.locator(".canvas .difference").all_text_contents()
    room.get_by_label("padding", exact=True).select_option("same")
    becomes(room, "shape", "28×28×1 → 10")
    room.locator(".editor pre", has_text="conv 7 5x5 same tanh").wait_for()


def test_steps_go_on_where_the_network_does_not_work_out(room):
    write(room, "8x8x12: conv 12 3x3 same, sum(conv 14 3x3 same | identity), dense 3")
    room.locator(".fits button").first.wait_for()
    write(room, "8x8x12: conv 12 3x3 same, sum(conv 12 3x3 same | identity), flatten, dense 3")
    choose(room, "conv1")
    field = room.get_by_label("filters", exact=True)
    field.focus()
    for filters in ("13", "14"):
        room.keyboard.press("ArrowUp")
        expect(field).to_have_value(filters, timeout=1000 * HANG)
    room.locator(".wrong-box", has_text="received 8×8×12 and 8×8×14").wait_for()
    room.keyboard.press("Control+z")
    room.locator(".editor pre", has_text="conv 13").wait_for()
    room.locator(".fits button", has_text="in the other branch").click()
    becomes(room, "layers", "5")
    assert "conv 12 3x3 same, conv 12 1x1" not in text_of(room)


@pytest.mark.parametrize("away", ["typed", "undone"])
def test_what_came_meanwhile_is_not_overwritten_by_an_answer_that_is_late(room, away):
    choose(room, "conv1")
    held = []
    room.route("**/ask/change", lambda route: held.append(route))
    steps = room.get_by_label("kernel size: more")
    steps.click()
    steps.click()
    room.wait_for_timeout(0)
    assert len(held) == 1  # the second waits for the first
    if away == "typed":
        write(room, "8x8x1: dense 3")
    else:
        write(room, f"{TEXT} ")
        room.locator("textarea").focus()
        room.keyboard.press("Control+z")
    held.pop().continue_()
    room.unroute("**/ask/change")
    room.get_by_label("kind of drawing").select_option("blocks")  # whose answer comes after
    room.locator("html").evaluate("() => new Promise((done) => setTimeout(done, 300))")
    assert text_of(room) == ("8x8x1: dense 3" if away == "typed" else TEXT)


def test_a_kernel_stops_where_it_no_longer_fits(room):
    write(room, "4x4x1: conv 2 3x3, flatten, dense 3")
    choose(room, "conv1")
    more = room.get_by_label("kernel size: more")
    more.click()
    ends = room.locator(".setting", has=room.locator("#setting-kernel_size")).locator(".ends")
    expect(ends).to_have_text("Conv2D expected an input of at least 5×5, received 4×4")
    assert more.is_disabled()
    room.get_by_label("kernel size: less").click()
    becomes(room, "shape", "4×4×1 → 3")
    expect(ends).to_have_count(0)
    assert text_of(room) == "4x4x1: conv 2 3x3, flatten, dense 3"


DROP = """(place, [name, text]) => {
  const held = new DataTransfer();
  held.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  place.dispatchEvent(new DragEvent("drop", { dataTransfer: held, bubbles: true, cancelable: true }));
}"""


def test_a_network_or_a_model_is_dropped(room):
    head = json.dumps({"__metadata__": {"hubel": json.dumps({"network": "9x9x1: conv 2 3x3"})}}).encode()
    model = len(head).to_bytes(8, "little") + head
    for name, content, shape in (("n.txt", b"8x8x1: conv 4 3x3\n", "6×6×4"), ("m.safetensors", model, "7×7×2")):
        room.locator(".room.design").evaluate(DROP, [name, base64.b64encode(content).decode()])
        becomes(room, "shape", shape)
    room.locator(".room.design").evaluate(DROP, ["a.onnx", base64.b64encode(b"\x08\x00\xff").decode()])
    room.locator(".wrong-box", has_text="a.onnx: expected a network's text").wait_for()
    assert text_of(room) == "9x9x1: conv 2 3x3"


def test_what_does_not_work_out_is_linked_too(room):
    write(room, "8x8x1: conv 4 9x9")
    room.locator(".fits button").first.wait_for()
    room.wait_for_function("() => location.hash.includes('conv+4+9x9')")
    room.reload()
    room.locator(".fits button").first.wait_for()
    assert text_of(room) == "8x8x1: conv 4 9x9"


def test_a_layer_that_comes_changes_no_other(room):
    write(room, TEXT.replace("28x28x1: ", "28x28x1: conv 1 3x3 same, "))
    becomes(room, "layers", "5")
    assert room.locator("tbody tr", has=room.locator(".difference")).count() == 0
    assert room.locator(".canvas .layer.changed").count() == 1
    write(room, TEXT.replace("conv 6", "conv 7"))
    becomes(room, "layers", "4")
    changed = room.locator("tbody tr", has=room.locator(".difference")).locator("th")
    assert changed.all_inner_texts() == ["conv1", "dense1"]


def test_another_network_is_no_change_of_this_one(room):
    write(room, str(zoo.get("resnet18")))
    becomes(room, "parameters", "11,689,512")
    assert room.locator(".canvas .changed, .canvas .difference, tbody .difference").count() == 0
    write(room, str(zoo.get("resnet18")).replace("7x7/2 nobias pad=3", "9x9/2 nobias pad=4"))
    becomes(room, "parameters", "11,695,656")
    assert room.locator(".canvas .changed").count() == 1


def test_channels_last_are_one_press_away(room):
    write(room, "3x32x32: conv 4 3x3, flatten, dense 10")
    room.get_by_role("button", name="channels last").click()
    becomes(room, "shape", "32×32×3 → 10")
    assert room.locator(".wrong-box").inner_text() == ""


def test_words_are_completed(room):
    room.locator("textarea").focus()
    room.keyboard.press("Control+End")
    room.keyboard.type(", max")
    options = room.locator("#completions [role=option] b")
    assert options.all_inner_texts()[0] == "maxpool"
    room.keyboard.press("Enter")
    assert text_of(room).endswith(", maxpool")
    assert "POOL-SIZE" in room.locator(".usage").inner_text()
    write(room, "28x28x1: conv 3 3x3 sa")
    assert options.all_inner_texts() == ["same"]
    write(room, "lenet")
    assert options.all_inner_texts()[:2] == ["lenet5", "lenet5_1998"]
    room.keyboard.press("ArrowDown")
    room.keyboard.press("ArrowUp")
    room.keyboard.press("Tab")
    becomes(room, "parameters", "61,706")
    assert text_of(room) == str(zoo.get("lenet5"))


def test_what_is_typed_stands_in_the_address_before_it_is_answered(room):
    held = []
    room.route("**/ask/design", lambda route: held.append(route))
    room.locator("textarea").fill("8x8x1: conv 7 3x3")
    room.wait_for_url(lambda url: "net=8x8x1:+conv+7+3x3" in url, wait_until="commit")
    room.unroute("**/ask/design")
    room.reload()
    becomes(room, "shape", "8×8×1 → 6×6×7")


def test_enter_takes_what_the_zoo_is_searched_for(room):
    """The one of that name, or the first that is found."""
    button, field = room.get_by_text("zoo …"), room.get_by_label("search the zoo")
    for words, name in (("resnet50", "resnet50"), ("LENET5", "lenet5"), ("lecun", "lenet")):
        button.click()
        field.fill(words)
        field.press("Enter")
        expect(room.locator("dialog.zoo")).to_be_hidden()
        expect(room.locator(".canvas svg").first).to_contain_text(name)
    button.click()
    field.fill("no such network")
    field.press("Enter")
    expect(room.get_by_text("No network has that in its name")).to_be_visible()


def test_the_caret_chooses(room):
    room.locator("textarea").focus()
    room.locator("textarea").evaluate("area => area.setSelectionRange(30, 30)")
    room.locator(".layer-pane h2:text-is('pool1')").wait_for()
    assert room.locator("tr.chosen th").inner_text() == "pool1"
    assert room.evaluate("document.activeElement.tagName") == "TEXTAREA"


def test_what_one_sees_can_be_linked(room, address):
    choose(room, "dense1")
    room.get_by_role("tab", name="Code").click()
    room.locator(".code pre", has_text="import torch").wait_for()
    room.wait_for_url(lambda url: "layer=dense1" in url and "tab=code" in url, wait_until="commit")
    assert "token" not in room.evaluate("location.hash")
    assert "28x28x1:+conv+6+5x5+tanh,+avgpool+2" in room.evaluate("location.hash")
    room.reload()
    room.locator(".layer-pane h2:text-is('dense1')").wait_for()
    room.locator(".code pre", has_text="import torch").wait_for()
    assert text_of(room) == TEXT


def test_programs_for_all_frameworks(room):
    room.get_by_role("tab", name="Code").click()
    for framework, word in (("keras", "keras.Model"), ("jax", "nnx"), ("pytorch", "nn.Sequential")):
        room.get_by_label("framework").select_option(framework)
        room.locator(".code pre", has_text=word).wait_for()


def test_drawing_and_program_are_saved_as_files(room, browser):
    if is_firefox(browser):
        pytest.skip("Firefox's driver tells of no downloads")
    with room.expect_download() as drawing:
        room.get_by_label("save the drawing as an SVG file").click()
    assert drawing.value.suggested_filename == "network_of_1_conv_1_dense.svg"
    assert drawing.value.path().read_text(encoding="utf-8") == to_svg(layout(analyse(parse(TEXT)), "auto", 900))
    room.get_by_role("tab", name="Code").click()
    room.locator(".code pre", has_text="import torch").wait_for()
    with room.expect_download() as program:
        room.get_by_role("button", name="save as a file").click()
    assert program.value.suggested_filename == "network_pytorch.py"
    assert program.value.path().read_text(encoding="utf-8") == source(parse(TEXT), "pytorch")


def test_advice_is_taken_with_a_button(browser_page, address):
    room = opened(browser_page, address, "&net=lenet5")
    room.get_by_role("tab", name="Advice (2)").click()
    room.locator(".advice button", has_text="do it").click()
    becomes(room, "parameters", "15,626")
    assert "globalavgpool" in text_of(room)


def test_two_networks_side_by_side(room):
    room.get_by_label("keep this one to compare with").first.click()
    room.locator(".kept .canvas svg").wait_for()
    write(room, TEXT.replace("conv 6", "conv 12"))
    row = room.locator("#pane-compare tr", has=room.locator("th:text-is('parameters')"))
    row.locator("td", has_text="17,602").wait_for()
    assert "8,806" in row.inner_text()
    room.get_by_label("work on the kept one").click()
    becomes(room, "parameters", "8,806")
    assert text_of(room) == TEXT
    room.get_by_label("leave the kept one").click()
    assert room.locator(".kept").is_hidden()


def test_blocks_close_and_layers_are_found(browser_page, address):
    room = opened(browser_page, address, "&net=resnet18")
    block = room.locator('.layer[data-part="stage4"]')
    assert block.get_attribute("aria-expanded") == "true"
    block.click()
    room.locator('.layer[data-part="stage4"][aria-expanded="false"]').wait_for()
    assert room.locator('.layer[data-part="stage4.block1"]').count() == 0
    room.get_by_label("find a layer").first.fill("maxpool")
    assert room.locator(".diagram .note").first.inner_text() == "1 of 1"
    room.keyboard.press("Enter")
    room.locator(".layer-pane h2:text-is('pool1')").wait_for()
    assert room.locator(".layer.found").count() == 1
    room.get_by_label("find a layer").first.fill("stage4.block2.residual.conv1")
    room.locator(".diagram .note", has_text="in closed blocks").first.wait_for()
    room.keyboard.press("Enter")
    room.locator(".layer-pane h2:text-is('stage4.block2.residual.conv1')").wait_for()
    assert room.locator('.layer[aria-expanded="false"]').count() == 0


def test_the_drawing_is_enlarged_and_moved(room):
    width = "document.querySelector('.canvas svg').getBoundingClientRect().width"
    before = room.evaluate(width)
    room.locator(".canvas").first.focus()
    for _ in range(5):
        room.keyboard.press("+")
    assert room.evaluate(width) == pytest.approx(before * 1.25**5, rel=0.01)
    canvas = room.locator(".canvas").first
    canvas.hover()
    room.mouse.down()
    box = canvas.bounding_box()
    room.mouse.move(box["x"] + 100, box["y"] + 100, steps=3)
    room.mouse.up()
    assert canvas.evaluate("canvas => canvas.scrollLeft") > 0
    room.keyboard.press("0")
    assert room.evaluate(width) == pytest.approx(before, rel=0.01)


def test_the_page_scrolls_where_the_drawing_has_nothing_to_scroll(room):
    box = room.locator(".canvas").first.bounding_box()
    room.mouse.move(box["x"] + 60, box["y"] + 60)
    for _ in range(8):
        room.mouse.wheel(0, 300)
    room.wait_for_function("() => scrollY > 0")


@pytest.mark.walk
def test_all_is_reached_by_keyboard(room):
    """From the text to the drawing, a layer in it, its steps and its table, with no mouse."""
    room.locator("textarea").focus()
    room.keyboard.press("Tab")
    seen = []
    for _ in range(40):
        seen.append(
            room.evaluate("document.activeElement.getAttribute('aria-label') || document.activeElement.textContent")
        )
        if room.evaluate("document.activeElement.matches('.canvas .layer')"):
            break
        room.keyboard.press("Tab")
    room.keyboard.press("ArrowDown")
    room.keyboard.press("Enter")
    room.locator(".layer-pane h2:text-is('pool1')").wait_for()
    assert {"smaller", "larger", "fit it in", "find a layer"} <= set(seen)
    for _ in range(10):
        room.keyboard.press("Tab")
        if room.evaluate("document.activeElement.getAttribute('aria-label')") == "pool size: more":
            break
    room.keyboard.press("Enter")
    room.locator(".editor pre", has_text="avgpool 3").wait_for()


def test_nothing_typed_becomes_part_of_the_page(room):
    hostile = '8x8x1: a="<img src=x onerror=alert(1)>", conv 1 1x1'
    write(room, hostile)
    room.locator(".wrong-box", has_text="column").wait_for()
    write(room, "8x8x1: img=conv 1 1x1, script=relu")
    becomes(room, "shape", "8×8×1")
    assert room.locator("#room img, #room script").count() == 0


@needs_axe
def test_nobody_is_kept_from_using_it(browser_page, address):
    text = "8x8x4: block=(sum(conv 4 3x3 same | identity), relu), flatten, dense 2".replace(" ", "+")
    room = opened(browser_page, address, f"&net={text}&layer=block.sum1.branch1.conv1&tab=compare&with=mlp")
    room.locator("#pane-compare table").wait_for()
    assert violations(room) == []


def test_on_a_phone_nothing_is_wider_than_the_screen(browser_page, address):
    browser_page.set_viewport_size({"width": 390, "height": 800})
    room = opened(browser_page, address, "&net=googlenet&layer=conv1")
    assert room.evaluate("document.documentElement.scrollWidth") <= 390


def test_on_a_phone_the_pane_of_a_layer_that_is_tapped_comes_into_sight(browser_page, address):
    browser_page.set_viewport_size({"width": 390, "height": 844})
    room = opened(browser_page, address, "&net=lenet5")
    for at, path in ((2, "pool1"), (3, "conv2")):
        room.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
        layer = room.locator(".canvas .layer").nth(at)
        layer.click()
        expect(room.locator(f".layer-pane h2:text-is('{path}')")).to_be_in_viewport()
        expect(room.locator(".layer-pane .stepper").first).to_be_in_viewport()
        expect(layer).to_be_in_viewport()
