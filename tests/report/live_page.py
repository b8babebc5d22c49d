"""The running model of a page: opened with a model and some images, and what it then shows."""

from __future__ import annotations

import base64
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.arch import Network
from hubel.code.javascript import engine_modules
from hubel.data import Frame, Preprocessing
from hubel.export.page.form import PLAYING
from hubel.export.page.pack import pack
from hubel.nn import build
from hubel.tasks import LoadedModel
from hubel.view.writers.linked import program, web_file
from hubel.view.writers.markup import h
from hubel.view.writers.page import page
from tests.work import HANG

DIGITS = Preprocessing(28, 28, 1, (0.1307,), (0.3081,), fit="pad", ink="light", frame=Frame(20))
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLOURS = Preprocessing(16, 16, 3, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))
NOTING = """() => {
  window.noted = { h3: [], status: [] };
  new MutationObserver(() => {
    for (const each of document.querySelectorAll("h3")) noted.h3.push(each.textContent);
    for (const each of document.querySelectorAll("[role=status]")) noted.status.push(each.textContent);
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def with_weights(network: Network, rules: Preprocessing, seed: int = 0) -> LoadedModel:
    """A model that has learnt nothing, its last layer's weights enlarged so that it is sure of something."""
    torch.manual_seed(seed)
    module = build(network).eval()
    with torch.no_grad():
        weights = [value for name, value in module.named_parameters() if name.endswith("weight")]
        weights[-1].mul_(8)
    return LoadedModel(network, module, rules, NAMES)


def png(pixels: np.ndarray | Image.Image) -> bytes:
    buffer = io.BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(buffer, "PNG")
    return buffer.getvalue()


def opened(
    browser_page: Any,
    path: Path,
    model: LoadedModel,
    images: list[np.ndarray],
    holder: str = ".pad[data-holds=picture]",
) -> Any:
    """Open a page with nothing in it but the running model."""
    samples = [
        {
            "name": f"image {i}",
            "label": str(i),
            "picture": f"data:image/png;base64,{base64.b64encode(png(image)).decode()}",
        }
        for i, image in enumerate(images)
    ]
    data = {"live-data": {"packed": pack(model), "samples": samples}}
    style = web_file("view", "base.css") + web_file("report", "report.css") + web_file("view", "live/live.css")
    main = h("main", h("div", id="live-model"), id="main")
    scripts = [program(["hubel/report/live"], engine_modules())]
    policy = PLAYING if model.preprocessing.fit == "time" else None
    path.write_text(page("live", main, data=data, style=style, scripts=scripts, policy=policy), encoding="utf-8")
    browser_page.goto(path.as_uri())
    browser_page.get_by_role("button", name="Clear").wait_for()
    if images:
        browser_page.locator(holder).wait_for()  # the first sample is decoded
    return browser_page


def settle(page: Any) -> None:
    """Let the page be laid out and drawn anew: it sees in a frame what came into view in the one before."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def shares(page: Any) -> list[float]:
    """The class probabilities that the page shows, in per cent."""
    settle(page)
    texts = page.locator(".bars .share").all_inner_texts()
    return [float(text.rstrip("%")) for text in texts]


def assert_shares(page: Any, wanted: list[float], within: float = 0.06) -> None:
    """Wait for the page to show these probabilities: images are decoded in their own time."""
    for _ in range(20 * HANG):
        if shares(page) == pytest.approx(wanted, abs=within):
            return
        page.wait_for_timeout(50)
    assert shares(page) == pytest.approx(wanted, abs=within)


def predicted(model: LoadedModel, image: Any) -> list[float]:
    picture = model.preprocessing.prepare(image)
    with torch.inference_mode():
        output = model.module.logits(model.preprocessing.normalise(torch.from_numpy(picture.copy())[None]))
    return (100 * output.softmax(1)[0]).tolist()


def drawing(page: Any, path: str) -> str:
    """What a layer's canvas shows."""
    return page.locator(f"[data-path='{path}'] canvas").first.evaluate("canvas => canvas.toDataURL()")


def marked(page: Any, path: str) -> int:
    """How many pixels of a layer are marked."""
    script = """canvas => { const { width, height } = canvas;
      const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
      return data.filter((value, i) => i % 4 === 3 && value).length; }"""
    return page.locator(f"[data-path='{path}'] canvas.marks").evaluate(script)


def click(page: Any, path: str, at: tuple[int, int, int], zoom: int, gap: int, across: int, columns: int) -> None:
    row, column, channel = at
    step = columns * zoom + gap
    x, y = (channel % across) * step + (column + 0.5) * zoom, (channel // across) * step + (row + 0.5) * zoom
    page.locator(f"[data-path='{path}'] .live-maps").click(position={"x": x, "y": y})


def number(text: str) -> float:
    digits, _, power = text.replace("−", "-").partition("·10")
    return float(f"{digits}e{power.translate(str.maketrans('⁻⁰¹²³⁴⁵⁶⁷⁸⁹', '-0123456789')) or 0}")


def told(page: Any, words: str, where: str = "h3") -> None:
    """Wait until something has been said, though it may be gone again."""
    ends = time.monotonic() + HANG
    while not any(words in each for each in page.evaluate(f"noted.{where}")):
        assert time.monotonic() < ends, f"{words!r} was never said"
        page.wait_for_timeout(50)
