"""What every `hubel look` shares: the model, the images, the file that the picture goes to."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.cli._output import print_json

if TYPE_CHECKING:
    from rich.console import Console

    from hubel.look._subject import Subject
    from hubel.tasks import LoadedModel
    from hubel.view.plate import Plate

FORMATS = (".png", ".svg", ".html")
TILE = 24  # letters that a picture in the terminal is wide
MOST_PARTS = 12


def add_run(parser: ArgumentParser) -> None:
    """Add the argument RUN."""
    parser.add_argument("run_or_model", metavar="RUN", help="a run's directory, or a model file")


def add_image(parser: ArgumentParser, many: bool = False) -> None:
    """Add the argument IMAGE, one or several."""
    if many:
        parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files")
    else:
        parser.add_argument("images", metavar="IMAGE", nargs=1, help="an image file")


def add_output(parser: ArgumentParser, endings: Sequence[str] = FORMATS, what: str = "the picture") -> None:
    """Add where the picture goes, to a file of one of these endings, and what is printed."""
    add_file(parser, endings, f"write {what}: {', '.join(endings)}, by its ending")
    parser.add_argument(
        "--theme", choices=("auto", "light", "dark"), default="auto", help="colours of the page (default: the reader's)"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")


def add_file(parser: ArgumentParser, endings: Sequence[str], told: str) -> None:
    """Add `-o FILE`, refused before any work is done where its ending is none of these."""
    parser.add_argument("-o", "--output", metavar="FILE", type=partial(_output, tuple(endings)), help=told)


def _output(endings: tuple[str, ...], text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in endings:
        raise ArgumentTypeError(
            f"expected a file that ends with {', '.join(endings)}, received {path.suffix or repr(text)}"
        )
    return path


def load_subjects(arguments: Namespace, model: LoadedModel) -> list[Subject]:
    """Prepare each image for the model."""
    from hubel.look._subject import subject

    return [subject(model, path) for path in arguments.images]


def finish(arguments: Namespace, plate: Plate, data: dict[str, Any]) -> int:
    """Write the picture where it was asked for, and print the figures or a word on what was written.

    In a terminal, without -o and --json, the picture itself is shown, small, in half blocks.
    """
    from hubel.view.terminal import console

    screen = console(stderr=arguments.json)
    if arguments.output is not None:
        plate.save(arguments.output, arguments.theme)
        screen.print(f"wrote {arguments.output}", soft_wrap=True)
    elif not arguments.json and screen.is_terminal:
        _show(plate, screen)
    if arguments.json:
        print_json(data)
    return 0


def _show(plate: Plate, screen: Console) -> None:
    """Show a line of each part's pictures, as many as there is room for."""
    from rich.text import Text

    from hubel.cli._picture import coloured_half_blocks
    from hubel.view.plate import Section

    shown = [part for part in plate.sections if isinstance(part, Section) and part.tiles]
    screen.print(Text(f"{plate.title}  {plate.subtitle}", "bold"))
    for part in shown[:MOST_PARTS]:
        screen.print(Text(f"\n{part.title}  {part.note}".rstrip(), "dim"))
        strip = _strip([tile.picture for tile in part.tiles[: max(1, screen.width // (TILE + 1))]])
        for line in coloured_half_blocks(strip):
            screen.print(line)
    if len(shown) > MOST_PARTS:
        screen.print(Text(f"\n… and {len(shown) - MOST_PARTS} more", "dim"))
    screen.print(Text("\nthe whole page, sharp: -o FILE.png, .svg or .html", "dim"))


def _strip(pictures: list[Any]) -> Any:
    """Set pictures side by side, each as wide as `TILE` letters."""
    from PIL import Image

    images = [Image.fromarray(picture[..., 0] if picture.shape[2:] == (1,) else picture) for picture in pictures]
    scales = [TILE / max(image.size) for image in images]
    sizes = [
        (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        for image, scale in zip(images, scales, strict=True)
    ]
    canvas = Image.new("RGB", (len(images) * (TILE + 1) - 1, max(height for _, height in sizes)))
    for place, (image, size, scale) in enumerate(zip(images, sizes, scales, strict=True)):
        how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        canvas.paste(image.convert("RGB").resize(size, how), (place * (TILE + 1), 0))
    return canvas
