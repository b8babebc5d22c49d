"""Segmentation of street scenes (CamVid, Brostow et al. 2009) by `hubel train DATA` with nothing set but the data and
the time: mean IoU of eleven classes at 480×360, in seconds of one thread's own computing.

DATA is a folder with train/, val/ and test/, each with images/ and masks/ of 0 to 10 and 11 for what is no class
(SegNet's split: 367, 101 and 233 scenes).

    python benchmarks/camvid.py --data camvid --seconds 200

The clock that the time budget is held against is this process's processor time, so that what else the machine does
changes nothing. Beside it: SegNet-Basic 46.4 and SegNet 55.6 (Badrinarayanan et al. 2015), ENet 51.3 (Paszke et al.
2016), trained on GPUs.
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
    parser.add_argument("--seconds", type=float, default=200.0, help="of one thread, from start to model")
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
        splits = load(arguments.data, void=11)
        run = hubel.train(splits, directory=place, time_budget=arguments.seconds, threads=1, **changes)
        trained, model = time.process_time(), run.model()
        found = evaluate(model, splits.test)
        taken = (time.process_time() - trained) / len(splits.test)
        image = splits.test.images[0]
        began = time.process_time()
        for _ in range(5):
            model.predict(image)
        predict = (time.process_time() - began) / 5
    row = {
        "mean_iou": found.mean_iou,
        "pixel_accuracy": found.pixel_accuracy,
        "seconds": trained,
        "epochs": run.metrics[-1].epoch,
        "steps": run.metrics[-1].step,
        "network": run.network.name,
        "recipe": str(run.recipe),
        "seconds_an_image_measured": taken,
        "seconds_an_image_predicted": predict,
        "classes": {each.name: each.iou for each in found.per_class},
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
