"""The studio in Chromium: from a keystroke to the picture of it, from the address to the first one, and its weight.

A keystroke changes the number of filters of the first convolution, as typing it would; the time goes on until the
frame in which drawing, totals and table are new. Counted for networks of the zoo, asked of the server, and of Python
in the page (the static site, which a plain web server of this process gives). First use: an empty browser, with Pyodide
fetched and started; later use: the same browser again, from what it kept. Medians, the quickest in brackets. Last, the
page learns digits for so many of its own seconds, those in which it learned, drew and measured.

    python benchmarks/answers/studio.py [--keys N] [--networks lenet5 resnet50] [--learn SECONDS]
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright

from hubel import zoo
from hubel.serve.listening import bound_socket
from hubel.studio.answers import answered_json
from hubel.studio.page import studio_page
from hubel.studio.pyodide import pyodide_folder
from hubel.studio.server import HERE, server_of
from hubel.studio.site import site_files, write_site

TOKEN = "of-the-benchmark-24-lett"
KEY = """
([from, to]) => new Promise((done) => {
  const area = document.querySelector("textarea");
  const start = performance.now();
  const shown = () => requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
  document.addEventListener("designed", shown, { once: true });
  area.value = area.value.replace(from, to);
  area.dispatchEvent(new Event("input"));
})
"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


class Quiet(SimpleHTTPRequestHandler):
    """A plain web server that says nothing of each request."""

    def log_message(self, *told: Any) -> None:
        """Say nothing."""


@contextmanager
def studio() -> Iterator[str]:
    with bound_socket(HERE, 0) as bound:
        server = server_of(TOKEN)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            yield f"http://{HERE}:{bound.getsockname()[1]}/#token={TOKEN}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def site(folder: Path) -> Iterator[str]:
    with ThreadingHTTPServer((HERE, 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://{HERE}:{server.server_address[1]}/#"
        finally:
            server.shutdown()
            thread.join()


def told(times: list[float], unit: str = "ms") -> str:
    return f"{statistics.median(times):.0f} ({min(times):.0f}) {unit}"


def keystrokes(page: Page, count: int) -> list[float]:
    """Milliseconds from a keystroke to the frame that shows what came of it."""
    now = page.locator("textarea").input_value()
    number = now.partition("conv ")[2].split()[0]
    times = []
    for key in range(count + 3):
        pair = [f"conv {number} ", f"conv {number}0 "] if key % 2 == 0 else [f"conv {number}0 ", f"conv {number} "]
        times.append(page.evaluate(KEY, pair))
    return times[3:]


def opened(browser: Browser, address: str, said: str = "") -> tuple[Page, float, float]:
    """A page; when the first network is drawn, and when it is answered in full (ms)."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    return page, *times_of(page, address + said)


def times_of(page: Page, address: str) -> tuple[float, float]:
    start = time.perf_counter()
    page.goto("about:blank")
    page.goto(address)
    page.locator(".canvas svg").first.wait_for()
    drawn = time.perf_counter() - start
    page.evaluate("new Promise((done) => document.querySelector('td.how:not(:empty)') ? done() : setTimeout(done, 50))")
    page.locator("td.how:not(:empty)").first.wait_for(state="attached", timeout=120_000)
    return 1000 * drawn, 1000 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keys", type=int, default=20)
    parser.add_argument("--learn", type=float, default=60)
    parser.add_argument("--networks", nargs="+", default=["lenet5", "resnet50", "densenet121", "resnet152"])
    arguments = parser.parse_args()
    pyodide = pyodide_folder(print)
    files = site_files(pyodide)
    ours = {name: content for name, content in files.items() if not name.startswith(("pyodide/", "zoo/", "digits/"))}
    print(f"page: {len(studio_page()):,} bytes, {len(gzip.compress(studio_page().encode())):,} gzipped")
    light = sum(len(gzip.compress(each)) for each in ours.values())
    print(f"page and Python, without Pyodide, zoo and digits: {light:,} bytes gzipped")
    print(f"site, all of it: {sum(len(gzip.compress(each)) for each in files.values()):,} bytes gzipped")
    for name in arguments.networks:
        question = f'{{"text": "{zoo.get(name)}", "width": 900}}'
        times = []
        for width in range(12):  # another width, so that the drawing is made anew
            start = time.perf_counter()
            answered_json("design", question.replace("900", str(900 + width)))
            times.append(1000 * (time.perf_counter() - start))
        print(f"{name}: answered by this process, read and analysed before, in {told(times)}")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        write_site(Path(folder), pyodide)
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        with studio() as address:
            page, drawn, _ = opened(browser, address)
            print(f"server: first contentful paint {page.evaluate(PAINTED):.0f} ms, first network drawn {drawn:.0f} ms")
            for name in arguments.networks:
                page, *_ = opened(browser, address, f"&net={quote(str(zoo.get(name)))}")
                print(f"server, {name}: keystroke to repaint {told(keystrokes(page, arguments.keys))}")
            if arguments.learn:
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(f"{address}&room=learn")
                print(f"learns digits: {learned(page, arguments.learn)}")
        with site(Path(folder)) as address:
            page, drawn, _ = opened(browser, address)
            answering = waited(page)
            print(f"site: first network drawn {drawn:.0f} ms, Python answers {answering:.0f} ms after the address")
            page.evaluate("navigator.serviceWorker.ready.then(() => true)")
            _, _ = times_of(page, address)
            print(f"site again: Python answers {waited(page):.0f} ms after the address")
            for name in arguments.networks:
                times_of(page, f"{address}net={quote(str(zoo.get(name)))}")
                waited(page)
                print(f"site, {name}: keystroke to repaint {told(keystrokes(page, arguments.keys))}")
        browser.close()


def learned(page: Page, seconds: float) -> str:
    """How many of the digits that are held out are right as the page learns: when 97 %, and how it goes on."""
    page.locator(".learn .shown figure").first.wait_for()
    page.locator(".learn .play").click()
    found: dict[int, tuple[float, float]] = {}  # by images seen
    while not found or max(found.values())[0] < seconds:
        page.wait_for_timeout(100)
        seen, _, _, right, spent, *_ = page.locator(".learn .totals dd").all_inner_texts()
        found.setdefault(int(seen.replace(",", "")), (float(spent), float(right.rstrip("% ").replace("–", "0"))))
    page.locator(".learn .play").click()
    there = next((each for each in found.items() if each[1][1] >= 97), None)
    if there is None:
        return f"never 97 %: at most {max(right for _, right in found.values()):.2f} %"
    after = [right for seen, (_, right) in found.items() if seen >= there[0]]
    return (
        f"97 % after {there[1][0]:.1f} s and {there[0]:,} images; from then on at least {min(after):.2f} %, after "
        f"{max(found):,} images {after[-1]:.2f} %"
    )


def waited(page: Page) -> float:
    """When Python in the page has answered a question that nobody else can (ms after the page's start)."""
    page.evaluate(KEY, ["zzz", "zzz"])
    return float(page.evaluate("performance.now()"))


if __name__ == "__main__":
    main()
