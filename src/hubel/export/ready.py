"""A trained model, ready to answer by the quickest engine that is here; without torch where that can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from hubel.base.errors import ModelFileError, SettingError
from hubel.base.exported import usable
from hubel.base.files import read_text
from hubel.base.model_file import complain
from hubel.base.toml import read_toml
from hubel.data.prepare.preprocessing import Preprocessing
from hubel.export.engines import Computes, Images, Way, chosen, computing, usual_way
from hubel.export.source import Source
from hubel.tasks.answer import Answer, Named
from hubel.tasks.names import USUAL

if TYPE_CHECKING:
    from hubel.tasks import LoadedModel

_AT_ONCE, _BYTES = 256, 2**22  # images in one pass, at most; and of large ones, what they come to
PYTORCH = "PyTorch, float32"


@dataclass(frozen=True)
class NamesClasses:
    """The task of naming an image's class, as far as it is answering: `hubel.tasks.Classification` has the rest.

    compute: probabilities N×classes for images uint8 N×H×W×C.
    """

    classes: tuple[str, ...]
    compute: Computes
    name: ClassVar[str] = USUAL
    draws: ClassVar[bool] = False

    def answer(self, model: Ready, image: Any, top: int = 3) -> Answer:
        """The likeliest classes of an image of any size."""
        return self.answers(model, model.preprocessing.prepare(image)[np.newaxis], top)[0]

    def answers(self, model: Ready, prepared: Images, top: int = 3) -> list[Answer]:
        """The likeliest classes of each image, with their probabilities."""
        found: list[Answer] = []
        step = max(1, min(_AT_ONCE, _BYTES // prepared[0].size)) if len(prepared) else 1
        for start in range(0, len(prepared), step):
            shares = self.compute(np.ascontiguousarray(prepared[start : start + step]))
            best = np.argsort(-shares, axis=1, kind="stable")[:, :top]
            ordered = np.take_along_axis(shares, best, 1)
            rows = zip(best.tolist(), ordered.tolist(), strict=True)
            found += [Named(tuple((self.classes[i], p) for i, p in zip(*row, strict=True))) for row in rows]
        return found


@dataclass(frozen=True, eq=False)
class Ready:
    """A model that answers: the names of `LoadedModel`, as far as they are for that, and no module."""

    preprocessing: Preprocessing
    task: NamesClasses
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its outputs, in order."""
        return self.task.classes


@dataclass(frozen=True, eq=False)
class Opened:
    """A model that is asked, what computes it in words, and why that is not the quickest engine; "" where it is."""

    model: Ready | LoadedModel
    engine: str
    note: str = ""

    def answer(self, image: Any, top: int = 3) -> Answer:
        """What it says of one image of any size; see `hubel.tasks.Task.answer`."""
        task: Any = self.model.task
        found: Answer = task.answer(self.model, image, top)
        return found

    def answers(self, prepared: Images, top: int = 3) -> list[Answer]:
        """What it says of images that are prepared, uint8 N×H×W×C; see `hubel.tasks.Task.answers`."""
        task: Any = self.model.task
        found: list[Answer] = task.answers(self.model, prepared, top)
        return found


def opened(
    place: Path,
    load: Callable[[], LoadedModel],
    engine: str = "auto",
    threads: int = 0,
    *,
    whole: bool = False,
    device: str = "cpu",
    precision: str = "float32",
    many: bool = False,
) -> Opened:
    """The model of a run's folder, a model file or what was exported (.onnx, a package), by an engine of
    `engines.ENGINES`, in a precision of `engines.PRECISIONS`.

    load: opens it with torch, which is done where the engine cannot compute it without, or a LoadedModel is wanted
    (`whole`). device: to which `load` moves it; on another than the processor PyTorch computes. many: images, so that
    it may take longer to open. Raises SettingError for an engine that is not here, or was asked for by name and cannot
    compute it, and what `load` raises.
    """
    place = usable(place)
    if device != "cpu":
        return _on_device(place, load, engine, precision, device)
    if place.suffix == ".onnx" and place.is_file():
        return _exported(place, engine, precision, threads, many)
    way = chosen(engine, precision, threads, many)
    if way.engine == "pytorch":
        return Opened(load(), PYTORCH)
    model = load() if whole else None
    try:
        if model is None:
            with suppress(_TorchNeededError):
                return _without_torch(place, way)
            model = load()
        return _with_engine(model, way)
    except _UnsuitedError as error:
        why = f"{way.engine} {error}"
    except Exception as error:  # of every kind: what is wrong with the file, torch's side says
        why = f"{way.engine} cannot compute it: {str(error).partition(chr(10))[0][:200]}"
    model = model or load()
    for option, asked, usual in (("engine", engine, "auto"), ("precision", precision, "float32")):
        if asked != usual:
            raise SettingError(f"{place}: {why}; leave out --{option} {asked}")
    return Opened(model, PYTORCH, why * model.task.of_one)  # no engine is meant for the others


