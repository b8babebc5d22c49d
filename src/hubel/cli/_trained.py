"""What `train`, `evaluate` and `predict` share: finding data that fits a network, and a trained model."""

from __future__ import annotations

import dataclasses
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel import zoo
from hubel.arch import Network
from hubel.cli._network import load_network

if TYPE_CHECKING:
    from hubel.data import Dataset, Splits
    from hubel.tasks import LoadedModel


def add_data_options(parser: ArgumentParser) -> None:
    """Add how data is read."""
    group = parser.add_argument_group("of the data")
    group.add_argument(
        "--fit", choices=("crop", "pad", "stretch"), default="crop", help="how images meet the network's size"
    )
    group.add_argument(
        "--bad-images", choices=("skip", "stop"), default="stop", help="what to do with unreadable files"
    )


def add_labelled(parser: ArgumentParser) -> None:
    """Add labelled images to measure a trained model on: DATA, or what it was trained on; and which part."""
    parser.add_argument("data", nargs="?", metavar="DATA", help="a data set's name, or a path (default: the run's own)")
    parser.add_argument(
        "--part", choices=("train", "validation", "test"), help="which part (default: test, where there is one)"
    )
    add_data_options(parser)


def labelled(arguments: Namespace, network: Network) -> tuple[str, Dataset]:
    """Return the part that was asked for, or the first of test, validation and train that there is; and its name."""
    if arguments.data is None:
        settings = own_source(Path(arguments.run_or_model))
    else:
        settings = reading(arguments, network)
    splits = read(settings)
    parts = {"test": splits.test, "validation": splits.validation, "train": splits.train}
    wanted = arguments.part or next(name for name, part in parts.items() if part is not None)
    found = parts[wanted]
    if found is None:
        there = ", ".join(name for name, part in parts.items() if part is not None)
        raise ValueError(f"{settings['source']} has no {wanted} part; it has {there}")
    return wanted, found


def reading(arguments: Namespace, network: Network) -> dict[str, Any]:
    """Return the arguments of `hubel.data.load` under which images come in the size that `network` takes."""
    found: dict[str, Any] = {
        "source": _absolute(arguments.data),
        "fit": arguments.fit,
        "bad_images": arguments.bad_images,
        **_held_out(arguments),
    }
    if len(network.input) == 3:
        found |= {"size": network.input[:2], "channels": network.input[2]}
    return found


def _held_out(arguments: Namespace) -> dict[str, Any]:
    """Return the share of the training images that `train` and `sweep` may hold out, where it is asked for."""
    share = getattr(arguments, "validation", 0.0)
    return {"validation": share} if share else {}


def read(settings: dict[str, Any]) -> Splits:
    """Load a data set, with a line of progress in a terminal while files are decoded."""
    from hubel.cli._console import console
    from hubel.data import load

    screen = console(stderr=True)
    if not screen.is_terminal:
        return load(**settings)
    with screen.status("reading") as status:

        def show(what: str, done: int, whole: int) -> None:
            status.update(f"{what} {done:,} of {whole:,}")

        return load(**settings, progress=show)


def fitted_network(arguments: Namespace) -> tuple[Network, Splits, dict[str, Any]]:
    """Return a network and data that fit each other, and how the data was read.

    Images of one size and a network of the zoo: the network is made for the images, unless they are too small for it.
    Image files, or a network in text form: the images are brought to the network's size.
    """
    if arguments.network not in zoo.names() or arguments.input is not None or _are_files(arguments.data):
        network = load_network(arguments.network, arguments)
        settings = reading(arguments, network)
        splits = read(settings)
        return _with_classes(arguments, network, splits), splits, settings
    settings = {
        "source": _absolute(arguments.data),
        "fit": arguments.fit,
        "bad_images": arguments.bad_images,
        **_held_out(arguments),
    }
    splits = read(settings)
    chosen = {"input": splits.train.shape, "classes": arguments.classes or len(splits.train.classes)}
    if arguments.width is not None:
        chosen["width"] = arguments.width
    try:
        return zoo.get(arguments.network, **chosen), splits, settings
    except ValueError:  # too small for this network, or it takes vectors
        network = _with_classes(arguments, load_network(arguments.network, arguments), splits)
        settings = reading(arguments, network)
        return network, read(settings), settings


def _with_classes(arguments: Namespace, network: Network, splits: Splits) -> Network:
    """Give a network of the zoo as many outputs as the data has classes, unless the user said how many."""
    if arguments.network not in zoo.names() or arguments.classes is not None:
        return network
    options = Namespace(input=network.input, classes=len(splits.train.classes), width=arguments.width)
    return load_network(arguments.network, options)


def _are_files(source: str) -> bool:
    """Whether a source is image files, which can be decoded in any size."""
    from hubel.data import holds_files

    return holds_files(source)


def _absolute(source: str) -> str:
    """Make a path absolute, so that a run can be resumed from any folder."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def open_model(given: str) -> LoadedModel:
    """Load a trained model from a run's directory or a model file."""
    from hubel.tasks import load_model
    from hubel.train import Run

    path = Path(given)
    if not path.exists():
        raise FileNotFoundError(
            f"{given}: expected a run's directory or a model file, found nothing there{_runs_here()}"
        )
    model = Run.open(path).model() if path.is_dir() else load_model(path)
    if "failure" in model.summary:
        from hubel.cli._console import console

        told = f"training failed; this is its last good model, of step {model.summary['steps']}"
        console(stderr=True).print(told, style="yellow", highlight=False, soft_wrap=True)
    return model


def own_source(path: Path) -> dict[str, Any]:
    """Return how the data of a run (or of the model file in it) was read: the arguments of `hubel.data.load`."""
    from hubel.train import Run

    folder = path if path.is_dir() else path.parent
    settings = dict(Run.open(folder).settings["data"].get("source", {}))
    if not settings:
        raise ValueError(f"{folder} does not say where its data lies; name it: hubel evaluate RUN DATA")
    if "size" in settings:
        settings["size"] = tuple(settings["size"])
    return settings


def _runs_here() -> str:
    runs = sorted(Path("runs").glob("*/run.toml"), key=lambda path: path.stat().st_mtime)
    return f"; the newest run here is {runs[-1].parent}" if runs else "; make one with: hubel train lenet5 mnist"


def named(network: Network, given: str) -> Network:
    """Give a network typed in text form a name for its run."""
    return (
        network if network.name else dataclasses.replace(network, name="network" if ":" in given else Path(given).stem)
    )
