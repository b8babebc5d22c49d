"""A run's model for a page to run, and what it takes for something else."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from hubel.view.writers.markup import text_of

SEEN = ("image", "picture")  # what a task calls its examples where they are pictures
MOST_ASKED, MOST_SHOWN, EXAMPLES = 2000, 24, 8  # images: asked about, shown, and offered to look by
_loading = threading.Lock()  # PyTorch is imported once, whoever asks first


def running_model(run: Path) -> dict[str, Any]:
    """The model as `hubel.export.page.pack` has it, and its drawing from left to right; or why a page cannot run it,
    and whether it sees images.

    Raises what opening it raises.
    """
    with _loading:
        from hubel.arch import analyse
        from hubel.draw import strip
        from hubel.export.page.pack import pack, reason_not_packed
        from hubel.tasks.asking import asking_of
        from hubel.train import Run
        from hubel.view.writers.svg import drawing

        model = Run.open(run).model()
    reason = reason_not_packed(model)
    report = analyse(model.network)
    paths = [row.path for row in report.rows]
    if reason is not None:
        sees = model.task.example[0] in SEEN and not asking_of(model.task.name).makes
        return {"reason": reason, "paths": paths, "sees": sees}
    places = {path: place for place, path in enumerate(paths)}
    drawn = drawing(strip(report), places=places, ruled=False)
    stopped = model.summary.get("stopped") or {}
    return {"packed": pack(model), "paths": paths, "strip": text_of(drawn), "step": stopped.get("step")}


def examples(run: Path) -> dict[str, Any]:
    """Images that a run's model is measured on, evenly over them, as `hubel.view`'s running model takes its samples."""
    with _loading:
        import numpy as np

        from hubel.report import own_splits, picture_url
        from hubel.tasks.asking import asking_of
        from hubel.tasks.decoding import decoding_of
        from hubel.train import Run

    opened = Run.open(run)
    if opened.task.example[0] not in SEEN or asking_of(opened.task.name).makes:
        return {"samples": []}  # of texts, sounds, games, and what is made of nothing
    part, dataset = own_splits(opened).part()
    if dataset is None or not len(dataset):
        return {"samples": []}
    named = bool(decoding_of(opened.task.name).names)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, EXAMPLES).astype(np.int64))
    shown = [
        {
            "name": f"{part} image {index + 1:,}",
            "picture": picture_url(dataset.images[index]),
            "label": dataset.classes[dataset.labels[index]] if named else "",
        }
        for index in map(int, chosen)
    ]
    return {"samples": shown}


def surest_mistakes(run: Path) -> dict[str, Any]:
    """The surest mistakes of a run's model among the images that it is measured on, each with its picture in whole.

    Of more images than `MOST_ASKED` evenly so many are asked about: `asked` of `images`. `reason`: why there are none.
    Raises what opening the run and its data raises.
    """
    with _loading:
        import numpy as np

        from hubel.look.errors.mistakes import class_mistakes
        from hubel.report import own_splits, picture_url
        from hubel.tasks.decoding import decoding_of
        from hubel.train import Run

    opened = Run.open(run)
    if not decoding_of(opened.task.name).names:
        return {"reason": f"mistakes are images whose class is another, and this run's task is {opened.task.name}"}
    part, dataset = own_splits(opened).part()
    if dataset is None or not len(dataset):
        return {"reason": "no images were held out to measure on"}
    images = len(dataset)
    if images > MOST_ASKED:
        dataset = dataset.take(np.linspace(0, images - 1, MOST_ASKED).astype(np.int64))
    found = class_mistakes(opened.model(), dataset)
    wrong = found.confident_errors()
    told = [
        {
            "picture": picture_url(found.dataset.images[index]),
            "is": found.classes[found.labels[index]],
            "said": found.classes[found.predicted[index]],
            "share": float(found.confidences[index]),
        }
        for index in wrong[:MOST_SHOWN]
    ]
    return {"part": part, "images": images, "asked": len(dataset), "wrong": len(wrong), "mistakes": told}
