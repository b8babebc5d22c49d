"""The course room: answers checked and explained by the formulas themselves, and a teacher's own file."""

import json

import httpx
import pytest

from hubel.arch import analyse, parse
from hubel.arch.figures.slips import Slip, slip_to
from hubel.base.errors import SettingError
from hubel.studio import pyodide
from hubel.studio.answers import answered
from hubel.studio.course import own_course, read_course
from tests.axe import needs_axe, violations
from tests.command import hubel
from tests.studio.conftest import TOKEN, studio
from tests.work import HANG

LENET = "32x32x3: conv 8 5x5, maxpool 2, conv 16 5x5, maxpool 2, flatten, dense 120, dense 84, dense 10"
EXERCISE = "### Filters\nHow many *parameters* has `conv`?\n- network: 32x32x3: conv 8 5x5\n- layer: conv1\n"


def asked(network, given, layer="", asks="parameters", wanted="", language="en"):
    values = {"network": network, "layer": layer, "asks": asks, "wanted": wanted, "given": given, "language": language}
    return answered("exercise", values)


@pytest.mark.parametrize(
    ("layer", "asks", "given", "told"),
    [
        ("conv1", "parameters", "208", "Your 208 forgot the input channels: (5·5 + 1)·8 = 208."),
        ("conv2", "parameters", "416", "Your 416 forgot the input channels: (5·5 + 1)·16 = 416."),
        ("dense1", "parameters", "48,001", "Your 48,001 has one bias for the whole layer"),
        ("dense1", "parameters", "48.000", "Your 48,000 is the weights: 400·120 = 48,000."),
        ("conv1", "parameters", "201", "and forgot the input channels: 5·5·8 + 1 = 201."),
        ("conv1", "macs", "940800", "counts multiplications and additions apart"),
        ("conv1", "parameters", "0.61K", "is near, and rounded"),
        ("conv1", "output", "27x27x8", "Your 27 forgot the + 1"),
        ("conv1", "output", "28x28x3", "3 are the channels that come in"),
        ("conv1", "output", "32 32 8", "32 is the size of the input"),
        ("", "parameters", "62,350", "Your 62,350 left out conv1, which has 608."),
        ("", "parameters", "62720", "forgot the biases (one for each output), in every layer"),
        ("", "parameters", "62558", "Your 62,558 forgot the input channels in conv1"),
        ("", "parameters", "48000", "Your 48,000 is dense1 alone (weights): 400·120 = 48,000."),
        ("", "parameters", "62510", "is too small"),
        ("", "parameters", "849,320", "Your 849,320 is the multiply-adds (MACs)"),
        ("", "macs", "1,698,640", "counts multiplications and additions apart"),
        ("conv1", "output", "8x28x28", "in another order (PyTorch's)"),
        ("conv1", "output", "14x14x8", "Your 14×14×8 is that of pool1."),
        ("", "parameters", "63k", "is near, and rounded"),
        ("conv1", "parameters", "616", "is too large"),
        ("conv1", "parameters", "5·5·3 × 8", "Your 600 is the weights"),
        ("conv1", "output", "28x28", "Height and width are right; and how many channels?"),
        ("conv1", "output", "27", "Your 27 forgot the + 1"),
        ("dense1", "output", "1x2", "The output has one size: write one number."),
        ("conv1", "output", "2x2x2x2", "The output has 3 sizes: write 3 numbers, the channels last."),
    ],
)
def test_a_wrong_answer_is_told_what_it_forgot(layer, asks, given, told):
    found = asked(LENET, given, layer, asks)
    assert not found["right"]
    assert told in found["told"][0]


def test_what_was_forgotten_is_told_in_portuguese():
    found = asked(LENET, "208", "conv1", language="pt")
    assert found["told"][0] == "Seu 208 esqueceu os canais da entrada: (5·5 + 1)·8 = 208."
    assert "Parâmetros: (5·5·3 + 1)·8 = 608." in found["told"]


@pytest.mark.parametrize("given", ["608", "5*5*3*8+8", "(5·5·3 + 1)·8", "[5×5x3+1]*8", "1,216/2", "608.0"])
def test_a_number_may_be_worked_out(given):
    assert asked(LENET, given, "conv1")["right"]


