"""Models trained on pictures of folders: their files say how pictures are prepared, and what classes are called."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hubel
import hubel.model as keras
from hubel.model import layers


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name, light in (("cats", 120), ("dogs", 0)):
        (folder / name).mkdir()
        for number in range(8):
            pixels = (random.integers(0, 120, (16, 24, 3)) + light).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def model_of(*first: layers.Layer, outputs: int = 2, end: str = "softmax") -> keras.Sequential:
    keras.utils.set_random_seed(0)
    last = [layers.Flatten(), layers.Dense(outputs, activation=end)]
    model = keras.Sequential([keras.Input((12, 12, 3)), *first, layers.Conv2D(2, 3, activation="relu"), *last])
    model.compile("adam", "sparse_categorical_crossentropy" if outputs > 1 else "binary_crossentropy")
    return model


@pytest.mark.parametrize("crop", [False, True])
@pytest.mark.parametrize(("scale", "offset"), [(1.0, 0.0), (1 / 255, 0.0), (1 / 127.5, -1.0)])
def test_predict_prepares_pictures_as_the_data_set_did(
    photos: Path, tmp_path: Path, crop: bool, scale: float, offset: float, capsys: pytest.CaptureFixture[str]
) -> None:
    data = keras.utils.image_dataset_from_directory(photos, image_size=(12, 12), crop_to_aspect_ratio=crop, seed=1)
    pixels = scale == 1
    first = [layers.Rescaling(1 / 255)] if pixels else []
    model, given = model_of(*first), data if pixels else data.map(lambda x, y: (x * scale + offset, y)).cache()
    model.fit(given, verbose=0)
    assert "classes: 0 cats, 1 dogs" in capsys.readouterr().out
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.save(tmp_path / "model.safetensors")
    opened = hubel.load_model(tmp_path / "model.safetensors")
    assert opened.classes == ("cats", "dogs")
    found = opened.preprocessing
    assert (found.fit, found.mean[0], 1 / found.std[0]) == ("crop" if crop else "stretch", -offset / 2, 255 * scale)
    picture = Image.open(photos / "dogs" / "3.png").resize((12, 12), Image.Resampling.BILINEAR)
    wanted = model.predict((np.asarray(picture, np.float32) * scale + offset)[None])[0]
    said = opened.predict(picture, top=2)
    assert [said.data()["top"][name]["probability"] for name in (0, 1)] == pytest.approx(sorted(wanted)[::-1], abs=1e-5)


def test_numbers_that_no_pixels_have_are_said_in_saving(photos: Path, tmp_path: Path) -> None:
    data = keras.utils.image_dataset_from_directory(photos, image_size=(12, 12), seed=1, verbose=False)
    model = model_of()
    model.fit(data.map(lambda x, y: ((x - 120) / 40, y)), verbose=0)
    with pytest.warns(UserWarning, match=r"was trained on numbers from -\S+ to \S+, and no file of pictures has these"):
        model.save(tmp_path / "model.safetensors")


def test_names_of_classes_that_outputs_do_not_have_are_said_to_be_left_out(photos: Path, tmp_path: Path) -> None:
    data = keras.utils.image_dataset_from_directory(
        photos, image_size=(12, 12), label_mode="binary", seed=1, verbose=False
    )
    model = model_of(layers.Rescaling(1 / 255), outputs=1, end="sigmoid")
    model.fit(data, verbose=0)
    with pytest.warns(
        UserWarning, match=r"names of classes \(cats, dogs\) are not kept, since the network has 1 output$"
    ):
        model.save(tmp_path / "model.safetensors")
