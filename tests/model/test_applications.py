"""Networks of `keras.applications`: Keras's parameters, tops, pooling, files of weights, prepared pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import hubel.model as keras
from hubel.model.applications import MobileNetV2
from hubel.model.applications.vgg16 import preprocess_input

# parameters that are trained, by Keras 3.15.1's summary
COUNTS = {
    "VGG16": 138_357_544,
    "VGG19": 143_667_240,
    "DenseNet121": 7_978_856,
    "MobileNet": 4_231_976,
    "MobileNetV2": 3_504_872,
}


@pytest.mark.parametrize("name", COUNTS)
def test_parameters_are_keras_s(name: str) -> None:
    from hubel.arch import analyse
    from hubel.zoo import get

    word = {"MobileNet": "mobilenet_v1", "MobileNetV2": "mobilenet_v2"}.get(name, name.lower())
    assert analyse(get(word)).parameters == COUNTS[name]
    assert callable(getattr(keras.applications, name))


def test_a_body_is_frozen_and_a_new_top_learns() -> None:
    base = MobileNetV2(input_shape=(32, 32, 3), include_top=False, weights=None)
    assert base.output_shape == (None, 1, 1, 1280)
    base.trainable = False
    inputs = keras.Input((32, 32, 3))
    x = base(keras.applications.mobilenet_v2.preprocess_input(inputs), training=False)
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, outputs)
    assert [len(weights.shape) for weights in model.trainable_weights] == [2, 1]
    before = [weight.copy() for weight in base.get_weights()]
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    pictures = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    model.fit(pictures, np.array([0, 1, 0, 1]), epochs=1, verbose=0)
    assert all((one == other).all() for one, other in zip(before, base.get_weights(), strict=True))


def test_pooling_classes_and_the_end_are_as_asked() -> None:
    base = MobileNetV2(input_shape=(32, 32, 3), include_top=False, weights=None, pooling="max")
    assert base.output_shape == (None, 1280)
    whole = MobileNetV2(input_shape=(32, 32, 3), weights=None, classes=5, classifier_activation=None)
    assert whole.output_shape == (None, 5)
    assert str(whole.network).rstrip().endswith("dense 5")


def test_a_file_of_weights_is_taken_with_and_without_the_top(tmp_path: Any) -> None:
    one = MobileNetV2(input_shape=(32, 32, 3), weights=None, classes=3)
    path = tmp_path / "weights.pth"
    torch.save(one.module.state_dict(), path)
    other = MobileNetV2(input_shape=(32, 32, 3), weights=path, classes=3)
    body = MobileNetV2(input_shape=(32, 32, 3), weights=str(path), classes=3, include_top=False)
    picture = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    np.testing.assert_array_equal(one.predict(picture), other.predict(picture))
    assert all((a == b).all() for a, b in zip(body.get_weights(), one.get_weights(), strict=False))


def test_pixels_are_prepared_as_keras_does() -> None:
    pixels = np.array([[[[0.0, 127.5, 255.0]]]])
    np.testing.assert_allclose(preprocess_input(pixels)[0, 0, 0], [255 - 103.939, 127.5 - 116.779, -123.68], rtol=1e-5)
    np.testing.assert_allclose(keras.applications.mobilenet.preprocess_input(pixels)[0, 0, 0], [-1, 0, 1], atol=1e-6)
    expected = [(0 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    np.testing.assert_allclose(keras.applications.densenet.preprocess_input(pixels)[0, 0, 0], expected, rtol=1e-5)
    with pytest.raises(ValueError, match="expected arrays in preprocess_input"):
        preprocess_input(keras.Input((4, 4, 3)))
