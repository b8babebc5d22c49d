"""A model written in a form, checked against `predict`, and only then put in its place."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hubel.base.download import Progress
from hubel.base.errors import SettingError
from hubel.base.files import check_apart, made_place, place_for, replacing
from hubel.data import Dataset
from hubel.export.check import Check, Picture, SkewError, compared, evenly
from hubel.export.forms import FORMS, Calibration, Order, Written, form_of
from hubel.tasks import LoadedModel, need_examples
from hubel.tasks.decoding import decoding_of

TWO_VIEWS = (
    "its answers are of two views of a picture, as it is and mirrored, as the model's are; --views 1 (in Python "
    "hubel.export of model.asked(views=1)) writes one that looks once, in half the time"
)


@dataclasses.dataclass(frozen=True)
class Exported:
    """What was written.

    path: where it lies. form: its name. input: what it takes. bytes: how large it is. check: how far it is from
    `predict`; None where nothing here can run it. notes: what was decided, in sentences. facts: more, as plain values.
    """

    path: Path
    form: str
    input: str
    bytes: int
    check: Check | None
    notes: tuple[str, ...]
    facts: dict[str, Any]

    def data(self) -> dict[str, Any]:
        """Plain values."""
        check = None if self.check is None else self.check.data()
        return {**dataclasses.asdict(self), "path": str(self.path), "check": check, "notes": list(self.notes)}

    def lines(self) -> list[str]:
        """What came of it, in sentences."""
        words = FORMS[self.form].words
        checked = [] if self.check is None else [self.check.sentence()]
        return [f"wrote {self.path} ({self.bytes / 1e6:.2f} MB): {words}, input {self.input}", *checked]


def export(
    model: Any,
    path: str | os.PathLike[str],
    *,
    to: str | None = None,
    input: str | None = None,
    check: Sequence[Picture] = (),
    labelled: tuple[str, Dataset] | None = None,
    int8: Calibration | None = None,
    most_lost: float = 0.01,
    progress: Progress | None = None,
) -> Exported:
    """Write a trained model in a standard form, with its preparation inside; it is run on pictures before it is put in
    its place, and answers as `hubel predict` does.

    model: a `LoadedModel`, a `Run`, or the path of a run's folder or of a model file. path: the file, or the folder of
    forms that are several; the folder that it lies in is made. to: the form; by default what the path's ending says
    (see `FORMS`). input: "image" (any size), "sized" (the network's own) or "tensor", of forms that have the choice.
    check: pictures (paths, files' bytes or uint8 H×W×C), of which 64 are compared, besides forty odd ones. labelled:
    the name of a part that the model was not trained on, and the part, of which a card tells figures. int8: of ONNX,
    write eight bits, made with these pictures; refused where more than a share `most_lost` of the primary figure is
    lost. progress: is told what is being done, and of comparing, how many pictures of how many.

    Raises SkewError where the answers differ by more than rounding: nothing is written then. Raises SettingError for
    what this model cannot be written as.
    """
    place = Path(path)
    form = form_of(place, to)
    read = getattr(model, "directory", model)  # a run's, whose weights and checkpoints are the model
    if isinstance(read, (str, os.PathLike)):
        check_apart(place, [read])
    with _made(place.parent):  # what cannot be is said before any work
        if place.suffix.lower() in FORMS[form].endings:
            place_for(place)
        loaded = _loaded(model)
        if not (decoding_of(loaded.task.name).makes and form == "onnx"):
            need_examples(loaded, f"export to {form}", "hubel export RUN -o made.onnx")
        if int8 is not None and form != "onnx":
            raise SettingError(f"eight bits are written as ONNX, received {form}")
        pictures, show = evenly(check), progress or (lambda *how: None)
        show(f"writing {FORMS[form].words}", 0, 0)
        written = FORMS[form].write(Order(loaded, input, place, pictures, labelled, int8, most_lost))
        if input is not None and written.input != input:
            raise SettingError(f"expected no --input with {form}, which takes {written.input}, received {input}")
        found = None
        if written.run is not None:
            found = compared(loaded, written, pictures, show)
            if not found.passed:
                resizes = form == "onnx" and written.input == "image"
                instead = "; --input sized leaves resizing to who reads the file" * resizes
                raise SkewError(f"{place}: not written, since it would answer otherwise: {found.sentence()}{instead}")
        _put(place, written)
        size = sum(map(len, written.files.values()))
        notes = (*written.notes, *([TWO_VIEWS] if loaded.task.exchange is not None else []))
        return Exported(place, form, written.input, size, found, notes, dict(written.facts))


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Make a folder, and leave none of what was made where nothing comes to lie in it."""
    new = [each for each in (folder, *folder.parents) if not each.exists()]
    made_place(folder)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # of what something else lies in by now
            for each in new:
                each.rmdir()
        raise


def _loaded(model: Any) -> LoadedModel:
    if isinstance(model, LoadedModel):
        return model
    if isinstance(model, (str, os.PathLike)):
        from hubel.tasks import load_model
        from hubel.train import Run

        path = Path(model)
        return Run.open(path).model() if path.is_dir() else load_model(path)
    if hasattr(model, "model"):
        return _loaded(model.model())
    how = '; save it first, model.save("model.safetensors"), and export that' if hasattr(model, "save") else ""
    raise SettingError(f"expected a trained model, a run, or the path of one, received {type(model).__name__}{how}")


def _put(place: Path, written: Written) -> None:
    """Write the files, all or none."""
    if list(written.files) == [""]:
        if place.is_dir():
            raise SettingError(f"{place} is a folder; name a file in it")
        with replacing(place) as unfinished:
            unfinished.write_bytes(written.files[""])
        return
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    if place.exists():
        raise SettingError(f"expected a new or empty folder, received {place}, where something lies already")
    with replacing(place) as unfinished:
        for name, content in written.files.items():
            file = unfinished / name
            made_place(file.parent)
            file.write_bytes(content)
