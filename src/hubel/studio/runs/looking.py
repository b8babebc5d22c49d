"""What a run's model says, and what `hubel look` shows of it: the commands themselves, in a process of its own."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hubel.base.errors import SettingError
from hubel.base.words import printable
from hubel.studio.runs.folder import described
from hubel.tasks.asking import asking_of

# what can be shown, and whether it is of an image: always, never, or where there is one
LOOKS: dict[str, bool | None] = {
    "predict": None,
    "cam": True,
    "saliency": True,
    "integrated-gradients": True,
    "occlusion": True,
    "maps": True,
    "unit": True,
    "filters": False,
    "changes": None,
    "mistakes": False,
    "space": False,
    "dream": None,
    "style": True,
}
_MADE = ("dream", "style")  # pictures of which no drawing is made
_KINDS = {".svg": "image/svg+xml", ".png": "image/png", ".gif": "image/gif", ".wav": "audio/wav"}
_COMPUTED = "hubel: computed by"  # which stands in an answer too, and is no part of what went wrong
_SECONDS = 120
_TICK = 0.1  # seconds between looks at whether the answer is still waited for
GONE: ContextVar[threading.Event | None] = ContextVar("GONE", default=None)  # set once nobody waits any more


class Line:
    """Those who ask, one after the other: each takes a process that loads PyTorch."""

    def __init__(self) -> None:
        self._asked: list[list[str]] = []
        self._moved = threading.Condition()

    def before(self, ticket: str) -> int:
        """How many come before the one with a ticket; of none that waits here, how many there are."""
        with self._moved:
            tickets = [each for (each,) in self._asked]
            return tickets.index(ticket) if ticket in tickets else len(tickets)

    @contextmanager
    def turn(self, ticket: str) -> Iterator[None]:
        """Wait for one's turn, and have it. Raises SettingError where nobody waits for the answer any more."""
        own = [ticket]  # told apart also where two have the same
        with self._moved:
            self._asked.append(own)
        try:
            with self._moved:
                while self._asked[0] is not own:
                    _check_wanted()
                    self._moved.wait(_TICK)
            yield
        finally:
            with self._moved:
                self._asked = [each for each in self._asked if each is not own]
                self._moved.notify_all()


def _check_wanted() -> None:
    if (gone := GONE.get()) is not None and gone.is_set():
        raise SettingError("nobody waits for this any more")


def _run(command: list[str], folder: str, look: str) -> tuple[int, bytes, bytes]:
    """The status and both outputs of a command, ended where nobody waits for it any more, or it takes too long."""
    end = time.monotonic() + _SECONDS
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as process:
        try:
            while True:
                try:
                    out, errors = process.communicate(timeout=_TICK)
                    return process.returncode, out, errors
                except subprocess.TimeoutExpired:
                    _check_wanted()
                if time.monotonic() > end:
                    raise SettingError(f"{look} takes more than {_SECONDS} s; the command itself has all the time")
        finally:
            process.kill()


def looked(run: Path, look: str, layer: str, picture: str, style: str) -> dict[str, Any]:
    """What `hubel look` draws, or `hubel predict` answers with: `said` in words, or `answer`, plain values; and `made`,
    files as data URLs, each with what it is.

    look: one of LOOKS. layer: its path; empty where hubel picks it. picture: an image file's bytes in base64; empty for
    none. style: another's, in whose manner the first is painted. Raises SettingError where there is nothing to see,
    with the command's own words.
    """
    if look not in LOOKS:
        raise SettingError(f"expected one of {', '.join(LOOKS)}, received {printable(look)[:40]!r}")
    if LOOKS[look] and not picture:
        raise SettingError(f"{look} is of an image: draw one, choose a sample, or give a file")
    if (look == "style") != bool(style):
        raise SettingError("style: expected a second image for style, whose manner is taken, and none for others")
    with TemporaryDirectory() as folder:
        made = "made.png" if look in _MADE else "made.svg"
        words = ["look", look, *([f"--layer={layer}"] if layer else []), "-o", made]
        images = []
        for name, content in (("image", picture), ("manner", style)):
            if content and LOOKS[look] is not False:
                images.append(name)
                (Path(folder) / name).write_bytes(_bytes(content))
        asking = asking_of(str(described(run)["task"]))
        asks = look == "predict" and not asking.makes
        if asks:
            words = ["predict", "--json", *(["-o", "."] if asking.pictures else [])]
        elif look == "predict":  # what is made of nothing is written where it is
            words, images = ["predict"], []
        command = [sys.executable, "-m", "hubel", *words, "--", str(run.absolute()), *images]
        status, out, errors = _run(command, folder, look)
        found = [each for each in sorted(Path(folder).iterdir()) if each.suffix in _KINDS]
        told = errors if status else out
        said = [
            line
            for line in printable(told.decode("utf-8", "replace"), keep="\n").strip().splitlines()
            if not (line.startswith(_COMPUTED) or any(line.endswith(each.name) for each in found))
        ]
        if status or not (found or said):
            raise SettingError("\n".join(said)[-600:] or f"{look} ended without an answer")
        pictures = [[_what(each), _url(each)] for each in found]
        if not asks:
            return {"said": "\n".join(said), "made": pictures}
        (answer,) = json.loads(out)
        files = [each.name for each in found]
        return {"answer": {name: each for name, each in answer.items() if each not in files}, "made": pictures}


def decoded(content: str) -> dict[str, Any]:
    """A picture's file in base64, of any form that trainings read, as a PNG that browsers read: `picture`, in base64.

    Raises SettingError with the reason where it cannot be read.
    """
    from hubel.data import ImageError, read_image
    from hubel.view.figures.tiles import png_bytes

    try:
        image = read_image(_bytes(content), name="image")
    except ImageError as error:
        raise SettingError(printable(str(error)).removeprefix("image: ")[:200]) from None
    return {"picture": base64.b64encode(png_bytes(image)).decode()}


def _what(file: Path) -> str:
    """What a picture of an answer is, which its name ends with."""
    return file.stem.partition("-")[2]


def _url(path: Path) -> str:
    return f"data:{_KINDS[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _bytes(picture: str) -> bytes:
    try:
        return base64.b64decode(picture, validate=True)
    except (ValueError, binascii.Error):
        raise SettingError("picture: expected an image file in base64") from None
