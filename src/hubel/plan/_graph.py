"""What training takes of memory where a model is no tree: by the graph that PyTorch keeps of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hubel.base.numbers import counted
from hubel.plan._devices import Device, device_data
from hubel.plan._words import bytes_text, time_text
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table
from hubel.view.words.told import Columns, Line, Styled

OPTIMIZERS = {"sgd": 0, "momentum": 1, "adam": 2}
"""Numbers that each keeps of every one that is trained."""


@dataclass(frozen=True)
class Held:
    """Bytes of a step on a batch: of parameters and buffers, of their gradients, of what waits for the backward pass,
    and at the fullest moment of a pass without it; multiply-adds of both passes.
    """

    batch: int
    weights: int
    gradients: int
    kept: int
    activations: int
    macs: int

    @property
    def passing(self) -> int:
        """What is there beside weights, gradients and the optimizer's numbers, at the fullest moment of a step."""
        return max(self.kept, self.activations)


@dataclass(frozen=True, repr=False)
class GraphPlan(Finding):
    """A step's memory of a model that is no tree, and the least time that its multiply-adds take.

    `why` says why it is none; `step` is of the batch, `other` of another one, by which the largest is reckoned.
    """

    name: str
    why: str
    device: Device
    optimizer: str
    step: Held
    other: Held
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """Bytes of a step, without what the backward pass makes for a moment."""
        return self._total(self.step)

    @property
    def fits(self) -> bool:
        """Whether that fits into the device's memory."""
        return self.total <= self.device.memory

    @property
    def largest_batch(self) -> int:
        """The largest batch that fits, if each of its examples takes as much more; 0 where none does."""
        few, many = sorted((self.step, self.other), key=lambda held: held.batch)
        each = (self._total(many) - self._total(few)) / (many.batch - few.batch)
        room = self.device.memory - self._total(few)
        return max(0, int(few.batch + room // each)) if each > 0 else few.batch

    @property
    def least_seconds(self) -> float:
        """The time of a step's multiply-adds at the device's rate for 32 bits, with nothing else and no losses."""
        return 2 * self.step.macs / self.device.rate("float32")

    def _total(self, held: Held) -> int:
        return held.weights + held.gradients * (1 + OPTIMIZERS[self.optimizer]) + held.passing

    def data(self) -> dict[str, Any]:
        """All of it."""
        parts = {name: getattr(self.step, name) for name in ("weights", "gradients", "kept", "activations")}
        return {
            "name": self.name,
            "tree": False,
            "why": self.why,
            "device": device_data(self.device),
            "batch": self.step.batch,
            "precision": "float32",
            "optimizer": self.optimizer,
            "least_seconds": self.least_seconds,
            "memory": {**parts, "optimizer": OPTIMIZERS[self.optimizer] * self.step.gradients, "total": self.total},
            "fits": self.fits,
            "largest_batch": self.largest_batch,
            "notes": list(self.notes),
        }

    def tables(self) -> list[Table]:
        """Its memory, and the least time."""
        step, numbers = self.step, OPTIMIZERS[self.optimizer]
        each = f"{counted(numbers, 'number')} for each that is trained"
        rows = [
            ("weights", bytes_text(step.weights), "parameters and buffers"),
            ("gradients of weights", bytes_text(step.gradients), "of what is trained"),
            ("optimizer", bytes_text(numbers * step.gradients), each),
            ("kept for backward", bytes_text(step.kept), "what PyTorch's graph keeps, each piece of memory once"),
            ("without it", bytes_text(step.activations), "the fullest moment of a pass that keeps nothing"),
            ("together", bytes_text(self.total), "weights, gradients, optimizer, and the larger of these two"),
            ("largest batch", f"{self.largest_batch:,}", self._verdict()),
            ("a step, at least", time_text(self.least_seconds), "2·MACs of both passes / the device's rate"),
        ]
        return [Table(("memory", "#", "how"), tuple(rows), f"{self.name}  {self._title()}")]

    def shown(self) -> list[Part]:
        """Title and table."""
        return [f"{self.name}  {self._title()}", *self.tables()]

    def lines(self, width: int = 160) -> Iterator[Line]:
        """The table, and what it is of."""
        yield Styled("[bold]{}[/]  {}", self.name, self._title())
        for table in self.tables():
            rows = [(name, value, Styled("[dim]{}[/]", how)) for name, value, how in table.rows]
            yield Columns(table.titles, rows, gap=3)
        yield Styled("{}", f"no tree, so planned by PyTorch's own graph, without layers' times: {self.why}")
        for note in self.notes:
            yield Styled("{}", f"note: {note}")

    def _title(self) -> str:
        return f"batch {self.step.batch} on {self.device.name}, float32, {self.optimizer}"

    def _verdict(self) -> str:
        verdict = "fits" if self.fits else "does NOT fit"
        return f"{verdict} in {bytes_text(self.device.memory)}; if each example takes as much more"
