"""Small pages for tests: the modules of the rooms' `web` folders inlined, and some data."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import hubel
from hubel.code.javascript import engine_modules

ROOMS = Path(hubel.__file__).parent


def page(path: Path, script: str, data: Any = None) -> str:
    """Write an HTML file that runs `script` with the page's modules at hand, and return its file:// address."""
    modules = {name: inlined(text.encode()) for name, text in engine_modules().items()}
    for room in ("view", "report"):
        for file in sorted((ROOMS / room / "web").rglob("*.js")):
            name = file.relative_to(ROOMS / room / "web").with_suffix("")
            modules[f"hubel/{room}/{name.as_posix()}"] = inlined(file.read_bytes())
    given = json.dumps(data).replace("<", "\\u003c")
    path.write_text(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>test</title>
<meta name="viewport" content="width=device-width">
<script type="importmap">{json.dumps({"imports": modules})}</script></head><body><main id="live"></main>
<script type="application/json" id="data">{given}</script>
<script type="module">const data = JSON.parse(document.getElementById("data").textContent);
{script}
window.ready = true;</script></body></html>""",
        encoding="utf-8",
    )
    return path.as_uri()


def inlined(source: bytes) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(source).decode()}"
