"""Training images a second, data path included: hubel's defaults beside the usual PyTorch loop, Keras and Lightning.

    python benchmarks/speed/training_speed_peers.py                        LeNet-5, batch 128, MNIST
    python benchmarks/speed/training_speed_peers.py --network resnet18     ResNet-18 on 32×32×3, batch 64

Each way is a process of its own that trains two epochs; the second one counts, when everything is compiled and
measured, without the evaluation after it. The ways take turns. The usual PyTorch loop has a Dataset that turns one
image into a normalised tensor, and a DataLoader. hubel is given nothing but network, data, epochs and batch size.

The ResNet-18 is that of papers on CIFAR: no stride and no pooling at the start; its images are noise, since only time
is measured. Needs `pip install -e '.[peers]'`; a way whose libraries are missing is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from time_to_accuracy import NEEDS, NETWORKS, PEERS, SCRIPTS, versions, write_data

WAYS = ("hubel", "pytorch", "keras-tensorflow", "keras-jax", "lightning")
STEM = "conv 64 7x7/2 nobias pad=3, norm, relu, maxpool 3/2 pad=1"


def text_of(network: str) -> str:
    """Return the network's text form."""
    if network == "lenet5":
        return NETWORKS["lenet"]
    from hubel.zoo import get

    text = str(get("resnet18", classes=10, input=(32, 32, 3)))
    assert STEM in text
    return text.replace(STEM, "conv 64 3x3 nobias pad=1, norm, relu")


def write_noise(images: int, folder: Path) -> Path:
    """Write so many random images for training, and a few to evaluate on."""
    import numpy as np

    random, path = np.random.default_rng(0), folder / "noise.npz"
    arrays = {}
    for part, count in (("train", images), ("test", 64)):
        arrays[f"x_{part}"] = random.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
        arrays[f"y_{part}"] = random.integers(0, 10, count)
    np.savez(path, **arrays)
    return path


def pace(way: str, network: str, data: Path, batch_size: int, number: int) -> float:
    """Return images a second of the second epoch."""
    folder = data.parent
    if way == "hubel":
        own = [text_of(network), str(data), "--run", str(folder / f"run{number}"), "--json", "--no-report"]
        words = [sys.executable, "-m", "hubel", "train", *own, "--epochs", "2", "--batch-size", str(batch_size)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        settled = {name: found["recipe"][name] for name in ("threads", "precision", "memory_format")}
        print(f"         hubel settled on {settled}", flush=True)
        return float(found["images_per_second"])
    script, environment = SCRIPTS[way]
    words = [sys.executable, str(PEERS / script), "--data", str(data), "--epochs", "2", "--accuracy", "2"]
    words += ["--batch-size", str(batch_size), "--seed", str(number)]
    path = {"PYTHONPATH": os.pathsep.join([str(folder), str(PEERS)])}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env={**os.environ, **environment, **path})
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"accuracy"')]
    return float(json.loads(lines[-1])["images_per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--network", choices=("lenet5", "resnet18"), default="lenet5")
    parser.add_argument("--only", nargs="*", choices=WAYS, default=list(WAYS))
    parser.add_argument("--images", type=int, default=1280, help="of noise, for resnet18")
    arguments = parser.parse_args()
    ways = [way for way in arguments.only if all(importlib.util.find_spec(need) for need in NEEDS[way])]
    batch_size = 128 if arguments.network == "lenet5" else 64
    print(versions())
    print(f"{arguments.network}, batch {batch_size}, images a second of the second epoch", flush=True)
    found: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        from hubel.arch import parse
        from hubel.code import source

        for framework in ("pytorch", "keras"):
            text = source(parse(text_of(arguments.network)), framework)
            (folder / f"network_{framework}.py").write_text(text, encoding="utf-8")
        data = write_data("mnist", folder) if arguments.network == "lenet5" else write_noise(arguments.images, folder)
        for number in range(arguments.rounds):
            for way in ways:
                found[way].append(pace(way, arguments.network, data, batch_size, number))
                print(f"round {number + 1}  {way:<18} {found[way][-1]:10,.1f}", flush=True)
    print()
    for way, paces in found.items():
        ratios = [own / other for own, other in zip(found["hubel"], paces, strict=True)] if "hubel" in found else []
        ratio = (
            f"   hubel {statistics.median(ratios):5.2f} times ({min(ratios):.2f} to {max(ratios):.2f})"
            if ratios
            else ""
        )
        print(
            f"{way:<18} median {statistics.median(paces):10,.1f} images/s ({min(paces):,.1f} to {max(paces):,.1f})"
            + ratio * (way != "hubel")
        )


if __name__ == "__main__":
    main()
