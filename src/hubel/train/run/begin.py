"""A run begins: its folder, and the `run.toml` in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hubel.arch import Network, own_layers
from hubel.base.files import made_place
from hubel.base.words import NOT_UTF8, writable
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.environment import environment
from hubel.train.run.run import SETTINGS, Run
from hubel.train.run.settings import FORMAT, RunError, write_settings


def check_name(directory: Path) -> None:
    """Raise RunError where a folder has a name by which what is written there could not be opened again."""
    if writable(str(directory)) != str(directory):
        raise RunError(f"{directory}: {NOT_UTF8}, by which models cannot be opened; name another folder")


def refuse_existing(directory: Path) -> None:
    """Raise RunError where the folder holds a run already."""
    if (directory / SETTINGS).exists():
        raise RunError(f"{directory}: there is a run already; go on with: hubel train --resume {directory}")


def create(
    directory: Path,
    network: Network,
    recipe: Recipe,
    data: Mapping[str, Any],
    weights: Mapping[str, Any],
    step: str,
    tuned: Sequence[str] = (),
    report: bool = True,
) -> Run:
    """Write the `run.toml` of a new run. `weights` says what it starts from; empty where from random ones. `step` is
    the name of how batches change weights. `tuned` says what was measured to choose what the recipe left open.
    `report` is whether a page is wanted.
    """
    path = directory / SETTINGS
    made_place(directory)
    settings = {
        "format": FORMAT,
        "network": str(network),
        "network_name": network.name,
        "step": step,
        "recipe": recipe.to_dict(),
        "data": dict(data),
        **({"layers": own} if (own := own_layers(network)) else {}),
        **({"weights": dict(weights)} if weights else {}),
        **({"tuned": list(tuned)} if tuned else {}),
        **({} if report else {"report": False}),
        "environment": environment(),
    }
    write_settings(path, settings)
    return Run(directory, network, recipe, settings)
