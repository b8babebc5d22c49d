"""A process that trains, and is left little more memory than it has once the first epoch is over.

`python -m tests.train.short_of_memory DIRECTORY`, or with a number to go on with so many images at a time: then the
limit is the same from the start.
"""

import resource
import sys
from pathlib import Path

from hubel.arch import parse
from hubel.data import Splits
from hubel.train import EpochMetrics, NotEnoughMemoryError, Started, resume, train
from tests.train.quadrants import RECIPE, quadrants

NETWORK = "8x8x1: upsample 16, conv 16 3x3 same relu, conv 16 3x3 same relu, maxpool 8, flatten, dense 4 softmax"
LEFT = 300 * 2**20


def taken() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmSize:"))


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (taken() + LEFT, resource.RLIM_INFINITY))


def listen(event) -> None:
    begins = isinstance(event, Started) and event.step
    if begins or (isinstance(event, EpochMetrics) and event.epoch == 1):
        limit()


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    splits = Splits(quadrants(256, 0))
    try:
        if len(sys.argv) > 2:
            resume(directory, splits, micro_batch=int(sys.argv[2]), progress=listen)
        else:
            recipe = RECIPE.replace(batch_size=128, augmentation="none")
            train(parse(NETWORK), splits, recipe, directory, validation=0, progress=listen)
    except NotEnoughMemoryError as error:
        print(error)
        sys.exit(3)
