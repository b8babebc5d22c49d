"""Colours of small photographs (CIFAR-10 as JPEG) by `hubel train DATA --task colorize` with nothing set but the data
and the time: how far off they are and how colourful, beside grey and the mean colour, on the test part.

DATA is any source of colour pictures with a test part; classes are not asked for.

    python benchmarks/colours.py --data cifar10-jpeg.zip --seconds 600

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
    parser.add_argument("--data", required=True, help="the pictures")
    parser.add_argument("--seconds", type=float, default=600.0, help="of one thread, from start to model")
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
        splits = load(arguments.data, task="colorize")
        run = hubel.train(splits, directory=place, time_budget=arguments.seconds, threads=1, **changes)
        trained, model = time.process_time(), run.model()
        found = evaluate(model, splits.part("test")[1])
        row = {
            "seconds": trained,
            **found.data(),
            "epochs": run.metrics[-1].epoch,
            "steps": run.metrics[-1].step,
            "network": run.network.name,
            "squares": run.task.output(splits.train.shape)[0][-1],
            "recipe": str(run.recipe),
        }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
