"""Images held out for validation: how many, which, and what is said of it."""

import dataclasses
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter

from hubel.data import Dataset, HeldOut, Splits, describe, hold_out, load


def photo(seed: int, side: int = 64) -> Image.Image:
    """A picture with shapes in it, no two alike."""
    noise = np.random.default_rng(seed).integers(0, 255, (5, 5, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


def save(folder: Path, path: str, picture: Image.Image, **options: object) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    picture.save(folder / path, **options)


def photos(folder: Path, **counts: int) -> Path:
    for label, (name, count) in enumerate(counts.items()):
        for number in range(count):
            save(folder, f"{name}/{number}.png", photo(1000 * label + number))
    return folder


def counted(dataset: Dataset | None) -> dict[str, int]:
    assert dataset is not None
    numbers = np.bincount(dataset.labels, minlength=len(dataset.classes))
    return {name: int(number) for name, number in zip(dataset.classes, numbers, strict=True) if number}


def pictures(dataset: Dataset | None) -> set[bytes]:
    assert dataset is not None
    return {image.tobytes() for image in dataset.images}


def test_a_share_of_each_class_and_one_at_least(tmp_path: Path) -> None:
    splits = load(photos(tmp_path / "set", many=40, few=3, two=2, one=1), validation="auto")
    assert counted(splits.validation) == {"many": 8, "few": 1, "two": 1}
    assert counted(splits.train) == {"many": 32, "few": 2, "two": 1, "one": 1}
    assert splits.held_out == HeldOut(0.2, 10, 46, {"one": 1})
    assert str(splits.held_out) == (
        "10 of 46 training images are held out for validation (20% a class); none of one (1 image), too few pictures"
    )


def test_which_depends_on_what_they_show_alone(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", a=20, b=20)
    first = load(folder, validation=0.25)
    for path in sorted(folder.rglob("*.png")):
        path.rename(path.with_name(f"{hash(path.stem) % 97}-{path.name}"))
    save(folder, "b/new.png", photo(7))
    again = load(folder, validation=0.25)
    assert pictures(first.validation) <= pictures(again.validation)
    assert not pictures(again.validation) & pictures(again.train)


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


ALIKE: dict[str, Callable[[Image.Image], Image.Image]] = {
    "the same": lambda picture: picture,
    "saved again": lambda picture: jpeg(picture, 40),
    "half as large": lambda picture: picture.resize((32, 32)),
    "twice as large": lambda picture: picture.resize((128, 128)),
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.15),
    "darker": lambda picture: ImageEnhance.Brightness(picture).enhance(0.7),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.7),
    "grey": lambda picture: picture.convert("L").convert("RGB"),
    "blurred": lambda picture: picture.filter(ImageFilter.GaussianBlur(1)),
    "half a pixel on": lambda picture: picture.resize((64, 64), Image.Resampling.BILINEAR, (0.5, 0, 63.5, 64)),
    "with transparency": lambda picture: picture.convert("RGBA"),
    "of a palette": lambda picture: picture.quantize(256),
}


@pytest.mark.parametrize("how", ALIKE)
def test_nearly_the_same_picture_is_on_one_side(tmp_path: Path, how: str) -> None:
    """Twenty pictures, each with its near copy: every pair is held out together or not at all."""
    folder = tmp_path / "set"
    for number in range(20):
        save(folder, f"a/{number}.png", photo(number))
        save(folder, f"a/{number}-copy.png", ALIKE[how](photo(number)))
    splits = load(folder, validation=0.2, size=(64, 64))
    held = splits.validation
    assert held is not None
    assert len(held) == 8
    for image in held.images.astype(float).mean(axis=3):
        others = splits.train.images.astype(float).mean(axis=3)
        near = [np.corrcoef(image[2:-2, 2:-2].ravel(), other[2:-2, 2:-2].ravel())[0, 1] for other in others]
        assert max(near) < 0.95


def test_copies_in_an_archive_and_in_two_classes_are_on_one_side(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for number in range(10):
            buffer = io.BytesIO()
            photo(number).save(buffer, "PNG")
            for name in ("a/x", "a/y", "b/z"):
                archive.writestr(f"{name}{number}.png", buffer.getvalue())
    splits = load(tmp_path / "set.zip", validation=0.2)
    assert len(pictures(splits.validation)) == 2
    assert not pictures(splits.validation) & pictures(splits.train)


def test_a_class_that_shows_nearly_one_thing_is_held_out_by_exact_copies(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", other=10)
    for number in range(10):
        save(folder, f"film/{number}.jpg", photo(99), quality=50 + number)
    splits = load(folder, validation=0.2)
    assert counted(splits.validation) == {"film": 2, "other": 2}
    for number in range(4):
        save(folder, f"copies/{number}.png", photo(500))
    splits = load(folder, validation=0.2)
    assert counted(splits.validation) == {"film": 2, "other": 2}
    assert splits.held_out is not None
    assert splits.held_out.kept == {"copies": 4}
    assert "none of copies (4 images), too few pictures" in str(splits.held_out)


def test_images_of_one_colour_are_told_by_their_content(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / "set", f"{'ab'[number % 2]}/{number}.png", Image.new("L", (8, 8), number))
    splits = load(tmp_path / "set", validation=0.2)
    assert counted(splits.validation) == {"a": 2, "b": 2}


def test_what_cannot_be_read_is_not_held_out(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", a=9, b=9)
    for number in range(30):
        (folder / "a" / f"bad{number}.png").write_bytes(b"no image")
    splits = load(folder, validation="auto", bad_images="skip")
    assert counted(splits.validation) == {"a": 2, "b": 2}
    assert splits.held_out == HeldOut(0.2, 4, 18)
    assert len(splits.rejected) == 30


def test_parts_that_there_are_stay_as_they_are(tmp_path: Path) -> None:
    for part in ("train", "test"):
        photos(tmp_path / "tested" / part, a=10, b=10)
        photos(tmp_path / "valid" / part.replace("test", "val"), a=10, b=10)
    assert load(tmp_path / "tested", validation="auto").validation is None
    assert counted(load(tmp_path / "tested", validation="needed").validation) == {"a": 2, "b": 2}
    for wanted in ("auto", "needed", 0.5):
        own = load(tmp_path / "valid", validation=wanted)
        assert (len(own.train), own.held_out) == (20, None)
    assert load(tmp_path / "tested", validation=0).validation is None
    mnist = load("mnist", validation="auto")
    assert (len(mnist.train), mnist.validation) == (60_000, None)
    for wrong in (1, 1.0, -0.1, "most", True):
        with pytest.raises(ValueError, match="expected a share from 0 to below 1"):
            load(tmp_path / "tested", validation=wrong)  # type: ignore[arg-type]


def test_of_many_images_a_tenth() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (6000, 8, 8, 1), dtype=np.uint8)
    images[3000:] = images[:3000]  # each one twice, far apart
    splits = hold_out(Splits(Dataset(images, np.zeros(6000, np.int64), ("a",))), "auto")
    assert splits.validation is not None
    assert len(splits.validation) == 600
    assert len(pictures(splits.validation)) == 300
    assert not pictures(splits.validation) & pictures(splits.train)


def test_images_that_are_all_the_same_cannot_be_parted() -> None:
    images = np.zeros((50_000, 8, 8, 1), np.uint8)
    images[:, 2:5, 3:7] = 200
    images[1::2, 0, 0] = 1  # two contents, one picture
    splits = hold_out(Splits(Dataset(images, np.zeros(50_000, np.int64), ("a",))), 0.5)
    assert counted(splits.validation) == {"a": 25_000}
    images[1::2, 0, 0] = 0
    splits = hold_out(Splits(Dataset(images, np.zeros(50_000, np.int64), ("a",))), 0.5)
    assert splits.validation is None
    assert str(splits.held_out) == "no image of 50,000 can be held out for validation: all are copies of one, or nearly"


def test_a_memory_map_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 255, (200, 8, 8, 1), dtype=np.uint8)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "labels.npy", np.arange(200) % 2)
    monkeypatch.setattr("hubel.data._split.IN_MEMORY", 1000)
    splits = hold_out(load(tmp_path / "images.npy"), "auto")
    assert splits.validation is not None
    assert all(isinstance(part.images, np.memmap) for part in (splits.train, splits.validation))
    assert pictures(splits.train) | pictures(splits.validation) == {image.tobytes() for image in images}
    assert not pictures(splits.train) & pictures(splits.validation)


def test_data_says_what_training_does(tmp_path: Path) -> None:
    folder = photos(tmp_path / "set", many=30, one=1)
    save(folder, "many/again.jpg", photo(0), quality=60)
    described, trained = describe(folder), load(folder, validation="auto").held_out
    assert described.held_out == trained
    assert described.notes[-1] == f"in training, {trained}"
    assert described.to_dict()["held_out"] == dataclasses.asdict(trained) if trained else None
    np.savez(tmp_path / "set.npz", x=load(folder).train.images, y=load(folder).train.labels)
    assert describe(tmp_path / "set.npz").held_out == load(tmp_path / "set.npz", validation="auto").held_out
    assert describe("mnist").held_out is None
