"""From a name to a network, importing the one file that knows it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from numbers import Integral, Real

from hubel.arch import Network
from hubel.base.errors import SettingError, UnknownNameError
from hubel.base.names import BUILT_IN, did_you_mean
from hubel.zoo._registry import Entry, registered
from hubel.zoo._table import MODULES

_KINDS: tuple[
    tuple[type, type | tuple[type, ...], str], ...
] = (  # of what an option usually is, what is taken, and how that is called
    (bool, bool, "true or false"),
    (int, (Integral, Sequence), "a whole number"),  # or several of them
    (float, Real, "a number"),
    (str, str, "a word"),
    (tuple, Sequence, "a shape"),
)


class UnknownNetworkError(UnknownNameError):
    """No network of the zoo has that name; the message suggests the nearest."""


class UnknownOptionError(UnknownNameError, ValueError):
    """The network has no such option; the message lists those it has."""


def names() -> tuple[str, ...]:
    """The names of all networks, oldest first within their families."""
    return tuple(MODULES)


def entry(name: str) -> Entry:
    """What is known about the network `name`: paper, figures, notes, options.

    The name may be written as papers do: "ResNet-50".

    Raises:
        UnknownNetworkError: if there is none of that name.
    """
    known = meant(name)
    if known is None:
        raise UnknownNetworkError(_unknown_network(name))
    importlib.import_module(f"hubel.zoo.{MODULES[known]}")
    return registered[known]


def meant(name: str) -> str | None:
    """The name that a network has here, as papers write it too: "ResNet-50", "LeNet 5", "VGG16-BN", with "builtin:"
    before it or not. None for none.
    """
    name = name.removeprefix(BUILT_IN)
    if name in MODULES or "/" in name or "\\" in name:  # of a path, nothing but the last part might be a name
        return name if name in MODULES else None
    return {_plain(known): known for known in MODULES}.get(_plain(name))


def get(name: str, **options: object) -> Network:
    """The network `name`, built with the given options: `classes`, `input`, … (`entry(name).options` lists them).

    Raises:
        UnknownNetworkError: if there is no network of that name.
        UnknownOptionError: if the network does not have one of the options.
        ValueError: if an option has a value that the network cannot be built with.
    """
    found = entry(name)
    for option, value in options.items():
        if option not in found.options:
            raise UnknownOptionError(_unknown_option(found, option))
        _check_kind(found.options[option], value, f"{found.name}: expected {option} as")
    return found.build(**options)


def _unknown_network(name: str) -> str:
    near = did_you_mean(_plain(name), MODULES) or f"; the zoo has {', '.join(MODULES)}"
    return f"expected the name of a network of the zoo, received {name!r}{near}"


def _check_kind(usual: object, value: object, expected: str) -> None:
    """Raise SettingError for an option's value of another kind than its usual one."""
    for kind, wanted, words in _KINDS:
        if isinstance(usual, kind):
            other = (isinstance(value, bool) and kind is not bool) or (isinstance(value, str) and kind is not str)
            if other or not isinstance(value, wanted):
                raise SettingError(f"{expected} {words}, received {value!r}")
            return


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _unknown_option(found: Entry, option: str) -> str:
    near = did_you_mean(option, found.options)
    return f"{found.name} has no option {option!r}; it has {', '.join(found.options)}{near}"
