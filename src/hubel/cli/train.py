"""`hubel train`: train a network on images, and leave a run behind."""

from __future__ import annotations

import os
import shlex
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from hubel.base.errors import MissingFileError, SettingError
from hubel.base.files import read_text
from hubel.cli._finish import Answer, add_output, finish, is_data
from hubel.cli._network import add_options
from hubel.cli._numbers import positive, whole
from hubel.cli._trained import add_data_options, add_validation, fitted_network, need_data, read

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.arch import Network
    from hubel.data import Splits
    from hubel.train import Recipe, Run

DESCRIPTION = """Train a network on images, sounds, a text or a game and leave a run: a directory with its settings,
metrics and the model.

DATA is a word (mnist) or a path: a folder with a subfolder for each class, with images/ beside masks/ or beside boxes
or points (COCO, YOLO, VOC, CSV), an archive, .npz, IDX, CSV, a text (.txt, a folder of them), or a game
(minatar:breakout, ale:Pong, gym:ID). NET may be left out: the rules then choose one for the data. What is not said is
chosen by rule from network, data and machine, and shown."""
EXAMPLES = """  hubel train mnist
  hubel train streets/ --time 1200
  hubel train plays.txt
  hubel train minatar:breakout --time 120
  hubel train dqn ale:Pong
  hubel train lenet5 mnist
  hubel train resnet20 photos/ --epochs 30 --run runs/photos
  hubel train '28x28x1: conv 16 5x5/2, norm, relu, conv 32 3x3, norm, relu, flatten, dense 10' mnist
  hubel train lenet5 mnist --optimizer sgd --learning-rate 0.05 --set weight_decay=0.0005
  hubel train lenet5 mnist --recipe recipe.toml --seed 3
  hubel train '96: embed 65 64, gru 256 sequences, dense 65' plays.txt
  hubel train resnet18 photos/ --weights resnet18-f37072fd.pth --freeze all-but-head
  hubel train --resume runs/lenet5-mnist"""

Fitted: TypeAlias = "Callable[[], tuple[Network, Splits, dict[str, Any]]]"
DIRECT = (
    *(
        "epochs",
        "batch_size",
        "micro_batch",
        "optimizer",
        "learning_rate",
        "augmentation",
        "patience",
        "device",
        "seed",
    ),
    *("time_budget", "freeze", "tune"),
)


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "network", nargs="?", metavar="NET", help="a zoo name, a text form in quotes, or a file (default: by rule)"
    )
    parser.add_argument("data", nargs="?", metavar="DATA", help="a data set's name, or a path")
    parser.add_argument(
        "--run", type=Path, metavar="DIR", dest="directory", help="where the run goes (default: runs/NET-DATA)"
    )
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with a run that was stopped, to the same bits; with --epochs N to N epochs in all, also with one "
        "that is finished",
    )
    add_output(parser)
    parser.add_argument("--no-report", action="store_true", help="do not write report.html, nor when the run goes on")
    parser.add_argument(
        "--time",
        type=positive,
        metavar="SECONDS",
        dest="time_budget",
        help="as many epochs as fit so long, from the command's start to the model; start-up and measuring count, "
        "report.html comes after it",
    )
    add_validation(parser, "auto")
    add_recipe_options(parser)
    add_data_options(parser)
    add_options(parser)


def add_recipe_options(parser: ArgumentParser) -> None:
    """Add what can be set of the recipe."""
    group = parser.add_argument_group("of the recipe")
    group.add_argument("--epochs", type=float, metavar="N", help="passes over the training images")
    group.add_argument("--batch-size", type=int, metavar="N", help="images a step")
    group.add_argument(
        "--micro-batch",
        type=int,
        metavar="N",
        help="compute N images of a step at a time, which saves memory; with --resume too, where it ran out",
    )
    group.add_argument("--optimizer", metavar="NAME", help="adam, adamw, sgd or muon")
    group.add_argument("--learning-rate", type=float, metavar="RATE", help="the schedule's peak")
    group.add_argument(
        "--augment",
        dest="augmentation",
        metavar="HOW",
        help="how training images are varied: 'shift 1, flip', none, or auto (the rule)",
    )
    group.add_argument("--patience", type=whole(0), metavar="N", help="stop after N epochs without a better one")
    group.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps (default: a GPU where there is one)")
    group.add_argument("--seed", type=int, metavar="N", help="of weights, order and everything random")
    group.add_argument(
        "--weights",
        metavar="FILE",
        help="start from trained weights: imagenet, a run, a model, or torchvision's; path or address",
    )
    group.add_argument(
        "--freeze",
        metavar="LAYERS",
        help="layers that stay as they are: paths with commas between, all-but-head, batch-norms (the rule with "
        "--weights), or '' for none",
    )
    group.add_argument(
        "--tune",
        action="store_true",
        default=None,
        help="measure threads, precision, memory layout and compiling here and take the fastest, instead of by rule; "
        "the last bits of what comes out then hang on the moment",
    )
    group.add_argument("--recipe", type=Path, metavar="FILE", help="a TOML file of settings, such as a run's run.toml")
    group.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting of the recipe"
    )


