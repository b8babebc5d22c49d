"""What `fit` prints: a bar while an epoch runs, a line when it is done."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Literal, TypeAlias

from torch import Tensor

Verbosity: TypeAlias = Literal[0, 1, 2, "auto"]


class Report:
    """verbose: 0 nothing, 1 or "auto" a bar in a terminal and a line an epoch, 2 the lines alone."""

    def __init__(self, epochs: int, steps: int | None, verbose: Verbosity) -> None:
        self.epochs, self.steps = epochs, steps
        self.verbose = 1 if verbose == "auto" else verbose
        self.step, self.since, self.started = 0, time.perf_counter(), time.perf_counter()

    def batch_done(self, seen: int, sums: Tensor) -> None:
        """Draw the bar anew, five times a second at most."""
        self.step += 1
        now = time.perf_counter()
        if self.verbose != 1 or not sys.stdout.isatty() or (now - self.since < 0.2 and self.step != self.steps):
            return
        self.since = now
        figures = f"loss {float(sums[0]) / seen:.4f}  {seen / (now - self.started):,.0f} images/s"
        if self.steps:
            bar = "━" * round(24 * self.step / self.steps)
            left = (now - self.started) / self.step * (self.steps - self.step)
            figures = f"{self.step}/{self.steps} {bar:<24} {figures}  {left:.0f} s left"
        else:
            figures = f"{self.step} {figures}"
        print(f"\r{figures}\x1b[K", end="", flush=True)

    def epoch_done(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Print the epoch's line."""
        seconds = time.perf_counter() - self.started
        if self.verbose:
            if self.verbose == 1 and sys.stdout.isatty():
                print("\r\x1b[K", end="")
            named = "  ".join(
                f"{name}: {value:{'.2e' if 'rate' in name else '.4f'}}" for name, value in figures.items()
            )
            print(f"Epoch {epoch + 1}/{self.epochs}  {seconds:.1f} s  {named}", flush=True)
        self.step, self.started = 0, time.perf_counter()
