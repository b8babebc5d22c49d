"""A search for a better recipe: many runs, each told by what the others found, by any number of processes.

Optuna (Akiba et al. 2019) keeps the study in a database and proposes what to try next (a tree-structured Parzen
estimator: Bergstra et al. 2011); what is worse than most at the same epoch is given up. Each trial is a run in a folder
of its own, so that a killed search loses nothing: whoever comes next on that machine goes on with its trials.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import socket
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hubel.arch import Network
from hubel.base.errors import LockedError, SettingError
from hubel.base.files import locked, made_place, write_atomically
from hubel.data import Preprocessing, Splits, hold_out
from hubel.tasks import task_of
from hubel.train._create import fingerprint
from hubel.train._train import resume, train
from hubel.train.loop.machine.autotune import autotune
from hubel.train.loop.machine.memory import NotEnoughMemoryError
from hubel.train.loop.non_finite import NotFiniteError
from hubel.train.loop.ways.steps import step_named
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.begin import check_name
from hubel.train.run.events import EpochMetrics, Event, Listener, NamedFigures, Started
from hubel.train.run.run import SETTINGS, Run
from hubel.train.search.space import Choice, Space, default_space, holds, space_from_json
from hubel.train.search.study import SEAL, Direction, check_seals, naming_what_is_wrong, opened, seal, shown
from hubel.view.words.result import Part, Result
from hubel.view.words.tables import Table

if TYPE_CHECKING:
    import optuna

BEST = "best.toml"
_MACHINE = ("device", "threads", "precision", "memory_format", "compile")  # measured once, not for every trial
_UNPRUNED = 4  # trials that are never given up, so that there is something to compare with
_FAILURES = 3  # in a row after which trying on would only fail again

Outcome = Literal["done", "pruned", "failed", "running"]


@dataclasses.dataclass(frozen=True)
class Trial(NamedFigures):
    """One recipe that was tried. settings: those that the search chose; value: of the task's primary figure, whose name
    is `figure` (and which is an attribute of that name, too), on the validation images, at the end or where it was
    given up. epochs: how many it trained. why: what went wrong.
    """

    number: int
    outcome: Outcome
    settings: Mapping[str, Any]
    figure: str
    value: float | None
    epochs: int
    directory: Path
    why: str = ""

    def named_figures(self) -> Mapping[str, float | None]:
        """The value by its figure's name."""
        return {self.figure: self.value}


@dataclasses.dataclass(frozen=True, repr=False)
class SweepResult(Result):
    """All trials in order, and the best that came to its end; None where none did."""

    trials: tuple[Trial, ...]
    best: Trial | None

    def shown(self) -> list[Part]:
        """The best trial, and all of them."""
        rows = [(trial.number, trial.value, f"{trial.epochs:g}", str(trial.outcome)) for trial in self.trials]
        best = "none came to its end" if self.best is None else f"the best is trial {self.best.number}"
        return [f"{len(self.trials)} trials, {best}", Table(("#trial", "#value", "#epochs", "outcome"), rows)]


def sweep(
    network: Network,
    splits: Splits,
    recipe: Recipe,
    directory: str | os.PathLike[str],
    *,
    space: Space | None = None,
    trials: int = 20,
    seconds: float = 0.0,
    storage: str = "",
    source: Mapping[str, Any] | None = None,
    progress: Listener | None = None,
    after: Callable[[Trial], None] | None = None,
) -> SweepResult:
    """Search `space` around `recipe` until there are `trials` trials, and write the best recipe to `best.toml`.

    The first trial is `recipe` itself. The same call goes on where an earlier one was stopped or killed, and may be
    made by several processes at once. Each trial is a run, `directory/trial-0000`. The validation part judges, or where
    there is none, images held out of the training part; the test part is not looked at.

    space: `default_space(recipe)` where not given. seconds: no trial begins later than so many; 0 for no limit.
    storage: the database, as SQLAlchemy writes it ("postgresql+psycopg://…"); the study is named like the folder. By
    default an SQLite file in `directory`, which processes of one machine can share. progress: hears the events of the
    running trial. after: called with every trial that ended here.

    Raises ValueError where no image can be held out, or the study was begun with another network, data, recipe or
    space; ModuleNotFoundError where optuna is absent; and StoppedError as `train`.
    """
    splits = hold_out(splits, "needed")
    if splits.validation is None or not len(splits.validation):
        raise SettingError(
            f"{splits.train.name}: expected a validation part to choose recipes by, received none, and each class has "
            "too few pictures to hold one out"
        )
    folder = Path(directory).resolve()
    check_name(folder)
    made_place(folder)
    address = storage or f"sqlite:///{folder / 'study.db'}"
    with naming_what_is_wrong(address):
        study = _study(folder, address, network, splits, recipe, space or default_space(recipe))
        preprocessing = Preprocessing.for_dataset(splits.train)
        task = task_of(splits.train)
        measured = autotune(recipe, step_named(task.step), network, task, splits.train, preprocessing)
        here = recipe.replace(**{name: getattr(measured, name) for name in _MACHINE})
        search = _Search(study, folder, network, dataclasses.replace(splits, test=None), here, dict(source or {}))
        until = time.monotonic() + seconds if seconds else float("inf")
        failures = 0
        while time.monotonic() < until:
            with search.next(trials) as trial:
                if trial is None:
                    break
                done = search.run(trial, progress)
            search.write_best(recipe)
            if after is not None:
                after(done)
            failures = failures + 1 if done.outcome == "failed" else 0
            if failures == _FAILURES:
                raise NotEnoughMemoryError(f"{folder}: {failures} trials in a row failed; the last: {done.why}")
        return search.write_best(recipe)


