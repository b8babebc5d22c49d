"""`hubel find`: images that a trained network takes for alike."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.errors import MissingFileError, SettingError
from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._numbers import whole
from hubel.cli._output import tell
from hubel.cli._trained import add_device, check_order, open_model

if TYPE_CHECKING:
    from hubel.look.retrieve.find import Update
    from hubel.tasks import LoadedModel

DESCRIPTION = """Find the images of a folder that are most like another, by what a trained network's last layer gets.

`hubel find index RUN FOLDER` looks at each image once and keeps its features beside the model; run it again when
images were added, changed or removed. `hubel find RUN IMAGE` then answers at once."""
EXAMPLES = """  hubel find index runs/photos ~/Pictures
  hubel find runs/photos cat.jpg
  hubel find runs/photos cat.jpg dog.jpg --top 10 -o alike.png
  hubel find runs/photos cat.jpg --json | jq -r '.images[0].found[].path'"""
USAGE = """hubel find index RUN FOLDER [--index FILE] [--json]
       hubel find RUN IMAGE [IMAGE ...] [--top K] [--index FILE] [-o FILE] [--json]"""

_NAMED = 10  # bad images that are named one by one


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.usage = USAGE
    parser.add_argument("words", nargs="+", metavar="RUN IMAGE", help="a run or a model file, then images to look for")
    parser.add_argument("--top", type=whole(), default=5, metavar="K", help="how many images to find (default 5)")
    parser.add_argument("--index", type=Path, metavar="FILE", help="the index (default: find.safetensors in the run)")
    add_device(parser)
    add_output(parser, *FIGURES, theme=True)


def run(arguments: Namespace) -> int:
    """Make an index, or look in one."""
    first, *rest = arguments.words
    if first == "index" and not Path("index").exists():
        if len(rest) != 2:
            raise SettingError(f"expected hubel find index RUN FOLDER, received {len(rest)} of these two")
        check_order("find index", *rest)
        return _index(arguments, *rest)
    if not rest:
        raise SettingError(f"expected an image to look for: hubel find {first} IMAGE")
    check_order("find", first, *rest)
    return _find(arguments, first, rest)


def _index(arguments: Namespace, given: str, folder: str) -> int:
    from hubel.look.retrieve.find import update_index
    from hubel.view.terminal import with_progress

    path = _index_path(arguments, given)
    model = open_model(given, arguments.device)
    update = with_progress("indexing", lambda show: update_index(model, folder, path, show))
    return finish(
        arguments, Answer(lambda: _report(update, path), lambda width: [_words(update, path)], notes=_left_out(update))
    )


def _report(update: Update, path: Path) -> dict[str, Any]:
    return {
        "index": str(path),
        "folder": str(update.index.folder),
        "images": len(update.index),
        "features": update.index.features.shape[1],
        "added": len(update.added),
        "changed": len(update.changed),
        "removed": len(update.removed),
        "computed": update.computed,
        "rejected": [{"path": name, "reason": reason} for name, reason in update.index.rejected],
    }


def _words(update: Update, path: Path) -> str:
    changes = {"added": update.added, "changed": update.changed, "removed": update.removed}
    words = ", ".join(f"{len(names):,} {what}" for what, names in changes.items() if names) or "nothing has changed"
    return (
        f"{len(update.index):,} images of {update.index.folder} in {path}: {words}; "
        f"{update.computed:,} went through the network"
    )


def _left_out(update: Update) -> list[str]:
    rejected = update.index.rejected
    if not rejected:
        return []
    more = f"; {len(rejected) - _NAMED:,} more are in --json" if len(rejected) > _NAMED else ""
    images = "image" if len(rejected) == 1 else "images"
    told = f"hubel: {len(rejected):,} {images} could not be read and left out{more}"
    return [*(f"hubel: {name}: {reason}" for name, reason in rejected[:_NAMED]), told]


def _find(arguments: Namespace, given: str, images: list[str]) -> int:
    from hubel.look.figures.find import plate
    from hubel.look.retrieve.find import find

    path = _index_path(arguments, given)
    model = open_model(given, arguments.device)
    if not path.exists():
        raise MissingFileError(f"{path}: there is no index yet; make one with: hubel find index {given} FOLDER")
    asked = [image for image in images if _readable(model, image)]
    found = find(model, path, asked, arguments.top)
    data = [
        {
            "image": image,
            "found": [{"path": str(one.path), "similarity": one.similarity, "same": one.same} for one in results],
        }
        for image, results in zip(asked, found, strict=True)
    ]
    if asked:
        named = [(Path(image).name, image) for image in asked]
        answer = Answer(lambda: {"images": data}, lambda width: _lines(data), figure=lambda: plate(named, found))
        finish(arguments, answer)
    return 0 if len(asked) == len(images) else 1


def _readable(model: LoadedModel, image: str) -> bool:
    """Whether an image can be read; where it cannot, that is said."""
    from hubel.data import ImageError

    try:
        model.preprocessing.prepare(image)
    except (ImageError, OSError) as error:
        tell(error)
        return False
    return True


def _lines(data: list[dict[str, Any]]) -> Iterator[str]:
    for one in data:
        if len(data) > 1:
            yield one["image"]
        for found in one["found"]:
            yield f"{found['similarity']:.3f}  {found['path']}{' (the same file)' if found['same'] else ''}"
        if not one["found"]:
            yield "the index is empty"


def _index_path(arguments: Namespace, given: str) -> Path:
    if arguments.index is not None:
        chosen: Path = arguments.index
        return chosen
    path = Path(given)
    return path / "find.safetensors" if path.is_dir() else path.with_name(f"{path.stem}.find.safetensors")
