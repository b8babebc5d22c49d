"""What `train`, `evaluate` and `predict` share: finding data that fits a network, and a trained model."""

from __future__ import annotations

import os
import shlex
from argparse import ArgumentParser, ArgumentTypeError, Namespace, _ArgumentGroup
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hubel import zoo
from hubel.arch import Network, Shape
from hubel.base.errors import HubelError, MissingFileError, ModelFileError, SettingError
from hubel.base.exported import usable
from hubel.base.names import did_you_mean, near_path
from hubel.cli._network import named_network, tell_which
from hubel.cli._output import WARNED, tell

if TYPE_CHECKING:
    from hubel.data import Dataset, Splits
    from hubel.export.ready import Opened
    from hubel.tasks import LoadedModel
    from hubel.train import Run


def add_data_options(parser: ArgumentParser) -> None:
    """Add how data is read."""
    group = parser.add_argument_group("of the data")
    group.add_argument(
        "--fit",
        choices=("auto", "crop", "pad", "stretch"),
        default="auto",
        help="how images meet the network's size (default: auto, crop unless that cuts much of many away, then pad)",
    )
    group.add_argument(
        "--task",
        metavar="NAME",
        help="what is learnt, where the data does not say (masks, boxes, points, texts and games do): multilabel for "
        "several labels an image, regression for numbers, colorize for the colours of grey pictures, synthesis for "
        "pictures of noise, speech for speaking",
    )
    group.add_argument(
        "--vocabulary",
        choices=("auto", "characters", "bytes"),
        help="of texts: what a symbol is (default: auto, a character, unless there are more than 4,096 different ones)",
    )
    group.add_argument(
        "--critic",
        metavar="NETWORK",
        help="of pictures of noise: the network that judges them (default: the zoo's, or by rule)",
    )
    group.add_argument("--void", type=int, metavar="VALUE", help="of masks: what is no class, besides 255")
    group.add_argument(
        "--bad-images",
        choices=("skip", "stop"),
        default="stop",
        help="files that cannot be read, and wrong annotations: name the first and stop (default), or leave them out",
    )
    add_layout(group)


def add_layout(group: ArgumentParser | _ArgumentGroup) -> None:
    """Add what is to be taken for what, where folders and tables do not say."""
    group.add_argument(
        "--parts",
        metavar="HOW",
        help="train=NAME,validation=NAME,test=NAME, of folders or of a table's values; or none: every folder is a "
        "class, every row is trained on (default: by their words)",
    )
    group.add_argument(
        "--labels",
        metavar="PATTERN",
        help="how file names say the class: '{label}_{number}', with * for anything and {speaker} for who speaks",
    )
    group.add_argument("--image-column", metavar="NAME", help="a table's column of image files")
    group.add_argument(
        "--label-column",
        metavar="NAME",
        help="a table's column of labels, or several with commas between, for the tasks that have several",
    )
    group.add_argument(
        "--label-kind", choices=("class",), help="class: every different label is a class, numbers and lists too"
    )
    group.add_argument("--image-folder", metavar="FOLDER", help="where a table's paths begin (default: beside it)")


def layout(arguments: Namespace) -> dict[str, Any]:
    """Return what was said of the layout, as arguments of `hubel.data.load`."""
    names = ("parts", "labels", "image_column", "label_column", "label_kind", "image_folder")
    said = {name: getattr(arguments, name, None) for name in names}
    if said["image_folder"]:
        said["image_folder"] = _absolute(said["image_folder"])
    return {name: value for name, value in said.items() if value is not None}


def add_validation(parser: ArgumentParser, rule: str) -> None:
    """Add how much is held out for validation; `rule` is what happens where nothing is said."""
    where = "neither validation nor test part" if rule == "auto" else "no validation part"
    parser.add_argument(
        "--validation",
        type=_share,
        default=rule,
        metavar="SHARE",
        help=f"of each class's training images to hold out, such as 0.1; 0 for none (default: 0.2, of 5,000 images and "
        f"more 0.1, where the data has {where})",
    )


def _share(text: str) -> float | str:
    if text in ("auto", "needed"):
        return text
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"expected a share such as 0.1, or auto, received {text!r}") from None


def add_labelled(parser: ArgumentParser) -> None:
    """Add labelled images to measure a trained model on: DATA, or what it was trained on; and which part."""
    parser.add_argument("data", nargs="?", metavar="DATA", help="a data set's name, or a path (default: the run's own)")
    parser.add_argument(
        "--part", choices=("train", "validation", "test"), help="which part (default: test, where there is one)"
    )
    add_data_options(parser)


class Labelled(NamedTuple):
    """A part of a set, what it is called, and what was decided about it, in sentences."""

    part: str
    dataset: Dataset
    notes: tuple[str, ...]


