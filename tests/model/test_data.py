"""Pictures from folders, words as labels, and numbers that are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hubel.model as keras
from hubel.model import layers
from hubel.model.callbacks import CSVLogger, TerminateOnNaN
from hubel.model.data import AUTOTUNE, Dataset
from tests.model.small import compiled, network, pictures

X, Y = pictures()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, shade in (("cats", 40), ("dogs", 200)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(10):
            Image.new("RGB", (9 + number % 2, 8), (shade + number,) * 3).save(
                tmp_path / "photos" / name / f"{number}.png"
            )
    return tmp_path / "photos"


def test_folders_are_cut_in_two_and_train(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keras.utils.set_random_seed(0)
    common: dict[str, Any] = {"validation_split": 0.2, "seed": 3, "image_size": (8, 8), "batch_size": 5}
    train, held = keras.utils.image_dataset_from_directory(folder, subset="both", **common)
    assert "Found 20 files belonging to 2 classes." in capsys.readouterr().out
    assert train.class_names == ["cats", "dogs"]
    assert len(train.file_paths) == 16
    assert not set(train.file_paths) & set(held.file_paths)
    again = keras.utils.image_dataset_from_directory(folder, subset="validation", **common)
    assert sorted(again.file_paths) == sorted(held.file_paths)
    for images, labels in train.take(1):
        assert images.shape == (5, 8, 8, 3)
        shades = images[:, 0, 0, 0]
        assert [int(label) for label in labels] == [int(shade > 100) for shade in shades]
        assert images[0].numpy().astype("uint8").dtype == np.uint8
    augment = layers.RandomFlip()
    ready = train.map(lambda x, y: (augment(x), y), num_parallel_calls=AUTOTUNE).cache().prefetch(AUTOTUNE)
    model = keras.Sequential(
        [layers.Rescaling(1 / 255, input_shape=(8, 8, 3)), layers.Flatten(), layers.Dense(2, activation="softmax")]
    )
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(ready, epochs=20, validation_data=held, verbose=0).history
    assert history["val_accuracy"][-1] == 1
    one_hot = keras.utils.image_dataset_from_directory(
        folder, label_mode="categorical", image_size=(8, 8), verbose=False
    )
    assert next(iter(one_hot))[1].shape == (20, 2)
    for settings, said in (
        ({"subset": "training", "validation_split": 0.2}, "expected a seed"),
        ({"class_names": ["cats", "cows"]}, "cats, dogs, received cats, cows"),
        ({"label_mode": "words"}, "label_mode of int"),
    ):
        with pytest.raises(ValueError, match=said):
            keras.utils.image_dataset_from_directory(folder, **settings)


def test_data_sets_go_on_as_tensorflow_s() -> None:
    data = Dataset.from_tensor_slices((np.arange(10), np.arange(10) * 2))
    assert [len(a) for a, _ in data.batch(4)] == [4, 4, 2]
    assert len(data.batch(4, drop_remainder=True)) == 2
    assert sorted(int(a) for a, _ in data.shuffle(10, seed=1)) == list(range(10))
    assert [int(a) for a, _ in data.skip(2).take(3)] == [2, 3, 4]
    assert len(list(data.repeat(2))) == 20
    assert [int(b) for _, b in data.filter(lambda a, b: a % 2 == 0)] == [0, 4, 8, 12, 16]
    assert [int(a) for a, _ in data.batch(4).unbatch()] == list(range(10))
    assert data.batch(4).cardinality() == 3
    with pytest.raises(ValueError, match=r"one shape in a batch.*Resizing"):
        list(Dataset.from_generator(lambda: iter([np.zeros((2, 2)), np.zeros((3, 2))])).batch(2))


@pytest.mark.filterwarnings("ignore:.* no file of pictures has these")
def test_words_are_labels_and_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = np.array(["ant", "bee", "cow"])[Y]
    one, other = compiled(), compiled()
    expected = one.fit(X, Y, epochs=2, shuffle=False, verbose=0).history
    found = other.fit(X, words, epochs=2, shuffle=False, verbose=0, validation_data=(X, list(words))).history
    assert "classes: 0 ant, 1 bee, 2 cow" in capsys.readouterr().out
    assert found["loss"] == expected["loss"]
    assert keras.models.load_model(other.save(tmp_path / "model.safetensors")).classes == ("ant", "bee", "cow")
    with pytest.raises(ValueError, match="labels of ant, bee, cow, received 'dog'"):
        other.evaluate(X[:1], ["dog"])


def test_numbers_that_are_none_are_named() -> None:
    x, y = X.copy(), Y.astype(np.float32)
    x[4, 2, 1, 0], x[7, 0, 0, 1] = np.nan, np.inf
    with pytest.raises(ValueError, match=r"2 that are not, in 2 of 30 examples: x\[4, 2, 1, 0\] is NaN"):
        compiled().fit(x, Y, verbose=0)
    y[9] = np.nan
    model = network(1, "linear")
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"in y, received 1 .* y\[9\] is NaN"):
        model.fit(X, y, verbose=0)
    with pytest.raises(ValueError, match="one array, received 2 of different shapes"):
        compiled().fit([np.zeros((2, 3)), np.zeros((3, 3))], Y)


def test_a_loss_that_is_no_number_ends_training_where_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    model = network(activation="linear")
    model.compile(keras.optimizers.SGD(1e30), "mse")
    model.fit(X, keras.to_categorical(Y, 3), epochs=5, batch_size=8, verbose=0, callbacks=[TerminateOnNaN()])
    assert "training stops" in capsys.readouterr().out


def test_figures_go_into_a_table(tmp_path: Path) -> None:
    for append in (False, True):
        logger = CSVLogger(tmp_path / "log.csv", append=append)
        compiled().fit(X, Y, epochs=2, verbose=0, callbacks=[logger], validation_data=(X, Y), validation_freq=2)
    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert rows[0] == "epoch,accuracy,loss,val_accuracy,val_loss"
    assert [row.split(",")[0] for row in rows[1:]] == ["0", "1", "0", "1"]
    assert rows[1].endswith("NA,NA")
    assert float(rows[2].split(",")[4]) > 0


@pytest.mark.peers
def test_curves_go_to_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    compiled().fit(
        X, Y, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[keras.callbacks.TensorBoard(tmp_path / "logs")]
    )
    for part in ("train", "validation"):
        found = EventAccumulator(str(tmp_path / "logs" / part))
        found.Reload()
        assert [event.step for event in found.Scalars("epoch_loss")] == [0, 1]
