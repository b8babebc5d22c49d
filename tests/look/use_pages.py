"""Uses the pages of mistakes, space and changes in a browser and prints what it saw. A program of its own, since
Playwright can be started only once in a process.

    python use_pages.py MISTAKES SPACE CHANGES CHROMIUM
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright


def use_mistakes(page: Any) -> dict[str, Any]:
    first = page.locator(".opened h3").inner_text()
    button = page.locator("button[data-cell]").last
    button.focus()
    page.keyboard.press("Enter")
    return {
        "first": first,
        "button": button.get_attribute("aria-label"),
        "opened": page.locator(".opened h3").inner_text(),
        "images": page.locator(".opened .sprite").count(),
        "pressed": page.locator("button[aria-pressed=true]").count(),
        "size": page.locator(".opened .sprite").first.bounding_box(),
    }


def use_space(page: Any) -> dict[str, Any]:
    page.locator(".space").focus()
    page.keyboard.press("ArrowRight")
    one = page.locator(".pointed").inner_text()
    page.keyboard.press("ArrowRight")
    other = page.locator(".pointed").inner_text()
    page.keyboard.press("Escape")
    hidden = page.locator(".pointed").is_hidden()
    data = json.loads(page.locator(".space script").inner_text())
    box = page.locator(".space svg").bounding_box()
    scale = box["width"] / page.evaluate("document.querySelector('.space svg').viewBox.baseVal.width")
    at = data["points"][7]
    page.mouse.move(box["x"] + at[0] * scale, box["y"] + at[1] * scale)
    return {
        "one": one,
        "other": other,
        "hidden": hidden,
        "pointed": page.locator(".pointed small").inner_text(),
        "expected": f"image {data['chosen'][7]}",
    }


def use_changes(page: Any) -> dict[str, Any]:
    slider = page.locator("input[type=range]")
    last = page.locator("output").inner_text()
    slider.focus()
    page.keyboard.press("Home")
    first = page.locator("output").inner_text()
    page.locator("button").click()
    page.wait_for_function("document.querySelector('button').textContent === 'play'", timeout=20_000)
    return {"first": first, "last": last, "played": page.locator("output").inner_text()}


def main() -> None:
    pages, program = sys.argv[1:4], sys.argv[4]
    seen: dict[str, Any] = {"errors": [], "asked": []}
    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        browser = driver.chromium.launch(executable_path=program, args=options)
        page = browser.new_page(viewport={"width": 1280, "height": 2400})
        page.on("pageerror", lambda error: seen["errors"].append(str(error)))
        page.on("request", lambda request: seen["asked"].append(request.url[:200]))
        for path, use in zip(pages, (use_mistakes, use_space, use_changes), strict=True):
            page.set_viewport_size({"width": 1280, "height": 2400})
            page.goto(Path(path).resolve().as_uri())
            seen[use.__name__] = use(page)
            page.set_viewport_size({"width": 390, "height": 800})
            seen[f"{use.__name__} on a phone"] = page.evaluate("document.documentElement.scrollWidth")
        browser.close()
    seen["asked"] = [address for address in seen["asked"] if not address.startswith(("file:", "data:"))]
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
