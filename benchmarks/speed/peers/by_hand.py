"""Training as one writes it by hand in plain PyTorch: what hubel's is compared with on a GPU."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from hubel.arch import Network
from hubel.data import Dataset, Splits
from hubel.nn import build


def plain_step(
    device: torch.device, network: Network, data: Dataset, batch: int, bfloat16: bool, compiled: bool
) -> Callable[[], object]:
    """The same by hand: channels last, autocast, SGD with momentum, images on the device, mirrored at random."""
    module = build(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    forward: Any = torch.compile(module.logits) if compiled else module.logits
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, nesterov=True, fused=True)
    images, labels = (each.to(device) for each in data.tensors())
    mean, std = (torch.full((1, 3, 1, 1), value, device=device) for value in (127.5, 73.6))

    def step() -> None:
        chosen = torch.randint(len(images), (batch,), device=device)
        inputs = images[chosen].permute(0, 3, 1, 2).float().sub(mean).div(std)
        inputs = torch.where(torch.rand(batch, 1, 1, 1, device=device) < 0.5, inputs.flip(3), inputs)
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            loss = nn.functional.cross_entropy(forward(inputs), labels[chosen], label_smoothing=0.05)
        loss.backward()
        optimizer.step()

    return step


def plain_mnist(device: torch.device, network: Network, data: Splits, epochs: int, seed: int) -> dict[str, Any]:
    """A loop as one writes it: the whole set on the device, Adam by one cycle, shifts by a pixel."""
    assert data.test is not None
    torch.manual_seed(seed)
    start = time.perf_counter()
    images, labels = (each.to(device) for each in data.train.tensors())
    seen, truth = (each.to(device) for each in data.test.tensors())

    def prepared(part: torch.Tensor) -> torch.Tensor:
        return part.permute(0, 3, 1, 2).float().div(255).sub(0.1307).div(0.3081)

    padded = nn.functional.pad(prepared(images), (1, 1, 1, 1), value=-0.1307 / 0.3081)
    module = build(network).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(module.parameters(), lr=0.015, betas=(0.8, 0.95), fused=device.type == "cuda")
    steps = epochs * (len(images) // 128)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 0.015, total_steps=steps, pct_start=0.05, cycle_momentum=False
    )
    accuracy, at = 0.0, None
    for _ in range(epochs):
        order = torch.randperm(len(images), device=device)
        for first in range(0, len(images) - 127, 128):
            chosen = order[first : first + 128]
            down, right = torch.randint(3, (2,)).tolist()
            optimizer.zero_grad()
            outputs = module.logits(padded[chosen, :, down : down + 28, right : right + 28])
            nn.functional.cross_entropy(outputs, labels[chosen], label_smoothing=0.05).backward()
            optimizer.step()
            schedule.step()
        module.eval()
        with torch.inference_mode():
            right_ones = sum(
                (module.logits(prepared(part)).argmax(1) == own).sum()
                for part, own in zip(seen.split(2500), truth.split(2500), strict=True)
            )
        module.train()
        accuracy = float(right_ones) / len(seen)
        at = at or (time.perf_counter() - start if accuracy >= 0.994 else None)
    return {"seconds": time.perf_counter() - start, "99.4% after": at, "accuracy": accuracy}
