"""The classic networks, one file a paper, each with the paper's own figures and how ports differ from it.

    >>> from hubel import zoo
    >>> zoo.names()[:3]
    ('softmax', 'mlp', 'lenet5')
    >>> network = zoo.get("resnet50", classes=37)
    >>> zoo.entry("resnet50").paper.year
    2015

A network's file is imported when the network is asked for, not before.
"""

from hubel.zoo._given import Given, analyse, dense, encoder_of, is_here, is_made, is_text, network
from hubel.zoo._imagenet import imagenet_classes
from hubel.zoo._lookup import UnknownNetworkError, UnknownOptionError, entry, get, meant, names
from hubel.zoo._registry import Entry, Figure, Paper
from hubel.zoo._weights import imagenet_weights

__all__ = [
    "Entry",
    "Figure",
    "Given",
    "Paper",
    "UnknownNetworkError",
    "UnknownOptionError",
    "analyse",
    "dense",
    "encoder_of",
    "entry",
    "get",
    "imagenet_classes",
    "imagenet_weights",
    "is_here",
    "is_made",
    "is_text",
    "meant",
    "names",
    "network",
]
