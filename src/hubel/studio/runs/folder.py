"""A folder of runs as a page shows it: read from their files alone, so that nothing of PyTorch is loaded."""

from __future__ import annotations

import csv
import math
import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hubel.base.errors import FileError, HubelError, MissingFileError, SettingError
from hubel.base.files import read_text
from hubel.base.toml import read_toml
from hubel.base.words import printable

SETTINGS, METRICS, MODEL, FAILURE = "run.toml", "metrics.csv", "model.safetensors", "failure.toml"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_PLAIN = ("epoch", "step", "learning_rate", "images_per_second", "seconds")
_EVALUATION = "evaluation_"
_MOST_ROWS = 5000


def checked_name(name: str) -> str:
    """The name of a run or a set of data, which is a folder's and no path. Raises SettingError."""
    if not NAME.fullmatch(name):
        raise SettingError(
            "expected a name of letters A–Z, figures, '.', '_', '+' and '-', a letter or figure first, received "
            f"{printable(name)[:60]!r}"
        )
    return name


def run_names(folder: Path) -> list[str]:
    """The runs of a folder, the newest first."""
    return [each for each in _names(folder) if NAME.fullmatch(each)]


def other_names(folder: Path) -> list[str]:
    """The runs whose names a page cannot ask by, as they are shown."""
    return [printable(each)[:60] for each in _names(folder) if not NAME.fullmatch(each)]


def _names(folder: Path) -> list[str]:
    try:
        found = [each for each in folder.iterdir() if (each / SETTINGS).is_file()]
        return [each.name for each in sorted(found, key=lambda each: -(each / SETTINGS).stat().st_mtime)]
    except FileNotFoundError:
        return []


def described(run: Path) -> dict[str, Any]:
    """What a run's files say of it. Raises FileError and SettingError where they cannot be read."""
    settings = read_toml(read_text(run / SETTINGS))
    rows, columns = _metrics(run / METRICS)
    data, recipe = _table(settings, "data"), _table(settings, "recipe")
    return {
        "name": run.name,
        "network": str(settings.get("network", "")),
        "data": str(data.get("name", "")),
        "task": str(data.get("task", "classification")),
        "recipe": recipe,
        "epochs": recipe.get("epochs"),
        "figures": columns,
        "rows": rows,
        "failure": _failure(run / FAILURE),
        "finished": (run / MODEL).is_file(),
        "report": (run / "report.html").is_file(),
    }


def _table(settings: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = settings.get(name)
    return (
        {key: each for key, each in found.items() if isinstance(each, (str, int, float))}
        if isinstance(found, dict)
        else {}
    )


def _metrics(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines of a run's metrics as numbers, and the names of its figures, of which there may be an evaluated one."""
    try:
        lines = list(deque(csv.DictReader(read_text(path).splitlines()), _MOST_ROWS))
    except MissingFileError:
        return [], []
    except csv.Error as error:
        raise FileError(f"{path}: cannot be read: {error}") from None
    rows = [{name: _number(value) for name, value in line.items() if name} for line in lines]
    names = [name for name in (rows[0] if rows else ()) if name not in (*_PLAIN, "evaluated")]
    return rows, [name for name in names if not name.startswith(_EVALUATION)]


def _number(text: str | None) -> Any:
    try:
        found = float(text or "")
    except ValueError:
        return text
    return found if math.isfinite(found) else None


def _failure(path: Path) -> str | None:
    try:
        return str(read_toml(read_text(path)).get("message", "")) or None
    except (HubelError, FileError):
        return None
