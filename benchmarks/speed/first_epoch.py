"""Images a second in the first epoch of LeNet-5 on MNIST: hubel's training beside two plain PyTorch loops.

    python benchmarks/speed/first_epoch.py [--rounds 5]

Three ways, each in a fresh process, taken in turn so that a noisy machine treats them alike:

- usual: images as one float tensor in memory, N×C×H×W as PyTorch lays it out, shuffled index_select, Adam;
- channels-last: the same with module and images in channels-last memory;
- hubel: what `hubel train lenet5 mnist` does, from the start of training to the end of the first epoch.

No DataLoader anywhere, so the ratio shows the loop alone. Prints the median of each and the ratios, round by round.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time

BATCH = 128
WAYS = ("usual", "channels-last", "hubel")


def plain_loop(memory: str) -> float:
    """Train one epoch as one would write it by hand, and return images a second."""
    import torch
    from torch import nn

    from hubel.data import load

    torch.manual_seed(0)
    train = load("mnist").train
    images = torch.from_numpy(train.images.copy()).permute(0, 3, 1, 2).float().div(255).sub(0.1307).div(0.3081)
    labels = torch.from_numpy(train.labels.copy())
    layout = torch.channels_last if memory == "channels-last" else torch.contiguous_format
    images = images.contiguous(memory_format=layout)
    network = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.Tanh(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Tanh(),
        nn.Linear(120, 84),
        nn.Tanh(),
        nn.Linear(84, 10),
    ).to(memory_format=layout)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    started = time.perf_counter()
    for rows in torch.randperm(len(images)).split(BATCH):
        batch = images.index_select(0, rows).contiguous(memory_format=layout)
        loss = nn.functional.cross_entropy(network(batch), labels.index_select(0, rows))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return len(images) / (time.perf_counter() - started)


def hubel_epoch() -> float:
    """Train one epoch by hubel's defaults, and return images a second from start to end."""
    import dataclasses

    from hubel.data import load
    from hubel.train import EpochMetrics, Started, choose, train
    from hubel.zoo import get

    splits = dataclasses.replace(load("mnist"), test=None)
    times: dict[type, float] = {}

    def listen(event: object) -> None:
        times.setdefault(type(event), time.perf_counter())

    network = get("lenet5")
    recipe = choose(network, splits.train).replace(epochs=1, batch_size=BATCH)
    with tempfile.TemporaryDirectory() as folder:
        train(network, splits, recipe, folder + "/run", progress=listen)
    return len(splits.train) / (times[EpochMetrics] - times[Started])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(hubel_epoch() if arguments.way == "hubel" else plain_loop(arguments.way)))
        return
    import torch

    print(f"{platform.machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads, batch {BATCH}")
    rounds = []
    for number in range(arguments.rounds):
        row = {}
        for way in WAYS:
            done = subprocess.run([sys.executable, __file__, "--way", way], capture_output=True, text=True, check=True)
            row[way] = json.loads(done.stdout.splitlines()[-1])
        rounds.append(row)
        print(f"round {number + 1}: " + "  ".join(f"{way} {pace:,.0f}" for way, pace in row.items()), flush=True)
    for way in WAYS:
        paces = sorted(row[way] for row in rounds)
        print(f"{way:<14} median {statistics.median(paces):>9,.0f} images/s  ({paces[0]:,.0f} to {paces[-1]:,.0f})")
    for other in WAYS[:2]:
        ratios = sorted(row["hubel"] / row[other] for row in rounds)
        print(f"hubel / {other:<14} {statistics.median(ratios):.2f}  ({ratios[0]:.2f} to {ratios[-1]:.2f})")


if __name__ == "__main__":
    main()
