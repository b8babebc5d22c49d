"""`fit` and `evaluate` against Keras: `keras_figures.json` is what Keras 3.15.1 gave for these networks and data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hubel.model as keras
from hubel.model.losses import CategoricalCrossentropy
from hubel.model.optimizers import SGD
from tests.model.small import COUNT, compiled, network, pictures

X, Y = pictures()
ROWS = keras.to_categorical(Y, 3)
WEIGHTS = np.linspace(0.1, 2, COUNT).astype(np.float32)
FIGURES = json.loads((Path(__file__).parent / "keras_figures.json").read_text())
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], np.ndarray]] = {
    "plain": ({}, {}, Y),
    "one-hot rows": ({"loss": "categorical_crossentropy"}, {}, ROWS),
    "class weights": ({}, {"class_weight": {0: 3.0, 1: 0.25}}, Y),
    "sample weights": ({}, {"sample_weight": WEIGHTS}, Y),
    "validation split": ({}, {"validation_split": 0.3}, Y),
    "split with weights": ({}, {"validation_split": 0.3, "sample_weight": WEIGHTS}, Y),
    "two steps an epoch": ({}, {"steps_per_epoch": 2}, Y),
    "label smoothing": ({"loss": CategoricalCrossentropy(label_smoothing=0.1)}, {}, ROWS),
    "squared error": ({"loss": "mse", "metrics": ["accuracy", "mae"]}, {}, ROWS),
    "Nesterov": ({"optimizer": SGD(0.05, momentum=0.9, nesterov=True)}, {}, Y),
}


@pytest.mark.parametrize("name", CASES)
def test_figures_are_keras_s(name: str) -> None:
    settings, arguments, labels = CASES[name]
    model = network()
    usual: dict[str, Any] = {"optimizer": SGD(0.1), "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    model.compile(**{**usual, **settings})
    found = model.fit(X, labels, **{"batch_size": 8, "epochs": 3, "shuffle": False, "verbose": 0, **arguments}).history
    assert found.keys() == FIGURES[name].keys()
    for figure, values in FIGURES[name].items():
        assert found[figure] == pytest.approx(values, abs=2e-5), figure


def test_binary_figures_are_keras_s() -> None:
    model = network(1, "sigmoid")
    model.compile(SGD(0.1), "binary_crossentropy", ["accuracy"])
    found = model.fit(X, Y == 1, batch_size=8, epochs=3, shuffle=False, verbose=0).history
    for figure, values in FIGURES["binary"].items():
        assert found[figure] == pytest.approx(values, abs=2e-5), figure


def test_predictions_are_keras_s() -> None:
    expected = np.array([[0.43363, 0.14507, 0.4213], [0.25515, 0.23799, 0.50685]])
    assert network().predict(X[:2]) == pytest.approx(expected, abs=1e-5)


def test_probabilities_as_labels_are_not_rounded() -> None:
    model = network()
    model.compile("sgd", "categorical_crossentropy")
    shares = 0.7 * ROWS + 0.1
    expected = -(shares * np.log(model.predict(X))).sum(1).mean()
    assert model.evaluate(X, shares) == pytest.approx(expected, abs=1e-5)


def test_logits_without_a_softmax_are_the_same_network() -> None:
    ending, bare = compiled(), network(activation="linear")
    bare.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), ["accuracy"])
    assert bare.evaluate(X, Y) == pytest.approx(ending.evaluate(X, Y), abs=1e-5)


def test_batches_change_no_figure_and_no_prediction() -> None:
    model = compiled()
    whole = model.evaluate(X, Y)
    for size in (1, 7, 30, 100):
        assert model.evaluate(X, Y, batch_size=size) == pytest.approx(whole, abs=1e-5)
        assert model.predict(X, batch_size=size) == pytest.approx(model.predict(X), abs=1e-6)
    assert model.evaluate(X, Y, return_dict=True) == {"loss": whole[0], "accuracy": whole[1]}
    assert model.evaluate(X, Y, sample_weight=np.full(COUNT, 2.0))[0] == pytest.approx(2 * whole[0], abs=1e-5)
    assert model.evaluate(X, Y, batch_size=8, steps=2) == pytest.approx(model.evaluate(X[:16], Y[:16]), abs=1e-5)


def test_the_optimizer_goes_on_where_the_last_fit_stopped() -> None:
    settings: dict[str, Any] = {"batch_size": 8, "shuffle": False, "verbose": 0}
    at_once, in_two = network(), network()
    for model in (at_once, in_two):
        model.compile(SGD(0.05, momentum=0.9), "sparse_categorical_crossentropy")
    at_once.fit(X, Y, epochs=4, **settings)
    in_two.fit(X, Y, epochs=2, **settings)
    later = in_two.fit(X, Y, initial_epoch=2, epochs=4, **settings)
    assert later.epoch == [2, 3]
    for one, other in zip(at_once.get_weights(), in_two.get_weights(), strict=True):
        assert np.array_equal(one, other)


def test_shuffling_leaves_the_validation_share_alone() -> None:
    model = compiled()
    model.optimizer.learning_rate = 0.0
    found = model.fit(X, Y, epochs=2, validation_split=0.3, verbose=0).history
    assert found["val_loss"] == pytest.approx([loss_of_the_last_nine()] * 2, abs=1e-5)


def loss_of_the_last_nine() -> float:
    return float(compiled().evaluate(X[21:], Y[21:])[0])


def test_validation_may_be_rarer() -> None:
    model = compiled()
    found = model.fit(X, Y, epochs=4, validation_data=(X, Y, WEIGHTS), validation_freq=2, verbose=0).history
    assert len(found["loss"]) == 4
    assert len(found["val_loss"]) == 2
    assert found["val_loss"][-1] == pytest.approx(model.evaluate(X, Y, sample_weight=WEIGHTS)[0], abs=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_weight": {0: 1.0}, "sample_weight": WEIGHTS}, "class_weight or sample_weight, received both"),
        ({"sample_weight": WEIGHTS[:5]}, "a weight for each of 30 examples, received 5"),
        ({"validation_split": 0.98}, "leaves examples on both sides, received 0.98 of 30"),
        ({"validation_split": 1.0}, "0 to train on and 30 to validate"),
        ({"callbacks": [print]}, "callbacks as objects of Callback"),
        ({"batch_size": 0, "epochs": 1}, "batch_size of at least 1"),
    ],
)
def test_mistakes_say_what_was_expected(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compiled().fit(X, Y, verbose=0, **arguments)


def test_a_loss_that_is_no_number_stops() -> None:
    model = network(activation="linear")
    model.compile(SGD(1e30), "mse")
    with pytest.raises(ValueError, match=r"the loss became .* try a smaller learning rate"):
        model.fit(X, ROWS, epochs=5, verbose=0)


def test_unknown_words_name_the_known_ones() -> None:
    bare = network()
    bare.compile("adam")
    with pytest.raises(ValueError, match="or a layer that adds a loss, received neither"):
        bare.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match=r"metrics of acc, accuracy.* received 'acuracy'; did you mean 'accuracy'"):
        network().compile("adam", "mse", ["acuracy"])
    with pytest.raises(ValueError, match=r"optimizer of adam, sgd.* received 'lion'"):
        network().compile("lion", "mse")
