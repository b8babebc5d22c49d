"""A trained network with everything needed to use it, and what may be asked of it."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import nn

from hubel.arch import Network, analyse, shape_text
from hubel.base.download import Progress
from hubel.base.errors import SettingError
from hubel.base.names import listing, shortened
from hubel.base.numbers import an
from hubel.data import ImageError, Preprocessing, image_files
from hubel.data.decode.image import or_error
from hubel.data.prepare.arrays import as_array
from hubel.data.prepare.cut import told_of_cut, warn_of
from hubel.nn import device_named
from hubel.tasks.asking import Made, asking_of, check_options
from hubel.tasks.decoding import VIEWS, decoding_of
from hubel.tasks.names import USUAL
from hubel.tasks.registry import task_named
from hubel.tasks.results import examples_of
from hubel.tasks.task import Answer, Task
from hubel.view.words.result import Part, Result
from hubel.view.words.tables import Table

AT_ONCE = 256  # images in one forward pass


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class LoadedModel(Result):
    """A trained network with everything needed to use it.

    network: the tree it was built from; `str(model.network)` is its text form.
    module: the PyTorch module, in evaluation mode.
    preprocessing: how any image becomes its input.
    task: what it predicts; the names of its outputs alone, in order, mean classification.
    summary: what is known of its training (accuracy, loss, epochs, recipe, data, versions); plain JSON values.
    """

    network: Network
    module: nn.Module
    preprocessing: Preprocessing
    task: Task
    summary: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.task, tuple):
            object.__setattr__(self, "task", task_named(USUAL).from_settings(self.task, {}))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its outputs, in order."""
        return self.task.classes

    @property
    def example(self) -> tuple[str, str]:
        """What it answers, one and many."""
        return examples_of(self.task, self.preprocessing.fit)

    def to(self, device: str | torch.device) -> LoadedModel:
        """The model, moved to where it is to compute: "cuda", "cpu" … ("auto": a CUDA device where there is one).

        Raises SettingError, with what is here, for a device that is not.
        """
        self.module.to(device_named(str(device)))
        return self

    def predict(self, images: Any, top: int = 3, *, bad_images: Literal["stop", "skip"] = "stop", **how: Any) -> Any:
        """What the model says of one image or of many of any size: an `Answer`, or a list of them in order.

        One is a path, a file's bytes, a Pillow image or an array (H×W, H×W×3); many are a list of these, an array
        N×H×W×C, or a path to a folder, a pattern or a list of images. top: how many classes are told. Of a model of a
        language it is a text to go on from. bad_images: whether one of many that cannot be read stops the others; with
        "skip" its ImageError stands in its place. how: what its task may be asked with (`hubel.tasks.asking`).

        Warns (`ImagesWarning`) of files that are left out, and of images of which a good part is cut away. Raises
        ImageError for one that cannot be read, SettingError for options that its task does not have.
        """
        check_options(self.task.name, how)
        if bad_images not in ("stop", "skip"):
            raise SettingError(f"expected bad_images as stop or skip, received {bad_images!r}")
        if not self.task.of_files:
            return self.task.answer(self, images, top, **how)
        if how:
            return self.asked(**how).predict(images, top, bad_images=bad_images)
        if isinstance(images, (str, os.PathLike)):
            told: list[str] = []
            found = image_files(images, told)
            warn_of(told)
            images = images if found == [os.fspath(images)] else found
        if getattr(images, "ndim", 0) == 4:
            images = list(as_array(images, "images"))
        many = isinstance(images, (list, tuple, Iterator))  # Path("shots").glob("*.jpg")
        some = list(images) if many else [images]
        if not getattr(self.task, "windows", False):  # by which the whole of a picture is seen
            warn_of(told_of_cut(self.preprocessing, some))
        return list(self._answers(some, top, bad_images == "skip")) if many else self.task.answer(self, images, top)

    def asked(self, **how: Any) -> LoadedModel:
        """The same, asked as these options of its task say: `model.asked(windows=True)`."""
        check_options(self.task.name, how)
        known = getattr(self.task, VIEWS, None)
        if getattr(self.module, "mirrors", False) and how.get(VIEWS, known) != known:
            raise SettingError(
                f"expected views {known}, as the file that was exported computes it, received {how[VIEWS]}; "
                f"hubel export RUN --views {how[VIEWS]} (in Python hubel.export of model.asked(views={how[VIEWS]})) "
                "writes one of those"
            )
        return dataclasses.replace(self, task=dataclasses.replace(cast(Any, self.task), **how))

    def make(self, progress: Progress | None = None, **how: Any) -> Made:
        """What the model makes without examples, asked as options of its task say: `model.make(number=9)`.

        Raises SettingError where it has no such option, and where it only answers.
        """
        check_options(self.task.name, how)
        more = {"progress": progress} if asking_of(self.task.name).tells else {}
        return self.task.make(self, **how, **more)

    def _answers(self, images: list[Any], top: int, skip: bool) -> Iterator[Answer | ImageError]:
        for start in range(0, len(images), AT_ONCE):
            some = images[start : start + AT_ONCE]
            if self.task.draws:  # in each image's own coordinates
                yield from (or_error(lambda image: self.task.answer(self, image, top), image, skip) for image in some)
                continue
            ready = [or_error(self.preprocessing.prepare, image, skip) for image in some]
            good = [each for each in ready if not isinstance(each, ImageError)]
            answers = iter(self.task.answers(self, np.stack(good), top) if good else [])
            yield from (each if isinstance(each, ImageError) else next(answers) for each in ready)

    def shown(self) -> list[Part]:
        """What is to be known of it."""
        size = f"{self.network.title}: {self.task.name}, {shape_text(self.network.input)}"
        return [f"{size}, {len(self.classes):,} classes" if self.classes else size, Table(("", ""), facts(self))]


