"""What programs take of TensorFlow itself: functions by its names, with its values."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch

import hubel.model as keras
from hubel.model import layers
from hubel.model import tensorflow as tf

IMAGE = np.random.default_rng(0).uniform(0, 1, (7, 10, 3)).astype(np.float32)
BYTES = (IMAGE * 255).astype(np.uint8)


def test_names_of_tensorflow_are_those_of_keras_and_of_its_functions() -> None:
    assert tf.keras is keras
    assert tf.nn.softmax(np.zeros((2, 4))).tolist() == [[0.25] * 4] * 2
    score = tf.nn.softmax(np.array([0.0, 0.0, 50.0]))  # as tutorials read what was predicted
    assert (np.argmax(score), 100 * np.max(score), score.numpy().sum()) == (2, 100.0, 1.0)
    assert isinstance(tf.nn.softmax(tf.constant([0.0, 1.0])), tf.Tensor)
    assert tf.__version__ == tf.version.VERSION
    assert tf.math.confusion_matrix([0, 1, 2, 2], [0, 1, 1, 2]).tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert tf.math.confusion_matrix([0, 1], [1, 1], 3, weights=[0.5, 2]).tolist() == [[0, 0.5, 0], [0, 2, 0], [0, 0, 0]]
    assert tf.math.reduce_sum(np.ones(3)) == 3
    with pytest.raises(AttributeError, match=r"no GradientTape: .*loss\.backward\(\).*train_on_batch takes one step"):
        _ = tf.GradientTape
    for missing in ("lite", "saved_model"):
        with pytest.raises(AttributeError, match=f"has no {missing}, which is TensorFlow's own form; hubel export"):
            getattr(tf, missing)
    assert tf.reduce_mean(tf.cast(BYTES, tf.float32)) == pytest.approx(BYTES.mean(), rel=1e-5)
    assert tf.clip_by_value(tf.constant([-1.0, 0.5, 2.0]), 0, 1).tolist() == [0, 0.5, 1]
    assert tuple(tf.squeeze(tf.expand_dims(IMAGE, 0)).shape) == IMAGE.shape
    assert tf.function(abs)(-1) == tf.function(jit_compile=True)(abs)(-1) == 1
    with pytest.raises(AttributeError, match="no reduce_meen; did you mean 'reduce_mean'"):
        _ = tf.reduce_meen


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.0, 3.0])
def test_saturation_is_that_of_hue_saturation_and_value(factor: float) -> None:
    wanted = []
    for red, green, blue in IMAGE.reshape(-1, 3).tolist():
        hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        wanted.append(colorsys.hsv_to_rgb(hue, min(1.0, saturation * factor), value))
    assert tf.image.adjust_saturation(IMAGE, factor).numpy().reshape(-1, 3) == pytest.approx(np.array(wanted), abs=1e-5)


def test_light_changes_in_units_of_the_type() -> None:
    image = tf.image
    assert image.adjust_brightness(IMAGE, 0.4).numpy() == pytest.approx(IMAGE + 0.4)
    lighter = image.adjust_brightness(BYTES, 0.4)
    assert lighter.dtype == torch.uint8
    assert np.abs(lighter.numpy() - (BYTES.astype(int) + 102).clip(0, 255)).max() <= 1
    mean = IMAGE.mean((0, 1))
    assert image.adjust_contrast(IMAGE, 2).numpy() == pytest.approx((IMAGE - mean) * 2 + mean, abs=1e-5)
    assert image.rgb_to_grayscale(IMAGE).numpy()[..., 0] == pytest.approx(IMAGE @ [0.2989, 0.587, 0.114], abs=1e-5)
    assert (image.convert_image_dtype(image.convert_image_dtype(BYTES, "float32"), "uint8").numpy() == BYTES).all()


def test_pictures_are_turned_and_cut() -> None:
    image = tf.image
    assert (image.rot90(BYTES).numpy() == np.rot90(BYTES)).all()
    assert (image.flip_left_right(BYTES).numpy() == BYTES[:, ::-1]).all()
    assert (image.central_crop(BYTES, 0.5).numpy() == BYTES[1:6, 2:8]).all()
    padded = image.resize_with_crop_or_pad(BYTES, 5, 13).numpy()
    assert padded.shape == (5, 13, 3)
    assert (padded[:, 1:11] == BYTES[1:6]).all()
    assert not padded[:, [0, 11, 12]].any()
    assert tuple(image.resize(BYTES, [4, 4]).shape) == (4, 4, 3)
    with pytest.raises(ValueError, match="expected a size of at most"):
        image.stateless_random_crop(BYTES, (8, 8, 3), (1, 2))
    with pytest.raises(ValueError, match="expected a box inside of 7×10"):
        image.crop_to_bounding_box(BYTES, 1, 1, 7, 4)


def test_seeds_say_what_is_drawn() -> None:
    for draw in (tf.image.stateless_random_brightness, tf.image.stateless_random_flip_left_right):
        settings = (0.9,) if draw is tf.image.stateless_random_brightness else ()
        same, other, more = (
            [draw(IMAGE, *settings, seed=(seed, 0)).numpy() for seed in seeds]
            for seeds in (range(20), range(20), range(20, 40))
        )
        assert np.array_equal(same, other)
        assert not np.array_equal(same, more)
    crops = {tf.image.stateless_random_crop(BYTES, (3, 4, 3), (seed, 1)).numpy().tobytes() for seed in range(60)}
    assert len(crops) > 15
    assert tuple(tf.random.Generator.from_seed(3).make_seeds(4).shape) == (2, 4)
    assert tf.random.split((1, 2), num=1)[0].tolist() == tf.random.split((1, 2), num=1)[0].tolist()
    drawn = tf.random.uniform((1000,), 3, 7, dtype="int32")
    assert (drawn.min(), drawn.max()) == (3, 6)


def test_preparing_layers_in_a_row_take_pictures_of_any_size() -> None:
    rows = keras.Sequential([layers.RandomFlip("horizontal"), layers.Rescaling(2.0)])
    for size in (5, 8, 3):
        assert rows(np.ones((1, size, 6, 3), np.float32)).shape == (1, size, 6, 3)
    counter = tf.data.experimental.Counter()
    zipped = tf.data.Dataset.zip((tf.data.Dataset.range(3), (counter, counter)))
    assert [(int(x), tuple(map(int, seeds))) for x, seeds in zipped] == [(0, (0, 0)), (1, (1, 1)), (2, (2, 2))]
    weighed = keras.Sequential([layers.Conv2D(2, 3)])
    assert weighed(np.ones((1, 5, 5, 3), np.float32)).shape == (1, 3, 3, 2)
    assert weighed.input_shape == (5, 5, 3)
