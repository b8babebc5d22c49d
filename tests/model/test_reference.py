"""Losses, metrics, schedules and frozen layers against Keras: `keras_reference.json` is what Keras 3.15.1 gave."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hubel.model as keras
from hubel.model import losses, metrics, optimizers
from hubel.model.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, RMSprop, schedules

REFERENCE = json.loads((Path(__file__).parent / "keras_reference.json").read_text())
P = (np.sin(np.arange(24.0) * 1.7) * 0.5 + 0.5).reshape(8, 3).astype("float32")
S = (np.exp(P) / np.exp(P).sum(1, keepdims=True)).astype("float32")
Y = np.arange(8) * 5 % 3
R = np.eye(3, dtype="float32")[Y]
B, Q = (np.arange(8) % 2).astype("float32")[:, None], P[:, :1]
W = np.linspace(0.2, 2, 8).astype("float32")

LOSSES: dict[str, tuple[Any, Any, Any]] = {
    "mse": (losses.MeanSquaredError(), R, P),
    "mae": (losses.MeanAbsoluteError(), R, P),
    "mape": (losses.MeanAbsolutePercentageError(), P, S),
    "msle": (losses.MeanSquaredLogarithmicError(), R, P),
    "huber": (losses.Huber(delta=0.3), R, P),
    "log_cosh": (losses.LogCosh(), R, P),
    "kl": (losses.KLDivergence(), S, P),
    "poisson": (losses.Poisson(), R, P),
    "hinge": (losses.Hinge(), R, P),
    "squared_hinge": (losses.SquaredHinge(), R, P),
    "categorical_hinge": (losses.CategoricalHinge(), R, P),
    "cosine": (losses.CosineSimilarity(), R, P),
    "cce": (losses.CategoricalCrossentropy(), R, S),
    "cce_logits_smooth": (losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.2), R, P),
    "scce": (losses.SparseCategoricalCrossentropy(), Y, S),
    "scce_logits": (losses.SparseCategoricalCrossentropy(from_logits=True), Y, P),
    "bce": (losses.BinaryCrossentropy(), B, Q),
    "bce_smooth": (losses.BinaryCrossentropy(label_smoothing=0.1), B, Q),
    "bfce": (losses.BinaryFocalCrossentropy(), B, Q),
    "cfce": (losses.CategoricalFocalCrossentropy(), R, S),
}
METRICS: dict[str, tuple[Any, Any, Any]] = {
    "accuracy": (metrics.Accuracy(), Y, (Y + np.arange(8) % 2) % 3),
    "binary": (metrics.BinaryAccuracy(), B, Q),
    "categorical": (metrics.CategoricalAccuracy(), R, S),
    "sparse": (metrics.SparseCategoricalAccuracy(), Y, S),
    "top2": (metrics.TopKCategoricalAccuracy(k=2), R, S),
    "stop2": (metrics.SparseTopKCategoricalAccuracy(k=2), Y, S),
    "precision": (metrics.Precision(), B, Q),
    "recall": (metrics.Recall(thresholds=0.3), B, Q),
    "precision_many": (metrics.Precision(thresholds=[0.2, 0.6]), B, Q),
    "precision_top1": (metrics.Precision(top_k=1), R, S),
    "recall_class": (metrics.Recall(class_id=1, thresholds=0.3), R, S),
    "auc": (metrics.AUC(), B, Q),
    "auc_pr": (metrics.AUC(curve="PR"), B, Q),
    "auc20": (metrics.AUC(num_thresholds=20), R, S),
    "tp": (metrics.TruePositives(), B, Q),
    "fn": (metrics.FalseNegatives(), B, Q),
    "f1": (metrics.F1Score(average="macro"), R, S),
    "f1w": (metrics.F1Score(average="weighted"), R, S),
    "f1n": (metrics.F1Score(), R, S),
    "mse": (metrics.MeanSquaredError(), R, P),
    "rmse": (metrics.RootMeanSquaredError(), R, P),
    "cosine": (metrics.CosineSimilarity(), R, P),
    "bce": (metrics.BinaryCrossentropy(), B, Q),
    "kl": (metrics.KLDivergence(), S, P),
}
SCHEDULES: dict[str, Any] = {
    "exp": schedules.ExponentialDecay(0.1, 10, 0.5),
    "stairs": schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    "inverse": schedules.InverseTimeDecay(0.1, 10, 0.5),
    "poly": schedules.PolynomialDecay(0.1, 20, 0.01, 2.0),
    "cycle": schedules.PolynomialDecay(0.1, 8, 0.01, cycle=True),
    "piece": schedules.PiecewiseConstantDecay([3, 10], [1.0, 0.5, 0.1]),
    "cos": schedules.CosineDecay(0.1, 20, 0.1),
    "warm": schedules.CosineDecay(0.0, 10, warmup_target=0.1, warmup_steps=5),
    "restart": schedules.CosineDecayRestarts(0.1, 8),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses_are_keras_s(name: str) -> None:
    loss, truth, found = LOSSES[name]
    plain, weighted = REFERENCE["losses"][name]
    assert float(loss(truth, found)) == pytest.approx(plain, rel=1e-4)
    assert float(loss(truth, found, sample_weight=W)) == pytest.approx(weighted, rel=1e-4)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_keras_s_over_two_batches(name: str) -> None:
    metric, truth, found = METRICS[name]
    for weights, expected in zip((None, W), REFERENCE["metrics"][name], strict=True):
        metric.reset_state()
        for rows in (slice(0, 5), slice(5, 8)):
            metric.update_state(truth[rows], found[rows], None if weights is None else weights[rows])
        assert np.asarray(metric.result()) == pytest.approx(np.array(expected), abs=2e-5)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_are_keras_s(name: str) -> None:
    assert [SCHEDULES[name](step) for step in (0, 3, 10, 25)] == pytest.approx(REFERENCE["schedules"][name], abs=2e-7)
    again = schedules.deserialize(schedules.serialize(SCHEDULES[name]))
    assert again(7) == SCHEDULES[name](7)


def network(**settings: Any) -> keras.Sequential:
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="relu", **settings),
            keras.layers.BatchNormalization(momentum=0.8),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    shapes = [w.shape for w in model.get_weights()]
    weights = [(np.sin(np.arange(np.prod(s)) * (1.1 + i)) * 0.6).reshape(s) for i, s in enumerate(shapes)]
    weights[5] = np.abs(weights[5]) + 0.5
    model.set_weights(weights)
    return model


def frozen(layer: int) -> keras.Sequential:
    model = network()
    model.layers[layer].trainable = False
    return model


FITS: dict[str, tuple[Any, Any]] = {
    "batch of one": (network, lambda: SGD(0.1)),
    "regularized": (lambda: network(kernel_regularizer=keras.regularizers.L2(0.05)), lambda: SGD(0.1)),
    "frozen norm": (lambda: frozen(1), lambda: SGD(0.1)),
    "frozen dense": (lambda: frozen(0), lambda: SGD(0.1)),
    "clipnorm": (network, lambda: SGD(0.5, clipnorm=0.05)),
    "clipvalue": (network, lambda: SGD(0.5, clipvalue=0.01)),
    "global_clipnorm": (network, lambda: Adam(0.01, global_clipnorm=0.1)),
    "schedule": (network, lambda: Adam(schedules.ExponentialDecay(0.05, 2, 0.5))),
    "rmsprop": (network, lambda: RMSprop(0.01)),
    "adagrad": (network, lambda: Adagrad(0.1, initial_accumulator_value=0.05)),
    "adadelta": (network, lambda: Adadelta(1.0, rho=0.9, epsilon=1e-4)),
    "adamax": (network, lambda: Adamax(lr=0.05, beta_1=0.8)),
    "nadam": (network, lambda: optimizers.legacy.Nadam(0.05, epsilon=1e-3)),
}


@pytest.mark.parametrize("name", FITS)
def test_training_is_keras_s(name: str) -> None:
    make, optimizer = FITS[name]
    x = np.sin(np.arange(9 * 4) * 0.9).reshape(9, 4).astype("float32")
    y = np.arange(9) % 3
    model = make()
    model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = model.fit(x, y, 4, 3, shuffle=False, verbose=0, validation_data=(x, y)).history
    for figure, values in REFERENCE["fits"][name]["history"].items():
        assert found[figure] == pytest.approx(values, abs=5e-5), figure
    sizes = [float(np.abs(w).sum()) for w in model.get_weights()]
    if "weights" in REFERENCE["fits"][name]:
        assert sizes == pytest.approx(REFERENCE["fits"][name]["weights"], abs=3e-4)
