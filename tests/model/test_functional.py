"""Layers called on tensors, `Model(inputs, outputs)`, and layers and models of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hubel.model as keras
from hubel.model import layers, ops

X = np.random.default_rng(0).normal(size=(6, 8, 8, 3)).astype(np.float32)


def residual() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    y = layers.BatchNormalization()(x)
    x = layers.add([x, layers.ReLU()(y)])
    z = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.Concatenate()([x, z])
    gate = layers.Dense(8, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    x = layers.Multiply()([x, layers.Reshape((1, 1, 8))(gate)])
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


@pytest.mark.filterwarnings("ignore:.* no file of pictures has these")
def test_branches_that_nest_are_a_tree_that_trains_and_is_kept(tmp_path: Path) -> None:
    model = residual()
    assert str(model.network).startswith("8x8x3: first=conv 4 3x3 same, sum(identity | norm")
    assert next(layer.name for layer in model.layers) == "first"
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    before = model.get_weights()
    model.fit(X, np.arange(6) % 3, epochs=2, verbose=0)
    assert not np.array_equal(before[0], model.get_weights()[0])
    found = model.predict(X)
    again = keras.models.load_model(model.save(tmp_path / "model.keras"))
    assert again.predict(X) == pytest.approx(found, abs=1e-6)
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    assert copy.predict(X) == pytest.approx(found, abs=1e-6)


def test_arithmetic_on_tensors_is_layers() -> None:
    inputs = keras.Input((3,))
    x = (inputs * 2.0 + 1.0) / 2.0 - 0.5
    model = keras.Model(inputs, x + layers.average([inputs, inputs]) - inputs)
    assert model.predict(np.ones((2, 3))) == pytest.approx(np.ones((2, 3)))


def test_a_model_is_a_layer_whose_weights_are_shared_and_frozen_with_it() -> None:
    inner = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()], name="base")
    inner.trainable = False
    assert not any(layer.trainable for layer in inner.layers)
    inputs = keras.Input((8, 8, 3))
    x = inner(inputs, training=False)
    outputs = layers.Dense(2)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    model.compile("sgd", "mse")
    before = inner.get_weights()
    model.fit(X, np.ones((6, 2)), verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, inner.get_weights(), strict=True))
    inner.trainable = True
    model.fit(X, np.ones((6, 2)), verbose=0)
    changed = [not np.array_equal(a, b) for a, b in zip(before, inner.get_weights(), strict=True)]
    assert changed[0]
    assert changed[2]
    assert changed[4:] == [False, False]  # called with training=False, it keeps its statistics
    assert "base=(conv 4 3x3, norm" in str(model.network)


def test_outputs_on_the_way_are_looked_at() -> None:
    model = residual()
    inside = keras.Model(model.input, [model.get_layer("first").output, model.output])
    maps, answers = inside(X)
    assert tuple(maps.shape) == (6, 8, 8, 4)
    assert inside.predict(X)[1] == pytest.approx(model.predict(X), abs=1e-6)
    assert answers.numpy() == pytest.approx(model.predict(X), abs=1e-6)


def test_lengths_that_only_the_data_knows() -> None:
    inputs = keras.Input((None,), dtype="int32")
    x = layers.Bidirectional(layers.LSTM(3))(layers.Embedding(20, 4)(inputs))
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(x))
    assert layers.Embedding(20, 4)(inputs).shape == (None, None, 4)
    model.compile("adam", "binary_crossentropy")
    model.fit(np.arange(12).reshape(2, 6), np.array([0, 1]), verbose=0)
    assert model.predict(np.arange(18).reshape(2, 9)).shape == (2, 1)
    late = keras.Sequential([layers.Dense(2, activation="relu"), layers.Dense(1)])
    assert late.weights == []
    assert tuple(late(np.ones((3, 4))).shape) == (3, 1)
    assert [weight.shape for weight in late.weights] == [(4, 2), (2,), (2, 1), (1,)]


def test_what_no_tree_holds_says_why_it_has_no_tree() -> None:
    a, b, shared = keras.Input((3,)), keras.Input((3,)), layers.Dense(3)
    for model, said in (
        (keras.Model([a, b], layers.add([a, b])), "2 inputs"),
        (keras.Model(a, shared(shared(a))), "dense.* in two places with the same weights"),
        (keras.Model(a, [layers.Dense(1)(a), layers.Dense(2)(a)]), "2 outputs"),
    ):
        with pytest.raises(ValueError, match=f"a tree, with one input, .* with {said}"):
            _ = model.network
    with pytest.raises(ValueError, match=r"conv2d.*at least 9×9"):
        layers.Conv2D(2, 9, name="conv2d")(keras.Input((4, 4, 1)))


def test_branches_that_do_not_nest_are_carried_along() -> None:
    one, two, three = (layers.Dense(3) for _ in range(3))
    a = keras.Input((3,))
    x = one(a)
    y = two(x)
    model = keras.Model(a, layers.add([three(layers.add([x, y])), layers.add([y, a])]))
    given = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    first = one(given)
    second = two(first)
    expected = three(first + second) + second + torch.from_numpy(given)
    assert model.predict(given) == pytest.approx(expected.numpy(), abs=1e-5)


class Scaled(layers.Layer):
    def __init__(self, units: int = 2) -> None:
        super().__init__()
        self.units = units
        self.inner = layers.Dense(units)

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones", regularizer="l2")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return ops.matmul(inputs, self.w) + self.inner(inputs)


class Own(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.drop, self.last = Scaled(3), layers.Dropout(0.1), layers.Dense(1)

    def call(self, inputs: torch.Tensor, training: bool = False) -> torch.Tensor:
        return self.last(self.drop(self.first(inputs), training=training))


def test_layers_and_models_of_one_s_own_train_and_say_that_files_cannot_hold_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, layers.Dense(1)(Scaled()(inputs)))
    for each in (model, Own()):
        each.compile(keras.optimizers.SGD(0.01), "mse")
        losses = each.fit(x, x[:, :1], epochs=20, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
    own = model.layers[0]
    assert [weight.shape for weight in own.weights] == [(4, 2), (4, 2), (2,)]
    assert float(own.losses[0].detach()) == pytest.approx(0.01 * float((own.w.detach() ** 2).sum()))
    each.summary()
    told = capsys.readouterr().out
    assert "Dense" in told
    assert f"{each.count_params()} parameters; the class's own call says what follows what" in told
    with pytest.raises(ValueError, match=r"Scaled\).*hubel.arch.Layer"):
        model.save(tmp_path / "model.keras")
    own.trainable = False
    before = own.get_weights()
    model.fit(x, x[:, :1], verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, own.get_weights(), strict=True))


def test_losses_and_metrics_of_one_s_own() -> None:
    def loss(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return ops.mean(ops.square(y_true - y_pred), axis=-1)

    class Half(keras.losses.Loss):
        def call(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
            return 0.5 * loss(y_true, y_pred)

    class Largest(keras.metrics.Metric):
        def __init__(self) -> None:
            super().__init__(name="largest")
            self.found = self.add_weight(name="found", initializer="zeros")

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.found.assign(ops.maximum(self.found, ops.max(ops.abs(y_true - y_pred))))

        def result(self) -> Any:
            return self.found

    def off(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return ops.mean(ops.abs(y_true - y_pred), axis=-1)

    x, y = X.reshape(6, -1)[:, :4], X.reshape(6, -1)[:, 4:6]
    figures = {}
    for name, chosen in {"mse": "mse", "own": loss, "half": Half()}.items():
        model = keras.Sequential([keras.Input((4,)), layers.Dense(2, kernel_initializer="ones")])
        model.compile(keras.optimizers.SGD(0.0), chosen, metrics=[Largest(), off, "mae"])
        figures[name] = model.fit(x, y, 2, verbose=0).history
    assert figures["own"]["loss"] == pytest.approx(figures["mse"]["loss"])
    assert figures["half"]["loss"][0] == pytest.approx(0.5 * figures["mse"]["loss"][0])
    assert figures["own"]["off"] == pytest.approx(figures["own"]["mae"])
    wrong = np.abs(model.predict(x) - y)
    assert figures["own"]["largest"][0] == pytest.approx(wrong.max(), rel=1e-5)
