"""Holding a part of the training images out, for validation."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hubel.data._dataset import Splits


def held_out(digests: Sequence[str], labels: npt.NDArray[np.int64], share: float) -> npt.NDArray[np.bool_]:
    """Which images to hold out: of each class this share, those whose content's digests come first.

    So the choice depends on the images alone, not on their order, names or number; and equal images are on the same
    side. Of a class of at least two, at least one image is held out and at least one stays.
    """
    if not 0 < share < 1:
        raise ValueError(f"expected a share between 0 and 1 to hold out, received {share}")
    out = np.zeros(len(labels), bool)
    keys = np.array(digests)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[np.argsort(keys[members], kind="stable")]
        count = min(max(1, round(share * len(members))), len(members) - 1)
        while 0 < count < len(members) and keys[members[count]] == keys[members[count - 1]]:
            count += 1
        if count < len(members):
            out[members[:count]] = True
    return out


def hold_out(splits: Splits, share: float) -> Splits:
    """The splits with this share of each class moved from the training part into validation; a copy of the images.

    Splits that have a validation part are left as they are.
    """
    if splits.validation is not None:
        return splits
    train = splits.train
    digests = [hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in train.images]
    out = held_out(digests, train.labels, share)
    return Splits(
        train.take(np.flatnonzero(~out)),
        train.take(np.flatnonzero(out)).renamed(train.name.replace("train", "validation")),
        splits.test,
        splits.rejected,
    )
