"""Steps of a dense task (masks) by `hubel train`'s loop and by a plain script of the same network, batch and windows.

    python benchmarks/speed/dense_loop.py --data camvid                one thread, in seconds of its own computing
    python benchmarks/speed/dense_loop.py --data camvid --threads 2    by the clock, on a machine without other work

The plain script is as most are: a Dataset that opens, cuts and normalises one picture and its mask, a DataLoader, the
printed PyTorch module of `hubel code`, cross-entropy of scores enlarged to the mask, `torch.optim.AdamW`. hubel has
nothing set but the data, the time and the threads: its recipe says the rest. The ways take turns; of each the first
epoch is left out. DATA is as `benchmarks/tasks/camvid.py` has it.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch.utils.data import DataLoader

VOID = 11


class Streets(torch.utils.data.Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Windows of pictures and of their masks, enlarged or reduced by up to 1.5, every second one mirrored."""

    def __init__(self, paths: list[str], size: tuple[int, int], passes: int) -> None:
        self.paths, self.size = paths * passes, size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        path = Path(self.paths[number])
        image = Image.open(path).convert("RGB")
        mask = Image.open(path.parents[1] / "masks" / f"{path.stem}.png")
        rows, columns = (side / math.exp(np.random.uniform(-1, 1) * math.log(1.5)) for side in self.size)
        rows, columns = min(rows, image.height), min(columns, image.width)
        top, left = np.random.uniform(0, image.height - rows), np.random.uniform(0, image.width - columns)
        box = (round(left), round(top), round(left + columns), round(top + rows))
        image = image.crop(box).resize(self.size[::-1], Image.Resampling.BILINEAR)
        mask = mask.crop(box).resize(self.size[::-1], Image.Resampling.NEAREST)
        values, wanted = np.asarray(image, np.float32) / 255, np.asarray(mask, np.int64)
        if np.random.random() < 0.5:
            values, wanted = values[:, ::-1], wanted[:, ::-1]
        normalised = (values - np.float32(0.45)) / np.float32(0.25)
        return torch.from_numpy(normalised.transpose(2, 0, 1).copy()), torch.from_numpy(wanted.copy())


def plain(paths: list[str], run: Any, clock: Any) -> float:
    """Steps a second of the second epoch of the plain script."""
    from hubel.code import source
    from hubel.data import Augmentation

    height, width, _ = run.network.input
    augmentation = Augmentation.parse(run.recipe.augmentation)
    size, passes = augmentation.size((height, width)), augmentation.passes((height, width))
    space: dict[str, Any] = {"__name__": "plain"}
    exec(source(run.network, "pytorch"), space)
    modules = [each for each in space.values() if isinstance(each, type) and issubclass(each, torch.nn.Module)]
    network = modules[-1]()
    loader = DataLoader(Streets(paths, size, passes), batch_size=run.recipe.batch_size, shuffle=True, drop_last=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    network.train()
    for _ in range(2):
        began, steps = clock(), 0
        for images, masks in loader:
            scores = F.interpolate(network(images), size=masks.shape[1:], mode="bilinear", align_corners=False)
            loss = F.cross_entropy(scores, masks, ignore_index=VOID)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss.item()
            steps += 1
    return steps / (clock() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="the folder")
    parser.add_argument("--threads", type=int, default=1, help="with one, its own computing is counted")
    parser.add_argument("--pictures", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of hubel's recipe")
    arguments = parser.parse_args()
    clock = time.process_time if arguments.threads == 1 else time.perf_counter
    time.perf_counter = clock  # what hubel tells its pace by
    torch.set_num_threads(arguments.threads)
    import hubel
    from hubel.data import Splits
    from hubel.tasks import load
    from hubel.train import parse_value

    changes = {name: parse_value(value) for name, _, value in (each.partition("=") for each in arguments.set)}
    train = load(arguments.data, void=VOID).train
    some = train.take(np.linspace(0, len(train) - 1, arguments.pictures).astype(np.int64))
    found: dict[str, list[float]] = {"hubel": [], "plain": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.rounds):
            settings = {"epochs": 2.0, "threads": arguments.threads, "validation": 0.0, **changes}
            run = hubel.train(Splits(some, None, None), directory=Path(folder) / str(number), **settings)
            found["hubel"].append(run.metrics[1].images_per_second / run.recipe.batch_size)
            found["plain"].append(plain(list(some.paths), run, clock))
    ratios = [own / other for own, other in zip(*found.values(), strict=True)]
    row = {
        "threads": arguments.threads,
        "network": run.network.name,
        "recipe": str(run.recipe),
        "steps_a_second": {way: statistics.median(paces) for way, paces in found.items()},
        "all": found,
        "hubel_times": [statistics.median(ratios), min(ratios), max(ratios)],
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