def labelled(arguments: Namespace, model: LoadedModel) -> Labelled:
    """Return the part that was asked for, or the first of test, validation and train that there is, as far as the model
    can be measured on it; what was decided on the way is told on standard error.
    """
    if arguments.data is None:
        run, settings = own_source(Path(arguments.run_or_model))
        splits = run.parted(read(**settings))
        told: tuple[str, ...] = ()  # the rest was told in training
    else:
        splits = read(**reading_for(arguments, model))
        told = splits.notes
    wanted, chosen = splits.part(arguments.part)
    from hubel.data import align
    from hubel.train import where_it_stands

    dataset, more = align(chosen, model.classes)
    for note in (*told, *more):
        tell(note)
    stands = filter(None, [where_it_stands(model.summary)])  # told when it was opened
    return Labelled(wanted, dataset, (*stands, *splits.notes, *more))


def reading_for(arguments: Namespace, model: LoadedModel) -> dict[str, Any]:
    """Return the arguments of `hubel.tasks.load` under which images and targets are as a model had them in training."""
    settings = {
        "task": model.task.name,
        **model.task.reading(),
        **reading(arguments, model.task.images_of(model.network)),
    }
    if model.task.reads_like and arguments.fit == "auto":
        settings["like"] = model.preprocessing
    if "void" not in settings and (void := _own_void(Path(arguments.run_or_model))) is not None:
        tell(note := f"in the masks {void} is no class, as in training")
        WARNED.append(note)
        settings["void"] = void
    return settings


def _own_void(path: Path) -> int | None:
    """Of a run, and of the model file in it, what is no class in the masks that it was trained on."""
    from hubel.train import Run

    try:
        void: int | None = Run.open(path if path.is_dir() else path.parent).source.get("void")
    except (HubelError, OSError):
        return None
    return void


def reading(arguments: Namespace, shape: Shape) -> dict[str, Any]:
    """Return the arguments of `hubel.data.load` under which images come in the size of this shape."""
    found: dict[str, Any] = {
        "source": _absolute(arguments.data),
        "fit": arguments.fit,
        "bad_images": arguments.bad_images,
        **layout(arguments),
        **_asked(arguments),
    }
    if len(shape) == 3:
        found |= {"size": shape[:2], "channels": shape[2]}
    return found


def _asked(arguments: Namespace) -> dict[str, Any]:
    """Return how the data is to be read, where that was said, and what `train` and `sweep` hold out; commands that
    measure take a set as it is.
    """
    said = {name: getattr(arguments, name, None) for name in ("task", "void", "vocabulary", "critic")}
    held_out = {"validation": arguments.validation} if hasattr(arguments, "validation") else {}
    return held_out | {name: value for name, value in said.items() if value is not None}


def read(**settings: Any) -> Splits:
    """Load a data set, with a line of progress in a terminal while files are decoded."""
    from hubel.tasks import load
    from hubel.view.words.terminal import with_progress

    return with_progress("reading", lambda show: load(**settings, progress=show))


def fitted_network(arguments: Namespace) -> tuple[Network, Splits, dict[str, Any]]:
    """Return a network and data that fit each other, and how the data was read; see `hubel.train`."""
    from hubel.train._fitting import fitted

    _refuse_swapped(arguments)
    tell_which(arguments.network)
    said = {name: getattr(arguments, name) for name in ("input", "classes", "width")}
    options = {name: value for name, value in said.items() if value is not None} | dict(arguments.option or ())
    settings = {"fit": arguments.fit, "bad_images": arguments.bad_images, **layout(arguments), **_asked(arguments)}
    seconds, device = getattr(arguments, "time_budget", None) or 0.0, getattr(arguments, "device", None) or "auto"
    return fitted(
        arguments.network, arguments.data, options, settings, partial(named_network, said=set()), read, seconds, device
    )


def need_data(arguments: Namespace) -> None:
    """Take a word that stands alone for data, for which a network is chosen by rule. Raises SettingError where it is
    none.
    """
    from hubel.data import is_source

    word = arguments.network
    if arguments.data is not None:
        return _refuse_no_text(arguments)
    if word and not os.path.isfile(os.path.join(word, "run.toml")) and is_source(word):
        arguments.network, arguments.data = None, word
        return _refuse_no_text(arguments)
    known = word is None or zoo.is_made(word) or zoo.is_text(word) or os.path.exists(word)
    neither = f"; received {word!r}, which is neither"
    verb = f"hubel {arguments.command}"
    raise SettingError(
        f"expected DATA, or NET and DATA, such as: {verb} mnist, {verb} lenet5 mnist"
        + ("" if known else neither + (near_path(word) or did_you_mean(word, zoo.names())))
    )


def _refuse_no_text(arguments: Namespace) -> None:
    """Raise DataError for what is no text in a moment, before PyTorch is loaded to learn it."""
    from hubel.data.texts.load import check

    if arguments.vocabulary != "bytes":
        check(arguments.data, arguments.task, by_rule=arguments.network is None)


