"""The machine one sits at, measured: what convolutions, products of matrices and memory really reach in PyTorch."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from hubel.plan import Device, device_data, device_from

THIS = "this"
ETHERNET = 0.125e9  # bytes a second, of a link of one gigabit: what joins two machines unless told otherwise


def measured_path() -> Path:
    """Where the measured device is kept: a file in hubel's cache folder."""
    own = os.environ.get("HUBEL_CACHE")
    if own:
        return Path(own).expanduser() / "device.json"
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "hubel" / "device.json"


def measured_device() -> Device | None:
    """Return the device that `hubel plan --measure` measured here, or None before it has."""
    path = measured_path()
    if not path.exists():
        return None
    try:
        return device_from(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: {error}; measure again with: hubel plan --measure") from None


def keep(device: Device) -> Path:
    """Write the measured device down, whole or not at all."""
    path = measured_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(device_data(device), indent=1), encoding="utf-8")
    part.replace(path)
    return path


def measure(threads: int) -> Device:
    """Measure this machine's processor with so many threads, in some ten seconds; the medians of several runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        single, half = _products(torch.float32), _products(torch.bfloat16)
        convolution = statistics.geometric_mean([_convolution(*shape) for shape in _CONVOLUTIONS])
        shares = {
            "convolution": convolution / single,
            "dense": 1.0,
            "narrow": statistics.geometric_mean([_convolution(*shape) for shape in _NARROW]) / single,
            "depthwise": _convolution(144, 144, 3, 28, 144) / single,
            "memory": 1.0,
        }
        return Device(
            f"this machine, {threads} thread{'s' if threads > 1 else ''}",
            {"float32": single, "bfloat16": half},
            _bandwidth(),
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            ETHERNET,
            0.0,
            shares,
            _overhead(),
            f"measured with PyTorch {torch.__version__} on {platform.processor() or platform.machine()}",
        )
    finally:
        torch.set_num_threads(before)


# channels in and out, kernel, height and width: the convolutions that residual networks and VGG are made of
_CONVOLUTIONS = ((64, 64, 3, 28, 1), (256, 64, 1, 28, 1), (256, 256, 3, 7, 1), (512, 512, 3, 7, 1))
_NARROW = ((1, 6, 5, 28, 1), (6, 16, 5, 14, 1), (3, 32, 3, 56, 1))
_BATCH = 32


def processor_seconds(run: Callable[[], object], times: int = 7) -> float:
    """Time a computation: the median of several runs, in seconds of processor time a thread.

    That is the time on the clock where nothing else runs, and stays what it is where something does.
    """
    import torch

    run()
    taken = []
    for _ in range(times):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return statistics.median(taken) / torch.get_num_threads()


def _products(kind: object) -> float:
    """Operations a second of a product of matrices."""
    import torch

    a, b = (torch.ones(1024, 1024, dtype=kind) for _ in range(2))  # type: ignore[call-overload]
    return 2 * 1024**3 / processor_seconds(lambda: a @ b)


def _convolution(channels: int, filters: int, kernel: int, size: int, groups: int) -> float:
    """Operations a second of a convolution's forward and backward pass, channels last."""
    import torch

    layer = torch.nn.Conv2d(channels, filters, kernel, padding=kernel // 2, groups=groups, bias=False)
    layer = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(_BATCH, channels, size, size).to(memory_format=torch.channels_last).requires_grad_()
    ahead = torch.ones_like(layer(images))

    def both() -> None:
        layer(images).backward(ahead)

    macs = _BATCH * size * size * filters * channels // groups * kernel * kernel
    return 3 * 2 * macs / processor_seconds(both)


def _bandwidth() -> float:
    """Bytes a second that normalisation and relu read and write, forward and backward, counted as plans count them."""
    import torch

    layers = torch.nn.Sequential(torch.nn.BatchNorm2d(64), torch.nn.ReLU())
    numbers = torch.randn(32, 64, 56, 56).to(memory_format=torch.channels_last).requires_grad_()
    ahead = torch.ones_like(numbers)
    passes = (3 + 2) * 3  # norm and relu; the backward pass moves twice as much

    def both() -> None:
        layers(numbers).backward(ahead)

    return passes * numbers.nbytes / processor_seconds(both)


def _overhead() -> float:
    """Seconds that starting one operation takes, half of a small one's forward and backward pass."""
    import torch

    numbers = torch.ones(1, requires_grad=True)
    layers = 200

    def chain() -> None:
        value = numbers
        for _ in range(layers):
            value = torch.relu(value)
        value.backward()

    return processor_seconds(chain) / (2 * layers)
