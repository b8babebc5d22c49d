"""`hubel convolve`: a convolution or pooling by hand, every product and the running sum."""

from __future__ import annotations

import os
import re
import sys
from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.base.files import read_text
from hubel.cli._finish import FIGURES, TABLES, Answer, add_output, finish
from hubel.cli._finish import PICTURES as WRITTEN
from hubel.look.byhand.convolve import ACTIVATIONS, Convolution, Pooling, convolve, plain_grid, pool
from hubel.look.byhand.grids import Number, Planes, read_number, read_planes
from hubel.look.byhand.kernels import KERNELS, Kernel, read_kernel
from hubel.look.byhand.pictures import picture_file, read_picture

if TYPE_CHECKING:
    from hubel.arch import Padding, Pair

DESCRIPTION = """Slide a kernel over an image and show every product and the running sum; or pool it.

IMAGE and KERNEL are numbers in quotes (rows separated by ' / ', ';' or new lines, channels by '|', '//' or an empty
line), or a file of them; IMAGE may be a picture, or - for standard input, KERNEL a name. As in networks, the kernel is
not turned (strictly a cross-correlation); --flip turns it by 180° first: the convolution of mathematics.

-o writes the output as a picture or a table; .svg, .pdf, .html and .apng show the window at work, as `hubel look
convolve` draws it."""
EXAMPLES = """  hubel convolve '122 134 124 25 45 / 153 210 112 47 96 / 66 48 68 45 45 / 11 123 45 78 128' '1 -1 / 1 0'
  hubel convolve '1 1 2 4 / 5 6 7 8 / 3 2 1 0 / 1 2 3 4' --pool max
  hubel convolve photo.jpg emboss --shrink 64 -o embossed.png
  hubel convolve '1 2 3 / 4 5 6 / 7 8 9' edge --padding same --step 1,1
  hubel convolve --list"""

MOST_PRODUCTS = 60_000_000
MOST_PRODUCTS_SHOWN = 300_000
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


@dataclass(frozen=True, slots=True)
class Source:
    """An image as numbers, and the file it came from if it is a picture."""

    planes: Planes
    picture: str = ""


AS_TABLE = tuple(ending for ending in TABLES if ending not in FIGURES)
POOLS = ("max", "average")
DRAWN = (
    *(ending for ending in FIGURES if ending not in WRITTEN),
    ".apng",
)  # the walk, as `hubel look convolve` draws it


def pool_argument(text: str) -> str:
    """Read `max`, `average`, or what else these are called."""
    return {"avg": "average", "mean": "average", "maximum": "max"}.get(text, text)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("image", nargs="?", metavar="IMAGE", help="numbers in quotes, a file of them, a picture, or -")
    parser.add_argument(
        "kernel", nargs="?", metavar="KERNEL", default=SUPPRESS, help="numbers in quotes, a file of them, or a name"
    )
    parser.add_argument("--kernel", metavar="K", help=SUPPRESS)  # as in `hubel look convolve`
    how = parser.add_argument_group("how the window moves")
    how.add_argument("--stride", "--strides", type=size_argument, metavar="N", help="step between positions: 2 or 2x1")
    how.add_argument(
        "--padding", type=padding_argument, default="valid", metavar="P", help="same, valid (none), 1 or 1x2"
    )
    how.add_argument(
        "--dilation", type=size_argument, metavar="N", help="distance between the kernel's places, 1 by default"
    )
    how.add_argument("--strict", action="store_true", help="refuse windows that leave rows or columns uncovered")
    what = parser.add_argument_group("what happens in the window")
    what.add_argument("--bias", type=number_argument, metavar="B", help="add a number to every sum")
    what.add_argument("--activation", metavar="F", help=f"then apply {', '.join(ACTIVATIONS)}")
    what.add_argument("--flip", action="store_true", help="turn the kernel by 180° first")
    what.add_argument("--pool", type=pool_argument, choices=POOLS, help="pool instead of a kernel")
    what.add_argument("--size", type=size_argument, metavar="N", help="the pooling window, 2 by default")
    show = parser.add_argument_group("what is shown")
    only = show.add_mutually_exclusive_group()
    only.add_argument(
        "--step", "--at", type=_place, metavar="ROW,COLUMN", help="one position of the output, counted from 0"
    )
    only.add_argument("--result", action="store_true", help="the output alone")
    only.add_argument("--all", action="store_true", help="every position, however many")
    only.add_argument("--list", action="store_true", help="the kernels that have names")
    show.add_argument(
        "--shrink", type=size_argument, metavar="N", help="shrink a picture to N rows and columns at most"
    )
    add_output(parser, *WRITTEN, *DRAWN, *AS_TABLE)


def run(arguments: Namespace) -> int:
    """Print the walk of a kernel or a pooling window over an image."""
    if arguments.list:
        return finish(arguments, Answer(_kernels, lambda width: map(_kernel_line, KERNELS.values())))
    if arguments.image is None:
        raise SettingError("expected an image, such as '1 0 / 0 1'; `hubel convolve --help` has examples")
    source = source_of(arguments.image, arguments.shrink)
    walk = walk_of(source.planes, arguments)
    if arguments.strict:
        walk.check_strictly()
    _check_effort(walk, arguments)
    answer = Answer.of(
        walk,
        data=lambda: walk.data(arguments.step, steps=not arguments.result),
        lines=lambda width: walk.lines(
            width, arguments.step, steps=not arguments.result, everything=arguments.all, picture=source.picture
        ),
        content=None
        if is_table(arguments)
        else lambda ending, theme: _written(walk, ending, source.picture or "numbers", arguments.step),
    )
    return finish(arguments, answer)


