"""A process that trains, evaluates and reports on as many classes as ImageNet-21k has, with little memory left.

`python -m tests.train.many_classes DIRECTORY`. A matrix of all pairs of its classes would take 3.8 GB.
"""

import json
import resource
import sys
from pathlib import Path

import numpy as np

from hubel.arch import parse
from hubel.data import Dataset, Splits
from hubel.report import write_report
from hubel.train import evaluate, predict, train
from tests.train.quadrants import RECIPE
from tests.train.short_of_memory import taken

CLASSES = 21_841
LEFT = 1500 * 2**20


def images(count: int, seed: int) -> Dataset:
    """Noise, so that nearly every answer is another pair."""
    random = np.random.default_rng(seed)
    names = tuple(f"n{number:08d}" for number in range(CLASSES))
    pictures = random.integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    return Dataset(pictures, random.integers(0, CLASSES, count), names, f"noise {seed}")


if __name__ == "__main__":
    splits = Splits(images(1_000, 0), test=images(7_000, 1))
    network = parse(f"8x8x1: conv 8 3x3/2 relu, globalavgpool, dense {CLASSES} softmax")
    resource.setrlimit(resource.RLIMIT_AS, (taken() + LEFT, resource.RLIM_INFINITY))
    run = train(network, splits, RECIPE.replace(epochs=1, batch_size=64, augmentation="none"), Path(sys.argv[1]))
    model = run.model()
    metrics = evaluate(model, splits.test)
    write_report(run, dataset=splits.test)
    answers = predict(model, splits.test.images[:1000]).argmax(1).numpy()
    told = Dataset(splits.test.images[:1000], answers, splits.test.classes, "told")
    pairs = zip(splits.test.labels[:1000].tolist(), answers.tolist(), strict=True)
    print(
        json.dumps(
            {
                "images": int(metrics.confusion.counts.sum()),
                "found": sum(metrics.confusion.cell(*pair) > 0 for pair in pairs),
                "told": evaluate(model, told).accuracy,
                "row": sum(metrics.confusion[int(splits.test.labels[0])]),
                "per_class": len(metrics.per_class),
                "losses": [metrics.loss, run.metrics[-1].evaluation_loss],
                "data": len(metrics.data()["confusion"]["cells"]),
            }
        )
    )
