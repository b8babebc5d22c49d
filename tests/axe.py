"""axe-core on pages: what it finds that keeps somebody from using them. `make test-browser` fetches it from npm."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

PLACE = Path(os.environ.get("AXE", Path(__file__).parents[1] / "node_modules/axe-core/axe.min.js"))

needs_axe = pytest.mark.skipif(not PLACE.is_file(), reason="needs axe-core, which make test-browser fetches from npm")


def violations(page: Any) -> list[str]:
    """What axe finds on an open page, at 1280 pixels in light and at 390 in dark."""
    found = []
    for width, scheme in ((1280, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        page.evaluate(PLACE.read_text(encoding="utf-8"))
        told = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{each['id']} at {width}, {scheme}: {node['target']}, {node['failureSummary']}"
            for each in told["violations"]
            for node in each["nodes"]
        ]
    return found
