"""Damaged images of six formats: each is read, or refused by name; nothing else happens."""

import io
import os
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.data import ImageError, load, read_image

COUNT = 4000 if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else 400
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")


def originals() -> dict[str, list[bytes]]:
    noise = np.random.default_rng(0).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((48, 36), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "a description"
    variants: dict[str, list[tuple[Image.Image, dict[str, object]]]] = {
        "JPEG": [(picture, {"exif": exif}), (picture.convert("CMYK"), {}), (picture, {"progressive": True})],
        "PNG": [
            (picture, {"exif": exif}),
            (picture.convert("P"), {"transparency": 0}),
            (Image.fromarray(np.arange(48 * 36, dtype=np.uint16).reshape(36, 48) * 30), {}),
        ],
        "GIF": [(picture.convert("P"), {}), (picture.convert("P"), {"save_all": True, "append_images": [picture]})],
        "BMP": [(picture, {}), (picture.convert("P"), {})],
        "TIFF": [(picture, {"compression": kind}) for kind in ("raw", "tiff_lzw", "tiff_deflate", "jpeg", "packbits")],
        "WEBP": [(picture, {}), (picture.convert("RGBA"), {"lossless": True})],
    }
    contents: dict[str, list[bytes]] = {}
    for kind, pictures in variants.items():
        for image, options in pictures:
            buffer = io.BytesIO()
            image.save(buffer, kind, **options)
            contents.setdefault(kind, []).append(buffer.getvalue())
    return contents


def mutated(content: bytes, chance: random.Random) -> bytes:
    """One to three wounds: bytes changed (headers more often), cut off, left out, repeated, or another's."""
    data = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        place = chance.randrange(min(len(data), 64)) if chance.random() < 0.4 else chance.randrange(len(data))
        length = chance.randint(1, 24)
        match chance.randrange(6):
            case 0:
                data[place] ^= 1 << chance.randrange(8)
            case 1:
                data[place : place + length] = chance.randbytes(length)
            case 2:
                del data[max(place, 1) :]
            case 3:
                del data[place : place + length]
            case 4:
                data[place:place] = data[place : place + length]
            case _:
                data[place : place + length] = chance.choice([b"\xff", b"\0"]) * length
        if not data:
            return b"\0"
    return bytes(data)


def check(folder: Path, kind: str, count: int) -> int:
    """Reads `count` mutated images; the number of those that were refused."""
    contents, chance, refused = originals()[kind], random.Random(1), 0
    for number in range(count):
        path = folder / f"{kind} {number}.img"
        path.write_bytes(mutated(chance.choice(contents), chance))
        try:
            image: Image.Image | ImageError = read_image(path)
        except ImageError as error:
            image = error
        if isinstance(image, ImageError):
            refused += 1
            assert image.path == str(path)
            assert str(image) == f"{path}: {image.reason}"
            assert image.reason
        else:
            assert image.mode in ("L", "LA", "RGB", "RGBA")
            assert np.asarray(image).shape[:2] == (image.height, image.width)
        path.unlink()
    return refused


@pytest.mark.parametrize("kind", FORMATS)
def test_mutated_images_are_read_or_refused_by_name(tmp_path: Path, kind: str) -> None:
    refused = check(tmp_path, kind, COUNT)
    assert COUNT / 20 < refused < COUNT


def test_a_folder_of_mutated_images_loads_what_can_be_read(tmp_path: Path) -> None:
    chance = random.Random(3)
    contents = originals()
    for number in range(120):
        path = tmp_path / "set" / f"c{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = contents[FORMATS[number % 6]][0]
        path.write_bytes(content if number % 3 else mutated(content, chance))
    splits = load(tmp_path / "set", bad_images="skip", size=(32, 32))
    assert len(splits.train) + len(splits.rejected) == 120
    assert 5 < len(splits.rejected) <= 40
    assert all(Path(error.path).exists() and error.reason for error in splits.rejected)
