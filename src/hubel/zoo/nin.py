"""Network in network (Lin, Chen and Yan 2013): 1×1 convolutions, and pooling instead of dense layers."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    AveragePooling2D,
    Chain,
    Conv2D,
    Dropout,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Network,
    Shape,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

LIN_2013 = Paper("M. Lin, Q. Chen, S. Yan", "Network in network", 2013, "ICLR 2014, arXiv:1312.4400")


@network(
    paper=LIN_2013,
    summary="a small dense network (1×1 convolutions) at every position, and no dense layers at the end",
    figures=(
        Figure("test error on CIFAR-10", "10.41 %", "the paper, table 1"),
        Figure("test error on CIFAR-10, with shifts and flips", "8.81 %", "the paper, table 1"),
    ),
    notes=(
        "This is the CIFAR-10 network. The paper gives its plan, and the authors' Caffe file the sizes that are used "
        "here.",
        "Pooling keeps the incomplete last window, as in Caffe: 32, 16, 8.",
        "Global average pooling over one map a class is what made it possible to drop the dense layers.",
    ),
)
def nin(classes: int = 10, input: Shape = (32, 32, 3), width: float = 1.0) -> Network:
    """Network in network for CIFAR-10."""
    body = Chain(
        _mlpconv("block1", scaled(192, width), 5, scaled(160, width), scaled(96, width)),
        MaxPooling2D(3, strides=2, ceil_mode=True),
        Dropout(0.5),
        _mlpconv("block2", scaled(192, width), 5, scaled(192, width), scaled(192, width)),
        AveragePooling2D(3, strides=2, ceil_mode=True),
        Dropout(0.5),
        _mlpconv("block3", scaled(192, width), 3, scaled(192, width), classes),
        GlobalAveragePooling2D(),
        Activation("softmax"),
    )
    return Network(input, body, name="nin")


@network(
    paper=LIN_2013,
    summary="network in network for ImageNet: AlexNet's errors with an eighth of its weights",
    figures=(Figure("top-1 accuracy, ImageNet validation", "59.36 %", "Caffe model zoo, NIN-Imagenet"),),
    notes=("The paper has no ImageNet network; this one is the authors' own in Caffe's model zoo.",),
)
def nin_imagenet(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """Network in network for ImageNet, as its authors published it for Caffe."""
    body = Chain(
        _mlpconv("block1", scaled(96, width), 11, scaled(96, width), scaled(96, width), strides=4, padding=0),
        MaxPooling2D(3, strides=2, ceil_mode=True),
        _mlpconv("block2", scaled(256, width), 5, scaled(256, width), scaled(256, width)),
        MaxPooling2D(3, strides=2, ceil_mode=True),
        _mlpconv("block3", scaled(384, width), 3, scaled(384, width), scaled(384, width)),
        MaxPooling2D(3, strides=2, ceil_mode=True),
        Dropout(0.5),
        _mlpconv("block4", scaled(1024, width), 3, scaled(1024, width), classes),
        GlobalAveragePooling2D(),
        Activation("softmax"),
    )
    return Network(input, body, name="nin_imagenet")


def _mlpconv(
    name: str, filters: int, kernel_size: int, first: int, second: int, strides: int = 1, padding: int | None = None
) -> Chain:
    """The paper's mlpconv: a convolution and two 1×1 convolutions, each with a ReLU; by default it keeps the size."""
    pad = kernel_size // 2 if padding is None else padding
    return Chain(
        Conv2D(filters, kernel_size, strides=strides, padding=pad, activation="relu"),
        Conv2D(first, 1, activation="relu"),
        Conv2D(second, 1, activation="relu"),
        name=name,
    )
