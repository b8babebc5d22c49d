"""`hubel look dream`: an image changed until the network sees more in it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from functools import partial

from hubel.cli._numbers import real, whole
from hubel.cli._trained import open_model
from hubel.cli.look._common import add_run
from hubel.cli.look._made import add_files, check_files, finish_made, shown

HELP = "an image changed until a layer, channel or class sees more in it (DeepDream)"
DESCRIPTION = """Follow the gradient of a layer, a channel or a class with the image's own pixels, in several sizes,
shifted at random before each step: DeepDream (Mordvintsev, Olah and Tyka 2015). Without an image it begins with grey
noise. The same seed gives the same picture."""
EXAMPLES = """  hubel look dream photos.safetensors garden.jpg -o dream.png
  hubel look dream photos.safetensors garden.jpg --layer stage3 --octaves 5 -o dream.gif
  hubel look dream runs/lenet5-mnist --class 3 -o three.png
  hubel look dream runs/lenet5-mnist --layer conv2 --channel 7 --longest 140 --frames frames"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    add_run(parser)
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="an image file (default: grey noise)")
    parser.add_argument("--layer", metavar="NAME", help="a layer's path (default: one two thirds into the network)")
    parser.add_argument("--channel", type=whole(0), metavar="K", help="one channel of the layer, from 0 (default: all)")
    parser.add_argument("--class", dest="class_name", metavar="NAME", help="a class, by name or number (#281)")
    parser.add_argument(
        "--octaves", type=whole(1, 64), default=4, metavar="N", help="sizes from small to large (default 4)"
    )
    parser.add_argument(
        "--octave-scale", type=real(1.01, 100), default=1.4, metavar="X", help="their ratio (default 1.4)"
    )
    parser.add_argument(
        "--steps", type=whole(1, 100_000), default=15, metavar="N", help="steps of each size (default 15)"
    )
    parser.add_argument(
        "--learning-rate",
        "--rate",
        dest="rate",
        type=real(0, 1e6),
        default=0.01,
        metavar="X",
        help="how far a step goes (default 0.01)",
    )
    parser.add_argument("--jitter", type=whole(0), metavar="PIXELS", help="shifts, at most (default: 1/16 of the side)")
    parser.add_argument(
        "--variation",
        type=real(0, 1e12),
        metavar="X",
        help="what roughness counts against it (default: 0.5 for a class, else 0)",
    )
    add_files(parser, 512)


def run(arguments: Namespace) -> int:
    """Dream."""
    from hubel.look.made.dream import deep_dream

    keep = check_files(arguments)
    model = open_model(arguments.run_or_model, arguments.device)
    names = ("layer", "channel", "class_name", "octaves", "octave_scale", "steps", "rate", "jitter", "variation")
    settings = {name: getattr(arguments, name) for name in (*names, "longest", "seed")}
    dream = partial(deep_dream, model, arguments.image, **settings, keep_frames=keep)
    return finish_made(arguments, shown("dreaming", lambda on_step: dream(on_step=on_step)))