def facts(model: LoadedModel) -> list[tuple[str, str]]:
    """What is to be known of a model, in words: its task, classes, input, preprocessing, size and training."""
    report = analyse(model.network)
    return [
        ("task", model.task.name),
        *([("classes", f"{len(model.classes):,}: {listing(model.classes, 10)}")] if model.classes else []),
        ("input", shape_text(model.network.input)),
        (model.example[1], str(model.preprocessing)),
        ("network", shortened(str(model.network), 300)),
        ("size", f"{report.parameters:,} parameters, {report.macs:,} multiply-adds {an(model.example[0])}"),
        *([("views", "2: as it is and mirrored, in twice the time")] if model.task.exchange is not None else []),
        ("training", ", ".join(_training(model)) or "not told"),
    ]


def facts_data(model: LoadedModel) -> dict[str, Any]:
    """What is to be known of a model, as plain values."""
    report = analyse(model.network)
    return {
        "name": model.network.name,
        "task": model.task.name,
        "classes": list(model.classes),
        "input": list(model.network.input),
        "preprocessing": json.loads(model.preprocessing.to_json()),
        "network": str(model.network),
        "parameters": report.parameters,
        "macs": report.macs,
        **({VIEWS: views} if (views := getattr(model.task, VIEWS, None)) else {}),
        "training": dict(model.summary),
    }


def _training(model: LoadedModel) -> Iterator[str]:
    told = model.summary
    for part in ("test", "validation"):
        figures = told.get(part)
        if isinstance(figures, Mapping) and all(isinstance(figures.get(one.name), float) for one in model.task.figures):
            yield model.task.headline(figures, f"the {part} {model.task.measured_by or model.example[1]}")
    before, primary = told.get("on_the_way"), model.task.primary
    if model.task.tempers and isinstance(before, Mapping) and isinstance(was := before.get(primary.name), float):
        yield f"where its scores were divided when it was over ({primary.text(was)} before)"
    if isinstance(told.get("data"), str):
        yield f"on {told['data']}"
    if isinstance(told.get("epochs"), (int, float)) and told["epochs"]:
        yield f"{told['epochs']:g} epoch{'s' * (told['epochs'] != 1)}"
    recipe = told.get("recipe")
    if isinstance(recipe, Mapping):
        known = {"optimizer": "", "learning_rate": "to ", "batch_size": "batch ", "seed": "seed "}
        yield ", ".join(f"{word}{recipe[name]}" for name, word in known.items() if name in recipe)
    at = told.get("stopped")
    if isinstance(at, Mapping) and all(isinstance(at.get(one), (int, float)) for one in ("step", "steps")):
        yield f"stopped at step {at['step']:,} of {at['steps']:,}"
    if "failure" in told:
        yield f"failure: {told['failure']}"


def require_names(model: LoadedModel) -> None:
    """Raise SettingError where a model does not tell an example's class, which is asked of such alone."""
    if not decoding_of(model.task.name).names:
        raise _not_asked(model, f"for {USUAL}")


def require_scores(model: LoadedModel, at: tuple[int, int] | None = None) -> None:
    """Raise ValueError where a model's outputs are not scores of classes, of the image or of each place of it, or where
    `at` is no place (row, column) of its input.
    """
    if not model.task.scores_classes and not decoding_of(model.task.name).names:
        raise _not_asked(model, "that scores classes, of the image or of each place of it")
    height, width = model.preprocessing.height, model.preprocessing.width
    if at is not None and not model.task.about_places:
        raise SettingError(f"expected no place for {model.task.name}, whose answer is of the image as a whole")
    if at is not None and not (0 <= at[0] < height and 0 <= at[1] < width):
        raise SettingError(f"expected a row below {height} and a column below {width}, received {at[0]},{at[1]}")


def _not_asked(model: LoadedModel, wanted: str) -> SettingError:
    more = "hubel look unit follows a text, and " if model.task.name == "language" else ""
    return SettingError(
        f"expected a model {wanted}, received one for {model.task.name}, of which this cannot be asked; {more}hubel "
        "evaluate, predict and report answer for every task"
    )


def need_examples(model: LoadedModel, verb: str, instead: str = "hubel predict RUN -o made.png") -> None:
    """Raise SettingError where a network makes pictures, of which `verb` cannot be asked, and takes none."""
    taken = model.network.input
    if len(taken) == 1 and not model.network.reads_whole_numbers and len(model.task.images_of(model.network)) == 3:
        raise SettingError(
            f"{verb} is for networks that take pictures; {model.network.title} makes them, of vectors of "
            f"{shape_text(model.network.input)}: {instead}"
        )


def need_pictures(model: LoadedModel, verb: str) -> None:
    """Raise SettingError where a network takes no pictures, of which `verb` is asked: it makes some, or takes sequences
    or whole numbers.
    """
    need_examples(model, verb)
    taken, looked_up = model.network.input, model.network.reads_whole_numbers
    if len(taken) == 2 or looked_up:
        what = "whole numbers to look up" if looked_up else "sequences"
        raise SettingError(f"{verb}: expected a model that takes images, received one for {what}, {shape_text(taken)}")


def need_files(model: LoadedModel, verb: str) -> None:
    """As `need_pictures`, and where the pictures that it takes are those of its game alone."""
    need_pictures(model, verb)
    if makes := asking_of(model.task.name).makes:
        raise SettingError(f"{verb}: expected a model that takes images from files, received one that {makes}")
