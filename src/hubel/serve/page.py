"""The page at `/`: one file that asks the service it came from, and nobody else."""

from __future__ import annotations

from functools import cache

from hubel.view.figures.colours import SERIES
from hubel.view.writers.linked import program, web_file
from hubel.view.writers.markup import h
from hubel.view.writers.page import page

# pictures are drawn from the answer's own bytes, sounds played from those that were chosen; the camera, being no
# address, needs no rule
_POLICY = {"connect-src": "'self'", "media-src": "blob:"}


@cache
def demo_page() -> str:
    """The page's text. It holds nothing of the models: what they are it asks."""
    sheets = (web_file("view", name) for name in ("base.css", "live/live.css", "ways/ways.css"))
    style = "\n".join((*sheets, web_file("serve", "page.css")))
    body = h(
        "main",
        h(
            "noscript",
            h("p", "This page needs JavaScript; the service itself does not: /openapi.json says how to ask."),
        ),
        id="service",
    )
    scripts = [program(["hubel/serve/page"])]
    return page("hubel", body, style=style, scripts=scripts, data={"colours": SERIES}, policy=_POLICY)
