"""What a service counts, over all its processes, in Prometheus's text form.

Each process has a row of numbers, in memory or in a file that all of them map; the page of metrics is the rows' sum.
A process that was killed leaves its row, and the next one goes on with it, so that counters never fall.
"""

from __future__ import annotations

import math
import os
import tempfile
from bisect import bisect_left
from collections.abc import Sequence
from multiprocessing import reduction
from typing import Any

import numpy as np
import numpy.typing as npt

from hubel.serve.refusal import REASONS

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUNDS = {
    "hubel_batch_pictures": (1, 2, 4, 8, 16, 32, 64, 128, 256),
    "hubel_batch_seconds": _SECONDS,
    "hubel_request_seconds": _SECONDS,
}
_STATUSES = tuple(sorted({200, 206, 499, *REASONS.values()}))
_GAUGES = ("hubel_queue_pictures",)
_HELP = {
    "hubel_requests_total": ("counter", "Requests by the status of their answer (499: the client went away)."),
    "hubel_refused_total": ("counter", "Requests refused, by reason."),
    "hubel_pictures_total": ("counter", "Pictures answered."),
    "hubel_unreadable_total": ("counter", "Pictures that could not be read."),
    "hubel_reloads_total": ("counter", "Changed model files, by whether they were taken."),
    "hubel_queue_pictures": ("gauge", "Pictures that wait now."),
    "hubel_queue_limit": ("gauge", "Pictures that may wait, a process."),
    "hubel_batch_pictures": ("histogram", "Pictures that were answered at once."),
    "hubel_batch_seconds": ("histogram", "Time to decode and compute a batch."),
    "hubel_request_seconds": ("histogram", "Time from a request's arrival to its answer."),
}


def _series(models: Sequence[str]) -> list[tuple[str, str]]:
    """Every number that is kept: its metric, and its labels as they are written; each metric's in one group."""
    labels = [f'model="{model}"' for model in models]
    found = [("hubel_requests_total", f'status="{status}"') for status in _STATUSES]
    found += [("hubel_refused_total", f'reason="{reason}"') for reason in REASONS]
    for metric in ("hubel_pictures_total", "hubel_unreadable_total", "hubel_queue_pictures"):
        found += [(metric, label) for label in labels]
    found += [("hubel_reloads_total", f'{label},taken="{word}"') for label in labels for word in ("yes", "no")]
    for metric, bounds in _BOUNDS.items():
        for label in labels:
            found += [(f"{metric}_bucket", f'{label},le="{_bound(bound)}"') for bound in (*bounds, math.inf)]
            found += [(f"{metric}_sum", label)]
    return found


def _bound(bound: float) -> str:
    return "+Inf" if bound == math.inf else f"{bound:g}"


class Rows:
    """The file in which several processes count. It has no name, and goes with the last of them; workers get it as they
    are started.
    """

    def __init__(self, file: Any) -> None:
        self.file = file

    @classmethod
    def of(cls, models: Sequence[str], processes: int) -> Rows:
        """A file for so many processes."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 (held as long as the service runs)
        file.write(bytes(8 * len(_series(models)) * processes))
        file.flush()
        return cls(file)

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (reduction.DupFd(self.file.fileno()),)


def _opened(given: Any) -> Rows:
    return Rows(os.fdopen(given.detach(), "r+b"))


class Board:
    """The numbers of this process, and the page of all."""

    def __init__(self, models: Sequence[str], limit: int, rows: Rows | None = None) -> None:
        self._series = _series(models)
        self._place = {each: place for place, each in enumerate(self._series)}
        self._limit = limit
        if rows is None:
            self._rows: npt.NDArray[np.float64] = np.zeros((1, len(self._series)))
        else:
            self._rows = np.memmap(rows.file, np.float64, "r+").reshape(-1, len(self._series))
        own = self._own_row(rows.file) if rows else 0
        self._row = self._rows[own].data  # an array is ten times as slow to count in
        for metric, label in self._series:
            if metric in _GAUGES:
                self.set(metric, label, 0)

    def _own_row(self, file: Any) -> int:
        """A row that no living process has: its lock goes with the process, however that ends."""
        import fcntl

        for row in range(len(self._rows)):
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, row)
            except OSError:
                continue
            return row
        return len(self._rows) - 1  # between a kill and its notice: shared for a moment

    def add(self, metric: str, label: str, count: float = 1) -> None:
        """Count."""
        self._row[self._place[metric, label]] += count

    def set(self, metric: str, label: str, value: float) -> None:
        """Say what a gauge shows now."""
        self._row[self._place[metric, label]] = value

    def observe(self, metric: str, model: str, value: float) -> None:
        """Put a value into a histogram of a model's."""
        bounds = _BOUNDS[metric]
        place = bisect_left(bounds, value)
        bound = bounds[place] if place < len(bounds) else math.inf
        self.add(f"{metric}_bucket", f'model="{model}",le="{_bound(bound)}"')
        self.add(f"{metric}_sum", f'model="{model}"', value)

    def text(self) -> str:
        """The page of metrics."""
        totals = self._rows.sum(0)
        lines, said, running = [], set(), 0.0
        for (metric, label), value in zip(self._series, totals.tolist(), strict=True):
            base = metric.removesuffix("_bucket").removesuffix("_sum")
            name = base if base in _HELP else metric
            if name not in said:
                said.add(name)
                lines += [f"# HELP {name} {_HELP[name][1]}", f"# TYPE {name} {_HELP[name][0]}"]
            if metric.endswith("_bucket"):
                running += value  # buckets are cumulative
                lines.append(f"{metric}{{{label}}} {_number(running)}")
                continue
            if metric.endswith("_sum"):
                lines.append(f"{base}_count{{{label}}} {_number(running)}")
                running = 0.0
            lines.append(f"{metric}{f'{{{label}}}' if label else ''} {_number(value)}")
        lines += [f"# HELP hubel_queue_limit {_HELP['hubel_queue_limit'][1]}", "# TYPE hubel_queue_limit gauge"]
        return "\n".join([*lines, f"hubel_queue_limit {self._limit}", ""])


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:.9g}"
