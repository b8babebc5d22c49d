"""Models that are no tree, against Keras: `keras_wired.json` is what Keras 3.15.1 gave for those of `wired.py`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hubel.model as keras
from hubel.cli import main
from hubel.model import layers, ops
from tests.model.wired import CLASSES, HALVES, MODELS, NUMBERS, WORDS, A, B, N, asked

REFERENCE = json.loads((Path(__file__).parent / "keras_wired.json").read_text())


@pytest.mark.parametrize("name", MODELS)
def test_they_answer_and_learn_as_in_keras(name: str) -> None:
    found, wanted = asked(keras, name), REFERENCE[name]
    assert [pytest.approx(each, abs=2e-5) for each in wanted["answers"]] == found["answers"]
    assert sorted(found["history"]) == sorted(wanted["history"])
    for figure, values in wanted["history"].items():
        assert found["history"][figure] == pytest.approx(values, abs=2e-5), figure
    assert found["measured"] == pytest.approx(wanted["measured"], abs=2e-5)
    assert found["weights"] == pytest.approx(wanted["weights"], abs=2e-5)
    assert found["layers"] == wanted.get("layers", found["layers"])


@pytest.mark.parametrize(
    "name", ["outputs_by_name", "three_inputs", "shared_tower", "masked_answers", "rated", "model_of_two_as_a_layer"]
)
def test_files_hold_them(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, x, y, _ = MODELS[name](keras)
    path = model.save(tmp_path / "model.keras")
    again, copy = keras.models.load_model(path), keras.models.clone_model(model)
    assert again.evaluate(x, y) == pytest.approx(model.evaluate(x, y))
    assert again.metrics_names == model.metrics_names
    copy.load_weights(path)
    for one, other in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert main(["predict", str(path), "some.png"]) == 2
    assert "expected a model that is a tree" in capsys.readouterr().err
    content = path.read_bytes()
    path.write_bytes(content[:-9] + bytes(255 - each for each in content[-9:]))
    with pytest.raises(ValueError, match="damaged"):
        keras.models.load_model(path)


def two_ends() -> keras.Model:
    return MODELS["outputs_by_name"](keras)[0]


def test_data_comes_in_any_form_and_callbacks_see_each_loss(tmp_path: Path) -> None:
    model = two_ends()
    y = {"kind": CLASSES, "size": NUMBERS}

    def batches() -> Iterator[Any]:
        while True:
            yield B[:4], [CLASSES[:4], NUMBERS[:4]], {"kind": np.ones(4), "size": np.zeros(4)}

    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="val_size_loss", save_best_only=True)
    history = model.fit(B, y, epochs=2, validation_split=0.25, callbacks=[best], verbose=0).history
    assert "val_kind_accuracy" in history
    assert keras.models.load_model(tmp_path / "best.keras").predict(B)["size"].shape == (N, 1)
    held = model.fit(B, y, validation_data=(B, y), verbose=0).history
    assert held["val_size_mae"][0] == pytest.approx(model.evaluate(B, y, return_dict=True)["size_mae"])
    streamed = model.fit(batches(), steps_per_epoch=2, verbose=0).history
    assert streamed["loss"][0] == pytest.approx(streamed["kind_loss"][0], rel=1e-5)
    both, x, _, _ = MODELS["two_inputs"](keras)
    pairs = keras.data.Dataset.from_tensor_slices(({"a": A, "b": B}, CLASSES)).batch(5)
    assert both.evaluate(pairs) == pytest.approx(both.evaluate(x, CLASSES), abs=1e-6)
    assert both.predict(pairs) == pytest.approx(both.predict(x), abs=1e-6)
    assert both([A, B]).numpy() == pytest.approx(both.predict({"b": B, "a": A}), abs=1e-6)
    assert both.predict([A[:0], B[:0]]).shape == (0, 3)


def test_a_tower_stays_frozen_in_both_places_and_summaries_say_that_weights_are_shared(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model, x, y, _ = MODELS["shared_tower"](keras)
    tower = model.get_layer("tower")
    tower.trainable = False
    model.compile("sgd", "binary_crossentropy")
    before, out = tower.get_weights(), model.get_layer("out").get_weights()
    model.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, tower.get_weights(), strict=True))
    assert not np.array_equal(out[0], model.get_layer("out").get_weights()[0])
    model.summary()
    said = capsys.readouterr().out
    assert said.count("tower ") == 2
    assert "the same weights" in said
    assert "not trained: tower" in said
    with pytest.raises(ValueError, match="2 inputs: it trains, measures and predicts"):
        _ = model.network
    with pytest.warns(UserWarning, match="2 inputs, and only trees are drawn"):
        assert not keras.utils.plot_model(model, tmp_path / "model.png").exists()


def test_one_layer_has_its_weights_in_keras_s_order_in_every_model() -> None:
    picture, dense = keras.Input((6, 5, 2)), layers.Dense(3)
    flat = layers.Flatten()(picture)
    tree = keras.Model(picture, dense(flat))
    tree.predict(B)
    vector = keras.Input((60,))
    twice = keras.Model([picture, vector], [dense(flat), dense(vector)])
    one, other = twice.predict([B, B.reshape(N, -1)])
    assert one == pytest.approx(other, abs=1e-5)
    assert tree.predict(B) == pytest.approx(B.reshape(N, -1) @ dense.get_weights()[0], abs=1e-5)


def test_functions_of_tensors_are_layers(tmp_path: Path) -> None:
    a = keras.Input((5,))
    x = abs(a[:, :2] - a[:, 2:4]) ** 2
    model = keras.Model(a, ops.mean(ops.concatenate([x, ops.exp(-x)], axis=-1), axis=1, keepdims=True) / 2)
    gap = np.abs(A[:, :2] - A[:, 2:4]) ** 2
    wanted = np.concatenate([gap, np.exp(-gap)], 1).mean(1, keepdims=True) / 2
    assert model.predict(A) == pytest.approx(wanted, abs=1e-6)
    again = keras.models.load_model(model.save(tmp_path / "model.keras"))
    assert again.predict(A) == pytest.approx(wanted, abs=1e-6)
    with pytest.raises(ValueError, match="batch first, for one example one of"):
        ops.mean(a)


def test_masks_that_go_nowhere_are_said() -> None:
    words = keras.Input((7,))
    x = layers.Embedding(9, 4, mask_zero=True, name="look")(words)
    forgets = keras.Model(words, layers.GlobalMaxPooling1D()(layers.Conv1D(3, 3, name="conv")(x)))
    with pytest.warns(UserWarning, match="conv knows no masks: it sees the masked steps like others"):
        forgets.predict(WORDS)
    for layer in (layers.BatchNormalization(), layers.Add(name="sum")):
        refused = keras.Model(words, layer([x, x]) if layer.joins else layer(x))
        with pytest.raises(ValueError, match="expected no masked steps"):
            refused.predict(WORDS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        silent = layers.LSTM(3, return_sequences=True, zero_output_for_mask=True)(x)
        found = keras.Model(words, silent).predict(WORDS)
    assert not found[0].any()
    assert (found[1].any(-1) == (WORDS[1] != 0)).all()


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda m, two: two.fit([A, B[:5]], CLASSES), "as many examples in each input, received 12 of a, 5 of b"),
        (lambda m, two: two.fit({"a": A, "c": B}, CLASSES), "inputs of a, b, received a, c"),
        (lambda m, two: two.predict(A), "inputs as a list of 2, or as a dict of a, b, received one ndarray"),
        (lambda m, two: two.predict([A, A]), r"expected x\['b'\] of N×6×5×2, received 12×5"),
        (lambda m, two: two.predict([A, B * np.nan]), r"x\['b'\]\[0, 0, 0, 0\] is NaN"),
        (lambda m, two: m.fit(B, CLASSES), "labels as a list of 2, or as a dict of kind, size"),
        (lambda m, two: m.fit(B, {"kind": CLASSES, "size": NUMBERS[:3]}), "12 images and 3 labels of size"),
        (lambda m, two: m.fit(B, [CLASSES, NUMBERS], class_weight={0: 2}), "class_weight for one output"),
        (lambda m, two: m.compile("sgd", {"kin": "mse"}), "loss of kind, size, received 'kin'; did you mean 'kind'"),
        (lambda m, two: m.compile("sgd", "mse", metrics=["mae"]), "metrics of 2 outputs, a list of as many"),
        (lambda m, two: m.compile("sgd", ["mse"]), "loss of 2 outputs"),
        (lambda m, two: two.compile("sgd", ["mse", "mae"]), "one loss, received 2: the model has one output"),
        (lambda m, two: keras.Model([keras.Input((3,)), A], two.output), "tensors: keras.Input"),
        (lambda m, two: keras.Model(two.inputs[:1], two.output), "inputs a, received some that need b too"),
        (lambda m, two: keras.Model([*two.inputs, keras.Input((3,), name="c")], two.output), "made of the input c"),
        (lambda m, two: m(keras.Input((6, 5, 2))), "a model of one output as a layer, received .* of 2"),
        (lambda m, two: layers.Dense(2)([two.inputs[0], two.inputs[0]]), "called on 1 tensor, received 2"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(ask: Any, said: str) -> None:
    model, two = two_ends(), MODELS["two_inputs"](keras)[0]
    with pytest.raises(ValueError, match=said):
        ask(model, two)


def test_layers_of_one_s_own_take_several_tensors() -> None:
    class Apart(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layers.Dense(4)

        def call(self, inputs: list[torch.Tensor]) -> torch.Tensor:
            one, other = inputs
            return (self.inner(one) - self.inner(other)).abs().sum(-1, keepdim=True)

    a, b = keras.Input((5,)), keras.Input((5,))
    model = keras.Model([a, b], Apart()([a, b]))
    assert [weight.shape for weight in model.weights] == [(5, 4), (4,)]
    model.compile(keras.optimizers.SGD(0.01), "mse")
    losses = model.fit([A, A[::-1].copy()], HALVES, epochs=20, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert not model.predict([A, A]).any()
    with pytest.raises(ValueError, match=r"a layer of your own \(Apart\)"):
        model.get_layer(index=0).home.save("model.keras")


def test_a_layer_called_on_tensors_by_place_may_be_all_that_is_lowered() -> None:
    class Endpoint(layers.Layer):
        def call(self, targets: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
            self.add_loss((targets - found).square().mean())
            return found

    inputs, targets = keras.Input((5,), name="inputs"), keras.Input((1,), name="targets")
    model = keras.Model([inputs, targets], Endpoint()(targets, layers.Dense(1, name="dense")(inputs)))
    model.compile(keras.optimizers.SGD(0.05))
    losses = model.fit({"inputs": A, "targets": NUMBERS}, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert model.evaluate({"inputs": A, "targets": model.predict([A, NUMBERS])}) == pytest.approx(0, abs=1e-9)
