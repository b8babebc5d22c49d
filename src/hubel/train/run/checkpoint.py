"""Checkpoints that are whole or not there: safetensors and JSON, with SHA-256 sums committed last."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch

from hubel.base.errors import FileError
from hubel.base.files import write_atomically
from hubel.base.model_file import WholenessWarning
from hubel.base.plain import MISREAD

T = TypeVar("T")

FORMAT = 1
CHECKPOINTS = "checkpoints"  # the folder of a run where they lie
_NAME = re.compile(r"step-\d{8,15}", re.ASCII)


class CheckpointError(FileError, RuntimeError):
    """No checkpoint of a run can be used: which files, and why."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What was saved: tensors by name, and plain JSON values."""

    tensors: dict[str, torch.Tensor]
    about: dict[str, Any]


class CheckpointStore:
    """The checkpoints in one folder: `step-00000042.safetensors` with `step-00000042.json`, which commits it.

    The JSON file holds the tensors' size and SHA-256 and is itself summed, so that one flipped bit anywhere is noticed.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, step: int, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> None:
        """Write the checkpoint of `step`, then remove all but the last `keep`."""
        self._write(f"step-{step:08d}", tensors, about)
        self._prune()

    def save_best(self, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> None:
        """Write the best state so far, which is kept apart."""
        self._write("best", tensors, about)

    def best_weights(self) -> dict[str, torch.Tensor] | None:
        """Those of the best state; None, with a warning, where it is absent or damaged."""
        try:
            return self._read("best").tensors
        except CheckpointError as error:
            warnings.warn(f"{error}; the last weights are used in place of the best epoch's", WholenessWarning, 2)
            return None

    def steps(self) -> tuple[int, ...]:
        """The steps that there are checkpoints of, whole or not, in order."""
        return tuple(int(name.removeprefix("step-")) for name in reversed(self._names()))

    def load(self, step: int) -> Checkpoint:
        """The checkpoint of a step. Raises CheckpointError where it is absent or damaged."""
        return self._read(f"step-{step:08d}")

    def load_latest(self) -> tuple[Checkpoint | None, tuple[str, ...]]:
        """The newest whole checkpoint, None where none was ever made, and what was wrong with newer ones.

        Raises CheckpointError where there are some and all are damaged.
        """
        problems: list[str] = []
        for name in self._names():
            try:
                return self._read(name), tuple(problems)
            except CheckpointError as error:  # noqa: PERF203 (two or three rounds)
                problems.append(str(error))
        if problems:
            raise CheckpointError(
                f"{self.folder}: no checkpoint is whole, so that training cannot go on: {'; '.join(problems)}. Begin "
                "another run"
            )
        return None, ()

    def latest_about(self, read: Callable[[dict[str, Any]], T]) -> T | None:
        """What is read of the newest checkpoint's description that is whole and can be read; None where there is none.
        read: raises `hubel.base.plain.MISREAD` where it cannot.
        """
        for name in self._names():
            with contextlib.suppress(CheckpointError, *MISREAD):
                return read(self._manifest_of(name)["about"])
        return None

    def latest_step(self) -> int:
        """The step of the newest checkpoint, whole or not; 0 where there is none."""
        names = self._names()
        return int(names[0].removeprefix("step-")) if names else 0

    def _names(self) -> list[str]:
        found = (path.stem for path in self.folder.glob("step-*.json") if _NAME.fullmatch(path.stem))
        return sorted(found, key=lambda name: int(name.removeprefix("step-")), reverse=True)

    def _write(self, name: str, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        plain = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
        content = safetensors.torch.save(plain)
        weights = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest = _manifest({"format": FORMAT, "about": dict(about), "tensors": weights})
        # while this step's pair is replaced, the old manifest must not vouch for new tensors: it would not match, which
        # only means that the checkpoint before is used
        write_atomically(self.folder / f"{name}.safetensors", content, partial="partial")
        write_atomically(self.folder / f"{name}.json", manifest, partial="partial")

    def _manifest_of(self, name: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        try:
            manifest = path.read_bytes()
            fields: dict[str, Any] = json.loads(manifest)
            fields.pop("sha256")
            if _manifest(fields) != manifest:
                raise CheckpointError(f"{path}: its SHA-256 does not match")
            if fields["format"] != FORMAT:
                raise CheckpointError(f"{path}: expected format {FORMAT}, received {fields['format']!r}")
        except (OSError, *MISREAD) as error:
            raise CheckpointError(f"{path}: cannot be read ({type(error).__name__}: {error})") from None
        return fields

    def _read(self, name: str) -> Checkpoint:
        path = self.folder / f"{name}.safetensors"
        fields = self._manifest_of(name)
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != fields["tensors"]["sha256"]:
                raise CheckpointError(f"{path}: its SHA-256 does not match")
            return Checkpoint(safetensors.torch.load(content), dict(fields["about"]))
        except (OSError, safetensors.SafetensorError, *MISREAD) as error:
            raise CheckpointError(f"{path}: cannot be read ({type(error).__name__}: {error})") from None

    def _prune(self) -> None:
        for name in self._names()[self.keep :]:
            # the manifest first: tensors without one are nothing, one without tensors would be an error
            (self.folder / f"{name}.json").unlink(missing_ok=True)
        kept = {*self._names(), "best"}
        for path in self.folder.glob("*.safetensors"):
            if path.stem not in kept:
                path.unlink(missing_ok=True)


def weights_that_count(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The `state_dict` of the network that counts, of a checkpoint's tensors: its moving average where there is one."""
    for prefix in ("average.module.", "network."):
        found = {name[len(prefix) :]: tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        if found:
            return found
    return {}


def _manifest(fields: Mapping[str, Any]) -> bytes:
    text = json.dumps(fields, sort_keys=True, indent=1, ensure_ascii=False)
    total = hashlib.sha256(text.encode()).hexdigest()
    return json.dumps({**fields, "sha256": total}, sort_keys=True, indent=1, ensure_ascii=False).encode()
