"""The machine one sits at, measured: what convolutions, products of matrices and memory really reach in PyTorch."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from hubel.base.errors import SettingError
from hubel.base.files import cache_folder, made_folder, write_atomically
from hubel.plan import MOST_IMAGE_CHANNELS, Device, device_data, device_from

THIS = "this"
ETHERNET = 0.125e9  # bytes a second, of a link of one gigabit: what joins two machines unless told otherwise


def measured_path() -> Path:
    """Where the measured device is kept: a file in hubel's cache folder."""
    return cache_folder("device.json")


def measured_device() -> Device | None:
    """Return the device that `hubel plan --measure` measured here, or None before it has."""
    path = measured_path()
    if not path.exists():
        return None
    try:
        return device_from(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise SettingError(f"{path}: {error}; measure again with: hubel plan --measure") from None


def keep(device: Device) -> Path:
    """Write the measured device down, whole or not at all."""
    path = measured_path()
    made_folder(path.parent)
    write_atomically(path, json.dumps(device_data(device), indent=1))
    return path


def measure(threads: int) -> Device:
    """Measure this machine's processor with so many threads, in some ten seconds."""
    import torch

    from hubel.nn import own_processor

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        single, half = _products(torch.float32), _products(torch.bfloat16)
        bandwidth = _bandwidth()
        shares = {
            kind: statistics.geometric_mean([_convolution(*shape) for shape in shapes]) / single
            for kind, shapes in _CONVOLUTIONS.items()
        }
        shares |= {name: rate / single for name, rate in _functions().items()}
        shares |= {"dense": 1.0, "memory": 1.0, "weights": _weights() / bandwidth}
        return Device(
            f"this machine, {threads} thread{'s' if threads > 1 else ''}",
            {"float32": single, "bfloat16": half},
            bandwidth,
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
            ETHERNET,
            0.0,
            shares,
            _overhead(),
            f"measured with PyTorch {torch.__version__} on {platform.processor() or platform.machine()}",
            own_processor(),
        )
    finally:
        torch.set_num_threads(before)


# By class: channels in and out, kernel, height and width of the output, strides, groups; sizes that are common among
# networks for images, from their first layers to their last.
_CONVOLUTIONS = {
    "convolution": ((64, 64, 3, 56, 1, 1), (128, 128, 3, 28, 1, 1), (256, 256, 3, 14, 1, 1), (512, 512, 3, 7, 1, 1)),
    "pointwise": ((64, 256, 1, 56, 1, 1), (24, 144, 1, 56, 1, 1), (512, 128, 1, 28, 1, 1), (256, 1024, 1, 14, 1, 1)),
    "image": ((3, 64, 7, 112, 2, 1), (3, 32, 3, 112, 2, 1), (3, 64, 3, 112, 1, 1)),
    "narrow": ((1, 6, 5, 28, 1, 1), (6, 16, 5, 14, 1, 1), (32, 8, 3, 28, 1, 1)),
    "depthwise": ((144, 144, 3, 28, 1, 144), (144, 144, 3, 28, 2, 144)),
}
_BATCH = 8


def processor_seconds(run: Callable[[], object], times: int = 7) -> float:
    """Time a computation: the quickest of several runs, in seconds of processor time a thread.

    That is the time on the clock where nothing else runs. What else runs does not count, but takes caches and memory
    from it: it only ever adds, so that the quickest run is the nearest to the truth.
    """
    import torch

    run()
    taken = []
    for _ in range(times):
        start = time.process_time()
        run()
        taken.append(time.process_time() - start)
    return min(taken) / torch.get_num_threads()


def _products(kind: object) -> float:
    """Operations a second of a product of matrices."""
    import torch

    a, b = (torch.ones(1024, 1024, dtype=kind) for _ in range(2))  # type: ignore[call-overload]
    return 2 * 1024**3 / processor_seconds(lambda: a @ b)


def _convolution(channels: int, filters: int, kernel: int, size: int, strides: int, groups: int) -> float:
    """Operations a second of a convolution's forward and backward pass, channels last; images get no gradient."""
    import torch

    layer = torch.nn.Conv2d(channels, filters, kernel, strides, kernel // 2, groups=groups, bias=False)
    layer = layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(_BATCH, channels, size * strides, size * strides).to(memory_format=torch.channels_last)
    images.requires_grad_(channels > MOST_IMAGE_CHANNELS)
    ahead = torch.ones_like(layer(images))

    def both() -> None:
        layer.weight.grad = None
        layer(images).backward(ahead)

    macs = _BATCH * size * size * filters * channels // groups * kernel * kernel
    return (3 if images.requires_grad else 2) * 2 * macs / processor_seconds(both)


def _functions() -> dict[str, float]:
    """Operations a second, two to a number, of what takes longer than to move its numbers, forward."""
    import torch

    numbers = torch.randn(8, 64, 28, 28).to(memory_format=torch.channels_last)
    pictures, response = numbers.clone().requires_grad_(), torch.nn.LocalResponseNorm(5)

    def both() -> None:
        response(pictures).backward(numbers)

    taken = {
        "tanh": processor_seconds(lambda: torch.tanh(numbers)),
        "dropout": processor_seconds(lambda: torch.dropout(numbers, 0.5, train=True)),
        "response": processor_seconds(both) / 3,
    }
    return {name: 2 * numbers.numel() / seconds for name, seconds in taken.items()}


def _weights() -> float:
    """Bytes a second at which weights are read, and their gradients written into fresh memory."""
    import torch

    layer = torch.nn.Linear(4096, 4096, bias=False)
    numbers = torch.randn(2, 4096, requires_grad=True)
    ahead = torch.ones(2, 4096)

    def both() -> None:
        layer.weight.grad = None
        layer(numbers).backward(ahead)

    return 3 * layer.weight.nbytes / processor_seconds(both)


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
