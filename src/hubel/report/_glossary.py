"""Words that a learner may not know, said in a sentence where they stand in the page."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hubel.view.writers.markup import Element, h

_AVERAGE = (
    "Averaged weights: the model keeps this share of its running mean of the weights at each step, and is measured "
    "with that mean; 0 is off."
)
FIGURES = {
    "MACs": "Multiply-adds: one multiplication and one addition each, the usual measure of a network's work.",
    "receptive field": "The part of the input that one number of a layer depends on, rows × columns, padding included.",
    "parameters": "The numbers that training changes: weights, biases, scales and shifts.",
    "precision": "Of the images that were taken for this class, the share that is.",
    "recall": "Of the images that are this class, the share that was found.",
    "F1": "The harmonic mean of precision and recall: high only where both are.",
    "expected calibration error": "The mean distance between how sure the model is and how often it is right.",
}
SETTINGS = {
    "one-cycle": "A schedule: the learning rate rises to its peak early, then falls to nearly nothing by the end.",
    "label smoothing": "Targets are a little less than sure: this share of each is spread over all classes, "
    "against overconfidence.",
    "ema": _AVERAGE,
    "average": _AVERAGE,
    "weight decay": "Each step shrinks the weights by a little, against overfitting.",
    "momentum": "The share of its past direction that each step keeps.",
    "warmup": "The share of training in which the learning rate rises from nearly nothing.",
    "schedule": "How the learning rate changes in the course of training.",
    "patience": "Epochs without improvement after which training stops; 0 is never.",
    "keep": "Whether the model has the last weights, or the best that were measured where the last are worse.",
}


def term(word: str, meanings: Mapping[str, str] = FIGURES) -> Element | str:
    """A word with its explanation for whoever points at it or reaches it by key; itself where there is none."""
    told = meanings.get(word)
    return h("abbr", word, title=told, tabindex=0) if told else word


def glossed(line: str) -> list[Element | str]:
    """A recipe's line with its settings explained."""
    words = "|".join(map(re.escape, SETTINGS))
    return [term(part, SETTINGS) for part in re.split(rf"\b({words})\b", line)]
