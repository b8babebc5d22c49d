"""The picture of docs/studio.md, taken of the studio itself: `python tools/studio_picture.py` writes docs/studio.png.

It needs a Chromium and Playwright.
"""

from __future__ import annotations

import io
import shutil
import threading
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import sync_playwright

from hubel.serve.listening import bound_socket
from hubel.studio.server import HERE, server_of

PLACE = Path(__file__).parents[1] / "docs" / "studio.png"
TOKEN = "of-the-picture-alone-24-l"
NET = (
    "32x32x3: conv 16 3x3 same relu, 2 * (block=sum(conv 16 3x3 same, norm, relu, conv 16 3x3 same, norm | identity), "
    "relu), maxpool 2, conv 32 3x3 same relu, globalavgpool, dense 10 softmax"
)


def main() -> None:
    with bound_socket(HERE, 0) as bound:
        server = server_of(TOKEN)
        thread = threading.Thread(target=server.run, args=([bound],))
        thread.start()
        try:
            picture(f"http://{HERE}:{bound.getsockname()[1]}/#token={TOKEN}&net={quote(NET)}&layer=conv2")
        finally:
            server.should_exit = True
            thread.join()


def picture(address: str) -> None:
    """Change one layer, so that differences are seen, and take the picture."""
    with sync_playwright() as driver:
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 860}, reduced_motion="reduce", color_scheme="light")
        page.goto(address)
        page.get_by_label("filters: more").click()
        page.locator(".totals .difference").first.wait_for()
        page.locator("td.how:not(:empty)").first.wait_for(state="attached")
        page.wait_for_timeout(300)
        taken = Image.open(io.BytesIO(page.screenshot()))
        taken.convert("RGB").quantize(128).save(PLACE, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
