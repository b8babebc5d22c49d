"""Trainings as processes of their own: they go on when the page, or the studio, is closed, and are found again."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hubel.base.errors import FileError, SettingError
from hubel.base.files import made_place, read_text, write_atomically
from hubel.base.plain import MISREAD
from hubel.base.words import json_text, printable

NOTES = ".studio"  # the folder of what the studio knows of trainings that it began
_REFUSAL = "hubel: "  # how a command begins that says why not
_HEAD, _TAIL = 4000, 8000  # bytes of what a training says that a page is told, where it is more


class Trainings:
    """The trainings of a folder of runs that a studio began, this one or one before."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._notes = folder, folder / NOTES
        self._own: dict[str, subprocess.Popen[bytes]] = {}

    def names(self) -> list[str]:
        """Those that were begun."""
        return sorted(path.stem for path in self._notes.glob("*.json"))

    def begin(self, name: str, words: list[str]) -> None:
        """Start `hubel train` with these words. Raises SettingError where one of that name is under way."""
        if self.is_running(name):
            raise SettingError(f"{name}: its training is under way; stop it first")
        made_place(self._notes)
        with open(self._notes / f"{name}.log", "wb") as log:
            started = subprocess.Popen(
                [sys.executable, "-m", "hubel", "train", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C in the studio's terminal is not for it
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        self._own[name] = started
        note = {"pid": started.pid, "begun": round(time.time(), 3), "words": words}
        write_atomically(self._notes / f"{name}.json", json_text(note))

    def is_running(self, name: str) -> bool:
        """Whether its process is there."""
        if (own := self._own.get(name)) is not None:
            return own.poll() is None
        process = self._process(name)
        return process is not None and _is_training(process)

    def stop(self, name: str) -> None:
        """Ask a training to end: it finishes its step, saves a checkpoint, and can be gone on with.

        Raises SettingError where none is under way.
        """
        process = self._process(name)
        if process is None or not self.is_running(name):
            raise SettingError(f"{name}: there is no training of it under way that this studio began")
        os.kill(process, signal.SIGTERM)  # which reaches what was begun with nohup, too

    def said(self, name: str) -> str:
        """What its process said: of much the beginning and the end, in whole lines, and how much stands between."""
        path = self._notes / f"{name}.log"
        if not path.is_file():  # there is none, or something else of its name
            return ""
        try:
            with open(path, "rb") as log:
                size = log.seek(0, os.SEEK_END)
                log.seek(0)
                whole = log.read(min(size, _HEAD + _TAIL))
                if size > len(whole):
                    log.seek(size - _TAIL)
                    whole = _shortened(whole[:_HEAD], log.read(_TAIL), size)
        except OSError:
            return ""
        text = whole.decode("utf-8", "replace")
        lines = [line.rpartition("\r")[2] for line in text.splitlines()]
        return printable("\n".join(lines), keep="\n")

    def was_refused(self, name: str) -> bool:
        """Whether it ended with the reason why it did not begin."""
        return not self.is_running(name) and _REFUSAL in self.said(name)

    def forget(self, name: str) -> None:
        """Know nothing more of a training that ended."""
        for kind in ("json", "log"):
            (self._notes / f"{name}.{kind}").unlink(missing_ok=True)
        self._own.pop(name, None)

    def given(self, name: str) -> list[str]:
        """The settings of its recipe that were said; all others are the rules' choice."""
        words = [str(word).removeprefix("--set=") for word in self._note(name).get("words", ())]
        return [word.removeprefix("--").partition("=")[0] for word in words if re.match(r"(--)?\w+=", word)]

    def _process(self, name: str) -> int | None:
        try:
            return int(self._note(name)["pid"])
        except MISREAD:
            return None

    def _note(self, name: str) -> dict[str, Any]:
        try:
            return dict(json.loads(read_text(self._notes / f"{name}.json")))
        except (FileError, *MISREAD):
            return {}


def _shortened(head: bytes, tail: bytes, size: int) -> bytes:
    """Whole lines of both, where there are any, and how many bytes are left out between."""
    head, tail = head[: head.rfind(b"\n") + 1] or head, tail[tail.find(b"\n") + 1 :] or tail
    return head.rstrip(b"\n") + f"\n… {size - len(head) - len(tail):,} bytes are left out here …\n".encode() + tail


def _is_training(process: int) -> bool:
    """Whether a process is there and, where the system tells, is a training: numbers are given anew."""
    try:
        os.kill(process, 0)
    except (OSError, OverflowError):
        return False
    try:
        return b"hubel\0train\0" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()