def _refuse_swapped(arguments: Namespace) -> None:
    """Raise SettingError, with the right line, where the data stands before the network."""
    from hubel.data import is_source

    first, second = arguments.network, arguments.data
    if first is None:
        return
    if zoo.is_made(first) or os.path.isfile(os.path.join(first, "model.safetensors")) or not is_source(first):
        return
    network = second if zoo.is_made(second) or zoo.is_text(second) else "NET"
    data = first if network != "NET" else "DATA"
    line = shlex.join(["hubel", arguments.command, network, data])
    raise SettingError(f"{first} is data, and the network comes first: {line}")


def _absolute(source: str) -> str:
    """Make a path absolute, so that a run can be resumed from any folder."""
    return str(Path(source).resolve()) if os.path.exists(source) else source


def open_model(given: str, device: str = "cpu", exported: bool = False) -> LoadedModel:
    """Load a trained model from a run's directory or a model file onto a device; also from a file that was exported, by
    commands that need no more than its answers.
    """
    from hubel.train import open_model as opened
    from hubel.train import where_it_stands

    path = usable(Path(given))
    if path.suffix == ".onnx" and path.is_file():
        if not exported:
            raise ModelFileError(
                f"{given}: expected a run's directory or a model file, received one that was exported, which predict, "
                "evaluate, serve and inspect take; it has the answers, and not what leads to them"
            )
        from hubel.export import open_onnx

        return open_onnx(path)
    model = opened(given).to(device)
    if not exported:  # where answers are wanted, what computes them is said with it
        tell_device(device)
    if told := where_it_stands(model.summary):
        from hubel.view.words.terminal import console

        console(stderr=True).print(told, style="yellow", soft_wrap=True)
    return model


def add_device(parser: ArgumentParser, default: str = "auto") -> None:
    """Add where it is computed."""
    usual = "a CUDA device where there is one" if default == "auto" else default
    parser.add_argument(
        "--device",
        default=default,
        metavar="NAME",
        help=f"where it is computed: cpu, cuda, cuda:1, mps, xpu, or auto (default: {usual})",
    )


def add_engine(parser: ArgumentParser, device: str = "cpu") -> None:
    """Add what computes, and where; `device` is taken where none is said."""
    add_device(parser, device)
    parser.add_argument(
        "--engine",
        choices=("auto", "onnxruntime", "openvino", "pytorch"),
        default="auto",
        help="what computes (default: auto, on a processor the quickest that is installed and can; elsewhere PyTorch)",
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "int8"),
        default="float32",
        help="in which numbers (default: float32); bfloat16 takes OpenVINO, int8 a file from hubel export --int8 DATA",
    )


def answering(arguments: Namespace, *, many: bool, whole: bool = False) -> Opened:
    """Open the model that is asked for answers, by the engine that is the quickest for one or many; say which that is.
    whole: all of it is wanted, a LoadedModel.
    """
    from hubel.export.ready import opened

    given, device = arguments.run_or_model, computing_device(arguments.device)
    found = opened(
        Path(given),
        lambda: open_model(given, device, exported=True),
        arguments.engine,
        whole=whole,
        device=device,
        precision=arguments.precision,
        many=many,
    )
    tell(f"computed by {found.engine}{found.note and f', since {found.note}'}")
    return found


def computing_device(asked: str) -> str:
    """The device that was asked for by name. Raises SettingError where it is not here."""
    if asked == "cpu":
        return asked
    from hubel.nn import device_named

    return str(device_named(asked))


def tell_device(asked: str) -> None:
    """Say where it is computed, where that is not the processor."""
    if (device := computing_device(asked)) != "cpu":
        tell(f"computed on {device}")


def is_model(given: str) -> bool:
    """Whether a path is a run's directory or a model file, by its form."""
    path = usable(Path(given))
    return path.suffix in (".safetensors", ".onnx") or (path / "run.toml").is_file()


def check_order(command: str, *words: str | None) -> None:
    """Raise SettingError, with the right line, where a run or a model stands after `words` that it comes before."""
    given = [word for word in words if word is not None]
    swapped = next((word for word in given[1:] if is_model(word)), None)
    if swapped is not None and not is_model(given[0]):
        line = shlex.join(["hubel", *command.split(), swapped, *(word for word in given if word != swapped)])
        raise SettingError(f"{swapped} is a run or a model, which comes first: {line}")


def own_source(path: Path) -> tuple[Run, dict[str, Any]]:
    """Return a run (or that of the model file in it), and how its data was read: arguments of `hubel.data.load`."""
    from hubel.train import Run

    folder = path if path.is_dir() else path.parent
    if not (folder / "run.toml").is_file() and usable(path).suffix in (".onnx", ".safetensors"):
        raise SettingError(f"{path} is not in a run's folder, which says where its data lies; name it, as DATA")
    run = Run.open(folder)
    settings = run.source
    if not settings:
        raise SettingError(f"{run.directory} does not say where its data lies; name it: hubel evaluate RUN DATA")
    if run.gone:
        raise MissingFileError(f"{run.gone}; name where it lies now, as in: hubel evaluate {run.directory} DATA")
    return run, settings
