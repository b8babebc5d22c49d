"""hubel on a GPU, in at most seven minutes. Each part has a limit of its own, and what it finds is printed at once.

    python benchmarks/speed/gpu.py -o gpu.json
    python benchmarks/speed/gpu.py --data cifar-10/ -o gpu.json  CIFAR-10 in class folders, train and test apart
    python benchmarks/speed/gpu.py --rehearse                    every line of it on a processor, on next to nothing

Needs this checkout, torch and NumPy, pillow and safetensors, and for part 1 pytest. Parts: (1) the tests that need a
GPU; (2) MNIST to 99.4 %; (3) ResNet-50 at 224×224 in bfloat16; (4) ResNet-18 on 32×32; (5) `hubel plan`'s steps and
memory beside measured ones; (6) predictions a second, in Python and asked over HTTP (`hubel serve`, where its packages
are here). Peers run in the same process, in turns with hubel: a loop in
plain PyTorch, and the same loop with `torch.compile`. Medians; the spread stands beside them.

Published, for comparison: ResNet-50 v1.5 trains at 2,470 images/s on an A100 80 GB with mixed precision (NVIDIA's Deep
Learning Examples, PyTorch, one GPU, batch 256); airbench reaches 94 % of CIFAR-10 in 2.59 s on an A100 (Jordan 2024).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from asking import served
from on_card import Bench, card_of, hubel_step, pictures, recorded, spread
from peers.by_hand import plain_mnist, plain_step
from torch import nn

from hubel import zoo
from hubel.arch import Network, analyse, parse
from hubel.data import Dataset, Preprocessing, Splits, load
from hubel.nn import build
from hubel.plan import DEVICES, plan_step
from hubel.tasks import task_of
from hubel.train import Recipe, train
from hubel.train.recipe.choose import choose
from hubel.train.recipe.recipe import Compile

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"tests": 70, "mnist": 60, "resnet50": 110, "resnet18": 90, "plan": 50, "predict": 40}  # seconds
BEST = (
    "28x28x1: conv 16 5x5/2 same, norm, relu, conv 32 3x3, maxpool 2, norm, relu, conv 32 3x3, norm, relu, flatten, "
    "dense 10 softmax"
)
A100_RESNET50 = 2470.0  # images/s, NVIDIA's published figure
NETS = (("lenet5", 1024), ("resnet18", 128), ("resnet50", 128), ("vgg16", 64), ("unet", 2))


def tests(bench: Bench) -> dict[str, Any]:
    """Part 1: the tests that need a GPU."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "gpu", "tests/gpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMITS["tests"], check=False)
    lines = done.stdout.strip().splitlines()
    return {"code": done.returncode, "last": lines[-1] if lines else done.stderr[-300:], "output": done.stdout[-3000:]}


def mnist(bench: Bench) -> dict[str, Any]:
    """Part 2: 99.4 % of MNIST's test part, by hubel and by a loop of plain PyTorch with the same network and recipe."""
    data = load("mnist")
    network = parse(BEST)
    if bench.rehearsal:
        data = Splits(data.train.take(np.arange(2000)), None, data.test)
    epochs = bench.small(8, 1)
    ours, theirs = [], []
    for seed in range(bench.small(3, 1)):
        with tempfile.TemporaryDirectory() as folder:
            recipe = choose(network, data.train).replace(epochs=epochs, seed=seed, device=str(bench.device))
            start = time.perf_counter()
            run = train(network, data, recipe, Path(folder) / "run", validation=0.0)
            taken = time.perf_counter() - start
            ours.append({"seconds": taken, "training": run.metrics[-1].seconds, **reached(run.metrics)})
        theirs.append(plain_mnist(bench.device, network, data, epochs, seed))
        print(f"    hubel {json.dumps(ours[-1])}\n    plain {json.dumps(theirs[-1])}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hubel", "train", BEST, "mnist", "--epochs", str(epochs), "--validation", "0"]
        start = time.perf_counter()
        subprocess.run([*command, "--run", f"{folder}/run"], check=True, capture_output=True)
        whole = time.perf_counter() - start
    return {"epochs": epochs, "hubel": ours, "plain": theirs, "from the start of the process": whole}


def reached(rows: Any, wanted: float = 0.994) -> dict[str, Any]:
    """After how many seconds of training the wanted accuracy came, and what it was in the end."""
    at = next((row.seconds for row in rows if row.evaluation["accuracy"] >= wanted), None)
    return {f"{wanted:.1%} after": at, "accuracy": rows[-1].evaluation["accuracy"]}


