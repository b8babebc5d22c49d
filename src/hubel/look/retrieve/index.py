"""The file that images are found in: a row of features for each, which files they are of, and which model made them."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.torch
import torch
from torch import nn

from hubel.base.errors import FileError, TensorFileError
from hubel.base.files import made_place, write_atomically
from hubel.base.headers import BLANK, is_whole, read_about, read_header, signed
from hubel.base.model_file import WholenessWarning
from hubel.base.plain import MISREAD
from hubel.tasks import LoadedModel

FORMAT = 2  # 1 had no digest
_ENTRY = "hubel-index"
_BLOCK = 2**20  # numbers brought from half to single precision at once: what a processor's cache holds


class IndexFileError(FileError, ValueError):
    """An index that cannot be used: which file, why, and what to do. damaged: whether it is one that was whole once."""

    def __init__(self, message: str, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


@dataclass(frozen=True)
class IndexedFile:
    """A file in the index: its path within the folder, with forward slashes, and what tells whether it has changed.

    sha256: of its bytes. size: in bytes. modified, changed: its times as the file system has them, nanoseconds; 0 where
    they do not vouch for the content, because they were too fresh.
    """

    path: str
    sha256: str
    size: int
    modified: int
    changed: int


@dataclass(frozen=True, eq=False)
class Index:
    """Images' features, of one folder, by one model.

    model: `fingerprint` of the model. folder: what was indexed. files: one a row. rejected: the files that could not be
    read, each with the reason. features: float16, N×features, each row of length 1; mapped, not read, from a file.
    """

    model: str
    folder: Path
    files: tuple[IndexedFile, ...] = field(repr=False)
    features: torch.Tensor = field(repr=False)
    rejected: tuple[tuple[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    @classmethod
    def open(cls, path: Path) -> Index:
        """The index that `save` wrote. Raises FileNotFoundError; IndexFileError for a file that is none or damaged."""
        try:
            header = read_header(path)
            about = read_about(path, header, _ENTRY)
        except TensorFileError as error:
            raise IndexFileError(f"{error}; not an index of images") from None
        if about.get("format") not in (1, FORMAT):
            raise IndexFileError(f"{path}: expected format {FORMAT}, received {about.get('format')!r}; index again")
        digest = about.get("sha256")
        if about["format"] == 1:
            told = f"{path}: written before indexes had a digest; whether it is whole cannot be known"
            warnings.warn(told, WholenessWarning, stacklevel=2)
        elif not (isinstance(digest, str) and is_whole(path, header, digest)):
            raise IndexFileError(f"{path}: damaged: its SHA-256 is another than when it was written", damaged=True)
        try:
            with safetensors.safe_open(path, framework="pt") as file:
                rows = json.loads(file.get_tensor("files").numpy().tobytes())
                features = file.get_tensor("features")
            files = tuple(IndexedFile(*row) for row in rows)
            found = cls(about["model"], Path(about["folder"]), files, features, tuple(map(tuple, about["rejected"])))
        except (safetensors.SafetensorError, *MISREAD) as error:
            raise IndexFileError(f"{path}: not an index of images ({type(error).__name__}: {error})") from None
        if features.ndim != 2 or len(files) != len(features):
            raise IndexFileError(
                f"{path}: expected as many files as rows, received {len(files)} and {tuple(features.shape)}"
            )
        return found

    def save(self, path: Path) -> None:
        """Write one safetensors file at `path`, whole or not at all."""
        about = {
            "sha256": BLANK,
            "format": FORMAT,
            "model": self.model,
            "folder": str(self.folder),
            "rejected": self.rejected,
        }
        rows = json.dumps([list(asdict(file).values()) for file in self.files])  # as escapes, for names in no encoding
        # as bytes and not in the metadata, which safetensors reads whole and bounds
        files = torch.frombuffer(bytearray(rows.encode()), dtype=torch.uint8)
        tensors = {"features": self.features.contiguous(), "files": files}
        content = safetensors.torch.save(tensors, metadata={_ENTRY: json.dumps(about)})
        made_place(path.parent)
        write_atomically(path, signed(content))

    def check_model(self, model: LoadedModel, path: Path) -> None:
        """Raise IndexFileError where the features are another model's: they cannot be compared."""
        own = fingerprint(model)
        if self.model != own:
            raise IndexFileError(
                f"{path}: expected features of this model ({own[:12]}), received those of another "
                f"({self.model[:12]}); was it trained again? Index again with: hubel find index RUN {self.folder}"
            )

    def place_of(self, sha256: str, path: Any = None) -> int | None:
        """The place of the file with such bytes; of several the one at this path, or the first."""
        places = [place for place, file in enumerate(self.files) if file.sha256 == sha256]
        if len(places) > 1 and isinstance(path, (str, os.PathLike)):
            asked = Path(path).resolve()
            places.sort(key=lambda place: (self.folder / self.files[place].path).resolve() != asked)
        return places[0] if places else None

    def search(self, queries: npt.ArrayLike, most: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The nearest rows to each of M queries (M×features, of length 1), nearest first: int64 positions, M×most, and
        cosines, -1 to 1, float32. Exact: every row is compared.
        """
        wanted = torch.as_tensor(np.asarray(queries, np.float32)).T.contiguous()
        cosines = torch.empty(len(self), wanted.shape[1])
        step = max(1, _BLOCK // max(1, self.features.shape[1]))
        for start in range(0, len(self), step):
            rows = self.features[start : start + step].float()
            torch.mm(rows, wanted, out=cosines[start : start + step])
        near, places = cosines.T.topk(min(most, len(self)), dim=1)
        order = np.lexsort((places.numpy(), -near.numpy()), axis=1)  # of equals the first
        return np.take_along_axis(places.numpy(), order, 1), np.take_along_axis(near.numpy(), order, 1)


def fingerprint(model: LoadedModel) -> str:
    """A SHA-256 of all that decides a model's features: network, preprocessing, weights."""
    total = hashlib.sha256(f"{model.network}\n{model.preprocessing.to_json()}\n".encode())
    module: nn.Module = model.module
    for name, tensor in module.state_dict().items():
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        total.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def rows_of(parts: Sequence[torch.Tensor], width: int) -> torch.Tensor:
    """Put rows together; none have the width too."""
    return torch.cat(list(parts)) if parts else torch.empty(0, width, dtype=torch.float16)
