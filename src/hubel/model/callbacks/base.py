"""A base for callbacks, and those that watch no figure."""

from __future__ import annotations

import csv
import inspect
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hubel.base.errors import SettingError

if TYPE_CHECKING:
    from hubel.model.networks.model import Model

Logs = dict[str, Any]


class Callback:
    """A base for your own: write the moments you care for. `model` and `params` are there from the start of training.

    `logs` has the figures so far: at an epoch's end loss, metrics and their `val_` counterparts, at a batch's end the
    means since the epoch began. Set `model.stop_training = True` to stop after this batch. Epochs and batches count
    from 0.
    """

    model: Model
    params: dict[str, Any]

    def set_model(self, model: Model) -> None:
        """Take the model that is trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take what is known beforehand: epochs, steps, verbose."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """`fit` begins."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """`fit` ends."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch begins."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """An epoch ends; what is changed in `logs` is what comes after, history included, sees."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A step begins."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A step ends."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A step begins: the older name."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A step ends: the older name."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """`evaluate` begins, or validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """`evaluate` ends, or validation."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of `evaluate` begins."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of `evaluate` ends."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """`predict` begins."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """`predict` ends."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of `predict` begins."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A batch of `predict` ends."""


class History(Callback):
    """What `fit` returns: `history` has a list for each figure, a number an epoch; `epoch` counts from 0."""

    def __init__(self) -> None:
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write the figures down."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class LambdaCallback(Callback):
    """Functions of one's own for single moments: LambdaCallback(on_epoch_end=lambda epoch, logs: …)."""

    def __init__(self, **functions: Callable[..., None] | None) -> None:
        moments = [name for name in dir(Callback) if name.startswith("on_")]
        for name, function in functions.items():
            if name not in moments:
                raise SettingError(f"expected functions for {', '.join(moments)}, received {name!r}")
            if function is not None:
                setattr(self, name, function)


class LearningRateScheduler(Callback):
    """Sets the learning rate at each epoch's start to `schedule(epoch, learning rate so far)`."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Set the rate."""
        try:
            takes = len(inspect.signature(self.schedule).parameters)
        except ValueError:  # a function written in C
            takes = 2
        rate = float(self.schedule(*(epoch, self.model.optimizer.learning_rate)[: max(1, takes)]))
        self.model.optimizer.learning_rate = rate
        if self.verbose:
            print(f"Epoch {epoch + 1}: learning rate {rate:g}")

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Add the rate to the figures."""
        if logs is not None:
            logs["learning_rate"] = self.model.optimizer.learning_rate


class TerminateOnNaN(Callback):
    """Stops training where the loss is no number, and says at which step; without it `fit` raises an error then."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Look at the loss."""
        loss = (logs or {}).get("loss")
        if loss is not None and not math.isfinite(loss):
            print(f"Batch {batch}: the loss is {loss}, training stops")
            self.model.stop_training = True


class CSVLogger(Callback):
    """Writes a row of figures an epoch: `epoch`, from 0, then the figures by their names in alphabetical order.

    append: go on in a file that is there.
    """

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.filename, self.separator, self.append = Path(filename), separator, append
        self.keys: list[str] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open the file; its folder is made."""
        self.filename.parent.mkdir(parents=True, exist_ok=True)
        self._headed = self.append and self.filename.exists() and self.filename.stat().st_size > 0
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write a row; figures of validation that were not measured are NA."""
        figures = logs or {}
        if self.keys is None:
            names = sorted(figures)
            more = [f"val_{name}" for name in names if not any(name.startswith("val_") for name in names)]
            self.keys = names + [name for name in more if self.model.is_validated]
        writer = csv.writer(self._file, delimiter=self.separator, lineterminator="\n")
        if not self._headed:
            writer.writerow(["epoch", *self.keys])
            self._headed = True
        writer.writerow([epoch, *(figures.get(name, "NA") for name in self.keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the file."""
        self._file.close()


class TensorBoard(Callback):
    """Writes the curves as TensorBoard reads them: `epoch_loss` and the like, under `log_dir`/train and /validation.

    Raises ModuleNotFoundError with the line that installs it where tensorboard is absent. Histograms, graphs, images,
    embeddings and profiles are not written.
    """

    def __init__(self, log_dir: str | os.PathLike[str] = "logs", **settings: Any) -> None:
        self.log_dir, self.settings = os.fspath(log_dir), settings
        for name in ("histogram_freq", "write_images", "embeddings_freq", "profile_batch"):
            if settings.pop(name, 0):
                raise SettingError(f"expected TensorBoard with {name}=0: curves alone are written, received more")
        self.by_batch = settings.pop("update_freq", "epoch")
        for name in settings:
            if name not in ("write_graph", "write_steps_per_second", "embeddings_metadata"):
                raise TypeError(f"TensorBoard takes no argument {name!r}")
        self._steps = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Open both files."""
        from hubel.train.run.listeners import summary_writer

        self._writers = {part: summary_writer(os.path.join(self.log_dir, part)) for part in ("train", "validation")}

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Write a step's figures where `update_freq` asks for it."""
        self._steps += 1
        every = 1 if self.by_batch == "batch" else self.by_batch
        if isinstance(every, int) and self._steps % every == 0:
            for name, value in (logs or {}).items():
                self._writers["train"].add_scalar(f"batch_{name}", value, self._steps)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Write an epoch's figures."""
        for name, value in (logs or {}).items():
            part = "validation" if name.startswith("val_") else "train"
            if isinstance(value, (int, float)):
                self._writers[part].add_scalar(f"epoch_{name.removeprefix('val_')}", value, epoch)

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()


class CallbackList:
    """Several as one. Raises ValueError for what is none."""

    def __init__(self, callbacks: Sequence[Callback], model: Any, **params: Any) -> None:
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise SettingError(f"expected callbacks as objects of Callback, received {callback!r}")
            callback.set_model(model)
            callback.set_params(params)
        self.callbacks = callbacks

    def __call__(self, moment: str, *arguments: Any) -> None:
        """Call `moment` of each, such as "on_epoch_end"; figures that are not known yet are an empty dict."""
        told = arguments and isinstance(arguments[-1], dict)
        for callback in self.callbacks:
            getattr(callback, moment)(*arguments, *(() if told else ({},)))
