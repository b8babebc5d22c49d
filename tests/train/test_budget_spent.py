"""A time budget that is over before the first step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from hubel.arch import parse
from hubel.tasks import load
from hubel.train import train
from hubel.train.loop.ways.supervised import Supervised
from hubel.train.recipe.choose import choose
from tests.tasks.little import LITTLE


def test_once_it_is_over_no_more_is_tried_than_one_step(tmp_path: Path) -> None:
    """How quick steps are is found by trying some, which of a large network take longer than all of the budget."""
    done = []

    class Counted(Supervised):
        def __call__(self, *given: Any, **named: Any) -> Any:
            done.append(1)
            return super().__call__(*given, **named)

    little = LITTLE["classification"](tmp_path / "here")
    network, splits = parse(little.network), load(little.source, size=(8, 8), channels=1)
    recipe = replace(choose(network, splits.train), time_budget=1e-6, epochs=0.0)
    run = train(network, splits, recipe, tmp_path / "run", step=Counted)
    assert run.is_finished
    assert len(done) == 2  # the one that was tried, and the one that is trained
