"""`hubel predict`: what a trained run sees in images."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hubel.base.errors import SettingError
from hubel.cli._finish import writable
from hubel.cli._numbers import real, whole
from hubel.cli._output import print_json, tell
from hubel.cli._trained import open_model

if TYPE_CHECKING:
    from hubel.base.download import Progress
    from hubel.tasks import Answer, LoadedModel
    from hubel.view.tables import Cell, Table

    Found: TypeAlias = dict[str, Any]

DESCRIPTION = """Name the class of each image, with probabilities; for segmentation write its mask and an overlay.
Images may be of any size and colour: the model file says how they become its input. A file that cannot be read is named
on stderr, and the rest goes on (exit status 1).

IMAGE is a file, a folder (with all below it), a pattern in quotes, a list (.txt, a path a line; .csv), or - for
standard input: an image, or a list."""
EXAMPLES = """  hubel predict runs/lenet5-mnist digit.png
  hubel predict runs/lenet5-mnist *.png --top 3
  hubel predict runs/photos shots/ -o predictions.csv --threshold 0.8
  find shots -newer last | hubel predict runs/photos - -o predictions.jsonl
  hubel predict runs/lenet5-mnist digit.png --json | jq '.[0].class'
  hubel predict runs/unet-streets street.jpg -o masks/"""

AT_ONCE = 256  # images in one forward pass
FILES = (".csv", ".md", ".tex", ".jsonl", ".json")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_or_model", metavar="RUN", help="a run's directory, or a model file")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, patterns, lists, or -")
    parser.add_argument("--top", type=whole(), default=3, metavar="K", help="how many classes to show (default 3)")
    parser.add_argument(
        "--threshold",
        type=real(0, 1),
        default=0.0,
        metavar="P",
        help="leave images without a class whose likeliest one has less than this probability",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON list, an object for each image")
    parser.add_argument(
        "-o",
        "--output",
        type=_place,
        metavar="PATH",
        help=f"write a file, by its ending {', '.join(FILES)}; of tasks whose answers are pictures the folder where "
        "they go (segmentation: IMAGE-mask.png, IMAGE-overlay.png)",
    )


def _place(text: str) -> Path:
    """Read -o: a file by its ending, or the name of a folder, which is made where there is none."""
    path = Path(text)
    return writable(path) if path.suffix.lower() in FILES else path


def run(arguments: Namespace) -> int:
    """Print what the model sees in each image."""
    from hubel.view.terminal import with_progress

    model = open_model(arguments.run_or_model)
    _check(arguments, model)
    images = _meant(arguments.images)
    found = with_progress("predicting", lambda show: list(_answers(model, images, arguments, show)))
    told = [{name: value for name, value in one.items() if name not in ("words", "files")} for one in found]
    if arguments.output is not None and not model.task.draws:
        _write(arguments.output, told)
        print(f"wrote {arguments.output}", file=sys.stderr if arguments.json else sys.stdout)
    elif not arguments.json:
        _show(found)
    if arguments.json:
        print_json(told)
    _sum_up(found, arguments)
    return 1 if any("error" in one for one in found) else 0


def _check(arguments: Namespace, model: LoadedModel) -> None:
    if model.task.draws:
        if arguments.threshold:
            raise SettingError(f"--threshold is of classes of images, not of {model.task.name}")
    elif arguments.output is not None and arguments.output.suffix.lower() not in FILES:
        raise SettingError(
            f"expected -o with a file that ends with {', '.join(FILES)}, received {str(arguments.output)!r}"
        )


def _meant(given: Sequence[str]) -> list[tuple[str, bytes | None]]:
    """The images that are meant by name, and the bytes of one from standard input."""
    from hubel.data import image_files, listed

    found: list[tuple[str, bytes | None]] = []
    for place in given:
        if place != "-":
            found += [(path, None) for path in image_files(place)]
            continue
        content = sys.stdin.buffer.read()
        try:
            found += [(path, None) for path in listed(content.decode().splitlines(), Path())]
        except UnicodeDecodeError:  # a list is text, and an image is not
            found.append(("-", content))
    if not found:
        raise SettingError("expected images, or a list of them, on standard input; received nothing")
    return found


def _answers(
    model: LoadedModel, images: Sequence[tuple[str, bytes | None]], arguments: Namespace, show: Progress | None
) -> Iterator[Found]:
    """What the model says of each image, in order: of many at once where its answers need only what it was shown."""
    for start in range(0, len(images), AT_ONCE):
        some = images[start : start + AT_ONCE]
        if model.task.draws:
            answers = [_answer_of(model, content or path, arguments.top) for path, content in some]
        else:
            answers = _together(model, some, arguments.top)
        for (path, _), answer in zip(some, answers, strict=True):
            yield _as_found(path, answer, arguments)
        if show is not None:
            show("predicting", start + len(some), len(images))


def _answer_of(model: LoadedModel, image: str | bytes, top: int) -> Answer | Exception:
    from hubel.data import ImageError

    try:
        return model.task.answer(model, image, top)
    except (ImageError, OSError) as error:
        return error


def _together(model: LoadedModel, some: Sequence[tuple[str, bytes | None]], top: int) -> list[Answer | Exception]:
    import numpy as np

    from hubel.data import prepared

    ready = list(prepared(model.preprocessing, [path if content is None else content for path, content in some]))
    batch = [image for image in ready if isinstance(image, np.ndarray)]
    answers = iter(model.task.answers(model, np.stack(batch), top) if batch else [])
    return [image if isinstance(image, Exception) else next(answers) for image in ready]


def _as_found(path: str, answer: Answer | Exception, arguments: Namespace) -> Found:
    if isinstance(answer, Exception):
        tell(answer)
        return {"image": path, "error": str(answer)}
    data, words = answer.data(), answer.words()
    if arguments.threshold and data["probability"] < arguments.threshold:
        data, words = {**data, "class": None}, ("?", f"{words[0]} {words[1]}", *words[2:])
    written = _written(answer, path, arguments.output)
    return {"image": path, **data, **written, "words": words, "files": list(written.values())}


def _written(answer: Answer, path: str, folder: Path | None) -> dict[str, str]:
    """Write an answer's pictures as PNGs named after the image, and return where they lie, by what they are."""
    from PIL import Image

    pictures, folder = answer.pictures(), folder or Path()
    if pictures:
        folder.mkdir(parents=True, exist_ok=True)
    places = {kind: folder / f"{Path(path).stem}-{kind}.png" for kind in pictures}
    for kind, pixels in pictures.items():
        Image.fromarray(pixels).save(places[kind])
    return {kind: str(place) for kind, place in places.items()}


