"""Points of a mouse seen from above (DeepLabCut's example, Mathis et al. 2018) by `hubel train DATA` with nothing set
but the data and the time: errors in pixels on a fifth of the pictures, in seconds of one thread's own computing.

DATA is a folder with DeepLabCut's table beside its pictures. The fifth is drawn by NumPy's generator with seed 0; the
rest is trained on, the fifth deciding nothing.

    python benchmarks/mouse.py --data mouse --seconds 80

The clock that the time budget is held against is this process's processor time, so that what else the machine does
changes nothing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Train, measure on the test part, print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--data", required=True, help="the folder")
    parser.add_argument("--seconds", type=float, default=80.0, help="of one thread, from start to model")
    parser.add_argument("--run", help="where the run goes (default: a temporary folder)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the recipe, to compare")
    arguments = parser.parse_args()
    time.perf_counter = time.process_time  # what a budget is held against

    import numpy as np
    import torch

    torch.set_num_threads(1)
    import hubel
    from hubel.data import Splits
    from hubel.tasks import evaluate, load
    from hubel.train import parse_value

    changes = {name: parse_value(value) for name, _, value in (each.partition("=") for each in arguments.set)}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(arguments.run or folder) / "run"
        every = load(arguments.data, validation=0).train
        order = np.random.default_rng(0).permutation(len(every))
        test, train = order[: len(every) // 5], order[len(every) // 5 :]
        splits = Splits(every.take(train), None, every.take(test).renamed("the test frames"))
        run = hubel.train(splits, directory=place, time_budget=arguments.seconds, threads=1, **changes)
        trained, model = time.process_time(), run.model()
        found = evaluate(model, splits.test)
        began = time.process_time()
        for path in splits.test.paths[:5]:
            model.predict(path)
        predict = (time.process_time() - began) / 5
    row = {
        "seconds": trained,
        **found.figures,
        "epochs": run.metrics[-1].epoch,
        "steps": run.metrics[-1].step,
        "network": run.network.name,
        "recipe": str(run.recipe),
        "training": len(train),
        "seconds_an_image_predicted": predict,
        "points": {each.name: [each.error, each.median] for each in found.per_point},
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
