"""`hubel look space`: where a trained network puts images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from hubel.cli._finish import FIGURES, Answer, add_output, finish
from hubel.cli._numbers import whole
from hubel.cli._trained import add_labelled, labelled, open_model
from hubel.cli.look._common import add_run

HELP = "the images as points: near each other where the network takes them for alike"
DESCRIPTION = """Lay images out in two dimensions by what the network's last layer is given: near each other where the
network takes them for alike. How far the layout can be trusted is said.

Without DATA, the test part of what it was trained on."""
EXAMPLES = """  hubel look space runs/lenet5-mnist -o space.html
  hubel look space runs/lenet5-mnist --method tsne --most 1000 -o space.png
  hubel look space runs/photos my-photos/ --json | jq .trustworthiness"""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_run(parser)
    add_labelled(parser)
    parser.add_argument(
        "--method",
        choices=("pca", "tsne"),
        default="pca",
        help="principal components at once (default), or t-SNE, which takes seconds and shows groups better",
    )
    parser.add_argument(
        "--most", type=whole(), default=2000, metavar="N", help="how many images at most (default 2000)"
    )
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), default=0, help="of which images, and of t-SNE (default 0)")
    add_output(parser, *FIGURES, theme=True)


def run(arguments: Namespace) -> int:
    """Lay the images out."""
    from hubel.look.retrieve.projection import space

    model = open_model(arguments.run_or_model, arguments.device)
    part, dataset, notes = labelled(arguments, model)
    found = space(model, dataset, arguments.method, most=arguments.most, seed=arguments.seed)
    name = model.network.title
    data = {"part": part, **found.data(), "notes": list(notes)}
    return finish(arguments, Answer.of(found, data=lambda: data, figure=lambda: found.figure(name)))
