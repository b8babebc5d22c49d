"""`hubel predict`: what a trained run sees in images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.cli._numbers import whole
from hubel.cli._output import print_json, tell
from hubel.cli._trained import open_model

if TYPE_CHECKING:
    from hubel.tasks import Answer, LoadedModel

DESCRIPTION = """Name the class of each image, with probabilities; for segmentation write its mask and an overlay.
Images may be of any size and colour: the model file says how they become its input. A file that cannot be read is named
on stderr, and the rest goes on (exit status 1)."""
EXAMPLES = """  hubel predict runs/lenet5-mnist digit.png
  hubel predict runs/lenet5-mnist *.png --top 3
  hubel predict runs/lenet5-mnist digit.png --json | jq '.[0].class'
  hubel predict runs/unet-streets street.jpg -o masks/"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_or_model", metavar="RUN", help="a run's directory, or a model file")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image files")
    parser.add_argument("--top", type=whole(), default=3, metavar="K", help="how many classes to show (default 3)")
    parser.add_argument("--json", action="store_true", help="print a JSON list, an object for each image")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="DIR",
        help="where pictures go, of tasks whose answers are some (segmentation: IMAGE-mask.png, IMAGE-overlay.png)",
    )


def run(arguments: Namespace) -> int:
    """Print what the model sees in each image."""
    model = open_model(arguments.run_or_model)
    if arguments.top < 1:
        raise SettingError(f"expected --top of at least 1, received {arguments.top}")
    if arguments.output and not model.task.draws:
        raise SettingError(f"-o is for answers that are pictures; those of {model.task.name} are words")
    found = [_predicted(model, path, arguments) for path in arguments.images]
    if arguments.json:
        print_json([{name: value for name, value in one.items() if name not in ("words", "files")} for one in found])
    else:
        _show(found)
    return 1 if any("error" in one for one in found) else 0


def _predicted(model: LoadedModel, path: str, arguments: Namespace) -> dict[str, Any]:
    from hubel.data import ImageError

    try:
        answer = model.task.answer(model, path, arguments.top)
    except (ImageError, OSError) as error:
        tell(error)
        return {"image": path, "error": str(error)}
    written = _written(answer, path, arguments.output)
    return {"image": path, **answer.data(), **written, "words": answer.words(), "files": list(written.values())}


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


def _show(found: list[dict[str, Any]]) -> None:
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
