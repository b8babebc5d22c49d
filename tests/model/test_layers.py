"""Layers by Keras's arguments and defaults: frozen ones, how they start, what they refuse."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import hubel
import hubel.model as keras
from hubel.model import initializers, layers
from tests.model.small import compiled, pictures

X, Y = pictures()


def equal(one: list[np.ndarray], other: list[np.ndarray]) -> list[bool]:
    return [bool(np.array_equal(a, b)) for a, b in zip(one, other, strict=True)]


def test_a_frozen_model_and_a_frozen_layer_stay_as_they_are_before_and_after_a_first_fit() -> None:
    model = compiled()
    model.fit(X, Y, verbose=0)
    model.trainable = False
    before = model.get_weights()
    with pytest.warns(UserWarning, match=r"no weights to train: all of it is frozen"):
        model.fit(X, Y, verbose=0)
    assert all(equal(before, model.get_weights()))
    model.trainable = True
    model.layers[0].trainable = False
    assert [len(model.trainable_weights), len(model.non_trainable_weights)] == [2, 2]
    model.fit(X, Y, verbose=0)
    assert equal(before, model.get_weights()) == [True, True, False, False]
    still = keras.Sequential([keras.Input((4,)), layers.Dense(3, trainable=False), layers.Dense(2)])
    still.compile("sgd", "mse")
    before = still.get_weights()
    still.fit(np.ones((4, 4)), np.zeros((4, 2)), verbose=0)
    assert equal(before, still.get_weights()) == [True, True, False, False]


@pytest.mark.parametrize(  # the range, or the deviation, of what Keras draws for a kernel of 3×3×20×30
    ("name", "least", "most"),
    [
        ("glorot_uniform", (6 / (9 * 50)) ** 0.5 * 0.98, (6 / (9 * 50)) ** 0.5),
        ("he_uniform", (6 / 180) ** 0.5 * 0.98, (6 / 180) ** 0.5),
        ("lecun_uniform", (3 / 180) ** 0.5 * 0.98, (3 / 180) ** 0.5),
        ("random_uniform", 0.049, 0.05),
        ("zeros", 0, 0),
        ("ones", 1, 1),
        (initializers.Constant(0.3), 0.3, 0.3),
    ],
)
def test_kernels_start_in_keras_s_ranges(name: Any, least: float, most: float) -> None:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((8, 8, 20)), layers.Conv2D(30, 3, kernel_initializer=name)])
    kernel, bias = model.get_weights()
    assert least <= np.abs(kernel).max() <= most + 1e-6
    assert not bias.any()


@pytest.mark.parametrize(("name", "deviation"), [("he_normal", (2 / 180) ** 0.5), ("glorot_normal", (2 / 450) ** 0.5)])
def test_normal_kernels_have_keras_s_deviation(name: str, deviation: float) -> None:
    kernel = initializers.get(name)((3, 3, 20, 30))
    assert float(kernel.std()) == pytest.approx(deviation, rel=0.05)
    assert float(kernel.abs().max()) <= 2 * deviation / 0.8796


def test_initializers_have_keras_s_two_names() -> None:
    assert type(initializers.he_normal(seed=1)) is initializers.HeNormal
    assert layers.Dense(2, kernel_initializer=initializers.glorot_uniform()).initial["kernel"]((3, 2)).shape == (3, 2)
    with pytest.raises(AttributeError, match="no he_norml; did you mean 'he_normal'"):
        _ = initializers.he_norml


def test_recurrent_layers_start_orthogonal_and_remembering() -> None:
    model = keras.Sequential([keras.Input((5, 3)), layers.LSTM(4)])
    _, recurrent, bias = model.get_weights()
    assert recurrent @ recurrent.T == pytest.approx(np.eye(4), abs=1e-5)
    assert bias.tolist() == [0] * 4 + [1] * 4 + [0] * 8
    assert np.abs(keras.Sequential([keras.Input((5,)), layers.Embedding(30, 8)]).get_weights()[0]).max() <= 0.05


def test_defaults_are_keras_s() -> None:
    model = keras.Sequential([keras.Input((4, 4, 3)), layers.BatchNormalization(), layers.LeakyReLU()])
    assert str(model.network) == "4x4x3: norm epsilon=0.001 momentum=0.99, leaky 0.3"


def test_words_of_keras_s_mean_the_tree_s() -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling(1 / 255, offset=-1),
            layers.Conv2D(4, (3, 3), (2, 2), "SAME", "channels_last", activation="swish"),
            layers.SeparableConv2D(5, 3, padding="same", activation=keras.activations.relu),
            layers.Dense(4, "leaky_relu"),
            layers.LeakyReLU(alpha=0.1),
            layers.ReLU(max_value=6),
            layers.CenterCrop(2, 2),
            layers.Flatten(data_format="channels_last"),
            layers.Dense(3),
            layers.Softmax(),
        ]
    )
    assert "conv 4 3x3/2 same silu" in str(model.network)
    assert "leaky 0.1" in str(model.network)
    assert [weight.name for weight in model.layers[2].weights] == ["depthwise_kernel", "pointwise_kernel", "bias"]
    assert [weight.shape for weight in model.layers[2].weights] == [(3, 3, 4, 1), (1, 1, 4, 5), (5,)]
    assert model.predict(np.ones((2, 8, 8, 3))).sum(1) == pytest.approx(np.ones(2))


SERIES, VECTOR = (3, 4), (4,)
COMPUTED: dict[str, tuple[tuple[int, ...], list[Any], float]] = {  # and the sum that Keras 3.15.1 gives
    "permute": (SERIES, [layers.Permute((2, 1)), layers.Dense(3)], 603.4906),
    "permute three": ((3, 2, 4), [layers.Permute((3, 1, 2)), layers.Flatten(), layers.Dense(3)], 76.2538),
    "repeat": (VECTOR, [layers.RepeatVector(3), layers.LSTM(5)], 2.7595),
    "unit": (VECTOR, [layers.UnitNormalization(), layers.Dense(2)], 14.1949),
    "unit of steps": (SERIES, [layers.UnitNormalization(axis=1), layers.Dense(2)], 132.3145),
    "zeros": (SERIES, [layers.ZeroPadding1D((1, 2)), layers.Conv1D(2, 3)], 193.8259),
    "cut": (SERIES, [layers.Cropping1D((0, 1)), layers.Conv1D(2, 2)], 13.1111),
    "steps twice": (SERIES, [layers.UpSampling1D(3), layers.Conv1D(2, 3)], 590.4561),
    "smaller": ((6, 5, 3), [layers.Resizing(4, 7), layers.Conv2D(2, 3)], 1387.3119),
    "steps": (SERIES, [layers.TimeDistributed(layers.Dense(3)), layers.Flatten(), layers.Dense(2)], 30.2335),
    "noise": (VECTOR, [layers.GaussianDropout(0.3), layers.AlphaDropout(0.3), layers.Dense(2)], 13.587),
    "both ways": (SERIES, [layers.Bidirectional(layers.GRU(2, return_sequences=True)), layers.Flatten()], -88.3014),
}


def waves(*shape: int) -> np.ndarray:
    return np.sin(np.arange(math.prod(shape)) + 1.0).reshape(shape).astype(np.float32)


@pytest.mark.parametrize("how", COMPUTED)
def test_layers_that_trees_have_not_train_and_are_kept(tmp_path: Path, how: str) -> None:
    shape, several, total = COMPUTED[how]
    model = keras.Sequential([keras.Input(shape), *several])
    model.set_weights([waves(*each.shape) / 2 for each in model.get_weights()])
    x = waves(4, *shape)
    found = model.predict(x)
    weights = np.arange(found.size).reshape(found.shape) + 1
    assert (found * weights).sum() == pytest.approx(total, abs=2e-3)
    again = keras.load_model(model.save(tmp_path / "model.keras"))
    assert again.predict(x) == pytest.approx(found, abs=1e-5)
    model.compile("sgd", "mse")
    before = model.evaluate(x, np.zeros_like(found))
    model.fit(x, np.zeros_like(found), epochs=5, verbose=0)
    assert model.evaluate(x, np.zeros_like(found)) < before


def test_noise_keeps_mean_and_variance_in_training_alone() -> None:
    x = np.random.default_rng(0).normal(size=(400, 50)).astype(np.float32)
    for layer, deviation in ((layers.GaussianDropout(0.2), np.sqrt(1.25)), (layers.AlphaDropout(0.2), 1.0)):
        torch.manual_seed(0)
        noisy = layer(x, training=True).numpy()
        assert (noisy.mean(), noisy.std()) == pytest.approx((0, deviation), abs=0.02)
        assert np.array_equal(layer(x).numpy(), x)
    steps = layers.SpatialDropout1D(0.5)(np.ones((8, 5, 20)), training=True).numpy()
    assert (steps == steps[:, :1]).all()
    assert set(np.unique(steps)) == {0, 2}


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: layers.Permute(), "Permute needs the argument 'dims'"),
        (lambda: layers.RepeatVector(m=3), "RepeatVector needs the argument 'n'"),
        (lambda: layers.GaussianDropout(1.5), "a rate of GaussianDropout from 0 to below 1, received 1.5"),
        (lambda: layers.RandomCrop(3, 3), "no RandomCrop: RandomTranslation moves pictures, CenterCrop cuts them"),
        (lambda: layers.Conv2D(3, 3, data_format="channels_first"), "channels_first.*moveaxis"),
        (lambda: layers.Conv2D(3, 3, kernal_size=3), "no argument 'kernal_size'; did you mean 'kernel_size'"),
        (lambda: layers.Conv2D(3), "needs the argument 'kernel_size'"),
        (lambda: layers.Dense(3, activation="rellu"), "'rellu'; did you mean 'relu'"),
        (lambda: layers.Dense(3, activation=lambda x: x), "layer of your own"),
        (lambda: layers.Dense(3, kernel_constraint="max_norm"), "kernel_regularizer keeps them small"),
        (lambda: layers.Dense(3, kernel_initializer="he"), "initializer of constant.*received 'he'"),
        (lambda: layers.Dense(3, kernel_regularizer="l3"), "regularizer of l1, l2"),
        (lambda: layers.LSTM(3, stateful=True), "expected stateful=False in LSTM"),
        (lambda: layers.Embedding(3, 2, lora_rank=4), "expected lora_rank=None"),
        (lambda: layers.RandomRotation(3), "from -1 to 1, received 3"),
        (lambda: keras.Sequential([keras.Input((4, 4, 2)), layers.PReLU()]), r"shared_axes=\[1, 2\] for 4×4×2"),
        (lambda: layers.Conv2d(3, 3), "no Conv2d; did you mean 'Conv2D'"),
        (lambda: keras.applications.ResNet50(), "no ResNet50, only VGG16, .*hubel zoo lists others"),
        (lambda: keras.applications.VGG16(), "weights=None, which begins anew, .*received 'imagenet': hubel downloads"),
    ],
)
def test_what_is_not_there_is_refused_in_keras_s_words(make: Any, said: str) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError), match=said):
        make()


def test_augmentation_changes_pictures_in_training_alone_and_within_its_range() -> None:
    torch.manual_seed(0)
    picture = np.zeros((40, 9, 9, 1), np.float32)
    picture[:, 4, 4] = 200
    for layer in (layers.RandomTranslation(0.3, 0.3, fill_mode="constant"), layers.RandomContrast(0.5)):
        moved = layer(picture, training=True).numpy()
        assert not np.array_equal(moved, picture)
        assert np.array_equal(layer(picture, training=False).numpy(), picture)
    rows = (
        layers.RandomTranslation(0.3, 0.0, fill_mode="constant")(picture).numpy() * np.arange(9)[:, None, None]
    ).sum((1, 2, 3)) / 200
    assert 4 - 2.71 < rows.min() < 2 < 6 < rows.max() < 4 + 2.71
    ramp = np.tile(np.arange(8, dtype=np.float32)[:, None], (30, 1, 8))[..., None]
    flips = layers.RandomFlip("vertical")(ramp).numpy()[:, 0, 0, 0]
    assert set(flips) == {0.0, 7.0}
    shown = layers.RandomZoom(-0.5)(ramp).numpy()
    assert 3.4 < shown[:, :, 0, 0].mean() < 3.6
    turned = layers.RandomRotation((0.25, 0.25), fill_mode="nearest")(ramp[:1]).numpy()[0, :, :, 0]
    assert turned == pytest.approx(np.rot90(ramp[0, :, :, 0]), abs=1e-3) or turned == pytest.approx(
        np.rot90(ramp[0, :, :, 0], 3), abs=1e-3
    )
    bright = layers.RandomBrightness((0.1, 0.2), value_range=(0, 10))(ramp[:, :3, :3] * 0).numpy()
    assert 1 <= bright.min() < bright.max() <= 2


def test_normalisation_is_adapted_and_kept(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal([1, 5], [2, 3], (400, 2)).astype(np.float32)
    layer = layers.Normalization()
    with pytest.raises(ValueError, match="adapt"):
        keras.Sequential([keras.Input((2,)), layer]).predict(data)
    layer.adapt(data)
    model = keras.Sequential([keras.Input((2,)), layer])
    found = model.predict(data)
    assert found.mean(0) == pytest.approx(np.zeros(2), abs=1e-5)
    assert found.std(0) == pytest.approx(np.ones(2), abs=1e-5)
    again = keras.models.load_model(model.save(tmp_path / "model.safetensors"))
    assert np.array_equal(again.predict(data), found)


def test_pictures_of_any_size_are_resized_before_a_network() -> None:
    resize = keras.Sequential([layers.Resizing(6, 4), layers.Rescaling(1 / 255)])
    assert resize(np.full((9, 7, 3), 255, np.uint8)).numpy() == pytest.approx(np.ones((6, 4, 3)))
    within = keras.Sequential([keras.Input((9, 7, 3)), layers.Resizing(6, 4)])
    x = waves(2, 9, 7, 3)
    assert within.predict(x) == pytest.approx(layers.Resizing(6, 4)(x).numpy())
    assert "upsample" in str(keras.Sequential([keras.Input((3, 2, 3)), layers.Resizing(6, 4)]).network)


@pytest.mark.parametrize("kind", [layers.ZeroPadding1D, layers.Cropping1D])
def test_steps_come_before_channels_in_layers_that_are_no_node(kind):
    with pytest.raises(ValueError, match="expected data_format='channels_last', received 'channels_first'"):
        kind(1, data_format="channels_first")


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.Dropout(0.5, seed=7),
        lambda: layers.GaussianNoise(0.1, seed=7),
        lambda: layers.SpatialDropout1D(0.5, seed=7),
        lambda: layers.RandomFlip("horizontal", seed=7),
        lambda: layers.LSTM(3, seed=7),
        lambda: layers.Dense(3, dtype="mixed_float16"),
        lambda: layers.Conv2D(3, 3, dtype="bfloat16"),
    ],
)
def test_settings_that_change_nothing_are_said(make: Any) -> None:
    with pytest.warns(UserWarning, match=r"(seed=7|dtype='(mixed_float16|bfloat16)') changes nothing here: "):
        make()


def test_settings_that_ask_for_what_is_not_there_are_refused_and_what_is_usual_is_taken() -> None:
    for make in (lambda: layers.LSTM(3, time_major=True), lambda: layers.Embedding(5, 3, quantization_config="int8")):
        with pytest.raises(hubel.HubelError, match=r"expected (time_major|quantization_config)="):
            make()
    layers.LSTM(3, time_major=False, seed=None, dtype="float32")
