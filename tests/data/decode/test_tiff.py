"""TIFFs that Pillow has no mode for, or misreads: their values are those that were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hubel.data import ImageError, load, read_image
from hubel.data.decode.tiff import tiff_values
from tests.data.decode.tiffs import tiff

KINDS = ("uint16", "int16", "uint32", "float16", "float32", "float64")

WAYS: list[dict[str, object]] = [
    {},
    {"planes": True},
    {"order": ">"},
    {"deflate": True, "rows": 5},
    {"deflate": True, "differences": True},
    {"packed": "lzw", "rows": 7},
    {"packed": "lzw", "differences": True, "order": ">"},
    {"packed": "lzw", "differences": True, "planes": True},
    {"packed": "packbits"},
]


def numbers(kind: str, bands: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng(seed).random((12, 10, bands))
    return (values * (1 if kind.startswith("f") else 4095)).astype(kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bands", [1, 2, 3, 5])
@pytest.mark.parametrize("how", WAYS, ids=str)
def test_values_come_as_they_were_written(kind: str, bands: int, how: dict[str, object]) -> None:
    values = numbers(kind, bands)
    found = tiff_values(tiff(values, **how), 10_000)
    assert found is not None
    assert found.dtype == values.dtype
    assert (found == values).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("planes", [False, True])
def test_their_range_is_kept_for_the_whole_set(kind: str, bands: int, planes: bool, tmp_path: Path) -> None:
    high = 1.0 if kind.startswith("f") else 4095.0
    for number in range(4):
        path = tmp_path / "set" / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiff(numbers(kind, bands, number), planes=planes))
    found = load(tmp_path / "set")
    assert found.train.levels == (0.0, high)
    assert found.train.shape == (12, 10, bands)
    wanted = numbers(kind, bands, 0).astype(float) * 255 / high
    assert np.abs(found.train.images[0] - wanted).max() <= 0.51


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("bands", [4, 5])
def test_more_bands_are_refused_with_their_number(kind: str, bands: int) -> None:
    with pytest.raises(ImageError, match=rf"shot\.tif: has {bands} bands, .*\.npy or \.npz"):
        read_image(tiff(numbers(kind, bands)), name="shot.tif")


def test_damaged_ones_are_named() -> None:
    whole = tiff(numbers("float64", 1))
    for cut in (9, 40, len(whole) - 1):
        with pytest.raises(ImageError, match=r"shot\.tif: "):
            read_image(whole[:cut], name="shot.tif")
    far = tiff(numbers("float64", 1)).replace((10).to_bytes(4, "little"), (10**6).to_bytes(4, "little"))
    with pytest.raises(ImageError, match=r"shot\.tif: "):
        read_image(far, name="shot.tif")
    assert tiff_values(b"II*\0nothing", 100) is None
    packed = tiff(numbers("float64", 3), packed="lzw")
    for cut in (len(packed) - 60, len(packed) // 2):
        with pytest.raises(ImageError, match=r"shot\.tif: "):
            read_image(packed[:cut], name="shot.tif")
