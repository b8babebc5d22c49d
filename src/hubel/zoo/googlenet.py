"""GoogLeNet (Szegedy et al. 2014): as published, and as the popular port builds it."""

from __future__ import annotations

from collections.abc import Callable

from hubel.arch import (
    AdaptiveAveragePooling2D,
    Auxiliary,
    AveragePooling2D,
    Chain,
    Concat,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    LocalResponseNormalization,
    MaxPooling2D,
    Network,
    Shape,
)
from hubel.zoo._blocks import conv_norm_relu, scaled
from hubel.zoo._registry import Figure, Paper, network

SZEGEDY_2014 = Paper(
    "C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke, A. Rabinovich",
    "Going deeper with convolutions",
    2014,
    "CVPR 2015, arXiv:1409.4842",
)

# Table 1 of the paper: 1×1; 1×1 before 3×3, 3×3; 1×1 before 5×5, 5×5; 1×1 after pooling. "pool" stands between.
MODULES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("inception3a", (64, 96, 128, 16, 32, 32)),
    ("inception3b", (128, 128, 192, 32, 96, 64)),
    ("pool3", ()),
    ("inception4a", (192, 96, 208, 16, 48, 64)),
    ("inception4b", (160, 112, 224, 24, 64, 64)),
    ("inception4c", (128, 128, 256, 24, 64, 64)),
    ("inception4d", (112, 144, 288, 32, 64, 64)),
    ("inception4e", (256, 160, 320, 32, 128, 128)),
    ("pool4", ()),
    ("inception5a", (256, 160, 320, 32, 128, 128)),
    ("inception5b", (384, 192, 384, 48, 128, 128)),
)
HEADS = {"inception4a": "head1", "inception4d": "head2"}

# A convolution with what follows it: (filters, kernel size, padding) to a piece of the tree.
Unit = Callable[[int, int, int], "Conv2D | Chain"]


@network(
    paper=SZEGEDY_2014,
    summary="inception modules: 1×1, 3×3, 5×5 and pooling side by side, with 1×1 bottlenecks before the large",
    figures=(
        Figure("top-5 test error, ILSVRC-2014, seven networks, 144 crops", "6.67 %", "the paper, table 2"),
        Figure("top-5 validation error, one network, one crop", "10.07 %", "the paper, table 3"),
        Figure("multiply-adds", "1.5 billion", "the paper, section 1, as a budget"),
        Figure("parameters", "12 times fewer than AlexNet", "the paper, section 1"),
    ),
    notes=(
        "6,998,552 parameters plain, 13,378,280 with the two auxiliary heads of the paper (heads=True), which take "
        "part in training alone. The rows of the paper's table 1 add up to 6.8 million: its first, 2.7K, should "
        "be 7·7·3·64 = 9,408.",
        "Pooling keeps the incomplete last window, as in the authors' Caffe file: 112, 56, 28, 14, 7.",
        "The popular port (torchvision) has batch normalisation and builds the 5×5 branches with 3×3 filters: "
        "6,624,904 and 13,004,888. It is googlenet_bn here.",
    ),
)
def googlenet(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, heads: bool = False) -> Network:
    """GoogLeNet as in table 1 of the paper; `heads` adds the two auxiliary classifiers."""

    def channels(count: int) -> int:
        return scaled(count, width)

    body = Chain(
        Conv2D(channels(64), 7, strides=2, padding=3, activation="relu", name="conv1"),
        MaxPooling2D(3, strides=2, ceil_mode=True, name="pool1"),
        LocalResponseNormalization(k=1.0, name="norm1"),
        Conv2D(channels(64), 1, activation="relu", name="conv2_reduce"),
        Conv2D(channels(192), 3, padding=1, activation="relu", name="conv2"),
        LocalResponseNormalization(k=1.0, name="norm2"),
        MaxPooling2D(3, strides=2, ceil_mode=True, name="pool2"),
        *_modules(channels, _plain_unit, large=5, last_pool=3, head=_paper_head(classes, width) if heads else None),
        GlobalAveragePooling2D(),
        Dropout(0.4),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="googlenet")


