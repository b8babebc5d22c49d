"""The network that a command is about: a zoo name, a text form, a file, or a PyTorch model in a Python file."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hubel import zoo
from hubel.arch import Network, Shape, ShapeError, checked_shape, order_note
from hubel.base.errors import SettingError
from hubel.base.names import BUILT_IN
from hubel.cli._example import input_argument
from hubel.cli._numbers import real, whole
from hubel.cli._output import aside, tell
from hubel.zoo._given import changed


class NoTreeError(SettingError):
    """A model or file that cannot be read as a tree; `why` says what stops that."""

    def __init__(self, given: str, why: str) -> None:
        super().__init__(f"{given} cannot be read as a tree: {why}")
        self.why = why


_NUMBER = re.compile(r"\d+(\.\d+)?", re.ASCII)


def add_network(parser: ArgumentParser, name: str = "network", help: str = "") -> None:
    """Add the argument NET."""
    parser.add_argument(
        name,
        metavar="NET",
        help=help
        or "a zoo name, a text form in quotes, a file (text form, run's directory, .onnx), or a PyTorch model "
        "as FILE.py:NAME, which is run, with --input; dense-NAME or 'dense(ANY OF THESE)' is a U made of it",
    )


def add_options(parser: ArgumentParser, several: bool = False) -> None:
    """Add what can be set of a zoo network; `several` inputs may be a PyTorch model's."""
    group = parser.add_argument_group("of a zoo network")
    if several:
        more = "; of a PyTorch model once for each, as of hubel inspect"
        group.add_argument(
            "--input",
            type=input_argument,
            action="append",
            metavar="HxWxC",
            help=f"the input's shape, such as 32x32x3{more}",
        )
    else:
        group.add_argument("--input", type=shape_argument, metavar="HxWxC", help="the input's shape, such as 32x32x3")
    group.add_argument("--classes", type=whole(1, 2**31), metavar="N", help="how many outputs the network has")
    group.add_argument("--width", type=real(1e-3, 1e3), metavar="FACTOR", help="multiply the channels, such as 0.5")
    group.add_argument(
        "--option",
        action="append",
        type=_option,
        metavar="NAME=VALUE",
        help="any other option of the network, such as heads=true or shortcut=projection (hubel zoo NET lists them); "
        "of dense-NAME also stride=1 (of the output's places, default 4), activation=softmax and deeper=2 (so many "
        "halvings more)",
    )


def shape_argument(text: str) -> Shape:
    """Read `28x28x1`, `16000x1` or `784`."""
    if not re.fullmatch(r"\d{1,9}([x×]\d{1,9}){0,2}", text, re.ASCII):
        raise ArgumentTypeError(f"expected a shape such as 28x28x1, 16000x1 or 784, received {text!r}")
    try:
        return checked_shape(tuple(map(int, re.split("[x×]", text))))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _option(text: str) -> tuple[str, Any]:
    """Read `heads=true`, `growth=24`, `width=0.5`, `shortcut=zero`."""
    name, sign, value = text.partition("=")
    if not sign or not name.isidentifier():
        raise ArgumentTypeError(f"expected NAME=VALUE, received {text!r}")
    words = {"true": True, "false": False}
    if value in words or not _NUMBER.fullmatch(value):
        return name, words.get(value, value)
    return name, int(value) if value.isdigit() else float(value)


def load_network(given: str, options: Namespace | None = None) -> Network:
    """Return the network that `given` names, with what `add_options` has of it; see `named_network`."""
    tell_which(given)
    wanted = {key: getattr(options, key, None) for key in ("input", "classes", "width")}
    chosen = {key: value for key, value in wanted.items() if value is not None}
    return named_network(given, **chosen, **dict(getattr(options, "option", None) or ()))


def named_network(given: str, *, said: set[str] | None = None, **chosen: Any) -> Network:
    """Return the network that `given` names; raise `ValueError` where nothing is meant by it.

    Tells where the shape of its input looks as if channels were meant to stand first; not what `said` holds, where who
    asks more than once for a network keeps what was told.
    """
    encoder = None if os.path.exists(given) else zoo.encoder_of(given)
    if encoder is not None:
        return zoo.dense(encoder, chosen.pop("classes", 2), **chosen, network_of=named_network)
    if is_model(given):
        network = _from_model(given, chosen)
    elif given.endswith(".onnx") and os.path.exists(given):
        network = changed(_from_onnx(Path(given), chosen.get("input")), chosen)
    else:
        network = zoo.network(given, **chosen)
    order = order_note(network.input)
    if order is not None and order not in (said or ()):
        tell(order)
        if said is not None:
            said.add(order)
    return network


def tell_which(given: str | None) -> None:
    """Tell which is meant where a word of the zoo is that of something here too."""
    if given is not None and zoo.meant(given) is not None and Path(given).exists():
        here = f"the run, model or file here; the zoo's network of that name is {BUILT_IN}{given}"
        tell(f"{given}: " + (here if zoo.is_here(given) else "the zoo's network; the folder here holds none"))


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
    return changed(network, chosen)


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
        raise NoTreeError(given, str(error)) from None
