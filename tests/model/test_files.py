"""Weights in and out, and models in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import hubel
import hubel.model as keras
from hubel.tasks import ModelFileError
from tests.model.small import compiled, network, pictures, weights

X, Y = pictures()


def test_a_program_written_for_keras_runs_after_one_line_is_changed(tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    (x, y), _ = keras.datasets.mnist.load_data()
    x = x[:2000, ..., None].astype("float32") / 255
    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            keras.layers.Conv2D(8, kernel_size=(5, 5), strides=(2, 2), activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.1),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(),
        optimizer=keras.optimizers.Adam(learning_rate=0.01),
        metrics=["accuracy"],
    )
    callbacks = [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "best.keras"), monitor="val_accuracy", save_best_only=True),
    ]
    history = model.fit(x, y[:2000], batch_size=64, epochs=4, validation_split=0.1, callbacks=callbacks, verbose=0)
    best = keras.models.load_model(tmp_path / "best.keras")
    _, accuracy = best.evaluate(x[1800:], y[1800:2000])
    assert accuracy == pytest.approx(max(history.history["val_accuracy"]))
    assert accuracy > 0.85


def test_what_is_saved_is_a_network_whatever_its_name_ends_in(tmp_path: Path) -> None:
    model = network()
    for ending in ("keras", "h5", "safetensors", "model"):
        assert str(hubel.network(model.save(tmp_path / f"model.{ending}"))) == str(model.network)
    (tmp_path / "theirs.keras").write_bytes(b"PK\3\4\xff\xfe")
    with pytest.raises(ValueError, match=r"theirs\.keras: is Keras.s own, which hubel\.model\.load_model opens"):
        hubel.network(tmp_path / "theirs.keras")


def test_saved_and_loaded_it_is_compiled_as_it_was(tmp_path: Path) -> None:
    model = network()
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(keras.optimizers.SGD(0.3, momentum=0.5), loss, ["accuracy", "mae"])
    again = keras.load_model(model.save(tmp_path / "model.keras"))
    assert again.optimizer.get_config() == {"learning_rate": 0.3, "momentum": 0.5, "nesterov": False}
    assert again.evaluate(X, Y) == model.evaluate(X, Y)
    for each in (model, again):
        each.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))
    bare = network()
    bare.save(tmp_path / "bare.keras")
    with pytest.raises(ValueError, match="expected compile"):
        keras.load_model(tmp_path / "bare.keras").evaluate(X, Y)


def test_weights_are_in_keras_s_axes() -> None:
    given, model = weights(3), network()
    assert all(np.array_equal(a, b) for a, b in zip(given, model.get_weights(), strict=True))
    kernel, image = given[0], X[0]
    by_hand = (image[:3, :3, :, None] * kernel).sum((0, 1, 2)) + given[1]
    maps = next(model.module.children())(torch.from_numpy(X[:1]).permute(0, 3, 1, 2))
    assert maps[0, :, 0, 0].detach().numpy() == pytest.approx(by_hand, abs=1e-5)
    with pytest.raises(ValueError, match=r"weights\[2\] of shape \(24, 3\), received \(3, 24\)"):
        model.set_weights([given[0], given[1], given[2].T, given[3]])
    with pytest.raises(ValueError, match="4 arrays of weights, received 3"):
        model.set_weights(given[:3])
    assert model.count_params() == 4 * 19 + 3 * 25


@pytest.mark.parametrize("multiplier", [1, 2])
def test_depthwise_kernels_go_out_and_in(multiplier: int) -> None:
    layers = [keras.layers.DepthwiseConv2D(3, depth_multiplier=multiplier), keras.layers.BatchNormalization()]
    one, other = (keras.Sequential([keras.Input((8, 8, 3)), *layers]) for _ in range(2))
    kernel = one.get_weights()[0]
    assert kernel.shape == (3, 3, 3, multiplier)
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype(np.float32)
    other.set_weights(one.get_weights())
    assert np.array_equal(one.predict(x), other.predict(x))
    by_hand = (x[0, :3, :3, :, None] * kernel).sum((0, 1)).reshape(-1)  # channel by channel, its filters together
    maps = next(one.module.children())(torch.from_numpy(x).permute(0, 3, 1, 2))
    assert maps[0, :, 0, 0].detach().numpy() == pytest.approx(by_hand, abs=1e-5)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    compiled().save_weights(tmp_path / "small.weights.h5")
    with pytest.raises(ModelFileError, match="expected the weights of"):
        network(1, "sigmoid").load_weights(tmp_path / "small.weights.h5")
