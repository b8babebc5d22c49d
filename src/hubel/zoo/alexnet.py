"""AlexNet: the network of 2012 on two GPUs, and the one-column version of 2014 that libraries ship."""

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

KRIZHEVSKY_2012 = Paper(
    "A. Krizhevsky, I. Sutskever, G. E. Hinton",
    "ImageNet classification with deep convolutional neural networks",
    2012,
    "Advances in Neural Information Processing Systems 25",
)
KRIZHEVSKY_2014 = Paper(
    "A. Krizhevsky", "One weird trick for parallelizing convolutional neural networks", 2014, "arXiv:1404.5997"
)


@network(
    paper=KRIZHEVSKY_2012,
    summary="five convolutions and three dense layers, ReLU and dropout, on two GPUs: ImageNet's turning point",
    figures=(
        Figure("top-5 test error, ILSVRC-2010", "17.0 %", "the paper, table 1"),
        Figure("top-1 test error, ILSVRC-2010", "37.5 %", "the paper, table 1"),
        Figure("top-5 validation error, ILSVRC-2012, one network", "18.2 %", "the paper, table 2"),
        Figure("top-5 test error, ILSVRC-2012, seven networks", "15.3 %", "the paper, table 2"),
        Figure("parameters", "60 million", "the paper, abstract"),
        Figure("neurons", "650,000", "the paper, abstract"),
    ),
    notes=(
        "Two groups (one a GPU) in conv2, conv4 and conv5: 60,965,224 parameters. The one-column port has 61,100,840 "
        "and is alexnet_owt.",
        "The paper says 224×224, but only 227×227 gives its 55×55 maps: (224 − 11)/4 + 1 = 54.25.",
        "The paper does not divide its α = 0.0001 by the five channels summed; frameworks do: alpha=5e-4 here.",
        "The paper normalises before pooling; Caffe's reference network (CaffeNet) pools first.",
        "The sizes of the eight layers add up to 659,272 neurons; the paper rounds to 650,000.",
    ),
)
def alexnet(classes: int = 1000, input: Shape = (227, 227, 3), width: float = 1.0) -> Network:
    """AlexNet as in the 2012 paper; widths are kept even for the two groups."""

    def channels(count: int) -> int:
        return scaled(count, width, multiple=2)

    body = Chain(
        Conv2D(channels(96), 11, strides=4, activation="relu", name="conv1"),
        LocalResponseNormalization(alpha=5e-4, name="norm1"),
        MaxPooling2D(3, strides=2, name="pool1"),
        Conv2D(channels(256), 5, padding=2, groups=2, activation="relu", name="conv2"),
        LocalResponseNormalization(alpha=5e-4, name="norm2"),
        MaxPooling2D(3, strides=2, name="pool2"),
        Conv2D(channels(384), 3, padding=1, activation="relu", name="conv3"),
        Conv2D(channels(384), 3, padding=1, groups=2, activation="relu", name="conv4"),
        Conv2D(channels(256), 3, padding=1, groups=2, activation="relu", name="conv5"),
        MaxPooling2D(3, strides=2, name="pool5"),
        Flatten(),
        Dense(channels(4096), activation="relu", name="fc6"),
        Dropout(0.5),
        Dense(channels(4096), activation="relu", name="fc7"),
        Dropout(0.5),
        Dense(classes, activation="softmax", name="fc8"),
    )
    return Network(input, body, name="alexnet")


@network(
    paper=KRIZHEVSKY_2014,
    summary="AlexNet in one column, without normalisation: what libraries call AlexNet",
    figures=(
        Figure("top-1 accuracy, ImageNet validation", "56.522 %", "torchvision, AlexNet_Weights.IMAGENET1K_V1"),
        Figure("top-5 accuracy, ImageNet validation", "79.066 %", "torchvision, AlexNet_Weights.IMAGENET1K_V1"),
        Figure("parameters", "61,100,840", "torchvision, AlexNet_Weights.IMAGENET1K_V1"),
    ),
    notes=(
        "64, 192, 384, 256, 256 filters and no groups: 61,100,840 parameters against the 60,965,224 of 2012.",
        "The first convolution pads 224×224 by two, so that one row and one column of the padding are never read.",
        "torchvision drops out before fc6 and before fc7, the 2012 paper after them; the arithmetic is the same.",
    ),
)
def alexnet_owt(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """AlexNet in one column ("one weird trick"), as torchvision builds it."""
    body = Chain(
        Conv2D(scaled(64, width), 11, strides=4, padding=2, activation="relu", name="conv1"),
        MaxPooling2D(3, strides=2, name="pool1"),
        Conv2D(scaled(192, width), 5, padding=2, activation="relu", name="conv2"),
        MaxPooling2D(3, strides=2, name="pool2"),
        Conv2D(scaled(384, width), 3, padding=1, activation="relu", name="conv3"),
        Conv2D(scaled(256, width), 3, padding=1, activation="relu", name="conv4"),
        Conv2D(scaled(256, width), 3, padding=1, activation="relu", name="conv5"),
        MaxPooling2D(3, strides=2, name="pool5"),
        Flatten(),
        Dropout(0.5),
        Dense(scaled(4096, width), activation="relu", name="fc6"),
        Dropout(0.5),
        Dense(scaled(4096, width), activation="relu", name="fc7"),
        Dense(classes, activation="softmax", name="fc8"),
    )
    return Network(input, body, name="alexnet_owt")
