"""`hubel predict`: what a trained run sees in images."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from hubel.base.errors import SettingError
from hubel.base.files import made_place, replacing
from hubel.base.names import listing, shortened
from hubel.base.words import json_text
from hubel.cli._finish import TABLES, TEXTS, Answer, finish, writable
from hubel.cli._heard import tell_heard
from hubel.cli._making import add_asking, asked, make
from hubel.cli._numbers import real, whole
from hubel.cli._output import tell, with_warnings
from hubel.cli._trained import add_engine, answering, check_order
from hubel.tasks.asking import all_asking, asking_of
from hubel.tasks.decoding import told_most

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.base.download import Progress
    from hubel.data import Preprocessing
    from hubel.export.ready import Opened
    from hubel.tasks import Answer as Answered
    from hubel.tasks import LoadedModel
    from hubel.view.words.tables import Table

    Found: TypeAlias = dict[str, Any]

DESCRIPTION = """Say what a model sees in each image: its class, with probabilities, its labels where it may have
several, its numbers; where answers are pictures (masks, boxes) write those too. A model that writes, plays or makes
pictures does so without images, as its options say.
Images may be of any size and colour: the model file says how they become its input. A file that cannot be read is named
on stderr, and the rest goes on (exit status 1).

IMAGE is a file, a folder (with all below it), a pattern in quotes, a list (.txt, a path a line; .csv), or - for
standard input: an image, or a list."""
EXAMPLES = """  hubel predict runs/lenet5-mnist digit.png
  hubel predict runs/lenet5-mnist *.png --top 3
  hubel predict runs/photos shots/ -o predictions.csv --threshold 0.8
  find shots -newer last | hubel predict runs/photos - -o predictions.jsonl
  hubel predict runs/lenet5-mnist digit.png --json | jq '.[0].class'
  hubel predict runs/unet-streets street.jpg -o masks/
  hubel predict runs/cells slide.jpg -o found.png --threshold 0.5
  hubel predict runs/pqn-ale-Pong -o game.gif
  hubel predict runs/lstm256-plays --prompt 'ROMEO:' --length 500 --temperature 0.8 --seed 1"""

AT_ONCE = 256  # images in one forward pass
FILES = (*TABLES, ".jsonl", *TEXTS)
PICTURE = ".png"  # of one image


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "run_or_model", metavar="RUN", help="a run's directory, a model file, or an exported .onnx or package"
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="files, folders, patterns, lists, or -")
    parser.add_argument("--top", type=whole(), metavar="K", help="how many classes to show (default 3)")
    parser.add_argument(
        "--threshold",
        type=real(0, 1),
        metavar="P",
        help="leave images without a class whose likeliest one has less than this probability; of several labels, say "
        "those of at least this one (default: a half), of objects likewise (default: where precision "
        "and recall together were highest on the validation images, or 0.3)",
    )
    add_engine(parser)
    add_asking(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list, an object for each image")
    parser.set_defaults(first_ending=FILES[0])
    drawn = {name: asking.pictures for name, asking in all_asking().items() if asking.pictures}
    pictures = "; ".join(f"{name}: {', '.join(f'IMAGE-{each}.png' for each in own)}" for name, own in drawn.items())
    parser.add_argument(
        "-o",
        "--output",
        type=_place,
        metavar="PATH",
        help=f"write a file, by its ending {', '.join(FILES)}; - prints what a {FILES[0]} file would hold; or, of "
        f"tasks whose answers are pictures, the folder where they go ({pictures}; default: here, with --json nowhere), "
        f"or of one image the file, {PICTURE}; of models that make something, {', '.join(_made())}",
    )


def _made() -> list[str]:
    """Endings of files for what models make."""
    return sorted({ending for asking in all_asking().values() for ending in asking.endings})


def _place(text: str) -> Path:
    """Read -o: a file by its ending, the name of a folder, or -."""
    path = Path(text)
    if any(len(os.fsencode(part)) > 255 for part in path.parts):
        raise ArgumentTypeError(f"expected names of at most 255 bytes, received {shortened(text, 60)}")
    if text == "-" or path.suffix.lower() in FILES:
        return path if text == "-" else writable(path)
    if path.suffix.lower() in (PICTURE, *_made()) and not path.is_dir():
        return writable(path)
    if path.suffix and not path.is_dir() and not text.endswith(("/", "\\")):
        return path  # which endings there are hangs on the model
    there = next((each for each in (path, *path.parents) if each.exists()), path)
    if there.exists() and not there.is_dir():
        raise ArgumentTypeError(f"{there} is a file, no folder")
    return path


def run(arguments: Namespace) -> int:
    """Print what the model sees in each image."""
    check_order("predict", arguments.run_or_model, *arguments.images)
    opened = answering(arguments, many=_are_many(arguments.images))
    how = asked(arguments, opened.model.task.name)
    if asking_of(opened.model.task.name).makes:
        return make(cast("LoadedModel", opened.model), how, arguments)
    if not arguments.images:
        raise SettingError("expected RUN and one or more images, such as: hubel predict runs/lenet5-mnist digit.png")
    if how:
        opened = replace(opened, model=cast("LoadedModel", opened.model).asked(**how))
    folder, arguments.top = _folder(arguments, opened), told_most(opened.model.task.name, arguments.top)
    images = _meant(arguments.images)
    names = {} if folder is None else _names([path for path, _ in images])
    places = {path: folder / name for path, name in names.items() if folder is not None}
    if _ending(arguments) == PICTURE:
        if len(images) > 1:
            raise SettingError(f"expected one image with -o {arguments.output}, received {len(images):,}; -o FOLDER")
        places, folder = {images[0][0]: arguments.output}, arguments.output.parent
    found = _found(partial(_answers, opened, images, arguments, places), len(images))
    if opened.model.preprocessing.fit == "time":
        answered = [(one, image) for one, image in zip(found, images, strict=True) if "error" not in one]
        for (one, _), note in zip(
            answered, tell_heard([sound for _, sound in answered], opened.model.preprocessing), strict=True
        ):
            one.update({"note": note} if note else {})
    if not how.get("windows"):
        _tell_cut(found, images, opened.model.preprocessing)
    told = [{name: value for name, value in one.items() if name not in ("words", "files", "rows")} for one in found]
    told = [{**one, "engine": opened.engine} for one in told]
    answer = Answer(
        data=lambda: told,
        lines=lambda width: _lines(found),
        tables=lambda: [_table(found)],
        content=(lambda ending, theme: "".join(f"{json_text(each)}\n" for each in with_warnings(told)))
        if _ending(arguments) == ".jsonl"
        else None,
    )
    finish(Namespace(**{**vars(arguments), "output": None if folder is not None else arguments.output}), answer)
    _sum_up(found, arguments)
    return 1 if any("error" in one for one in found) else 0


def _tell_cut(found: Sequence[Found], images: Sequence[tuple[str, bytes | None]], rule: Preprocessing) -> None:
    """Say of which images a good part is cut away, being of another form than those of the training, and note it with
    their answers.
    """
    from hubel.data.prepare.cut import all_cut_words, cut_of, cut_words

    cut = []
    for one, (path, content) in zip(found, images, strict=True):
        share = 0.0 if "error" in one else cut_of(rule, path if content is None else content)
        if share:
            one["note"] = cut_words(share)
            cut.append((path, share))
    if cut:
        tell(all_cut_words(cut))


def _ending(arguments: Namespace) -> str:
    return "" if arguments.output is None else arguments.output.suffix.lower()


def _folder(arguments: Namespace, opened: Opened) -> Path | None:
    """The folder where pictures go; None where a file or JSON alone is written, or the answers are no pictures."""
    output: Path | None = arguments.output
    draws = opened.model.task.draws
    if output not in (None, Path("-")) and _ending(arguments) not in ((*FILES, PICTURE, "") if draws else FILES):
        raise SettingError(
            f"expected -o with a file that ends with {', '.join(FILES)}, received {str(output)!r}: answers of "
            f"{opened.model.task.name} are {'pictures' if draws else 'no pictures'}"
        )
    if not draws:
        return None
    if output is None:
        return None if arguments.json else Path()
    if output != Path("-") and _ending(arguments) not in (*FILES, PICTURE):
        return output
    if _ending(arguments) == PICTURE:
        return None
    tell("the pictures are not written: -o names a file; -o FOLDER writes them")
    return None


def _names(paths: Sequence[str]) -> dict[str, str]:
    """What the pictures of each image are called: as it is, with as many of its folders as tell it from others of that
    name, and with a number where none do (a.png, a.jpg). Letters' case does not tell them apart, as on some disks.
    """
    alike: dict[str, list[str]] = {}
    for path in dict.fromkeys(paths):
        alike.setdefault(Path(path).stem.casefold(), []).append(path)
    names: dict[str, str] = {}
    taken = {stem for stem, those in alike.items() if len(those) == 1}
    for those in alike.values():
        parts = [Path(path).absolute().with_suffix("").parts[1:] for path in those]
        deepest = max(map(len, parts))
        depth = next((deep for deep in range(1, deepest + 1) if _differ(parts, deep)), 1)
        for path, each in zip(those, parts, strict=True):
            name = "-".join(each[-depth:])
            free = (name if number == 1 else f"{name}-{number}" for number in count(1))
            names[path] = name if len(those) == 1 else next(one for one in free if one.casefold() not in taken)
            taken.add(names[path].casefold())
    renamed = [path for path, name in names.items() if name != Path(path).stem]
    if renamed:
        told = listing([f"{path} as {names[path]}" for path in renamed], 3)
        tell(f"{len(renamed):,} images have the names of others; their pictures are named apart: {told}")
    return names


def _differ(parts: Sequence[tuple[str, ...]], deep: int) -> bool:
    return len({"-".join(each[-deep:]).casefold() for each in parts}) == len(parts)


def _are_many(given: Sequence[str]) -> bool:
    """Whether more than a hundred images are meant, as far as can be told before any is looked for."""
    return len(given) > 100 or not all(os.path.isfile(each) and not each.endswith((".txt", ".csv")) for each in given)


def _meant(given: Sequence[str]) -> list[tuple[str, bytes | None]]:
    """The images that are meant by name, and the bytes of one from standard input."""
    from hubel.data import image_files, listed, text_of_list

    found: list[tuple[str, bytes | None]] = []
    told: list[str] = []
    for place in given:
        if place != "-":
            found += [(path, None) for path in image_files(place, told, unread=True)]
            continue
        content = sys.stdin.buffer.read()
        try:
            found += [(path, None) for path in listed(text_of_list(content), Path())]
        except UnicodeDecodeError:  # a list is text, or begins with a file's name, and an image does not
            paths = listed(os.fsdecode(content), Path())
            found += [(path, None) for path in paths] if any(map(os.path.isfile, paths[:1])) else [("-", content)]
    for note in told:
        tell(note)
    if not found:
        raise SettingError("expected images, or a list of them, on standard input; received nothing")
    return found


def _answers(
    opened: Opened,
    images: Sequence[tuple[str, bytes | None]],
    arguments: Namespace,
    places: Mapping[str, Path],
    show: Progress | None,
) -> Iterator[Found]:
    """What the model says of each image, in order: of many at once where its answers need only what it was shown."""
    inputs = {Path(path).resolve() for path in places}
    answers = (
        _drawn(opened, images, arguments.top) if opened.model.task.draws else _named(opened, images, arguments.top)
    )
    for number, ((path, _), answer) in enumerate(zip(images, answers, strict=True), 1):
        yield _as_found(path, answer, arguments, places.get(path), inputs)
        if show is not None and (number % AT_ONCE == 0 or number == len(images)):
            show("predicting", number, len(images))


def _drawn(opened: Opened, images: Sequence[tuple[str, bytes | None]], top: int) -> Iterator[Answered | Exception]:
    return (_answer_of(opened, content or path, top) for path, content in images)


def _answer_of(opened: Opened, image: str | bytes, top: int) -> Answered | Exception:
    from hubel.data import ImageError

    try:
        return opened.answer(image, top)
    except (ImageError, OSError) as error:
        return error


def _named(opened: Opened, images: Sequence[tuple[str, bytes | None]], top: int) -> Iterator[Answered | Exception]:
    """Answers of many at once, while the next ones are decoded."""
    import numpy as np

    from hubel.data import prepared

    ready = prepared(opened.model.preprocessing, [path if content is None else content for path, content in images])
    while some := list(islice(ready, AT_ONCE)):
        batch = [image for image in some if isinstance(image, np.ndarray)]
        answers = iter(opened.answers(np.stack(batch), top) if batch else [])
        yield from (image if isinstance(image, Exception) else next(answers) for image in some)


def _as_found(
    path: str, answer: Answered | Exception, arguments: Namespace, place: Path | None, inputs: Container[Path]
) -> Found:
    if isinstance(answer, Exception):
        tell(answer)
        return {"image": path, "error": str(answer), "files": []}
    answer = answer if arguments.threshold is None else answer.above(arguments.threshold)
    written = {} if place is None else _written(answer, place, inputs)
    shown = {"words": answer.words(), "files": list(written.values()), "rows": answer.rows()}
    return {"image": path, **answer.data(), **written, **shown}


def _written(answer: Answered, place: Path, inputs: Container[Path]) -> dict[str, str]:
    """Write an answer's pictures as PNGs whose names begin with `place`, and return where they lie, by kind."""
    from PIL import Image

    pictures = answer.pictures()
    if place.suffix.lower() == PICTURE:  # the last is the one to look at
        pictures = dict(list(pictures.items())[-1:])
        places = dict.fromkeys(pictures, place)
    else:
        places = {kind: place.with_name(f"{place.name}-{kind}.png") for kind in pictures}
    for path in places.values():
        if path.resolve() in inputs:
            raise SettingError(f"{path} is one of the images, and is not replaced; name another folder with -o FOLDER")
    made_place(place.parent)
    for kind, pixels in pictures.items():
        with replacing(places[kind]) as unfinished:
            Image.fromarray(pixels).save(unfinished)
    return {kind: str(path) for kind, path in places.items()}


