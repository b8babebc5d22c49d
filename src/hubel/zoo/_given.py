"""A network from whatever names one: a word of the zoo, a text form, a file, a run, or what has a network."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from hubel.arch import Network, Report, parse
from hubel.arch import analyse as figures_of
from hubel.base.errors import MissingFileError, ModelFileError, SettingError
from hubel.base.files import read_text
from hubel.base.names import BUILT_IN, near_path
from hubel.zoo._lookup import get, meant

DENSE = re.compile(r"dense-(?P<name>[\w-]+)|dense\((?P<given>.+)\)", re.DOTALL)
FILES = (".py", ".onnx", ".safetensors", ".txt", ".pth", ".pt", ".h5", ".keras", ".toml")


@runtime_checkable
class HasNetwork(Protocol):
    """A trained model, a run, a report, a module: what has a network."""

    @property
    def network(self) -> Network:
        """The network."""


Given: TypeAlias = "Network | HasNetwork | str | os.PathLike[str]"
"""What names a network."""


def network(given: Given, **options: Any) -> Network:
    """The network that is meant: `network("resnet18", classes=10)`, `network("28x28x1: flatten, dense 10")`,
    `network("runs/lenet5-mnist")`, a model file, a file with a text form, or an object that has a network. Of a run or
    a file here that is called as one of the zoo's it is that one; the zoo's is "builtin:lenet5" then.

    options: of a network of the zoo (`input`, `classes`, `width` …); of others `input` alone. "dense-resnet18" and
    "dense(…)", with anything in the brackets that names a network, are those of `dense`, with its options besides:
    `classes` (its channels, by default 2), `stride`, `activation` and `deeper`.

    Raises MissingFileError where there is no such file, ModelFileError where it holds no network, NotationError where a
    text form is wrong, and SettingError where nothing is meant or an option is not for it.
    """
    if isinstance(given, Network):
        return changed(given, options)
    if not isinstance(given, (str, os.PathLike)):
        if isinstance(given, HasNetwork):
            return changed(given.network, options)
        raise SettingError(
            "expected a network: a name of the zoo, a text form, a path, a run, a model or a Network; received "
            f"{type(given).__name__}"
        )
    word = os.fspath(given)
    if not word.strip():
        raise SettingError(f"expected a network: a name of the zoo, a text form or a path; received {word!r}")
    if (encoder := encoder_of(word)) is not None and not os.path.exists(word):
        return dense(encoder, options.pop("classes", 2), **options)
    if meant(word) is not None and not is_here(word):
        return get(word, **options)
    if isinstance(given, str) and is_text(word):
        return changed(parse(word), options)
    path = Path(word).expanduser()
    if os.path.exists(path):  # which, unlike a Path, takes a word of any length
        return changed(_from_file(path), options)
    if path.suffix in FILES or "/" in word:
        raise MissingFileError(f"no file {word}{near_path(word)}")
    try:
        return get(word, **options)
    except (LookupError, ValueError) as error:
        message = str(error.args[0] if error.args else error)
        also = " Or write" if message.endswith("?") else "; or write"
        raise SettingError(
            f"{message}{also} a text form, such as '28x28x1: conv 6 5x5 tanh, flatten, dense 10'"
        ) from None


def dense(
    encoder: Given,
    channels: int,
    stride: int = 4,
    activation: str | None = None,
    *,
    deeper: int = 0,
    network_of: Callable[..., Network] = network,
    **options: Any,
) -> Network:
    """A network that says `channels` numbers of every place of a coarse picture, ⌈H/stride⌉×⌈W/stride⌉×channels: what
    `encoder` names, without its classifier, and a way up again, as in a U-Net: `dense("resnet18", 11, stride=4)`.

    The encoder keeps its layers and their order, so that its trained weights fit (`weights`, `load_pretrained`).
    deeper: how many halvings follow the encoder, so that each place sees further. options: the encoder's, as
    `network_of` takes them. See `hubel.zoo._dense.dense_network` for sizes that are no
    multiples. Raises as `network`, and NetworkError for an encoder that takes no pictures or makes them no smaller.
    """
    from hubel.zoo._dense import dense_network

    return dense_network(network_of(encoder, **options), channels, stride, activation, deeper)


def encoder_of(word: str) -> str | None:
    """What names the encoder in "dense-resnet18" or "dense(…)"; None for any other word."""
    found = DENSE.fullmatch(word.strip())
    return found and (found["name"] or found["given"])


def is_made(word: str) -> bool:
    """Whether a word means a network of the zoo, which can be made for any input, or a dense one of such."""
    return meant(encoder_of(word) or word) is not None and not is_here(word)


def is_here(word: str) -> bool:
    """Whether a file, a run or a model here has this name, which is then meant; of a folder without one it is not."""
    path = os.path.expanduser(word)
    names = ("model.safetensors", "run.toml")
    return os.path.isfile(path) or any(os.path.isfile(os.path.join(path, name)) for name in names)


def analyse(given: Given, *, strict: bool = False) -> Report:
    """All figures of a network (see `network` for what names one): shapes, parameters, costs, receptive fields, each
    with its formula. `print` shows the table. Raises as `network`, and `ShapeError` where it does not work out.
    """
    return figures_of(network(given), strict=strict)


def is_text(word: str) -> bool:
    """Whether a text form is meant: it has a colon, or begins with a shape and goes on."""
    return ":" in word.removeprefix(BUILT_IN) or re.match(r"\s*\d+([x×]\d+)*\s+\S", word) is not None


def changed(found: Network, options: dict[str, Any]) -> Network:
    """A network with another input. Raises SettingError for any other option, which only the zoo's networks have."""
    unusable = sorted(options.keys() - {"input"})
    if unusable:
        raise SettingError(f"--{unusable[0]} is for networks of the zoo; change the network itself")
    return Network(options["input"], found.body, found.name) if "input" in options else found


