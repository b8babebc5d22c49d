"""What is said before the first step: of the time there is, and of what was decided that nobody asked for."""

from __future__ import annotations

from collections.abc import Iterator

from hubel.base.names import listing
from hubel.data import Splits
from hubel.nn import Pretrained
from hubel.train.recipe.balance import told_of_windows
from hubel.train.run.run import Run


def of_the_budget(run: Run, left: float, begins: bool) -> Iterator[str]:
    """What fits into a time budget of which so many seconds are left; nothing where there is none. begins: whether the
    run does, instead of going on.
    """
    budget = run.recipe.time_budget
    if not budget:
        return
    words = f"of {budget:g} s in all, {budget - left:.1f} s are over"
    if not begins:
        yield words
        return
    words += " before the first step"
    if run.steps == 1:
        yield f"{words}: no more than one step is trained, and measured"
        return
    every = f", measured every {run.recipe.measure_every}" if run.recipe.measure_every > 1 else ""
    yield f"{words}; {run.recipe.epochs:.3g} epochs, with measuring, are what fits the rest{every}"


def before_all(run: Run, splits: Splits, taken: Pretrained | None) -> Iterator[str]:
    """Of a run that begins: what was measured, what data says, what is varied and held out, which weights it has."""
    recipe, targets = run.recipe, splits.train.targets
    yield from run.settings.get("tuned", ())
    yield from splits.notes
    if windows := told_of_windows(recipe, splits.train.shape):
        yield windows
    if not (targets.varied or targets.looked_up) and recipe.augmentation == "none":
        yield "images are not varied, which could make what is said of them untrue; --set augmentation='shift 1' does"
    if splits.held_out is not None:
        yield f"{splits.held_out}; --validation 0 trains on all"
    if taken is not None and taken.fresh:
        heads = listing(taken.fresh, 4) if len(taken.fresh) > 2 else " and ".join(taken.fresh)
        ends = f", for {len(run.classes)} classes" if run.classes else ""
        yield f"{heads}: new weights{ends}; all other layers have the file's"
    if recipe.freeze and not recipe.weights:
        yield f"{recipe.freeze}: frozen as drawn at random; --weights would start from trained weights"
