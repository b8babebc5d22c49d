"""A run's files, kept up to what happens in it."""

from __future__ import annotations

from hubel.train.run.events import EpochMetrics, Event, Listener
from hubel.train.run.metrics import write_metrics
from hubel.train.run.run import Run
from hubel.train.run.samples import Sample, write_samples


class Record:
    """Passes events on, and keeps `metrics.csv` up to them; processes other than the first do neither."""

    def __init__(self, run: Run, progress: Listener | None, writes: bool) -> None:
        self.run, self.progress, self.writes = run, progress, writes
        self.rows: list[EpochMetrics] = []
        self.samples = list(run.samples)

    def __call__(self, event: Event) -> None:
        """Write down what is to be, and pass it on."""
        if isinstance(event, EpochMetrics) and self.writes:
            self.rows[event.epoch - 1 :] = [event]  # in the place of a row that was ended within this epoch
            write_metrics(self.run.directory, self.rows)
        if isinstance(event, Sample) and self.writes:
            self.samples[:] = [*(each for each in self.samples if each.epoch < event.epoch), event]
            write_samples(self.run.directory, self.samples)
        if self.progress is not None:
            self.progress(event)
