"""The Keras-style face: the course's own program, and what its users do next."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hubel.model as keras
from hubel.arch import ShapeError
from hubel.model import Activation, Conv2D, Dense, Flatten, Input, MaxPooling2D, Sequential, mnist, to_categorical

(X, Y), (X_TEST, Y_TEST) = mnist.load_data()


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def vectors(images: np.ndarray, count: int) -> np.ndarray:
    return images[:count].reshape(count, 784) / 255.0


def test_the_courses_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    x, x_test = vectors(X, 6000), vectors(X_TEST, 1000)
    y, y_test = to_categorical(Y[:6000], 10), to_categorical(Y_TEST[:1000], 10)
    model = Sequential()
    model.add(Dense(10, input_shape=(784,)))
    model.add(Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["acc"])
    history = model.fit(x, y, batch_size=128, epochs=10, verbose=1, validation_data=(x_test, y_test))
    assert list(history.history) == ["loss", "acc", "val_loss", "val_acc"]
    assert history.epoch == list(range(10))
    assert history.history["loss"] == sorted(history.history["loss"], reverse=True)
    assert "Epoch 10/10" in capsys.readouterr().out
    loss, accuracy = model.evaluate(x_test, y_test)
    assert accuracy > 0.85
    assert loss == pytest.approx(history.history["val_loss"][-1])
    probabilities = model.predict(x_test)
    assert probabilities.shape == (1000, 10)
    assert probabilities.sum(1) == pytest.approx(np.ones(1000), abs=1e-5)
    assert (probabilities.argmax(1) == Y_TEST[:1000]).mean() == pytest.approx(accuracy)
    model.summary()
    assert "7,850" in capsys.readouterr().out


def pictures() -> Sequential:
    layers = [
        Input((28, 28, 1)),
        Conv2D(8, 5, activation="relu"),
        MaxPooling2D(4),
        Flatten(),
        Dense(10, activation="softmax"),
    ]
    return Sequential(layers)


def test_whole_numbers_and_one_hot_rows_mean_the_same() -> None:
    found = []
    for labels in (Y[:500], to_categorical(Y[:500], 10), Y[:500, None]):
        torch.manual_seed(1)
        model = pictures()
        model.compile("sgd", "sparse_categorical_crossentropy", ["accuracy"])
        found.append(model.fit(X[:500, :, :, None] / 255, labels, epochs=1, verbose=0).history)
    assert found[0] == found[1] == found[2]


def test_predictions_equal_what_the_module_gives() -> None:
    model = pictures()
    images = X_TEST[:20, :, :, None].astype(np.float32)
    expected = model.module.eval()(torch.from_numpy(images).permute(0, 3, 1, 2)).detach().numpy()
    assert model.predict(images) == pytest.approx(expected, abs=1e-6)
    assert model.predict(images[:0]).shape == (0, 10)


def test_a_saved_model_predicts_the_same_and_takes_image_files(tmp_path: Path) -> None:
    from hubel.tasks import evaluate, load_model

    model = pictures()
    model.compile("adam", "sparse_categorical_crossentropy", ["acc"])
    model.fit(X[:3000] / 255, Y[:3000], epochs=2, verbose=0)
    path = model.save(tmp_path / "model.safetensors")
    again = Sequential.load(path)
    assert np.array_equal(again.predict(X_TEST[:50] / 255), model.predict(X_TEST[:50] / 255))
    again.compile("adam", "sparse_categorical_crossentropy", ["acc"])
    assert again.evaluate(X_TEST / 255, Y_TEST) == model.evaluate(X_TEST / 255, Y_TEST)

    from hubel.data import load

    test = load("mnist").test
    assert test is not None
    assert evaluate(load_model(path), test).accuracy == pytest.approx(model.evaluate(X_TEST / 255, Y_TEST)[1], abs=2e-4)


def test_mistakes_say_what_was_expected() -> None:
    model = pictures()
    with pytest.raises(ValueError, match="expected compile"):
        model.fit(X[:10], Y[:10])
    with pytest.raises(ValueError, match="categorical_crossentropy"):
        model.compile("adam", "crossentropy")
    model.compile("adam", "categorical_crossentropy", ["acc"])
    with pytest.raises(ValueError, match=r"expected inputs of N×28×28×1, received 10×784"):
        model.fit(X[:10].reshape(10, 784), Y[:10])
    with pytest.raises(ValueError, match="10 images and 9 labels"):
        model.fit(X[:10], Y[:9])
    with pytest.raises(ValueError, match="labels from 0 to 9, received 0 to 10"):
        model.fit(X[:2], np.array([0, 10]))
    small = Sequential([Input((8, 8, 1))])
    with pytest.raises(ShapeError, match="at least 9×9"):
        small.add(Conv2D(3, 9))
    with pytest.raises(ValueError, match="input_shape"):
        Sequential([Dense(3)]).summary()


LOGITS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
TAKEN: dict[str, tuple[Any, Any, str]] = {
    "softmax twice": ("softmax", LOGITS, "outputs are probabilities already: softmax is applied twice"),
    "no softmax": (None, "sparse_categorical_crossentropy", r"outputs from -.* stand for probabilities; give the last"),
    "no sigmoid": (
        None,
        "binary_crossentropy",
        r"outputs from -.* stand for probabilities",
    ),
    "one softmax": ("softmax", "sparse_categorical_crossentropy", ""),
    "logits": (None, LOGITS, ""),
    "no classes": (None, "mse", ""),
}


@pytest.mark.parametrize("how", TAKEN)
def test_outputs_that_a_loss_takes_for_others_are_said(how: str, recwarn: pytest.WarningsRecorder) -> None:
    activation, loss, said = TAKEN[how]
    model = Sequential([Input((3,)), Dense(2, activation=activation)])
    model.compile("sgd", loss)
    x = np.random.default_rng(0).normal(size=(16, 3))
    model.fit(x, np.eye(2)[np.arange(16) % 2], epochs=2, batch_size=8, verbose=0)
    told = [each for each in recwarn if "outputs" in str(each.message)]
    assert len(told) == bool(said)
    for each in told:
        assert re.search(said, str(each.message))
        assert each.filename == __file__


def test_mean_squared_error_of_maps_compares_place_with_place() -> None:
    x = np.random.default_rng(0).normal(size=(5, 4, 3, 2)).astype(np.float32)
    model = Sequential([Input((4, 3, 2)), Activation("linear")])
    model.compile("sgd", "mse")
    assert model.evaluate(x, x) == 0
    assert model.evaluate(x, x + 1) == pytest.approx(1)


@pytest.mark.parametrize("given", ["28x28x1: conv 6 5x5", 3, 1.5])
def test_what_is_no_list_of_layers_is_named(given):
    with pytest.raises(TypeError, match=f"expected a list of layers, received {type(given).__name__}"):
        Sequential(given)