def resnet50(bench: Bench) -> dict[str, Any]:
    """Part 3: ResNet-50 at 224×224, bfloat16, images a second."""
    size, batch = bench.small(224, 32), bench.small(192, 2)
    network = zoo.get("resnet50", input=(size, size, 3))
    found = pace_of(bench, network, pictures(bench.small(1024, 8), size, 1000), batch, 6)
    card = card_of()
    if card is not None:  # scaled by the data sheets' dense rates in 16 bits
        found["A100's published, scaled to this card"] = (
            A100_RESNET50 * card.flops["bfloat16"] / DEVICES["a100"].flops["bfloat16"]
        )
    return found


def resnet18(bench: Bench) -> dict[str, Any]:
    """Part 4: ResNet-18 on 32×32; to 94 % of CIFAR-10 where it is at hand."""
    network = zoo.get("resnet18", input=(32, 32, 3), classes=10)
    found = pace_of(bench, network, pictures(bench.small(8192, 64), 32, 10), bench.small(512, 8), 4)
    if bench.data:
        data = load(bench.data)
        # ImageNet's first layers leave little of 32 pixels: those of CIFAR's residual networks in their place
        first = "conv 64 7x7/2 nobias pad=3, norm, relu, maxpool 3/2 pad=1"
        own = parse(str(network).replace(first, "conv 64 3x3 nobias pad=1, norm, relu"))
        with tempfile.TemporaryDirectory() as folder:
            recipe = choose(own, data.train).replace(epochs=bench.small(20, 1), device=str(bench.device))
            start = time.perf_counter()
            run = train(own, data, recipe, Path(folder) / "run", validation=0.0)
            taken = time.perf_counter() - start
            found["cifar10"] = {"network": str(own), "seconds": taken, **reached(run.metrics, 0.94)}
    return found


def pace_of(bench: Bench, network: Network, data: Dataset, batch: int, seconds: float) -> dict[str, Any]:
    """Images a second of hubel's steps (as they are, recorded, compiled), of the loop by hand, and of it compiled."""
    usual = Recipe(
        batch_size=batch,
        optimizer="sgd",
        learning_rate=0.01,
        precision="bfloat16",
        memory_format="channels-last",
        threads=1,
        device=str(bench.device),
        ema=0.0,
    )

    def ours(kind: Compile) -> Callable[[], Callable[[], object]]:
        return lambda: hubel_step(bench, network, data, usual.replace(compile=kind))

    ways = {
        "hubel, compile none": ours("none"),
        "eager by hand": lambda: plain_step(bench.device, network, data, batch, True, False),
    }
    if not bench.rehearsal:  # what compiles takes longest, and comes last
        ways["hubel, compile graph"] = ours("graph")
        ways["torch.compile by hand"] = lambda: plain_step(bench.device, network, data, batch, True, True)
        ways["hubel, compile inductor"] = ours("inductor")
    found: dict[str, Any] = {}
    for name, made in ways.items():
        start = time.perf_counter()
        groups = bench.pace(made(), seconds)
        found[name] = {"images/s": spread([batch / each for each in groups]), "took s": time.perf_counter() - start}
        print(f"    {name}: {found[name]['images/s']['median']:,.0f} images/s", flush=True)
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
    macs = analyse(network).training_macs
    card = card_of()
    rates = {name: each["images/s"]["median"] for name, each in found.items()}
    found["hubel's best beside"] = {
        name: max(rate for way, rate in rates.items() if way.startswith("hubel")) / rates[name]
        for name in rates
        if not name.startswith("hubel")
    }
    found["share of the card's peak"] = {
        name: 2 * macs * rate / card.flops["bfloat16"] for name, rate in rates.items() if card is not None
    }
    return found


