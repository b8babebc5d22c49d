"""Callbacks: what is called when, and when training stops, as in Keras."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hubel.model import load_model
from hubel.model.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from tests.model.small import compiled, pictures

X, Y = pictures()


class Says(Callback):
    """Puts the given figures in place of the epochs' validation loss."""

    def __init__(self, values: list[float]) -> None:
        self.values = values

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        assert logs is not None
        logs["val_loss"] = self.values[epoch]


class Keeps(Callback):
    """Keeps every epoch's weights."""

    def __init__(self) -> None:
        self.weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.weights.append(self.model.get_weights()[0])


LOSSES = [5, 4, 3, 3.05, 3.2, 2.9, 2.95, 2.96, 2.97, 2.98, 1]


@pytest.mark.parametrize(  # epochs run, and the epoch whose weights are left: what Keras 3.15.1 does
    ("settings", "epochs", "left"),
    [
        ({"patience": 0}, 4, 3),
        ({"patience": 1}, 4, 3),
        ({"patience": 2}, 5, 4),
        ({"patience": 2, "restore_best_weights": True}, 5, 2),
        ({"patience": 3, "restore_best_weights": True}, 9, 5),
        ({"patience": 2, "min_delta": 0.1}, 5, 4),
        ({"patience": 3, "min_delta": 0.1}, 6, 5),
        ({"patience": 5, "restore_best_weights": True}, 11, 10),
        ({"patience": 2, "baseline": 2.92}, 4, 3),
        ({"patience": 1, "start_from_epoch": 4, "restore_best_weights": True}, 7, 5),
        ({"patience": 1, "mode": "max", "restore_best_weights": True}, 2, 0),
    ],
)
def test_early_stopping(settings: dict[str, Any], epochs: int, left: int) -> None:
    model, kept = compiled(), Keeps()
    history = model.fit(X, Y, epochs=11, verbose=0, callbacks=[Says(LOSSES), EarlyStopping(**settings), kept])
    assert len(history.epoch) == epochs
    assert history.history["val_loss"] == LOSSES[:epochs]
    assert np.array_equal(model.get_weights()[0], kept.weights[left])


