"""The forms that a model leaves in: what each file ends with, who writes it, and those that are not there and why."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from hubel.base.errors import SettingError
from hubel.base.names import hint, listing

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from hubel.data import Dataset
    from hubel.export.check import Picture
    from hubel.tasks import LoadedModel

    # uint8 N×H×W×C to probabilities, classes in axis 1
    Runner: TypeAlias = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.floating]]


@dataclass(frozen=True, eq=False)
class Calibration:
    """Pictures for eight bits: `images` (uint8 N×H×W×C) that ranges come from, and what figures are measured on: a
    part's name and its images with what is true of them.
    """

    images: npt.NDArray[np.uint8]
    measured: tuple[str, Dataset]


@dataclass(frozen=True, eq=False)
class Order:
    """What is to be written.

    input: what was asked for; None leaves it to the form. path: where it will lie, by which some forms name things.
    pictures: of the user's, to compare on. labelled: a part's name and its images of the network's size with what is
    true of them, by which a card tells figures. calibration: what eight bits are made with, where they are wanted;
    they may lose at most a share `most_lost` of the primary figure.
    """

    model: LoadedModel
    input: str | None
    path: Path
    pictures: Sequence[Picture] = ()
    labelled: tuple[str, Dataset] | None = None
    calibration: Calibration | None = None
    most_lost: float = 0.01

    @property
    def title(self) -> str:
        """What its reader may call it: as the file is called, or the folder."""
        path = self.path.absolute()
        return path.parent.name if path.stem == "index" else path.stem if path.suffix else path.name


@dataclass(frozen=True, eq=False)
class Written:
    """A model in a form, not yet in its place.

    files: contents by their names in the folder; of a form that is one file, it alone, under "". input: what the form
    takes ("image", "sized", "tensor"; see `onnx_model`). run: what computes its answers, and `runtime`: the name of
    that; None where nothing here can. also: what else here computes them, by name. read: how it reads a picture, where
    it does that itself. bounded: whether its answers may differ by rounding alone; those of eight bits are told, not
    bounded. notes: what was decided, in sentences. facts: more, as plain values.
    """

    files: Mapping[str, bytes]
    input: str
    run: Runner | None
    runtime: str = ""
    read: Callable[[Picture], npt.NDArray[np.uint8]] | None = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    also: Mapping[str, Runner] = field(default_factory=dict)
    bounded: bool = True


@dataclass(frozen=True)
class Form:
    """A form.

    endings: of file names, "/" for a folder; none of a form that is asked for by name. writer: module and function.
    words: what it is.
    """

    endings: tuple[str, ...]
    writer: str
    words: str

    def write(self, order: Order) -> Written:
        """Write a model in this form."""
        module, _, name = self.writer.partition(":")
        found: Written = getattr(importlib.import_module(module), name)(order)
        return found


FORMS: dict[str, Form] = {
    "onnx": Form((".onnx",), "hubel.export.onnx.form:written_onnx", "one ONNX file (opset 18)"),
    "web": Form((".html", "/"), "hubel.export.page.form:written_page", "a page that works off line"),
    "package": Form(
        (),
        "hubel.export.package.form:written_package",
        "a folder for a colleague: a model, a short program, its test, a Dockerfile and a card",
    ),
    "keras": Form((".keras",), "hubel.export.keras:written_keras", "a Keras model"),
    "openvino": Form((), "hubel.export.openvino:written_openvino", "a folder with OpenVINO's model.xml and model.bin"),
    "torch": Form((".pt2",), "hubel.export.torch:written_torch", "an exported PyTorch program"),
}
ABSENT = {  # asked for, and not there
    "tflite": "LiteRT's converters need TensorFlow, or pin another version of PyTorch; ONNX Runtime runs the ONNX "
    "file on phones",
    "coreml": "Apple's converter runs what it writes on macOS alone, and what is not checked does not leave; convert "
    "the ONNX file there",
    "tensorrt": "TensorRT writes engines for the one GPU that it runs on; it builds them from the ONNX file",
}
_ABSENT_ENDINGS = {".tflite": "tflite", ".mlpackage": "coreml", ".mlmodel": "coreml", ".engine": "tensorrt"}


def form_of(path: Path, to: str | None) -> str:
    """The name of the form that was asked for by name, or by the ending of a path. Raises SettingError where there is
    none such, with the reason where there is one.
    """
    absent = to if to in ABSENT else _ABSENT_ENDINGS.get(path.suffix.lower()) if to is None else None
    if absent is not None:
        raise SettingError(f"hubel does not write {absent}: {ABSENT[absent]}")
    if to is not None:
        if to not in FORMS:
            raise SettingError(f"expected a form, {listing(FORMS, 12)}, received {to!r}{hint(to, FORMS)}")
        endings = FORMS[to].endings
        if endings and "/" not in endings and path.suffix and path.suffix.lower() not in endings:
            raise SettingError(f"expected a file that ends with {listing(endings)} for {to}, received {str(path)!r}")
        return to
    ending = "/" if path.is_dir() or not path.suffix else path.suffix.lower()
    fitting = [name for name, form in FORMS.items() if ending in form.endings]
    if len(fitting) == 1:
        return fitting[0]
    known = listing([f"{ending} ({name})" for name, form in FORMS.items() for ending in form.endings], 20)
    raise SettingError(f"expected a path that ends with {known}, received {str(path)!r}; or say the form with --to")
