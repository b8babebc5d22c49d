"""EfficientNet-Lite (after Tan and Le 2019): EfficientNet without what small processors do badly."""

from __future__ import annotations

from hubel.arch import Chain, Dense, Dropout, GlobalAveragePooling2D, Network, Shape, Sum
from hubel.zoo._blocks import scaled
from hubel.zoo._inverted import conv_norm_relu6, inverted_residual
from hubel.zoo._registry import Figure, Paper, network

TAN_2019 = Paper(
    "M. Tan, Q. V. Le",
    "EfficientNet: rethinking model scaling for convolutional neural networks",
    2019,
    "ICML 2019, arXiv:1905.11946",
)

# Table 1 of the paper: expansion, filters, how often, strides of the first, kernel size.
STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
TABLE = "tensorflow/tpu, models/official/efficientnet/lite, README"


@network(
    paper=TAN_2019,
    summary="EfficientNet-B0's plan with ReLU6 and without squeeze-and-excitation, for phones",
    figures=(
        Figure("parameters", "4.7 million", TABLE),
        Figure("multiply-adds", "407 million", TABLE),
        Figure("top-1 accuracy, ImageNet validation", "75.1 %", TABLE),
        Figure("parameters", "4.65 million", "timm, results-imagenet.csv, efficientnet_lite0.ra_in1k"),
        Figure("multiply-adds", "0.40 billion", "timm, results/benchmark-infer tables"),
    ),
    notes=(
        "The lite variants are not in the paper: its authors' team published them in 2020 with these three changes: no "
        "squeeze-and-excitation, ReLU6 for swish, and a stem and head that do not grow.",
        'Padding is TensorFlow\'s "same": strided convolutions pad below and to the right first.',
        "The published 407 million multiply-adds are more than the 385,187,552 of the weights alone; timm, which "
        "counts the normalisations too, says 0.40 billion.",
    ),
)
def efficientnet_lite0(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """EfficientNet-Lite0; `width` multiplies the channels of the blocks, rounded to multiples of eight."""
    channels = 32
    blocks: list[Chain | Sum] = []
    stem = conv_norm_relu6(channels, 3, strides=2, padding="same", epsilon=1e-3)
    for expansion, base, count, first, kernel_size in STAGES:
        filters = scaled(base, width, 8)
        for index in range(count):
            strides = first if index == 0 else 1
            blocks.append(
                inverted_residual(channels, filters, strides, expansion, kernel_size, padding="same", epsilon=1e-3)
            )
            channels = filters
    body = Chain(
        stem,
        *blocks,
        Chain(conv_norm_relu6(1280, 1, epsilon=1e-3), name="last"),
        GlobalAveragePooling2D(),
        Dropout(0.2),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="efficientnet_lite0")