@pytest.mark.parametrize(
    "given", ["5**3", "1/0", "6+", "((6+2", "a+1", "-608", "__import__('os')*2", "9" * 61, "6" + "+1" * 40]
)
def test_what_is_no_number_is_refused(given):
    assert asked(LENET, given, "conv1")["error"].startswith("expected a number")


@pytest.mark.parametrize("given", ["-5", "2.5", "five", "n/a", "large", "5 - 1", "x", "1e3", "9" * 61, "٥"])
def test_what_is_no_size_is_refused(given):
    for network in ("7x7x1: conv 1 3x3", "7x7x1: conv 1 3x3/3"):
        found = asked(network, given, asks="fits")
        assert found.get("error", "").startswith("expected whole numbers"), (network, found)


@pytest.mark.parametrize("given", ["28 x 28 x 8", "(28, 28, 8)", "28×28×8.", "28 by 28 by 8", "[28,28,8]", "28.0x28x8"])
def test_sizes_may_be_written_as_people_do(given):
    assert asked(LENET, given, "conv1", "output")["right"]


def test_a_size_of_one_number_may_have_thousands():
    assert asked("64x64x1: flatten", "4,096", asks="output")["right"]
    assert asked("64x64x1: flatten", "4.096", asks="output", language="pt")["right"]


def test_only_what_rounding_gives_is_told_to_be_rounded():
    assert "rounding" in asked("7x7x1: conv 1 3x3/3", "2", asks="fits")["told"][0]
    assert asked("7x7x1: conv 1 3x3/3", "0", asks="fits")["told"][0] == "0 is not the size."


def test_biases_that_were_forgotten_come_before_other_figures():
    softmax, mlp = "28x28x1: flatten, dense 10", "28x28x1: flatten, dense 20, dense 10"
    assert "is the weights: 784·10 = 7,840" in asked(softmax, "7840")["told"][0]
    assert "forgot the biases (one for each output), in every layer" in asked(mlp, "15880")["told"][0]


def test_a_picture_of_one_channel_has_two_sizes_too():
    for given in ("5x5", "5", "5×5×1"):
        assert asked("7x7x1: conv 1 3x3", given, asks="fits")["right"], given
    for given in ("4", "6x5", "28x28"):
        found = asked("7x7x1: conv 1 3x3", given, asks="fits")
        assert not found["right"]
        assert "5×5" not in found["told"][0]  # not given away


def test_numbers_and_rules_are_written_as_the_language_has_them():
    assert asked(LENET, "", "dense1", language="pt")["told"] == ["Parâmetros: (400 + 1)·120 = 48.120."]
    found = asked("7x7x1: conv 1 3x3/3", "não", asks="fits", language="pt")
    assert found["told"][1:] == ["(altura − filtro)/passo + 1: (7 − 3)/3 + 1 = 2,33"]
    one = asked("28x28x1: flatten, dense 10", "7.850", language="pt")
    assert one["told"][1] == "Parâmetros: (784 + 1)·10 = 7.850."


def test_layers_that_are_multiplied():
    found = asked("256x256x1: flatten, dense 10, dense 10, dense 10", "65M")
    assert (found["answer"], found["told"][0]) == ("655,590", "Your 65,000,000 multiplies where layers add.")


def test_what_does_not_fit_is_an_answer():
    for given, right in (("2x2x1", False), ("does not fit", True), ("não cabe", True)):
        found = asked("7x7x1: conv 1 3x3/3", given, asks="fits")
        assert found["right"] == right
        assert any("(7 − 3)/3 + 1 = 2.33" in told for told in found["told"])
    assert asked("7x7x1: conv 1 3x3/3", "nao cabe", asks="fits")["right"]
    assert asked("7x7x1: conv 1 3x3/2", "no", asks="fits")["told"][0] == "It fits."


@pytest.mark.parametrize("given", ["fits", "It fits.", "yes", "cabe", "sim"])
def test_that_it_fits_is_an_answer_too(given):
    found = asked("7x7x1: conv 1 3x3/3", given, asks="fits")
    assert not found["right"]
    assert "(7 − 3)/3 + 1 = 2.33" in found["told"][0]
    found = asked("7x7x1: conv 1 3x3/2", given, asks="fits")
    assert (found["right"], found["told"][0]) == (False, "It fits: write the size of the output.")


