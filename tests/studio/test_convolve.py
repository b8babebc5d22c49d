"""The room of one operation on a few numbers: it shows what PyTorch computes, and how that comes about."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from playwright.sync_api import expect

from hubel.base.errors import SettingError
from hubel.look.byhand.grids import read_planes
from tests.axe import needs_axe, violations
from tests.studio.conftest import TOKEN, put
from tests.work import HANG

X = [[[1, 0, 2, 5, 1], [3, 1, 0, 0, 2], [0, 4, 1, 2, 2], [1, 1, 0, 3, 0], [2, 0, 1, 1, 4]]]
K = [[[1, 0, -1], [2, 0.5, -2], [1, 0, -1]]]
TWO = [[[0, 1], [2, 3]], [[4, 0], [1, 1]]]
KTWO = [[[1, -1], [0, 2]], [[0.5, 1], [-1, 3]]]


# the page takes what is usual out of its address again, so that nothing in it can be waited for
GO = """
said => new Promise((done) => {
  const before = location.href;
  addEventListener("hashchange", () => setTimeout(done), { once: true });
  location.hash = said;
  if (location.href === before) done();
})
"""

# plays, and stops in the page itself where some products are summed: a state that passes by is missed from outside
PLAYED = """
() => new Promise((done) => {
  const [play, sum] = [document.querySelector(".player .play"), document.querySelector(".sum")];
  const seen = new MutationObserver(() => {
    if (!/the sum of [3-8] products of 9/.test(sum.innerText)) return;
    seen.disconnect();
    play.click();
    done();
  });
  seen.observe(sum, { childList: true, subtree: true, characterData: true });
  play.click();
})
"""


def text(planes):
    return "//".join("/".join(" ".join(map(str, line)) for line in plane) for plane in planes)


@pytest.fixture(scope="module")
def room(browser, address):
    """One page for all of them, in which only addresses change."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(1000 * HANG)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}/#token={TOKEN}&room=convolve")
    page.wait_for_selector("html[data-ready]")
    page.locator(".convolve .numbers").first.wait_for()
    yield page
    page.close()
    assert not errors


def opened(room, **values):
    values = {"op": "conv", "s": "1", "p": "0", "d": "1", "b": "0", "f": "none", "at": "0,0", **values}
    said = "&".join(f"{name}={value}" for name, value in values.items())
    room.evaluate(GO, f"room=convolve&{said}")
    return room


def numbers(room, name="output", at=0):
    grid = room.locator(f".convolve .numbers[aria-label^='{name}']").nth(at)
    rows = grid.locator("[role=row]").all()
    return np.array([[float(cell.replace("−", "-")) for cell in row.locator("span").all_inner_texts()] for row in rows])


@pytest.mark.parametrize(
    ("values", "of"),
    [
        ({}, lambda x, k: F.conv2d(x, k)),
        ({"s": "2", "p": "1"}, lambda x, k: F.conv2d(x, k, stride=2, padding=1)),
        ({"d": "2"}, lambda x, k: F.conv2d(x, k, dilation=2)),
        ({"p": "same", "b": "0.5", "f": "relu"}, lambda x, k: F.conv2d(x, k, padding=1).add(0.5).relu()),
        ({"f": "tanh"}, lambda x, k: F.conv2d(x, k).tanh()),
        ({"op": "transposed", "s": "2"}, lambda x, k: F.conv_transpose2d(x, k, stride=2)),
        ({"op": "transposed", "s": "3", "p": "1"}, lambda x, k: F.conv_transpose2d(x, k, stride=3, padding=1)),
        ({"op": "transposed", "d": "2"}, lambda x, k: F.conv_transpose2d(x, k, dilation=2)),
        ({"op": "maxpool", "s": "2"}, lambda x, k: F.max_pool2d(x, 3, 2)),
        ({"op": "avgpool"}, lambda x, k: F.avg_pool2d(x, 3, 1)),
    ],
)  # fmt: skip
def test_the_output_is_that_of_pytorch(room, values, of):
    opened(room, x=text(X), k=text(K), **values)
    wanted = of(torch.tensor([X]).float(), torch.tensor([K]).float())[0, 0].numpy()
    found = numbers(room)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() < 0.0051


