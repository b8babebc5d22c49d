"""Training in the page: gradients are PyTorch's, steps Adam's, and a network learns digits before one's eyes."""

from __future__ import annotations

import io
import re
import urllib.error
import urllib.request
from urllib.parse import parse_qs

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from torch import nn

import hubel
from hubel.code.javascript import engine_modules
from hubel.studio.answers import answered
from hubel.view.writers.linked import program, web_file
from tests.axe import PLACE, needs_axe, violations
from tests.studio.conftest import TOKEN, put
from tests.work import HANG

PROBE = """
import { load } from "hubel/view/engine/model";
import { packed } from "hubel/studio/learn/learnt";
import { Net } from "hubel/studio/learn/net";

globalThis.seen = (about, weights, example, digit) => {
  const net = new Net(about.steps, 0);
  net.weighted.forEach((layer, at) => {
    layer.weight.set(weights[at][0]);
    layer.bias.set(weights[at][1]);
  });
  const scores = [...net.forward(Float32Array.from(example))];
  const steepness = [...net.steepness(Float32Array.from(example), digit)];
  const left = net.weighted.flatMap(({ slopes }) => slopes.map((each) => each.some(Boolean)));
  const model = load(packed({ about, net }));
  model.run(Float32Array.from(example));
  return { scores, steepness, left, told: [...model.scores], shares: [...model.probabilities] };
};

globalThis.learned = (steps, weights, examples, labels, rate, times) => {
  const net = new Net(steps, 0);
  net.weighted.forEach((layer, at) => {
    layer.weight.set(weights[at][0]);
    if (weights[at][1]) layer.bias.set(weights[at][1]);
  });
  const losses = [];
  let slopes = null;
  for (let time = 0; time < times; time++) {
    let loss = 0;
    examples.forEach((example, i) => (loss += net.learn(Float32Array.from(example), labels[i]).loss));
    losses.push(loss / examples.length);
    slopes ??= net.weighted.map((layer) => layer.slopes.map((each) => [...each]));
    net.update(rate, examples.length);
  }
  return { losses, slopes, after: net.weighted.map((layer) => [[...layer.weight], [...layer.bias]]) };
};
"""
NETWORKS = [
    "28x28x1: flatten, dense 10 softmax",
    "28x28x1: conv 3 5x5 relu, maxpool 2, conv 4 3x3/2 tanh, flatten, dense 7 sigmoid, dense 10 softmax",
    "28x28x1: conv 3 3x3 same, relu, avgpool 3 strides=2 padding=1, conv 2 3x3 dilation=2 padding=1, flatten, dense 10",
    "28x28x1: conv 2 4x2 strides=3x2 padding=2 relu, maxpool 3 strides=2, flatten, dense 10 softmax",
]


@pytest.fixture(scope="module")
def probe(browser):
    page = browser.new_page()
    page.set_default_timeout(1000 * HANG)
    page.set_content("<p>empty</p>")
    made = {"tests/probe": PROBE, "hubel/studio/asking": web_file("studio", "server.js"), **engine_modules()}
    page.add_script_tag(content=program(["tests/probe"], made), type="module")
    page.wait_for_function("() => globalThis.learned")
    yield page
    page.close()


