"""`hubel look WHAT`: pictures of what goes on inside a trained network. One file a WHAT."""

from __future__ import annotations

import importlib
from argparse import ArgumentParser, Namespace

from hubel.cli._common import add_common
from hubel.cli._trained import add_device, check_order

DESCRIPTION = """See inside a trained network, for your own images: what each layer makes of them, which numbers fed
which, what a decision rests on, where it goes wrong.

The picture goes to -o FILE: .png, .svg, .pdf or .html (one file that works off line)."""
EXAMPLES = """  hubel look maps runs/lenet5-mnist digit.png -o maps.png
  hubel look unit runs/lenet5-mnist digit.png --layer conv2
  hubel look cam runs/photos cat.jpg dog.jpg -o cam.html
  hubel look mistakes runs/lenet5-mnist -o mistakes.html
  hubel look WHAT --help"""

# its module has HELP, DESCRIPTION, EXAMPLES, add_arguments(parser), run(arguments) -> int
WHATS: tuple[str, ...] = (
    "maps",
    "unit",
    "filters",
    "convolve",
    "mistakes",
    "space",
    "changes",
    "cam",
    "saliency",
    "integrated-gradients",
    "occlusion",
    "dream",
    "style",
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare each WHAT and its arguments."""
    whats = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    for what in WHATS:
        module = importlib.import_module(f"hubel.cli.look.{what.replace('-', '_')}")
        command = whats.add_parser(
            what,
            help=module.HELP,
            description=module.DESCRIPTION,
            epilog="examples:\n" + module.EXAMPLES,
        )
        add_common(command, opens_models=True)
        module.add_arguments(command)
        add_device(command)
        command.set_defaults(look=module.run)


def run(arguments: Namespace) -> int:
    """Look."""
    given = vars(arguments)
    run = next(given[name] for name in ("run_or_model", "directory", "given") if name in given)
    images = given.get("images")  # of filters it is how many
    others = images if isinstance(images, list) else [given.get(name) for name in ("image", "content", "style", "data")]
    check_order(f"look {arguments.what}", run, *others)
    status: int = arguments.look(arguments)
    return status
