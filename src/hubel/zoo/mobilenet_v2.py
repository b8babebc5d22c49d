"""MobileNetV2 (Sandler et al. 2018): inverted residuals and linear bottlenecks."""

from __future__ import annotations

from hubel.arch import Chain, Dense, Dropout, GlobalAveragePooling2D, Network, Shape, Sum
from hubel.zoo._blocks import scaled
from hubel.zoo._inverted import conv_norm_relu6, inverted_residual
from hubel.zoo._registry import Figure, Paper, network

SANDLER_2018 = Paper(
    "M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen",
    "MobileNetV2: inverted residuals and linear bottlenecks",
    2018,
    "CVPR 2018, arXiv:1801.04381",
)

# Table 2 of the paper: expansion, filters, how often, strides of the first.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


@network(
    paper=SANDLER_2018,
    summary="blocks that widen, filter depthwise and narrow again, with shortcuts between the narrow ends",
    figures=(
        Figure("multiply-adds", "300 million", "the paper, table 4"),
        Figure("parameters", "3.4 million", "the paper, table 4"),
        Figure("top-1 accuracy, ImageNet validation", "72.0 %", "the paper, table 4"),
        Figure("parameters", "3,504,872", "torchvision, MobileNet_V2_Weights.IMAGENET1K_V1"),
    ),
    notes=(
        "Channels are rounded to multiples of eight, as in the authors' code; the last 1,280 grow with width but never "
        "shrink.",
        "The authors' table of checkpoints says 3.47 million parameters: it leaves out the 34,112 scales and shifts of "
        "the normalisations. Keras's 3,538,984 counts as many running statistics on top of 3,504,872.",
        "TensorFlow pads strided convolutions below and to the right alone, PyTorch's ports on all sides (as here).",
    ),
)
def mobilenet_v2(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """MobileNetV2; `width` multiplies the channels, rounded to multiples of eight."""
    channels = scaled(32, width, 8)
    blocks: list[Chain | Sum] = []
    stem = conv_norm_relu6(channels, 3, strides=2, padding=1)
    for expansion, base, count, first in STAGES:
        filters = scaled(base, width, 8)
        for index in range(count):
            strides = first if index == 0 else 1
            blocks.append(inverted_residual(channels, filters, strides, expansion))
            channels = filters
    body = Chain(
        stem,
        *blocks,
        Chain(conv_norm_relu6(scaled(1280, max(1.0, width), 8), 1), name="last"),
        GlobalAveragePooling2D(),
        Dropout(0.2),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="mobilenet_v2")
