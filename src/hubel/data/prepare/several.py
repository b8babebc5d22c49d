"""Many images prepared at once, by all processors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hubel.data.decode.image import QUIET, ImageError
from hubel.data.decode.parallel import in_order, workers_here
from hubel.data.prepare.preprocessing import Preprocessing


def prepared(
    preprocessing: Preprocessing, images: Sequence[str | bytes]
) -> Iterator[npt.NDArray[np.uint8] | ImageError]:
    """The network's input for each image, a path or a file's bytes, in order; for those that cannot be read, why."""

    def prepare(image: str | bytes) -> npt.NDArray[np.uint8] | ImageError:
        try:
            return preprocessing.prepare(image)
        except ImageError as error:
            return error

    with QUIET:
        yield from in_order(prepare, images, workers_here())
