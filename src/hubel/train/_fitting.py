"""A network and data that fit each other, and a recipe and a folder for them, from as little as was said."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hubel import zoo
from hubel.arch import Network, analyse, shape_text
from hubel.base.errors import MissingFileError, NetworkError, SettingError
from hubel.base.names import near_path
from hubel.data import Dataset, Splits, holds_files
from hubel.nn import check_device
from hubel.tasks import load, task_named, task_of, task_of_network, task_of_source
from hubel.tasks.names import TASKS
from hubel.train.recipe.choose import choose, fine_tune, likely_epochs, likely_work
from hubel.train.recipe.recipe import Recipe
from hubel.train.run.run import Run

Settings = Mapping[str, Any]


def fitted(
    given: Any,
    source: str,
    options: Settings,
    settings: Settings,
    network_of: Callable[..., Network] = zoo.network,
    read: Callable[..., Splits] = load,
    seconds: float = 0.0,
    device: str = "auto",
) -> tuple[Network, Splits, dict[str, Any]]:
    """A network and data that fit each other, and how the data was read: arguments of `hubel.tasks.load`.

    No network (None): one by rule, where the data's task has one, for `seconds` of training on `device` where a time
    budget says how long it may take. Images of one size and a network of the zoo: the
    network is made for the images, unless they are too small for it. Image files, or any other network: the images are
    brought to the network's size. `options` are the network's, and `settings` those of `load`.
    """
    asked = {"source": _absolute(source), **settings}
    _refuse_task(given, source)
    if given is None:
        return _chosen(options, asked, network_of, read, likely_work(seconds, device) if seconds else 0.0)
    if "task" not in settings and (meant := task_of_network(network_of(given, **options))):
        asked["task"] = meant
    if not _of_zoo(given) or "input" in options or (holds_files(source) and not _in_own_size(asked)):
        return _sized(given, options, asked, network_of, read)
    found = read(**asked)
    try:
        return _ended(network_of(given, **_for(given, found, options)), found), found, asked
    except ValueError:  # too small for this network, or it takes vectors
        network, splits, asked = _sized(given, options, asked, network_of, read)
    before, after = (shape_text(each.train.shape) for each in (found, splits))
    told = f"{given} does not fit pictures of {before}: they are brought to its own {after}"
    return network, dataclasses.replace(splits, notes=(*([told] if before != after else []), *splits.notes)), asked


def _refuse_task(given: Any, source: str) -> None:
    """Raise SettingError for a task's name in the place of a network."""
    if isinstance(given, str) and given.lower() in TASKS and not Path(given).exists():
        line = shlex.join(["hubel", "train", source])
        raise SettingError(
            f"{given} is a task, and no network; data alone is enough: {line} (or, where it does not say the task: "
            f"{line} --task {given.lower()})"
        )


def _chosen(
    options: Settings,
    asked: dict[str, Any],
    network_of: Callable[..., Network],
    read: Callable[..., Splits],
    work: float = 0.0,
) -> tuple[Network, Splits, dict[str, Any]]:
    """The network that the rules choose for the data, as it is or in the size that was asked for. work: multiply-adds
    of training that fit a time budget, 0 where there is none.
    """
    if "input" in options:
        asked = {**asked, "size": options["input"][:2], "channels": options["input"][2]}
    splits = read(**asked)
    task = task_of(splits.train)
    chosen = task.network_within(splits.train, work) if work else task.network(splits.train)
    if zoo.is_text(chosen.word):
        network = dataclasses.replace(_ended(network_of(chosen.word), splits), name=chosen.name)
        height, width, channels = task.images_of(network)
        asked = {**asked, "size": (height, width), "channels": channels}
        told = f"{chosen.word}: chosen for {chosen.why}; another is named before the data"
        return network, dataclasses.replace(splits, notes=(told, *splits.notes)), asked
    settings = {**_for(chosen.word, splits, {**chosen.options, **options})}
    network = _ended(network_of(chosen.word, **settings), splits)
    more = "".join(f", {name} {value}" for name, value in chosen.options.items())
    told = f"{chosen.word}{more}: chosen for {chosen.why}; another is named before the data"
    return network, dataclasses.replace(splits, notes=(told, *splits.notes)), asked


def _in_own_size(asked: Settings) -> bool:
    """Whether data is for a task whose networks are made in the examples' own size."""
    return (task_named(asked["task"]) if asked.get("task") else task_of_source(asked["source"])[0]).own_size


def fitted_to(given: Any, splits: Splits, options: Settings) -> Network:
    """The network that is meant, where it is one of the zoo's made for these images and classes; None: by rule."""
    if given is None:
        return _chosen(options, {}, zoo.network, lambda **_: splits)[0]
    if not _of_zoo(given):
        return zoo.network(given, **options)
    return _ended(zoo.network(given, **_for(given, splits, options)), splits)


