"""`hubel look changes`: how a trained network came to be."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._numbers import whole
from hubel.cli._trained import tell_device
from hubel.cli.look._choose import add_layer

HELP = "how filters, maps and accuracy moved over a run's checkpoints"
DESCRIPTION = """Show how a network came to be what it is: accuracy, filters, and for an image its maps and
probabilities, at the start and at every checkpoint of the run that was kept. In HTML a slider goes through them.

A run keeps its last two checkpoints; to keep more, train with --set keep_checkpoints=1000 (and, for several an
epoch, --set checkpoint_seconds=2)."""
EXAMPLES = """  hubel train lenet5 mnist --set keep_checkpoints=1000 --set checkpoint_seconds=1
  hubel look changes runs/lenet5-mnist digit.png -o changes.html
  hubel look changes runs/lenet5-mnist --layer conv2 -o conv2.png"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("directory", metavar="RUN", help="a run's directory")
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="an image file, to show what the layer makes of it")
    add_layer(parser, "the first with filters")
    parser.add_argument("--most", type=whole(), default=16, metavar="N", help="how many filters (default 16)")
    add_output(parser, *FIGURES, theme=True)


def run(arguments: Namespace) -> int:
    """Show what became of a run."""
    from hubel.look.inside.changes import changes
    from hubel.train import Run

    run = Run.open(arguments.directory)
    tell_device(arguments.device)
    found = changes(run, arguments.image, arguments.layer, most=arguments.most, device=arguments.device)
    notes = [f"left out: {problem}" for problem in found.problems] + [found.advice] * bool(found.advice)
    return finish(arguments, Answer.of(found, notes=notes))
