"""Inception v3 (Szegedy et al. 2015): large filters taken apart into small and into one-dimensional ones."""

from __future__ import annotations

from hubel.arch import (
    Auxiliary,
    AveragePooling2D,
    Chain,
    Concat,
    Dense,
    Dropout,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Network,
    Shape,
)
from hubel.zoo._inception import column, pooled_branch, row, unit
from hubel.zoo._registry import Figure, Paper, network

SZEGEDY_2015 = Paper(
    "C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna",
    "Rethinking the Inception architecture for computer vision",
    2015,
    "CVPR 2016, arXiv:1512.00567",
)


@network(
    paper=SZEGEDY_2015,
    summary="inception with 5×5 taken apart into 3×3, and 7×7 into 1×7 and 7×1",
    figures=(
        Figure("top-1 validation error, one network, one crop", "21.2 %", "the paper, abstract"),
        Figure("top-5 validation error, one network, one crop", "5.6 %", "the paper, abstract"),
        Figure("top-5 validation error, four networks, many crops", "3.5 %", "the paper, abstract"),
        Figure("multiply-adds", "5 billion", "the paper, abstract"),
        Figure("parameters", "less than 25 million", "the paper, abstract"),
    ),
    notes=(
        "23,834,568 parameters plain; 27,161,264 with the auxiliary head (heads=True), which takes part in training "
        "alone and which torchvision counts.",
        "Keras's port has no learned scale in its normalisations: 17,216 parameters fewer, and it counts 34,432 "
        "running statistics as parameters that are not trained.",
        "The sizes are those of the authors' released code; the table of the paper leaves some of them open.",
        "Average pooling leaves the padding out of the mean, as in the authors' TensorFlow; torchvision counts it in, "
        "so its weights want count_padding=True.",
    ),
)
def inception_v3(
    classes: int = 1000, input: Shape = (299, 299, 3), heads: bool = False, count_padding: bool = False
) -> Network:
    """Inception v3; `heads` adds the auxiliary classifier, `count_padding` averages over padding too (torchvision)."""
    body = Chain(
        Chain(unit(32, 3, strides=2), name="conv1a"),
        Chain(unit(32, 3), name="conv2a"),
        Chain(unit(64, 3, padding=1), name="conv2b"),
        MaxPooling2D(3, strides=2, name="pool1"),
        Chain(unit(80, 1), name="conv3b"),
        Chain(unit(192, 3), name="conv4a"),
        MaxPooling2D(3, strides=2, name="pool2"),
        _module_a("mixed5b", pooled=32, count_padding=count_padding),
        _module_a("mixed5c", pooled=64, count_padding=count_padding),
        _module_a("mixed5d", pooled=64, count_padding=count_padding),
        _reduction_to_17("mixed6a"),
        _module_b("mixed6b", middle=128, count_padding=count_padding),
        _module_b("mixed6c", middle=160, count_padding=count_padding),
        _module_b("mixed6d", middle=160, count_padding=count_padding),
        _module_b("mixed6e", middle=192, count_padding=count_padding),
        *([_head(classes)] if heads else []),
        _reduction_to_8("mixed7a"),
        _module_c("mixed7b", count_padding=count_padding),
        _module_c("mixed7c", count_padding=count_padding),
        GlobalAveragePooling2D(),
        Dropout(0.5),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="inception_v3")


def _module_a(name: str, pooled: int, count_padding: bool) -> Concat:
    """35×35, figure 5 of the paper: a 5×5 becomes two 3×3 in one branch and stays in another."""
    return Concat(
        Chain(unit(64, 1), name="branch1x1"),
        Chain(unit(48, 1), unit(64, 5, padding=2), name="branch5x5"),
        Chain(unit(64, 1), unit(96, 3, padding=1), unit(96, 3, padding=1), name="branch3x3_twice"),
        pooled_branch(pooled, count_padding),
        name=name,
    )


def _reduction_to_17(name: str) -> Concat:
    """35×35 to 17×17, figure 10: strided convolutions beside pooling."""
    return Concat(
        Chain(unit(384, 3, strides=2), name="branch3x3"),
        Chain(unit(64, 1), unit(96, 3, padding=1), unit(96, 3, strides=2), name="branch3x3_twice"),
        Chain(MaxPooling2D(3, strides=2), name="branch_pool"),
        name=name,
    )


def _module_b(name: str, middle: int, count_padding: bool) -> Concat:
    """17×17, figure 6: 7×7 as 1×7 and 7×1."""
    return Concat(
        Chain(unit(192, 1), name="branch1x1"),
        Chain(unit(middle, 1), row(middle, 7), column(192, 7), name="branch7x7"),
        Chain(
            unit(middle, 1),
            column(middle, 7),
            row(middle, 7),
            column(middle, 7),
            row(192, 7),
            name="branch7x7_twice",
        ),
        pooled_branch(192, count_padding),
        name=name,
    )


def _reduction_to_8(name: str) -> Concat:
    """17×17 to 8×8."""
    return Concat(
        Chain(unit(192, 1), unit(320, 3, strides=2), name="branch3x3"),
        Chain(unit(192, 1), row(192, 7), column(192, 7), unit(192, 3, strides=2), name="branch7x7"),
        Chain(MaxPooling2D(3, strides=2), name="branch_pool"),
        name=name,
    )


def _module_c(name: str, count_padding: bool) -> Concat:
    """8×8, figure 7: 1×3 and 3×1 side by side instead of one after the other."""
    return Concat(
        Chain(unit(320, 1), name="branch1x1"),
        Chain(unit(384, 1), _split(), name="branch3x3"),
        Chain(unit(448, 1), unit(384, 3, padding=1), _split(), name="branch3x3_twice"),
        pooled_branch(192, count_padding),
        name=name,
    )


def _split() -> Concat:
    return Concat(Chain(row(384, 3), name="row"), Chain(column(384, 3), name="column"), name="split")


def _head(classes: int) -> Auxiliary:
    return Auxiliary(
        AveragePooling2D(5, strides=3),
        unit(128, 1),
        unit(768, 5),
        GlobalAveragePooling2D(),
        Dense(classes, activation="softmax"),
        name="head",
    )