def _write(path: Path, told: Sequence[Found]) -> None:
    """Write what was found, whole or not at all, by the file's ending."""
    from hubel.base.files import write_atomically
    from hubel.base.words import json_text

    ending = path.suffix.lower()
    if ending == ".json":
        content = json_text(list(told)) + "\n"
    elif ending == ".jsonl":
        content = "".join(json_text(one) + "\n" for one in told)
    else:
        table = _table(told)
        content = {".csv": table.csv, ".md": table.markdown, ".tex": table.latex}[ending]()
    write_atomically(path, content)


def _table(told: Sequence[Found]) -> Table:
    """A row an image: its class and probability, the next likeliest ones, and why where there is none."""
    from hubel.view.tables import Table

    most = max((len(one.get("top", ())) for one in told), default=1)
    titles = ["image", "class", "#probability"]
    for number in range(2, most + 1):
        titles += [f"class {number}", f"#probability {number}"]
    rows: list[tuple[Cell, ...]] = []
    for one in told:
        others = [cell for each in one.get("top", ())[1:] for cell in (each["class"], each["probability"])]
        first = [one["image"], one.get("class"), one.get("probability"), *others]
        rows.append((*first, *[None] * (len(titles) - len(first)), one.get("error")))
    return Table((*titles, "error"), rows)


def _show(found: Sequence[Found]) -> None:
    from hubel.view.terminal import console, styled, table

    rows = []
    for one in found:
        if "error" not in one:
            first, *rest = one["words"]
            others = (styled("[dim]{}[/]", each) for each in rest[1:])
            rows.append((one["image"], styled("[bold]{}[/]", first), *rest[:1], *others))
    if rows:
        console().print(table(rows=rows, gap=3))
    for place in (place for one in found for place in one.get("files", ())):
        console().print(f"written: {place}", soft_wrap=True)


def _sum_up(found: Sequence[Found], arguments: Namespace) -> None:
    """Say how many have no class, where some have none."""
    unread = sum("error" in one for one in found)
    unsure = sum("class" in one and one["class"] is None for one in found)
    if unread and len(found) > 1:
        tell(f"{unread:,} of {len(found):,} images cannot be read")
    if unsure:
        tell(f"{unsure:,} of {len(found):,} images have no class of at least {arguments.threshold:g}")
