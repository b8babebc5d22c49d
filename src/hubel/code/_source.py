"""One way in: a network and the framework's name."""

from __future__ import annotations

import importlib

from hubel import zoo
from hubel.base.errors import SettingError

FRAMEWORKS = ("pytorch", "keras", "jax")


def source(network: zoo.Given, framework: str = "pytorch") -> str:
    """Return a program of its own that builds the network in a framework, of `FRAMEWORKS`.

    Parts that are alike are written once, repetition as loops. Run by itself the program builds the network and prints
    its parameters and the shape of its output. Raises `ShapeError` where the network does not work out, and
    `ValueError` for an unknown framework, or for a layer that it cannot say.
    """
    if framework not in FRAMEWORKS:
        raise SettingError(f"expected a framework of {', '.join(FRAMEWORKS)}, received {framework!r}")
    module = importlib.import_module(f"hubel.code.{framework}.program")
    found: str = module.write(zoo.network(network))
    return found
