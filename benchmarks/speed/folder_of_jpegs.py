"""A folder of JPEGs, several epochs, end to end: hubel's data path beside torch's DataLoader with Pillow.

Both train the same small network (0.5 million multiply-adds an image, so that the data path is what is measured) with
the same optimizer and batch size, each in a process of its own, started one after the other; times are of the whole
process. The peer is what PyTorch's tutorials show: a Dataset that opens and scales one image with Pillow, a DataLoader
with two workers that stay. hubel starts with an empty cache, decodes once, and then maps the decoded images; a second
run shows what a later start costs.

    python benchmarks/speed/folder_of_jpegs.py                       10,000 JPEGs of 256×256, ten epochs
    python benchmarks/speed/folder_of_jpegs.py --images 1000 --epochs 3
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SIDE = 256
CLASSES = 10


def make_folder(folder: Path, images: int) -> None:
    """Noise of few large patches, which JPEG makes about as large as photographs of that size (20 KB)."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(images):
        path = folder / f"class {number % CLASSES}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        patches = Image.fromarray(rng.integers(0, 255, (24, 24, 3), dtype=np.uint8))
        patches.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=90)


def network():
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(3, 16, 5, 4),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(512, CLASSES),
    )


def train(batches_of_epoch, epochs: int) -> int:
    """The same loop for both: float inputs N×C×H×W and labels in, weights changed."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    model = network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    seen = 0
    for epoch in range(epochs):
        for inputs, labels in batches_of_epoch(epoch):
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
            seen += len(labels)
    return seen


def run_hubel(folder: Path, epochs: int, size: int, batch_size: int) -> dict[str, float]:
    began = time.perf_counter()
    from hubel.data import Batches, Preprocessing, load

    splits = load(folder, size=(size, size))
    loaded = time.perf_counter()
    rule = Preprocessing.for_dataset(splits.train)
    batches = Batches(splits.train, batch_size, seed=0)

    def of_epoch(epoch: int) -> Iterator[tuple[object, object]]:
        return ((rule.normalise(batch.images), batch.targets) for batch in batches.epoch(epoch))

    first = next(of_epoch(0))
    started = time.perf_counter()
    seen = train(of_epoch, epochs)
    return {"images": seen, "load": loaded - began, "first batch": started - began, "shape": list(first[0].shape)}


def run_peer(folder: Path, epochs: int, size: int, batch_size: int) -> dict[str, float]:
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    class Folder(Dataset):  # type: ignore[type-arg]
        def __init__(self) -> None:
            names = sorted(entry.name for entry in folder.iterdir())
            self.files = [(path, label) for label, name in enumerate(names) for path in (folder / name).iterdir()]

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            path, label = self.files[index]
            with Image.open(path) as image:
                picture = image.convert("RGB")
            if picture.size != (size, size):
                picture = picture.resize((size, size), Image.Resampling.BILINEAR)
            tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1).float().div_(255)
            return tensor.sub_(0.5).div_(0.25), label

    loader = DataLoader(Folder(), batch_size, shuffle=True, num_workers=2, persistent_workers=True, drop_last=True)
    return {"images": train(lambda _: iter(loader), epochs)}


def timed(who: str, arguments: argparse.Namespace, folder: Path, epochs: int, cache: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--only", who, "--folder", str(folder), "--epochs", str(epochs)]
    command += ["--size", str(arguments.size), "--batch", str(arguments.batch)]
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, "HUBEL_CACHE": str(cache)}
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": time.perf_counter() - began, "processor": processor, **json.loads(output)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--size", type=int, default=64, help="side that both scale the images to")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=("hubel", "peer"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.only:
        run = run_hubel if arguments.only == "hubel" else run_peer
        print(json.dumps(run(arguments.folder, arguments.epochs, arguments.size, arguments.batch)))
        return
    import torch

    with tempfile.TemporaryDirectory() as temporary:
        folder, cache = Path(temporary) / "jpegs", Path(temporary) / "cache"
        make_folder(folder, arguments.images)
        print(
            f"{arguments.images:,} JPEGs of {SIDE}×{SIDE} scaled to {arguments.size}×{arguments.size}, "
            f"{arguments.epochs} epochs, batch {arguments.batch}; torch {torch.__version__}, "
            f"Python {platform.python_version()}, {os.cpu_count()} processors"
        )
        first = timed("hubel", arguments, folder, arguments.epochs, cache)
        peer = timed("peer", arguments, folder, arguments.epochs, cache)
        later = timed("hubel", arguments, folder, arguments.epochs, cache)
    assert first["images"] == peer["images"], "both must see as many images"
    print("                                       wall                  processor (all processes together)")
    print(f"DataLoader + Pillow, 2 workers    {peer['seconds']:7.1f} s          {peer['processor']:7.1f} s")
    for name, run in (("nothing decoded yet", first), ("decoded by an earlier run", later)):
        wall, processor = (peer[kind] / run[kind] for kind in ("seconds", "processor"))
        print(f"hubel, {name:<25}  {run['seconds']:7.1f} s {wall:5.1f}×   {run['processor']:7.1f} s {processor:5.1f}×")
    print(f"a later start has its data after {later['load']:.2f} s, its first batch after {later['first batch']:.2f} s")
    print("(both from the first line of Python on, imports included)")


if __name__ == "__main__":
    main()
