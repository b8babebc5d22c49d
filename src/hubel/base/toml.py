"""Tables as TOML: settings of runs and recipes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from hubel.base.errors import SettingError
from hubel.base.headers import reason
from hubel.base.words import writable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def read_toml(text: str) -> dict[str, Any]:
    """The table that a TOML text holds. Raises SettingError where it is not TOML."""
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of numbers and dates, others than its own
        raise SettingError(f"expected TOML: {reason(error)}") from None
    return table


def write_toml(table: Mapping[str, Any]) -> str:
    """A table as TOML."""
    import tomli_w

    return tomli_w.dumps(_writable(table))


def _writable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _writable(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_writable(each) for each in value]
    return writable(value) if isinstance(value, str) else value
