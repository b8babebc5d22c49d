"""The data, networks and recipe that these tests train with, in their own and in other processes."""

import numpy as np

from hubel.data import Dataset
from hubel.train import Recipe

NETWORK = "8x8x1: conv 4 3x3 same, norm, relu, maxpool 2, flatten, dropout 0.1, dense 4 softmax"
PLAIN = "8x8x1: conv 4 3x3 same relu, maxpool 2, flatten, dense 4 softmax"  # nothing that depends on the batch's share
RECIPE = Recipe(
    learning_rate=0.03,
    epochs=2,
    batch_size=32,
    threads=1,
    precision="float32",
    memory_format="channels-last",
    device="cpu",
    compile="none",
    augmentation="shift 1",
    pixels="data",
)


def quadrants(count: int, seed: int) -> Dataset:
    """Noise, with one quadrant of four brighter: that quadrant is the class."""
    random = np.random.default_rng(seed)
    images = random.integers(0, 120, (count, 8, 8, 1), dtype=np.uint8)
    labels = random.integers(0, 4, count)
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 80
    return Dataset(images, labels.astype(np.int64), ("nw", "ne", "sw", "se"), name="quadrants")
