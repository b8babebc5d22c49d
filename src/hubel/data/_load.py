"""One word or path to a data set."""

from __future__ import annotations

import os

from hubel.data._dataset import Splits
from hubel.data._mnist import load_mnist


def load(source: str | os.PathLike[str]) -> Splits:
    """The data set called `source`."""
    if source == "mnist":
        return load_mnist()
    raise ValueError(f"expected 'mnist', received {os.fspath(source)!r}")
