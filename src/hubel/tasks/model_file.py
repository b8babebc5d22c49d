"""The one-file model: weights in safetensors, and in the metadata all that is needed to use them."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from hubel.arch import Network, Report, analyse, own_layers, parse, shape_text
from hubel.arch.text.notation import older_paths
from hubel.base.errors import LimitError, ModelFileError, SettingError
from hubel.base.files import made_place, write_atomically
from hubel.base.headers import BLANK, Header, signed
from hubel.base.model_file import (
    ENTRY,
    FORMAT,
    check_names,
    classes_of,
    complain,
    entry_of,
    name_of,
    read_model_file,
    why_unread,
)
from hubel.base.names import shortened
from hubel.base.plain import MISREAD
from hubel.base.words import json_text
from hubel.data import Preprocessing
from hubel.nn import build
from hubel.tasks.model import LoadedModel
from hubel.tasks.names import USUAL
from hubel.tasks.registry import UnknownTaskError, task_named
from hubel.tasks.task import Task


def save_model(
    path: str | os.PathLike[str],
    network: Network,
    weights: nn.Module | Mapping[str, torch.Tensor],
    *,
    preprocessing: Preprocessing,
    classes: Sequence[str] = (),
    task: Task | None = None,
    summary: Mapping[str, Any] | None = None,
) -> Path:
    """Write one self-contained safetensors file at `path`, whole or not at all, and return the path.

    `weights` is the module that was built from `network`, or its `state_dict`. `task` is what it was trained for; by
    default the classification of `classes`. Equal arguments give equal bytes.

    Raises SettingError where two classes have one name, or one has none.
    """
    state = weights.state_dict() if isinstance(weights, nn.Module) else weights
    task = task or task_named(USUAL).from_settings(tuple(classes), {})
    check_names(task.classes)
    # one entry, since safetensors writes several in no fixed order and equal models are to be equal files
    about = {
        "sha256": BLANK,  # first, so that it is the first such text in the file
        "format": FORMAT,
        "task": task.name,
        **({"task_settings": task.settings()} if task.settings() else {}),
        "name": network.name,
        "network": str(network),
        "classes": list(task.classes),
        **({"layers": own} if (own := own_layers(network)) else {}),
        "preprocessing": json.loads(preprocessing.to_json()),
        "summary": dict(summary or {}),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    content = safetensors.torch.save(tensors, metadata={ENTRY: json_text(about)})
    path = Path(path)
    made_place(path.parent)
    write_atomically(path, signed(content))
    return path


def load_model(path: str | os.PathLike[str], *, ignore_damage: bool | None = None) -> LoadedModel:
    """The model that `save_model` wrote; the random state is left as it was.

    Nothing is built before the file is known to be whole, by its SHA-256, and to hold the weights of its network. Files
    of older versions have no digest, which a WholenessWarning says. `ignore_damage`, or else the environment variable
    HUBEL_IGNORE_DAMAGE, makes a warning of a digest that does not match and of weights that are not finite, to save
    what can be saved.

    Raises FileNotFoundError, or ModelFileError for a pickle (never opened, since it can run any code), a damaged
    file, a safetensors file that is not a model of this library, or weights that do not fit the network.
    """
    path = Path(path)
    if path.suffix == ".onnx" and path.is_file():
        raise ModelFileError(
            f"{path}: expected a model file or a run, received a file that was exported; hubel.export.open_onnx(path) "
            "reads it"
        )
    header, about = read_model_file(path, ignore_damage)
    return _assemble(path, header, about, ignore_damage)


def _assemble(path: Path, header: Header, about: dict[str, Any], ignore_damage: bool | None) -> LoadedModel:
    try:
        network = dataclasses.replace(parse(entry_of(about, "network", str)), name=name_of(about))
        preprocessing = Preprocessing.from_json(json.dumps(entry_of(about, "preprocessing", dict)))
        classes, summary = classes_of(about), entry_of(about, "summary", dict)
        kind = task_named(entry_of(about, "task", str))
        task = kind.from_settings(classes, entry_of(about, "task_settings", dict) if "task_settings" in about else {})
        report = analyse(network)
    except UnknownTaskError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except MISREAD as error:
        raise ModelFileError(why_unread(path, about, error, "its metadata")) from None
    check_fit(path, report, preprocessing, task)
    module = _filled(path, report, header, about)
    if not all(_is_finite(tensor) for tensor in module.state_dict().values()):
        complain(path, "its weights are not all finite numbers", ignore_damage)
    return LoadedModel(network, module.eval(), preprocessing, task, summary)


def check_fit(path: Path, report: Report, preprocessing: Preprocessing, task: Task) -> None:
    """Raise ModelFileError where what a file says of its images and answers is not what its network takes and gives."""
    taken = (preprocessing.height, preprocessing.width, preprocessing.channels)
    own = task.images_of(report.network)
    if math.prod(taken) != math.prod(own):
        raise ModelFileError(
            f"{path}: expected images of {shape_text(own)}, which its network is for, received a "
            f"preprocessing that makes {shape_text(taken)}"
        )
    try:
        wanted = task.output(taken)[0]
    except SettingError as error:
        raise ModelFileError(f"{path}: {error}") from None
    if report.output_shape[-1] != wanted[-1]:
        what = "classes" if task.classes else "numbers"
        raise ModelFileError(
            f"{path}: expected {report.output_shape[-1]} {what}, one for each output of its network, received "
            f"{wanted[-1]}"
        )
    if len(wanted) == 2 and report.output_shape[-2:] != wanted:
        raise ModelFileError(
            f"{path}: expected answers of {shape_text(report.output_shape)}, as its network gives, received a task of "
            f"{shape_text(wanted)}; it was changed or damaged, so take a whole copy of it"
        )


def _filled(path: Path, report: Report, header: Header, about: Mapping[str, Any]) -> nn.Module:
    """Build the network around the file's weights, once it is known that they are its own."""
    try:
        with torch.device("meta"):  # which takes no memory for weights
            module: nn.Module = build(report.network)
    except LimitError as error:
        raise ModelFileError(f"{path}: {error}") from None
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    names = _names_in_file(own, header, about)
    stored = {names.get(name, name): each.shape for name, each in header.tensors.items()}
    if own != stored:
        raise ModelFileError(
            f"{path}: the weights do not fit the network {shortened(str(report.network), 200)}: {_unlike(own, stored)}"
        )
    kinds = {name: tensor.dtype for name, tensor in module.state_dict().items()}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            # copied, since they are the file itself, mapped into memory, which may be written over
            state = {names.get(n, n): file.get_tensor(n).to(kinds[names.get(n, n)], copy=True) for n in header.tensors}
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path}: not a whole safetensors file ({error})") from None
    module.load_state_dict(state, assign=True)
    return module


def _names_in_file(own: Iterable[str], header: Header, about: Mapping[str, Any]) -> dict[str, str]:
    """Return the module's name for each tensor of an older file, which had others; nothing for a file of today."""
    if all(name in header.tensors for name in own):
        return {}
    paths = older_paths(about["network"])
    split = ((name, *name.rpartition(".")) for name in own)
    return {f"{paths[path]}.{role}": name for name, path, _, role in split if path in paths}


def _unlike(own: Mapping[str, tuple[int, ...]], stored: Mapping[str, tuple[int, ...]]) -> str:
    for name, shape in own.items():
        if stored.get(name) != shape:
            there = shape_text(stored[name]) if name in stored else "none"
            return f"expected {name} of {shape_text(shape)}, received {there}"
    return f"nothing of it is called {next(name for name in stored if name not in own)!r}"


def _is_finite(tensor: torch.Tensor) -> bool:
    # one pass; a sum that overflows is looked at again
    return bool(tensor.sum().isfinite() or tensor.isfinite().all())
