"""Small pages for tests: the modules of `hubel/report/web` inlined, and some data."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import hubel.report
from hubel.report._functions import functions_module

WEB = Path(hubel.report.__file__).parent / "web"


def page(path: Path, script: str, data: Any = None) -> str:
    """Write an HTML file that runs `script` with the page's modules at hand, and return its file:// address."""
    modules = {f"hubel/{file.stem}": inlined(file.read_bytes()) for file in sorted(WEB.glob("*.js"))}
    modules["hubel/engine_functions"] = inlined(functions_module().encode())
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
