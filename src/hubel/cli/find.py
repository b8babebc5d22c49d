"""`hubel find`: images that a trained network takes for alike."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from hubel.base.errors import MissingFileError, SettingError
from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._heard import tell_heard
from hubel.cli._numbers import whole
from hubel.cli._output import tell
from hubel.cli._trained import add_device, check_order, open_model

if TYPE_CHECKING:
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
    from hubel.view.words.terminal import with_progress

    path = _index_path(arguments, given)
    model = open_model(given, arguments.device)
    update = with_progress("indexing", lambda show: update_index(model, folder, path, show))
    finish(arguments, Answer.of(update, notes=[f"hubel: {note}" for note in update.notes]))
    return 0 if len(update.index) else 1


def _find(arguments: Namespace, given: str, images: list[str]) -> int:
    from hubel.look.retrieve.find import Alike, find
    from hubel.tasks import need_files

    path = _index_path(arguments, given)
    model = open_model(given, arguments.device)
    need_files(model, "finding")
    if not path.exists():
        raise MissingFileError(f"{path}: there is no index yet; make one with: hubel find index {given} FOLDER")
    asked = [image for image in images if _readable(model, image)]
    found = find(model, path, asked, arguments.top)
    if asked:
        rule = model.preprocessing
        heard = tell_heard([(image, None) for image in asked], rule) if rule.fit == "time" else ()
        finish(arguments, Answer.of(Alike(tuple(asked), found, tuple(heard))))
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


def _index_path(arguments: Namespace, given: str) -> Path:
    if arguments.index is not None:
        chosen: Path = arguments.index
        return chosen
    path = Path(given)
    return path / "find.safetensors" if path.is_dir() else path.with_name(f"{path.stem}.find.safetensors")
