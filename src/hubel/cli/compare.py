"""`hubel compare`: two networks or blocks side by side, with ratios."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.advise import compare
from hubel.arch import Network, shape_text
from hubel.base.errors import SettingError
from hubel.cli._edits import add_set, edited
from hubel.cli._finish import TABLES, Answer, add_output, finish
from hubel.cli._network import add_network, add_options, is_model, load_network

DESCRIPTION = """Put two networks, or two blocks in text form, side by side: every figure, the difference and the ratio.

With one NET and --set, --input, --classes, --width or --option, that network beside itself so changed. With two, --set
changes the second, and the other options both."""
EXAMPLES = """  hubel compare vgg16 resnet50
  hubel compare '28x28x192: conv 32 5x5 same' '28x28x192: conv 16 1x1, conv 32 5x5 same'
  hubel compare '56x56x64: 3 * conv 64 3x3 same' '56x56x64: conv 64 7x7 same'
  hubel compare lenet5 --set conv2.kernel_size=3
  hubel compare mobilenet_v2 --width 0.5
  hubel compare alexnet alexnet_owt --json"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_network(parser, "first")
    parser.add_argument("second", nargs="?", metavar="NET", help="what to put beside it; may be left out with --set")
    add_output(parser, *TABLES)
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print both networks' figures and their ratios."""
    return finish(arguments, Answer.of(compare(*_networks(arguments))))


def _networks(arguments: Namespace) -> tuple[Network, Network]:
    """Return both networks, or one and its changed self."""
    if arguments.second is not None:
        second = load_network(arguments.second, arguments)
        return load_network(arguments.first, arguments), edited(second, arguments)
    if is_model(arguments.first):  # which is run once, and needs its input's shape to be read at all
        first = load_network(arguments.first, arguments)
        second, arguments.input = edited(first, arguments), None
    else:
        first = load_network(arguments.first)
        second = edited(load_network(arguments.first, arguments), arguments)
    if first == second:
        raise SettingError("expected a second NET, or a change such as --set conv2.kernel_size=3 or --width 0.5")
    name = f"{second.name or second} with {_changes(arguments)}"
    return first, Network(second.input, second.body, name)


def _changes(arguments: Namespace) -> str:
    """Say in short what was changed: `conv2.kernel_size=3, width 0.5`."""
    found = [f"{key}={value}" for key, value in (*(arguments.set or ()), *(arguments.option or ()))]
    found += [f"input {shape_text(arguments.input)}"] if arguments.input else []
    found += [f"{what} {value:g}" for what in ("classes", "width") if (value := getattr(arguments, what)) is not None]
    return ", ".join(found)