def test_channels_are_summed_by_convolutions_and_kept_by_pools(room):
    opened(room, x=text(TWO), k=text(KTWO), p="1")
    x, k = torch.tensor([TWO]).float(), torch.tensor([KTWO])
    assert np.abs(numbers(room) - F.conv2d(x, k, padding=1)[0, 0].numpy()).max() < 0.0051
    opened(room, x=text(TWO), k=text(KTWO), op="maxpool")
    assert [numbers(room, at=channel).item() for channel in range(2)] == [3, 4]


def test_what_does_not_fit_is_told_with_its_numbers(room):
    opened(room, x=text(TWO[:1]), k=text(K))
    told = room.locator(".convolve .formula").inner_text()
    assert "window is 3 places long" in told
    assert "the input with its padding 2" in told
    opened(room, x=text(X), k=text(K), s="3")
    assert "⌊(5 + 2·0 − 1·(3 − 1) − 1) / 3⌋ + 1 = 1" in room.locator(".convolve .formula").inner_text()
    assert "last 2 places of the input are never seen" in room.locator(".convolve .formula").inner_text()


def test_a_step_of_learning_is_that_of_pytorch(room):
    opened(room, x=text(X), k=text(K), b="0.25", f="tanh", p="1", at="0,4")
    room.locator(".learning summary").click()
    put(room.get_by_label("the wanted number"), "0.5")
    put(room.get_by_label("learning rate"), "0.2")
    kernel = torch.tensor([K], requires_grad=True)
    bias = torch.tensor([0.25], requires_grad=True)
    loss = (torch.tanh(F.conv2d(torch.tensor([X]).float(), kernel, bias, padding=1))[0, 0, 0, 4] - 0.5).square() / 2
    loss.backward()
    wanted = (kernel - 0.2 * kernel.grad).flatten().tolist()
    found = [float(each.replace("−", "-")) for each in room.locator(".learning .term b").all_inner_texts()]
    assert found == pytest.approx(wanted, abs=6e-4)
    room.get_by_role("button", name="take a step").click()
    shown = [float(room.locator(".weights input").nth(at).input_value().replace("−", "-")) for at in range(9)]
    assert shown == pytest.approx(wanted, abs=6e-4)
    assert f"{loss.item():.4f}".rstrip("0") in room.locator(".learning [role=status]").inner_text()
    room.locator(".learning summary").click()


@pytest.mark.walk
def test_a_place_is_chosen_and_played_product_by_product(room):
    opened(room, x=text(X), k=text(K))
    cell = room.locator(".convolve .numbers[aria-label^='output'] span").nth(4)
    cell.focus()
    room.keyboard.press("ArrowRight")
    assert "row 2, column 3" in room.locator(".sum").inner_text()
    assert room.locator(".convolve .numbers[aria-label^='input'] .seen").count() == 9
    room.get_by_label("how quickly").select_option("8")
    room.evaluate(PLAYED)
    assert room.locator(".convolve .numbers[aria-label^='input'] .now").count() == 1