def _of_zoo(given: Any) -> bool:
    return isinstance(given, str) and zoo.is_made(given)


def _for(given: str, splits: Splits, options: Settings, shape: tuple[int, ...] = ()) -> dict[str, Any]:
    """Options of a network of the zoo for these images, or for what they are brought to."""
    name = zoo.meant(given)
    classes = {"classes": _outputs(splits, shape or splits.train.shape)}
    own = classes if name is None or "classes" in zoo.entry(name).options else {}
    return {**({} if shape else {"input": splits.train.shape}), **own, **options}


def _outputs(splits: Splits, shape: tuple[int, ...]) -> int:
    """How many numbers the task wants of images of this shape, or of every pixel: of most tasks one a class."""
    return task_of(splits.train).output(shape)[0][-1]


def _sized(
    given: Any,
    options: Settings,
    asked: dict[str, Any],
    network_of: Callable[..., Network],
    read: Callable[..., Splits],
) -> tuple[Network, Splits, dict[str, Any]]:
    network = network_of(given, **options)
    kind = task_named(asked["task"]) if asked.get("task") else task_of_source(asked["source"])[0]
    images = kind.images_of(network)
    if len(images) == 3:
        asked = {**asked, "size": images[:2], "channels": images[2]}
    splits = read(**asked)
    if len(network.input) == 2 and splits.train.fit not in (None, "time"):
        raise NetworkError(
            f"expected a network of pictures, received one of sequences, {shape_text(network.input)}, which hears the "
            "waveforms of sounds; begin it with the pictures' height x width x channels"
        )
    if _of_zoo(given):
        network = _ended(network_of(given, **_for(given, splits, options, images)), splits)
    return network, splits, asked


def _ended(network: Network, splits: Splits) -> Network:
    """A network of the zoo with the end that the data's task wants. Raises ValueError where layers do not fit."""
    found = task_of(splits.train).fitted(network)
    analyse(found)
    return found


def _absolute(source: str) -> str:
    """Make a path absolute, so that a run can be resumed from any folder."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def recipe_for(network: Network, training: Dataset, changes: Settings, base: Recipe | None = None) -> Recipe:
    """The recipe that these changes to `base` are; where there is no base, to what the rules choose, which are those of
    fine-tuning where there are weights. Raises SettingError for a device that is not here.
    """
    seconds = changes.get("time_budget", 0.0 if base is None else base.time_budget)
    if changes.get("epochs") and seconds:
        raise SettingError(
            f"expected epochs or a time, received both, {changes['epochs']:g} epochs and {seconds:g} s: as many epochs "
            "are trained as fit the time; leave one out"
        )
    weights = changes.get("weights") or ""
    if base is None:
        tuned = fine_tune(network, training, weights, changes.get("freeze") or "") if weights else None
        base = (tuned or choose(network, training)).replace(**changes)
        if "augmentation" not in changes:
            varied = task_of(training).varied(base.augmentation, likely_epochs(base, network, len(training)))
            base = base.replace(augmentation=varied)
        elif "mirrors" not in changes:  # who says how images are varied means it
            base = base.replace(mirrors="said")
    recipe = base.replace(**changes)
    check_device(recipe.device)
    return recipe


def weights_of(given: str | os.PathLike[str], network: Network) -> str:
    """Where weights lie: a path in full, so that a run can be gone on with from any folder, or an address. A run's
    folder means its model, and "imagenet" what the network was trained to there.

    Raises MissingFileError where nothing is there.
    """
    word = os.fspath(given)
    path = Path(word).expanduser()
    if word.lower() == "imagenet" and not path.exists():
        return zoo.imagenet_weights(zoo.encoder_of(network.name) or network.name)
    if (path / "run.toml").is_file():
        path = Run.open(path).model_file()
    elif path.is_dir():
        path = path / "model.safetensors"
    if not path.exists() and "://" not in word:
        raise MissingFileError(f"{word}: expected a file of weights, found nothing there{near_path(word)}")
    return str(path.resolve()) if path.exists() else word


def named(network: Network, given: Any) -> Network:
    """The network with a name for its run, where it was typed in text form."""
    if network.name:
        return network
    path = isinstance(given, (str, os.PathLike)) and not zoo.is_text(os.fspath(given))
    return dataclasses.replace(network, name=Path(given).stem if path else "network")


def directory_name(network: str, data: str) -> str:
    """NET-DATA, without what is not for file names."""
    words = [
        re.sub(r"[^A-Za-z0-9_.-]+", "-", word).strip("-.") for word in (network, Path(data).name.partition(".")[0])
    ]
    return "-".join(word for word in words if word)


def free_directory(network: str, data: str) -> Path:
    """runs/NET-DATA, or with -2, -3 … where that is taken."""
    base = Path("runs") / directory_name(network, data)
    number, free = 1, base
    while free.exists():
        number += 1
        free = base.with_name(f"{base.name}-{number}")
    return free
