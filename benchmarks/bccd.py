"""Detection of blood cells (BCCD, Shenggan et al.) by `hubel train DATA` with nothing set but the data and the time:
COCO's figures on 72 test pictures, in seconds of one thread's own computing.

DATA is a folder with JPEGImages/, Annotations/ (VOC's XML) and ImageSets/Main/.

    python benchmarks/bccd.py --data bccd --seconds 150

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
    parser.add_argument("--seconds", type=float, default=150.0, help="of one thread, from start to model")
    parser.add_argument("--run", help="where the run goes (default: a temporary folder)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the recipe, to compare")
    arguments = parser.parse_args()
    time.perf_counter = time.process_time  # what a budget is held against

    import torch

    torch.set_num_threads(1)
    import hubel
    from hubel.tasks import evaluate, load
    from hubel.train import parse_value

    changes = {name: parse_value(value) for name, _, value in (each.partition("=") for each in arguments.set)}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(arguments.run or folder) / "run"
        splits = load(arguments.data)
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
        "coco": dict(found.coco),
        "epochs": run.metrics[-1].epoch,
        "steps": run.metrics[-1].step,
        "network": run.network.name,
        "recipe": str(run.recipe),
        "seconds_an_image_predicted": predict,
        "classes": {each.name: [each.ap, each.ap50] for each in found.per_class},
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
