"""A trained model by whatever names one: a run, its folder, a model file, or the model."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from hubel.tasks import LoadedModel
from hubel.train import Run, open_model

Model: TypeAlias = LoadedModel | Run | str | os.PathLike[str]
P = ParamSpec("P")
T = TypeVar("T")


def of_any_model(look: Callable[Concatenate[LoadedModel, P], T]) -> Callable[Concatenate[Model, P], T]:
    """Let a function whose first argument is a model take a run or a path there as well."""

    @functools.wraps(look)
    def opened(*given: Any, **named: Any) -> T:
        if given:
            return look(open_model(given[0]), *given[1:], **named)
        return look(**{**named, "model": open_model(named["model"])})  # type: ignore[call-arg]

    return opened