def plan(bench: Bench) -> dict[str, Any]:
    """Part 5: steps and memory as `hubel plan` has them, beside measured ones (float32 by its autocast): recorded, as
    hubel trains on a card, and eager.
    """
    card = DEVICES["a100"] if bench.rehearsal else card_of()
    if card is None:
        return {"left out": "no data sheet of this card is in hubel's table"}
    found = {}
    for name, usual in NETS[: bench.small(len(NETS), 1)]:
        batch = bench.small(usual, 1)
        network = zoo.get(name)
        said = plan_step(network, batch, card, precision="autocast", optimizer="momentum")
        module = build(network).to(bench.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9, fused=bench.device.type == "cuda")
        height, width, channels = network.input
        images = torch.randn(batch, channels, height, width, device=bench.device)
        images = images.contiguous(memory_format=torch.channels_last)
        wanted = analyse(network).output_shape
        labels = torch.zeros((batch, *wanted[:-1]), dtype=torch.long, device=bench.device)

        def step(module: Any = module, optimizer: Any = optimizer, images: Any = images, labels: Any = labels) -> Any:
            optimizer.zero_grad()
            with torch.autocast(bench.device.type, torch.bfloat16):
                loss = nn.functional.cross_entropy(module.logits(images), labels)
            loss.backward()
            optimizer.step()
            return loss.detach()

        if bench.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        eager = statistics.median(bench.pace(step, 2))
        most = torch.cuda.max_memory_allocated() if bench.device.type == "cuda" else 0
        seconds = statistics.median(bench.pace(recorded(step), 2)) if bench.device.type == "cuda" else eager
        found[name] = {
            "batch": batch,
            "step s": {"plan": said.seconds, "measured": seconds, "eager": eager, "error": said.seconds / seconds - 1},
            "bytes": {
                "plan": said.memory.total,
                "measured": most,
                "error": said.memory.total / most - 1 if most else None,
            },
        }
        print(
            f"    {name}: {1e3 * said.seconds:.2f} ms said, {1e3 * seconds:.2f} measured, {1e3 * eager:.2f} eager",
            flush=True,
        )
        del module, optimizer, images, step
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
    return found


def predictions(bench: Bench) -> dict[str, Any]:
    """Part 6: predictions a second of a model on the device, batches of 1 and 256, and as a service."""
    from hubel.tasks import load_model, predict, save_model

    found: dict[str, Any] = {}
    for name, size in (("lenet5", 28), ("resnet18", 64)):
        network = zoo.get(name) if name == "lenet5" else zoo.get(name, input=(size, size, 3), classes=10)
        data = load("mnist").train if name == "lenet5" else pictures(256, size, 10)
        data = data.take(np.arange(256))
        with tempfile.TemporaryDirectory() as folder:
            path = save_model(
                Path(folder) / "model.safetensors",
                network,
                build(network).state_dict(),
                preprocessing=Preprocessing.for_dataset(data),
                task=task_of(data),
            )
            model = load_model(path)
            if name == ("lenet5" if bench.rehearsal else "resnet18"):
                found[f"{name}, served"] = served(path, data.images[:32], str(bench.device), bench.small(4, 1))
        model.to(bench.device)
        for batch in (1, 256):
            images = np.ascontiguousarray(data.images[:batch])
            groups = bench.pace(lambda model=model, images=images: predict(model, images), 2)
            found[f"{name}, {batch} at a time"] = spread([batch / each for each in groups])
    return found


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "tests": tests,
    "mnist": mnist,
    "resnet50": resnet50,
    "resnet18": resnet18,
    "plan": plan,
    "predict": predictions,
}


def limited(work: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """What work gives, or that it took too long: it is then left behind, which on a GPU nothing else can end."""
    found: list[dict[str, Any]] = []

    def run() -> None:
        try:
            found.append(work())
        except Exception as error:  # one part's failure must not cost the others theirs
            found.append({"failed": f"{type(error).__name__}: {error}"[:2000]})

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else {"failed": f"not done after {seconds:g} s"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", metavar="FILE", help="write all of it as JSON, after each part")
    parser.add_argument("--data", metavar="FOLDER", help="CIFAR-10's images in folders")
    parser.add_argument("--part", choices=PARTS, action="append", help="this part alone; may be given again")
    parser.add_argument("--rehearse", action="store_true", help="on a processor, on next to nothing")
    options = parser.parse_args()
    if not options.rehearse and not torch.cuda.is_available():
        print("there is no CUDA device here; --rehearse runs every line on a processor", file=sys.stderr)
        return 2
    bench = Bench(options)
    card = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    bench.found["machine"] = {
        "card": card,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
    }
    print(json.dumps(bench.found["machine"]), flush=True)
    for name in options.part or PARTS:
        print(f"{name} …", flush=True)
        start = time.perf_counter()
        found = limited(lambda name=name: PARTS[name](bench), LIMITS[name])
        found["part took s"] = time.perf_counter() - start
        bench.found["parts"][name] = found
        print(json.dumps({name: {key: value for key, value in found.items() if key != "output"}}), flush=True)
        if options.output:
            Path(options.output).write_text(json.dumps(bench.found, indent=1))
    failed = [name for name, each in bench.found["parts"].items() if "failed" in each or each.get("code")]
    print(f"done in {time.perf_counter() - bench.began:.0f} s" + (f"; failed: {', '.join(failed)}" if failed else ""))
    sys.stdout.flush()
    os._exit(bool(failed))  # a part that was left behind would keep the process


if __name__ == "__main__":
    main()
