"""`run.toml`: what a run was started with, written with a digest and checked, entry by entry, when it is read."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hubel.base.errors import FileError
from hubel.base.files import read_text, write_atomically
from hubel.base.limits import check, ignores_damage
from hubel.base.model_file import WholenessWarning
from hubel.base.plain import MISREAD
from hubel.base.toml import read_toml, write_toml
from hubel.tasks.names import USUAL

FORMAT = 1
_DIGEST = "# SHA-256 of the lines above: "
# what must stand in it, and of which kind; with "?" what may
_ENTRIES: dict[str, Any] = {
    "format": int,
    "network": str,
    "network_name": str,
    "recipe": dict,
    "environment": {"*": str},
    "data": {
        "name": str,
        "classes": [str],
        "fingerprint": str,
        "preprocessing": str,
        "examples": {"training": int, "*": int},
        "shown?": int,
        "notes?": [str],
        "held_out?": {"share": float},
        "source?": dict,
    },
    "layers?": {"*": str},
    "weights?": {"source": str, "sha256": str, "fresh": [str]},
    "changes?": [dict],
    "views?": {"figure": str, "one": float, "two": float, "taken": bool},
    "tempered?": {"temperature": float, "share": float, "figure": str, "as_they_are": float, "divided": float},
    "mirrors?": [{"how": str, "figure": str, "step": int, "as_they_are": float, "mirrored": float, "taken": bool}],
    "report?": bool,
}
_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    dict: "a table",
    list: "a list",
}


class RunError(FileError, RuntimeError):
    """A folder that is not a run, or a run that cannot be used as asked: which, why, and what to do."""


def write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Write `run.toml`, and below it its digest in a comment."""
    text = write_toml(settings)
    write_atomically(path, f"{text}{_DIGEST}{hashlib.sha256(text.encode()).hexdigest()}\n")


def read_settings(path: Path) -> dict[str, Any]:
    """Read `run.toml`. Raises FileNotFoundError, or RunError where an entry is missing or of another kind than it is
    written, or where the file was changed or damaged since.

    Who changes one on purpose takes the comment with the digest away; then, as for files of older versions, a
    WholenessWarning says that nothing vouches for it.
    """
    try:
        text = read_text(path)
        check("header", len(text), str(path))
        settings = read_toml(text)
        if settings.get("format") != FORMAT:
            raise RunError(f"{path}: expected format {FORMAT}, received {settings.get('format')!r}")
        _check_kind(settings, _ENTRIES, "")
        data = settings["data"]
        if data["examples"]["training"] < 1:
            raise RunError(f"{path}: expected training images, received none")
        if data.get("task", USUAL) == USUAL and not data["classes"]:
            raise RunError(f"{path}: expected classes, received none")
    except (RunError, FileNotFoundError):
        raise
    except (OSError, FileError, *MISREAD) as error:
        raise RunError(f"{path}: cannot be read: {error}") from None
    _check_digest(path, text)
    return settings


def _check_digest(path: Path, text: str) -> None:
    above, mark, digest = text.rpartition(_DIGEST)
    if not mark:
        told = f"{path}: without a digest; whether it is as it was written cannot be known"
        warnings.warn(told, WholenessWarning, stacklevel=4)
    elif hashlib.sha256(above.encode()).hexdigest() != digest.strip() and not ignores_damage():
        raise RunError(
            f"{path}: changed or damaged since it was written: its SHA-256 is another; where the change is meant, take "
            "its last line away"
        )


def _check_kind(value: Any, wanted: Any, place: str) -> None:
    """Raise TypeError, with the place, where a value is not of the kind that `_ENTRIES` says."""
    kind = type(wanted) if isinstance(wanted, (dict, list)) else wanted
    numeric = kind in (int, float) and isinstance(value, (int, kind)) and not isinstance(value, bool)
    if not (numeric if kind in (int, float) else isinstance(value, kind)):
        what = {
            int: "a whole number",
            float: "a number",
            bool: "true or false",
            str: "a text",
            dict: "a table",
            list: "a list",
        }[kind]
        raise TypeError(f"expected {place.lstrip('.')} as {what}, received {type(value).__name__}")
    if isinstance(wanted, list):
        for number, each in enumerate(value):
            _check_kind(each, wanted[0], f"{place}[{number}]")
    elif isinstance(wanted, dict):
        for name, inner in wanted.items():
            own = name.rstrip("?")
            if own in value:
                _check_kind(value[own], inner, f"{place}.{own}")
            elif name == "*":
                for other in value.keys() - wanted.keys():
                    _check_kind(value[other], inner, f"{place}.{other}")
            elif not name.endswith("?"):
                raise TypeError(f"expected {f'{place}.{own}'.lstrip('.')}, received none")
