"""What a plan and the devices are as findings: plain data, lines, tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hubel.plan._devices import Device, device_data
from hubel.plan._distributed import RunPlan, StepPlan
from hubel.plan._words import assumptions, bytes_text, figure_text, memory_rows, run_rows, slowest, step_rows, title
from hubel.view.words.finding import Finding
from hubel.view.words.result import Part
from hubel.view.words.tables import Table
from hubel.view.words.told import Columns, Line, Styled

TIMES = ("forward", "backward", "update", "reduce_bytes", "reduce", "exposed")
MEMORY = (
    *("weights", "buffers", "optimizer", "input", "gradients", "kept", "passing"),
    *("total", "held", "path", "phase"),
)


@dataclass(frozen=True)
class Within:
    """How much is seen in so many hours: examples of a kind, how many a second, and how that comes about."""

    hours: float
    examples: int
    noun: str
    a_second: float
    how: str


@dataclass(frozen=True, repr=False)
class Plan(Finding):
    """What a step of training takes, a run where its images are known, and what is seen in so many hours."""

    step: StepPlan
    run: RunPlan | None = None
    within: Within | None = None

    @property
    def fits(self) -> bool:
        """Whether a step fits into the device's memory."""
        return self.step.memory.total <= self.step.device.memory

    def shown(self) -> list[Part]:
        """The tables, and what takes most time."""
        return [f"{self.step.network.name or self.step.network}  {title(self.step)}", *self.tables()]

    def data(self) -> dict[str, Any]:
        """All of it."""
        step, run = self.step, self.run
        found: dict[str, Any] = {
            "name": step.network.name,
            "text": str(step.network),
            "device": device_data(step.device),
            **{name: getattr(step, name) for name in ("devices", "batch", "precision", "optimizer", "seconds", *TIMES)},
            "images_per_second": step.images_per_second,
            "efficiency": step.efficiency,
            "memory": {part: getattr(step.memory, part) for part in MEMORY},
            "fits": self.fits,
            "largest_batch": step.largest_batch,
            "layers": [
                {"name": layer.path, "forward": layer.forward, "backward": layer.backward, "bound": layer.bound}
                for layer in step.layers
            ],
            "assumptions": list(assumptions(step.device)),
        }
        if run is not None:
            found["run"] = {name: getattr(run, name) for name in ("images", "epochs", "steps", "seconds")}
            found["run"]["kilowatt_hours"] = run.kilowatt_hours if step.device.power else None
        if self.within is not None:
            found["within"] = asdict(self.within)
        return found

    def tables(self) -> list[Table]:
        """A step, its memory, and a run."""
        parts = {"a step": step_rows(self.step), "memory": memory_rows(self.step)}
        if self.run is not None:
            parts["a run"] = run_rows(self.run)
        if self.within is not None:
            seen = self.within
            pace = (f"{seen.noun} a second", figure_text(seen.a_second), seen.how)
            parts[f"in {seen.hours:g} hour{'s' * (seen.hours != 1)}"] = [
                pace,
                (seen.noun, f"{seen.examples:,}", "hours · 3600 · a second"),
            ]
        name = f"{self.step.network.name or self.step.network}  {title(self.step)}"
        return [Table((part, "#", "how"), tuple(rows), f"{name}: {part}") for part, rows in parts.items()]

    def lines(self, width: int = 160) -> Iterator[Line]:
        """The tables, what takes most time, and what is assumed."""
        yield Styled("[bold]{}[/]  {}", self.step.network.name or self.step.network, title(self.step))
        for table in self.tables():
            rows = [(name, value, Styled("[dim]{}[/]", how)) for name, value, how in table.rows]
            yield Columns(table.titles, rows, gap=3)
        yield Styled("{}", slowest(self.step))
        for line in (
            "assumed:",
            *(f"· {line}" for line in assumptions(self.step.device)),
            f"device: {self.step.device.source}",
        ):
            yield Styled("[dim]{}[/]", line)


@dataclass(frozen=True, repr=False)
class Devices(Finding):
    """Devices to plan for, by name, with their makers' figures."""

    devices: Mapping[str, Device]

    def data(self) -> dict[str, Any]:
        """Each by its name."""
        return {name: device_data(device) for name, device in self.devices.items()}

    def shown(self) -> list[Part]:
        """A table of them."""
        titles = ("name", "device", "#TFLOP/s 32 bits", "#16 bits", "#GB/s", "#memory", "#link GB/s", "#W", "source")
        return [
            f"{len(self.devices)} devices",
            Table(titles, [*map(_row, self.devices, self.devices.values())], "devices"),
        ]

    def lines(self, width: int = 160) -> Iterator[Line]:
        """The table."""
        for table in self.tables():
            yield Columns(table.titles, table.written())


def _row(name: str, device: Device) -> tuple[str, ...]:
    half = device.flops.get("bfloat16")
    figures = (
        f"{device.flops['float32'] / 1e12:.3g}",
        f"{half / 1e12:.3g}" if half else "–",
        f"{device.bandwidth / 1e9:,.4g}",
        bytes_text(device.memory),
        f"{device.link / 1e9:g}",
        f"{device.power:g}" if device.power else "–",
    )
    return name, device.name, *figures, device.source
