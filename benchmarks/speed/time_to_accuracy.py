"""Seconds from the start of the process to a test accuracy: `hubel train` beside PyTorch, Keras and Lightning.

    python benchmarks/speed/time_to_accuracy.py                             MNIST to 99.0 %, three rounds
    python benchmarks/speed/time_to_accuracy.py --accuracy 99.4
    python benchmarks/speed/time_to_accuracy.py --set fashion-mnist --accuracy 93

Every way is a process of its own, and the ways take turns, so that a busy machine treats them alike. The clock runs
from the start of the process until a line of its output says that the test accuracy is reached; reading data, importing
libraries and measuring are inside. `hubel train` is then left to finish by its own rules, and what it ends with is
shown too. The peers' scripts are in `peers/`: each gets the same images as one file, and stops at the accuracy.

Ways: NAME-NETWORK. The names are hubel, pytorch, keras-tensorflow, keras-jax, lightning; the networks (same layers in
each framework) lenet, small, best, fashion. Needs `pip install -e '.[peers]'`; a way whose libraries are missing is
left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from importlib.metadata import distributions, version
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers"
NETWORKS = {
    # LeNet-5 with ReLU and max pooling, 61,706 weights: what tutorials call LeNet
    "lenet": "28x28x1: conv 6 5x5 same relu, maxpool 2, conv 16 5x5 relu, maxpool 2, flatten, dense 120 relu, "
    "dense 84 relu, dense 10 softmax",
    # LeNet-sized: as many layers of weights as its convolutions and its output
    "small": "28x28x1: conv 8 5x5/2, norm, relu, conv 16 3x3, maxpool 2, norm, relu, conv 32 3x3, norm, relu, flatten, "
    "dense 10 softmax",
    "best": "28x28x1: conv 16 5x5/2 same, norm, relu, conv 32 3x3, maxpool 2, norm, relu, conv 32 3x3, norm, relu, "
    "flatten, dense 10 softmax",
    "fashion": "28x28x1: conv 24 3x3 same, maxpool 2, norm, relu, conv 64 3x3 same, maxpool 2, norm, relu, "
    "conv 128 3x3 same, norm, relu, conv 128 3x3, norm, relu, flatten, dense 10 softmax",
}
HUBEL: dict[tuple[str, str], list[str]] = {  # what is set beyond the defaults, by data and network
    ("mnist", "best"): ["--epochs", "3"],
    ("fashion-mnist", "fashion"): [
        *("--epochs", "3.3", "--optimizer", "muon", "--learning-rate", "0.03", "--batch-size", "256"),
        *("--set", "momentum=0.9", "--set", "warmup=0.1", "--set", "label_smoothing=0.1", "--set", "augmentation=none"),
        *("--set", "ema=0.997", "--set", "weight_decay=0.2"),
    ],
}
SCALES = {  # mean and deviation, which PyTorch's examples write down
    "mnist": ["--mean", "0.1307", "--std", "0.3081"],
    "fashion-mnist": ["--mean", "0.2860", "--std", "0.3530"],
}
SCRIPTS = {
    "pytorch": ("pytorch_example.py", {}),
    "keras-tensorflow": ("keras_fit.py", {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}),
    "keras-jax": ("keras_fit.py", {"KERAS_BACKEND": "jax"}),
    "lightning": ("lightning_trainer.py", {}),
}
NEEDS = {
    "hubel": ["torch"],
    "pytorch": ["torch"],
    "keras-tensorflow": ["keras", "tensorflow"],
    "keras-jax": ["keras", "jax"],
    "lightning": ["lightning"],
}
USUAL = {
    ("mnist", 99.0): ["hubel-small", "hubel-lenet", "pytorch-lenet", "keras-tensorflow-lenet", "lightning-lenet",
                      "keras-jax-lenet"],
    ("mnist", 99.4): ["hubel-best", "pytorch-best", "keras-tensorflow-best", "lightning-best", "keras-jax-best"],
    ("fashion-mnist", 93.0): ["hubel-fashion", "pytorch-fashion", "keras-tensorflow-fashion", "lightning-fashion",
                              "keras-jax-fashion"],
}  # fmt: skip


@dataclass
class Outcome:
    """One process. reached: seconds to the accuracy, None where it was not reached; the rest when it ended."""

    reached: float | None = None
    epoch: int = 0
    best: float = 0.0
    last: float = 0.0
    seconds: float = 0.0
    training: float | None = None
    epochs: list[float] = field(default_factory=list)


def write_data(name: str, folder: Path) -> Path:
    """Write the set's bytes as the one file that the peers read."""
    import numpy as np

    from hubel.data import load

    splits = load(name)
    assert splits.test is not None
    path = folder / f"{name}.npz"
    parts = {"train": splits.train, "test": splits.test}
    arrays = {f"x_{name}": part.images for name, part in parts.items()}
    np.savez(path, **arrays, **{f"y_{name}": part.labels for name, part in parts.items()})
    return path


def write_networks(network: str, folder: Path) -> Path:
    """Write the network's source for the peers' frameworks into a folder of its own, to be imported."""
    from hubel.arch import parse
    from hubel.code import source

    target = folder / network
    target.mkdir(exist_ok=True)
    for framework in ("pytorch", "keras"):
        (target / f"network_{framework}.py").write_text(source(parse(NETWORKS[network]), framework), encoding="utf-8")
    return target


