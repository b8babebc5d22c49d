"""The database of a search: opened, its faults named, and each trial in it vouched for by a SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hubel.base.errors import FileError, FullDiskError, SettingError
from hubel.base.limits import ignores_damage
from hubel.base.model_file import WholenessWarning

if TYPE_CHECKING:
    import optuna

Direction = Literal["maximize", "minimize"]
SEAL = "sha256"  # an attribute of a trial
_ATTEMPTS = 4  # to open the database
_ENDED = ("COMPLETE", "PRUNED", "FAIL")


class StudyError(FileError, OSError):
    """The database of a search cannot be used, or holds what no search wrote."""


@contextlib.contextmanager
def naming_what_is_wrong(address: str) -> Iterator[None]:
    """Say of a database that cannot be used which it is, and what to do."""
    import optuna
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise SettingError(
            f"expected storage as SQLAlchemy writes it, such as sqlite:///study.db, received {address[:80]!r}"
        ) from None
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        first: BaseException = error
        while first.__cause__ is not None:  # Optuna wraps SQLAlchemy's, which wraps the database's own
            first = first.__cause__
        reason = str(first).strip().splitlines()[0]
        if "disk is full" in reason:
            free = shutil.disk_usage(Path(url.database or ".").parent).free
            raise FullDiskError(
                f"{shown(address)}: there is no room for it ({reason}; {free:,} bytes are free there); make room, and "
                "the same line goes on"
            ) from None
        raise StudyError(f"{shown(address)}: the study's database cannot be used ({reason})") from None


def shown(address: str) -> str:
    """A database's address, without its password."""
    from sqlalchemy.engine import make_url

    return make_url(address).render_as_string(hide_password=True)


def opened(storage: str, name: str, direction: Direction) -> optuna.Study:
    """The study, made where it is not there. Machines that make the tables at the same moment get in each other's way,
    which a lock in a folder cannot help; the one that lost tries again.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    for left in reversed(range(_ATTEMPTS)):
        try:
            study = optuna.create_study(storage=storage, study_name=name, direction=direction, load_if_exists=True)
            _ = study.user_attrs, study.get_trials(deepcopy=False)  # which shows what is damaged
            return study
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError):  # noqa: PERF203 (a few rounds)
            if not left:
                raise
            time.sleep(0.5)
        except Exception as error:  # what Optuna makes of damage is of many kinds
            told = f"{type(error).__name__}: {str(error)[:200]}"
            raise StudyError(f"{shown(storage)}: holds what no search wrote ({told}); take another folder") from None
    raise AssertionError


def seal(number: int, state: str, settings: Mapping[str, Any], reported: Mapping[int, float], value: Any) -> str:
    """The SHA-256 of what a trial ends with. value: of one that came to its end, else None."""
    told = [number, state, sorted(settings.items()), sorted(reported.items()), value]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def check_seals(trials: Sequence[optuna.trial.FrozenTrial], address: str) -> None:
    """Raise StudyError where a trial is not what it ended with; say in a line which ones nothing vouches for."""
    unsealed = []
    for each in trials:
        own = each.user_attrs.get(SEAL)
        state = each.state.name
        if state not in _ENDED:
            continue
        if own is None:
            unsealed.append(each.number)
        elif own != seal(each.number, state, each.params, each.intermediate_values, _value(each)):
            told = f"{address}: damaged: trial {each.number} is not what it ended with"
            if not ignores_damage():
                raise StudyError(
                    f"{told} (its SHA-256 is another); its run, trial-{each.number:04d}, is not touched by that. Take "
                    "another folder, or go on all the same: HUBEL_IGNORE_DAMAGE=1"
                )
            warnings.warn(f"{told}; used all the same", WholenessWarning, stacklevel=2)
    if unsealed:
        which = f"trial{'s' * (len(unsealed) > 1)} {', '.join(map(str, unsealed[:8]))}{' …' * (len(unsealed) > 8)}"
        warnings.warn(
            f"{address}: nothing vouches for {which}, of an older version, which wrote no SHA-256",
            WholenessWarning,
            stacklevel=2,
        )


def _value(trial: optuna.trial.FrozenTrial) -> float | None:
    return trial.value if trial.state.name == "COMPLETE" else None  # Optuna takes the last that was reported for others