def run(arguments: Namespace) -> int:
    """Train, or go on with a run, and say what came out."""
    from hubel.view.words.terminal import console

    began = time.perf_counter()
    if arguments.resume:
        _refuse_ignored(arguments)
    else:
        need_data(arguments)
    if "WORLD_SIZE" in os.environ:  # its warnings, once a process, are of what is meant to be; read when torch loads
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    fitted = _reading(arguments)
    from hubel.train import Display, StoppedError, is_first_process

    screen = console(stderr=is_data(arguments))
    try:
        with Display(screen) as display:
            done, splits = (
                _resumed(arguments, display) if arguments.resume else _trained(arguments, display, fitted, began)
            )
    except StoppedError as stopped:
        screen.print(f"\n{stopped}", soft_wrap=True)
        return 128 + stopped.signal
    if not is_first_process():
        return 0
    if not arguments.no_report and done.wants_report:
        _report(done, splits, screen)
    metrics = _test_metrics(done)
    return finish(arguments, Answer(lambda: _data(done, metrics), lambda width: _lines(done, metrics)))


def _report(done: Run, splits: Splits | None, screen: Any) -> None:
    """Write the run's page. Where that fails it is said, and all is well otherwise: the model is saved."""
    try:
        from hubel.report import REPORT, write_report
        from hubel.view.words.terminal import with_progress

        if splits is not None or not (done.directory / REPORT).exists():
            parts = None if splits is None else done.parted(splits)
            dataset, training = (None, None) if parts is None else (parts.part()[1], parts.train)
            uncounted = "which --time does not count, " * bool(done.recipe.time_budget)
            measures = done.task.measures(len(dataset or ()))
            with_progress(
                f"{measures}, and writing the report ({uncounted}--no-report leaves it out)",
                lambda show: write_report(done, dataset=dataset, training=training),
            )
    except Exception as error:
        why = f"the report was not written ({type(error).__name__}: {error})"
        screen.print(f"{why}; try again: hubel report {shlex.quote(str(done.directory))}", soft_wrap=True)


def _reading(arguments: Namespace) -> Fitted:
    """Return what gives the network and its data. Data that is read in a moment is read beside the import of PyTorch,
    which takes longer; other data when it is asked for, so that Ctrl-C need not wait for it.
    """
    data = arguments.data
    if arguments.resume or data is None or not (data == "mnist" or os.path.isfile(data)):
        return partial(fitted_network, arguments)
    import hubel.data

    if data != "mnist" and hubel.data.holds_files(data):
        return partial(fitted_network, arguments)
    pool = ThreadPoolExecutor(1, thread_name_prefix="reading")
    waiting = pool.submit(fitted_network, arguments)
    pool.shutdown(wait=False)
    return waiting.result


def _trained(arguments: Namespace, display: Any, fitted: Fitted, began: float) -> tuple[Run, Splits]:
    from hubel.train import start_heartbeat, train
    from hubel.train._fitting import free_directory, named

    start_heartbeat()  # before images are decoded, which may take one machine much longer than another
    network, splits, settings = fitted()
    network = named(network, arguments.network)
    if arguments.directory is None and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise SettingError("expected --run DIR where several processes train: they must agree on it, restarts too")
    directory = arguments.directory or free_directory(network.name, arguments.data)
    recipe = recipe_of(arguments, network, splits.train)
    source = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    done = train(
        network,
        splits,
        recipe,
        directory,
        validation=arguments.validation,
        source=source,
        progress=display,
        began=began,
        report=not arguments.no_report,
    )
    return done, splits


def _resumed(arguments: Namespace, display: Any) -> tuple[Run, Splits | None]:
    from hubel.train import Run, resume, start_heartbeat

    start_heartbeat()
    done, epochs = Run.open(arguments.resume), arguments.epochs
    if done.is_finished and epochs in (None, done.recipe.epochs):
        display.console.print(f"{arguments.resume} is finished already; --epochs N would train on, to N in all")
        return done, None
    splits = read(**_source(done, arguments))
    settings = {"micro_batch": arguments.micro_batch, "epochs": epochs}
    return resume(arguments.resume, splits, **settings, progress=display), splits


