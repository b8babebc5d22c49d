"""Sequences through the Keras face: arrays of steps × features, or of whole numbers; weights in Keras's order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hubel
from hubel.cli import main
from hubel.model import Sequential, layers, load_model, optimizers

STACKS: dict[str, tuple[tuple[int, ...], list[tuple[str, tuple[int, ...], dict[str, Any]]]]] = {
    "steps": (
        (12, 3),
        [
            ("Conv1D", (8, 3), {"activation": "relu", "padding": "causal"}),
            ("LSTM", (8,), {"return_sequences": True}),
            ("Dense", (4,), {}),
            ("GRU", (6,), {}),
            ("Dense", (2,), {"activation": "softmax"}),
        ],
    ),
    "words": (
        (10,),
        [
            ("Embedding", (20, 8), {}),
            ("SimpleRNN", (7,), {"return_sequences": True, "go_backwards": True}),
            ("GRU", (6,), {"use_bias": False, "return_sequences": True}),
            ("Flatten", (), {}),
            ("Dense", (2,), {"activation": "softmax"}),
        ],
    ),
}


def data(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    if len(shape) == 1:
        x = random.integers(0, 20, (256, *shape))
        return x, (x[:, -1] > 9).astype(int)
    x = random.normal(size=(256, *shape)).astype(np.float32)
    return x, (x[:, -4:, 0].sum(1) > 0).astype(int)


def model(name: str) -> hubel.Sequential:
    shape, stack = STACKS[name]
    (kind, settings, more), *rest = stack
    first = getattr(layers, kind)(*settings, **more, input_shape=shape)
    return hubel.Sequential([first, *(getattr(layers, kind)(*given, **more) for kind, given, more in rest)])


@pytest.mark.parametrize("name", STACKS)
def test_sequences_are_learned(name: str) -> None:
    made = model(name)
    made.compile(optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = data(STACKS[name][0])
    history = made.fit(x, y, epochs=12, batch_size=32, verbose=0)
    assert history.history["accuracy"][-1] > 0.9
    assert made.predict(x[:5], verbose=0).shape == (5, 2)


@pytest.mark.parametrize("name", STACKS)
def test_weights_go_out_and_back(name: str) -> None:
    made, other = model(name), model(name)
    x, _ = data(STACKS[name][0])
    assert not np.allclose(made.predict(x[:4], verbose=0), other.predict(x[:4], verbose=0))
    other.set_weights(made.get_weights())
    np.testing.assert_array_equal(made.predict(x[:4], verbose=0), other.predict(x[:4], verbose=0))


@pytest.mark.parametrize("name", STACKS)
def test_a_file_of_sequences_is_the_model(name: str, tmp_path: Path) -> None:
    made = model(name)
    made.save(tmp_path / "model.safetensors")
    x, _ = data(STACKS[name][0])
    again = load_model(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(made.predict(x[:4], verbose=0), again.predict(x[:4], verbose=0))


def test_pictures_are_refused_by_a_model_of_sequences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model("steps").save(tmp_path / "model.safetensors")
    Image.new("L", (9, 9)).save(tmp_path / "grey.png")
    given = [str(tmp_path / "model.safetensors"), str(tmp_path / "grey.png")]
    assert main(["predict", *given]) == 2
    assert "the network takes sequences" in capsys.readouterr().err
    for verb in ("maps", "unit"):
        assert main(["look", verb, *given]) == 2
        assert "expected a model that takes images, received one for sequences, 12×3" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "said"), [(20, r"from 0 to 19 to look up, received 20 … 20"), (0.5, "between them")])
def test_numbers_that_cannot_be_looked_up_are_refused(value: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        model("words").predict(np.full((2, 10), value), verbose=0)


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", STACKS)
def test_keras_says_the_same_with_these_weights(name: str) -> None:
    import keras

    made = model(name)
    shape, stack = STACKS[name]
    theirs = keras.Sequential(
        [keras.Input(shape), *(getattr(keras.layers, kind)(*given, **more) for kind, given, more in stack)]
    )
    assert theirs.count_params() == made.count_params()
    weights = [w + 0.1 * np.random.default_rng(1).random(w.shape, np.float32) for w in made.get_weights()]
    made.set_weights(weights)
    theirs.set_weights(weights)
    x, _ = data(shape)
    np.testing.assert_allclose(made.predict(x[:8], verbose=0), theirs.predict(x[:8], verbose=0), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("merge", ["concat", "sum", "mul"])
@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU])
def test_states_of_every_step_in_both_directions(kind: Any, merge: str, tmp_path: Path) -> None:
    both = Sequential(
        [layers.Input((5, 3)), layers.Bidirectional(kind(4, return_sequences=True), merge_mode=merge), layers.Dense(2)]
    )
    alone = Sequential([layers.Input((5, 3)), kind(4, return_sequences=True)])
    x = np.random.default_rng(0).normal(size=(6, 5, 3)).astype(np.float32)
    ahead, back = np.split(np.array(both.layers[0].get_weights(), dtype=object), 2)
    states = []
    for weights, turn in ((ahead, 1), (back, -1)):
        alone.set_weights(list(weights))
        states.append(alone.predict(x[:, ::turn])[:, ::turn])
    joined = {"concat": np.concatenate(states, -1), "sum": states[0] + states[1], "mul": states[0] * states[1]}[merge]
    kernel, bias = both.layers[1].get_weights()
    assert both.predict(x) == pytest.approx(joined @ kernel + bias, abs=1e-5)
    both.compile("adam", "mse")
    before = both.get_weights()
    both.fit(x, np.zeros((6, 5, 2)), epochs=1, verbose=0)
    assert all(np.abs(one - other).max() > 0 for one, other in zip(both.get_weights(), before, strict=True))
    again = load_model(both.save(tmp_path / "model.safetensors"))
    assert again.predict(x) == pytest.approx(both.predict(x), abs=1e-6)