def _from_file(path: Path) -> Network:
    from hubel.base.exported import other_form, pytorch_form
    from hubel.base.headers import is_safetensors
    from hubel.base.model_file import entry_of, read_model_file, why_unread

    if words := other_form(path):
        raise SettingError(f"{path}: {words}")
    if path.is_dir():
        folder, path = path, path / "model.safetensors"
        if not path.is_file():
            return _of_run(folder)
    if path.suffix == ".safetensors" or (
        path.is_file() and is_safetensors(path)
    ):  # `model.save("x.keras")` writes such too
        _, about = read_model_file(path)
        try:
            found = parse(entry_of(about, "network", str))
            return Network(found.input, found.body, entry_of(about, "name", str))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(why_unread(path, about, error, "its metadata")) from None
    if path.suffix == ".py":
        raise SettingError(
            f"expected {path}:NAME, where NAME is the model, its class, or what makes it; received {path}"
        )
    if path.suffix == ".onnx":
        raise SettingError(f"{path}: is ONNX, whose network hubel.nn.network_of_onnx reads")
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        if path.suffix in (".keras", ".h5", ".hdf5"):
            raise SettingError(
                f"{path}: is Keras's own, which hubel.model.load_model opens; its save writes one for every command"
            ) from None
        if words := pytorch_form(path):
            raise SettingError(f"{path}: {words}") from None
        raise SettingError(
            f"{path}: expected a text form, a model file that hubel wrote or an .onnx file, received what is no text"
        ) from None
    found = parse(text)
    return Network(found.input, found.body, path.stem)


def _of_run(folder: Path) -> Network:
    """The network of a run whose training has not come to its end, by its `run.toml`."""
    from hubel.base.model_file import why_unread
    from hubel.base.toml import read_toml

    path = folder / "run.toml"
    if not path.is_file():
        raise MissingFileError(
            f"{folder}: expected a network, received a folder without a model (model.safetensors) or a run (run.toml)"
        )
    settings = read_toml(read_text(path))
    try:
        found = parse(settings["network"])
        return Network(found.input, found.body, str(settings["network_name"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(why_unread(path, settings, error, "what it says")) from None
