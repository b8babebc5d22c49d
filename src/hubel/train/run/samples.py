"""What a model made on the way, where its task has it make something: `samples.csv`, a row each time."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path

from hubel.base.files import read_text, write_atomically
from hubel.base.plain import MISREAD
from hubel.train.run.settings import RunError

SAMPLES = "samples.csv"


@dataclasses.dataclass(frozen=True)
class Sample:
    """What the model makes after `step` steps, at the end of an epoch (from 1), with the loss of that epoch's training;
    an event of training too.
    """

    epoch: int
    step: int
    loss: float
    text: str


def write_samples(directory: Path, rows: Sequence[Sample]) -> None:
    """Write all of them, whole or not at all."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(field.name for field in dataclasses.fields(Sample))
    writer.writerows(dataclasses.astuple(row) for row in rows)
    write_atomically(directory / SAMPLES, file.getvalue())


def read_samples(directory: Path) -> tuple[Sample, ...]:
    """Those of a run; none where there are none. Raises RunError, or FileError, for a file that is none of them."""
    path = directory / SAMPLES
    if not path.exists():
        return ()
    rows = csv.DictReader(io.StringIO(read_text(path), newline=""))
    try:
        return tuple(Sample(int(row["epoch"]), int(row["step"]), float(row["loss"]), row["text"]) for row in rows)
    except (csv.Error, *MISREAD) as error:
        raise RunError(
            f"{path}: expected rows of epoch, step, loss and text as they were written ({error}); remove it, and the "
            "report does without"
        ) from None
