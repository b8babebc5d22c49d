"""Points of a mouse seen from above (DeepLabCut's example, Mathis et al. 2018): errors in pixels on a fifth of the
pictures, in seconds of one thread's own computing (`by_budget`).

DATA is a folder with DeepLabCut's table beside its pictures. The fifth is drawn by NumPy's generator with seed 0; the
rest is trained on, the fifth deciding nothing.

    python benchmarks/tasks/mouse.py --data mouse --seconds 80
"""

from __future__ import annotations

from typing import Any

from by_budget import main


def parts(splits: Any) -> Any:
    """Four fifths to train on, and one to test."""
    import numpy as np

    from hubel.data import Splits

    every = splits.train
    order = np.random.default_rng(0).permutation(len(every))
    test, train = order[: len(every) // 5], order[len(every) // 5 :]
    return Splits(every.take(train), None, every.take(test).renamed("the test frames"))


def figures(found: Any) -> dict[str, Any]:
    """Errors in pixels, in all and of each point."""
    return {**found.figures, "points": {each.name: [each.error, each.median] for each in found.per_point}}


if __name__ == "__main__":
    main(__doc__, 80, figures, parts, validation=0)
