"""Milliseconds to show what every layer makes of an image, after loading: computing and drawing apart.

    python benchmarks/answers/look_maps.py [ROUNDS] [NETWORK …]

Random weights, one image of noise, the process warm: `maps` computes, `figure().svg()` draws the whole page.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time

import numpy as np
import torch

from hubel import zoo
from hubel.data import Preprocessing
from hubel.look import Sample, sample
from hubel.look.inside.maps import maps
from hubel.nn import build
from hubel.tasks import LoadedModel

GOALS = {"lenet5": 100.0, "resnet50": 1000.0}  # milliseconds, both together


def prepared(name: str) -> tuple[LoadedModel, Sample]:
    network = zoo.get(name)
    height, width, channels = network.input
    torch.manual_seed(0)
    preprocessing = Preprocessing(height, width, channels, (0.5,) * channels, (0.25,) * channels)
    model = LoadedModel(network, build(network).eval(), preprocessing, tuple(map(str, range(1000))))
    image = np.random.default_rng(0).integers(0, 256, network.input).astype(np.uint8)
    return model, sample(model, image)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, "
          f"{torch.get_num_threads()} threads")  # fmt: skip
    for name in sys.argv[2:] or GOALS:
        model, image = prepared(name)
        maps(model, image).figure().svg()
        computing, drawing = [], []
        for _ in range(rounds):
            started = time.perf_counter()
            found = maps(model, image)
            computed = time.perf_counter()
            page = found.figure().svg()
            drawn = time.perf_counter()
            computing.append(1000 * (computed - started))
            drawing.append(1000 * (drawn - computed))
        together = statistics.median(a + b for a, b in zip(computing, drawing, strict=True))
        goal = GOALS.get(name)
        print(
            f"{name}: {len(found.layers)} layers, page of {len(page) / 1e6:.2f} MB; median of {rounds}: "
            f"computing {statistics.median(computing):.1f} ms, drawing {statistics.median(drawing):.1f} ms, "
            f"together {together:.1f} ms" + ("" if goal is None else f" (goal {goal:.0f})")
        )


if __name__ == "__main__":
    main()
