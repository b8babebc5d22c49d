"""ResNet for ImageNet (He et al. 2015): branches that only have to learn what the shortcut lacks."""

from __future__ import annotations

from collections.abc import Callable

from hubel.arch import (
    Activation,
    Chain,
    Dense,
    GlobalAveragePooling2D,
    MaxPooling2D,
    Network,
    Shape,
    Sum,
)
from hubel.zoo._blocks import conv_norm, conv_norm_relu, scaled
from hubel.zoo._registry import Figure, Paper, network
from hubel.zoo._shortcut import shortcut_branch

HE_2015 = Paper(
    "K. He, X. Zhang, S. Ren, J. Sun",
    "Deep residual learning for image recognition",
    2015,
    "CVPR 2016, arXiv:1512.03385",
)

WIDTHS = (64, 128, 256, 512)

# A block's residual branch: (filters, strides) to the branch, and how many times the filters it gives.
Residual = Callable[[int, int], Chain]

V1_5 = (
    'The stride stands in the 3×3 convolution ("v1.5"), as in torchvision and most ports; the paper has it in the 1×1 '
    "before. Parameters are the same, MACs are not."
)


def _figures(top1: str, top5: str, flops: str) -> tuple[Figure, ...]:
    return (
        Figure("top-1 validation error, ten crops", top1, "the paper, table 3"),
        Figure("top-5 validation error, ten crops", top5, "the paper, table 3"),
        Figure("multiply-adds", flops, "the paper, table 1, as FLOPs"),
    )


@network(
    paper=HE_2015,
    summary="eighteen weighted layers in blocks of two 3×3 convolutions",
    figures=(
        Figure("top-1 validation error, ten crops", "27.88 %", "the paper, table 2"),
        Figure("multiply-adds", "1.8 billion", "the paper, table 1, as FLOPs"),
    ),
    notes=(
        'The error is that of zero-padded shortcuts (shortcut="zero"); ports have projections, as here by default.',
    ),
)
def resnet18(
    classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, shortcut: str = "projection"
) -> Network:
    """ResNet-18."""
    return Network(input, _body((2, 2, 2, 2), basic_block, 1, classes, width, shortcut), name="resnet18")


@network(
    paper=HE_2015,
    summary="thirty-four weighted layers in blocks of two 3×3 convolutions",
    figures=_figures("24.52 %", "7.46 %", "3.6 billion"),
    notes=(
        "The figures are those of projections where shapes change (option B). Zero-padded shortcuts (A) have 25.03 % "
        "and 7.76 %, projections everywhere (C) 24.19 % and 7.40 %.",
    ),
)
def resnet34(
    classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, shortcut: str = "projection"
) -> Network:
    """ResNet-34."""
    return Network(input, _body((3, 4, 6, 3), basic_block, 1, classes, width, shortcut), name="resnet34")


@network(
    paper=HE_2015,
    summary="fifty weighted layers in bottleneck blocks: 1×1, 3×3, 1×1",
    figures=_figures("22.85 %", "6.71 %", "3.8 billion"),
    notes=(V1_5, "The paper's own 3.8 billion is resnet50_v1's."),
)
def resnet50(
    classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, shortcut: str = "projection"
) -> Network:
    """ResNet-50 with the stride in the 3×3 convolution."""
    return Network(input, _body((3, 4, 6, 3), _bottleneck, 4, classes, width, shortcut), name="resnet50")


@network(
    paper=HE_2015,
    summary="a hundred and one weighted layers in bottleneck blocks",
    figures=_figures("21.75 %", "6.05 %", "7.6 billion"),
    notes=(V1_5,),
)
def resnet101(
    classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, shortcut: str = "projection"
) -> Network:
    """ResNet-101 with the stride in the 3×3 convolution."""
    return Network(input, _body((3, 4, 23, 3), _bottleneck, 4, classes, width, shortcut), name="resnet101")


@network(
    paper=HE_2015,
    summary="a hundred and fifty-two weighted layers in bottleneck blocks: the winner of 2015",
    figures=(
        *_figures("21.43 %", "5.71 %", "11.3 billion"),
        Figure("top-5 validation error, one network, many scales", "4.49 %", "the paper, table 4"),
        Figure("top-5 test error, ILSVRC-2015, six networks", "3.57 %", "the paper, table 5"),
    ),
    notes=(
        V1_5,
        "152 weighted layers: the first convolution, three in each of 3 + 8 + 36 + 3 blocks, and the dense layer. "
        "There are 155 convolutions if one counts the four projections; a course's slide says 155.",
    ),
)
def resnet152(
    classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, shortcut: str = "projection"
) -> Network:
    """ResNet-152 with the stride in the 3×3 convolution."""
    return Network(input, _body((3, 8, 36, 3), _bottleneck, 4, classes, width, shortcut), name="resnet152")


@network(
    paper=HE_2015,
    summary="ResNet-50 with the paper's strides",
    figures=_figures("22.85 %", "6.71 %", "3.8 billion"),
    notes=("The stride stands in the first 1×1 convolution of a block, as in the paper and in its Caffe files.",),
)
def resnet50_v1(
    classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0, shortcut: str = "projection"
) -> Network:
    """ResNet-50 with the stride in the 1×1 convolution, as published."""
    return Network(input, _body((3, 4, 6, 3), _bottleneck_v1, 4, classes, width, shortcut), name="resnet50_v1")


def _body(
    counts: tuple[int, ...], residual: Residual, expansion: int, classes: int, width: float, shortcut: str
) -> Chain:
    stem = scaled(WIDTHS[0], width)
    stages = []
    channels = stem
    for stage, (count, base) in enumerate(zip(counts, WIDTHS, strict=True)):
        filters = scaled(base, width)
        blocks: list[Sum | Activation] = []
        for index in range(count):
            strides = 2 if index == 0 and stage > 0 else 1
            branch = residual(filters, strides)
            skip = shortcut_branch(shortcut, channels, filters * expansion, strides)
            blocks += [Sum(branch, skip, name="block"), Activation("relu")]
            channels = filters * expansion
        stages.append(Chain(*blocks, name="stage"))
    return Chain(
        conv_norm_relu(stem, 7, strides=2, padding=3),
        MaxPooling2D(3, strides=2, padding=1),
        *stages,
        GlobalAveragePooling2D(),
        Dense(classes, activation="softmax"),
    )


def basic_block(filters: int, strides: int) -> Chain:
    """Two 3×3 convolutions, figure 5 left."""
    return Chain(
        conv_norm_relu(filters, 3, strides=strides, padding=1),
        conv_norm(filters, 3, padding=1),
        name="residual",
    )


def _bottleneck(filters: int, strides: int) -> Chain:
    """1×1, 3×3, 1×1 to four times the filters, figure 5 right, with the stride in the 3×3."""
    return Chain(
        conv_norm_relu(filters, 1),
        conv_norm_relu(filters, 3, strides=strides, padding=1),
        conv_norm(4 * filters, 1),
        name="residual",
    )


def _bottleneck_v1(filters: int, strides: int) -> Chain:
    """1×1, 3×3, 1×1 to four times the filters, figure 5 right, with the stride in the first 1×1."""
    return Chain(
        conv_norm_relu(filters, 1, strides=strides),
        conv_norm_relu(filters, 3, padding=1),
        conv_norm(4 * filters, 1),
        name="residual",
    )