@network(
    paper=SZEGEDY_2014,
    summary="GoogLeNet as torchvision builds it: batch normalisation, and 3×3 where the paper has 5×5",
    figures=(
        Figure("parameters", "6,624,904", "torchvision, GoogLeNet_Weights.IMAGENET1K_V1"),
        Figure("top-1 accuracy, ImageNet validation", "69.778 %", "torchvision, GoogLeNet_Weights.IMAGENET1K_V1"),
        Figure("top-5 accuracy, ImageNet validation", "89.530 %", "torchvision, GoogLeNet_Weights.IMAGENET1K_V1"),
    ),
    notes=(
        "The 3×3 filters in the 5×5 branches came with the weights that were ported; torchvision keeps them and says "
        "so.",
        "The heads average to 4×4 whatever the input is, and the fourth pooling is 2×2 where the paper has 3×3.",
    ),
)
def googlenet_bn(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, heads: bool = False) -> Network:
    """GoogLeNet of the popular port, so that its weights fit."""

    def channels(count: int) -> int:
        return scaled(count, width)

    body = Chain(
        Chain(conv_norm_relu(channels(64), 7, strides=2, padding=3, epsilon=1e-3), name="conv1"),
        MaxPooling2D(3, strides=2, ceil_mode=True, name="pool1"),
        Chain(conv_norm_relu(channels(64), 1, epsilon=1e-3), name="conv2"),
        Chain(conv_norm_relu(channels(192), 3, padding=1, epsilon=1e-3), name="conv3"),
        MaxPooling2D(3, strides=2, ceil_mode=True, name="pool2"),
        *_modules(channels, _normalised_unit, large=3, last_pool=2, head=_port_head(classes, width) if heads else None),
        GlobalAveragePooling2D(),
        Dropout(0.2),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="googlenet_bn")


def _modules(
    channels: Callable[[int], int], unit: Unit, *, large: int, last_pool: int, head: Chain | None
) -> list[Concat | MaxPooling2D | Auxiliary]:
    """The nine modules with the poolings between them, and the heads where the paper hangs them."""
    nodes: list[Concat | MaxPooling2D | Auxiliary] = []
    for name, sizes in MODULES:
        if sizes:
            nodes.append(_inception(name, tuple(channels(size) for size in sizes), unit, large))
        else:
            nodes.append(MaxPooling2D(last_pool if name == "pool4" else 3, strides=2, ceil_mode=True, name=name))
        if head is not None and name in HEADS:
            nodes.append(Auxiliary(head, name=HEADS[name]))
    return nodes


def _inception(name: str, sizes: tuple[int, ...], unit: Unit, large: int) -> Concat:
    """One module; `large` is the side of the largest filters, 5 in the paper."""
    one, reduce3, three, reduce5, five, pooled = sizes
    return Concat(
        Chain(unit(one, 1, 0), name="branch1x1"),
        Chain(unit(reduce3, 1, 0), unit(three, 3, 1), name="branch3x3"),
        Chain(unit(reduce5, 1, 0), unit(five, large, large // 2), name="branch5x5"),
        Chain(MaxPooling2D(3, strides=1, padding=1), unit(pooled, 1, 0), name="branch_pool"),
        name=name,
    )


def _plain_unit(filters: int, kernel_size: int, padding: int) -> Conv2D:
    return Conv2D(filters, kernel_size, padding=padding, activation="relu")


def _normalised_unit(filters: int, kernel_size: int, padding: int) -> Chain:
    return conv_norm_relu(filters, kernel_size, padding=padding, epsilon=1e-3)


def _paper_head(classes: int, width: float) -> Chain:
    return Chain(
        AveragePooling2D(5, strides=3),
        Conv2D(scaled(128, width), 1, activation="relu"),
        Flatten(),
        Dense(scaled(1024, width), activation="relu"),
        Dropout(0.7),
        Dense(classes, activation="softmax"),
    )


def _port_head(classes: int, width: float) -> Chain:
    return Chain(
        AdaptiveAveragePooling2D(4),
        conv_norm_relu(scaled(128, width), 1, epsilon=1e-3),
        Flatten(),
        Dense(scaled(1024, width), activation="relu"),
        Dropout(0.7),
        Dense(classes, activation="softmax"),
    )
