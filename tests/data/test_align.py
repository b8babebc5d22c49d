"""Sets measured in the classes of a model."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.data import Dataset, Preprocessing, align, load

MODEL = ("cat", "dog", "horse")


def labelled(*names: str) -> Dataset:
    """Two images of each of these classes, of one level each."""
    labels = np.repeat(np.arange(len(names)), 2)
    images = np.repeat(np.arange(2 * len(names), dtype=np.uint8), 16).reshape(-1, 4, 4, 1)
    return Dataset(images, labels, names, "some")


CASES: dict[str, tuple[tuple[str, ...], list[str], list[str]]] = {
    "the same": (MODEL, ["cat", "cat", "dog", "dog", "horse", "horse"], []),
    "another order": (("horse", "cat", "dog"), ["horse", "horse", "cat", "cat", "dog", "dog"], []),
    "one lacks": (("cat", "horse"), ["cat", "cat", "horse", "horse"], ["no image of dog"]),
    "one more": (
        ("cat", "dog", "fox", "horse"),
        ["cat", "cat", "dog", "dog", "horse", "horse"],
        ["left out: images of classes that are not among those of the model, fox (2)"],
    ),
    "other case": (
        ("Cat", "DOG", "horse"),
        ["cat", "cat", "dog", "dog", "horse", "horse"],
        ["classes in another spelling: Cat is cat, DOG is dog"],
    ),
    "spaces": ((" cat", "dog ", "horse"), ["cat", "cat", "dog", "dog", "horse", "horse"], ["classes in another"]),
    "another way to write accents": (
        ("cat", "dog", "horse\u0301"),
        ["cat", "cat", "dog", "dog"],
        ["left out", "no image of"],
    ),
    "two spellings": (("Cat", "cat"), ["cat", "cat", "cat", "cat"], ["classes in another", "no image of dog, horse"]),
    "numbers": (
        ("0", "2"),
        ["cat", "cat", "horse", "horse"],
        ["classes by their numbers: 0 is cat, 2 is horse", "no image of dog"],
    ),
    "all at once": (
        ("CAT", "fox"),
        ["cat", "cat"],
        ["classes in another", "left out: images of classes", "no image of dog, horse"],
    ),
}


@pytest.mark.parametrize("how", CASES)
def test_what_can_be_measured_is(how: str) -> None:
    names, expected, notes = CASES[how]
    dataset = labelled(*names)
    aligned, said = align(dataset, MODEL)
    assert aligned.classes == MODEL
    assert [MODEL[label] for label in aligned.labels] == expected
    assert len(said) == len(notes)
    for note, words in zip(said, notes, strict=True):
        assert note.startswith(words)
    for image, label in zip(aligned.images, aligned.labels, strict=True):
        name = names[int(image[0, 0, 0]) // 2].strip().casefold()
        assert name in (MODEL[label], str(label))


def test_classes_that_differ_in_case_alone_stay_apart() -> None:
    with pytest.raises(ValueError, match=r"some: expected images of the classes a, A, received Á"):
        align(labelled("Á"), ("a", "A"))
    aligned, said = align(labelled("cafe\u0301"), ("tea", "caf\u00e9"))
    assert aligned.labels.tolist() == [1, 1]
    aligned, said = align(labelled("A"), ("a", "A"))
    assert (aligned.labels.tolist(), said) == ([1, 1], ("no image of a",))


def save(folder: Path, path: str, picture: Image.Image) -> None:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    picture.save(folder / path)


def test_images_are_brought_to_a_model_as_in_prediction(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    digits = load("mnist").train
    rule = Preprocessing.for_dataset(digits.take(np.arange(2000)))
    for number in range(6):
        drawn = Image.fromarray(255 - digits.images[number, ..., 0]).resize((90, 70))
        save(tmp_path / "set", f"{digits.labels[number]}/{number}.png", drawn)
    loaded = load(tmp_path / "set", like=rule)
    files = sorted((tmp_path / "set").rglob("*.png"))
    assert {image.tobytes() for image in loaded.train.images} == {rule.prepare(file).tobytes() for file in files}
    for number in range(4):
        save(
            tmp_path / "photos",
            f"{'ab'[number % 2]}/{number}.png",
            Image.fromarray(rng.integers(0, 255, (20, 60, 3), np.uint8)),
        )
    stretched = Preprocessing(16, 16, 1, (0.5,), (0.2,), fit="stretch")
    photos = load(tmp_path / "photos", like=stretched).train
    assert photos.images[0].tobytes() == stretched.prepare(tmp_path / "photos" / "a" / "0.png").tobytes()


def test_a_folder_with_the_name_of_a_built_in_set_is_meant_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(load("mnist").train) == 60_000
    Path("mnist").mkdir()
    with pytest.raises(ValueError, match=r"found none; mnist is a file or folder here; .* is builtin:mnist"):
        load("mnist")
    save(tmp_path, "mnist/a/0.png", Image.new("L", (8, 8)))
    save(tmp_path, "mnist/b/1.png", Image.new("L", (8, 8), 9))
    splits = load("mnist")
    assert len(splits.train) == 2
    assert splits.notes[0] == "mnist is a file or folder here; the set of that name that hubel knows is builtin:mnist"
    assert len(load("builtin:mnist").train) == 60_000


def test_without_a_place_to_keep_anything_images_are_read_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        save(tmp_path / "set", f"{'ab'[number % 2]}/{number}.png", Image.new("L", (8, 8), number))
    monkeypatch.setattr("hubel.data._load.NOT_KEPT", 0)
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "file" / "cache"))
    splits = load(tmp_path / "set", validation="auto")
    assert (len(splits.train), len(splits.validation or ())) == (4, 2)
    (note,) = splits.notes
    assert "nothing can be kept there" in note
    assert "HUBEL_CACHE=FOLDER" in note
    assert sorted(os.listdir(tmp_path)) == ["file", "set"]


def test_images_say_where_they_came_from(tmp_path: Path) -> None:
    for number in range(12):
        save(tmp_path / "set", f"{'ab'[number % 2]}/{number}.png", Image.new("L", (8, 8), 20 * number))
    (tmp_path / "set" / "a" / "bad.png").write_bytes(b"nothing")
    splits = load(tmp_path / "set", validation=0.25, bad_images="skip")
    assert splits.validation is not None
    for part in (
        splits.train,
        splits.validation,
        splits.train.take(np.array([3, 1])),
        align(splits.train, ("b", "x"))[0],
    ):
        assert len(part.paths) == len(part)
        for image, path, label in zip(part.images, part.paths, part.labels, strict=True):
            with Image.open(path) as picture:
                assert image[0, 0, 0] == picture.getpixel((0, 0))
            assert Path(path).parent.name == part.classes[label]
    assert load("mnist").train.paths == ()
    with pytest.raises(ValueError, match="expected 4 paths, one an image, received 1"):
        Dataset(np.zeros((4, 2, 2, 1), np.uint8), np.zeros(4, np.int64), ("a",), paths=["x"])
