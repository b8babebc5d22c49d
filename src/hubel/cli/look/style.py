"""`hubel look style`: the content of one image in the style of another."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial

from hubel.cli._numbers import real, whole
from hubel.cli._trained import open_model
from hubel.cli.look._common import add_run
from hubel.cli.look._made import add_files, check_files, finish_made, shown

HELP = "the content of one image in the style of another"
DESCRIPTION = """Change a picture's pixels by L-BFGS until deep maps are those of one image and the Gram matrices of
maps those of another (Gatys, Ecker and Bethge 2015). Layers are picked by the network's tree, or named. VGG's weights
make the finest pictures; any network that knows photographs will do."""
EXAMPLES = """  hubel look style photos.safetensors garden.jpg painting.jpg -o garden.png
  hubel look style vgg19.safetensors garden.jpg painting.jpg --average-pooling --start noise --style-weight 100
  hubel look style photos.safetensors garden.jpg painting.jpg --content-layer block5 --style-layer relu1 -o way.gif"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_run(parser)
    parser.add_argument("content", metavar="CONTENT", help="the image whose things are to be seen")
    parser.add_argument("style", metavar="STYLE", help="the image whose manner is to be taken")
    for what in ("content", "style"):
        parser.add_argument(
            f"--{what}-layer",
            dest=f"{what}_layers",
            action="append",
            default=[],
            metavar="NAME",
            help=f"a layer for the {what}; may be given several times (default: picked)",
        )
    parser.add_argument(
        "--style-weight", type=real(0, 1e12), default=10.0, metavar="X", help="against the content (default 10)"
    )
    parser.add_argument(
        "--variation", type=real(0, 1e12), default=0.1, metavar="X", help="what roughness costs (default 0.1)"
    )
    parser.add_argument("--average-pooling", action="store_true", help="average where the network takes the largest")
    parser.add_argument("--start", choices=("content", "noise"), default="content", help="what the picture begins as")
    parser.add_argument(
        "--steps", type=whole(1, 100_000), default=15, metavar="N", help="of 20 iterations each (default 15)"
    )
    add_files(parser, 256)


def run(arguments: Namespace) -> int:
    """Paint."""
    from hubel.look.made.style import transfer_style

    keep = check_files(arguments)
    model = open_model(arguments.run_or_model, arguments.device)
    names = ("content_layers", "style_layers", "style_weight", "variation", "average_pooling", "start", "steps")
    settings = {name: getattr(arguments, name) for name in (*names, "longest", "seed")}
    paint = partial(transfer_style, model, arguments.content, arguments.style, **settings, keep_frames=keep)
    return finish_made(arguments, shown("painting", lambda on_step: paint(on_step=on_step)))
