"""What users give a model in Python, whatever its task: an answer, or one of hubel's own errors; copies of models."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hubel.base.errors import HubelError
from hubel.tasks import LoadedModel, load_model
from tests.tasks.killed import trained
from tests.tasks.little import LITTLE

GREY = np.arange(64, dtype=np.uint8).reshape(8, 8)
NONE: dict[str, Any] = {
    "one dimension": np.zeros(8, np.uint8),
    "nothing": None,
    "a number": 3,
    "rows of different lengths": [[1, 2], [3]],
    "names": {},
    "not a number": np.full((8, 8), np.nan),
    "objects": np.array([[object()] * 8] * 8),
    "masked": np.ma.masked_all((8, 8)),
    "far too large": np.broadcast_to(np.uint8(0), (100_000, 100_000)),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LoadedModel]:
    made: dict[str, LoadedModel] = {}

    def of(task: str) -> LoadedModel:
        if task not in made:
            folder: Path = tmp_path_factory.mktemp(task)
            trained(LITTLE[task](folder / "data"), folder / "run")
            made[task] = load_model(folder / "run" / "model.safetensors")
        return made[task]

    return of


@pytest.mark.parametrize("task", ["segmentation", "colorize", "pose"])
def test_what_is_no_picture_is_refused_in_words(task: str, model: Callable[[str], LoadedModel]) -> None:
    for given in NONE.values():
        with pytest.raises(HubelError, match="expected"):
            model(task).predict(given)


@pytest.mark.parametrize("task", ["segmentation", "colorize", "pose", "detection"])
def test_numbers_of_any_kind_are_the_picture_that_they_mean(task: str, model: Callable[[str], LoadedModel]) -> None:
    wanted = model(task).predict(GREY).pictures()
    for given in (GREY.astype(">u2"), GREY / 255, GREY[..., np.newaxis], np.dstack([GREY] * 3)):
        found = model(task).predict(given).pictures()
        for name, pixels in wanted.items():
            np.testing.assert_array_equal(found[name], pixels)


def test_a_model_that_speaks_is_copied_and_pickled(model: Callable[[str], LoadedModel]) -> None:
    for other in (copy.deepcopy(model("speech")), pickle.loads(pickle.dumps(model("speech")))):
        assert other.task == model("speech").task