@pytest.mark.parametrize("text", NETWORKS)
def test_gradients_and_steps_are_pytorchs(probe, text):
    torch.manual_seed(1)
    module = hubel.build(text, logits=True)
    images, labels = torch.randn(3, 1, 28, 28), torch.tensor([3, 0, 7])
    weighted = [each for each in module.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    weights = [[each.weight.flatten().tolist(), each.bias.tolist()] for each in weighted]
    steps = answered("learner", {"text": text})["steps"]
    given = [steps, weights, images.flatten(1).tolist(), labels.tolist(), 0.01, 3]
    found = probe.evaluate("given => learned(...given)", given)
    optimizer = torch.optim.Adam(module.parameters(), 0.01)
    for time in range(3):
        loss = nn.functional.cross_entropy(module(images), labels)
        optimizer.zero_grad()
        loss.backward()
        assert found["losses"][time] == pytest.approx(loss.item(), abs=2e-4)
        if not time:
            for layer, (weight, bias) in zip(weighted, found["slopes"], strict=True):
                assert np.allclose(np.array(weight) / 3, layer.weight.grad.flatten(), atol=1e-5)
                assert np.allclose(np.array(bias) / 3, layer.bias.grad, atol=1e-5)
        optimizer.step()
    for layer, (weight, bias) in zip(weighted, found["after"], strict=True):
        assert np.allclose(weight, layer.weight.detach().flatten(), atol=2e-3)
        assert np.allclose(bias, layer.bias.detach(), atol=2e-3)


@pytest.mark.parametrize("text", NETWORKS)
def test_what_is_learnt_is_looked_into_by_the_engine_of_pages(probe, text):
    """The same scores, and the slopes of a score that PyTorch has; nothing is learnt by looking."""
    torch.manual_seed(2)
    module, image = hubel.build(text, logits=True), torch.randn(1, 1, 28, 28, requires_grad=True)
    weighted = [each for each in module.modules() if isinstance(each, (nn.Conv2d, nn.Linear))]
    weights = [[each.weight.flatten().tolist(), each.bias.tolist()] for each in weighted]
    found = probe.evaluate(
        "given => seen(...given)", [answered("learner", {"text": text}), weights, image.flatten().tolist(), 7]
    )
    scores = module(image)[0]
    scores[7].backward()
    assert np.allclose(found["scores"], scores.detach(), atol=1e-5)
    assert np.allclose(found["told"], scores.detach(), atol=1e-5)
    assert np.allclose(found["shares"], scores.detach().softmax(0), atol=1e-5)
    assert np.allclose(found["steepness"], image.grad.flatten(), atol=1e-5)
    assert not any(found["left"])


@pytest.mark.walk
def test_what_learn_has_learnt_is_drawn_for_and_followed(browser_page, address):
    page = browser_page
    page.goto(f"{address}/#token={TOKEN}&room=look")
    page.wait_for_selector("html[data-ready]")
    page.goto(f"{address}/#room=learn&learner=softmax+regression")
    page.locator(".learn .shown figure").first.wait_for()
    page.get_by_role("button", name="One step").click()
    page.get_by_text("look inside: draw a digit").click()
    page.locator(".look .note", has_text="has taught 16 images").wait_for()
    page.locator(".mattered figcaption", has_text="how steeply each pixel changes the score of").wait_for()
    page.get_by_label("of which digit").select_option("8")
    page.locator(".mattered figcaption", has_text="blue spoke for 8").wait_for()
    shares = page.locator(".look .probability .share")
    before = shares.all_inner_texts()
    assert sum(float(each.rstrip("%")) for each in before) == pytest.approx(100, abs=1)
    pad = page.locator(".look .pad")
    pad.focus()
    for key in ("Delete", "Space", *["ArrowDown"] * 8):
        page.keyboard.press(key)
    expect(shares.first).not_to_have_text(before[0])
    page.locator(".look [data-path=dense1] .live-maps").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".look .dock .softmax-holder table").wait_for()
    assert not PLACE.is_file() or violations(page) == []
    page.get_by_role("link", name="Learn", exact=True).click()
    page.get_by_role("button", name="One step").click()
    page.get_by_role("link", name="Look", exact=True).click()
    page.locator(".look .note", has_text="has taught 32 images").wait_for()


