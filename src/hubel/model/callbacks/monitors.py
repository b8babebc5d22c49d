"""Callbacks that watch one figure: stopping, keeping the best, lowering the rate."""

from __future__ import annotations

import operator
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from hubel.base.errors import SettingError, UnknownNameError
from hubel.base.names import did_you_mean
from hubel.model.callbacks.base import Callback, Logs

Mode = Literal["auto", "min", "max"]


class _Monitor(Callback):
    """What watches one figure. `mode`: whether lower ("min") or higher ("max") is better; "auto" goes by its name."""

    def __init__(self, monitor: str, mode: Mode, min_delta: float = 0.0, best: float | None = None) -> None:
        if mode not in ("auto", "min", "max"):
            raise SettingError(f"expected mode auto, min or max, received {mode!r}")
        self.monitor, self.mode, self.min_delta, self.best = monitor, mode, abs(min_delta), best
        self._towards(mode == "max" or (mode == "auto" and monitor.endswith(("acc", "accuracy"))))

    def _towards(self, higher: bool) -> None:
        self._beats = operator.gt if higher else operator.lt
        self._handicap = -self.min_delta if higher else self.min_delta

    def set_model(self, model: Any) -> None:
        """Take the model; what its metrics say of their good end decides where `mode` is "auto"."""
        super().set_model(model)
        metric = next((each for each in model.metrics if each.name == self.monitor.removeprefix("val_")), None)
        if self.mode == "auto" and metric is not None:
            self._towards(metric.best == "highest")

    def is_better(self, value: float, than: float | None) -> bool:
        """Whether a value beats another one by more than `min_delta`; everything beats nothing."""
        return than is None or bool(self._beats(value + self._handicap, than))

    def watched(self, logs: Logs | None) -> float | None:
        """Return the figure, or None with a warning where there is none of that name."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = list(logs or {})
            hint = did_you_mean(self.monitor, known)
            if self.monitor.startswith("val_") and not any(name.startswith("val_") for name in known):
                hint = "; give fit validation_data or validation_split"
            told = ", ".join(known) or "none"
            warnings.warn(
                f"{type(self).__name__}: expected a figure {self.monitor!r}, received {told}{hint}", stacklevel=2
            )
        return value


class EarlyStopping(_Monitor):
    """Stops once the figure has not got better, by more than `min_delta`, for `patience` epochs.

    baseline: only a figure better than this one restarts the wait. restore_best_weights: the model gets the weights of
    the best epoch at the end. start_from_epoch: epochs before it are not watched.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: Mode = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best_weights: list[NDArray[np.float32]] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier training."""
        self.wait = self.stopped_epoch = self.best_epoch = 0
        self.best = self.best_weights = None

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, and stop where patience is over."""
        value = self.watched(logs)
        if value is None or epoch < self.start_from_epoch:
            return
        better = self.is_better(value, self.best)
        self.wait += 1
        if better:
            self.best, self.best_epoch = value, epoch
            if self.baseline is None or self.is_better(value, self.baseline):
                self.wait = 0
        if self.restore_best_weights and (better or self.best_weights is None):
            self.best_weights = self.model.get_weights()
        if not better and self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Put the best weights back where that was asked for."""
        if self.stopped_epoch and self.verbose:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class ModelCheckpoint(_Monitor):
    """Saves the model after each epoch, or after every `save_freq` steps.

    filepath: where to; `{epoch:02d}` (from 1), `{batch}` and figures such as `{val_loss:.2f}` are filled in. The file
    is a model's as `Sequential.save` writes it, whatever its ending. save_best_only: only where the figure got better.
    initial_value_threshold: what counts as the best before the first epoch.
    """

    def __init__(
        self,
        filepath: str | Path,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: Mode = "auto",
        save_freq: int | Literal["epoch"] = "epoch",
        initial_value_threshold: float | None = None,
        options: Any = None,
    ) -> None:
        super().__init__(monitor, mode, best=initial_value_threshold)
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise SettingError(f"expected save_freq 'epoch' or a number of steps, received {save_freq!r}")
        self.filepath, self.verbose, self.save_best_only = str(filepath), verbose, save_best_only
        self.save_weights_only, self.save_freq = save_weights_only, save_freq
        self._epoch = self._steps = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Remember the epoch for the file's name."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Save where enough steps are done."""
        self._steps += 1
        if self.save_freq != "epoch" and self._steps % self.save_freq == 0:
            self._save({"batch": batch + 1, **(logs or {})})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Save at the epoch's end."""
        if self.save_freq == "epoch":
            self._save(logs or {})

    def _save(self, logs: Logs) -> None:
        value = self.watched(logs) if self.save_best_only else None
        if value is not None:  # without the figure every epoch counts as the best
            if not self.is_better(value, self.best):
                return
            self.best = value
        try:
            path = self.filepath.format(epoch=self._epoch + 1, **logs)
        except KeyError as missing:
            known = ", ".join(["epoch", *logs])
            raise UnknownNameError(
                f"{self.filepath}: expected names of {known}, received {missing.args[0]!r}"
            ) from None
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path)
        if self.verbose:
            print(f"Epoch {self._epoch + 1}: saved {path}")


class ReduceLROnPlateau(_Monitor):
    """Multiplies the learning rate by `factor` once the figure has not got better for `patience` epochs."""

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: Mode = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        super().__init__(monitor, mode, min_delta)
        if not 0 <= factor < 1:
            raise SettingError(f"expected a factor from 0 to 1, received {factor}")
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr
        self.wait = self.cooldown_counter = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Forget an earlier training."""
        self.best, self.wait, self.cooldown_counter = None, 0, 0

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Compare, and lower the rate where patience is over."""
        rate = self.model.optimizer.learning_rate
        if logs is not None:
            logs["learning_rate"] = rate
        value = self.watched(logs)
        if value is None:
            return
        if self.cooldown_counter:
            self.cooldown_counter -= 1
            self.wait = 0
        if self.is_better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.cooldown_counter:
            self.wait += 1
            if self.wait >= self.patience and rate > self.min_lr:
                self.model.optimizer.learning_rate = max(rate * self.factor, self.min_lr)
                self.cooldown_counter, self.wait = self.cooldown, 0
                if self.verbose:
                    print(f"Epoch {epoch + 1}: learning rate {self.model.optimizer.learning_rate:g}")
