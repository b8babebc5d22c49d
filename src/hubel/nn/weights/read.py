"""Files of weights: safetensors, and pickles that hold nothing but tensors; by path, or by a checked download."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hubel.base.download import Download, fetch
from hubel.base.files import cache_folder, sha256_of

WRAPPERS = ("state_dict", "model_state_dict", "model", "state_dict_ema")


def read_weights(source: str | Path, sha256: str | None = None) -> dict[str, Tensor]:
    """Read a file of weights into tensors by name, in the file's order.

    `source` is a path or an address (https://…), whose file is kept in hubel's cache ($HUBEL_CACHE, else
    ~/.cache/hubel). `sha256` is the beginning of the file's SHA-256, at least 8 digits; by default that which
    torchvision's file names carry (`resnet18-f37072fd.pth`), without which an address is refused. Raises `ValueError`
    for a file that is another than expected or that holds more than tensors, and `OSError` where it cannot be had.
    """
    path = find_weights(source, sha256)
    return _safetensors(path) if _is_safetensors(path) else _pickled(path)


def find_weights(source: str | Path, sha256: str | None = None) -> Path:
    """Return where the file lies, downloaded and checked as `read_weights` has it. Raises as that does."""
    text = str(source)
    if text.startswith(("https://", "http://")):
        download = Download(text, f"sha256:{sha256 or _digits_of(text)}")
        return fetch(download, cache_folder("weights", f"{sha256 or _digits_of(text)}-{download.name}"))
    path = Path(source).expanduser()
    if sha256 is not None:
        _check(path, sha256)
    return path


def read_about(path: Path) -> dict[str, Any]:
    """Read what a model file of hubel's says of itself (classes, preprocessing, network …); {} for other files."""
    if not _is_safetensors(path):
        return {}
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    about = json.loads(header.get("__metadata__", {}).get("hubel", "{}"))
    return about if isinstance(about, dict) else {}


def _is_safetensors(path: Path) -> bool:
    """A safetensors file begins with the length of its header, then a brace."""
    with path.open("rb") as file:
        start = file.read(9)
    return start[8:] == b"{" and int.from_bytes(start[:8], "little") < path.stat().st_size


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path}: expected a safetensors file, received a damaged one ({error})") from None


def _pickled(path: Path) -> dict[str, Tensor]:
    with path.open("rb") as file:
        start = file.read(2)
    if start != b"PK" and start[:1] != b"\x80":  # a zip with a pickle in it, or a pickle
        raise ValueError(f"{path}: expected safetensors or a PyTorch state_dict (.pth, .pt), received neither")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the pickle's version, which the reader checks itself
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(
            f"{path}: expected a file that holds tensors alone, received a pickle that would run code of its own; have "
            "its makers save it as safetensors, or only its state_dict"
        ) from None
    except (EOFError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise ValueError(f"{path}: expected safetensors or a PyTorch state_dict, received neither ({reason})") from None
    return _tensors(found, path)


def _tensors(found: Any, path: Path) -> dict[str, Tensor]:
    for word in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(word), Mapping):
            found = found[word]
    tensors = {name: value for name, value in found.items() if isinstance(value, Tensor)} if _is_map(found) else {}
    if not tensors:
        raise ValueError(f"{path}: expected tensors by name (a state_dict), received {type(found).__name__}")
    return tensors


def _is_map(found: object) -> bool:
    return isinstance(found, Mapping) and all(isinstance(name, str) for name in found)


def _digits_of(address: str) -> str:
    found = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", address)
    if found is None:
        raise ValueError(
            f"{address}: expected an address whose file name carries its SHA-256 (name-1a2b3c4d.pth), or sha256=…"
        )
    return found[1]


def _check(path: Path, digits: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{8,64}", digits):
        raise ValueError(f"expected sha256 as 8 to 64 digits of 0-9 and a-f, received {digits!r}")
    received = sha256_of(path)
    if not received.startswith(digits):
        raise ValueError(
            f"{path}: expected a file whose SHA-256 begins with {digits}, received {received}; it "
            "changed, or was damaged on the way"
        )
