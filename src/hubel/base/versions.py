"""Versions of what is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def version_of(package: str) -> str:
    """The version of an installed package, "not installed" of others; nothing is imported for it."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