def test_early_stopping_by_accuracy_goes_up() -> None:
    class Rises(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            assert logs is not None
            logs["val_accuracy"] = [0.1, 0.2, 0.3, 0.3, 0.9][epoch]

    stop = EarlyStopping(monitor="val_accuracy", patience=1)
    assert compiled().fit(X, Y, epochs=5, verbose=0, callbacks=[Rises(), stop]).epoch == [0, 1, 2, 3]


def test_a_figure_that_is_missing_is_named() -> None:
    with pytest.warns(UserWarning, match=r"'val_loss', received loss, accuracy; give fit validation_data"):
        assert compiled().fit(X, Y, epochs=1, verbose=0, callbacks=EarlyStopping()).epoch == [0]


def test_moments_come_in_order() -> None:
    called: list[str] = []
    moments = {
        f"on_{what}_{when}": lambda *given, name=f"{what}_{when}": called.append(name)
        for what in ("train", "epoch", "train_batch", "test", "test_batch", "predict", "predict_batch")
        for when in ("begin", "end")
    }
    model, watcher = compiled(), LambdaCallback(**moments)
    model.fit(X, Y, batch_size=20, epochs=1, validation_data=(X, Y), verbose=0, callbacks=[watcher])
    batch = ["train_batch_begin", "train_batch_end"]
    test = ["test_begin", "test_batch_begin", "test_batch_end", "test_end"]
    assert called == ["train_begin", "epoch_begin", *batch, *batch, *test, "epoch_end", "train_end"]
    called.clear()
    model.predict(X, callbacks=[watcher])
    model.evaluate(X, Y, callbacks=watcher)
    assert called == ["predict_begin", "predict_batch_begin", "predict_batch_end", "predict_end", *test]
    assert watcher.params["epochs"] == 1
    with pytest.raises(ValueError, match="received 'on_epoch'"):
        LambdaCallback(on_epoch=print)


def test_a_callback_sees_running_means_and_can_stop_within_an_epoch() -> None:
    seen: list[tuple[int, float]] = []

    class Own(Callback):
        def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
            assert logs is not None
            seen.append((batch, logs["loss"]))
            self.model.stop_training = len(seen) == 5

    history = compiled().fit(X, Y, batch_size=10, epochs=9, verbose=0, callbacks=[Own()])
    assert [batch for batch, _ in seen] == [0, 1, 2, 0, 1]
    assert history.history["loss"] == pytest.approx([seen[2][1], seen[4][1]])


@pytest.mark.filterwarnings("ignore:.* no file of pictures has these")
def test_checkpoints_are_named_and_kept_when_better(tmp_path: Path) -> None:
    every = ModelCheckpoint(tmp_path / "deep" / "{epoch:02d}-{val_loss:.1f}.keras")
    best = ModelCheckpoint(tmp_path / "best.keras", save_best_only=True)
    kept, model = Keeps(), compiled()
    model.fit(X, Y, epochs=4, verbose=0, callbacks=[Says([3, 2, 2.5, 2.2]), every, best, kept])
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == [
        "01-3.0.keras", "02-2.0.keras", "03-2.5.keras", "04-2.2.keras",
    ]  # fmt: skip
    again = load_model(tmp_path / "best.keras")
    assert np.array_equal(again.get_weights()[0], kept.weights[1])
    again.fit(X, Y, verbose=0)
    model.load_weights(tmp_path / "deep" / "03-2.5.keras")
    assert np.array_equal(model.get_weights()[0], kept.weights[2])
    with pytest.raises(KeyError, match="expected names of epoch, loss"):
        model.fit(X, Y, verbose=0, callbacks=[ModelCheckpoint(tmp_path / "{val_acc}.keras")])


def test_a_figure_that_is_called_otherwise_is_suggested() -> None:
    stop = EarlyStopping(monitor="val_acc", patience=1)
    with pytest.warns(UserWarning, match=r"'val_acc', received loss, .*val_accuracy; did you mean 'val_accuracy'\?"):
        stop.watched({"loss": 1.0, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5})
    with pytest.warns(UserWarning, match="'val_acc', received loss; give fit validation_data or validation_split"):
        stop.watched({"loss": 1.0})


@pytest.mark.filterwarnings("ignore:.* no file of pictures has these")
def test_checkpoints_by_steps(tmp_path: Path) -> None:
    saves = ModelCheckpoint(tmp_path / "{epoch}-{batch}.keras", save_freq=4)
    compiled().fit(X, Y, batch_size=10, epochs=3, verbose=0, callbacks=[saves])  # three steps an epoch
    assert sorted(path.name for path in tmp_path.iterdir()) == ["2-1.keras", "3-2.keras"]


def test_learning_rates_are_set_and_shown() -> None:
    halves = LearningRateScheduler(lambda epoch, rate: rate if epoch < 2 else rate / 2)
    found = compiled().fit(X, Y, epochs=4, verbose=0, callbacks=[halves]).history
    assert found["learning_rate"] == pytest.approx([0.1, 0.1, 0.05, 0.025])
    still = compiled()
    frozen = still.get_weights()
    still.fit(X, Y, epochs=2, verbose=0, callbacks=[LearningRateScheduler(lambda epoch, rate: 0.0)])
    assert all(np.array_equal(one, other) for one, other in zip(frozen, still.get_weights(), strict=True))


def test_plateaus_lower_the_rate() -> None:
    lowers = ReduceLROnPlateau(factor=0.5, patience=2, min_lr=0.03)
    says = Says([3, 2, 2, 2, 2, 2, 2, 1])
    found = compiled().fit(X, Y, epochs=8, verbose=0, callbacks=[says, lowers]).history
    assert found["learning_rate"] == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.03, 0.03])