def command(way: str, data: str, accuracy: float, seed: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    name, _, network = way.rpartition("-")
    if name == "hubel":
        run = folder / f"run-{way}-{seed}"
        own = [NETWORKS[network], data, "--run", str(run), "--seed", str(seed), *HUBEL.get((data, network), [])]
        return [sys.executable, "-m", "hubel", "train", *own], {"COLUMNS": "200"}
    script, environment = SCRIPTS[name]
    most = "60" if accuracy > 0.992 else "30"
    own = [*SCALES[data]] if not name.startswith("keras") else []
    own += ["--data", str(folder / f"{data}.npz"), "--accuracy", str(accuracy), "--seed", str(seed), "--epochs", most]
    path = os.pathsep.join([str(write_networks(network, folder)), str(PEERS)])
    return [sys.executable, str(PEERS / script), *own], {**environment, "PYTHONPATH": path}


def measure(way: str, data: str, accuracy: float, seed: int, folder: Path, limit: float) -> Outcome:
    """Run one way, and read its lines as they come."""
    words, environment = command(way, data, accuracy, seed, folder)
    outcome = Outcome()
    started = time.perf_counter()
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if way.startswith("hubel") else subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    )
    assert process.stdout is not None
    for line in process.stdout:
        now = time.perf_counter() - started
        found = accuracy_of(line)
        if found is None:
            ended = re.search(r"epochs are done, ([\d.]+) s", line)
            outcome.training = float(ended[1]) if ended else outcome.training
            continue
        outcome.epoch += outcome.reached is None
        outcome.epochs.append(found)
        if found >= accuracy - 1e-7 and outcome.reached is None:
            outcome.reached = now
        if now > limit:
            process.send_signal(signal.SIGTERM)
    if process.wait() and not outcome.epochs:
        raise SystemExit(f"{way} ended with {process.returncode}: {process.stderr and process.stderr.read()}")
    outcome.seconds = time.perf_counter() - started
    outcome.best, outcome.last = max(outcome.epochs), outcome.epochs[-1]
    return outcome


def accuracy_of(line: str) -> float | None:
    """Return the test accuracy that a line of output tells, if it does."""
    if line.startswith('{"accuracy"'):
        return float(json.loads(line)["accuracy"])
    found = re.match(r"epoch .* test\s+([\d.]+)%", line)
    return float(found[1]) / 100 if found else None


def versions() -> str:
    """Return what the figures were taken with."""
    names = ("torch", "keras", "tensorflow", "tensorflow-cpu", "jax", "lightning", "numpy")
    found = [f"{name} {version(name)}" for name in names if _is_installed(name)]
    return f"Python {platform.python_version()}, {', '.join(found)}; {os.cpu_count()} processors, {platform.machine()}"


def _is_installed(name: str) -> bool:
    return any(True for _ in distributions(name=name))


def shown(values: list[float]) -> str:
    low, high = min(values), max(values)
    return f"{statistics.median(values):7.1f}  ({low:.1f} to {high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", default="mnist", choices=("mnist", "fashion-mnist"))
    parser.add_argument("--accuracy", type=float, default=99.0, help="per cent of the 10,000 test images")
    parser.add_argument("--only", nargs="*", metavar="WAY", help="such as hubel-small pytorch-lenet")
    parser.add_argument("--limit", type=float, default=300, help="seconds after which a process is asked to end")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; the next has the next")
    arguments = parser.parse_args()
    wanted = arguments.only or USUAL.get((arguments.set, arguments.accuracy)) or USUAL["mnist", 99.0]
    missing = {way for way in wanted for need in NEEDS[way.rpartition("-")[0]] if not importlib.util.find_spec(need)}
    if missing:
        print(f"left out, their libraries are not installed: {', '.join(sorted(missing))}")
    ways = [way for way in wanted if way not in missing]
    print(versions())
    print(f"{arguments.set} to {arguments.accuracy:g} %, {arguments.rounds} rounds", flush=True)
    outcomes: dict[str, list[Outcome]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_data(arguments.set, folder)
        for number in range(arguments.rounds):
            for way in ways:
                seed = arguments.seed + number
                found = measure(way, arguments.set, arguments.accuracy / 100, seed, folder, arguments.limit)
                outcomes[way].append(found)
                reached = f"{found.reached:7.1f} s, epoch {found.epoch}" if found.reached else "    not reached"
                inside = f", {found.training:.1f} s of it training" if found.training else ""
                print(
                    f"round {number + 1}  {way:<24} {reached}; best {found.best:.2%}, ended {found.last:.2%} after "
                    f"{found.seconds:.1f} s{inside}",
                    flush=True,
                )
    report(outcomes, ways[0])


def report(outcomes: dict[str, list[Outcome]], first: str) -> None:
    """Print medians and spread, and how many times as long each takes as the first way."""
    print(f"\n{'':<24} reached  seconds to it, median (range)   times {first}   best accuracy, mean (least)")
    own = [each.reached for each in outcomes[first]]
    for way, found in outcomes.items():
        times = [each.reached for each in found if each.reached]
        best = [each.best for each in found]
        ratio = ""
        if len(times) == len(found) and all(own):
            ratio = f"{statistics.median(times) / statistics.median(own):6.2f}"
        print(
            f"{way:<24} {len(times)} of {len(found)}   {shown(times) if times else 'not reached':<28} {ratio:>10}"
            f"          {statistics.mean(best):.2%} ({min(best):.2%})"
        )
        inside = [each.training for each in found if each.training]
        if inside:
            print(f"{'':<24}          training alone, to its end {shown(inside)}")


if __name__ == "__main__":
    main()
