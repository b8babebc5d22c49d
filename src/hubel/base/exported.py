"""What `hubel export` wrote, known by how it looks: what opens the forms that hubel's commands do not take."""

from __future__ import annotations

import zipfile
from contextlib import suppress
from os.path import isfile  # False, too, of what is far too long to be a path
from pathlib import Path

_TAKEN = "; predict, evaluate, serve and inspect take the run, its model file or hubel export RUN -o model.onnx"


def is_package(place: Path) -> bool:
    """Whether a folder is a package: a model.onnx, and no run."""
    return isfile(place / "model.onnx") and not any(isfile(place / name) for name in ("run.toml", "model.safetensors"))


def usable(place: Path) -> Path:
    """What commands open of a place: of a package, its model.onnx; else the place itself."""
    return place / "model.onnx" if is_package(place) else place


def other_form(place: Path) -> str:
    """What a file or folder is and what opens it, where hubel writes such and does not read it; else ""."""
    words = _of_file(place) if isfile(place) else _of_folder(place)
    return words and words + _TAKEN


def pytorch_form(file: Path) -> str:
    """What a file of PyTorch's is, and how its network gets to hubel; "" for another file."""
    names = set[str]()
    if zipfile.is_zipfile(file):
        with suppress(OSError, ValueError, zipfile.BadZipFile), zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    if any("/code/" in name for name in names):
        return "a TorchScript program: give the module that it was made of, as FILE.py:NAME, or export that to ONNX"
    if any(name.endswith("/data.pkl") for name in names) or file.suffix.lower() in (".pth", ".pt", ".ckpt", ".pkl"):
        return (
            "a PyTorch file, of weights or of a whole model as a pickle, and no network by itself (pickles run code, "
            "so none is opened): give what makes the module, and loads this into it, as FILE.py:NAME"
        )
    return ""


def _of_folder(folder: Path) -> str:
    if isfile(folder / "run.toml"):
        return ""
    if isfile(folder / "model.xml") and isfile(folder / "model.bin"):
        return "an OpenVINO model, whose model.xml openvino.Core().compile_model opens"
    return "a page, whose index.html a browser opens" if isfile(folder / "index.html") else ""


def _of_file(file: Path) -> str:
    ending = file.suffix.lower()
    if ending in (".html", ".htm"):
        return "a page, which a browser opens"
    if ending in (".xml", ".bin") and isfile(file.with_suffix(".xml")) and isfile(file.with_suffix(".bin")):
        return "a part of an OpenVINO model, whose .xml openvino.Core().compile_model opens"
    if not zipfile.is_zipfile(file):
        return ""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except (OSError, ValueError, zipfile.BadZipFile):
        return ""
    if names >= {"config.json", "metadata.json"}:
        return "a Keras model, which keras.models.load_model opens"
    # what torch.save writes is a zip as well, without this entry
    if any(name.endswith(("/archive_format", "serialized_exported_program.json")) for name in names):
        return "an exported PyTorch program, which torch.export.load opens"
    return ""
