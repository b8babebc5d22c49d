"""VGG (Simonyan and Zisserman 2014): depth from 3×3 convolutions alone."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    BatchNormalization,
    Chain,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPooling2D,
    Network,
    Shape,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

SIMONYAN_2014 = Paper(
    "K. Simonyan, A. Zisserman",
    "Very deep convolutional networks for large-scale image recognition",
    2014,
    "ICLR 2015, arXiv:1409.1556",
)

# Table 1 of the paper: how many 3×3 convolutions stand before each of the five poolings.
PLANS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)

NORMALISED = (
    "The paper has no batch normalisation; this is the variant that libraries add, with a bias in the convolutions "
    "although the normalisation takes it away again.",
)


def _figures(parameters: str, configuration: str, top1: str, top5: str) -> tuple[Figure, ...]:
    return (
        Figure("parameters", parameters, f"the paper, table 2, configuration {configuration}"),
        Figure("top-1 validation error, one scale", top1, f"the paper, table 3, configuration {configuration}"),
        Figure("top-5 validation error, one scale", top5, f"the paper, table 3, configuration {configuration}"),
    )


@network(
    paper=SIMONYAN_2014,
    summary="eleven weighted layers, all convolutions 3×3",
    figures=_figures("133 million", "A", "29.6 %", "10.4 %"),
    notes=("Configuration A.",),
)
def vgg11(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """VGG-11, configuration A of the paper."""
    return Network(input, _body(11, classes, width, normalised=False), name="vgg11")


@network(
    paper=SIMONYAN_2014,
    summary="thirteen weighted layers, all convolutions 3×3",
    figures=_figures("133 million", "B", "28.7 %", "9.9 %"),
    notes=("Configuration B.",),
)
def vgg13(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """VGG-13, configuration B of the paper."""
    return Network(input, _body(13, classes, width, normalised=False), name="vgg13")


@network(
    paper=SIMONYAN_2014,
    summary="sixteen weighted layers, all convolutions 3×3: the network that style and detection began with",
    figures=_figures("138 million", "D", "25.6 %", "8.1 %"),
    notes=(
        "Configuration D. Configuration C, also sixteen layers, has 1×1 convolutions in places.",
        "A course's slide says 160 million parameters; it is 138,357,544, of which 102,764,544 stand in fc6.",
    ),
)
def vgg16(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """VGG-16, configuration D of the paper."""
    return Network(input, _body(16, classes, width, normalised=False), name="vgg16")


@network(
    paper=SIMONYAN_2014,
    summary="nineteen weighted layers, all convolutions 3×3",
    figures=_figures("144 million", "E", "25.5 %", "8.0 %"),
    notes=("Configuration E.",),
)
def vgg19(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """VGG-19, configuration E of the paper."""
    return Network(input, _body(19, classes, width, normalised=False), name="vgg19")


@network(paper=SIMONYAN_2014, summary="VGG-11 with batch normalisation", notes=NORMALISED)
def vgg11_bn(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """VGG-11 with batch normalisation after every convolution."""
    return Network(input, _body(11, classes, width, normalised=True), name="vgg11_bn")


@network(paper=SIMONYAN_2014, summary="VGG-13 with batch normalisation", notes=NORMALISED)
def vgg13_bn(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """VGG-13 with batch normalisation after every convolution."""
    return Network(input, _body(13, classes, width, normalised=True), name="vgg13_bn")


@network(paper=SIMONYAN_2014, summary="VGG-16 with batch normalisation", notes=NORMALISED)
def vgg16_bn(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """VGG-16 with batch normalisation after every convolution."""
    return Network(input, _body(16, classes, width, normalised=True), name="vgg16_bn")


@network(paper=SIMONYAN_2014, summary="VGG-19 with batch normalisation", notes=NORMALISED)
def vgg19_bn(classes: int = 1000, input: Shape = (224, 224, 3), width: float = 1.0) -> Network:
    """VGG-19 with batch normalisation after every convolution."""
    return Network(input, _body(19, classes, width, normalised=True), name="vgg19_bn")


def _body(depth: int, classes: int, width: float, *, normalised: bool) -> Chain:
    stages: list[Chain | MaxPooling2D] = []
    for stage, (count, filters) in enumerate(zip(PLANS[depth], WIDTHS, strict=True), start=1):
        step = _normalised_step if normalised else _plain_step
        stages += [step(f"{stage}_{index}", scaled(filters, width)) for index in range(1, count + 1)]
        stages.append(MaxPooling2D(2, name=f"pool{stage}"))
    return Chain(
        *stages,
        Flatten(),
        Dense(scaled(4096, width), activation="relu", name="fc6"),
        Dropout(0.5),
        Dense(scaled(4096, width), activation="relu", name="fc7"),
        Dropout(0.5),
        Dense(classes, activation="softmax", name="fc8"),
    )


def _plain_step(place: str, filters: int) -> Chain:
    return Chain(Conv2D(filters, 3, padding=1, activation="relu", name=f"conv{place}"))


def _normalised_step(place: str, filters: int) -> Chain:
    return Chain(
        Conv2D(filters, 3, padding=1, name=f"conv{place}"),
        BatchNormalization(name=f"norm{place}"),
        Activation("relu", name=f"relu{place}"),
    )
