"""Files that Keras wrote: opened with their weights, or refused as what they are."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hubel.model as hubel
from hubel.tasks import ModelFileError


def test_files_of_keras_s_are_told_from_others_and_refused_where_they_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("config.json", "{}")
    said = "cannot be read" if importlib.util.find_spec("h5py") else r"pip install \"hubel\[keras\]\""
    with pytest.raises(ModelFileError, match=said):
        hubel.models.load_model(path)


@pytest.mark.peers
@pytest.mark.parametrize("way", ["soft", "external", "virtual", "raw"])
def test_links_to_other_files_are_not_followed(tmp_path: Path, way: str) -> None:
    import h5py

    (tmp_path / "secret").write_bytes(bytes(64))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["0"] = np.zeros(4, np.float32)
    layout = h5py.VirtualLayout((4,), np.float32)
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "0", (4,))
    with h5py.File(tmp_path / "model.weights.h5", "w") as file:
        group = file.create_group("layers/dense/vars")
        group["0"] = np.zeros((3, 4), np.float32)
        if way == "soft":
            group["1"] = h5py.SoftLink("/layers/dense/vars/0")
        elif way == "external":
            group["1"] = h5py.ExternalLink("other.h5", "0")
        elif way == "virtual":
            group.create_virtual_dataset("1", layout)
        else:
            group.create_dataset("1", (4,), np.float32, external=[(str(tmp_path / "secret"), 0, 16)])
    model = hubel.Sequential([hubel.Input((3,)), hubel.layers.Dense(4)])
    with pytest.raises(ModelFileError, match=r"1 (is a link, which is not followed|lies in another file)"):
        model.load_weights(tmp_path / "model.weights.h5")


def chain(layers: Any) -> list[Any]:
    return [
        layers.Rescaling(1 / 255),
        layers.Conv2D(4, 3, padding="same", activation="swish", kernel_regularizer="l2"),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.SeparableConv2D(5, 3),
        layers.Flatten(),
        layers.BatchNormalization(),
        layers.Dropout(0.2),
        layers.Dense(3, activation="softmax"),
    ]


def sequence(layers: Any) -> list[Any]:
    return [
        layers.Embedding(20, 6),
        layers.Conv1D(5, 3, padding="causal"),
        layers.LSTM(4, return_sequences=True),
        layers.GRU(3, return_sequences=True),
        layers.Bidirectional(layers.LSTM(3)),
        layers.Dense(2),
    ]


def branches(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3, padding="same")], name="inner")
    x = inner(layers.RandomFlip("horizontal")(inputs))
    x = layers.Add()([x, layers.BatchNormalization()(x)])
    x = layers.Concatenate()([x, layers.DepthwiseConv2D(3, padding="same")(x)])
    gate = layers.Reshape((1, 1, 8))(layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D()(x)))
    x = layers.Multiply()([x, gate])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
def test_a_reshape_that_would_meet_other_numbers_is_refused(tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    layers = keras.layers
    path = tmp_path / "maker.keras"
    for places, channels, right in ((4, 3, False), (4, 1, True), (1, 12, True)):
        own = [
            layers.Dense(places * places * channels),
            layers.Reshape((places, places, channels)),
            layers.Conv2D(2, 1),
        ]
        keras.Sequential([keras.Input((5,)), *own]).save(path)
        if right:
            assert hubel.models.load_model(path).output_shape == (None, places, places, 2)
        else:
            with pytest.raises(ModelFileError, match="Keras fills place after place"):
                hubel.models.load_model(path)


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("kind", ["chain", "sequence", "branches"])
def test_models_that_keras_wrote_give_the_same_outputs(kind: str, ending: str, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    shape = (7,) if kind == "sequence" else (8, 8, 3)
    if kind == "branches":
        model = branches(keras)
    else:
        own = chain(keras.layers) if kind == "chain" else sequence(keras.layers)
        model = keras.Sequential([keras.Input(shape), *own])
    rng = np.random.default_rng(0)
    model.set_weights([np.abs(rng.normal(size=w.shape)) * 0.2 + 0.01 for w in model.get_weights()])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.5), "categorical_crossentropy", metrics=["accuracy"])
    x = rng.integers(0, 20, (3, *shape)).astype("float32")
    path = tmp_path / f"model.{ending}"
    model.save(path)
    found = hubel.models.load_model(path)
    assert found.predict(x) == pytest.approx(model.predict(x, verbose=0), abs=1e-5)
    assert found.optimizer.get_config()["momentum"] == 0.5
    model.save_weights(tmp_path / "only.weights.h5")
    again = type(found).from_config(found.get_config())
    again.build((None, *shape))
    again.load_weights(tmp_path / "only.weights.h5")
    assert again.predict(x) == pytest.approx(found.predict(x), abs=1e-6)
    with pytest.raises(ModelFileError, match="weights alone"):
        hubel.models.load_model(tmp_path / "only.weights.h5")