def test_a_gap_is_right_where_the_output_is():
    text = "32x32x3: conv 8 5x5 padding=?"
    assert asked(text, "2", wanted="32x32x8")["right"]
    assert "(32 + 2·3 − 5)/1 + 1 = 34" in asked(text, "3", wanted="32x32x8")["told"][0]
    assert "does not work out" in asked("7x7x1: conv 1 ?x?", "9", wanted="5x5x1")["told"][0]
    assert "no number up to" in asked(text, "1", wanted="999x999x8")["error"]


def test_slips_are_found_in_a_formula():
    row = analyse(parse("33x33x3: conv 8 5x5/3 padding=2")).rows[0]
    height = next(f.expression for f in row.formulas if f.figure == "output_height")
    assert height.values() == "⌊(33 + 2·2 − 5)/3⌋ + 1"
    assert slip_to(height, 12)[0] == (Slip("up"),)
    assert slip_to(height, 10)[0] == (Slip("without one"),)
    assert slip_to(height, 33)[0] == (Slip("without", "stride"),)
    assert slip_to(analyse(parse("33x33x3: conv 8 5x5 padding=2")).rows[0].formulas[0].expression, 31)[0] == (
        Slip("once", "padding"),
    )
    assert slip_to(height, height.value) is None


def test_every_exercise_of_ours_is_right_with_its_own_answer():
    exercises = own_course()["exercises"]
    assert len(exercises) >= 20
    for each in exercises:
        values = {name: each[name] for name in ("network", "layer", "asks", "wanted")}
        for language in ("en", "pt"):
            answer = answered("exercise", {**values, "given": "", "language": language})["answer"]
            assert answered("exercise", {**values, "given": answer, "language": language})["right"], each
        assert len(set(each["text"])) == 2, "is in two languages"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# Nothing\n", "c.md: expected exercises, found none"),
        (EXERCISE + "- layr: conv2\n", "c.md:5: layr: expected network, layer, asks, output, slide, pt; did you mean"),
        (EXERCISE + "- layer: conv2\n", "c.md:5: layer: stands twice"),
        (EXERCISE.replace("conv1", "conv7"), "c.md:4: no layer is called 'conv7'"),
        (EXERCISE.replace("8 5x5", "8 55x55"), "c.md:3: conv1: "),
        (
            EXERCISE.replace("conv 8", "conf 8"),
            "c.md:3: column 10: no layer is called 'conf'; did you mean 'conv'?: mend",
        ),
        (EXERCISE + "- asks: beauty\n", "c.md:5: asks: of conv1 expected output, "),
        (EXERCISE + "- asks: fits\n", "c.md:4: layer: means nothing where `fits` is asked"),
        (
            EXERCISE.replace("- layer: conv1", "- asks: paramters"),
            "c.md:4: asks: of a whole network expected parameters, macs, output, fits; received 'paramters'; did",
        ),
        (
            EXERCISE.replace("8 5x5", "8 5x5 padding=?") + "- output: 32x32x8\n",
            "c.md:4: layer: means nothing where the network has a `?`",
        ),
        ("### A\nWhat?\n", "c.md:1: expected a line `- network: "),
        ("### A\n- network: 8x8x1: conv 1 3x3\n", "c.md:1: expected a question under 'A'"),
        (
            EXERCISE.replace("8 5x5", "8 5x5 padding=?"),
            "c.md:3: expected a line `- output: 32x32x8` too: what comes out with the right number in place of ?",
        ),
        (EXERCISE + "- output: 28x28x8\n", "c.md:5: output: means nothing where the network has no `?`"),
        (
            EXERCISE.replace("8 5x5", "8 5x5 padding=?").replace("- layer: conv1", "- output: 99x9x8"),
            "c.md:4: network: no number up to 255 in place of ? gives 99×9×8",
        ),
        (EXERCISE * 301, "expected at most 300 exercises"),
        (
            EXERCISE.replace("8 5x5", "? 5x5" + ", relu" * 300) * 5,
            "networks with `?` of at most 8,000 letters together",
        ),
    ],
)
def test_a_mistake_in_a_teachers_file_has_its_line(text, told):
    with pytest.raises(SettingError) as error:
        read_course(text, "c.md")
    assert told in str(error.value)