def test_a_room_that_was_left_before_its_answer_came_is_drawn_when_it_is_seen_again(browser_page, address):
    page = browser_page
    held = []
    page.route("**/ask/runs", lambda route: held.append(route))
    page.goto(f"{address}/#token={TOKEN}&room=look")
    page.wait_for_selector("html[data-ready]")
    page.get_by_role("link", name="Learn", exact=True).click()
    page.locator(".learn .shown figure").first.wait_for()
    for route in held:
        route.continue_()
    page.unroute("**/ask/runs")
    page.wait_for_load_state("networkidle")
    assert page.locator(".look .live").count() == 0
    assert "run=" not in page.url
    page.get_by_role("link", name="Look", exact=True).click()
    page.locator(".look .mattered figcaption", has_text="blue spoke for").wait_for()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("resnet18", "expected a network from 28×28×1 to 10 numbers, a score a digit, received one from 224×224×3"),
        ("28x28x1: conv 4 3x3, norm, relu, flatten, dense 10", "norm1: the page trains chains of conv, pooling, dense"),
        ("28x28x1: conv 4 3x3, sum(conv 4 3x3 same | identity), flatten, dense 10", "sum1"),
        ("28x28x1: flatten, dense 11", "received one from 28×28×1 to 11"),
        (
            "28x28x1: conv 200 7x7 same relu, conv 200 7x7 same relu, flatten, dense 10 softmax",
            "at most 100,000,000 multiply-adds an image, which a page's own program can do, received 1,545,891,200",
        ),
        ("28x28x1: flatten, dense 10000, dense 10", "at most 5,000,000 parameters"),
    ],
)
def test_what_the_page_cannot_train_is_refused(text, words):
    assert words in answered("learner", {"text": text})["error"]


def test_dropout_is_left_out_and_said():
    found = answered("learner", {"text": "28x28x1: flatten, dropout 0.5, dense 10 softmax"})
    assert found["notes"] == ["left out in the page: dropout1"]
    assert [step["kind"] for step in found["steps"]] == ["dense"]


def test_digits_ask_for_the_token(address):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{address}/digits/labels.bin")
    request = urllib.request.Request(f"{address}/digits/labels.bin", headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request) as answer:
        assert answer.read()[:2] == b"\x1f\x8b"


def seen(page):
    return int(page.locator(".learn .totals dd").first.inner_text().replace(",", ""))


@pytest.mark.walk
def test_a_network_learns_digits_before_ones_eyes(browser_page, address):
    page = browser_page
    page.goto(f"{address}/#token={TOKEN}&room=learn&learner=softmax regression")
    page.locator(".shown figure").first.wait_for()
    assert seen(page) == 0
    page.get_by_role("button", name="One step").click()
    page.locator(".learn .totals dd").first.get_by_text("16", exact=True).wait_for()
    page.get_by_role("button", name="Train").click()
    page.wait_for_function(
        "() => Number(document.querySelector('.learn .totals dd').innerText.replace(',', '')) > 4200"
    )
    page.get_by_role("button", name="Pause").click()
    right = page.locator(".learn .totals dd").nth(3).inner_text()
    assert float(right.partition("%")[0]) > 80
    assert page.locator(".filters canvas").count() == 10
    assert page.locator(".shown .false").count() > 0
    put(page.get_by_label("images a step"), "3.5")
    page.get_by_role("button", name="One step").click()
    page.locator(".learn .wrong", has_text="expected a whole number from 1 to 256, received 3.5").wait_for()
    put(page.get_by_label("images a step"), "16")
    put(page.get_by_label("learning rate", exact=True), "-1")
    page.get_by_role("button", name="Train").click()
    page.locator(".learn .wrong", has_text="expected a number above 0, at most 1, received -1").wait_for()
    put(page.get_by_label("learning rate", exact=True), "0.002")
    page.get_by_label("the network's text").fill("28x28x1: conv 4 3x3, norm, flatten, dense 10")
    page.get_by_label("the network's text").press("Enter")
    page.locator(".learn .wrong", has_text="hubel train trains all others").wait_for()
    assert page.get_by_role("button", name="Train").is_disabled()
    page.get_by_label("network", exact=True).select_option("a hidden layer")
    page.wait_for_function("() => !document.querySelector('.learn .play').disabled")
    page.wait_for_url(lambda url: "learner=a+hidden+layer" in url, wait_until="commit")


