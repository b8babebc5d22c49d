"""What the thousand outputs of a network for ImageNet mean."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def imagenet_classes() -> tuple[str, ...]:
    """The names of ImageNet's 1,000 classes (ILSVRC-2012) in the order of outputs, as every framework's ports have it.

    Each is the first word of its WordNet synset; the two cranes and the two maillots are told apart in words. WordNet
    is Princeton University's, free to use and to share (https://wordnet.princeton.edu/license-and-commercial-use).
    """
    return tuple(Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8").splitlines())
