"""SqueezeNet (Iandola et al. 2016): AlexNet's errors with a fiftieth of its weights."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    Chain,
    Concat,
    Conv2D,
    Dropout,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Network,
    Shape,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

IANDOLA_2016 = Paper(
    "F. N. Iandola, S. Han, M. W. Moskewicz, K. Ashraf, W. J. Dally, K. Keutzer",
    "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    2016,
    "arXiv:1602.07360",
)

# Filters of each fire module: (squeeze, expand 1×1 and expand 3×3 each), from fire2 to fire9, table 1 of the paper.
FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))


@network(
    paper=IANDOLA_2016,
    summary="fire modules: squeeze by 1×1, then expand by 1×1 and 3×3 side by side",
    figures=(
        Figure("parameters", "1,248,424", "the paper, table 1"),
        Figure("top-1 accuracy, ImageNet validation", "57.5 %", "the paper, table 2"),
        Figure("top-5 accuracy, ImageNet validation", "80.3 %", "the paper, table 2"),
    ),
    notes=(
        "The paper's table has 111×111 after the first convolution, which takes 227×227; with 224×224 it is 109×109, "
        "as in torchvision.",
        "Pooling keeps the incomplete last window, as in the authors' Caffe file.",
    ),
)
def squeezenet1_0(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """SqueezeNet 1.0, as in the paper."""
    stem = Conv2D(scaled(96, width), 7, strides=2, activation="relu", name="conv1")
    return Network(input, _body(stem, (1, 4, 8), classes, width), name="squeezenet1_0")


@network(
    paper=IANDOLA_2016,
    summary="SqueezeNet with 3×3 filters in front and earlier pooling: 2.4 times cheaper",
    figures=(
        Figure("cost against 1.0", "2.4 times less", "the authors' repository, SqueezeNet_v1.1"),
        Figure("parameters", "1,235,496", "torchvision, SqueezeNet1_1_Weights.IMAGENET1K_V1"),
        Figure("top-1 accuracy, ImageNet validation", "58.178 %", "torchvision, SqueezeNet1_1_Weights.IMAGENET1K_V1"),
    ),
    notes=("Not in the paper: the authors published it in their repository afterwards.",),
)
def squeezenet1_1(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """SqueezeNet 1.1, as in the authors' repository."""
    stem = Conv2D(scaled(64, width), 3, strides=2, activation="relu", name="conv1")
    return Network(input, _body(stem, (1, 3, 5), classes, width), name="squeezenet1_1")


def _body(stem: Conv2D, pooled: tuple[int, ...], classes: int, width: float) -> Chain:
    """`pooled` are the numbers of the modules that a pooling follows; the stem is number 1."""
    nodes: list[Conv2D | Chain | MaxPooling2D] = [stem]
    for number in range(1, 10):
        if number > 1:
            squeeze, expand = FIRES[number - 2]
            nodes.append(_fire(f"fire{number}", scaled(squeeze, width), scaled(expand, width)))
        if number in pooled:
            nodes.append(MaxPooling2D(3, strides=2, ceil_mode=True, name=f"pool{number}"))
    return Chain(
        *nodes,
        Dropout(0.5),
        Conv2D(classes, 1, activation="relu", name="conv10"),
        GlobalAveragePooling2D(),
        Activation("softmax"),
    )


def _fire(name: str, squeeze: int, expand: int) -> Chain:
    return Chain(
        Conv2D(squeeze, 1, activation="relu", name="squeeze"),
        Concat(
            Chain(Conv2D(expand, 1, activation="relu"), name="branch1x1"),
            Chain(Conv2D(expand, 3, padding=1, activation="relu"), name="branch3x3"),
            name="expand",
        ),
        name=name,
    )