def test_what_is_typed_is_read_by_itself_and_a_press_before_that_stands_for_it(browser_page, address):
    """The network that is seen is the one that learns: never the one before, whenever a button is pressed."""
    page = browser_page
    page.goto(f"{address}/#token={TOKEN}&room=learn&learner=softmax regression")
    page.locator(".shown figure").first.wait_for()
    text, told = page.get_by_label("the network's text"), page.locator(".learn .note").first
    text.fill("28x28x1: flatten, dense 4 relu, dense 10 softmax")
    told.get_by_text("3,190 parameters").wait_for()  # by itself
    page.get_by_role("button", name="Train").click()
    page.wait_for_function("() => Number(document.querySelector('.learn .totals dd').innerText.replace(',', '')) > 99")
    text.fill("28x28x1: conv 5 3x3/2 relu, flatten, dense 10 softmax")
    page.get_by_role("button", name="Train").click()  # at once
    told.get_by_text("8,510 parameters").wait_for()
    page.wait_for_function("() => Number(document.querySelector('.learn .totals dd').innerText.replace(',', '')) > 99")
    assert page.locator(".learn .filters canvas").count() == 5
    held = []
    page.route("**/ask/learner", lambda route: held.append(route))
    text.fill("28x28x1: conv 3 3x3/2 relu, flatten, dense 10 softmax")
    page.get_by_role("button", name="Train").click()
    page.locator(".learn .wrong", has_text="what you pressed comes right after").wait_for()
    before = seen(page)
    page.locator(".learn .note", has_text="reading").wait_for()
    page.get_by_role("button", name="One step").click()  # the last press counts
    assert seen(page) == before
    assert page.get_by_role("button", name="Train").count() == 1  # nothing learns meanwhile
    for route in held:
        route.continue_()
    page.unroute("**/ask/learner")
    told.get_by_text("5,110 parameters").wait_for()
    page.locator(".learn .totals dd").first.get_by_text("16", exact=True).wait_for()
    text.fill("28x28x1: flatten, dense 9 softmax")
    page.get_by_role("button", name="Train").click()
    page.locator(".learn .wrong", has_text="received one from 28×28×1 to 9").wait_for()
    assert page.get_by_role("button", name="Train").is_disabled()
    assert seen(page) == 16


def test_what_waits_is_measured_and_a_figure_of_older_weights_says_so(browser_page, address):
    page = browser_page
    page.goto(f"{address}/#token={TOKEN}&room=look")
    page.wait_for_selector("html[data-ready]")
    page.goto(f"{address}/#room=learn&learner=softmax+regression")
    right = page.locator(".learn .totals dd").nth(3)
    expect(right).to_have_text(re.compile(r"^\d+\.\d\d%$"), timeout=1000 * HANG)
    page.get_by_role("button", name="One step").click()
    mistakes = page.get_by_role("heading", name="its mistakes among all 2,000")
    expect(mistakes).to_contain_text("after 16 images", timeout=1000 * HANG)
    page.get_by_role("button", name="Train").click()
    expect(right).to_have_text(re.compile(r"^\d+\.\d\d% after [\d,]+ images$"), timeout=1000 * HANG)
    page.get_by_role("link", name="Look", exact=True).click()
    told = page.locator(".look .note", has_text="has taught")
    expect(told).to_contain_text(re.compile(r"images; after [\d,]+ of them it got \d"), timeout=1000 * HANG)
    page.get_by_role("link", name="Learn", exact=True).click()
    page.get_by_role("button", name="Pause").click()
    expect(right).to_have_text(re.compile(r"^\d+\.\d\d%$"), timeout=1000 * HANG)
    expect(mistakes).to_contain_text(f"after {seen(page):,} images")
    assert f"{right.inner_text()} after {seen(page):,} (blue)" in page.locator(".learn .chart").get_attribute(
        "aria-label"
    )
    page.get_by_role("link", name="Look", exact=True).click()
    expect(told).to_contain_text(re.compile(r"images; it gets \d"), timeout=1000 * HANG)


