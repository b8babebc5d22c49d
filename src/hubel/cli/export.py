"""`hubel export`: a trained run as a file that others run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.errors import HubelError, SettingError
from hubel.base.names import listing
from hubel.base.numbers import counted
from hubel.cli._finish import Answer, finish
from hubel.cli._making import add_asking, asked
from hubel.cli._numbers import real
from hubel.cli._output import tell
from hubel.cli._trained import add_device, check_order, open_model, own_source, read, reading, reading_for
from hubel.tasks.decoding import VIEWS

if TYPE_CHECKING:
    from hubel.data import Dataset
    from hubel.export.forms import Calibration
    from hubel.tasks import LoadedModel

DESCRIPTION = """Write a run's model in a form that others run, with its preparation inside.

Before the file is put in its place it is run, on 64 of your pictures (the run's own data, or --check DATA) and on forty
odd ones (turned by EXIF, 16 bits, CMYK, transparent, a pixel wide, huge …), and its answers are compared with those of
`hubel predict`; where they differ by more than rounding, nothing is written (exit status 2). Of eight bits it is told
by how much they differ, and how many pictures get another class."""
EXAMPLES = """  hubel export runs/photos -o photos.onnx
  hubel export runs/photos -o photos.onnx --input sized --check shots/
  hubel export runs/photos -o photos.onnx --json | jq .check.largest
  hubel export runs/photos -o small.onnx --int8 photos/
  hubel export runs/photos -o colleague/ --to package
  hubel export runs/photos -o photos.html
  hubel export runs/cells -o cells.onnx --views 1
  hubel predict photos.onnx cat.jpg"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_or_model", metavar="RUN", help="a run's directory, or a model file")
    parser.add_argument(
        "-o", "--output", dest="place", type=Path, required=True, metavar="PATH", help="the file or folder to write"
    )
    parser.add_argument("--to", metavar="FORM", help="the form (default: by the ending of PATH): " + _forms())
    parser.add_argument(
        "--input",
        choices=("image", "sized", "tensor"),
        help="what an ONNX file takes: images of any size, of the network's own size, or the network's own numbers "
        "(default: image, where the file can hold the preparation)",
    )
    parser.add_argument(
        "--check",
        metavar="DATA",
        help="pictures to compare on: a folder, a pattern, a list, a set (default: the run's)",
    )
    parser.add_argument(
        "--int8",
        metavar="DATA",
        help="of ONNX: eight bits, with ranges from these labelled pictures; figures and speed beside the float file's",
    )
    parser.add_argument(
        "--most-lost",
        type=real(0, 1),
        default=0.01,
        metavar="SHARE",
        help="how much of the primary figure eight bits may lose (default 0.01); more is refused",
    )
    add_device(parser, "cpu")
    add_asking(parser, VIEWS)
    parser.add_argument("--json", action="store_true", help="print one JSON value")


def _forms() -> str:
    from hubel.export.forms import FORMS

    def ends(endings: Sequence[str]) -> str:
        said = ["a folder" if ending == "/" else ending for ending in endings if ending]
        return f" ({', '.join(said)})" if said else ""

    return "; ".join(f"{name}, {form.words}{ends(form.endings)}" for name, form in FORMS.items())


def run(arguments: Namespace) -> int:
    """Write it, and say how far it is from what it was written from."""
    from hubel.export.exported import export
    from hubel.export.forms import form_of
    from hubel.view.words.terminal import with_progress

    check_order("export", arguments.run_or_model)
    form = form_of(arguments.place, arguments.to)  # refused before any work
    model = open_model(arguments.run_or_model, arguments.device)
    if how := asked(arguments, model.task.name):
        model = model.asked(**how)
    check = _pictures(arguments, model)
    labelled = _labelled(arguments) if form == "package" else None
    calibration = _calibration(arguments, model) if arguments.int8 else None
    found = with_progress(
        "exporting",
        lambda show: export(
            model,
            arguments.place,
            to=form,
            input=arguments.input,
            check=check,
            labelled=labelled,
            int8=calibration,
            most_lost=arguments.most_lost,
            progress=show,
        ),
    )
    answer = Answer(data=found.data, lines=lambda width: found.lines(), notes=found.notes)
    return finish(Namespace(output=None, json=arguments.json), answer)


