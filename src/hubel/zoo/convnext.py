"""ConvNeXt (Liu et al. 2022): a ResNet modernised step by step until it equals a vision transformer."""

from __future__ import annotations

from hubel.arch import (
    Chain,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    GlobalAveragePooling2D,
    Identity,
    LayerNormalization,
    Network,
    Scale,
    Shape,
    Sum,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

LIU_2022 = Paper(
    "Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie",
    "A ConvNet for the 2020s",
    2022,
    "CVPR 2022, arXiv:2201.03545",
)

COUNTS = (3, 3, 9, 3)
WIDTHS = (96, 192, 384, 768)


@network(
    paper=LIU_2022,
    summary="7×7 depthwise convolutions, layer normalisation and GELU in inverted bottlenecks",
    figures=(
        Figure("top-1 accuracy, ImageNet validation", "82.1 %", "the paper, table 1"),
        Figure("parameters", "29 million", "the paper, table 1"),
        Figure("multiply-adds", "4.5 billion", "the paper, table 1, as FLOPs"),
        Figure("parameters", "28,589,128", "torchvision, ConvNeXt_Tiny_Weights.IMAGENET1K_V1"),
    ),
    notes=(
        "The 1×1 convolutions are written as dense layers on the channels, as in the authors' code.",
        "Stochastic depth, which belongs to the training recipe, is no part of the tree.",
        "The layer scale starts at 10⁻⁶ in the paper.",
    ),
)
def convnext_tiny(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """ConvNeXt-T."""
    stages = []
    for stage, (count, base) in enumerate(zip(COUNTS, WIDTHS, strict=True)):
        channels = scaled(base, width)
        stages.append(Chain(_downsampling(stage, channels), *[_block(channels)] * count, name="stage"))
    body = Chain(
        *stages,
        GlobalAveragePooling2D(),
        LayerNormalization(),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="convnext_tiny")


def _downsampling(stage: int, channels: int) -> Chain:
    """The patches of the first stage, or the normalised 2×2 steps between stages."""
    if stage == 0:
        return Chain(Conv2D(channels, 4, strides=4), LayerNormalization(), name="patches")
    return Chain(LayerNormalization(), Conv2D(channels, 2, strides=2), name="downsample")


def _block(channels: int) -> Sum:
    residual = Chain(
        DepthwiseConv2D(7, padding=3),
        LayerNormalization(),
        Dense(4 * channels, activation="gelu"),
        Dense(channels),
        Scale(use_bias=False),
        name="residual",
    )
    return Sum(residual, Chain(Identity(), name="shortcut"), name="block")
