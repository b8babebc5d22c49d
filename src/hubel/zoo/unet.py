"""U-Net (Ronneberger et al. 2015): down to what, up again to where, with a bridge at every size."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    Chain,
    Concat,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dropout,
    Identity,
    MaxPooling2D,
    Network,
    Padding,
    Shape,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

RONNEBERGER_2015 = Paper(
    "O. Ronneberger, P. Fischer, T. Brox",
    "U-Net: convolutional networks for biomedical image segmentation",
    2015,
    "MICCAI 2015, arXiv:1505.04597",
)

DEPTH = 4  # poolings

FIGURES = (
    Figure("intersection over union, PhC-U373 cells", "0.9203", "the paper, table 2"),
    Figure("intersection over union, DIC-HeLa cells", "0.7756", "the paper, table 2"),
    Figure("warping error, EM segmentation", "0.000353", "the paper, table 1"),
    Figure("convolutional layers", "23", "the paper, section 2"),
)


@network(
    paper=RONNEBERGER_2015,
    summary="the U-Net of most ports: padded, so that the map is as large as the picture",
    figures=FIGURES,
    notes=(
        "Convolutions are padded and nothing is cropped; height and width must be multiples of 16. The paper's own, "
        "which makes 388×388 of 572×572, is unet_2015.",
        "31,030,658 parameters for one channel and two classes, as in the paper: padding has none.",
        "Many ports add batch normalisation, or enlarge bilinearly instead of with a transposed convolution.",
    ),
)
def unet(classes: int = 2, input: Shape = (256, 256, 1), width: float = 1.0) -> Network:
    """U-Net with padded convolutions: H×W×C to H×W×classes."""
    return Network(input, _body(classes, width, padding=1), name="unet")


@network(
    paper=RONNEBERGER_2015,
    summary="the U-Net of the paper: unpadded, with cropped bridges",
    figures=(*FIGURES, Figure("output of a 572×572 picture", "388×388", "the paper, figure 1")),
    notes=(
        "What the bridges crop on every side follows from the unpadded convolutions below: 4, 16, 40, 88.",
        "Sizes must survive four halvings: 572 is 284, 140, 68, 32 before its poolings end at 28.",
    ),
)
def unet_2015(classes: int = 2, input: Shape = (572, 572, 1), width: float = 1.0) -> Network:
    """U-Net as in figure 1 of the paper: 572×572×1 to 388×388×2."""
    return Network(input, _body(classes, width, padding="valid"), name="unet_2015")


def _body(classes: int, width: float, padding: Padding) -> Chain:
    # Two rows and columns are lost on each side by two unpadded 3×3 convolutions; enlarging doubles what is lost below.
    cropped = [0] * (DEPTH + 1)
    if padding == "valid":
        for level in reversed(range(DEPTH)):
            cropped[level] = 2 * cropped[level + 1] + (8 if level < DEPTH - 1 else 4)
    return Chain(
        *_level(0, scaled(64, width), padding, cropped),
        Conv2D(classes, 1, name="classify"),
        Activation("softmax"),
    )


def _level(depth: int, filters: int, padding: Padding, cropped: list[int]) -> tuple[Chain | Concat, ...]:
    """The nodes of one size: convolutions, the bridge beside everything deeper, convolutions."""
    if depth == DEPTH:
        return (Chain(*_convolutions(filters, padding), Dropout(0.5), name="bottom"),)
    deeper = Chain(
        MaxPooling2D(2),
        *_level(depth + 1, 2 * filters, padding, cropped),
        Conv2DTranspose(filters, 2, strides=2, name="enlarge"),
        name="below",
    )
    crop = cropped[depth]
    bridge = Chain(Cropping2D(crop) if crop else Identity(), name="bridge")
    return (
        Chain(*_convolutions(filters, padding), name=f"down{depth + 1}"),
        Concat(bridge, deeper, name=f"level{depth + 1}"),
        Chain(*_convolutions(filters, padding), name=f"up{depth + 1}"),
    )


def _convolutions(filters: int, padding: Padding) -> tuple[Conv2D, Conv2D]:
    return (
        Conv2D(filters, 3, padding=padding, activation="relu"),
        Conv2D(filters, 3, padding=padding, activation="relu"),
    )
