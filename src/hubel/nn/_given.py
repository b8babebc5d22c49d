"""A module from whatever names a network, with a word about a softmax that would stand twice."""

from __future__ import annotations

import warnings
from dataclasses import replace

from hubel import zoo
from hubel.arch import Chain, Layer, Network
from hubel.nn import _build


class SoftmaxWarning(UserWarning):
    """A network whose outputs are probabilities, where a loss that expects logits may stand after it."""


def build(network: zoo.Given, *, logits: bool | None = None) -> _build.NetworkModule:
    """Build a network in PyTorch, its weights started as PyTorch starts them (set the seed before).

    `network` is what names one (see `hubel.zoo.network`): "lenet5", "28x28x1: flatten, dense 10", a path, an object.
    With `logits` a softmax at its very end is left out, so that the module gives what `nn.CrossEntropyLoss` wants; with
    logits=False it stays. Where nothing is said it stays as well, and a SoftmaxWarning says so: that loss has a softmax
    inside, and two in a row learn slowly and badly. `module.logits(x)` leaves it out for one call.

    Takes float N×C×H×W. The `state_dict` has the tree's paths: `conv1.weight`, `stage1.block2.conv1.weight`. Raises
    `ShapeError` where the network does not work out, and as `hubel.zoo.network`.
    """
    found = zoo.network(network)
    bare = without_softmax(found)
    if logits:
        return _build.build(bare)
    if logits is None and bare is not found:
        warnings.warn(
            f"{found.name or 'the network'} ends with softmax, and nn.CrossEntropyLoss has one inside: build(…, "
            "logits=True) leaves it out, module.logits(x) does so for one call, logits=False keeps it and says nothing",
            SoftmaxWarning,
            stacklevel=2,
        )
    return _build.build(found)


def without_softmax(network: Network) -> Network:
    """The network without a softmax at its very end, alone or written with a layer; itself where there is none."""
    *before, last = network.body.nodes or (None,)
    if getattr(last, "function", None) == "softmax":
        return Network(network.input, Chain(*before), network.name)
    if isinstance(last, Layer) and getattr(last, "activation", None) == "softmax":
        return Network(network.input, Chain(*before, replace(last, activation=None)), network.name)  # type: ignore[call-arg]
    return network
