"""`ImageDataGenerator`: pictures change as Keras's do, and what they are of stays beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import hubel
import hubel.model as keras
from hubel.model.preprocessing.image import ImageDataGenerator

X = np.random.default_rng(0).uniform(0, 255, (12, 9, 11, 3)).astype(np.float32)
Y = np.arange(12) % 3


@pytest.mark.parametrize("fill", ["nearest", "constant", "reflect"])
@pytest.mark.parametrize(
    "moves",
    [
        {"rotation_range": 40},
        {"width_shift_range": 0.3, "height_shift_range": 3},
        {"shear_range": 25.0},
        {"zoom_range": (0.6, 1.4)},
        {"rotation_range": 20, "shear_range": 10.0, "zoom_range": 0.3, "width_shift_range": [1, 2]},
    ],
    ids=str,
)
def test_moves_are_those_of_scipy_on_which_keras_builds(moves: dict[str, object], fill: str) -> None:
    generator = ImageDataGenerator(fill_mode=fill, cval=7.0, **moves)
    matrix = generator._moves((9, 11), np.random.default_rng(5))
    assert np.abs(matrix - np.eye(3)).max() > 0.1
    wanted = [
        ndimage.affine_transform(X[0, ..., band], matrix[:2, :2], matrix[:2, 2], order=1, mode=fill, cval=7.0)
        for band in range(3)
    ]
    found = generator.random_transform(X[0], np.random.default_rng(5))
    assert found == pytest.approx(np.stack(wanted, -1), abs=0.01)


def test_mirrors_light_and_channels_change_by_chance_and_by_seed_alike() -> None:
    generator = ImageDataGenerator(horizontal_flip=True, vertical_flip=True)
    seen = {generator.random_transform(X[0], seed).tobytes() for seed in range(40)}
    turned = (X[0], X[0][:, ::-1], X[0][::-1], X[0][::-1, ::-1])
    assert seen == {np.ascontiguousarray(each).tobytes() for each in turned}
    lighter = ImageDataGenerator(brightness_range=(1.5, 1.5)).random_transform(X[0])
    assert lighter == pytest.approx((X[0] * 1.5).clip(0, 255))
    shifted = ImageDataGenerator(channel_shift_range=30.0).random_transform(X[0], 1)
    inside = (shifted > X[0].min()) & (shifted < X[0].max())
    assert np.ptp((shifted - X[0])[inside]) < 1e-3
    flows = [ImageDataGenerator(rotation_range=30).flow(X, Y, 5, seed=3) for _ in range(2)]
    for number in range(len(flows[0])):
        one, other = flows[0][number], flows[1][number]
        assert (one[0] == other[0]).all()
        assert (one[1] == other[1]).all()


def test_numbers_are_prepared_as_they_say() -> None:
    each = ImageDataGenerator(rescale=1 / 255, samplewise_center=True, samplewise_std_normalization=True)
    found = next(each.flow(X, batch_size=12, shuffle=False))
    assert found.mean((1, 2, 3)) == pytest.approx(np.zeros(12), abs=1e-5)
    assert found.std((1, 2, 3)) == pytest.approx(np.ones(12), abs=1e-4)
    all_of_them = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    with pytest.raises(ValueError, match=r"expected fit\(x\) before"):
        next(all_of_them.flow(X))
    all_of_them.fit(X)
    assert all_of_them.standardize(X).mean((0, 1, 2)) == pytest.approx(np.zeros(3), abs=1e-4)
    with pytest.raises(ValueError, match="expected fill_mode of nearest, constant, reflect, received 'wrap'"):
        ImageDataGenerator(fill_mode="wrap")
    with pytest.raises(ValueError, match="expected no zca_whitening"):
        ImageDataGenerator(zca_whitening=True)


def test_parts_are_those_of_keras_and_batches_come_for_ever() -> None:
    generator = ImageDataGenerator(validation_split=0.25)
    part = {name: generator.flow(X, Y, 4, shuffle=False, subset=name) for name in ("training", "validation")}
    assert next(part["validation"])[1].tolist() == [0, 1, 2]
    assert [part["training"][number][1].tolist() for number in range(3)] == [[0, 1, 2, 0], [1, 2, 0, 1], [2]]
    sizes = [len(pictures) for (pictures, _), _ in zip(part["training"], range(4), strict=False)]
    assert sizes == [4, 4, 1, 4]
    with pytest.raises(IndexError):
        part["training"][3]
    with pytest.raises(ValueError, match="of a generator with validation_split"):
        ImageDataGenerator().flow(X, Y, subset="training")


def test_an_old_program_trains_on_a_folder_and_keeps_its_classes(tmp_path: Path) -> None:
    for number, image in enumerate(X):
        path = tmp_path / "photos" / "abc"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.astype(np.uint8)).save(path)
    generator = ImageDataGenerator(rescale=1 / 255, horizontal_flip=True, validation_split=0.25)
    data = {
        part: generator.flow_from_directory(tmp_path / "photos", (8, 8), batch_size=4, subset=part)
        for part in ("training", "validation")
    }
    assert (data["training"].samples, data["training"].class_indices) == (9, {"a": 0, "b": 1, "c": 2})
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    )
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    found = model.fit(data["training"], epochs=2, validation_data=data["validation"], verbose=0).history
    assert len(found["val_accuracy"]) == 2
    model.save(tmp_path / "model.safetensors")
    opened = hubel.load_model(tmp_path / "model.safetensors")
    assert (opened.classes, opened.preprocessing.fit, opened.preprocessing.std) == (
        ("a", "b", "c"),
        "stretch",
        (1.0,) * 3,
    )