def test_what_was_learnt_stays_where_its_network_comes_again(browser_page, address):
    page = browser_page
    own = "28x28x1: conv 2 5x5/2 relu, flatten, dense 10 softmax"
    page.goto(f"{address}/#token={TOKEN}&room=learn&learner={own.replace(' ', '+')}")
    text, told, number = (
        page.get_by_label("the network's text"),
        page.locator(".learn .note").first,
        page.locator(".learn .totals dd").first,
    )
    told.get_by_text("2,942 parameters").wait_for()
    page.get_by_role("button", name="One step").click()
    expect(number).to_have_text("16")
    kernels = [each.get_attribute("href") for each in page.locator(".learn .filters a").all()]
    text.fill(f"{own}x")
    page.locator(".learn .wrong", has_text="softmaxx").wait_for()
    text.fill(own)
    expect(page.locator(".learn .wrong")).to_be_empty(timeout=1000 * HANG)
    expect(number).to_have_text("16")
    text.fill(own.replace("conv 2", "conv 22"))  # another that can learn
    told.get_by_text("32,262 parameters").wait_for()
    expect(number).to_have_text("0")
    text.fill(own)
    told.get_by_text("2,942 parameters").wait_for()
    expect(number).to_have_text("16")
    assert [each.get_attribute("href") for each in page.locator(".learn .filters a").all()] == kernels
    page.get_by_role("button", name="One step").click()
    expect(number).to_have_text("32")
    page.get_by_label("network", exact=True).select_option("softmax regression")
    told.get_by_text("7,850 parameters").wait_for()
    page.get_by_role("button", name="One step").click()
    expect(number).to_have_text("16")
    text.fill(own)
    expect(number).to_have_text("32")
    page.get_by_role("button", name="Begin anew").click()
    expect(number).to_have_text("0")


TURNS = """() => new Promise((done) => {
  let turns = 0;
  const turn = () => {
    turns += 1;
    if (document.querySelector(".learn .totals dd").innerText !== "0") done(turns);
    else setTimeout(turn, 0);
  };
  [...document.querySelectorAll(".learn button")].find((each) => each.innerText === "One step").click();
  turn();
})"""


def test_a_heavy_network_leaves_the_page_its_turns(browser_page, address):
    """A step of many images is learnt an image at a time, between which the page answers."""
    page = browser_page
    text = "28x28x1: conv 16 5x5 same relu, conv 32 5x5 same relu, flatten, dense 10 softmax"
    page.goto(f"{address}/#token={TOKEN}&room=learn&learner={text.replace(' ', '+')}")
    page.locator(".shown figure").first.wait_for()
    put(page.get_by_label("images a step"), "64")
    assert page.evaluate(TURNS) > 8
    assert seen(page) == 64


def test_a_kernel_that_was_learnt_opens_in_convolve(browser_page, address):
    page = browser_page
    page.goto(f"{address}/#token={TOKEN}&room=learn")
    kernel = page.locator(".learn .filters a").nth(1)
    kernel.wait_for()
    numbers = parse_qs(kernel.get_attribute("href"))["k"][0].replace("/", " ").split()
    kernel.click()
    cells = page.locator(".convolve .weights input")
    cells.first.wait_for()
    shown = [float(each.input_value().replace("−", "-")) for each in cells.all()]
    assert shown == pytest.approx([float(each) for each in numbers], abs=6e-4)
    assert len(set(shown)) > 9


@needs_axe
def test_axe_finds_nothing(browser_page, address):
    browser_page.goto(f"{address}/#token={TOKEN}&room=learn")
    browser_page.locator(".shown figure").first.wait_for()
    assert violations(browser_page) == []


@pytest.mark.parametrize("kind", ["tiff", "ppm"])
def test_a_picture_that_the_browser_does_not_know_is_read_by_the_server(browser_page, address, kind):
    held, page = io.BytesIO(), browser_page
    Image.new("L", (5, 4), 255).save(held, kind)
    page.goto(f"{address}/#token={TOKEN}&room=learn")
    page.locator(".learn .shown figure").first.wait_for()
    page.get_by_role("link", name="Look", exact=True).click()
    chooser = page.locator(".look .pad-holder input[type=file]")
    for name, content in (("cut", held.getvalue()[:-9]), ("whole", held.getvalue())):
        page.get_by_role("button", name="Clear").first.click()
        page.locator(".look .pad[data-holds=clear]").wait_for()
        chooser.set_input_files({"name": f"{name}.{kind}", "mimeType": "", "buffer": content})
        if name == "cut":
            page.get_by_text(f"cut.{kind} cannot be read: cannot be decoded").first.wait_for()
    page.locator(".look .pad[data-holds=picture]").wait_for()
