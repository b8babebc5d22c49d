"""Models that are no tree in files: safetensors, with what each layer is called on in the metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch

from hubel.base.errors import ModelFileError, SettingError
from hubel.base.files import write_atomically
from hubel.base.headers import BLANK, signed
from hubel.base.model_file import ENTRY, FORMAT, WIRED, read_model_file, why_unread
from hubel.base.words import json_text

if TYPE_CHECKING:
    from hubel.model.networks.model import Model


def write(path: str | Path, model: Model, summary: dict[str, Any]) -> Path:
    """Write layers, what each is called on, and weights. Raises SettingError for a layer of a user's own."""
    for layer in model.inside():
        if layer.is_own and not layer.is_in_files:
            raise SettingError(
                f"expected a model that a file can hold, received one that has {layer.name}, a layer of your own "
                f"({type(layer).__name__}): keep its weights by get_weights, and make the model anew by its program"
            )
    about = {
        "sha256": BLANK,
        "format": FORMAT,
        WIRED: model.get_config(),
        "kind": type(model).__name__,
        "has": model.why_no_tree or "a flattened picture beside other numbers",
        "classes": list(model.classes or ()),
        "summary": summary,
    }
    tensors = {f"{number:05}": weight.value.contiguous().clone() for number, weight in enumerate(model.weights)}
    content = safetensors.torch.save(tensors, metadata={ENTRY: json_text(about)})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, signed(content))
    return path


def read(path: str | Path, custom_objects: Any = None) -> tuple[Model, dict[str, Any]]:
    """Return the model and its summary. Raises ModelFileError."""
    from hubel.model.saving.configs import described

    _, about = read_model_file(Path(path), wired=True)
    try:
        kind = {"Sequential": "Sequential"}.get(str(about["kind"]), "Model")
        model: Model = described(kind, about[WIRED], custom_objects)
        model.classes = tuple(about["classes"]) or None
        summary = dict(about["summary"])
    except (SettingError, TypeError, AttributeError, KeyError, IndexError, ValueError) as error:
        raise ModelFileError(why_unread(Path(path), about, error, "its metadata")) from error
    fill(path, model)
    return model, summary


def fill(path: str | Path, model: Model) -> None:
    """Put the file's weights into a model. Raises ModelFileError where they are of another."""
    read_model_file(Path(path), wired=True)
    with safetensors.safe_open(path, framework="pt") as file:
        arrays = [file.get_tensor(name).numpy() for name in sorted(file.keys())]
    try:
        model.set_weights(arrays)
    except SettingError as error:
        raise ModelFileError(f"{path}: the weights do not fit {model.name}: {error}") from None
