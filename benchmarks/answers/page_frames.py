"""How many frames a second the running model of a report draws while a pen moves: LeNet-5, in Chromium.

A pen stroke goes over the pad, one pointer event a frame (made in the page, since a driver's own events come no faster
than every second frame); the page prepares the drawing, runs the network and draws every map and bar anew. Counted are
the milliseconds from frame to frame, which hold everything that the browser does besides, and those that hubel's own
work takes of them. A browser shows 60 frames a second at most.

    python benchmarks/answers/page_frames.py [--network NAME] [--strokes N]
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from playwright.sync_api import Page, sync_playwright

from hubel import zoo
from hubel.code.javascript import engine_modules
from hubel.data import Frame, Preprocessing
from hubel.export.page.pack import pack
from hubel.nn import build
from hubel.tasks import LoadedModel
from hubel.view.writers.linked import program, web_file
from hubel.view.writers.markup import h
from hubel.view.writers.page import page

RECORD = """
(() => {
  window.work = []; window.parts = { prepare: [], run: [], draw: [] };
  const live = window.live;
  const timed = (owner, name, list) => {
    const own = owner[name].bind(owner);
    owner[name] = (...given) => {
      const start = performance.now();
      const found = own(...given);
      list.push(performance.now() - start);
      return found;
    };
  };
  timed(live, "recompute", window.work);
  timed(live.model, "prepare", window.parts.prepare);
  timed(live.model, "run", window.parts.run);
  timed(live, "update", window.parts.draw);
})()
"""

STROKE = """
(points) => new Promise((done) => {
  const [pad, times] = [document.querySelector(".pad"), []];
  const tick = (now) => {
    times.push(now);
    if (!points.length) return done(times);
    const [clientX, clientY] = points.shift();
    pad.dispatchEvent(new PointerEvent("pointermove", { pointerId: 1, clientX, clientY, bubbles: true }));
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
})
"""


START = """
import { held } from "hubel/view/dom";
import { mount } from "hubel/view/live/live";
window.live = mount(document.getElementById("main"), held("packed"));
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="frames a second of the model that runs in a report")
    parser.add_argument("--network", default="lenet5")
    parser.add_argument("--strokes", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        path = Path(folder, "page.html")
        path.write_text(_page(_model(arguments.network)), encoding="utf-8")
        chromium = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        tab = chromium.new_page(viewport={"width": 1280, "height": 1100})
        tab.goto(path.as_uri())
        tab.wait_for_function("window.live")
        tab.evaluate(RECORD)
        found = [_stroke(tab) for _ in range(arguments.strokes + 1)][1:]  # the first one warms up
        version = chromium.version
        chromium.close()
    _report(arguments.network, version, found)


def _model(name: str) -> LoadedModel:
    torch.manual_seed(0)
    network = zoo.get(name)
    height, width, channels = network.input
    frame = Frame(round(20 * height / 28)) if channels == 1 else None
    rules = Preprocessing(
        height,
        width,
        channels,
        (0.13,) * channels,
        (0.31,) * channels,
        "pad" if frame else "crop",
        "light" if frame else None,
        frame,
    )
    return LoadedModel(network, build(network).eval(), rules, tuple(map(str, range(10))))


def _page(model: LoadedModel) -> str:
    packed = pack(model)
    if packed is None:
        raise SystemExit(f"expected a network small enough for a page, received {model.network.name}")
    styles = web_file("view", "base.css") + web_file("view", "live/live.css")
    scripts = [program(["start"], {"start": START, **engine_modules()})]
    return page("frames", h("main", id="main"), style=styles, scripts=scripts, data={"packed": packed})


def _stroke(page: Page) -> dict[str, list[float]]:
    """Write something like an eight, and return the times of its frames."""
    page.get_by_role("button", name="Clear").click()
    page.wait_for_timeout(100)
    page.evaluate("window.work.length = 0; Object.values(window.parts).forEach((l) => l.length = 0)")
    box = page.locator(".pad canvas").first.bounding_box()
    assert box is not None
    turns = [2 * math.pi * i / 180 for i in range(181)]
    places = [
        (
            box["x"] + box["width"] * (0.5 + 0.22 * math.sin(2 * turn)),
            box["y"] + box["height"] * (0.5 - 0.36 * math.cos(turn)),
        )
        for turn in turns
    ]
    page.mouse.move(*places[0])
    page.mouse.down()
    times: list[float] = page.evaluate(STROKE, places[1:])
    page.mouse.up()
    found: dict[str, Any] = page.evaluate("({ work: window.work, ...window.parts })")
    return {**found, "between": [later - earlier for earlier, later in pairwise(times)]}


def _report(name: str, version: str, strokes: list[dict[str, list[float]]]) -> None:
    rates = [1000 / statistics.median(stroke["between"]) for stroke in strokes]
    between = sorted(gap for stroke in strokes for gap in stroke["between"])
    late = between[int(0.95 * len(between))]
    print(f"{name} in Chromium {version}, {os.cpu_count()} cores, {len(between)} frames of {len(strokes)} strokes")
    print(f"recomputed and drawn: {sum(len(stroke['work']) for stroke in strokes)} times")
    print(f"frames a second: median {statistics.median(rates):.1f}, strokes from {min(rates):.1f} to {max(rates):.1f}")
    print(f"milliseconds between frames: median {statistics.median(between):.1f}, 95th percentile {late:.1f}")
    for part, words in (
        ("work", "hubel's own work"),
        ("prepare", "preparing"),
        ("run", "network"),
        ("draw", "drawing"),
    ):
        own = sorted(value for stroke in strokes for value in stroke[part])
        print(f"  {words}: median {statistics.median(own):.2f} ms, 95th percentile {own[int(0.95 * len(own))]:.2f} ms")


if __name__ == "__main__":
    main()
