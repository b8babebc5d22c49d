"""Captions by `hubel train DATA` with nothing set but the data and the time: CIDEr-D, BLEU-4 and how many sentences are
a person's, on the test part, in seconds of one thread's own computing (`by_budget`).

DATA is what `benchmarks/tasks/captions_data.py` makes, or any pictures with sentences and a test part.

    python benchmarks/tasks/captions.py --data pictures --seconds 300

Beside it, measured in the same way on the same part: the sentence that training has most often, and the first sentence
of the training picture that is nearest (of all pictures, brought to 16×16, by squared differences).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from by_budget import main

from hubel.data import Splits
from hubel.data.captions.targets import Captions
from hubel.tasks.caption.task import Captioning

_PLACES = 16  # of a side, by which pictures are compared
_kept: list[Splits] = []


def kept(splits: Splits) -> Splits:
    """The splits, which the others are measured on too."""
    _kept.append(splits)
    return splits


def small(images: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Pictures N×H×W×C as rows of 16·16·C numbers."""
    found = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
    return torch.nn.functional.adaptive_avg_pool2d(found, _PLACES).flatten(1)


def measured(said: npt.NDArray[np.int32], splits: Splits) -> dict[str, float]:
    """Figures of sentences N×steps about the test part."""
    task = Captioning.for_dataset(splits.test)
    targets = torch.from_numpy(splits.test.targets.array)
    counts = task.counts()
    scores = torch.nn.functional.one_hot(torch.from_numpy(said).clamp(min=0).long(), len(task.words)).transpose(1, 2)
    counts.add(scores.float(), targets)
    return {name: value for name, value in task.measured(counts.tensors()).figures.items() if name != "loss"}


def figures(found: Any) -> dict[str, Any]:
    """The model's figures, and those of the others."""
    (splits,) = _kept
    train: Captions = splits.train.targets
    sentences = [row for rows in train.values[:, 1:] for row in rows if row[0] >= 0]
    often = Counter(row.tobytes() for row in sentences).most_common(1)[0][0]
    same = np.tile(np.frombuffer(often, np.int32), (len(splits.test), 1))
    nearest = torch.cdist(small(splits.test.images[:]), small(splits.train.images[:])).argmin(1).numpy()
    others = {"most frequent": measured(same, splits), "nearest": measured(train.values[nearest, 1], splits)}
    return {**found.data(), **{f"{name}, {key}": value for name, own in others.items() for key, value in own.items()}}


if __name__ == "__main__":
    main(__doc__, 300.0, figures, kept)