def _exported(place: Path, engine: str, precision: str, threads: int, many: bool) -> Opened:
    from hubel.export.opened import OnnxNetwork, open_onnx

    eight, precision = precision == "int8", "float32" if precision == "int8" else precision
    if engine == "pytorch":
        raise SettingError(f"{place}: an exported file is not computed by pytorch; leave out --engine {engine}")
    model = open_onnx(place, usual_way(engine, precision, threads, many))
    assert isinstance(model.module, OnnxNetwork)
    is_int8, words = model.module.is_int8, model.module.way.words
    if eight and not is_int8:
        raise SettingError(f"{place}: was written in floating point; hubel export --int8 DATA writes one of eight bits")
    return Opened(model, words.replace(", ", ", int8, around it ") if is_int8 else words)


def _on_device(place: Path, load: Callable[[], LoadedModel], engine: str, precision: str, device: str) -> Opened:
    if place.suffix == ".onnx" or engine not in ("auto", "pytorch"):
        what = f"{place}: an exported file" if place.suffix == ".onnx" else f"--engine {engine}"
        raise SettingError(f"{what} is computed by processors here; leave out --device {device}")
    if precision != "float32":
        raise SettingError(f"--precision {precision} is computed by processors here; leave out --device {device}")
    return Opened(load(), f"{PYTORCH}{', with products in TF32' * _rounds(device)}, on {device}")


def _rounds(device: str) -> bool:
    """Whether PyTorch's convolutions on this device round to 10 bits after the point."""
    import torch

    return device.startswith("cuda") and torch.backends.cudnn.allow_tf32


class _UnsuitedError(Exception):
    """A model that an engine is not for."""


class _TorchNeededError(Exception):
    """A model of another task, or of a run that has not come to its end: torch opens it."""


def _with_engine(model: LoadedModel, way: Way) -> Opened:
    """A loaded model whose scores an engine computes."""
    from hubel.arch import analyse
    from hubel.export.scores import with_scores
    from hubel.tasks.names import TASKS

    if model.task.name not in TASKS:  # which may ask more of a network than its scores
        raise _UnsuitedError(f"does not know what the task {model.task.name} asks of a network")
    if not model.task.of_one:
        raise _UnsuitedError("gives the scores of an example, and this model's answers need more than that")
    way = way.suited(analyse(model.network))
    return Opened(with_scores(model, way), way.words)


def _without_torch(place: Path, way: Way) -> Opened:
    from hubel.arch import analyse
    from hubel.export.onnx.write import onnx_model

    path = place / "model.safetensors" if place.is_dir() else place
    if place.is_dir() and not path.exists():
        raise _TorchNeededError
    source = Source.of(path)
    if place.is_dir() and not _is_over(place, source.summary):
        raise _TorchNeededError
    if source.task != USUAL:
        raise _TorchNeededError
    if source.summary.keys() & {"failure", "stopped"}:
        raise _TorchNeededError
    if not all(np.isfinite(array).all() for array in source.arrays.values()):
        complain(path, "its weights are not all finite numbers", None)
    kind = source.preprocessing
    report = analyse(source.network)
    way = way.suited(report)
    compute = computing(way, onnx_model(source), "probabilities", report.macs)
    blank = np.zeros((1, kind.height, kind.width, kind.channels), np.uint8)
    found = compute(blank)  # what fails, fails now
    if found.shape != (1, len(source.classes)):
        raise ModelFileError(f"{path}: expected {len(source.classes)} outputs, received {found.shape[1:]}")
    return Opened(Ready(kind, NamesClasses(source.classes, compute), source.summary), way.words)


def _is_over(run: Path, summary: Mapping[str, Any]) -> bool:
    """Whether a run's model file is that of its end, as far as can be known without torch: it did not fail, and the
    model was written after its epochs were last changed.
    """
    settings = run / "run.toml"
    if not settings.exists() or (run / "failure.toml").exists():
        return False
    begins = [
        int(each["step"]) for each in read_toml(read_text(settings)).get("changes", ()) if "schedule_done" in each
    ]
    return not begins or float(summary.get("steps", np.inf)) > begins[-1]
