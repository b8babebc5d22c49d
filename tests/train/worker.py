"""A process that trains the tests' network until it is done or stopped: `worker.py DIRECTORY EPOCHS`."""

import sys
from pathlib import Path

from conftest import NETWORK, quadrants
from hubel.arch import parse
from hubel.data import Splits
from hubel.train import Recipe, Started, StoppedError, resume, train

directory, epochs = Path(sys.argv[1]), float(sys.argv[2])
splits = Splits(train=quadrants(640, 0), test=quadrants(200, 1))
recipe = Recipe(
    learning_rate=0.03,
    epochs=epochs,
    batch_size=32,
    threads=1,
    precision="float32",
    memory_format="channels-last",
    device="cpu",
    augmentation="shift 1",
    ema=0.95,
    checkpoint_seconds=0,
)


def listen(event):
    if isinstance(event, Started):
        print("started", flush=True)


try:
    if (directory / "run.toml").exists():
        resume(directory, splits, progress=listen)
    else:
        train(parse(NETWORK), splits, recipe, directory, progress=listen)
except StoppedError as stopped:
    print(stopped)
