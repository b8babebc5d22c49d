"""`metrics.csv`: the figures of a run's epochs, a row each."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from hubel.base.files import read_text, write_atomically
from hubel.base.limits import check
from hubel.base.plain import MISREAD
from hubel.train.run.checkpoint import CHECKPOINTS
from hubel.train.run.events import EpochMetrics
from hubel.train.run.settings import RunError

METRICS = "metrics.csv"


def write_metrics(directory: Path, rows: Sequence[EpochMetrics]) -> None:
    """Write all rows to `metrics.csv`, whole or not at all."""
    text = io.StringIO(newline="")
    columns = [row.to_row() for row in rows]
    names = dict.fromkeys(name for row in columns for name in row)  # an older version may have begun with fewer figures
    writer = csv.DictWriter(text, names, "nan", lineterminator="\n")
    writer.writeheader()
    writer.writerows(columns)
    write_atomically(directory / METRICS, text.getvalue())


def read_metrics(path: Path) -> tuple[EpochMetrics, ...]:
    """The rows of a file, in order. Raises RunError where it is none."""
    check("header", path.stat().st_size, str(path))
    lines = csv.DictReader(io.StringIO(read_text(path), newline=""))
    rows: list[EpochMetrics] = []
    try:
        for fields in lines:
            rows.append(EpochMetrics.from_row(fields))
            if rows[-1].epoch != len(rows):
                raise ValueError(f"expected epoch {len(rows)}, received {rows[-1].epoch}")
    except (csv.Error, *MISREAD) as error:
        raise RunError(
            f"{path}: line {lines.line_num} cannot be read: {error}; the same figures stand in the newest of "
            f"{CHECKPOINTS}/*.json"
        ) from None
    return tuple(rows)


def comparable(row: EpochMetrics) -> dict[str, str]:
    """A row to compare: NaN is NaN."""
    return {name: repr(value) for name, value in row.to_row().items()}
