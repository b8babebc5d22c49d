"""DenseNet (Huang et al. 2016): every layer sees the maps of all layers before it."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    AveragePooling2D,
    BatchNormalization,
    Chain,
    Concat,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    Identity,
    MaxPooling2D,
    Network,
    Shape,
)
from hubel.zoo._blocks import conv_norm_relu, scaled
from hubel.zoo._registry import Figure, Paper, network

HUANG_2016 = Paper(
    "G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger",
    "Densely connected convolutional networks",
    2016,
    "CVPR 2017, arXiv:1608.06993",
)

COUNTS = (6, 12, 24, 16)  # DenseNet-121, table 1 of the paper


@network(
    paper=HUANG_2016,
    summary="58 layers of 32 maps each, laid beside all the maps before them",
    figures=(
        Figure("top-1 validation error, one crop", "25.02 %", "the paper, table 3"),
        Figure("top-5 validation error, one crop", "7.71 %", "the paper, table 3"),
        Figure("parameters", "7,978,856", "torchvision, DenseNet121_Weights.IMAGENET1K_V1"),
    ),
    notes=(
        "As a tree each layer is a concat of the identity and the new maps, so the nesting says what is kept.",
        "Normalisation and ReLU stand before the convolutions; the last ones stand before the global pooling.",
    ),
)
def densenet121(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, growth: int = 32) -> Network:
    """DenseNet-121; `growth` is the paper's k, `width` multiplies it and the first convolution."""
    rate = scaled(growth, width)
    channels = scaled(2 * growth, width)
    stem = conv_norm_relu(channels, 7, strides=2, padding=3)
    stages: list[Chain] = []
    for block, count in enumerate(COUNTS):
        if block > 0:
            channels //= 2
            stages.append(_transition(channels))
        stages.append(Chain(*[_layer(rate)] * count, name="block"))
        channels += count * rate
    body = Chain(
        stem,
        MaxPooling2D(3, strides=2, padding=1),
        *stages,
        BatchNormalization(),
        Activation("relu"),
        GlobalAveragePooling2D(),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="densenet121")


def _layer(rate: int) -> Concat:
    """What is there, and `rate` new maps beside it: 1×1 to four times as many, then 3×3."""
    new = Chain(
        BatchNormalization(),
        Activation("relu"),
        conv_norm_relu(4 * rate, 1),
        Conv2D(rate, 3, padding=1, use_bias=False),
        name="new",
    )
    return Concat(Chain(Identity(), name="kept"), new, name="layer")


def _transition(channels: int) -> Chain:
    """Half the maps, half the height and width."""
    return Chain(
        BatchNormalization(),
        Activation("relu"),
        Conv2D(channels, 1, use_bias=False),
        AveragePooling2D(2),
        name="transition",
    )
