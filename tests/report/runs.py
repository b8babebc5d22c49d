"""Small finished runs for the tests of reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hubel.arch import parse
from hubel.data import load
from hubel.train import Recipe, Run, train

NASTY = ('</script><script>document.title="broken"</script>', "\"quoted\" & 'single'", "größer ✓ 日本", "plain")
NETWORK = "16x16x3: conv 6 3x3 same, relu, maxpool 2, conv 8 3x3, norm, relu, flatten, dense {classes} softmax"


def corners(size: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise with a bright spot whose place tells the class; one label of eight is wrong."""
    random = np.random.default_rng(seed)
    labels = np.arange(size) % classes
    images = random.integers(0, 120, (size, 16, 16, 3))
    side = int(np.ceil(np.sqrt(classes)))
    step = 16 // side
    for image, label in zip(images, labels, strict=True):
        top, left = label // side * step, label % side * step
        image[top : top + step, left : left + step] += 120
    wrong = random.random(size) < 0.125
    labels[wrong] = random.integers(0, classes, int(wrong.sum()))
    return images.astype(np.uint8), labels.astype(np.int64)


def make_run(
    folder: Path,
    names: tuple[str, ...],
    epochs: float = 3,
    size: int = 400,
    network: str = NETWORK,
    data: Path | None = None,
) -> Run:
    """A run in `folder`/run, of data that lies beside it, or there, as an .npz."""
    train_images, train_labels = corners(size, len(names), 0)
    test_images, test_labels = corners(size // 2, len(names), 1)
    data = data or folder / "corners.npz"
    arrays = {"x_train": train_images, "y_train": train_labels, "x_test": test_images, "y_test": test_labels}
    np.savez(data, classes=np.array(names), **arrays)
    recipe = Recipe(epochs=epochs, batch_size=32, threads=1, precision="float32", memory_format="channels-last")
    source = {"source": str(data)}
    return train(parse(network.format(classes=len(names))), load(data), recipe, folder / "run", source=source)
