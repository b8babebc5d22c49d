"""A residual network for processors and small sets: ten layers with weights, and a stem of one 3×3 convolution."""

from __future__ import annotations

from hubel.arch import Activation, Chain, Dense, GlobalAveragePooling2D, Network, Shape, Sum
from hubel.zoo._blocks import conv_norm_relu, scaled
from hubel.zoo._registry import Figure, network
from hubel.zoo._shortcut import shortcut_branch
from hubel.zoo.resnet import HE_2015, basic_block

WIDTHS = (32, 64, 128, 256)


@network(
    paper=HE_2015,
    summary="the smallest of its kind: one block a stage, half as wide, for processors and small sets",
    figures=(Figure("convolutional layers in the main path", "9", "blocks of two as in the paper, table 1"),),
    notes=(
        "Not in the paper: one basic block in each of four stages, as Simon et al. 2016 (arXiv:1612.01452) train a "
        "ResNet-10, here with half the filters and without the 7×7 convolution and the pooling before the first stage.",
        "A 3×3 convolution in steps of two stands in their place, and every stage begins with such a step: maps of a "
        "half to a 32nd of the picture's sides.",
    ),
)
def resnet10(
    classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, shortcut: str = "projection"
) -> Network:
    """ResNet-10, half as wide, with a small stem."""
    channels = scaled(WIDTHS[0], width)
    nodes = [conv_norm_relu(channels, 3, strides=2, padding=1)]
    for base in WIDTHS:
        filters = scaled(base, width)
        skip = shortcut_branch(shortcut, channels, filters, 2)
        nodes.append(Chain(Sum(basic_block(filters, 2), skip, name="block"), Activation("relu"), name="stage"))
        channels = filters
    body = Chain(*nodes, GlobalAveragePooling2D(), Dense(classes, activation="softmax"))
    return Network(input, body, name="resnet10")
