"""Files of weights: safetensors, and pickles that hold nothing but tensors; by path, or by a checked download."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hubel.base.download import Download, Progress, fetch
from hubel.base.errors import HubelError, WeightsError
from hubel.base.files import cache_folder, sha256_of
from hubel.base.headers import is_pickle, is_safetensors
from hubel.base.limits import check_expansion

WRAPPERS = ("state_dict", "model_state_dict", "model", "state_dict_ema")


class WeightsWarning(UserWarning):
    """What of a file's weights was taken for what, where it could be meant otherwise."""


def read_weights(source: str | Path, sha256: str | None = None) -> dict[str, Tensor]:
    """Read a file of weights into tensors by name, in the file's order.

    `source` is a path or an address (https://…), whose file is kept in hubel's cache ($HUBEL_CACHE, else
    ~/.cache/hubel). `sha256` is the beginning of the file's SHA-256, at least 8 digits; by default that which
    torchvision's file names carry (`resnet18-f37072fd.pth`), without which an address is refused. Raises `WeightsError`
    for a file that is another than expected or that holds more than tensors, and `OSError` where it cannot be had.
    """
    path = find_weights(source, sha256)
    return _safetensors(path) if is_safetensors(path) else _pickled(path)


def find_weights(source: str | Path, sha256: str | None = None, progress: Progress | None = None) -> Path:
    """Return where the file lies, downloaded and checked as `read_weights` has it. Raises as that does."""
    text = str(source)
    if text.startswith(("https://", "http://")):
        digits = sha256 or _digits_of(text)
        download = Download(text, f"sha256:{digits}")
        return fetch(download, cache_folder("weights", f"{digits[:8]}-{download.name}"), progress)
    path = Path(source).expanduser()
    if sha256 is not None:
        _check(path, sha256)
    return path


def _safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise WeightsError(f"{path}: expected a safetensors file, received a damaged one ({error})") from None


def _pickled(path: Path) -> dict[str, Tensor]:
    if not is_pickle(path):
        raise WeightsError(f"{path}: expected safetensors or a PyTorch state_dict (.pth, .pt), received neither")
    try:
        _check_packed(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the pickle's version, which the reader checks itself
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path}: expected a file that holds tensors alone, received a pickle that would run code of its own; have "
            "its makers save it as safetensors, or only its state_dict"
        ) from None
    except HubelError:
        raise
    except Exception as error:  # damaged files raise errors of many kinds
        reason = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise WeightsError(
            f"{path}: expected safetensors or a PyTorch state_dict, received neither ({reason})"
        ) from None
    return _tensors(found, path)


def _tensors(found: Any, path: Path) -> dict[str, Tensor]:
    for word in WRAPPERS:
        if isinstance(found, Mapping) and isinstance(found.get(word), Mapping):
            others = [name for name, other in found.items() if name != word and _overlap(other, found[word])]
            if others:
                warnings.warn(
                    f"{path}: {word} is taken; the file has {' and '.join(map(str, others))} beside it, other weights "
                    "for the same tensors, which are left out (save what you mean by itself)",
                    WeightsWarning,
                    stacklevel=2,
                )
            found = found[word]
    tensors = {name: value for name, value in found.items() if isinstance(value, Tensor)} if _is_map(found) else {}
    if not tensors:
        sets = [str(name) for name, value in found.items() if _overlap(value, value)] if _is_map(found) else []
        held = f" that holds {', '.join(sets)}; save the one you mean by itself" if sets else ""
        raise WeightsError(f"{path}: expected tensors by name (a state_dict), received {type(found).__name__}{held}")
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.nbytes > tensor.untyped_storage().nbytes():
            raise WeightsError(f"{path}: expected {name} with all its numbers in the file, received fewer")
    return tensors


def _check_packed(path: Path) -> None:
    """Raise LimitError for a packed file that would fill the memory; PyTorch itself does not pack its files."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            check_expansion(str(path), path.stat().st_size, sum(info.file_size for info in archive.infolist()))


def _is_map(found: object) -> bool:
    return isinstance(found, Mapping) and all(isinstance(name, str) for name in found)


def _overlap(one: object, other: object) -> bool:
    """Whether two of a file's values are sets of weights with a tensor of the same name."""
    return bool(_tensor_names(one) & _tensor_names(other))


def _tensor_names(found: object) -> set[str]:
    if not isinstance(found, Mapping):
        return set()
    return {name for name, value in found.items() if isinstance(name, str) and isinstance(value, Tensor)}


def _digits_of(address: str) -> str:
    found = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", address)
    if found is None:
        raise WeightsError(
            f"{address}: expected an address whose file name carries its SHA-256 (name-1a2b3c4d.pth), or sha256=…"
        )
    return found[1]


def _check(path: Path, digits: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{8,64}", digits):
        raise WeightsError(f"expected sha256 as 8 to 64 digits of 0-9 and a-f, received {digits!r}")
    received = sha256_of(path)
    if not received.startswith(digits):
        raise WeightsError(
            f"{path}: expected a file whose SHA-256 begins with {digits}, received {received}; it "
            "changed, or was damaged on the way"
        )