@pytest.mark.walk
def test_drawing_and_typing_change_what_follows(room):
    opened(room, x=text(X), k=text(K))
    before = numbers(room)
    first = room.locator(".convolve .numbers[aria-label^='input'] span").first
    first.focus()
    room.keyboard.press("Space")
    assert numbers(room, "input")[0, 0] == 0
    assert (numbers(room) != before).any()
    room.locator(".weights input").first.fill("1/4")
    assert room.locator(".weights input").first.get_attribute("aria-invalid") == "false"
    room.locator(".weights input").first.fill("much")
    assert room.locator(".weights input").first.get_attribute("aria-invalid") == "true"
    room.get_by_text("type the numbers").click()
    room.get_by_label("the input's numbers").fill("1 2 3\n4 5")
    assert "rows of one length" in room.locator("#convolve-numbers").inner_text()
    for written in (
        "1 2 3 4\n5 6 7 8\n9 8 7 6\n5 4 3 2\n",
        "[[1, 2, 3, 4], [5,6,7,8],[9,8,7,6],[5,4,3,2]]",
        "[[1. 2. 3. 4.]\n [5. 6. 7. 8.]\n [9. 8. 7. 6.]\n [5. 4. 3. 2.]]\n",
    ):
        room.get_by_label("the input's numbers").fill("0 0 0 0/0 0 0 0/0 0 0 0/0 0 0 0")
        room.get_by_label("the input's numbers").fill(written)
        assert numbers(room, "input").tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 8, 7, 6], [5, 4, 3, 2]]
    room.get_by_label("the input's numbers").fill("1 2\n3 much")
    assert room.locator("#convolve-numbers").inner_text().endswith("received much")
    room.get_by_text("type the numbers").click()


@pytest.mark.parametrize("kind", ["png", "tiff", "ppm"])
def test_a_picture_becomes_a_few_numbers(room, kind):
    """The server reads what the browser does not know."""
    opened(room, x=text(X), k=text(K))
    half = io.BytesIO()
    Image.fromarray(np.repeat([[255] * 7 + [0] * 7], 14, 0).astype(np.uint8)).save(half, kind)
    wrong = room.locator("#convolve-numbers")
    for name, data in ((f"none.{kind}", b"none"), (f"half.{kind}", half.getvalue())):
        room.locator("#convolve-file").set_input_files({"name": name, "mimeType": f"image/{kind}", "buffer": data})
        if data == b"none":
            told = f"none.{kind} cannot be read: is not an image in one of the formats"
            expect(wrong).to_contain_text(told, timeout=1000 * HANG)
    cells = room.locator(".convolve .numbers[aria-label^='input'] span")
    expect(cells).to_have_count(14 * 14, timeout=1000 * HANG)
    assert (numbers(room, "input") == [[10] * 7 + [0] * 7]).all()
    room.get_by_text("type the numbers").click()


CAMERA = """() => { navigator.mediaDevices.getUserMedia = async () => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 28, height: 14 });
  const pen = canvas.getContext("2d");
  const half = (colour, at) => { pen.fillStyle = colour; pen.fillRect(14 * at, 0, 14, 14); };
  const draw = () => ["#fff", "#000"].forEach(half);
  setInterval(draw, 20);
  return canvas.captureStream(20);
}; }"""


def test_the_camera_gives_a_picture(room):
    opened(room, x=text(X), k=text(K))
    room.evaluate(CAMERA)
    room.get_by_role("button", name="camera …").click()
    room.wait_for_selector(".camera video")
    cells = room.locator(".convolve .numbers[aria-label^='input'] [role=row]")
    for _ in range(100):  # the first frames of a camera may be empty
        room.get_by_role("button", name="take a picture").click()
        if cells.count() == 7 and numbers(room, "input")[3][0] == 10:
            break
        room.wait_for_timeout(50)
    assert (numbers(room, "input")[:, [0, -1]] == [10, 0]).all()
    room.get_by_role("button", name="close the camera").click()
    assert room.locator(".camera video").count() == 0


def test_the_next_product_and_a_kernel_that_grows_about_its_middle(room):
    opened(room, x=text(X), k=text(K), p="1")
    room.get_by_role("button", name="next").click()
    room.get_by_role("button", name="next").click()
    assert "the sum of 2 products of 9" in room.locator(".sum").inner_text()
    for size in (4, 5):
        room.get_by_label("kernel size").select_option(str(size))
    weights = [float(each.input_value().replace("−", "-")) for each in room.locator(".weights input").all()]
    assert (np.array(weights).reshape(5, 5) == np.pad(K[0], 1)).all()


