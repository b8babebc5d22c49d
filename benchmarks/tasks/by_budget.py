"""`hubel train DATA` with nothing set but the data and the time, in seconds of one thread's own computing.

The clock that the time budget is held against is this process's processor time, so that what else the machine does
changes nothing.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(
    about: str | None,
    seconds: float,
    figures: Callable[[Any], dict[str, Any]],
    parts: Callable[[Any], Any] | None = None,
    **reading: Any,
) -> None:
    """Train, measure on the test part, print one line of JSON. about: what is trained, a page. figures: of what was
    measured. parts: of the splits that were read, those that are meant, where not all are. reading: arguments of
    `hubel.tasks.load`.
    """
    parser = argparse.ArgumentParser(description=(about or "").partition("\n\n")[0])
    parser.add_argument("--data", required=True, help="the folder")
    parser.add_argument("--seconds", type=float, default=seconds, help="of one thread, from start to model")
    parser.add_argument("--run", help="where the run goes (default: a temporary folder)")
    parser.add_argument(
        "--input",
        type=lambda text: tuple(map(int, text.split("x"))),
        metavar="HxWxC",
        help="of the network, to compare",
    )
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of the recipe, to compare")
    arguments = parser.parse_args()
    time.perf_counter = time.process_time  # what a budget is held against

    import torch

    torch.set_num_threads(1)
    import hubel
    from hubel.base.words import json_text
    from hubel.tasks import evaluate, load
    from hubel.train import parse_value

    changes = {name: parse_value(value) for name, _, value in (each.partition("=") for each in arguments.set)}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(arguments.run or folder) / "run"
        own = {"directory": place, "time_budget": arguments.seconds, "threads": 1, **changes}
        own |= {"input": arguments.input} if arguments.input else {}
        if parts is None:
            run = hubel.train(arguments.data, **own, **reading)
            trained = time.process_time()
            splits = load(arguments.data, size=run.network.input[:2], **reading)
        else:
            splits = parts(load(arguments.data, **reading))
            run = hubel.train(splits, **own)
            trained = time.process_time()
        model, began = run.model(), time.process_time()
        found = evaluate(model, splits.test)
        measured = (time.process_time() - began) / len(splits.test)
        files = [path for path in splits.test.paths[:5] if Path(path).is_file()]
        began = time.process_time()
        for path in files:
            model.predict(path)
        predicted = (time.process_time() - began) / max(1, len(files))
        row = {
            "seconds": trained,
            **figures(found),
            **({"one_view": figures(evaluate(model.asked(views=1), splits.test))} if model.task.views == 2 else {}),
            "epochs": run.metrics[-1].epoch,
            "steps": run.metrics[-1].step,
            "network": run.network.name,
            "input": run.network.input,
            "on_the_way": {name: model.summary[name] for name in ("validation", "one_view") if name in model.summary},
            "found": {name: run.settings[name] for name in ("mirrors", "views") if name in run.settings},
            "recipe": str(run.recipe),
            "seconds_an_image_measured": measured,
            "seconds_an_image_predicted": predicted,
        }
    print(json_text(row))
