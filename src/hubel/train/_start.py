"""Training from Python in one line: a network and data by whatever names them, and what else is to be said by name."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hubel import tasks, zoo
from hubel.base.errors import MissingFileError, ModelFileError, SettingError
from hubel.base.names import did_you_mean, near_path
from hubel.data import SUFFIXES, Dataset, Splits, Validation, align, is_source
from hubel.tasks import LoadedModel, Measured, load_model
from hubel.tasks.decoding import decoding_of
from hubel.train._fitting import fitted, fitted_to, free_directory, named, recipe_for, weights_of
from hubel.train._train import train
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.events import Listener
from hubel.train.run.run import Run

_OF_NETWORK = ("input", "classes", "width")
_OF_DATA = (
    "task",
    "void",
    "vocabulary",
    "critic",
    "fit",
    "bad_images",
    "parts",
    "labels",
    "image_column",
    "label_column",
    "label_kind",
)
# what people write who know it from elsewhere, the command line included
_ELSEWHERE = {
    "run": "directory",
    "name": "directory",
    "output": "directory",
    "lr": "learning_rate",
    "gpu": "device",
    "time": "time_budget",
    "verbose": "progress",
    "pretrained": "weights",
    "augment": "augmentation",
    "num_classes": "classes",
    "image_size": "input",
    "bs": "batch_size",
}
_OF_RECIPE = tuple(field.name for field in dataclasses.fields(Recipe))


def start(
    network: zoo.Given | Splits | Dataset | None,
    data: str | os.PathLike[str] | Splits | Dataset | None = None,
    recipe: Recipe | None = None,
    directory: str | os.PathLike[str] | None = None,
    *,
    validation: Validation = "auto",
    progress: Listener | bool = True,
    **settings: Any,
) -> Run:
    """Train `network` on `data` and return the run: `hubel.train("resnet20", "photos/", epochs=30)`.

    network: a word of the zoo, a text form, a path, or an object (see `hubel.zoo.network`); it may be left out,
    `hubel.train("photos/")`, and is then chosen by rule for the data, which is said. data: a word or a path (see
    `hubel.load`), or a set that is loaded. recipe: by rule where there is none; `settings` are changes to it by name
    (epochs, learning_rate, device, seed …; `weights` may be "imagenet", a run, a file), options of a network of the zoo
    (input, classes, width), or say how data is read (fit, task, parts …). directory: runs/NET-DATA where not said.
    validation: the share to hold out. progress: what is called with each event; True shows it, False is silent.

    `run.model()` is then the trained model. Raises SettingError for a setting that there is none of, and as
    `hubel.train.train`.
    """
    known = (*_OF_NETWORK, *_OF_DATA, "image_folder", *_OF_RECIPE)
    for name in settings:
        if name not in known:
            near = f"; did you mean {_ELSEWHERE[name]!r}?" if name in _ELSEWHERE else did_you_mean(name, known)
            raise SettingError(f"{name}: no setting of hubel.train{near}")
    if data is None:
        network, data = None, _data_alone(network)
    assert not isinstance(network, (Splits, Dataset))
    if recipe is not None and not isinstance(recipe, Recipe):
        raise SettingError(
            f"expected a hubel.train.Recipe, received {type(recipe).__name__}; its settings are arguments, too"
        )
    changes = {name: settings.pop(name) for name in _OF_RECIPE if name in settings}
    options = {name: settings.pop(name) for name in _OF_NETWORK if name in settings}
    if isinstance(data, (Splits, Dataset)):
        splits = data if isinstance(data, Splits) else Splits(data)
        if settings:
            raise SettingError(f"{next(iter(settings))} says how data is read, and this is: {splits.train!r}")
        found, source, called = fitted_to(network, splits, options), None, splits.train.name
    else:
        called = os.fspath(data)
        how = {**settings, "validation": validation}
        own = {name: changes[name] for name in ("time_budget", "device") if name in changes}
        limits = (recipe or Recipe()).replace(**own)
        found, splits, source = fitted(network, called, options, how, seconds=limits.time_budget, device=limits.device)
    found = named(found, network)
    if changes.get("weights"):
        changes["weights"] = weights_of(changes["weights"], found)
    recipe = recipe_for(found, splits.train, changes, recipe)
    place = Path(directory) if directory is not None else free_directory(found.name, called)
    with _shown(progress) as listener:
        return train(found, splits, recipe, place, validation=validation, source=source, progress=listener)


def _data_alone(given: Any) -> str | os.PathLike[str] | Splits | Dataset:
    """What stands alone, for which a network is chosen. Raises SettingError where that is a network."""
    if isinstance(given, (Splits, Dataset)) or (isinstance(given, (str, os.PathLike)) and is_source(os.fspath(given))):
        return given
    raise SettingError(f"expected data, or a network and data, received {given!r} alone{_near(given)}")


def _near(given: Any) -> str:
    """What lies beside a path where nothing lies."""
    named = isinstance(given, (str, os.PathLike)) and not zoo.is_made(os.fspath(given)) and not Path(given).exists()
    return near_path(os.fspath(given)) if named else ""


@contextlib.contextmanager
def _shown(progress: Listener | bool) -> Any:
    if not isinstance(progress, bool):
        yield progress
    elif progress:
        from hubel.train.run.display import Display

        with Display() as display:
            yield display
    else:
        yield None


def open_model(given: LoadedModel | Run | str | os.PathLike[str]) -> LoadedModel:
    """The trained model of a run, of a run's folder or of a model file; a model is returned as it is.

    Raises MissingFileError where there is nothing, and as `Run.model` and `hubel.tasks.load_model`.
    """
    if isinstance(given, LoadedModel):
        return given
    if isinstance(given, Run):
        return given.model()
    if not isinstance(given, (str, os.PathLike)) or not os.fspath(given):
        received = repr(given) if isinstance(given, str) else type(given).__name__
        raise SettingError(f"expected a trained model: a run, its folder or a model file; received {received}")
    path = Path(given)
    if not path.exists():
        raise MissingFileError(
            f"{given}: expected a run's directory or a model file, found nothing there"
            f"{near_path(str(given)) or _runs_here()}"
        )
    if path.suffix.lower() in SUFFIXES and path.is_file():
        raise ModelFileError(f"{given}: expected a run's directory or a model file, received an image; RUN comes first")
    return Run.open(path).model() if path.is_dir() else load_model(path)


def _runs_here() -> str:
    runs = sorted(Path("runs").glob("*/run.toml"), key=lambda path: path.stat().st_mtime)
    return f"; the newest run here is {runs[-1].parent}" if runs else "; make one with: hubel train lenet5 mnist"


def predict(model: LoadedModel | Run | str | os.PathLike[str], images: Any, top: int = 3, **how: Any) -> Any:
    """What a trained model says of one image or of many: `hubel.predict("runs/photos", "cat.jpg")`; see
    `LoadedModel.predict`. A model that is asked often is opened once, by `hubel.load_model`.
    """
    return open_model(model).predict(images, top, **how)


def write(
    model: LoadedModel | Run | str | os.PathLike[str],
    prompt: str = "",
    *,
    length: int = 500,
    temperature: float = 0.8,
    seed: int = 0,
) -> Iterator[str]:
    """What a model that was trained on a text writes after `prompt`, symbol by symbol, as it comes; the prompt
    is not among them.
    """
    pieces = open_model(model).make(prompt=prompt, length=length, temperature=temperature, seed=seed).pieces()
    next(pieces)
    return pieces


def evaluate(
    model: LoadedModel | Run | str | os.PathLike[str],
    data: str | os.PathLike[str] | Splits | Dataset,
    part: str = "",
) -> Measured:
    """How well a trained model does on labelled images: `print` shows the figures of each class.

    data: a word or a path, whose images are prepared as the model says, or a set of the model's size. part: of a set
    with several; by default test, else validation, else train. Classes are brought into the model's order by name.

    Raises SettingError where there is no such part, DataError where the classes are others.
    """
    found = open_model(model)
    if not isinstance(data, (Splits, Dataset)):
        made = found.preprocessing
        shape: dict[str, Any] = {"size": (made.height, made.width), "channels": made.channels, **found.task.reading()}
        shape["task"] = found.task.name
        data = tasks.load(data, **({"like": found.preprocessing} if decoding_of(found.task.name).names else shape))
    if isinstance(data, Splits):
        data = data.part(part)[1]
    measured: Measured = tasks.evaluate(found, align(data, found.classes)[0])
    return measured
