"""A process that searches: `python -m tests.train.sweeper DIRECTORY TRIALS [STORAGE]`. It says when a step is saved."""

import sys
import warnings

from hubel.arch import parse
from hubel.data import Splits
from hubel.train import EpochMetrics, parse_space, sweep
from tests.train.quadrants import PLAIN, RECIPE, quadrants

warnings.simplefilter("error")
BASE = RECIPE.replace(epochs=4, learning_rate=0.01, batch_size=32)
SPLITS = Splits(quadrants(640, 0), validation=quadrants(200, 1))
SPACE = parse_space(["learning_rate=0.0001:0.1:log", "optimizer=adam,sgd", "batch_size=16:64"], BASE)


def search(directory, trials, storage="", **listeners):
    return sweep(parse(PLAIN), SPLITS, BASE, directory, space=SPACE, trials=trials, storage=storage, **listeners)


def listen(event):
    if isinstance(event, EpochMetrics):
        print("epoch", event.epoch, flush=True)


if __name__ == "__main__":
    search(
        sys.argv[1],
        int(sys.argv[2]),
        *sys.argv[3:],
        progress=listen,
        after=lambda trial: print("ended", trial.number, flush=True),
    )
