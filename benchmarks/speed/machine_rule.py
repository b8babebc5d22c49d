"""What threads, precision and memory layout make of a training step, for networks of many kinds; the rule's regret.

    python benchmarks/speed/machine_rule.py [--seconds 4] [--alone] [NETWORK ...]

hubel chooses all three by a rule (`hubel.train.loop.machine.autotune.by_rule`), not by a stopwatch, so that one line
and one seed give one model however busy the machine is. This measures every combination on this machine, the
combinations taking turns, and says by how much the rule's choice is slower than the quickest. Images are noise; a
batch is 128, or what 2·10¹⁰ multiply-adds allow. Meant for a machine that does nothing else; where it does, `--alone`
measures the processor time of one thread, its quickest steps, by which precisions and layouts can be told apart, and
threads not.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time

import numpy as np
import torch

from hubel.arch import Network, analyse, parse
from hubel.data import Batch, Dataset, Preprocessing
from hubel.tasks import task_of
from hubel.train import Recipe
from hubel.train.loop.machine.autotune import _has_bfloat16, by_rule
from hubel.train.loop.state import State
from hubel.train.loop.ways.supervised import Supervised
from hubel.zoo import get

NETWORKS: dict[str, str] = {
    "softmax": "28x28x1: flatten, dense 10 softmax",
    "perceptron": "28x28x1: flatten, dense 128 relu, dense 10 softmax",
    "small line": "28x28x1: conv 8 5x5/2 relu, norm, conv 16 3x3 relu, maxpool 2, norm, flatten, dense 10 softmax",
    "lenet5": "28x28x1: conv 6 5x5 same relu, maxpool 2, conv 16 5x5 relu, maxpool 2, flatten, dense 120 relu, "
    "dense 84 relu, dense 10 softmax",
    "three of 3x3": "28x28x1: conv 16 3x3 same, norm, relu, maxpool 2, conv 32 3x3 same, norm, relu, maxpool 2, "
    "conv 64 3x3 same, norm, relu, globalavgpool, dense 10 softmax",
    "three, wider": "28x28x1: conv 32 3x3 same, maxpool 2, norm, relu, conv 64 3x3 same, maxpool 2, norm, relu, "
    "conv 128 3x3 same, maxpool 2, norm, relu, flatten, dense 10 softmax",
    "colour": "32x32x3: conv 32 3x3 same relu, conv 32 3x3 relu, maxpool 2, conv 64 3x3 same relu, "
    "conv 64 3x3 relu, maxpool 2, flatten, dense 512 relu, dense 10 softmax",
}
ZOO = {
    "resnet20": (32, 32, 3),
    "resnet18": (64, 64, 3),
    "resnet50": (96, 96, 3),
    "vgg16": (64, 64, 3),
    "mobilenet_v1": (96, 96, 3),
    "mobilenet_v2": (96, 96, 3),
    "squeezenet": (96, 96, 3),
    "densenet121": (64, 64, 3),
    "convnext_tiny": (64, 64, 3),
    "efficientnet_lite0": (96, 96, 3),
}


def network_of(name: str) -> Network:
    """Return a network of the lists above."""
    return parse(NETWORKS[name]) if name in NETWORKS else get(name, classes=10, input=ZOO[name])


def measured(network: Network, recipes: list[Recipe], seconds: float, alone: bool = False) -> list[float]:
    """Return the quickest step of each recipe; they take turns for so many seconds. alone: by the thread's own time."""
    clock, share = (time.thread_time, 8) if alone else (time.perf_counter, 2)
    report = analyse(network)
    size = max(4, min(128, int(2e10 / max(1, report.training_macs))))
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (size, *network.input), dtype=np.uint8)
    classes = int(np.prod(report.output_shape))
    data = Dataset(images, np.arange(size) % classes, [str(i) for i in range(classes)])
    preprocessing, task = Preprocessing.for_dataset(data), task_of(data)
    states = [State(Supervised, network, recipe, task, preprocessing, data) for recipe in recipes]
    batch = Batch(*data.tensors(), torch.arange(size))
    taken: list[list[float]] = [[] for _ in recipes]
    began = clock()
    while len(taken[0]) < 4 or clock() - began < seconds:
        for recipe, state, times in zip(recipes, states, taken, strict=True):
            torch.set_num_threads(recipe.threads)
            start = clock()
            state.how(batch, 1e-6, 0)
            times.append(clock() - start)
    return [statistics.median(sorted(times[1:])[: max(1, len(times) // share)]) for times in taken]


def main() -> None:
    """Measure, and print a row a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=[*NETWORKS, *ZOO])
    parser.add_argument("--seconds", type=float, default=6.0, help="of measuring, for each network")
    parser.add_argument("--alone", action="store_true", help="one thread, by its own time")
    arguments = parser.parse_args()
    cores = 1 if arguments.alone else torch.get_num_threads()
    torch.set_num_threads(cores)
    choices = list(
        itertools.product(
            (1, cores) if cores > 1 else (1,), ("float32", "bfloat16"), ("channels-last", "channels-first")
        )
    )
    regrets: list[float] = []
    print(f"torch {torch.__version__}, {cores} cores; milliseconds a step, and times the quickest")
    for name in arguments.networks:
        network = network_of(name)
        recipes = [
            Recipe(device="cpu", threads=threads, precision=precision, memory_format=layout)
            for threads, precision, layout in choices
        ]
        times = measured(network, recipes, arguments.seconds, arguments.alone)
        report = analyse(network)
        chosen = by_rule(Recipe(device="cpu"), report, 60_000, cores, _has_bfloat16("cpu"))
        own = choices.index((chosen.threads, chosen.precision, chosen.memory_format))
        best = min(range(len(times)), key=times.__getitem__)
        regrets.append(times[own] / times[best])
        print(
            f"{name}: {report.macs:,} MACs, by rule {shown(choices[own], times[own])}, {regrets[-1]:.2f} times the best"
        )
        for number in sorted(range(len(times)), key=times.__getitem__):
            print(f"    {shown(choices[number], times[number])} {times[number] / times[best]:6.2f}", flush=True)
    print(
        f"the rule: {statistics.median(regrets):.2f} times the quickest by the median, {max(regrets):.2f} at the most"
    )


def shown(choice: tuple[int, str, str], seconds: float) -> str:
    """Write a choice, and how long its step takes."""
    threads, precision, layout = choice
    return f"{threads} threads {precision:8} {layout:14} {seconds * 1000:9.2f} ms"


if __name__ == "__main__":
    main()
