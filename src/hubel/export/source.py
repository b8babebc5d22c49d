"""What is written: a network, its weights as NumPy arrays, and all that its file says; from a file, without torch."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from hubel.arch import Network, parse
from hubel.base.errors import MissingFileError, ModelFileError
from hubel.base.model_file import classes_of, entry_of, name_of, read_model_file, why_unread
from hubel.base.plain import MISREAD
from hubel.data.prepare.preprocessing import Preprocessing

if TYPE_CHECKING:
    from hubel.tasks import LoadedModel

Array: TypeAlias = npt.NDArray[np.float32]
Model: TypeAlias = "LoadedModel | Source | str | os.PathLike[str]"


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A trained network, ready to be written.

    network: the tree. arrays: its weights by their names in the state dict, laid out as PyTorch lays them out.
    preprocessing: how any image becomes its input. task, task_settings, classes, summary: as the model file has them.
    """

    network: Network
    arrays: Mapping[str, Array]
    preprocessing: Preprocessing
    task: str
    classes: tuple[str, ...]
    task_settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, model: Model) -> Source:
        """The source of a model: one that is loaded, or the path of a model file or of a run's folder, for which torch
        is not needed. Raises as `hubel.tasks.load_model` does.
        """
        if isinstance(model, Source):
            return model
        if isinstance(model, (str, os.PathLike)):
            return _read(model_path(model))
        state = model.module.state_dict()
        return cls(
            model.network,
            {name: tensor.detach().cpu().float().numpy() for name, tensor in state.items()},
            model.preprocessing,
            model.task.name,
            model.classes,
            model.task.settings(),
            model.summary,
        )


def model_path(place: str | os.PathLike[str]) -> Path:
    """Where the model of a run's folder lies, or the file itself. Raises FileNotFoundError where there is none."""
    path = Path(place)
    found = path / "model.safetensors" if path.is_dir() else path
    if not found.is_file():
        raise MissingFileError(f"no file {found}")
    return found


def _read(path: Path) -> Source:
    import safetensors
    from safetensors.numpy import load_file

    _, about = read_model_file(path)
    try:
        network = dataclasses.replace(parse(entry_of(about, "network", str)), name=name_of(about))
        preprocessing = Preprocessing.from_json(json.dumps(entry_of(about, "preprocessing", dict)))
        return Source(
            network,
            load_file(path),
            preprocessing,
            entry_of(about, "task", str),
            classes_of(about),
            about.get("task_settings", {}),
            entry_of(about, "summary", dict),
        )
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path}: not a whole safetensors file ({error})") from None
    except MISREAD as error:
        raise ModelFileError(why_unread(path, about, error, "its metadata")) from None
