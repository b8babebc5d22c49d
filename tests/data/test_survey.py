"""What follows from a set's sizes, colours and depth, decided once for all its images."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, features

from hubel.data import ImageError, Preprocessing, describe, load, read_image

PATTERN: npt.NDArray[np.float64] = np.add.outer(np.arange(24), np.arange(32)) / 54  # 0 to 1, even


def save(folder: Path, path: str, values: npt.NDArray[Any], **options: Any) -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(folder / path, **options)
    return folder / path


DEPTHS: dict[str, tuple[float, float, str, tuple[float, float]]] = {
    "8 bits in 16": (0, 255, "uint16", (0, 255)),
    "10 bits": (0, 1023, "uint16", (0, 1023)),
    "12 bits, not quite full": (30, 3900, "uint16", (0, 4095)),
    "12 bits, high up": (3000, 4000, "uint16", (3000, 4000)),
    "16 bits": (0, 65535, "uint16", (0, 65535)),
    "32 bits": (0, 100_000, "int32", (0, 131_071)),
    "Hounsfield units": (-1000, 3000, "int32", (-1000, 3000)),
    "0 to 1": (0, 1, "float32", (0, 1)),
    "0 to 0.01": (0, 0.01, "float32", (0, 0.01)),
    "0 to 255": (0, 255, "float32", (0, 255)),
    "-1 to 1": (-1, 1, "float32", (-1, 1)),
    "large": (0, 1e6, "float32", (0, 1e6)),
}


@pytest.mark.parametrize("how", DEPTHS)
def test_range_is_decided_once_for_all_images(tmp_path: Path, how: str) -> None:
    """Every set has a bright image and one a quarter as bright: they stay so, and use the levels there are."""
    low, high, kind, expected = DEPTHS[how]
    for number, share in enumerate((1.0, 0.25, 1.0, 0.25)):
        values = (low + (high - low) * share * PATTERN).astype(kind)
        save(tmp_path / "set", f"{'ab'[number % 2]}/{number}.tif", values)
    splits = load(tmp_path / "set")
    levels = splits.train.levels
    assert levels == pytest.approx(expected, abs=0.05 * (high - low))
    bright, dim = (splits.train.images[splits.train.labels == label][0].astype(int) for label in (0, 1))
    assert len(np.unique(bright)) > 50
    span = min(255, (high - low) / (levels[1] - levels[0]) * 255)
    assert bright.max() - bright.min() == pytest.approx(span, abs=12)
    assert dim.max() - dim.min() == pytest.approx(span / 4, abs=6)
    (note,) = splits.notes
    assert note.startswith("pixels of more than eight bits: ")
    assert note.endswith(" become black to white")


def test_levels_stay_with_the_model(tmp_path: Path) -> None:
    values = (4000 * PATTERN).astype(np.uint16)
    for number in range(4):
        save(tmp_path / "set", f"{'ab'[number % 2]}/{number}.png", values)
    splits = load(tmp_path / "set")
    rule = Preprocessing.for_dataset(splits.train)
    assert rule.levels == (0, 4095)
    assert "values 0 to 4095" in str(rule)
    again = Preprocessing.from_json(rule.to_json())
    for image in (tmp_path / "set" / "a" / "0.png", values, Image.fromarray(values)):
        assert (again.prepare(image) == splits.train.images[0]).all()
    darker = again.prepare((values // 2).astype(np.uint16))
    assert darker.max() == pytest.approx(splits.train.images[0].max() / 2, abs=1)
    eight = np.rint(PATTERN * 255).astype(np.uint8)
    assert (again.prepare(eight)[..., 0] == eight).all()


@pytest.mark.parametrize(("low", "high", "kind"), [(0, 4095, "uint16"), (0, 0.01, "float32"), (-1, 1, "float64")])
def test_levels_of_arrays(tmp_path: Path, low: float, high: float, kind: str) -> None:
    images = np.stack([low + (high - low) * PATTERN * share for share in (1, 0.5, 1, 0.5)]).astype(kind)
    np.savez(tmp_path / "set.npz", x_train=images, y_train=[0, 1, 0, 1], x_test=images[1:2], y_test=[1])
    splits = load(tmp_path / "set.npz")
    assert len(np.unique(splits.train.images[0])) > 50
    assert splits.test is not None
    assert (splits.test.images[0] == splits.train.images[1]).all()
    assert splits.train.levels == splits.test.levels == pytest.approx((low, high), abs=0.05 * (high - low))
    assert splits.notes[-1].startswith("values of the images: ")
    images[2, 0, 0] = 0 if kind == "uint16" else np.nan
    np.savez(tmp_path / "nan.npz", x=images, y=[0, 1, 0, 1])
    if kind != "uint16":
        with pytest.raises(ValueError, match="expected images of finite numbers, received NaN"):
            load(tmp_path / "nan.npz")


def test_bytes_of_any_type_stay_as_they_are(tmp_path: Path) -> None:
    eight = np.rint(PATTERN * 255).astype(np.uint8)[None]
    for number, images in enumerate((eight.astype(np.int64), eight.astype(np.float32), eight / 255, eight > 0)):
        np.savez(tmp_path / f"{number}.npz", x=images, y=[0])
        splits = load(tmp_path / f"{number}.npz")
        assert splits.train.levels is None
        assert (splits.train.images[..., 0] == (eight if number < 3 else eight > 0)).all()


def strips(folder: Path, size: tuple[int, int], count: int = 10) -> Path:
    rng = np.random.default_rng(0)
    for number in range(count):
        values = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
        save(folder, f"{'ab'[number % 2]}/{number}.png", values)
    return folder


FRAMES = {
    "long strips are padded": ((48, 192), {"size": (32, 32)}, "pad", "padded, since cropping would cut 75% away"),
    "tall strips are padded": ((192, 48), {"size": (32, 32)}, "pad", "padded, since cropping would cut 75% away"),
    "a little is cut and said": ((48, 64), {"size": (32, 32)}, "crop", "cropped to the middle, 25% is cut away"),
    "hardly anything is cut": (
        (48, 50),
        {"size": (32, 32)},
        "crop",
        "48×50 become 32×32: cropped to the middle, 4% is cut away",
    ),
    "the same form": ((64, 64), {"size": (32, 32)}, "crop", "64×64 become 32×32: whole"),
    "what is asked for is done": ((48, 192), {"size": (32, 32), "fit": "crop"}, "crop", "75% is cut away"),
    "stretched": ((48, 64), {"size": (32, 32), "fit": "stretch"}, "stretch", "48×64 become 32×32: stretched"),
    "very small": ((200, 200), {"size": (28, 28)}, "crop", "few details are left of them, --input 112x112x3 keeps"),
    "grey": ((32, 32), {"channels": 1}, None, "colour becomes grey, as the network takes it; --input 32x32x3 keeps"),
    "their own size": ((48, 192), {}, None, ""),
}


@pytest.mark.parametrize("how", FRAMES)
def test_framing_is_chosen_and_said(tmp_path: Path, how: str) -> None:
    size, settings, fit, said = FRAMES[how]
    splits = load(strips(tmp_path / "set", size), **settings)
    assert splits.train.fit == fit
    if said:
        assert any(said in note for note in splits.notes), splits.notes
    else:
        assert not splits.notes


def test_long_pictures_of_several_sizes_stay_long(tmp_path: Path) -> None:
    strips(tmp_path / "set", (60, 300))
    save(tmp_path / "set", "a/other.png", np.zeros((66, 320, 3), np.uint8))
    assert load(tmp_path / "set").train.shape == (48, 240, 3)
    strips(tmp_path / "square", (300, 290))
    assert load(tmp_path / "square").train.shape == (224, 224, 3)


def test_arrays_are_framed_by_the_same_rule(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", x=np.zeros((4, 20, 90, 3), np.uint8), y=[0, 1, 0, 1])
    splits = load(tmp_path / "set.npz", size=(20, 20), channels=1)
    assert splits.train.fit == "pad"
    assert len(splits.notes) == 2


def test_files_that_cannot_be_read_are_counted_and_named(tmp_path: Path) -> None:
    strips(tmp_path / "set", (16, 16), 8)
    for name in ("a/bad.png", "c/0.png", "c/1.png"):
        (tmp_path / "set" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"nothing")
    splits = load(tmp_path / "set", bad_images="skip")
    assert len(splits.rejected) == 3
    assert "left out: 3 files that cannot be read (" in splits.notes[0]
    assert "bad.png: is not an image" in splits.notes[0]
    assert splits.notes[1] == "no training image is left of c"


def test_files_of_other_kinds_are_counted(tmp_path: Path) -> None:
    strips(tmp_path / "set", (16, 16), 4)
    for number in range(3):
        (tmp_path / "set" / "a" / f"{number}.CR2").write_bytes(b"raw")
    (tmp_path / "set" / "b" / "x.svg").write_bytes(b"<svg/>")
    (note,) = load(tmp_path / "set").notes
    assert note == "left out: files of kinds .cr2 (3), .svg (1), which cannot be read; save them as PNG, TIFF or WAV"
    assert note in describe(tmp_path / "set").notes
    (tmp_path / "raw" / "a").mkdir(parents=True)
    (tmp_path / "raw" / "a" / "x.dng").write_bytes(b"raw")
    with pytest.raises(ValueError, match=r"found none but files of kinds \.dng \(1\)"):
        load(tmp_path / "raw")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif_is_read(tmp_path: Path) -> None:
    strips(tmp_path / "set", (16, 16), 4)
    colour = save(tmp_path / "set", "a/x.avif", np.full((16, 16, 3), (200, 30, 60), np.uint8), quality=95)
    assert len(load(tmp_path / "set").train) == 5
    assert np.asarray(read_image(colour))[8, 8].tolist() == pytest.approx((200, 30, 60), abs=8)
    assert describe(tmp_path / "set").formats == {"PNG": 4, "AVIF": 1}


def test_heic_is_named_with_what_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    strips(tmp_path / "set", (16, 16), 4)
    (tmp_path / "set" / "a" / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    with pytest.raises(ImageError, match=r"IMG_1\.HEIC: is HEIC, which needs pillow-heif; .*'hubel\[heic\]'"):
        load(tmp_path / "set")
    splits = load(tmp_path / "set", bad_images="skip")
    assert (len(splits.train), len(splits.rejected)) == (4, 1)


def tiff(tags: dict[int, tuple[int, ...]], pixels: bytes) -> bytes:
    """A TIFF of one strip with these tags, whatever they say."""
    import struct

    own = {256: (8,), 257: (8,), 259: (1,), 262: (1,), 273: (8,), 279: (len(pixels),), **tags}
    entries, extra, where = b"", b"", 8 + len(pixels) + 2 + 12 * len(own) + 4
    for tag, values in sorted(own.items()):
        packed = struct.pack(f"<{len(values)}H", *values)
        if len(packed) > 4:
            entries += struct.pack("<HHII", tag, 3, len(values), where + len(extra))
            extra += packed
        else:
            entries += struct.pack("<HHI", tag, 3, len(values)) + packed.ljust(4, b"\0")
    directory = struct.pack("<H", len(own)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory + extra


def test_tiffs_that_would_lose_something_are_refused_in_words() -> None:
    five = tiff({258: (8,) * 5, 277: (5,)}, bytes(8 * 8 * 5))
    with pytest.raises(ImageError, match=r"is a TIFF of 5 bands of 8-bit numbers that cannot be read|has 5 bands"):
        read_image(five)
    packed = tiff({258: (16,), 259: (34712,), 277: (1,), 339: (3,)}, bytes(8 * 8 * 2))
    with pytest.raises(ImageError, match="is a TIFF of 1 bands of 16-bit floating-point numbers that cannot be read"):
        read_image(packed)
    near_infrared = tiff({258: (8,) * 4, 277: (4,), 262: (2,), 338: (0,)}, bytes(8 * 8 * 4))
    with pytest.raises(ImageError, match="has 4 bands, expected 1, 3, or 4 with transparency"):
        read_image(near_infrared)
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8)).save(buffer, "TIFF")
    assert read_image(buffer.getvalue()).mode == "RGBA"


@pytest.mark.parametrize("channels", [2, 4, 5, 13])
def test_arrays_may_have_any_number_of_channels(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 4000, (6, 16, 24, channels)).astype(np.uint16)
    np.savez(tmp_path / "last.npz", x=images, y=np.arange(6) % 2)
    np.savez(tmp_path / "first.npz", x=images.transpose(0, 3, 1, 2), y=np.arange(6) % 2)
    splits, other = (load(tmp_path / f"{name}.npz") for name in ("last", "first"))
    assert splits.train.shape == (16, 24, channels)
    assert (splits.train.images == other.train.images).all()
    rule = Preprocessing.for_dataset(splits.train)
    assert Preprocessing.from_json(rule.to_json()) == rule
    assert f"16×24 with {channels} channels" in str(rule)
    assert (rule.prepare(images[0]) == splits.train.images[0]).all()
    small = load(tmp_path / "last.npz", size=(8, 12)).train
    assert small.shape == (8, 12, channels)
    assert (Preprocessing.for_dataset(small).prepare(images[0]) == small.images[0]).all()
    assert rule.normalise(torch.from_numpy(splits.train.images)).shape == (6, channels, 16, 24)
    assert describe(tmp_path / "last.npz").modes == {f"{channels} channels": 6}
    with pytest.raises(ValueError, match=f"expected an array H×W×{channels} or a TIFF, with all bands, received"):
        rule.prepare(images[0][..., :1])
    with pytest.raises(ValueError, match=r"expected .* channels, as its images have, received 1"):
        load(tmp_path / "last.npz", channels=1)


def test_colour_of_sixteen_bits_is_said(tmp_path: Path) -> None:
    import struct
    import zlib

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    values = np.random.default_rng(0).integers(0, 4096, (8, 8, 3))
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))
    content += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    for number in range(4):
        path = tmp_path / "set" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    found = load(tmp_path / "set")
    assert found.notes == ("pixels of more than eight bits: 0 to 4095 become black to white",)
    assert np.abs(found.train.images[0].astype(int) - values * 255 / 4095).max() <= 0.5
    assert found.train.levels == (0.0, 4095.0)
    plain = np.asarray(read_image(tmp_path / "set" / "a" / "0.png"))
    assert np.abs(plain.astype(int) - values * 255 / 65535).max() <= 0.5
    strips(tmp_path / "eight", (8, 8), 4)
    assert not load(tmp_path / "eight").notes


@pytest.mark.parametrize(("side", "said"), [(64, True), (24, True), (20, False), (8, False)])
def test_large_enlargement_is_said(tmp_path: Path, side: int, said: bool) -> None:
    for number in range(4):
        save(tmp_path / "set", f"{'ab'[number % 2]}/{number}.png", np.full((8, 8), number, np.uint8))
    notes = load(tmp_path / "set", size=(side, side)).notes
    told = f"pictures of about 8×8 become {side}×{side}: whole; enlarged {side / 8:.1f} times a side, which costs time"
    assert [note.startswith(told) for note in notes if "enlarged" in note] == [True] * said


HELD = {
    "frames": ("gif", "2 of the 2 looked at hold several frames or pages, of which the first is taken"),
    "pages": ("tif", "2 of the 2 looked at hold several frames or pages, of which the first is taken"),
    "transparent": ("png", "2 of the 2 looked at may be transparent: a transparent ground counts as white behind dark"),
    "a transparent colour": ("png", "2 of the 2 looked at may be transparent"),
    "no numbers": ("tif", "1 of the 2 looked at hold values that are no numbers (NaN), which become black"),
    "deep": ("png", "pixels of more than eight bits: 0 to 4095 become black to white"),
}


@pytest.mark.parametrize("how", HELD)
def test_what_files_hold_besides_is_said_by_data_and_by_training(tmp_path, how):
    ending, said = HELD[how]
    random = np.random.default_rng(0)
    for number, label in enumerate(("a", "b")):
        path = tmp_path / "set" / label / f"{number}.{ending}"
        path.parent.mkdir(parents=True)
        picture = Image.fromarray(random.integers(0, 250, (8, 8, 3), dtype=np.uint8))
        if how in ("frames", "pages"):
            picture.save(path, save_all=True, append_images=[picture.rotate(90), picture.rotate(180)])
        elif how == "transparent":
            picture.convert("RGBA").save(path)
        elif how == "a transparent colour":
            picture.convert("P").save(path, transparency=0)
        elif how == "deep":
            Image.fromarray(random.integers(0, 3000, (8, 8)).astype(np.uint16)).save(path)
        else:
            values = random.random((8, 8), np.float32)
            values[0, 0] = np.nan if number else 0
            Image.fromarray(values).save(path)
    assert any(note.startswith(said) for note in load(tmp_path / "set").notes)
    assert any(note.startswith(f"in training, {said}") for note in describe(tmp_path / "set").notes)


def test_pictures_of_one_frame_say_nothing(tmp_path):
    for label in ("a", "b"):
        (tmp_path / "set" / label).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "set" / label / f"{label}.tif")
    assert load(tmp_path / "set").notes == ()


def test_no_levels_are_looked_for_in_pictures_of_too_many_pixels(tmp_path, monkeypatch):
    for label in ("a", "b"):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.fromarray(np.full((4, 4), 1000 * number, np.uint16)).save(tmp_path / label / f"{number}.png")
    Image.fromarray(np.full((14, 14), 60000, np.uint16)).save(tmp_path / "a" / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # from which Pillow warns
    for module in ("hubel.data.decode.image", "hubel.data._survey"):
        monkeypatch.setattr(f"{module}.MAX_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load(tmp_path)
    assert found.train.levels == (0.0, 2047.0)  # of the others alone
