"""How long `hubel.nn.inspect` takes for ResNet-152 beside torchinfo, both on tensors without numbers, in one run.

    python benchmarks/accounting/modules.py [RUNS]

First as whole processes (import PyTorch, build the network, account for it), in turn; then in one process that has done
both once, in turn again. Ratios are medians over rounds. torchinfo moves the model to the meta device, so that its
weights are gone afterwards; hubel leaves it as it is.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Callable
from statistics import median

from speed import machine, missing, ratio, rounds, verdict

WHOLE = """
import sys
sys.path.insert(0, {here!r})
import torch
from models import resnet152
model = resnet152()
{account}
"""
ACCOUNTS = {
    "hubel": "from hubel.nn import inspect\nprint(inspect(model, (224, 224, 3)))",
    "torchinfo": "from torchinfo import summary\nsummary(model, input_size=(1, 3, 224, 224), device='meta')",
}


def processes(number: int) -> None:
    """Time whole processes."""
    programs = {name: WHOLE.format(here=sys.path[0], account=account) for name, account in ACCOUNTS.items()}
    found = rounds({name: [sys.executable, "-c", program] for name, program in programs.items()}, number)
    print(f"\nResNet-152 accounted for on meta tensors, whole processes, medians of {number} rounds:")
    for name, runs in found.items():
        wall, cpu, peak = (median(getattr(run, figure) for run in runs) for figure in ("wall", "cpu", "megabytes"))
        print(f"  {name:10} {wall:6.2f} s, {cpu:6.2f} s CPU, {peak:5.0f} MB")
    times = ratio(found["torchinfo"], found["hubel"], lambda run: run.wall)
    verdict("at most the time of torchinfo on meta tensors", times >= 1, f"torchinfo takes {times:.2f} times as long")


def within(number: int) -> None:
    """Time calls in a process that is warm."""
    import torch
    from models import resnet152
    from torchinfo import summary

    from hubel.nn import inspect

    with torch.device("meta"):
        model = resnet152()
    calls: dict[str, Callable[[], object]] = {
        "hubel": lambda: str(inspect(model, (224, 224, 3))),
        "torchinfo": lambda: summary(model, input_size=(1, 3, 224, 224), device="meta"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(number + 1):
        for name in calls if turn % 2 else reversed(calls):
            start = time.perf_counter()
            with contextlib.redirect_stdout(io.StringIO()):
                calls[name]()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    print(f"\nThe same in one warm process, medians of {number} rounds:")
    for name, found in seconds.items():
        print(f"  {name:10} {1000 * median(found):6.1f} ms")
    times = median(theirs / ours for theirs, ours in zip(seconds["torchinfo"], seconds["hubel"], strict=True))
    verdict("at most the time of torchinfo on meta tensors", times >= 1, f"torchinfo takes {times:.2f} times as long")


def main() -> None:
    """Run both."""
    if absent := missing():
        raise SystemExit(f"this benchmark compares hubel with {' '.join(absent)}: pip install -e '.[peers]'")
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(machine())
    processes(number)
    within(3 * number)


if __name__ == "__main__":
    main()
