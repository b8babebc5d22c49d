"""`hubel code`: a network as a program for PyTorch, Keras or Flax."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli._edits import add_set, edited
from hubel.cli._finish import Answer, add_output, finish
from hubel.cli._network import add_network, add_options, load_network
from hubel.code import FRAMEWORKS, source

DESCRIPTION = (
    "Write a network as a readable program that needs nothing of hubel: like parts once, repetition as loops. Run by\n"
    "itself it builds the network and prints its parameters and the shape of its output."
)
EXAMPLES = """  hubel code resnet18                         for PyTorch
  hubel code mobilenet_v2 --to keras          for Keras 3, whatever its backend
  hubel code lenet5 --to jax -o lenet5.py     for Flax (flax.nnx), into a file
  hubel code '28x28x1: conv 6 5x5 tanh, flatten, dense 10' | python -"""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_network(parser)
    parser.add_argument(
        "--to",
        type=lambda word: "jax" if word == "flax" else word,
        choices=FRAMEWORKS,
        default="pytorch",
        help="the framework (default: pytorch); jax is Flax (flax.nnx)",
    )
    add_output(parser, ".py")
    add_set(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Print the program, or write it into a file."""
    text = source(edited(load_network(arguments.network, arguments), arguments), arguments.to)
    data = {"framework": arguments.to, "program": text}
    return finish(
        arguments, Answer(lambda: data, lambda width: [text.rstrip("\n")], content=lambda ending, theme: text)
    )
