"""Files of arrays: which are images, which are labels, and of which part."""

from pathlib import Path

import numpy as np
import pytest

from hubel.data import load
from tests.data.sources.tables import numbers

ARRAYS = {
    "x_valid": ("x_train", "y_train", "x_valid", "y_valid", "validation"),
    "x_dev": ("x_train", "y_train", "x_dev", "y_dev", "validation"),
    "X_val": ("X_train", "Y_train", "X_val", "Y_val", "validation"),
    "dev_images": ("train_images", "train_labels", "dev_images", "dev_labels", "validation"),
    "images_test": ("images", "labels", "images_test", "labels_test", "test"),
    "xtest": ("xtrain", "ytrain", "xtest", "ytest", "test"),
    "test_x": ("train_x", "train_y", "test_x", "test_y", "test"),
    "testData": ("trainData", "trainTarget", "testData", "testTarget", "test"),
    "holdout": ("data", "target", "data_holdout", "target_holdout", "validation"),
    "X_te": ("X_tr", "y_tr", "X_te", "y_te", "test"),
    "xte": ("xtr", "ytr", "xte", "yte", "test"),
    "ts_y": ("tr_x", "tr_y", "ts_x", "ts_y", "test"),
    "X_va": ("X_tr", "Y_tr", "X_va", "Y_va", "validation"),
    "test_set_x": ("train_set_x", "train_set_y", "test_set_x", "test_set_y", "test"),
}


@pytest.mark.parametrize("how", ARRAYS)
def test_parts_of_arrays_are_known_by_their_words(tmp_path: Path, how: str) -> None:
    x, y, other_x, other_y, part = ARRAYS[how]
    images = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
    kinds = np.arange(6) % 2
    arrays = {x: images, y: kinds, other_x: images[:2], other_y: kinds[:2], "mean": np.zeros(3)}
    np.savez(tmp_path / "set.npz", **arrays)
    splits = load(tmp_path / "set.npz")
    assert {name: len(own) for name, own in splits.parts().items()} == {"train": 6, part: 2}
    assert splits.notes[1] == "not used: mean"


def test_an_array_without_its_labels_is_not_passed_over(tmp_path: Path) -> None:
    images = np.zeros((6, 4, 4), np.uint8)
    path = tmp_path / "set.npz"
    np.savez(path, x_train=images, y_train=np.zeros(6, int), x_dev=images[:4])
    assert load(path).notes == ("left out: x_dev, 4 images of the validation part without labels",)
    np.savez(path, x_train=images)
    with pytest.raises(ValueError, match="x_train is the images of train, and their labels are missing"):
        load(path)


ROWS: dict[str, tuple[np.ndarray, tuple[list[int], list[int], list[int]]]] = {
    "split": (np.array(["train"] * 4 + ["val", "test"]), ([0, 1, 2, 3], [4], [5])),
    "is_valid": (np.arange(6) > 3, ([0, 1, 2, 3], [4, 5], [])),
    "fold": (np.array([2, 2, 3, 3, 1, 1]), ([0, 1, 2, 3], [4, 5], [])),
}


@pytest.mark.parametrize("name", ROWS)
def test_an_array_may_say_the_part_of_each_image(tmp_path: Path, name: str) -> None:
    values, expected = ROWS[name]
    images = np.arange(6, dtype=np.uint8)[:, None, None] * np.full((1, 4, 4), 10, np.uint8)
    path = tmp_path / "set.npz"
    np.savez(path, images=images, labels=np.arange(6) % 2, class_names=np.array(["a", "b"]), **{name: values})
    splits = load(path)
    assert (numbers(splits.train), numbers(splits.validation), numbers(splits.test)) == expected
    assert splits.train.classes == ("a", "b")
    assert name in splits.notes[0]
    assert numbers(load(path, parts="none").train) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("nothing", ["", "nan", float("nan")])
def test_images_without_a_label_are_left_out_of_arrays(tmp_path: Path, nothing: object) -> None:
    labels = np.array([nothing, "1", "0"] if isinstance(nothing, str) else [nothing, 1, 0])
    np.savez(tmp_path / "set.npz", images=np.zeros((3, 4, 4), np.uint8), labels=labels)
    splits = load(tmp_path / "set.npz")
    assert (splits.train.classes, splits.train.labels.tolist()) == (("0", "1"), [1, 0])
    assert splits.notes == ("left out: 1 image without a label",)
