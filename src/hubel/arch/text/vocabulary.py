"""Every word of the text form with what it does, for whoever completes or looks it up."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import NamedTuple

from hubel.arch import layers
from hubel.arch._layer import REGISTRY, layer_named
from hubel.arch.layers.activation import NAMES
from hubel.arch.text.edit import settings_of
from hubel.arch.text.notation import JOINS
from hubel.arch.text.printing import SHORT, WORDS

_JOINED = {
    "sum": ("sum(… | identity)", "Add what branches give: a residual block."),
    "concat": ("concat(… | …)", "Put the channels of branches side by side."),
    "product": ("product(… | …)", "Multiply what branches give: one gates another."),
    "aux": ("aux(…)", "A side exit that takes part in training alone."),
}


class Word(NamedTuple):
    """A word that stands for a layer, or for branches. usage: with what follows it. does: in a line. settings: what may
    be written behind, those with a value ending in `=`; "activation" stands for any of `activations()`.
    """

    word: str
    usage: str
    does: str
    settings: tuple[str, ...] = ()


@cache
def vocabulary() -> tuple[Word, ...]:
    """Every word that is hubel's own, by the alphabet, then the ways to combine."""
    for name in layers.__all__:
        getattr(layers, name)  # which registers it
    own = [word for word, kind in sorted(REGISTRY.items()) if kind.__module__.startswith("hubel.")]
    joins = [Word(word, *_JOINED[word]) for word in JOINS]
    return (*(_of_layer(word) for word in own if word != "activation"), *joins)


def activations() -> tuple[str, ...]:
    """The functions that a layer can be written with, or that stand alone."""
    return tuple(NAMES)


def _of_layer(word: str) -> Word:
    kind = layer_named(word)
    assert kind is not None
    names = settings_of(kind)
    positional = [name.rstrip("*") for name in kind.positional]
    usage = " ".join([word, *(name.upper().replace("_", "-") for name in positional)])
    by_word = {written: name for written, (name, value) in WORDS.items() if name in names and written != "valid"}
    short = [written for written in by_word if written != "causal" or word == "conv1d"]
    said = {*positional, *(name for name in by_word.values() if name != "padding"), "activation"}
    settings = [*short, *(f"{SHORT.get(name, name)}=" for name in names if name not in said)]
    free = any(f.name == "activation" and f.default is None for f in fields(kind))  # not of an LSTM, which has its own
    does = (kind.__doc__ or "").strip().partition("\n")[0].replace("`", "")
    return Word(word, usage, does, (*settings, *(["activation"] if free else [])))