def _table(found: Sequence[Found]) -> Table:
    """A row an image: what the task says of it, and why where there is nothing."""
    from hubel.view.words.tables import Table

    titles = dict.fromkeys(title for one in found for row in one.get("rows", ()) for title in row)
    rows = tuple(
        (one["image"], *(row.get(title) for title in titles), one.get("error"))
        for one in found
        for row in one.get("rows", ({},))
    )
    return Table(("image", *titles, "error"), rows)


def _found(answers: Callable[[Progress | None], Iterator[Found]], count: int) -> list[Found]:
    """All answers, with a line of progress where that is worth importing what draws it."""
    if count == 1:
        return list(answers(None))
    from hubel.view.words.terminal import with_progress

    return with_progress("predicting", lambda show: list(answers(show)))


def _lines(found: Sequence[Found]) -> Iterator[RenderableType]:
    if len(found) == 1 and "error" not in found[0] and not sys.stdout.isatty():  # without importing rich
        yield "   ".join((found[0]["image"], *found[0]["words"])).rstrip()
        yield from (f"written: {place}" for place in found[0]["files"])
        return
    from hubel.view.words.terminal import styled, table

    rows = []
    for one in found:
        if "error" not in one:
            first, *rest = one["words"]
            others = (styled("[dim]{}[/]", each) for each in rest[1:])
            rows.append((one["image"], styled("[bold]{}[/]", first), *rest[:1], *others))
    if rows:
        yield table(rows=rows, gap=3)
    yield from (f"written: {place}" for one in found for place in one["files"])


def _sum_up(found: Sequence[Found], arguments: Namespace) -> None:
    """Say how many have no class, where some have none."""
    unread = sum("error" in one for one in found)
    unsure = sum("class" in one and one["class"] is None for one in found)
    if unread and len(found) > 1:
        tell(f"{unread:,} of {len(found):,} files cannot be read")
    if unsure:
        tell(f"{unsure:,} of {len(found):,} images have no class of at least {arguments.threshold:g}")
