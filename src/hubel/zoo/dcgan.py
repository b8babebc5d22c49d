"""DCGAN (Radford, Metz & Chintala 2016): pictures of noise, by transposed convolutions alone."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    BatchNormalization,
    Chain,
    Conv2D,
    Conv2DTranspose,
    Cropping2D,
    Dense,
    Flatten,
    LeakyReLU,
    Network,
    Reshape,
    Shape,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

RADFORD_2016 = Paper(
    "A. Radford, L. Metz, S. Chintala",
    "Unsupervised representation learning with deep convolutional generative adversarial networks",
    2015,
    "ICLR 2016, arXiv:1511.06434",
)

SLOPE = 0.2  # below zero, in critics
FIRST = 4  # places of a side in the paper's first map; here up to 7, so that 28 pixels are two doublings
LAST = 128  # filters of the map before the picture; twice as many in each before it

_NOTES = (
    "The paper's is for 64×64 pixels, four doublings of 4×4×1024, with kernels of 5×5; here, as in most ports, they "
    "are of 4×4, which every place sees alike, and the first map has 4 to 7 places a side.",
    "Sizes that are no multiples are made a little larger and cropped.",
)


def doublings(side: int) -> int:
    """How often 4 to 7 places are doubled to make so many pixels."""
    number = 0
    while side > 2 * FIRST - 1:
        side, number = -(-side // 2), number + 1
    return number


def first_map(picture: Shape) -> tuple[int, int, int]:
    """Height and width of the map that a picture grows from, and how often it is doubled."""
    number = max(1, doublings(min(picture[:2])))
    return -(-picture[0] // 2**number), -(-picture[1] // 2**number), number


def cropped(picture: Shape) -> list[Cropping2D]:
    """What makes the picture of one that grew a little too large."""
    rows, columns, number = first_map(picture)
    extra = [each * 2**number - wanted for each, wanted in zip((rows, columns), picture, strict=False)]
    return [Cropping2D(((0, extra[0]), (0, extra[1])))] if any(extra) else []


@network(
    paper=RADFORD_2016,
    summary="the generator of the first GAN whose convolutions learn steadily",
    figures=(
        Figure("accuracy on CIFAR-10 from the critic's features", "82.8 %", "the paper, table 1"),
        Figure("parameters of the generator, half as wide", "3,576,704", "PyTorch's example dcgan, printed"),
        Figure("parameters of the critic, half as wide", "2,765,568", "PyTorch's example dcgan, printed"),
    ),
    notes=_NOTES,
)
def dcgan(input: Shape = (64, 64, 3), latent: int = 100, width: float = 1.0) -> Network:
    """DCGAN's generator: a vector of `latent` numbers to a picture of the shape `input`."""
    rows, columns, number = first_map(input)
    first, *hidden = (scaled(LAST * 2**level, width) for level in reversed(range(number)))
    return Network(
        (latent,),
        Chain(
            Dense(rows * columns * first, use_bias=False),
            Reshape((rows, columns, first)),
            BatchNormalization(),
            Activation("relu"),
            *(Chain(_doubled(filters), BatchNormalization(), Activation("relu")) for filters in hidden),
            _doubled(input[2]),
            *cropped(input),
            Activation("tanh"),
        ),
        name="dcgan",
    )


@network(
    paper=RADFORD_2016,
    summary="what judges DCGAN's pictures: strided convolutions and no pooling",
    notes=("The last of the paper's layers is flattened to one number, before a sigmoid that the loss holds.", *_NOTES),
)
def dcgan_critic(input: Shape = (64, 64, 3), width: float = 1.0) -> Network:
    """DCGAN's discriminator: a picture of the shape `input` to one number."""
    first, *others = (scaled(LAST * 2**level, width) for level in range(first_map(input)[2]))
    return Network(
        input,
        Chain(
            _halved(first),
            LeakyReLU(SLOPE),
            *(Chain(_halved(filters), BatchNormalization(), LeakyReLU(SLOPE)) for filters in others),
            Flatten(),
            Dense(1, use_bias=False),
        ),
        name="dcgan_critic",
    )


def _doubled(filters: int) -> Conv2DTranspose:
    return Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)


def _halved(filters: int) -> Conv2D:
    return Conv2D(filters, 4, strides=2, padding="same", use_bias=False)
