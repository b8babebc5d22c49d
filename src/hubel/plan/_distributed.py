"""A step on one device or on many, and a run of many steps: time, traffic, memory, days, energy.

Data parallel: every device has the whole network and its own images, and the weights' gradients are averaged by a ring
(Patarasuk & Yuan 2009), in which each device sends and receives 2·(N − 1)/N times their bytes. As PyTorch does, the
ring begins while the backward pass runs, as soon as the last layers' gradients are there.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from hubel import zoo
from hubel.arch import Memory, Network, largest_batch, training_memory
from hubel.base.errors import SettingError
from hubel.plan._devices import Device
from hubel.plan._roofline import LayerTime, layer_times
from hubel.plan._words import HOP_SECONDS, assumptions, memory_rows, run_rows, slowest, step_rows, title
from hubel.view.words.result import Part, Result
from hubel.view.words.tables import Table

MOST_DEVICES = 1024
BUCKET_BYTES = 25 * 2**20  # PyTorch's default; its first, smaller bucket is not counted
_UPDATE_PASSES = {"sgd": 3, "momentum": 5, "adam": 7}  # numbers read and written for each weight


@dataclass(frozen=True, repr=False)
class StepPlan(Result):
    """One step of training, in seconds and bytes, on each of `devices` devices with `batch` images each.

    `reduce_bytes` are what each device sends; `reduce` is how long that takes in one piece, `exposed` what the backward
    pass does not hide when it is sent in buckets.
    """

    network: Network
    device: Device
    batch: int
    devices: int
    precision: str
    optimizer: str
    layers: tuple[LayerTime, ...]
    memory: Memory
    largest_batch: int
    forward: float
    backward: float
    update: float
    reduce_bytes: float
    reduce: float
    exposed: float

    @property
    def seconds(self) -> float:
        """The whole step."""
        return self.forward + self.backward + self.update + self.exposed

    @property
    def images_per_second(self) -> float:
        """Over all devices."""
        return self.batch * self.devices / self.seconds

    @property
    def efficiency(self) -> float:
        """Share of the speed that as many devices would have if they need not talk."""
        return 1 - self.exposed / self.seconds

    def shown(self) -> list[Part]:
        """What a step takes, and its memory."""
        tables = {"a step": step_rows(self), "memory": memory_rows(self)}
        named = [Table((name, "#", "how"), tuple(rows)) for name, rows in tables.items()]
        return [f"{self.network.name or self.network}: {title(self)}", *named]

    def _repr_html_(self) -> str:
        from hubel.view.words.notebook import figures_html

        tables = [(("a step", "#", "how"), step_rows(self)), (("memory", "#", "how"), memory_rows(self))]
        notes = [
            slowest(self),
            *(f"assumed: {line}" for line in assumptions(self.device)),
            f"device: {self.device.source}",
        ]
        return figures_html(f"{self.network.name or self.network}: {title(self)}", tables, notes)


@dataclass(frozen=True, repr=False)
class RunPlan(Result):
    """A run over `images` images, `epochs` times: steps, seconds, and kilowatt-hours at the devices' full power.

    `step` is the plan of one of its steps.
    """

    step: StepPlan
    images: int
    epochs: float
    steps: int
    seconds: float
    kilowatt_hours: float

    def shown(self) -> list[Part]:
        """What all of it takes."""
        name = self.step.network.name or self.step.network
        return [f"{name}: {title(self.step)}", Table(("a run", "#", "how"), tuple(run_rows(self)))]

    def _repr_html_(self) -> str:
        from hubel.view.words.notebook import figures_html

        name = self.step.network.name or self.step.network
        return figures_html(f"{name}: {title(self.step)}", [(("a run", "#", "how"), run_rows(self))])


def plan_step(
    network: zoo.Given,
    batch: int,
    device: Device,
    *,
    devices: int = 1,
    precision: str = "float32",
    optimizer: str = "momentum",
    channels_last: bool = False,
    checkpoint: Collection[str] = (),
) -> StepPlan:
    """Plan one step of training with `batch` images on each device.

    `checkpoint` are paths of parts whose inside is computed twice instead of kept; `channels_last` tells about memory
    alone. Raises `ValueError` for a batch below 1 or for devices that are not 1 to 1,024, `KeyError` for a part that is
    not there.
    """
    if not isinstance(devices, int) or not 1 <= devices <= MOST_DEVICES:
        raise SettingError(f"expected devices as an int from 1 to {MOST_DEVICES:,}, received {devices!r}")
    report = zoo.analyse(network)
    settings: dict[str, Any] = {
        "precision": precision,
        "optimizer": optimizer,
        "channels_last": channels_last,
        "checkpoint": tuple(checkpoint),
        "processor": device.processor or "avx512",
    }
    memory = training_memory(report, batch, **settings)
    most = largest_batch(report, device.memory, **settings)
    layers = tuple(_twice(layer, checkpoint) for layer in layer_times(report, batch, device, precision))
    width = 2 if precision == "bfloat16" else 4
    moved = report.trainable * width * _UPDATE_PASSES[optimizer]
    tensors = sum(2 for layer in layers if layer.weight_bytes)
    update = moved / (device.bandwidth * device.shares["memory"]) + tensors * device.overhead
    reduce_bytes, reduce = _ring(report.trainable * width, devices, device)
    return StepPlan(
        report.network,
        device,
        batch,
        devices,
        precision,
        optimizer,
        layers,
        memory,
        most,
        forward=sum(layer.forward for layer in layers),
        backward=sum(layer.backward for layer in layers),
        update=update,
        reduce_bytes=reduce_bytes,
        reduce=reduce,
        exposed=_exposed(layers, devices, device, width) if devices > 1 else 0.0,
    )


def _twice(layer: LayerTime, checkpoint: Collection[str]) -> LayerTime:
    """Add the forward pass to the backward pass of a layer in one of these parts."""
    if any(layer.path == part or layer.path.startswith(f"{part}.") for part in checkpoint):
        return replace(layer, backward=layer.backward + layer.forward)
    return layer


def plan_run(step: StepPlan, images: int, epochs: float) -> RunPlan:
    """Plan a run: `images` images, seen `epochs` times. Raises `ValueError` where there are none."""
    if images < 1 or epochs <= 0:
        raise SettingError(f"expected one or more images and epochs, received {images} images and {epochs} epochs")
    together = step.batch * step.devices
    steps = max(1, round(-(-images // together) * epochs))
    seconds = steps * step.seconds
    hours = seconds / 3600
    return RunPlan(step, images, epochs, steps, seconds, hours * step.device.power * step.devices / 1000)


def _ring(gradient_bytes: float, devices: int, device: Device) -> tuple[float, float]:
    """Return bytes that each device sends, 2(N − 1)/N times the gradients, and the seconds that takes."""
    if devices == 1:
        return 0.0, 0.0
    sent = 2 * (devices - 1) / devices * gradient_bytes
    return sent, sent / device.link + 2 * (devices - 1) * HOP_SECONDS


def _exposed(layers: tuple[LayerTime, ...], devices: int, device: Device, width: int) -> float:
    """Send buckets of gradients one after another as the backward pass fills them; return what is left at its end."""
    clock = free = bucket = 0.0
    for layer in reversed(layers):
        clock += layer.backward
        bucket += layer.weight_bytes * width / 4
        if bucket >= BUCKET_BYTES:
            free = max(clock, free) + _ring(bucket, devices, device)[1]
            bucket = 0.0
    if bucket:
        free = max(clock, free) + _ring(bucket, devices, device)[1]
    return max(0.0, free - clock)
