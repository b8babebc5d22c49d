"""ZFNet (Zeiler and Fergus 2013): AlexNet after looking inside it."""

from __future__ import annotations

from hubel.arch import (
    Chain,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LocalResponseNormalization,
    MaxPooling2D,
    Network,
    Shape,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

ZEILER_2013 = Paper(
    "M. D. Zeiler, R. Fergus",
    "Visualizing and understanding convolutional networks",
    2013,
    "ECCV 2014, arXiv:1311.2901",
)


@network(
    paper=ZEILER_2013,
    summary="AlexNet with 7×7 stride 2 instead of 11×11 stride 4 in front, found by looking at its filters",
    figures=(
        Figure(
            "top-5 validation error, ILSVRC-2012, one network", "16.5 %", "the paper, its table of ILSVRC-2012 errors"
        ),
        Figure(
            "top-1 validation error, ILSVRC-2012, one network", "38.4 %", "the paper, its table of ILSVRC-2012 errors"
        ),
        Figure("top-5 test error, ILSVRC-2012, six networks", "14.8 %", "the paper, its table of ILSVRC-2012 errors"),
    ),
    notes=(
        "The sizes of figure 3 (110, 55, 26, 13, 13, 13, 6) need one row and column of padding in the first "
        "convolution and pooling that keeps the incomplete last window; the paper states neither.",
        "The paper's contrast normalisation across maps is written as AlexNet's local response normalisation.",
        "One column: no groups, so conv2 to conv5 have twice AlexNet's connections. There is no port of reference; the "
        "count, 62,357,608, follows from the figure.",
    ),
)
def zfnet(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """ZFNet as in figure 3 of the paper."""
    body = Chain(
        Conv2D(scaled(96, width), 7, strides=2, padding=1, activation="relu", name="conv1"),
        MaxPooling2D(3, strides=2, ceil_mode=True, name="pool1"),
        LocalResponseNormalization(alpha=5e-4, name="norm1"),
        Conv2D(scaled(256, width), 5, strides=2, activation="relu", name="conv2"),
        MaxPooling2D(3, strides=2, ceil_mode=True, name="pool2"),
        LocalResponseNormalization(alpha=5e-4, name="norm2"),
        Conv2D(scaled(384, width), 3, padding=1, activation="relu", name="conv3"),
        Conv2D(scaled(384, width), 3, padding=1, activation="relu", name="conv4"),
        Conv2D(scaled(256, width), 3, padding=1, activation="relu", name="conv5"),
        MaxPooling2D(3, strides=2, ceil_mode=True, name="pool5"),
        Flatten(),
        Dense(scaled(4096, width), activation="relu", name="fc6"),
        Dropout(0.5),
        Dense(scaled(4096, width), activation="relu", name="fc7"),
        Dropout(0.5),
        Dense(classes, activation="softmax", name="fc8"),
    )
    return Network(input, body, name="zfnet")