def _refuse_ignored(arguments: Namespace) -> None:
    """Raise SettingError for what means nothing beside --resume, since the run says it."""
    parser = ArgumentParser()
    add_arguments(parser)
    kept = ("resume", "json", "output", "no_report", "epochs", "micro_batch", "network", "data")
    names = {"directory": "run", "time_budget": "time"}
    said = [
        f"--{names.get(name, name).replace('_', '-')}"
        for name, value in vars(parser.parse_args([])).items()
        if name not in kept and getattr(arguments, name) != value
    ]
    if arguments.data is not None:
        said = [f"NET ({arguments.network})", *said]
    if said:
        one = "means nothing" if len(said) == 1 else "mean nothing"
        raise SettingError(
            f"{', '.join(said)} {one} with --resume: the run goes on with its own ({arguments.resume}/run.toml says "
            "it); --epochs, --micro-batch, and DATA where it lies elsewhere now, can be said"
        )


def _source(done: Run, arguments: Namespace) -> dict[str, Any]:
    """Return how a run's data was read; DATA given again is where it lies now."""
    settings = done.source
    moved = arguments.data or arguments.network
    if moved:
        settings["source"] = moved
    if not settings:
        raise SettingError(f"{done.directory} does not say where its data lies; name it: hubel train --resume RUN DATA")
    if done.gone and not moved:
        raise MissingFileError(f"{done.gone}; name where it lies now: hubel train --resume {done.directory} DATA")
    return settings


def recipe_of(arguments: Namespace, network: Any, training: Any) -> Recipe:
    """Return the recipe that the arguments of `add_recipe_options` say, by rule where they say nothing."""
    from hubel.nn import find_weights
    from hubel.train import Recipe, parse_value
    from hubel.train._fitting import recipe_for, weights_of
    from hubel.view.words.terminal import with_progress

    base = None
    if arguments.recipe:
        text = read_text(arguments.recipe, named=True)
        try:
            base = Recipe.from_toml(text)
        except SettingError as error:
            raise SettingError(f"{arguments.recipe}: {error}") from None
    said = {name: getattr(arguments, name, None) for name in DIRECT}
    changes = {name: value for name, value in said.items() if value is not None}
    if arguments.weights:
        changes["weights"] = weights_of(arguments.weights, network)
    for setting in arguments.set:
        name, sign, value = setting.partition("=")
        if not sign:
            raise SettingError(f"expected --set NAME=VALUE, received {setting!r}")
        changes[name.strip()] = parse_value(value)
    recipe = recipe_for(network, training, changes, base)
    if "://" in recipe.weights:  # here already, with a line of how far it is
        with_progress("downloading", lambda show: find_weights(recipe.weights, progress=show))
    return recipe


def _test_metrics(done: Run) -> dict[str, Any]:
    """Return the figures of the epoch whose weights the model has, as `metrics.csv` has them."""
    kept = done.kept
    names = [*(figure.name for figure in done.task.figures), "loss"]
    return {"evaluated": kept.evaluated, **{name: kept.evaluation[name] for name in names}, "epoch": kept.epoch}


def _data(done: Run, metrics: dict[str, Any]) -> dict[str, Any]:
    last = done.metrics[-1]
    return {
        "run": str(done.directory),
        "model": str(done.directory / "model.safetensors"),
        **metrics,
        "epochs": last.epoch,
        "seconds": last.seconds,
        "images_per_second": last.images_per_second,
        "views": done.settings.get("views"),
        "mirrors": done.settings.get("mirrors", []),
        "tempered": done.settings.get("tempered"),
        "weights": done.settings.get("weights"),
        "rejected": done.settings["data"].get("rejected", []),
        "notes": done.settings["data"].get("notes", []),
        "held_out": done.settings["data"].get("held_out"),
        "recipe": done.recipe.to_dict(),
    }


def _lines(done: Run, metrics: dict[str, Any]) -> Iterator[RenderableType]:
    from hubel.view.words.terminal import styled

    folder = shlex.quote(str(done.directory))
    if metrics["evaluated"]:
        first, _, rest = done.task.headline(metrics, f"the {metrics['evaluated']} {done.measured}").partition(" ")
        earlier = metrics["epoch"] != done.metrics[-1].epoch
        rest += f", after epoch {metrics['epoch']}, whose weights the model has" * earlier
        yield styled("\n[bold]{}[/] {}", first, rest)
    yield f"the run lies in {folder}, its model in {folder}/model.safetensors"
    if (done.directory / "report.html").is_file():
        yield f"what it learnt, to look at: {folder}/report.html"
    next_ = ("evaluate " + folder, f"predict {folder} {done.asked}", "explain " + folder)
    yield "\nnext:  " + "\n       ".join(f"hubel {words}" for words in next_)
