"""Step times that `hubel plan` predicts beside measured ones, on this processor: `python benchmarks/plan_error.py`.

The machine is measured as `hubel plan --measure` does; then each network trains for a few steps (SGD with momentum, 32
bits, channels last). All times are processor time a thread, medians, so that what else runs counts for little.
"""

from __future__ import annotations

import statistics
import sys

import torch
from torch import nn

from hubel import zoo
from hubel.cli._machine import measure, processor_seconds
from hubel.nn import build
from hubel.plan import plan_step

CASES = (("lenet5", 128), ("resnet18", 8), ("resnet50", 4), ("vgg16", 2))


def step_seconds(name: str, batch: int) -> float:
    """The median time of one step."""
    network = zoo.get(name)
    height, width, channels = network.input
    module = build(network).train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = torch.randn(batch, channels, height, width).to(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.long)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(module.logits(images), labels).backward()
        optimizer.step()

    return processor_seconds(step, times=21 if name == "lenet5" else 5)


def main() -> None:
    errors = []
    for threads in map(int, sys.argv[1:] or ("1", "2")):
        device = measure(threads)
        torch.set_num_threads(threads)
        shares = ", ".join(f"{kind} {share:.0%}" for kind, share in device.shares.items())
        print(
            f"{device.name}: {device.flops['float32'] / 1e9:,.0f} GFLOP/s in products of matrices, {shares};", end=" "
        )
        print(f"{device.bandwidth / 1e9:.1f} GB/s, {device.overhead * 1e6:.1f} µs an operation")
        print(f"{'network':<10}{'batch':>6}{'predicted ms':>14}{'measured ms':>13}{'error':>8}")
        for name, batch in CASES:
            said = plan_step(zoo.get(name), batch, device).seconds
            truth = step_seconds(name, batch)
            errors.append(abs(said / truth - 1))
            print(f"{name:<10}{batch:>6}{1e3 * said:>14,.2f}{1e3 * truth:>13,.2f}{said / truth - 1:>+8.0%}", flush=True)
    print(f"error: median {statistics.median(errors):.0%}, largest {max(errors):.0%}")


if __name__ == "__main__":
    main()
