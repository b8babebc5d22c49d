"""MNIST, which ships inside the package: LeCun, Cortes (1998), licence in mnist/LICENSE."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from hubel.base.errors import DataError
from hubel.data._dataset import Dataset, Splits
from hubel.data.sources.arrays.idx import parse_idx

_FOLDER = Path(__file__).parents[1] / "mnist"
SHA256 = {
    "train-images-idx3-ubyte.gz": "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
    "train-labels-idx1-ubyte.gz": "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
    "t10k-images-idx3-ubyte.gz": "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
    "t10k-labels-idx1-ubyte.gz": "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
}


def load_mnist() -> Splits:
    """60,000 training and 10,000 test images, 28×28×1, classes "0" to "9"; needs no network.

    Raises ValueError where a file of the installed package is not the original.
    """
    with ThreadPoolExecutor(2) as pool:  # decompression runs outside the interpreter's lock
        train, test = pool.map(_part, ("train", "t10k"), ("train", "test"))
    return Splits(train=train, test=test)


def _part(prefix: str, name: str) -> Dataset:
    images = parse_idx(_checked(f"{prefix}-images-idx3-ubyte.gz"), f"{prefix}-images")
    labels = parse_idx(_checked(f"{prefix}-labels-idx1-ubyte.gz"), f"{prefix}-labels")
    return Dataset(
        images=images.astype(np.uint8, copy=False)[..., np.newaxis],
        targets=labels.astype(np.int64),
        classes=tuple("0123456789"),
        name=f"mnist {name}",
    )


def _checked(name: str) -> bytes:
    content = (_FOLDER / name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()  # 8 ms for all four
    if digest != SHA256[name]:
        raise DataError(
            f"{_FOLDER / name}: expected SHA-256 {SHA256[name]}, received {digest}; "
            "the file is damaged, install hubel again"
        )
    return content
