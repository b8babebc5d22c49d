"""A model that judges what another makes: one that is named, or that was trained on the same data beside it."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path

from hubel.arch import Shape, shape_text
from hubel.base.errors import SettingError
from hubel.data import tells_classes
from hubel.tasks import LoadedModel
from hubel.tasks.judging import Judged
from hubel.train import Run
from hubel.train.run.run import SETTINGS

_LOOKED_AT = 200  # runs beside one


def judge_of(run: Run, named: str | os.PathLike[str] | None = None) -> tuple[LoadedModel | None, str]:
    """The model that judges what a run's makes, and which it is; or None, and why there is none.

    named: a run's folder; by default the one of those beside the run that was trained on the same data and is right
    oftenest. Raises SettingError where the one that is named judges no such thing.
    """
    task = run.task
    if not isinstance(task, Judged):
        if named is not None:
            raise SettingError(f"expected no judge of {run.directory}, which answers examples and makes none")
        return None, ""
    made = task.images_of(run.network)
    if named is not None:
        other = Run.open(named)
        if why := _unfit(other, task, made):
            raise SettingError(f"{named}: expected {_wanted(task, made)} to judge {run.directory}, received one {why}")
        return other.model(), f"Classes are those that {_who(other)} says."
    found = [each for each in _beside(run) if not _unfit(each, task, made)]
    if not found and not tells_classes(run.source.get("source", "")):
        return None, "Not counted: the pictures that it learnt from have no classes."
    if not found:
        return None, (
            f"Not counted: beside this run lies none of {_wanted(task, made)} that was trained on the same data. With "
            f"one, say: hubel report {run.directory.name or 'RUN'} --judge RUN"
        )
    best = max(found, key=_rightness)
    return best.model(), f"Classes are those that {_who(best)} says, which was trained on the same data."


def _wanted(task: Judged, made: Shape) -> str:
    return f"a model for {task.judged_by} of {shape_text(made)}"


def _unfit(run: Run, task: Judged, made: Shape) -> str:
    """Why a run's model cannot judge; "" where it can."""
    if run.task.name != task.judged_by:
        return f"for {run.task.name}"
    seen = run.task.images_of(run.network)
    if tuple(seen) != tuple(made) and run.network.input != (made[0] * made[1] * made[2],):
        return f"of {shape_text(seen)}"
    return "" if run.is_finished else "whose training has not come to its end"


def _rightness(run: Run) -> float:
    rows = [row for row in run.metrics if row.evaluated]
    return rows[-1].evaluation[run.task.primary.name] if rows else 0.0


def _who(run: Run) -> str:
    """A run by its name, with how often it is right."""
    rows = [row for row in run.metrics if row.evaluated]
    if not rows:
        return run.directory.name
    right = run.task.primary.text(rows[-1].evaluation[run.task.primary.name])
    return f"{run.directory.name} ({right} of the {rows[-1].evaluated} {run.example[1]} right)"


def _beside(run: Run) -> list[Run]:
    """Runs in the same folder, of the same data; what cannot be read is passed over."""
    folder, source = run.directory.resolve(), run.source.get("source")
    places = [path.parent for path in sorted(folder.parent.glob(f"*/{SETTINGS}")) if path.parent != folder]
    runs = filter(None, map(_opened, places[:_LOOKED_AT]))
    return [each for each in runs if source and each.source.get("source") == source]


def _opened(folder: Path) -> Run | None:
    with warnings.catch_warnings(), contextlib.suppress(OSError, ValueError, LookupError):
        warnings.simplefilter("ignore")
        return Run.open(folder)
    return None
