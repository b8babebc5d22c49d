"""Inception v4 (Szegedy et al. 2016): the inception network in its most regular form."""

from __future__ import annotations

from hubel.arch import (
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

SZEGEDY_2016 = Paper(
    "C. Szegedy, S. Ioffe, V. Vanhoucke, A. A. Alemi",
    "Inception-v4, Inception-ResNet and the impact of residual connections on learning",
    2016,
    "AAAI 2017, arXiv:1602.07261",
)


@network(
    paper=SZEGEDY_2016,
    summary="4, 7 and 3 modules of three kinds, and pooling beside strided convolutions from the stem on",
    figures=(
        Figure("top-1 validation error, one network, one crop", "20.0 %", "the paper, table 2"),
        Figure("top-5 validation error, one network, one crop", "5.0 %", "the paper, table 2"),
        Figure("top-5 test error, four networks (three of them Inception-ResNet-v2)", "3.08 %", "the paper, abstract"),
        Figure("top-1 accuracy, ImageNet validation", "80.144 %", "timm, results-imagenet.csv, inception_v4.tf_in1k"),
        Figure("parameters", "42.68 million", "timm, results-imagenet.csv"),
    ),
    notes=(
        "The authors' released code has an auxiliary head for training, which neither the paper's figures nor this "
        "tree have.",
        "Dropout is the paper's: a fifth dropped before the classifier.",
    ),
)
def inception_v4(classes: int = 1000, input: Shape = (299, 299, 3)) -> Network:
    """Inception v4, figures 3 to 9 of the paper."""
    body = Chain(
        *_stem(),
        *[_module_a()] * 4,
        _reduction_to_17(),
        *[_module_b()] * 7,
        _reduction_to_8(),
        *[_module_c()] * 3,
        GlobalAveragePooling2D(),
        Dropout(0.2),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="inception_v4")


def _stem() -> tuple[Chain | Concat, ...]:
    """299×299×3 to 35×35×384, figure 3."""
    return (
        Chain(unit(32, 3, strides=2), name="stem1"),
        Chain(unit(32, 3), name="stem2"),
        Chain(unit(64, 3, padding=1), name="stem3"),
        Concat(
            Chain(MaxPooling2D(3, strides=2), name="branch_pool"),
            Chain(unit(96, 3, strides=2), name="branch3x3"),
            name="stem4",
        ),
        Concat(
            Chain(unit(64, 1), unit(96, 3), name="branch3x3"),
            Chain(unit(64, 1), row(64, 7), column(64, 7), unit(96, 3), name="branch7x7"),
            name="stem5",
        ),
        Concat(
            Chain(unit(192, 3, strides=2), name="branch3x3"),
            Chain(MaxPooling2D(3, strides=2), name="branch_pool"),
            name="stem6",
        ),
    )


def _module_a() -> Concat:
    """35×35×384, figure 4."""
    return Concat(
        Chain(unit(96, 1), name="branch1x1"),
        Chain(unit(64, 1), unit(96, 3, padding=1), name="branch3x3"),
        Chain(unit(64, 1), unit(96, 3, padding=1), unit(96, 3, padding=1), name="branch3x3_twice"),
        pooled_branch(96),
        name="inception_a",
    )


def _reduction_to_17() -> Concat:
    """35×35×384 to 17×17×1024, figure 7 with k, l, m, n = 192, 224, 256, 384."""
    return Concat(
        Chain(unit(384, 3, strides=2), name="branch3x3"),
        Chain(unit(192, 1), unit(224, 3, padding=1), unit(256, 3, strides=2), name="branch3x3_twice"),
        Chain(MaxPooling2D(3, strides=2), name="branch_pool"),
        name="reduction_a",
    )


def _module_b() -> Concat:
    """17×17×1024, figure 5."""
    return Concat(
        Chain(unit(384, 1), name="branch1x1"),
        Chain(unit(192, 1), row(224, 7), column(256, 7), name="branch7x7"),
        Chain(unit(192, 1), column(192, 7), row(224, 7), column(224, 7), row(256, 7), name="branch7x7_twice"),
        pooled_branch(128),
        name="inception_b",
    )


def _reduction_to_8() -> Concat:
    """17×17×1024 to 8×8×1536, figure 8."""
    return Concat(
        Chain(unit(192, 1), unit(192, 3, strides=2), name="branch3x3"),
        Chain(unit(256, 1), row(256, 7), column(320, 7), unit(320, 3, strides=2), name="branch7x7"),
        Chain(MaxPooling2D(3, strides=2), name="branch_pool"),
        name="reduction_b",
    )


def _module_c() -> Concat:
    """8×8×1536, figure 6."""
    return Concat(
        Chain(unit(256, 1), name="branch1x1"),
        Chain(unit(384, 1), _split(), name="branch3x3"),
        Chain(unit(384, 1), column(448, 3), row(512, 3), _split(), name="branch3x3_twice"),
        pooled_branch(256),
        name="inception_c",
    )


def _split() -> Concat:
    return Concat(Chain(row(256, 3), name="row"), Chain(column(256, 3), name="column"), name="split")