def _pictures(arguments: Namespace, model: LoadedModel) -> Sequence[Any]:
    """Pictures to compare on: those of --check, or of the run's data where that can be read."""
    from hubel.tasks.decoding import decoding_of

    if decoding_of(model.task.name).sees_none:
        if arguments.check is not None:
            raise SettingError(f"expected no --check, since {model.task.name} is compared on numbers that are drawn")
        return ()
    if arguments.check is not None:
        return _of(reading(_asked(arguments.check), model.task.images_of(model.network)))
    try:
        _, settings = own_source(Path(arguments.run_or_model))
        return _of(settings)
    except (HubelError, OSError) as error:
        tell(f"compared on odd pictures alone, since the run's own cannot be had ({error}); --check DATA names others")
        return ()


def _labelled(arguments: Namespace) -> tuple[str, Dataset] | None:
    """The part of the run's data that tells best how good it is; None where it cannot be read."""
    parts = _own_parts(arguments)
    if parts is None:  # said where pictures are looked for
        return None
    name = next((each for each in ("test", "validation") if each in parts), None)
    return None if name is None else (name, parts[name])


def _own_parts(arguments: Namespace, source: str | None = None) -> dict[str, Dataset] | None:
    """The run's parts, with what was held out; None where they cannot be read, or `source` is not the data it had."""
    try:
        run, settings = own_source(Path(arguments.run_or_model))
        if source is not None and Path(settings["source"]).resolve() != Path(source).resolve():
            return None
        return run.parted(read(**settings)).parts()
    except (HubelError, OSError):
        return None


def _calibration(arguments: Namespace, model: LoadedModel) -> Calibration:
    """Ranges from the part to train on, figures from another one where there is any: of the run's own data the part
    that was held out.
    """
    from hubel.data import align
    from hubel.export.forms import Calibration

    source = arguments.int8
    parts = _own_parts(arguments, source)
    if parts is None:
        parts = read(**reading_for(_asked(source, arguments.run_or_model), model)).parts()
    name = next(each for each in ("test", "validation", "train") if each in parts)
    dataset, notes = align(parts[name], model.classes)
    if name == "train":
        notes = (*notes, f"{source} has one part, on which both the ranges and the figures are taken")
    for note in notes:
        tell(note)
    return Calibration(parts["train"].images, (name, dataset))


def _asked(source: str, run_or_model: str = "") -> Namespace:
    return Namespace(data=source, run_or_model=run_or_model, fit="auto", bad_images="skip")


def _of(settings: dict[str, Any]) -> Sequence[Any]:
    """The files of a source, or where it is arrays, an archive or a table, its images of the network's size."""
    from hubel.data import image_files
    from hubel.export.check import evenly
    from hubel.view.words.terminal import with_progress

    source = settings["source"]
    place = Path(source)
    if place.is_dir() or (place.is_file() and place.suffix.lower() in (".txt", ".jpg", ".jpeg", ".png")):
        told: list[str] = []
        found: Sequence[Any] = image_files(source, told)
        for note in told:
            tell(note)
        if settings.get("bad_images") != "skip":
            return found
        return with_progress("reading pictures to compare on", lambda show: _readable(evenly(found)))
    parts = read(**settings).parts()
    name = next(each for each in ("test", "validation", "train") if each in parts)
    images: Any = parts[name].images
    return with_progress("fetching pictures to compare on", lambda show: list(images))


def _readable(paths: Sequence[Any]) -> list[Any]:
    """The files that can be read; the others are told."""
    reasons = [(path, _why_unread(path)) for path in paths]
    left = [why for _, why in reasons if why]
    if left:
        tell(f"left out of the comparison: {counted(len(left), 'file')} that cannot be read ({listing(left, 1)})")
    return [path for path, why in reasons if not why]


def _why_unread(path: Any) -> str:
    from hubel.data import ImageError, read_image

    try:
        read_image(path)
    except ImageError as error:
        return str(error)
    return ""
