"""What a model file says of itself, read with the standard library alone and known to be whole."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hubel.base.errors import ModelFileError, SettingError, TensorFileError
from hubel.base.exported import other_form
from hubel.base.headers import Header, is_pickle, is_safetensors, is_whole, read_about, read_header, reason
from hubel.base.limits import check, ignores_damage
from hubel.base.names import listing

T = TypeVar("T")

FORMAT = 2  # 1 had no digest
ENTRY = "hubel"
WIRED = "wired"  # an entry of models that are no tree
_KINDS: dict[type, str] = {str: "a text", list: "a list", dict: "names and values"}


class WholenessWarning(UserWarning):
    """A file that may be damaged, which nothing in it tells, or that is, and is used all the same."""


def read_model_file(
    path: Path, ignore_damage: bool | None = None, wired: bool = False
) -> tuple[Header, dict[str, Any]]:
    """Read what a model file holds and says of itself: "network" (its text form), "classes", "preprocessing" …

    `ignore_damage`, or else the environment variable HUBEL_IGNORE_DAMAGE, makes a warning of a digest that does not
    match. `wired`: whether a model that is no tree is asked for. Raises ModelFileError for a pickle (which is not
    opened), a damaged file, one that is no model of hubel's, or a model of the other sort.
    """
    if words := other_form(path):
        raise ModelFileError(f"{path}: {words}")
    if is_pickle(path):
        raise ModelFileError(
            f"{path}: expected a safetensors file, received a pickle (what torch.save writes), which can run any code "
            "when opened, so it was not; load its weights with torch.load(…, weights_only=True) and use save_model"
        )
    try:
        header = read_header(path)
        about = read_about(path, header, ENTRY)
    except TensorFileError as error:
        raise ModelFileError(f"{error}; a model file is one that hubel wrote") from None
    if about.get("format") not in (1, FORMAT):
        raise ModelFileError(
            f"{path}: expected format {FORMAT}, received {about.get('format')!r}; install a newer hubel"
        )
    if about["format"] == 1:
        told = f"{path}: written before models had a digest; whether it is whole cannot be known"
        warnings.warn(told, WholenessWarning, stacklevel=3)
    elif not (isinstance(about.get("sha256"), str) and is_whole(path, header, about["sha256"])):
        complain(path, "damaged: its SHA-256 is another than when it was written", ignore_damage)
    if WIRED in about and not wired:
        raise ModelFileError(
            f"{path}: expected a model that is a tree, with one input and one output, received one of "
            f"{about.get('has')}; hubel.model.load_model opens it"
        )
    return header, about


def is_wired(path: Path) -> bool:
    """Whether a file is of a model that is no tree; False for what cannot be read."""
    try:
        return is_safetensors(path) and WIRED in read_about(path, read_header(path), ENTRY)
    except TensorFileError:
        return False


def about_model(path: Path) -> dict[str, Any]:
    """Return what a model file of hubel's says of itself, {} for any other file. Raises as `read_model_file`."""
    try:
        if not is_safetensors(path) or ENTRY not in read_header(path).metadata:
            return {}
    except TensorFileError:  # whoever reads its weights says so
        return {}
    return read_model_file(path)[1]


def complain(path: Path, problem: str, ignore_damage: bool | None) -> None:
    """Raise ModelFileError for a file with a problem, or only warn where damage is to be ignored."""
    if ignores_damage() if ignore_damage is None else ignore_damage:
        warnings.warn(f"{path}: {problem}; used all the same", WholenessWarning, stacklevel=3)
        return
    raise ModelFileError(
        f"{path}: {problem}; take a copy, or train again from the run's last checkpoint (--ignore-damage uses it all "
        "the same)"
    )


def why_unread(path: Path, about: Mapping[str, Any], error: Exception, what: str) -> str:
    """Say why what a file says cannot be read. Of layers that hubel does not have, say where the file has them from
    ("layers"); nothing is imported because a file says so.
    """
    needs = about.get("layers")
    for word, origin in needs.items() if isinstance(needs, dict) else ():
        if f"no layer is called {word!r}" in str(error):
            return (
                f"{path}: its network has the layer {word!r}, which is not hubel's own ({origin}); name the file that "
                "defines it with --layers FILE.py (in Python, import it first), or install the package that brings it"
            )
    return f"{path}: {what} cannot be read: {reason(error)}; it was changed or damaged, so take a whole copy of it"


def entry_of(about: dict[str, Any], name: str, kind: type[T]) -> T:
    """Return an entry of this kind. Raises KeyError or TypeError where there is none."""
    value = about[name]
    if not isinstance(value, kind):
        raise TypeError(f"expected {name} as {_KINDS[kind]}, received {value!r:.60}")
    return value


def name_of(about: dict[str, Any]) -> str:
    """Return the name of the network. Raises as `entry_of`, and LimitError for one that is far too long."""
    name = entry_of(about, "name", str)
    check("name", len(name), f"the network {name[:20]}…")
    return name


def classes_of(about: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the classes. Raises as `entry_of`, LimitError, and SettingError as `check_names`."""
    classes = entry_of(about, "classes", list)
    check("classes", len(classes), "classes")
    if not all(isinstance(name, str) for name in classes):
        raise TypeError("expected the classes' names as texts")
    for name in classes:
        check("name", len(name), f"the class {name[:20]}…")
    check_names(classes)
    return tuple(classes)


def check_names(classes: Sequence[str]) -> None:
    """Raise SettingError where classes cannot be told apart by their names."""
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise SettingError(
            f"expected classes of different names, received {listing(map(repr, twice), 5)} more than once"
        )
    if any(not name.strip() for name in classes):
        raise SettingError("expected names of classes, received an empty one")
