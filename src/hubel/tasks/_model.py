"""The one-file model: weights in safetensors, and in the metadata all that is needed to use them."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from hubel.arch import Network, parse
from hubel.base.errors import ModelFileError as ModelFileError
from hubel.base.files import write_atomically
from hubel.base.headers import is_pickle
from hubel.data import Preprocessing
from hubel.nn import build

FORMAT = 1


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedModel:
    """A trained network with everything needed to use it.

    network: the tree it was built from; `str(model.network)` is its text form.
    module: the PyTorch module, in evaluation mode.
    preprocessing: how any image becomes its input.
    classes: the names of its outputs, in order.
    task: what it predicts; "classification".
    summary: what is known of its training (accuracy, loss, epochs, recipe, data, versions); plain JSON values.
    """

    network: Network
    module: nn.Module
    preprocessing: Preprocessing
    classes: tuple[str, ...]
    task: str = "classification"
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def save_model(
    path: str | os.PathLike[str],
    network: Network,
    weights: nn.Module | Mapping[str, torch.Tensor],
    *,
    preprocessing: Preprocessing,
    classes: Sequence[str],
    task: str = "classification",
    summary: Mapping[str, Any] | None = None,
) -> Path:
    """Write one self-contained safetensors file at `path`, whole or not at all, and return the path.

    `weights` is the module that was built from `network`, or its `state_dict`. Equal arguments give equal bytes.
    """
    state = weights.state_dict() if isinstance(weights, nn.Module) else weights
    # one entry, since safetensors writes several in no fixed order and equal models are to be equal files
    about = {
        "format": FORMAT,
        "task": task,
        "name": network.name,
        "network": str(network),
        "classes": list(classes),
        "preprocessing": json.loads(preprocessing.to_json()),
        "summary": dict(summary or {}),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    content = safetensors.torch.save(tensors, metadata={"hubel": json.dumps(about, ensure_ascii=False)})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    return path


def load_model(path: str | os.PathLike[str]) -> LoadedModel:
    """The model that `save_model` wrote; the random state is left as it was.

    Raises FileNotFoundError, or ModelFileError for a pickle (never opened, since it can run any code), a damaged
    file, a safetensors file that is not a model of this library, or weights that do not fit the network.
    """
    path = Path(path)
    if is_pickle(path):
        raise ModelFileError(
            f"{path}: expected a safetensors file, received a pickle (what torch.save writes), which can run any code "
            "when opened, so it was not; load its weights with torch.load(…, weights_only=True) and use save_model"
        )
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path}: not a whole safetensors file ({error}); was it cut short?") from None
    return _assemble(path, metadata, state)


def _assemble(path: Path, metadata: Mapping[str, str], state: dict[str, torch.Tensor]) -> LoadedModel:
    if "hubel" not in metadata:
        raise ModelFileError(
            f"{path}: expected the metadata entry 'hubel', received {sorted(metadata) or 'no metadata'}; "
            "it holds weights alone, without the network, classes and preprocessing"
        )
    try:
        about = json.loads(metadata["hubel"])
        version = about["format"]
        if version != FORMAT:
            raise ModelFileError(f"{path}: expected format {FORMAT}, received {version!r}; install a newer hubel")
        network = dataclasses.replace(parse(about["network"]), name=about["name"])
        preprocessing = Preprocessing.from_json(json.dumps(about["preprocessing"]))
        classes, task, summary = tuple(map(str, about["classes"])), str(about["task"]), dict(about["summary"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ModelFileError):
            raise
        raise ModelFileError(f"{path}: its metadata cannot be read: {type(error).__name__}: {error}") from None
    with torch.random.fork_rng(devices=[]):
        module: nn.Module = build(network)
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        raise ModelFileError(f"{path}: the weights do not fit the network {network}: {error}") from None
    return LoadedModel(network, module.eval(), preprocessing, classes, task, summary)
