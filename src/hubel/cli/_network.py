"""The network that a command is about: a zoo name, a text form, a file, or a PyTorch model in a Python file."""

from __future__ import annotations

import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubel import zoo
from hubel.arch import Network, Shape, ShapeError, checked_shape, order_note, parse
from hubel.base.errors import MissingFileError, ModelFileError, SettingError
from hubel.base.files import read_text
from hubel.base.model_file import why_unread
from hubel.cli._numbers import real, whole
from hubel.cli._output import aside, tell

FILES = (".py", ".onnx", ".safetensors", ".txt", ".pth", ".pt", ".h5", ".keras", ".toml")


def add_network(parser: ArgumentParser, name: str = "network", help: str = "") -> None:
    """Add the argument NET."""
    parser.add_argument(
        name,
        metavar="NET",
        help=help
        or "a zoo name, a text form in quotes, a file (text form, run's directory, .onnx), or a PyTorch model "
        "as FILE.py:NAME, which is run, with --input",
    )


def add_options(parser: ArgumentParser) -> None:
    """Add what can be set of a zoo network."""
    group = parser.add_argument_group("of a zoo network")
    group.add_argument("--input", type=shape_argument, metavar="HxWxC", help="the input's shape, such as 32x32x3")
    group.add_argument("--classes", type=whole(1, 2**31), metavar="N", help="how many outputs the network has")
    group.add_argument("--width", type=real(1e-3, 1e3), metavar="FACTOR", help="multiply the channels, such as 0.5")
    group.add_argument(
        "--option",
        action="append",
        type=_option,
        metavar="NAME=VALUE",
        help="any other option of the network, such as heads=true or shortcut=projection (hubel zoo NET lists them)",
    )


def shape_argument(text: str) -> Shape:
    """Read `28x28x1` or `784`."""
    if not re.fullmatch(r"\d{1,9}([x×]\d{1,9}){2}|\d{1,9}", text, re.ASCII):
        raise ArgumentTypeError(f"expected a shape such as 28x28x1 or 784, received {text!r}")
    try:
        return checked_shape(tuple(map(int, re.split("[x×]", text))))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _option(text: str) -> tuple[str, Any]:
    """Read `heads=true`, `growth=24`, `shortcut=zero`."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise ArgumentTypeError(f"expected NAME=VALUE, received {text!r}")
    words = {"true": True, "false": False}
    return name, words[value] if value in words else int(value) if value.isascii() and value.isdigit() else value


def load_network(given: str, options: Namespace | None = None) -> Network:
    """Return the network that `given` names; raise `ValueError` where nothing is meant by it.

    Tells where the shape of its input looks as if channels were meant to stand first.
    """
    network = _load_network(given, options)
    order = order_note(network.input)
    if order is not None:
        tell(order)
    return network


def _load_network(given: str, options: Namespace | None) -> Network:
    wanted = {key: getattr(options, key, None) for key in ("input", "classes", "width")}
    chosen = {key: value for key, value in wanted.items() if value is not None}
    chosen |= dict(getattr(options, "option", None) or ())
    if is_model(given):
        return _from_model(given, chosen)
    if is_text(given):
        return _changed(parse(given), chosen)
    path = Path(given)
    if zoo.meant(given) is not None and not path.exists():
        return zoo.get(given, **chosen)
    if path.suffix == ".onnx":
        return _changed(_from_onnx(path, chosen.get("input")), chosen)
    if path.exists():
        return _changed(_from_file(path), chosen)
    if path.suffix in FILES or "/" in given:
        raise MissingFileError(f"{given}: there is no such file")
    try:
        return zoo.get(given, **chosen)
    except (LookupError, ValueError) as error:
        message = error.args[0] if error.args else error
        raise SettingError(
            f"{message}; or write a text form, such as '28x28x1: conv 6 5x5 tanh, flatten, dense 10'"
        ) from None


def _changed(network: Network, chosen: dict[str, Any]) -> Network:
    unusable = sorted(chosen.keys() - {"input"})
    if unusable:
        raise SettingError(f"--{unusable[0]} is for networks of the zoo; change the network itself")
    return Network(chosen.get("input", network.input), network.body, network.name)


def is_text(given: str) -> bool:
    """Whether a text form is meant: it has a colon, or begins with a shape and goes on."""
    return ":" in given or re.match(r"\s*\d+([x×]\d+)*\s+\S", given) is not None


def is_model(given: str) -> bool:
    """Whether `FILE.py:NAME` is meant, and no text form: those start with the input's shape."""
    return re.fullmatch(r".+\.py:\w+", given, re.DOTALL) is not None


def _from_model(given: str, chosen: dict[str, Any]) -> Network:
    """Run the user's file and read its model as a tree."""
    if "input" not in chosen:
        raise SettingError(f"expected --input with the shape of one image for {given}, such as --input 224x224x3")
    from hubel.cli._model_file import load_model
    from hubel.nn import network_of

    with aside():
        model = load_model(given)
        with _no_tree(given):
            network = network_of(model, chosen["input"], given.rpartition(":")[2])
    return _changed(network, chosen)


def _from_onnx(path: Path, input: Shape | None) -> Network:
    from hubel.nn import network_of_onnx

    with _no_tree(str(path)):
        return network_of_onnx(path, input)


@contextmanager
def _no_tree(given: str) -> Iterator[None]:
    """Say of what model an error tells that it is no tree."""
    try:
        yield
    except ShapeError:
        raise
    except ValueError as error:
        raise SettingError(f"{given} cannot be read as a tree: {error}") from None


def _of_run(folder: Path) -> Network:
    """The network of a run whose training has not come to its end, by its `run.toml`."""
    from hubel.base.toml import read_toml

    path = folder / "run.toml"
    if not path.is_file():
        raise MissingFileError(
            f"{folder}: expected a network, received a folder without a model (model.safetensors) or a run (run.toml)"
        )
    settings = read_toml(read_text(path))
    try:
        network = parse(settings["network"])
        return Network(network.input, network.body, str(settings["network_name"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(why_unread(path, settings, error, "what it says")) from None


def _from_file(path: Path) -> Network:
    if path.is_dir():
        folder, path = path, path / "model.safetensors"
        if not path.is_file():
            return _of_run(folder)
    if path.suffix == ".safetensors":
        from hubel.base.model_file import entry_of, read_model_file

        _, about = read_model_file(path)
        try:
            network = parse(entry_of(about, "network", str))
            return Network(network.input, network.body, entry_of(about, "name", str))
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(why_unread(path, about, error, "its metadata")) from None
    if path.suffix == ".py":
        raise SettingError(
            f"expected {path}:NAME, where NAME is the model, its class, or what makes it; received {path}"
        )
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError:
        raise SettingError(
            f"{path}: expected a text form, a model file that hubel wrote or an .onnx file, received another"
        ) from None
    network = parse(text)
    return Network(network.input, network.body, path.stem)