class _Search:
    """A study with all that its trials need."""

    def __init__(
        self,
        study: optuna.Study,
        folder: Path,
        network: Network,
        splits: Splits,
        recipe: Recipe,
        source: dict[str, Any],
    ) -> None:
        self.study, self.folder = study, folder
        self.network, self.splits, self.recipe, self.source = network, splits, recipe, source
        self.figure = task_of(splits.train).primary
        self.space = space_from_json(study.user_attrs["settings"]["space"])
        self.place = f"{socket.gethostname()}:{folder}"

    @contextlib.contextmanager
    def next(self, most: int) -> Iterator[optuna.Trial | None]:
        """The trial to run, which no other process runs as long as this lasts; None where there are `most` already."""
        with contextlib.ExitStack() as held:
            with _lock(self.folder, "study", wait=True):
                trial = self._left_behind(held) or self._new(most, held)
            yield trial

    def run(self, trial: optuna.Trial, progress: Listener | None) -> Trial:
        """Train a trial to its end, or until it is given up, and put what came out into the study."""
        import optuna

        directory = self._directory(trial.number)
        recipe = self.recipe.replace(**self._suggested(trial))
        reported = {step for each in self._frozen() if each.number == trial.number for step in each.intermediate_values}

        steps = 0

        def listen(event: Event) -> None:
            nonlocal steps
            if progress is not None:
                progress(event)
            if isinstance(event, Started):
                steps = event.steps
            if isinstance(event, EpochMetrics) and event.evaluated and event.epoch not in reported:
                trial.report(event.evaluation[self.figure.name], event.epoch)
                if event.step < steps and trial.should_prune():
                    raise optuna.TrialPruned

        state, why, value = optuna.trial.TrialState.COMPLETE, "", None
        try:
            trained = self._trained(directory, recipe, listen)
            value = trained.model().summary["validation"].get(self.figure.name, math.nan)
        except optuna.TrialPruned:
            state = optuna.trial.TrialState.PRUNED
        except NotFiniteError as error:  # as bad as can be, which is worth knowing
            state, why = optuna.trial.TrialState.PRUNED, str(error)
        except NotEnoughMemoryError as error:
            state, why = optuna.trial.TrialState.FAIL, str(error)
        except ValueError as error:
            self._tell(trial, None, optuna.trial.TrialState.FAIL, str(error))
            raise
        self._tell(trial, value, state, why)
        return next(each for each in self.trials() if each.number == trial.number)

    def _tell(self, trial: optuna.Trial, value: float | None, state: optuna.trial.TrialState, why: str) -> None:
        """Put into the study how a trial ended, and what vouches for it."""
        if why:
            trial.set_user_attr("why", why)
        stored = next(each for each in self._frozen() if each.number == trial.number)
        own = seal(trial.number, state.name, stored.params, stored.intermediate_values, value)
        trial.set_user_attr(SEAL, own)
        self.study.tell(trial.number, value, state)

    def trials(self) -> tuple[Trial, ...]:
        """All trials that have begun, of all processes."""
        return tuple(self._as_trial(each) for each in self._frozen() if each.state.name != "WAITING")

    def write_best(self, recipe: Recipe) -> SweepResult:
        """Write the best recipe so far to the folder; return all trials."""
        trials = self.trials()
        done = [trial for trial in trials if trial.outcome == "done" and trial.value is not None]
        sign = 1 if self.figure.best == "highest" else -1
        best = max(done, key=lambda trial: (sign * (trial.value or 0.0), -trial.number), default=None)
        if best is not None:
            text = recipe.replace(**best.settings).to_toml()
            shown = f"{self.figure.title} {self.figure.text(best.value or 0.0)}"
            head = f"# trial {best.number} of {len(trials)}: {shown} on the validation images\n"
            with _lock(self.folder, "best", wait=True):
                write_atomically(self.folder / BEST, head + text)
        return SweepResult(trials, best)

    def _left_behind(self, held: contextlib.ExitStack) -> optuna.Trial | None:
        """A trial whose process is gone, begun on this machine: its lock is free."""
        import optuna

        for each in self._frozen():
            mine = each.state == optuna.trial.TrialState.RUNNING and each.user_attrs.get("place") == self.place
            # under its lock one looks again: it may have ended since
            if mine and self._hold(each.number, held) and self._frozen()[each.number].state == each.state:
                return optuna.Trial(self.study, each._trial_id)
        return None

    def _new(self, most: int, held: contextlib.ExitStack) -> optuna.Trial | None:
        if len(self.trials()) >= most:
            return None
        trial = self.study.ask()
        self._hold(trial.number, held)
        trial.set_user_attr("place", self.place)
        self.study.sampler = _sampler(self.recipe.seed, trial.number)
        self._suggested(trial)  # before it can be left behind, so that whoever goes on with it has the same
        return trial

    def _hold(self, number: int, held: contextlib.ExitStack) -> bool:
        try:
            held.enter_context(_lock(self.folder, f"{number:04d}", wait=False))
        except LockedError:
            return False
        return True

    def _suggested(self, trial: optuna.Trial) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, values in self.space.items():
            if isinstance(values, Choice):
                found[name] = trial.suggest_categorical(name, values.values)
            elif isinstance(values.low, int) and isinstance(values.high, int):
                found[name] = trial.suggest_int(name, values.low, values.high, log=values.log)
            else:
                found[name] = trial.suggest_float(name, values.low, values.high, log=values.log)
        return found

    def _trained(self, directory: Path, recipe: Recipe, listen: Listener) -> Run:
        if not (directory / SETTINGS).exists():
            return train(self.network, self.splits, recipe, directory, source=self.source, progress=listen)
        failure = Run.open(directory).failure
        if failure is not None:  # it was killed before it could say so
            raise NotFiniteError(failure)
        return resume(directory, self.splits, progress=listen)

    def _frozen(self) -> list[optuna.trial.FrozenTrial]:
        return self.study.get_trials(deepcopy=False)

    def _directory(self, number: int) -> Path:
        return self.folder / f"trial-{number:04d}"

    def _as_trial(self, each: optuna.trial.FrozenTrial) -> Trial:
        outcomes: dict[str, Outcome] = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
        epochs = max(each.intermediate_values, default=0)
        value = each.value if each.value is not None else each.intermediate_values.get(epochs)
        return Trial(
            number=each.number,
            outcome=outcomes[each.state.name],
            settings=dict(each.params),
            figure=self.figure.name,
            value=value,
            epochs=epochs,
            directory=self._directory(each.number),
            why=str(each.user_attrs.get("why", "")),
        )


