"""What a run that trains is asked for meanwhile, by files of its folder, which it reads between two steps.

`asked.txt` holds a word: `PAUSE` has it write a checkpoint and wait, which it answers with `PAUSED` and where it is;
then `STEP` has it make one step, and wait again; `GO_ON` ends that. `look.txt` has it write a checkpoint of this
moment; when that is there, the file is gone.
"""

from __future__ import annotations

from pathlib import Path

from hubel.base.errors import FileError
from hubel.base.files import read_text, write_atomically

PAUSE, STEP, GO_ON, PAUSED = "pause", "step", "go on", "paused"
WISHES = (PAUSE, STEP, GO_ON)
_ASKED, _LOOK = "asked.txt", "look.txt"


def wish(run: Path) -> str:
    """What is asked of a run, or answered; empty where there is nothing, or nothing that can be read."""
    path = run / _ASKED
    try:
        return read_text(path).strip() if path.is_file() else ""
    except (FileError, OSError):
        return ""


def put_wish(run: Path, words: str) -> None:
    """Ask, or answer, in place of what stands there; empty takes it away."""
    _put(run / _ASKED, words)


def is_look_wanted(run: Path) -> bool:
    """Whether somebody waits for a checkpoint of this moment."""
    return (run / _LOOK).is_file()


def want_look(run: Path, wanted: bool) -> None:
    """Ask for one, or say that it is there."""
    _put(run / _LOOK, "look" if wanted else "")


def _put(path: Path, words: str) -> None:
    if words:
        write_atomically(path, f"{words}\n")
    else:
        path.unlink(missing_ok=True)
