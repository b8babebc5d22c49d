"""Thirty made-up pictures of three classes, and a small network with given weights: what Keras was asked, too."""

from __future__ import annotations

import numpy as np

import hubel.model as keras

COUNT = 30


def pictures() -> tuple[np.ndarray, np.ndarray]:
    """N×6×5×2, float32, and whole numbers from 0 to 2."""
    grid = np.arange(COUNT * 6 * 5 * 2, dtype=np.float64).reshape(COUNT, 6, 5, 2)
    return (np.sin(grid * 0.7) + np.cos(grid * 0.013)).astype(np.float32), np.arange(COUNT) % 7 % 3


def weights(units: int) -> list[np.ndarray]:
    """In Keras's axes."""
    forms = [(3, 3, 2, 4), (4,), (24, 3), (3,)]
    made = [(np.sin(np.arange(np.prod(f)) * (1.3 + n)) * 0.4).reshape(f).astype("float32") for n, f in enumerate(forms)]
    return [*made[:2], made[2][:, :units], made[3][:units]]


def network(units: int = 3, activation: str = "softmax") -> keras.Sequential:
    """Convolution, pooling, flattening, dense layer."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((6, 5, 2)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D((2, 1)),
            layers.Flatten(),
            layers.Dense(units, activation=activation),
        ]
    )
    model.set_weights(weights(units))
    return model


def compiled() -> keras.Sequential:
    """The network with plain gradient descent, as most tests want it."""
    model = network()
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", ["accuracy"])
    return model
