"""Keras's way: compile and fit. The backend is what KERAS_BACKEND says."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

if os.environ.get("KERAS_BACKEND") == "jax":
    sys.modules["tensorflow"] = None  # where it is installed, Keras would import it beside JAX, which takes seconds

import keras
import numpy as np
from network_keras import network


class Until(keras.callbacks.Callback):
    """Tells the test accuracy after each epoch, and stops where it is enough."""

    def __init__(self, accuracy: float, images: int) -> None:
        super().__init__()
        self.accuracy, self.images = accuracy, images

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the clock."""
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Note when the last step ended."""
        self.ended = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Tell, and stop where it is enough."""
        accuracy = float((logs or {})["val_accuracy"])
        pace = self.images / (self.ended - self.began)
        print(json.dumps({"accuracy": accuracy, "epoch": epoch + 1, "images_per_second": pace}), flush=True)
        self.model.stop_training = accuracy >= self.accuracy - 1e-7  # Keras keeps float32


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--accuracy", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--mean", type=float, default=0.1307)
    parser.add_argument("--std", type=float, default=0.3081)
    arguments = parser.parse_args()
    keras.utils.set_random_seed(arguments.seed)
    data = np.load(arguments.data)
    x, x_test = data["x_train"].astype("float32") / 255, data["x_test"].astype("float32") / 255
    model = network()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x,
        data["y_train"],
        batch_size=arguments.batch_size,
        epochs=arguments.epochs,
        validation_data=(x_test, data["y_test"]),
        callbacks=[Until(arguments.accuracy, len(x))],
        verbose=0,
    )


if __name__ == "__main__":
    main()
