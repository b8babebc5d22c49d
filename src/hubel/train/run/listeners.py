"""Listeners besides the display: several at once, and TensorBoard's files."""

from __future__ import annotations

import os
from typing import Any

from hubel.train.run.events import EpochMetrics, Event, Finished, Listener, Progress


def together(*listeners: Listener) -> Listener:
    """One listener that passes each event to all of these, in order."""

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


def summary_writer(directory: str | os.PathLike[str]) -> Any:
    """PyTorch's writer of TensorBoard's files. Raises ModuleNotFoundError with the line that installs it where
    tensorboard is absent.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ModuleNotFoundError(
            "TensorBoard's files need the package tensorboard: pip install tensorboard"
        ) from error
    return SummaryWriter(os.fspath(directory))


class TensorBoard:
    """A listener that writes the curves as TensorBoard reads them, into `directory`.

    Raises ModuleNotFoundError with the line that installs it where tensorboard is absent.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._writer: Any = summary_writer(directory)

    def __call__(self, event: Event) -> None:
        """Write what an event says."""
        if isinstance(event, Progress):
            self._write(event.step, {f"training/{name}": value for name, value in event.figures.items()})
        elif isinstance(event, EpochMetrics):
            self._write(
                event.step, {"learning_rate": event.learning_rate, "images_per_second": event.images_per_second}
            )
            if event.evaluated:
                figures = {f"{event.evaluated}/{name}": value for name, value in event.evaluation.items()}
                self._write(event.step, figures)
            self._writer.flush()
        elif isinstance(event, Finished):
            self._writer.close()

    def _write(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
