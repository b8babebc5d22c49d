"""Time from the start of the process to a test accuracy on MNIST: `hubel train` beside the usual PyTorch script.

    python benchmarks/train_speed.py [--rounds 3] [--only WAY ...]

Each way is a whole process, timed from outside; the ways take turns, so that a busy machine treats them alike.

- example: what PyTorch's own MNIST example does (a DataLoader that shuffles, a transform for every image, Adadelta 1.0
  with a step schedule, its two convolutions of 32 and 64 and dropout), evaluated after each epoch until 99.0 %;
- loop: a plain loop over LeNet-5 with ReLU in channels-last memory, whole-tensor input, Adam 0.001, until 99.0 %;
- tuned: the same loop with everything an expert would set by hand (one cycle, 0.01, smoothing, two epochs);
- lenet5: `hubel train lenet5 mnist`, nothing set: LeNet-5 of 1998, tanh and average pooling;
- small: `hubel train` on a LeNet-sized line with normalisation, nothing set but one epoch;
- best: the recipe for 99.4 %: three epochs on a line of 22,394 weights, shifted by a pixel;

Prints seconds and final accuracy of each round, medians, and ratios.
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
from typing import Any

TARGET = 0.99
SMALL = (
    "28x28x1: conv 8 5x5/2, norm, relu, conv 16 3x3, maxpool 2, norm, relu, conv 32 3x3, norm, relu, flatten, "
    "dense 10 softmax"
)
BEST = (
    "28x28x1: conv 16 5x5/2 same, norm, relu, conv 32 3x3, maxpool 2, norm, relu, conv 32 3x3, norm, relu, flatten, "
    "dense 10 softmax"
)
HUBEL: dict[str, list[str]] = {
    "lenet5": ["lenet5", "mnist"],
    "small": [SMALL, "mnist", "--epochs", "1"],
    "best": [BEST, "mnist", "--epochs", "3", "--set", "label_smoothing=0.1"],
}
WAYS = ("example", "loop", "tuned", *HUBEL)


def _arrays() -> tuple[Any, Any, Any, Any]:
    import torch

    from hubel.data import load

    splits = load("mnist")
    assert splits.test is not None
    parts = (splits.train, splits.test)
    tensors = [torch.from_numpy(array.copy()) for part in parts for array in (part.images, part.labels)]
    return tensors[0], tensors[1], tensors[2], tensors[3]


def example() -> float:
    """PyTorch's example, written with its parts: per-image work in a DataLoader."""
    import torch
    import torch.nn.functional as F
    from torch import nn
    from torch.utils.data import DataLoader, Dataset

    class Images(Dataset[Any]):
        def __init__(self, images: Any, labels: Any) -> None:
            self.images, self.labels = images.numpy(), labels

        def __len__(self) -> int:
            return len(self.images)

        def __getitem__(self, index: int) -> Any:  # what ToTensor and Normalize do
            image = torch.from_numpy(self.images[index]).permute(2, 0, 1).contiguous().float().div(255)
            return image.sub(0.1307).div(0.3081), int(self.labels[index])

    torch.manual_seed(1)
    images, labels, test_images, test_labels = _arrays()
    network = nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip
    loader = DataLoader(Images(images, labels), batch_size=64, shuffle=True)
    tests = DataLoader(Images(test_images, test_labels), batch_size=1000)
    optimizer = torch.optim.Adadelta(network.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.7)
    for _ in range(14):
        network.train()
        for batch, truth in loader:
            optimizer.zero_grad()
            F.cross_entropy(network(batch), truth).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            right = sum(int((network(batch).argmax(1) == truth).sum()) for batch, truth in tests)
        if right >= TARGET * len(test_labels):
            break
        schedule.step()
    return right / len(test_labels)


def loop(tuned: bool) -> float:
    """LeNet-5 with ReLU by a plain loop over whole tensors, until the target, or by a tuned one of two epochs."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    torch.manual_seed(1)
    images, labels, test_images, test_labels = _arrays()

    def prepared(batch: Any) -> Any:
        return batch.permute(0, 3, 1, 2).float().div_(255).sub_(0.1307).div_(0.3081)

    network = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    ).to(memory_format=torch.channels_last)  # fmt: skip
    epochs, size = (2, 128) if tuned else (20, 128)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, betas=(0.9, 0.99 if tuned else 0.999), fused=tuned)
    steps = epochs * (len(images) // size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, steps, cycle_momentum=False) if tuned else None
    for _ in range(epochs):
        for rows in torch.randperm(len(images))[: steps // epochs * size].split(size):
            logits = network(prepared(images.index_select(0, rows)))
            loss = F.cross_entropy(logits, labels.index_select(0, rows), label_smoothing=0.05 * tuned)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule:
                schedule.step()
        with torch.no_grad():
            right = sum(
                int((network(prepared(test_images[at : at + 1000])).argmax(1) == test_labels[at : at + 1000]).sum())
                for at in range(0, len(test_images), 1000)
            )
        if right >= TARGET * len(test_labels) and not tuned:
            break
    return right / len(test_labels)


def measure(way: str, seed: int) -> dict[str, float]:
    """Seconds of a whole process, and the accuracy it ended with."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--way", way]
        if way in HUBEL:
            own = ["--run", f"{folder}/run", "--seed", str(seed), "--json"]
            command = [sys.executable, "-m", "hubel", "train", *HUBEL[way], *own]
        started = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        seconds = time.perf_counter() - started
        found = json.loads(done.stdout)
        inside = found["seconds"] if way in HUBEL else 0.0
        accuracy = found["accuracy"] if way in HUBEL else found
    return {"seconds": seconds, "accuracy": accuracy, "training": inside}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(example() if arguments.way == "example" else loop(arguments.way == "tuned"))
        return
    import torch

    print(f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}, "
          f"torch {torch.__version__}")  # fmt: skip
    rounds: dict[str, list[dict[str, float]]] = {way: [] for way in arguments.only}
    for number in range(arguments.rounds):
        for way in arguments.only:
            found = measure(way, number)
            rounds[way].append(found)
            inside = f", {found['training']:.1f} s of it training" if found["training"] else ""
            print(
                f"round {number + 1}  {way:<8} {found['seconds']:7.1f} s  {found['accuracy']:.2%}{inside}", flush=True
            )
    medians = {way: statistics.median(each["seconds"] for each in found) for way, found in rounds.items()}
    for way, found in rounds.items():
        paces = sorted(each["seconds"] for each in found)
        accuracies = [each["accuracy"] for each in found]
        beside = (
            f"  {medians['example'] / medians[way]:5.1f} times quicker than example" if "example" in medians else ""
        )
        right = f"{statistics.mean(accuracies):.2%} ({min(accuracies):.2%} to {max(accuracies):.2%})"
        print(f"{way:<8} median {medians[way]:.1f} s ({paces[0]:.1f} to {paces[-1]:.1f}), accuracy {right}{beside}")


if __name__ == "__main__":
    main()
