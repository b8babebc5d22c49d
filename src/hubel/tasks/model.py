"""The one-file model: weights in safetensors, and in the metadata all that is needed to use them."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import nn

from hubel.arch import Network, Report, analyse, own_layers, parse, shape_text
from hubel.arch.text.notation import older_paths
from hubel.base.download import Progress
from hubel.base.errors import LimitError, ModelFileError, SettingError
from hubel.base.files import made_place, write_atomically
from hubel.base.headers import BLANK, Header, signed
from hubel.base.model_file import (
    ENTRY,
    FORMAT,
    check_names,
    classes_of,
    complain,
    entry_of,
    name_of,
    read_model_file,
    why_unread,
)
from hubel.base.names import listing, shortened
from hubel.base.numbers import an
from hubel.base.plain import MISREAD
from hubel.base.words import json_text
from hubel.data import ImageError, Preprocessing, image_files
from hubel.data.decode.image import or_error
from hubel.data.prepare.arrays import as_array
from hubel.data.prepare.cut import told_of_cut, warn_of
from hubel.nn import build, device_named
from hubel.tasks.asking import Made, asking_of, check_options
from hubel.tasks.decoding import decoding_of
from hubel.tasks.names import USUAL
from hubel.tasks.registry import UnknownTaskError, task_named
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
        return [f"{size}, {len(self.classes):,} classes", Table(("", ""), facts(self))]


def facts(model: LoadedModel) -> list[tuple[str, str]]:
    """What is to be known of a model, in words: its task, classes, input, preprocessing, size and training."""
    report = analyse(model.network)
    return [
        ("task", model.task.name),
        ("classes", f"{len(model.classes):,}: {listing(model.classes, 10)}"),
        ("input", shape_text(model.network.input)),
        (model.example[1], str(model.preprocessing)),
        ("network", shortened(str(model.network), 300)),
        ("size", f"{report.parameters:,} parameters, {report.macs:,} multiply-adds {an(model.example[0])}"),
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
        "training": dict(model.summary),
    }


def _training(model: LoadedModel) -> Iterator[str]:
    told = model.summary
    for part in ("test", "validation"):
        figures = told.get(part)
        if isinstance(figures, Mapping) and all(isinstance(figures.get(one.name), float) for one in model.task.figures):
            yield model.task.headline(figures, f"the {part} {model.task.measured_by or model.example[1]}")
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


def save_model(
    path: str | os.PathLike[str],
    network: Network,
    weights: nn.Module | Mapping[str, torch.Tensor],
    *,
    preprocessing: Preprocessing,
    classes: Sequence[str] = (),
    task: Task | None = None,
    summary: Mapping[str, Any] | None = None,
) -> Path:
    """Write one self-contained safetensors file at `path`, whole or not at all, and return the path.

    `weights` is the module that was built from `network`, or its `state_dict`. `task` is what it was trained for; by
    default the classification of `classes`. Equal arguments give equal bytes.

    Raises SettingError where two classes have one name, or one has none.
    """
    state = weights.state_dict() if isinstance(weights, nn.Module) else weights
    task = task or task_named(USUAL).from_settings(tuple(classes), {})
    check_names(task.classes)
    # one entry, since safetensors writes several in no fixed order and equal models are to be equal files
    about = {
        "sha256": BLANK,  # first, so that it is the first such text in the file
        "format": FORMAT,
        "task": task.name,
        **({"task_settings": task.settings()} if task.settings() else {}),
        "name": network.name,
        "network": str(network),
        "classes": list(task.classes),
        **({"layers": own} if (own := own_layers(network)) else {}),
        "preprocessing": json.loads(preprocessing.to_json()),
        "summary": dict(summary or {}),
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    content = safetensors.torch.save(tensors, metadata={ENTRY: json_text(about)})
    path = Path(path)
    made_place(path.parent)
    write_atomically(path, signed(content))
    return path


def load_model(path: str | os.PathLike[str], *, ignore_damage: bool | None = None) -> LoadedModel:
    """The model that `save_model` wrote; the random state is left as it was.

    Nothing is built before the file is known to be whole, by its SHA-256, and to hold the weights of its network. Files
    of older versions have no digest, which a WholenessWarning says. `ignore_damage`, or else the environment variable
    HUBEL_IGNORE_DAMAGE, makes a warning of a digest that does not match and of weights that are not finite, to save
    what can be saved.

    Raises FileNotFoundError, or ModelFileError for a pickle (never opened, since it can run any code), a damaged
    file, a safetensors file that is not a model of this library, or weights that do not fit the network.
    """
    path = Path(path)
    if path.suffix == ".onnx" and path.is_file():
        raise ModelFileError(
            f"{path}: expected a model file or a run, received a file that was exported; hubel.export.open_onnx(path) "
            "reads it"
        )
    header, about = read_model_file(path, ignore_damage)
    return _assemble(path, header, about, ignore_damage)


def _assemble(path: Path, header: Header, about: dict[str, Any], ignore_damage: bool | None) -> LoadedModel:
    try:
        network = dataclasses.replace(parse(entry_of(about, "network", str)), name=name_of(about))
        preprocessing = Preprocessing.from_json(json.dumps(entry_of(about, "preprocessing", dict)))
        classes, summary = classes_of(about), entry_of(about, "summary", dict)
        kind = task_named(entry_of(about, "task", str))
        task = kind.from_settings(classes, entry_of(about, "task_settings", dict) if "task_settings" in about else {})
        report = analyse(network)
    except UnknownTaskError as error:
        raise ModelFileError(f"{path}: {error}") from None
    except MISREAD as error:
        raise ModelFileError(why_unread(path, about, error, "its metadata")) from None
    check_fit(path, report, preprocessing, task)
    module = _filled(path, report, header, about)
    if not all(_is_finite(tensor) for tensor in module.state_dict().values()):
        complain(path, "its weights are not all finite numbers", ignore_damage)
    return LoadedModel(network, module.eval(), preprocessing, task, summary)


def check_fit(path: Path, report: Report, preprocessing: Preprocessing, task: Task) -> None:
    """Raise ModelFileError where what a file says of its images and answers is not what its network takes and gives."""
    taken = (preprocessing.height, preprocessing.width, preprocessing.channels)
    own = task.images_of(report.network)
    if math.prod(taken) != math.prod(own):
        raise ModelFileError(
            f"{path}: expected images of {shape_text(own)}, which its network is for, received a "
            f"preprocessing that makes {shape_text(taken)}"
        )
    try:
        wanted = task.output(taken)[0]
    except SettingError as error:
        raise ModelFileError(f"{path}: {error}") from None
    if report.output_shape[-1] != wanted[-1]:
        what = "classes" if task.classes else "numbers"
        raise ModelFileError(
            f"{path}: expected {report.output_shape[-1]} {what}, one for each output of its network, received "
            f"{wanted[-1]}"
        )
    if len(wanted) == 2 and report.output_shape[-2:] != wanted:
        raise ModelFileError(
            f"{path}: expected answers of {shape_text(report.output_shape)}, as its network gives, received a task of "
            f"{shape_text(wanted)}; it was changed or damaged, so take a whole copy of it"
        )


def _filled(path: Path, report: Report, header: Header, about: Mapping[str, Any]) -> nn.Module:
    """Build the network around the file's weights, once it is known that they are its own."""
    try:
        with torch.device("meta"):  # which takes no memory for weights
            module: nn.Module = build(report.network)
    except LimitError as error:
        raise ModelFileError(f"{path}: {error}") from None
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    names = _names_in_file(own, header, about)
    stored = {names.get(name, name): each.shape for name, each in header.tensors.items()}
    if own != stored:
        raise ModelFileError(
            f"{path}: the weights do not fit the network {shortened(str(report.network), 200)}: {_unlike(own, stored)}"
        )
    kinds = {name: tensor.dtype for name, tensor in module.state_dict().items()}
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            # copied, since they are the file itself, mapped into memory, which may be written over
            state = {names.get(n, n): file.get_tensor(n).to(kinds[names.get(n, n)], copy=True) for n in header.tensors}
    except safetensors.SafetensorError as error:
        raise ModelFileError(f"{path}: not a whole safetensors file ({error})") from None
    module.load_state_dict(state, assign=True)
    return module


def _names_in_file(own: Iterable[str], header: Header, about: Mapping[str, Any]) -> dict[str, str]:
    """Return the module's name for each tensor of an older file, which had others; nothing for a file of today."""
    if all(name in header.tensors for name in own):
        return {}
    paths = older_paths(about["network"])
    split = ((name, *name.rpartition(".")) for name in own)
    return {f"{paths[path]}.{role}": name for name, path, _, role in split if path in paths}


def _unlike(own: Mapping[str, tuple[int, ...]], stored: Mapping[str, tuple[int, ...]]) -> str:
    for name, shape in own.items():
        if stored.get(name) != shape:
            there = shape_text(stored[name]) if name in stored else "none"
            return f"expected {name} of {shape_text(shape)}, received {there}"
    return f"nothing of it is called {next(name for name in stored if name not in own)!r}"


def _is_finite(tensor: torch.Tensor) -> bool:
    # one pass; a sum that overflows is looked at again
    return bool(tensor.sum().isfinite() or tensor.isfinite().all())
