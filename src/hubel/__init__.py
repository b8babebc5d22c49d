"""hubel: a convolutional network from the line on a slide to a trained, understood and deployed model.

    >>> import hubel
    >>> hubel.analyse("lenet5").parameters
    61706
    >>> run = hubel.train("resnet20", "photos/", epochs=30)  # doctest: +SKIP
    >>> print(run.model().predict("cat.jpg"))  # doctest: +SKIP
    cat  97.1%  dog 2.6%  fox 0.3%

Wherever a network, a data set or a model is wanted, a word, a text form, a path or an object will do. The rooms
(`hubel.zoo`, `hubel.train`, `hubel.look` …) and names are imported when they are first used, so that `import hubel`
costs nothing and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from collections.abc import Callable

    from hubel.advise import compare
    from hubel.arch import Network, parse
    from hubel.base.errors import HubelError
    from hubel.export.exported import export
    from hubel.model import Sequential
    from hubel.nn import inspect
    from hubel.nn._given import build
    from hubel.tasks import load
    from hubel.train import Recipe, Run
    from hubel.train._start import evaluate, predict, write
    from hubel.train._start import open_model as load_model
    from hubel.zoo import analyse, network

    live: Callable[..., Any]  # of the house's top, which no room knows of

# name: where it lives, and what it is called there where that is another name
_HOMES = {
    "HubelError": "base.errors",
    "Network": "arch",
    "Recipe": "train",
    "Run": "train",
    "Sequential": "model",
    "analyse": "zoo",
    "build": "nn._given",
    "compare": "advise",
    "evaluate": "train._start",
    "inspect": "nn",
    "live": "studio.notebook",
    "load": "tasks",
    "load_model": "train._start:open_model",
    "network": "zoo",
    "parse": "arch",
    "predict": "train._start",
    "write": "train._start",
}
_ROOMS = {
    *("advise", "arch", "code", "data", "draw", "export", "look", "model", "nn", "plan", "report", "serve", "tasks"),
    *("train", "view", "zoo"),
}

__all__ = [
    "HubelError",
    "Network",
    "Recipe",
    "Run",
    "Sequential",
    "analyse",
    "build",
    "compare",
    "evaluate",
    "export",
    "inspect",
    "live",
    "load",
    "load_model",
    "network",
    "parse",
    "predict",
    "write",
]


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return importlib.import_module(f"hubel.{name}")
    if name in _HOMES:
        home, _, own = _HOMES[name].partition(":")
        return getattr(importlib.import_module(f"hubel.{home}"), own or name)
    from hubel.arch import layers

    if name in layers.__all__:
        return getattr(layers, name)
    raise AttributeError(f"module 'hubel' has no attribute {name!r}{_near(name)}")


def _near(name: str) -> str:
    from hubel.base.names import did_you_mean

    return did_you_mean(name, __dir__())


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS, "__version__"})
