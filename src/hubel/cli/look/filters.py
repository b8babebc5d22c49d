"""`hubel look filters`: a layer's filters, and the images that excite its channels most."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial
from typing import TYPE_CHECKING

from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli.look._choose import add_channels, add_layer, count
from hubel.cli.look._common import add_run

if TYPE_CHECKING:
    from hubel.data import Dataset
    from hubel.look.inside.filters import Filters
    from hubel.tasks import LoadedModel

HELP = "a layer's filters as pictures, and the images that excite each of its channels most"
DESCRIPTION = """Show the filters of a layer: those of the first as pictures, those of others as a grid of their input
channels' kernels, blue below zero and red above.

With --images N, or for a layer that is not the first, also the images that excite each channel most, cropped to the
exact receptive field of the number that is largest. They come from DATA, or from what the run was trained on."""
EXAMPLES = """  hubel look filters runs/lenet5-mnist -o filters.png
  hubel look filters runs/lenet5-mnist --layer conv2 -o conv2.html
  hubel look filters runs/photos --layer stage2 --channels 0-7 --images 12 -o stage2.html
  hubel look filters resnet50.safetensors my-photos/ --layer stage3 -o stage3.html"""

BEST = 8


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    from hubel.cli._trained import add_labelled

    add_run(parser)
    add_labelled(parser)
    add_layer(parser, "the first with weights")
    add_channels(parser, "the first 32")
    parser.add_argument(
        "--images",
        type=_images,
        metavar="N",
        help=f"exciting images a channel, 0 for none (default: {BEST}, first layer 0)",
    )
    parser.add_argument(
        "--most-images", type=count, default=10_000, metavar="N", help="images to look through (10,000)"
    )
    add_output(parser, *FIGURES, theme=True)


def _images(text: str) -> int:
    return 0 if text == "0" else count(text)


def run(arguments: Namespace) -> int:
    """Show the filters."""
    from hubel.cli._trained import labelled, open_model
    from hubel.look.inside.filters import filters

    model = open_model(arguments.run_or_model, arguments.device)
    found = filters(model, arguments.layer, arguments.channels) if arguments.images == 0 else None
    if found is None:
        wanted = arguments.images or (BEST if _is_deep(model, arguments) else 0)
        dataset = labelled(arguments, model).dataset if wanted else None
        found = _searched(model, arguments, dataset, wanted)
    return finish(arguments, Answer.of(found))


def _is_deep(model: LoadedModel, arguments: Namespace) -> bool:
    """Whether images are wanted: data is named, or the layer is not the first, whose filters say enough."""
    from hubel.arch import analyse
    from hubel.look.unit.wiring import wiring

    if arguments.data is not None:
        return True
    if arguments.layer is None:
        return False
    first = analyse(model.network).find(arguments.layer)[0]
    return "" not in wiring(model.network)[first.path]


def _searched(model: LoadedModel, arguments: Namespace, dataset: Dataset | None, best: int) -> Filters:
    """Find the filters, with a line of progress in a terminal while images are run."""
    from hubel.look.inside.filters import filters
    from hubel.view.words.terminal import with_progress

    given = {"best": best or 1, "most_images": arguments.most_images}
    what = "looking through images"
    return with_progress(
        what,
        lambda show: filters(
            model, arguments.layer, arguments.channels, dataset, progress=partial(show, what), **given
        ),
    )
