"""`hubel sweep`: search for a better recipe."""

from __future__ import annotations

import dataclasses
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError
from hubel.cli._finish import TABLES, Answer, add_output, finish, is_data
from hubel.cli._network import add_options
from hubel.cli._numbers import real, whole
from hubel.cli._trained import add_data_options, add_validation, fitted_network, need_data
from hubel.cli.train import add_recipe_options, recipe_of

if TYPE_CHECKING:
    from rich.console import RenderableType

    from hubel.data import Splits
    from hubel.tasks import Figure
    from hubel.train import SweepResult, Trial
    from hubel.view.words.tables import Table

DESCRIPTION = """Search for a better recipe: train many times, choose by the validation images, give up what is worse.

The same line goes on with a search that was stopped or killed; several at once share it. Each trial is a run."""
EXAMPLES = """  hubel sweep lenet5 mnist --trials 30
  hubel sweep photos/                     a network chosen by rule, as hubel train photos/ does
  hubel sweep resnet20 cifar10 --time 3600 --search learning_rate=0.001:0.1:log optimizer=sgd,adamw,muon
  hubel sweep lenet5 mnist --trials 30 & hubel sweep lenet5 mnist --trials 30
  hubel sweep resnet18 photos/ --sweep sweeps/photos --storage postgresql+psycopg://me@db/studies
  hubel train lenet5 mnist --recipe sweeps/lenet5-mnist/best.toml"""

SHOWN = 10  # trials in the table


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "network", nargs="?", metavar="NET", help="a zoo name, a text form in quotes, or a file (default: by rule)"
    )
    parser.add_argument("data", nargs="?", metavar="DATA", help="a data set's name, or a path")
    parser.add_argument(
        "--sweep", type=Path, metavar="DIR", dest="directory", help="where it goes (default: sweeps/NET-DATA)"
    )
    parser.add_argument("--trials", type=whole(), default=20, metavar="N", help="trials in all (default: 20)")
    parser.add_argument(
        "--time", type=real(0, 1e9), default=0.0, metavar="SECONDS", help="begin no trial later than this"
    )
    parser.add_argument(
        "--search",
        nargs="+",
        default=[],
        metavar="NAME=SPACE",
        help="what to search: learning_rate=0.001:0.1:log batch_size=32:256 optimizer=sgd,muon",
    )
    parser.add_argument(
        "--storage", default="", metavar="URL", help="the study's database (default: an SQLite file in the folder)"
    )
    add_validation(parser, "needed")
    add_output(parser, *TABLES)
    add_recipe_options(parser)
    add_data_options(parser)
    add_options(parser)


def run(arguments: Namespace) -> int:
    """Search, and print what was found."""
    from hubel.tasks import task_of
    from hubel.train import EpochMetrics, StoppedError, default_space, parse_space, sweep
    from hubel.train._fitting import directory_name, named
    from hubel.view.words.terminal import console

    need_data(arguments)
    network, splits, settings = fitted_network(arguments)
    if arguments.validation == 0 and splits.validation is None:
        raise SettingError("expected --validation above 0: a sweep chooses by images that were held out")
    network = named(network, arguments.network)
    recipe = recipe_of(arguments, network, splits.train)
    primary = task_of(splits.train).primary
    space = parse_space(arguments.search, recipe) or default_space(recipe)
    directory = arguments.directory or Path("sweeps") / directory_name(network.name, arguments.data)
    source = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
    screen = console(stderr=is_data(arguments))
    searched = ", ".join(f"{name} {values}" for name, values in space.items())
    if splits.held_out is not None:
        screen.print(str(splits.held_out), style="yellow", soft_wrap=True)
    screen.print(f"searching {searched}\naround {recipe}", soft_wrap=True)
    with screen.status("") as status:

        def show(event: Any) -> None:
            if isinstance(event, EpochMetrics):
                shown = primary.text(event.evaluation[primary.name]) if event.evaluated else ""
                status.update(f"epoch {event.epoch}  {event.evaluated} {shown}")

        try:
            result = sweep(
                network,
                splits,
                recipe,
                directory,
                space=space,
                trials=arguments.trials,
                seconds=arguments.time,
                storage=arguments.storage,
                source=source,
                progress=show,
                after=lambda trial: screen.print(_line(trial, primary), soft_wrap=True),
            )
        except StoppedError as stopped:
            screen.print("\nstopped and saved; the same line goes on")
            return 128 + stopped.signal
    answer = Answer(
        data=lambda: _data(result, directory, splits),
        lines=lambda width: _lines(result, directory, arguments, primary),
        tables=lambda: [_all(result, primary)],
    )
    finish(arguments, answer)
    return 0 if result.best is not None else 1


def _line(trial: Trial, primary: Figure) -> str:
    value = "" if trial.value is None else f"  validation {primary.text(trial.value)}"
    ended = {"done": "", "pruned": f"  given up after epoch {trial.epochs}", "failed": f"  {trial.why}"}
    settings = "  ".join(f"{name} {_value(value)}" for name, value in trial.settings.items())
    return f"trial {trial.number:3d}{value}{ended.get(trial.outcome, '')}  {settings}"


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _data(result: SweepResult, directory: Path, splits: Splits) -> dict[str, Any]:
    trials = [
        {**dataclasses.asdict(trial), **trial.named_figures(), "directory": str(trial.directory)}
        for trial in result.trials
    ]
    best = None if result.best is None else trials[result.trials.index(result.best)]
    return {
        "sweep": str(directory),
        "recipe": str(directory / "best.toml"),
        "held_out": None if splits.held_out is None else dataclasses.asdict(splits.held_out),
        "best": best,
        "trials": trials,
    }


def _lines(result: SweepResult, directory: Path, arguments: Namespace, primary: Figure) -> Iterator[RenderableType]:
    from hubel.view.words.terminal import styled, table

    titles, rows = _rows(result, primary)
    yield ""
    yield table(*titles, rows=rows[:SHOWN])
    if len(rows) > SHOWN:
        yield styled("[dim]the best {} of {}; all of them: --json[/]", SHOWN, len(rows))
    if result.best is None:
        yield "no trial came to its end"
        return
    task = ("--task", arguments.task) if arguments.task else ()
    again = shlex.join(["hubel", "train", *filter(None, (arguments.network, arguments.data)), *task])
    best, recipe = result.best.directory, shlex.quote(str(directory / "best.toml"))
    yield f"\nthe best recipe lies in {recipe}, its run in {shlex.quote(str(best))}"
    yield f"\nnext:  {again} --recipe {recipe}"


def _rows(result: SweepResult, primary: Figure) -> tuple[list[str], list[list[str]]]:
    """A row a trial, the best first, under its titles."""
    names = list(dict.fromkeys(name for trial in result.trials for name in trial.settings))
    sign = 1 if primary.best == "highest" else -1
    ranked = sorted(result.trials, key=lambda each: (each.outcome == "done", sign * (each.value or 0.0)), reverse=True)
    rows = []
    for trial in ranked:
        value = "" if trial.value is None else primary.text(trial.value)
        settings = [_value(trial.settings.get(name, "")) for name in names]
        told = {"done": "", "pruned": "given up"}.get(trial.outcome, trial.outcome)
        rows.append([str(trial.number), value, str(trial.epochs), *settings, told])
    return [*(f"#{title.replace('_', ' ')}" for title in ("trial", "validation", "epochs", *names)), ""], rows


def _all(result: SweepResult, primary: Figure) -> Table:
    from hubel.view.words.tables import Table

    titles, rows = _rows(result, primary)
    return Table((*titles[:-1], "outcome"), tuple(map(tuple, rows)))