def test_the_address_says_it_all(room):
    opened(room, x=text(X), k=text(K), s="2", f="relu")
    bias = room.locator("#convolve-b")
    put(bias, "0.75")
    room.wait_for_url(lambda found: "b=0.75" in found, wait_until="commit")
    told = room.evaluate("location.hash")
    room.evaluate("location.hash = 'room=convolve&x=dot&s=1&b=0&f=none&k=blur'")
    expect(bias).to_have_value("0")
    room.evaluate("told => { location.hash = told; }", told)
    expect(bias).to_have_value("0.75")
    assert (numbers(room, "input") == np.array(X[0])).all()


def test_what_is_changed_just_after_going_elsewhere_is_said_in_the_address(room):
    opened(room, x=text(X), k=text(K))
    put(room.locator("#convolve-b"), "0.25")  # waits to be written when the address becomes another
    opened(room, x="dot", k="blur")
    put(room.locator("#convolve-b"), "0.5")
    room.wait_for_url(lambda found: "b=0.5" in found, wait_until="commit")
    assert "x=dot" in room.evaluate("location.hash")


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("stride", "100", "a whole number from 1 to 6"),
        ("stride", "3.5", "a whole number"),
        ("dilation", "50", "1 to 4"),
    ],
)
def test_a_number_that_is_not_taken_is_refused_in_words(room, field, value, wanted):
    opened(room, x=text(X), k=text(K))
    put(room.get_by_label(field, exact=True), value)
    told = room.locator(".formula .wrong")
    told.wait_for()
    assert wanted in told.inner_text()
    assert f"received {value}" in told.inner_text()
    put(room.get_by_label(field, exact=True), "1")
    told.wait_for(state="detached")


def typed(room, words):
    """Type the input's numbers."""
    room.locator("details", has=room.locator("textarea")).evaluate("each => { each.open = true; }")
    room.get_by_label("the input's numbers").fill(words)


def told(words):
    """What `hubel convolve` makes of numbers: planes, or words of what is wrong."""
    try:
        return read_planes(words), ""
    except SettingError as error:
        return None, str(error)


@pytest.mark.parametrize(
    "words",
    [
        *("1 -1 / 1 0", "1 –1/1 0", "1,-1/1,0", "1, -1; 1, 0", "[[1,2],[3,4]]", "[[1 2]\n [3 4]]", "1,2,3\n4,5,6"),
        *("1/2 1/4\n.5 2e1", "1/2", "1/2/3", "1 2 / 3 4 | 5 6 / 7 8", "1 2/3 4//5 6/7 8", "1 2\n3 4\n\n5 6\n7 8\n"),
        *("[[[1,2],[3,4]],[[5,6],[7,8]]]", "0,5 0,5 / 0,5 0,5", "1,5 2 / 3 4", "0,5;1,5", "1e400 1 / 1 1"),
        *("Infinity 1", "0x10 1", "1/0 2", "1 2 / 3", ""),
    ],
)
def test_numbers_are_read_as_hubel_convolve_reads_them(room, words):
    opened(room, op="maxpool", x="dot", k="5")
    before = numbers(room, "input").tolist()
    typed(room, words)
    field, wrong = room.get_by_label("the input's numbers"), room.locator("#convolve-numbers").inner_text()
    planes, refused = told(words)
    assert field.get_attribute("aria-invalid") == str(planes is None).lower()
    assert wrong.startswith("expected ") == bool(refused)
    assert re.findall("; write .*", wrong) == re.findall("; write .*", refused)
    found = [numbers(room, "input", at).tolist() for at in range(len(planes or "1"))]
    assert found == (np.array(planes, float).round(2).tolist() if planes else [before])


