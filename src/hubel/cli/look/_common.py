"""What every `hubel look` shares: the model and the images."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hubel.look.access.sample import Sample
    from hubel.tasks import LoadedModel


def add_run(parser: ArgumentParser) -> None:
    """Add the argument RUN."""
    parser.add_argument("run_or_model", metavar="RUN", help="a run's directory, or a model file")


def add_image(parser: ArgumentParser, many: bool = False) -> None:
    """Add the argument IMAGE, one or several."""
    if many:
        parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files")
    else:
        parser.add_argument("images", metavar="IMAGE", nargs=1, help="an image file")


def load_samples(arguments: Namespace, model: LoadedModel) -> list[Sample]:
    """Prepare each image for the model."""
    from hubel.look.access.sample import sample

    return [sample(model, path) for path in arguments.images]
