"""A process that trains together with others, of which that of rank ODD is started with something else, in all ways.

`python -m tests.train.odd_one DIRECTORY`. Each prints what comes of each way, and how it ends.
"""

import os
import sys
from pathlib import Path

import numpy as np

from hubel.arch import parse
from hubel.data import Dataset, Splits
from hubel.train import DisagreementError, _agree, resume, train
from tests.train.quadrants import PLAIN, RECIPE, quadrants

TRAINING, TEST = quadrants(640, 0), quadrants(200, 1)
BRIGHT, WRONG = TRAINING.images.copy(), TRAINING.labels.copy()
BRIGHT[-1, 0, 0, 0] ^= 1
WRONG[-1] = (WRONG[-1] + 1) % 4
CLASSES = ("ne", "nw", "sw", "se")


def training(images=TRAINING.images, labels=TRAINING.labels, classes=TRAINING.classes):
    part = Dataset(images, labels, classes, TRAINING.name)
    return Splits(part, test=Dataset(TEST.images, TEST.labels, classes, TEST.name))


WAYS = {
    "fewer": {"splits": Splits(TRAINING.take(np.arange(639)), test=TEST)},
    "pixel": {"splits": training(images=BRIGHT)},
    "label": {"splits": training(labels=WRONG)},
    "order": {"splits": Splits(TRAINING.take(np.arange(640)[::-1]), test=TEST)},
    "classes": {"splits": training(classes=CLASSES)},
    "more classes": {"splits": training(classes=(*TRAINING.classes, "middle"))},
    "part": {"splits": Splits(TRAINING, validation=TEST)},
    "test": {"splits": Splits(TRAINING, test=TEST.take(np.arange(200)[::-1]))},
    "network": {"network": PLAIN.replace("relu", "tanh")},
    "recipe": {"recipe": RECIPE.replace(epochs=1, learning_rate=0.02)},
    "no recipe": {"recipe": None},
    "version": {},
    "folder": {"directory": "other"},
}


def started(directory, odd, way):
    """Train, or what the odd one does instead."""
    given = {"splits": Splits(TRAINING, test=TEST), "network": PLAIN, "recipe": RECIPE.replace(epochs=1)}
    given |= WAYS.get(way, {}) if odd else {}
    if odd and way == "machine":  # which settings is each machine's own matter
        given["recipe"] = given["recipe"].replace(threads=2)
    before = _agree.versions
    if odd and way == "version":
        _agree.versions = lambda: {**before(), "torch": "0.4.1"}
    try:
        train(
            parse(given["network"]),
            given["splits"],
            given["recipe"],
            directory.with_name(given.get("directory", directory.name)),
        )
    finally:
        _agree.versions = before


if __name__ == "__main__":
    directory, is_odd = Path(sys.argv[1]), os.environ["RANK"] == os.environ["ODD"]
    for way in WAYS:
        try:
            started(directory, is_odd, way)
        except DisagreementError as error:  # noqa: PERF203 (a dozen rounds)
            print(f"{way}: {error}", flush=True)
    print(f"begun: {directory.exists()}", flush=True)
    started(directory, is_odd, "machine")
    if is_odd:  # a folder that the others do not see
        directory = Path(f"{directory}-other")
        settings = directory / "run.toml"
        directory.mkdir()
        settings.write_text(
            (Path(sys.argv[1]) / "run.toml").read_text().replace("seed = 0", "seed = 1").rpartition("# SHA")[0]
        )
    resume(directory, Splits(TRAINING, test=TEST))