def _study(folder: Path, storage: str, network: Network, splits: Splits, recipe: Recipe, space: Space) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    settings = {
        "network": str(network),
        "images": fingerprint(splits.train),
        "recipe": recipe.to_dict(),
        "space": {name: json.loads(json.dumps(dataclasses.asdict(values))) for name, values in space.items()},
    }
    direction: Direction = "maximize" if task_of(splits.train).primary.best == "highest" else "minimize"
    with _lock(folder, "study", wait=True):  # two processes that make the tables at once would be in each other's way
        study = opened(storage, folder.name, direction)
        study.pruner = optuna.pruners.MedianPruner(_UNPRUNED, n_warmup_steps=max(1, int(recipe.epochs / 4)))
        begun = study.user_attrs.get("settings")
        if begun is None:
            study.set_user_attr("settings", settings)
            usual = {name: getattr(recipe, name) for name in space if holds(space, name, getattr(recipe, name))}
            study.enqueue_trial(usual, skip_if_exists=True)
        elif begun != settings:
            other = [name for name in settings if begun.get(name) != settings[name]]
            raise SettingError(
                f"{folder}: this search was begun with another {' and '.join(other)}; go on with what it was begun "
                "with, or take another folder"
            )
        check_seals(study.get_trials(deepcopy=False), shown(storage))
    return study


def _sampler(seed: int, number: int) -> optuna.samplers.BaseSampler:
    """One for each trial, so that the same search makes the same proposals, and processes at once different ones."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # older versions call one of these settings experimental
        return optuna.samplers.TPESampler(
            seed=(seed * 1_000_003 + number) % 2**32, constant_liar=True, multivariate=False
        )


def _lock(folder: Path, name: str, *, wait: bool) -> contextlib.AbstractContextManager[None]:
    return locked(folder / ".locks" / name, wait=wait)