def test_the_command_takes_a_teachers_file(tmp_path, monkeypatch):
    folder = tmp_path / "pyodide"
    folder.mkdir()
    for name in pyodide.FILES:
        (folder / name).write_text("")
    monkeypatch.setattr(pyodide, "pyodide_folder", lambda tell: folder)
    monkeypatch.setattr("hubel.studio.site._known", lambda name: "{}")  # the zoo takes seconds to write
    course = tmp_path / "course.md"
    hostile = "</script><img src=x onerror=alert(1)> \u202egnp"
    course.write_text(f"# Mine | Meu\n{EXERCISE}{hostile}\n", encoding="utf-8")
    told = json.loads(hubel("site", "-o", tmp_path / "site", "--course", course, "--json").stdout)
    assert told["exercises"] == 1
    page = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
    assert "\u202e" not in page
    assert "How many *parameters*" in page
    course.write_text("### A\n")
    refused = hubel("site", "-o", tmp_path / "site", "--course", course)
    assert "course.md:1: expected a line" in refused.stderr


def test_the_studio_takes_a_teachers_file(tmp_path):
    with studio(course=read_course(f"# Of our week\n{EXERCISE}", "c.md"), runs=tmp_path) as address:
        page = httpx.get(address, timeout=HANG).text
    assert "Of our week" in page
    assert own_course()["title"][0] not in page
    (tmp_path / "wrong.md").write_text("### A\n")
    refused = hubel("studio", "--port", "0", "--course", tmp_path / "wrong.md")
    assert "wrong.md:1: expected a line" in refused.stderr


@pytest.mark.walk
def test_exercises_by_keyboard_and_in_the_address(browser_page, address):
    page = browser_page
    page.goto(f"{address}/#token={TOKEN}&room=course&exercise=11&lang=en")
    field = page.get_by_label("your answer")
    field.fill("208")
    field.press("Enter")
    page.locator(".course .said", has_text="forgot the input channels: (5·5 + 1)·8 = 208").wait_for()
    field.fill("608")
    field.press("Enter")
    page.locator(".course .said", has_text="Right. Parameters").or_(page.locator(".course .good")).first.wait_for()
    assert "1 of 20 right" in page.locator(".course .head").inner_text()
    page.get_by_role("button", name="next").focus()
    page.keyboard.press("Enter")
    page.get_by_label("language").select_option("pt")
    page.locator(".course article h2", has_text="A segunda convolução").wait_for()
    page.wait_for_url("**exercise=12**lang=pt**", wait_until="commit")
    page.evaluate("location.hash = 'room=course&exercise=999&lang=en'")
    page.locator(
        ".course .replaced", has_text="exercise=999: expected a whole number from 1 to 20; 20 is taken"
    ).wait_for()


def test_an_answer_counts_where_it_was_given(browser_page, address):
    """Also one that comes when another exercise is open, as while Python is on its way."""
    page, late = browser_page, []
    page.goto(f"{address}/#token={TOKEN}&room=course&exercise=11&lang=en")
    page.route("**/ask/exercise", lambda route: late.append(route))
    for given in ("608", "208"):
        page.get_by_label("your answer").fill(given)
        page.keyboard.press("Enter")
        page.get_by_role("button", name="next").click()
    while len(late) < 2:
        page.wait_for_timeout(20)
    for route in reversed(late):
        route.continue_()
    page.locator(".course .head", has_text="1 of 20 right").wait_for()
    page.get_by_role("button", name="before").click()
    page.locator(".course .not-yet").wait_for()
    page.get_by_role("button", name="before").click()
    page.locator(".course .good").wait_for()
    assert page.get_by_label("your answer").input_value() == "608"


@needs_axe
def test_axe_finds_nothing(browser_page, address):
    browser_page.goto(f"{address}/#token={TOKEN}&room=course&exercise=11&lang=en")
    browser_page.get_by_label("your answer").fill("208")
    browser_page.keyboard.press("Enter")
    browser_page.locator(".course .not-yet").wait_for()
    assert violations(browser_page) == []
