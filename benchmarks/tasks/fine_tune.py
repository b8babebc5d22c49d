"""Ways to train a network on a folder of photographs, side by side: fine-tuned by hubel's rules, by tutorials', anew.

    python benchmarks/tasks/fine_tune.py photos/ efficientnet-lite0-57934424.pth --side 96 --images 300 --seeds 3
    python benchmarks/tasks/fine_tune.py photos/ weights.pth --ways hubel hubel:learning_rate=0.001 --part validation

The folder has a `train`, perhaps a `val` and a `test` folder with a folder for each class. Each seed draws `--images`
training images (all classes in their proportions), the new head's weights, order and variation. All ways get the same
images, variation, pixel scale and number of epochs, in one process with one thread, and take turns. Measured once, at
the end, on `--part`; seconds are those of training, without it.

hubel: what `hubel train NET FOLDER --weights FILE` does; after a colon, settings that differ (NAME=VALUE, commas).
probe: `--freeze all-but-head`. scratch: the same network and epochs without the weights.
adamw: AdamW at 0.001 throughout, batches of 32, all layers: what many tutorials write. sgd: SGD at 0.001, momentum 0.9,
batches of 4, a tenth of the rate after every seven epochs, all layers: PyTorch's transfer learning tutorial.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from hubel import zoo
from hubel.arch import Network
from hubel.data import Augmentation, Batches, Dataset, Preprocessing, Splits, load
from hubel.nn import NetworkModule, build, load_pretrained
from hubel.tasks import LoadedModel, evaluate
from hubel.train import Recipe, choose, fine_tune, parse_value, train
from hubel.train.recipe.initialise import pixel_scale

WAYS = ("hubel", "probe", "adamw", "sgd", "scratch")
PLAIN = {"adamw": 32, "sgd": 4}  # the batch sizes of the plain loops


def main() -> None:
    arguments = read_arguments()
    torch.set_num_threads(1)
    side = (arguments.side, arguments.side)
    splits = load(str(arguments.folder), size=side, channels=3)
    measured = {"validation": splits.validation, "test": splits.test}[arguments.part]
    if measured is None:
        raise SystemExit(f"{arguments.folder}: expected a {arguments.part} folder beside train")
    network = zoo.get(arguments.network, classes=len(splits.train.classes), input=(*side, 3))
    print(f"{network.name}, {side[0]}×{side[0]}; {arguments.part}: {len(measured):,} images", flush=True)
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in arguments.ways}
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        some = drawn(splits.train, arguments.images or len(splits.train), seed)
        for way in arguments.ways:
            model, seconds = trained(way, network, some, str(arguments.weights), arguments.epochs, seed)
            metrics = evaluate(model, measured)
            found[way].append((metrics.accuracy, metrics.loss, seconds))
            print(f"  seed {seed}, {len(some)} images, {way}: {metrics.accuracy:.2%}, loss {metrics.loss:.3f}, "
                  f"{seconds:.0f} s", flush=True)  # fmt: skip
    print("\n| way | accuracy (spread) | loss | seconds |\n| --- | ---: | ---: | ---: |")
    for way, rows in found.items():
        right, loss, seconds = zip(*rows, strict=True)
        spread = f" ± {100 * statistics.stdev(right):.1f}" if len(right) > 1 else ""
        print(f"| {way} | {100 * statistics.mean(right):.1f}{spread} % | {statistics.mean(loss):.2f} | "
              f"{statistics.mean(seconds):.0f} |")  # fmt: skip


def drawn(whole: Dataset, count: int, seed: int) -> Dataset:
    """`count` images of a set, with its classes' proportions."""
    order = np.random.default_rng(seed).permutation(len(whole))
    place = np.empty(len(whole))  # of each image among its class's, from 0 to 1
    for number in range(len(whole.classes)):
        own = order[whole.labels[order] == number]
        place[own] = (np.arange(len(own)) + 0.5) / max(1, len(own))
    return whole.take(np.sort(np.argsort(place, kind="stable")[:count]))


def trained(
    way: str, network: Network, images: Dataset, weights: str, epochs: float | None, seed: int
) -> tuple[LoadedModel, float]:
    """A model and the seconds that its training took."""
    usual = fine_tune(network, images, weights).replace(threads=1, precision="float32", seed=seed)
    usual = usual.replace(epochs=epochs or usual.epochs)
    if way in PLAIN:
        return plainly(way, network, images, usual)
    same = {"threads": 1, "precision": "float32", "seed": seed, "epochs": usual.epochs}
    if way == "scratch":
        recipe = choose(network, images).replace(**same)
    else:
        name, _, changes = way.partition(":")
        recipe = fine_tune(network, images, weights, "all-but-head" if name == "probe" else "").replace(**same)
        pairs = [change.partition("=") for change in changes.split(",") if change]
        recipe = recipe.replace(**{setting: parse_value(value) for setting, _, value in pairs})
    with tempfile.TemporaryDirectory() as folder:
        run = train(network, Splits(images), recipe, Path(folder) / "run")
        return run.model(), run.metrics[-1].seconds


def plainly(way: str, network: Network, images: Dataset, usual: Recipe) -> tuple[LoadedModel, float]:
    """A loop as tutorials have it, on the images and variation that hubel would train with."""
    torch.manual_seed(usual.seed)
    module = build(network)
    about = load_pretrained(module, usual.weights, classes=images.classes).about
    preprocessing = Preprocessing.for_dataset(images)
    augmentation = Augmentation.for_dataset(images, preprocessing, usual.epochs)
    preprocessing = pixel_scale(usual, network, preprocessing, about)[1]
    batches = Batches(images, PLAIN[way], usual.seed, augmentation)
    module.to(memory_format=torch.channels_last)
    began = time.perf_counter()
    if way == "sgd":
        optimizer: torch.optim.Optimizer = torch.optim.SGD(module.parameters(), lr=0.001, momentum=0.9)
    else:
        optimizer = torch.optim.AdamW(module.parameters(), lr=0.001)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 7, 0.1 if way == "sgd" else 1.0)
    for epoch in range(round(usual.epochs)):
        one_epoch(module, batches, epoch, preprocessing, optimizer)
        schedule.step()
    seconds = time.perf_counter() - began
    return LoadedModel(network, module.eval(), preprocessing, images.classes), seconds


def one_epoch(
    module: NetworkModule, batches: Batches, epoch: int, preprocessing: Preprocessing, optimizer: torch.optim.Optimizer
) -> None:
    module.train()
    for batch in batches.epoch(epoch):
        optimizer.zero_grad()
        logits = module.logits(preprocessing.normalise(batch.images))
        torch.nn.functional.cross_entropy(logits, batch.targets).backward()
        optimizer.step()


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--network", default="efficientnet_lite0")
    parser.add_argument("--side", type=int, default=96, help="pixels")
    parser.add_argument("--images", type=int, default=0, help="training images a seed; 0 for all")
    parser.add_argument("--epochs", type=float, help="of every way (default: hubel's rule for fine-tuning)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), help=f"of {', '.join(WAYS)}, hubel:NAME=VALUE")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    return parser.parse_args()


if __name__ == "__main__":
    main()
