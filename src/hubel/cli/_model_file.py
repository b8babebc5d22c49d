"""A PyTorch model in the user's own Python file: the file is run, and what it says becomes the model."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.errors import MissingFileError, SettingError
from hubel.base.names import BUILT_IN, did_you_mean
from hubel.cli._output import aside, tell

if TYPE_CHECKING:
    from torch import nn


def is_code(given: str) -> bool:
    """Whether FILE.py:NAME or package.module:NAME is meant, by its form, and no network of hubel's."""
    place, colon, name = given.rpartition(":")
    own = place.endswith(".py") or (f"{place}:" != BUILT_IN and all(part.isidentifier() for part in place.split(".")))
    return given.endswith(".py") or bool(colon and name.isidentifier() and own)


def load_model(given: str) -> nn.Module:
    """Run the user's file, or import the user's module, and return the model that it holds or makes."""
    place, _, name = given.rpartition(":")
    if not place or not name.isidentifier():
        raise SettingError(f"expected FILE:NAME, such as model.py:make_model, received {given!r}")
    found = _found(_loaded(place), name, place)
    from torch import nn

    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise SettingError(f"expected {name} of {place} to be a model or to make one, received {type(found).__name__}")
    try:
        made = found()
    except (Exception, SystemExit) as error:
        raise SettingError(f"{name}() of {place} failed: {_told(error)}") from error
    if not isinstance(made, nn.Module):
        raise SettingError(f"expected {name}() of {place} to make an nn.Module, received {type(made).__name__}")
    return made


def load_layers(place: str) -> tuple[str, ...]:
    """Run the user's file, or import the user's module, and return the words of the layers that it makes known."""
    from hubel.arch._layer import REGISTRY

    before = set(REGISTRY)
    name = Path(place).stem if place.endswith(".py") else place
    if place.endswith(".py"):
        known = importlib.util.find_spec(name)  # PyTorch's modules are looked for under the file's own name
        if known is not None and Path(known.origin or "").resolve() != Path(place).resolve():
            raise SettingError(f"{place}: expected a name that no module has, received {name!r}; rename the file")
    if name in sys.modules:
        return ()
    with aside():
        _loaded(place, name)
    words = tuple(sorted(set(REGISTRY) - before))
    if not words:
        raise SettingError(f"{place} makes no layer known: expected a class under @register(…), see docs/layers.md")
    tell(f"{place}: {'the layer' if len(words) == 1 else 'the layers'} {', '.join(words)}")
    return words


def _loaded(place: str, name: str = "") -> Any:
    """Run a file as a module of this name, or else of one of its own; or import a module."""
    is_module = all(part.isidentifier() for part in place.split(".")) and not Path(place).is_file()
    if not place.endswith(".py") and not is_module:
        raise SettingError(f"expected a file FILE.py or the name of a module, received {place!r}")
    try:
        if not place.endswith(".py"):
            sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(place)
        path = Path(place).resolve()
        if not path.is_file():
            raise MissingFileError(f"no file {place}")
        tell(f"running {path}")
        sys.path.insert(0, str(path.parent))  # as Python itself does for a script
        name = name or f"_inspected_{path.stem}"  # of its own, so that a file called torch.py stands in nobody's place
        specification = importlib.util.spec_from_file_location(name, path)
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.modules[name] = module
        specification.loader.exec_module(module)
        return module
    except (FileNotFoundError, ModuleNotFoundError):
        raise
    except (Exception, SystemExit) as error:
        raise SettingError(f"{place} cannot be run: {_told(error)}") from error


def _found(module: Any, name: str, place: str) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    near = did_you_mean(name, [word for word in vars(module) if not word.startswith("_")])
    raise SettingError(f"{place} has no {name!r}{near or '; is it the right file?'}")


def _told(error: BaseException) -> str:
    """Say what failed and in which line of the user's code."""
    from traceback import extract_tb

    if isinstance(error, SyntaxError):  # which says its own line, and was raised where files are compiled
        return f"{type(error).__name__}: {error}"
    frames = extract_tb(error.__traceback__)
    where = f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
