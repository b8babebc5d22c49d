"""MobileNet (Howard et al. 2017): depthwise separable convolutions from front to back."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    BatchNormalization,
    Chain,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    GlobalAveragePooling2D,
    Network,
    Shape,
)
from hubel.zoo._blocks import conv_norm_relu, scaled
from hubel.zoo._registry import Figure, Paper, network

HOWARD_2017 = Paper(
    "A. G. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam",
    "MobileNets: efficient convolutional neural networks for mobile vision applications",
    2017,
    "arXiv:1704.04861",
)

# Table 1 of the paper: filters and strides of the thirteen separable convolutions.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *((512, 1),) * 5,
    (1024, 2),
    (1024, 1),
)


@network(
    paper=HOWARD_2017,
    summary="every 3×3 convolution split into a depthwise 3×3 and a 1×1: eight to nine times cheaper",
    figures=(
        Figure("multiply-adds", "569 million", "the paper, table 4"),
        Figure("parameters", "4.2 million", "the paper, table 4"),
        Figure("top-1 accuracy, ImageNet validation", "70.6 %", "the paper, table 4"),
    ),
    notes=(
        "The paper says stride 2 for the last depthwise convolution, but keeps 7×7: it is a slip, and every port has "
        "1.",
        "The ports of TensorFlow and Keras use ReLU6, the paper ReLU.",
        "Keras counts the 21,888 running statistics as parameters that are not trained: 4,253,864.",
        "Width 0.75 has 325 million multiply-adds, as the paper says; the authors' later table of checkpoints says "
        "317.",
    ),
)
def mobilenet_v1(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """MobileNet v1; `width` is the paper's α."""
    blocks = [_separable(scaled(filters, width, 8), strides) for filters, strides in BLOCKS]
    body = Chain(
        conv_norm_relu(scaled(32, width, 8), 3, strides=2, padding=1),
        *blocks,
        GlobalAveragePooling2D(),
        Dropout(0.001),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="mobilenet_v1")


def _separable(filters: int, strides: int) -> Chain:
    """Figure 3, right: depthwise 3×3 and pointwise 1×1, each normalised and rectified."""
    depthwise = Chain(
        DepthwiseConv2D(3, strides=strides, padding=1, use_bias=False),
        BatchNormalization(),
        Activation("relu"),
        name="depthwise",
    )
    pointwise = Chain(
        Conv2D(filters, 1, use_bias=False),
        BatchNormalization(),
        Activation("relu"),
        name="pointwise",
    )
    return Chain(depthwise, pointwise, name="block")
