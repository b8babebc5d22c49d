"""How much memory training on a folder takes whose decoded images are larger than a bound.

A process whose own memory is limited by the operating system (RLIMIT_DATA: heap and other private memory) decodes a
folder of JPEGs and trains on it for two epochs from the memory map, while a thread watches what the process holds. The
set is made larger than the limit, so that keeping it in memory would fail. Linux only.

    python benchmarks/speed/folder_memory.py                        2.4 GB of pixels under a limit of 1.5 GB
    python benchmarks/speed/folder_memory.py --images 3000 --limit 500
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from folder_of_jpegs import SIDE, make_folder, train


def held() -> tuple[float, float]:
    """What this process holds, in megabytes: all of it, and without pages of files, which the system may take back."""
    status = Path("/proc/self/status").read_text()
    whole, own = (float(re.search(rf"{name}:\s+(\d+)", status)[1]) * 1.024e-3 for name in ("VmRSS", "RssAnon"))
    return whole, own


class Watch(threading.Thread):
    """Keeps the largest of what the process held."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.whole = self.own = 0.0

    def run(self) -> None:
        """Watch until the process ends."""
        while True:
            whole, own = held()
            self.whole, self.own = max(self.whole, whole), max(self.own, own)
            time.sleep(0.005)


def child(folder: Path, limit: int, batch_size: int) -> None:
    import torch

    from hubel.data import Batches, Preprocessing, load

    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_DATA, (limit * 10**6, limit * 10**6))
    before = held()
    watch = Watch()
    watch.start()
    began = time.perf_counter()
    splits = load(folder)
    decoded = time.perf_counter() - began
    after_load = watch.whole, watch.own
    rule = Preprocessing.for_dataset(splits.train)
    batches = Batches(splits.train, batch_size, seed=0)
    seen = train(lambda epoch: ((rule.normalise(b.images), b.labels) for b in batches.epoch(epoch)), 2)
    size = splits.train.images.nbytes / 1e6
    batch = batch_size * SIDE * SIDE * 3 / 1e6
    print(f"pixels {size:,.0f} MB, limit on private memory {limit:,} MB, a batch of {batch_size} is {batch:,.0f} MB")
    print(f"decoded in {decoded:.1f} s, then {seen:,} images seen")
    print("                              all      private")
    print(f"before, torch imported     {before[0]:6,.0f} MB  {before[1]:6,.0f} MB")
    print(f"most while decoding        {after_load[0]:6,.0f} MB  {after_load[1]:6,.0f} MB")
    print(f"most while training        {watch.whole:6,.0f} MB  {watch.own:6,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--limit", type=int, default=1500, help="megabytes of private memory")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.folder:
        child(arguments.folder, arguments.limit, arguments.batch)
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "jpegs"
        make_folder(folder, arguments.images)
        command = [sys.executable, __file__, "--folder", str(folder), "--limit", str(arguments.limit)]
        command += ["--batch", str(arguments.batch)]
        subprocess.run(command, check=True, env={**os.environ, "HUBEL_CACHE": str(Path(temporary) / "cache")})


if __name__ == "__main__":
    main()
