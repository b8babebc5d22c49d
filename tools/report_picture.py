"""The picture of README and docs/report.md, taken of a run's own page.

    hubel train lenet5 mnist
    python tools/report_picture.py runs/lenet5-mnist        writes docs/report.png

A drawn 4 runs through the model, one number of the second convolution is explained, and the commonest mistake is open
in the confusion matrix. It needs a Chromium and Playwright.
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

PLACE = Path(__file__).parents[1] / "docs" / "report.png"
WIDE, TALL, BAR = 1120, 860, 44  # the window, and the bar at its top


def main(run: Path) -> None:
    with sync_playwright() as driver:
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDE, "height": TALL}, reduced_motion="reduce", color_scheme="light")
        page.goto((run / "report.html").resolve().as_uri())
        parts = [live(page), confusion(page)]
        browser.close()
    whole = Image.new("RGB", (WIDE, sum(part.height for part in parts)), "white")
    down = 0
    for part in parts:
        whole.paste(part, (0, down))
        down += part.height
    whole.quantize(256, dither=Image.Dither.NONE).save(PLACE, optimize=True)


def live(page: Any) -> Image.Image:
    """The running model with a 4, and the panel that explains a number of its second convolution."""
    page.get_by_role("button", name="sample 4").click()
    begin(page, "#live-model", 34)
    page.locator("[data-path=conv2] .live-maps").click(position={"x": 104, "y": 18})
    page.locator(".dock h3").wait_for()
    page.wait_for_timeout(400)
    return taken(page)


def confusion(page: Any) -> Image.Image:
    """The matrix with its commonest mistake opened."""
    page.keyboard.press("Escape")
    cells = page.locator("#matrix td.other button")
    numbers = [int(each.replace(",", "")) for each in cells.all_inner_texts()]
    cells.nth(numbers.index(max(numbers))).click()
    begin(page, "#matrix")
    boxes = [page.locator(part).bounding_box() for part in ("#matrix table", "#cell")]
    return taken(page).crop((0, 0, WIDE, int(max(box["y"] + box["height"] for box in boxes)) - BAR + 12))


def begin(page: Any, part: str, above: int = 8) -> None:
    """Scroll to where a part begins, and let what came into view be drawn."""
    page.locator(part).evaluate(
        "(part, above) => scrollTo(0, part.getBoundingClientRect().top + scrollY - above)", BAR + above
    )
    page.wait_for_timeout(400)


def taken(page: Any) -> Image.Image:
    """What the window shows, without the bar above it."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB").crop((0, BAR, WIDE, TALL))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
