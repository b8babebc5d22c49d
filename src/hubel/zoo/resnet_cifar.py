"""ResNet for CIFAR-10 (He et al. 2015, section 4.2): thin, and up to 110 layers deep."""

from __future__ import annotations

from hubel.arch import Activation, Chain, Dense, GlobalAveragePooling2D, Network, Shape, Sum
from hubel.zoo._blocks import conv_norm, conv_norm_relu, scaled
from hubel.zoo._registry import Figure, network
from hubel.zoo._shortcut import shortcut_branch
from hubel.zoo.resnet import HE_2015

WIDTHS = (16, 32, 64)

ZERO_PADDED = (
    "The paper's shortcuts on CIFAR-10 have no weights: zero-padded where shapes change (option A). "
    'shortcut="projection" convolves there instead, as many ports do.',
    "torchvision's resnet18 to resnet152 are made for 224×224 and are not these networks.",
)


def _figures(parameters: str, error: str) -> tuple[Figure, ...]:
    return (
        Figure("parameters", parameters, "the paper, table 6"),
        Figure("test error on CIFAR-10", error, "the paper, table 6"),
    )


@network(
    paper=HE_2015,
    summary="twenty weighted layers for 32×32 pictures",
    figures=_figures("0.27 million", "8.75 %"),
    notes=ZERO_PADDED,
)
def resnet20(classes: int = 10, input: Shape = (32, 32, 3), width: float = 1.0, shortcut: str = "zero") -> Network:
    """ResNet-20 for CIFAR-10."""
    return Network(input, _body(20, classes, width, shortcut), name="resnet20")


@network(
    paper=HE_2015,
    summary="thirty-two weighted layers for 32×32 pictures",
    figures=_figures("0.46 million", "7.51 %"),
    notes=ZERO_PADDED,
)
def resnet32(classes: int = 10, input: Shape = (32, 32, 3), width: float = 1.0, shortcut: str = "zero") -> Network:
    """ResNet-32 for CIFAR-10."""
    return Network(input, _body(32, classes, width, shortcut), name="resnet32")


@network(
    paper=HE_2015,
    summary="forty-four weighted layers for 32×32 pictures",
    figures=_figures("0.66 million", "7.17 %"),
    notes=ZERO_PADDED,
)
def resnet44(classes: int = 10, input: Shape = (32, 32, 3), width: float = 1.0, shortcut: str = "zero") -> Network:
    """ResNet-44 for CIFAR-10."""
    return Network(input, _body(44, classes, width, shortcut), name="resnet44")


@network(
    paper=HE_2015,
    summary="fifty-six weighted layers for 32×32 pictures",
    figures=_figures("0.85 million", "6.97 %"),
    notes=ZERO_PADDED,
)
def resnet56(classes: int = 10, input: Shape = (32, 32, 3), width: float = 1.0, shortcut: str = "zero") -> Network:
    """ResNet-56 for CIFAR-10."""
    return Network(input, _body(56, classes, width, shortcut), name="resnet56")


@network(
    paper=HE_2015,
    summary="a hundred and ten weighted layers for 32×32 pictures",
    figures=_figures("1.7 million", "6.43 %"),
    notes=ZERO_PADDED,
)
def resnet110(classes: int = 10, input: Shape = (32, 32, 3), width: float = 1.0, shortcut: str = "zero") -> Network:
    """ResNet-110 for CIFAR-10."""
    return Network(input, _body(110, classes, width, shortcut), name="resnet110")


def _body(depth: int, classes: int, width: float, shortcut: str) -> Chain:
    """6n + 2 weighted layers: one, three stages of n blocks of two, and the dense one."""
    count = (depth - 2) // 6
    channels = scaled(WIDTHS[0], width)
    stem = conv_norm_relu(channels, 3, padding=1)
    stages = []
    for stage, base in enumerate(WIDTHS):
        filters = scaled(base, width)
        blocks: list[Sum | Activation] = []
        for index in range(count):
            strides = 2 if index == 0 and stage > 0 else 1
            residual = Chain(
                conv_norm_relu(filters, 3, strides=strides, padding=1),
                conv_norm(filters, 3, padding=1),
                name="residual",
            )
            skip = shortcut_branch(shortcut, channels, filters, strides)
            blocks += [Sum(residual, skip, name="block"), Activation("relu")]
            channels = filters
        stages.append(Chain(*blocks, name="stage"))
    return Chain(stem, *stages, GlobalAveragePooling2D(), Dense(classes, activation="softmax"))
