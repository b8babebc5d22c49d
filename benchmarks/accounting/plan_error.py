"""Step times that `hubel plan` predicts beside measured ones, on this processor.

The machine is measured as `hubel plan --measure` does; then each network trains for a few steps (SGD with momentum, 32
bits, channels last). All times are processor time a thread, of the quickest run, so that what else runs counts for
little. The networks of the first two groups were looked at when the classes of layers were chosen, those of the third
were not. Arguments are numbers of threads.
"""

from __future__ import annotations

import statistics
import sys

import torch
from torch import nn

from hubel import zoo
from hubel.cli._measured import measure, processor_seconds
from hubel.nn import build
from hubel.plan import plan_step

CASES = {
    "named": (("lenet5", 128), ("resnet18", 8), ("resnet50", 4), ("vgg16", 2)),
    "looked at": (("alexnet", 16), ("squeezenet1_1", 8), ("mobilenet_v2", 4), ("densenet121", 2)),
    "others": (("nin", 16), ("googlenet_bn", 4), ("inception_v3", 2), ("efficientnet_lite0", 4), ("convnext_tiny", 2)),
}


def step_seconds(name: str, batch: int) -> float:
    """The time of the quickest step."""
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
    errors: dict[str, list[float]] = {group: [] for group in CASES}
    for threads in map(int, sys.argv[1:] or ("1", "2")):
        device = measure(threads)
        torch.set_num_threads(threads)
        shares = ", ".join(f"{kind} {100 * share:.3g}%" for kind, share in device.shares.items())
        print(
            f"{device.name}: {device.flops['float32'] / 1e9:,.0f} GFLOP/s in products of matrices, {shares};", end=" "
        )
        print(f"{device.bandwidth / 1e9:.1f} GB/s, {device.overhead * 1e6:.1f} µs an operation")
        print(f"{'network':<20}{'batch':>6}{'predicted ms':>14}{'measured ms':>13}{'error':>8}")
        for group, cases in CASES.items():
            for name, batch in cases:
                said = plan_step(zoo.get(name), batch, device).seconds
                truth = step_seconds(name, batch)
                errors[group].append(abs(said / truth - 1))
                line = f"{name:<20}{batch:>6}{1e3 * said:>14,.2f}{1e3 * truth:>13,.2f}{said / truth - 1:>+8.0%}"
                print(line, flush=True)
    for group, found in errors.items():
        print(f"error, {group}: median {statistics.median(found):.0%}, largest {max(found):.0%}")


if __name__ == "__main__":
    main()
