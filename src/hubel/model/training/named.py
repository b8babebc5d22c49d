"""What a word, a class, or what a Keras file says stands for: losses, metrics, optimizers and what else has names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean


def made(
    given: Any,
    base: type,
    what: str,
    named: Mapping[str, Callable[..., Any]],
    classes: Mapping[str, Callable[..., Any]] | None = None,
    *,
    besides: Collection[str] = (),
    or_else: str = "",
) -> Any:
    """Make what is given: a word of `named` in any case, the name of one of `classes` (by default those of `named`), a
    class over `base`, or `{"class_name": …, "config": …}`, whose config may be such a word too. besides: what is passed
    over in a config. what, or_else: what was expected, and what else could be given, in words.

    Raises SettingError for a name that is not known, with those that are.
    """
    classes = {kind.__name__: kind for kind in named.values()} if classes is None else classes
    if isinstance(given, type) and issubclass(given, base):
        return given()
    name: Any = given
    settings: Any = {}
    if isinstance(given, Mapping):
        name, settings = given.get("class_name"), given.get("config") or {}
        name, settings = (settings, {}) if isinstance(settings, str) else (name, settings)
    kind = named.get(str(name)) or named.get(str(name).lower()) or classes.get(str(name))
    if kind is None:
        known = ", ".join(named or classes)
        hint = did_you_mean(str(name).lower(), named) or did_you_mean(str(name), classes)
        raise SettingError(f"expected {what} of {known}{or_else}, received {name!r}{hint}")
    return kind(**{key: value for key, value in settings.items() if key not in besides})
