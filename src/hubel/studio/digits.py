"""The digits that a page learns from: MNIST's test part, as it lies in hubel, packed by gzip."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

DIGIT_FILES = {  # not called .gz: some web servers have browsers unpack what is
    "digits/images.bin": "t10k-images-idx3-ubyte.gz",
    "digits/labels.bin": "t10k-labels-idx1-ubyte.gz",
}


@cache
def digits_file(name: str) -> bytes:
    """The bytes of one of them, by its path in the site."""
    return files("hubel.data").joinpath("mnist").joinpath(DIGIT_FILES[name]).read_bytes()