def test_numbers_that_stand_in_the_address_are_those_that_were_typed(room):
    opened(room, op="maxpool", x="dot", k="5")
    typed(room, "1 / 2")
    room.wait_for_url(lambda found: "x=1" in found, wait_until="commit")
    said = room.evaluate("location.hash")
    opened(room, op="maxpool", x="dot", k="5")
    room.evaluate("said => { location.hash = said; }", said)
    expect(room.locator(".convolve .numbers[aria-label^='input'] span")).to_have_count(2)
    assert numbers(room, "input").tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ("1,5", "received 1,5; write 1.5"),
        ("−0,5", "received −0,5; write −0.5"),
        ("abc", "expected a number such as 3, −1.5 or 1/9, received abc"),
        ("1e400", "received 1e400, whose exponent has more than two digits"),
        ("1/0", "which divides by 0"),
        ("", "received nothing"),
    ],
)
def test_what_cannot_be_read_is_said_of_every_number(room, given, received):
    """Nothing is computed with the number that stood there before."""
    opened(room, x=text(X), k=text(K), f="tanh")
    room.locator(".learning summary").click()
    stale, steps = room.locator(".convolve .stale"), room.get_by_role("button", name="take a step")
    for label, place in (
        ("weight, first channel, row 1, column 1", "#convolve-weight"),
        ("bias", ".formula .wrong"),
        ("the wanted number", ".learning .wrong"),
        ("learning rate", ".learning .wrong"),
    ):
        field = room.get_by_label(label, exact=True)
        field.fill(given)
        assert field.get_attribute("aria-invalid") == "true"
        said = room.locator(place).inner_text()
        assert said.startswith(f"{label}: ")
        assert received in said
        if "learn" in place:
            assert steps.is_disabled()
        else:
            assert stale.count() == 1
            room.locator(".convolve .numbers[aria-label^='output'] span").nth(4).hover()
            assert room.locator(".sum").inner_text() == ""
        field.blur()
        assert field.input_value() == given
        field.fill("1/4")
        assert field.get_attribute("aria-invalid") == "false"
        assert stale.count() == 0
        assert not room.locator(".convolve .wrong:not(:empty)").all_inner_texts()
        assert steps.is_enabled()
    room.locator(".learning summary").click()


def test_a_weight_that_cannot_be_read_belongs_to_no_named_kernel_and_goes_with_the_next(room):
    opened(room, x=text(X), k="sobel-x")
    weight, named = room.locator(".weights input").first, room.get_by_label("kernel", exact=True)
    weight.fill("1,5")
    weight.blur()
    assert named.input_value() == ""
    put(room.get_by_label("stride", exact=True), "2")
    assert weight.input_value() == "1,5"
    named.select_option("sobel-x")
    assert (weight.input_value(), weight.get_attribute("aria-invalid")) == ("−1", "false")
    assert room.locator("#convolve-weight").inner_text() == ""
    assert room.locator(".convolve .stale").count() == 0


def test_a_phone_has_room_for_it(room):
    room.set_viewport_size({"width": 390, "height": 844})
    assert room.evaluate("document.documentElement.scrollWidth") <= 390
    room.set_viewport_size({"width": 1280, "height": 900})


@needs_axe
def test_axe_finds_nothing(room):
    opened(room, x=text(TWO), k=text(KTWO), p="1", f="relu")
    room.locator(".learning summary").click()
    assert violations(room) == []


def test_a_kernel_that_was_cut_comes_back_with_its_size(room):
    opened(room)
    size, named = room.get_by_label("kernel size"), room.get_by_label("kernel", exact=True)
    for number in ("1", "2", "5", "3"):
        size.select_option(number)
    assert named.input_value() == "sobel-x"
    size.select_option("1")
    room.get_by_label("weight, first channel, row 1, column 1").fill("7")
    size.select_option("3")
    assert [each.input_value() for each in room.locator(".weights input").all()] == ["0"] * 4 + ["7"] + ["0"] * 4
    room.set_viewport_size({"width": 1280, "height": 900})
    heads = room.locator(".stage .part h2")
    assert len({each.bounding_box()["y"] for each in heads.all()}) == 1
