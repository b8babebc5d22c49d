"""A run's model for a page to run."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from hubel.view.writers.markup import text_of

_loading = threading.Lock()  # PyTorch is imported once, whoever asks first


def running_model(run: Path) -> dict[str, Any]:
    """The model as `hubel.export.page.pack` has it, and its drawing from left to right; or why a page cannot run it.

    Raises what opening it raises.
    """
    with _loading:
        from hubel.arch import analyse
        from hubel.draw import strip
        from hubel.export.page.pack import pack, reason_not_packed
        from hubel.train import Run
        from hubel.view.writers.svg import drawing

        model = Run.open(run).model()
    reason = reason_not_packed(model)
    if reason is not None:
        return {"reason": reason}
    report = analyse(model.network)
    paths = [row.path for row in report.rows]
    places = {path: place for place, path in enumerate(paths)}
    drawn = drawing(strip(report), places=places, ruled=False)
    return {"packed": pack(model), "paths": paths, "strip": text_of(drawn)}
