"""What a page says of pictures: its own programs, run by Node without a page."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.view.writers.linked import program

PATIENCE = 300  # seconds that a picture may take


class TrialError(Exception):
    """Why nothing here runs a page's programs."""


class Trial:
    """Answers for pictures of any size, by a page's modules and data; in a process of Node's, which ends with it.

    asked: the runner's function, "shares" or "scores". Raises TrialError where Node is not here or cannot run them.
    """

    def __init__(self, modules: Mapping[str, str], data: Mapping[str, Any], asked: str) -> None:
        node = found_node()
        if node is None:
            raise TrialError("Node is not installed")
        folder = tempfile.TemporaryDirectory()
        held, script, self._told = (Path(folder.name, name) for name in ("held.json", "trial.mjs", "told.txt"))
        held.write_text(json.dumps(data), encoding="utf-8")
        script.write_text(program(["hubel/export/trial"], modules), encoding="utf-8")
        with self._told.open("wb") as told:
            self._process = subprocess.Popen(
                [node, script, held, asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=told
            )
        weakref.finalize(self, _ended, self._process, folder)
        with self._limit():
            self.name = "Node" + self._read(self._integers(1)[0]).decode()

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """What it says of pictures, uint8 N×rows×columns×3: float32 N×classes×rows×columns."""
        return np.stack([self._one(image) for image in images])

    def _one(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        assert self._process.stdin is not None
        try:
            with self._limit():
                self._process.stdin.write(np.array(image.shape[:2], np.uint32).tobytes() + image.tobytes())
                self._process.stdin.flush()
                shape = self._integers(3)
                values = np.frombuffer(self._read(4 * int(np.prod(shape))), np.float32)
        except OSError:  # it ended
            raise TrialError(self._why()) from None
        found: npt.NDArray[np.float32] = values.reshape(shape).transpose(2, 0, 1)
        return found

    @contextmanager
    def _limit(self) -> Iterator[None]:
        limit = Timer(PATIENCE, self._process.kill)
        limit.start()
        try:
            yield
        finally:
            limit.cancel()

    def _integers(self, count: int) -> list[int]:
        found: list[int] = np.frombuffer(self._read(4 * count), np.uint32).tolist()
        return found

    def _read(self, count: int) -> bytes:
        assert self._process.stdout is not None
        found = self._process.stdout.read(count)
        if len(found) < count:
            raise TrialError(self._why())
        return found

    def _why(self) -> str:
        self._process.wait(PATIENCE)
        lines = self._told.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line for line in lines if "Error" in line] or lines or ["it ended"]
        return said[0].strip()[:200]


def found_node() -> str | None:
    """Where Node is; None where it is not installed."""
    return shutil.which("node") or shutil.which("nodejs")


def _ended(process: subprocess.Popen[bytes], folder: tempfile.TemporaryDirectory[str]) -> None:
    process.kill()
    process.communicate()
    folder.cleanup()