def is_table(arguments: Namespace) -> bool:
    """Whether the output is written as numbers."""
    return arguments.output is not None and arguments.output.suffix.lower() in AS_TABLE


def _written(walk: Convolution | Pooling, ending: str, name: str, place: Pair | None) -> bytes | str:
    """The output as a picture, or the walk drawn."""
    if ending in DRAWN:
        from hubel.look.byhand.stepping import step_walk

        return step_walk(walk, name).written(ending, "auto", place=place)
    return picture_file(walk.output, ending)


def is_image(given: str) -> bool:
    """Whether a word is numbers, standard input or the name of a picture or of a file of numbers: and no run."""
    numbers = re.fullmatch(r"[-−–+\d.,/;|eE\[\]\s]+", given) and re.search(r"[\s,;|\[]", given)
    own = bool(numbers) and not os.path.exists(given)
    return given == "-" or own or Path(given).suffix.lower() in (*PICTURES, ".txt", ".csv", ".tsv")


def walk_of(planes: Planes, arguments: Namespace) -> Convolution | Pooling:
    """Return the walk that the arguments describe; raise `ValueError` for those that do not go together."""
    if arguments.pool:
        unusable = ("kernel", "dilation", "bias", "activation", "flip")
        for name in unusable:
            if getattr(arguments, name):
                raise SettingError(
                    f"expected pooling alone, received {'--' if name != 'kernel' else 'a '}{name} with --pool"
                )
        size = arguments.size or (2, 2)
        return pool(planes, arguments.pool, size=size, strides=arguments.stride, padding=arguments.padding)
    if arguments.kernel is None:
        raise SettingError("expected a kernel, such as '1 -1 / 1 0' or edge (--list shows all), or --pool max")
    if arguments.size:
        raise SettingError(
            "expected --size with --pool; a kernel has its own size, and --shrink makes a picture smaller"
        )
    return convolve(
        planes,
        _kernel(arguments.kernel),
        strides=arguments.stride or 1,
        padding=arguments.padding,
        dilation=arguments.dilation or 1,
        bias=arguments.bias or 0,
        activation=arguments.activation,
        flip=arguments.flip,
    )


def _check_effort(walk: Convolution | Pooling, arguments: Namespace) -> None:
    each = arguments.all or (arguments.json and not (arguments.result or arguments.step))
    most, remedy = MOST_PRODUCTS, "--shrink makes a picture smaller, --stride takes fewer positions"
    if each:
        most, remedy = MOST_PRODUCTS_SHOWN, "--result leaves the steps out, --step ROW,COLUMN shows one position"
    if walk.products > most:
        raise SettingError(f"expected at most {most:,} products, received {walk.products:,}; {remedy}")


def source_of(given: str, shrink: Pair | None) -> Source:
    """Read numbers, a file of them, or a picture."""
    if given == "-":
        return Source(read_planes(sys.stdin.read()))
    path = _existing(given)
    if path and path.suffix.lower() in PICTURES:
        return Source((read_picture(path, shrink),), path.name)
    if shrink:
        raise SettingError(f"expected --shrink with a picture ({', '.join(PICTURES)}), received {given[:40]!r}")
    return Source(_numbers(given, path))


def _kernel(given: str) -> Planes:
    path = None if given in KERNELS else _existing(given)
    return _numbers(given, path) if path else read_kernel(given)


def _numbers(given: str, path: Path | None) -> Planes:
    if path is None:
        if re.search("[A-Za-z]{2}", given):
            raise SettingError(f"expected numbers such as '1 0 / 0 1', or a file; there is no file {given[:80]!r}")
        return read_planes(given)
    text = read_text(path, named=True)
    try:
        return read_planes(text)
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from None


def _existing(given: str) -> Path | None:
    try:
        return Path(given) if Path(given).is_file() else None
    except (OSError, ValueError):  # too long for a name, or with a zero byte: no file's name
        return None


def size_argument(text: str) -> Pair:
    """Read `2` or `2x3`."""
    found = re.fullmatch(r"(\d{1,9})(?:[x×,](\d{1,9}))?", text, re.ASCII)
    if not found or 0 in (sizes := (int(found[1]), int(found[2] or found[1]))):
        raise ArgumentTypeError(f"expected a number from 1, or rows and columns such as 2x3, received {text!r}")
    return sizes


def padding_argument(text: str) -> Padding:
    """Read `same`, `valid`, `1` or `1x2`."""
    if text in ("same", "valid"):
        return text  # type: ignore[return-value]
    found = re.fullmatch(r"(\d{1,9})(?:[x×,](\d{1,9}))?", text, re.ASCII)
    if not found:
        raise ArgumentTypeError(f"expected same, valid, a number, or rows and columns such as 1x2, received {text!r}")
    return int(found[1]), int(found[2] or found[1])


def _place(text: str) -> Pair:
    found = re.fullmatch(r"\s*(\d{1,9})\s*[, ]\s*(\d{1,9})\s*", text, re.ASCII)
    if not found:
        raise ArgumentTypeError(f"expected a row and a column from 0, such as 0,2, received {text!r}")
    return int(found[1]), int(found[2])


def number_argument(text: str) -> Number:
    """Read `3`, `−1.5` or `1/9`."""
    try:
        return read_number(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _kernels() -> list[dict[str, Any]]:
    return [{"name": k.name, "kernel": plain_grid(k.grid), "summary": k.summary} for k in KERNELS.values()]


def _kernel_line(kernel: Kernel) -> str:
    numbers = " / ".join(" ".join(map(_as_fraction, row)) for row in kernel.grid)
    return f"{kernel.name:<12} {kernel.summary:<64} {numbers}"


def _as_fraction(value: Number) -> str:
    return str(value).replace("-", "−")
