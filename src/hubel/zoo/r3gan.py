"""R3GAN (Huang et al. 2024): a GAN without tricks, whose loss is enough to keep it steady."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    Chain,
    Conv2D,
    Dense,
    Flatten,
    LeakyReLU,
    Network,
    Reshape,
    Shape,
    UpSampling2D,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network
from hubel.zoo.dcgan import SLOPE, cropped, first_map

HUANG_2024 = Paper(
    "N. Huang, A. Gokaslan, V. Kuleshov, J. Tompkin",
    "The GAN is dead; long live the GAN! A modern GAN baseline",
    2024,
    "NeurIPS 2024, arXiv:2501.05441",
)

LAST, MOST = 12, 192  # filters of the map at the picture's size; twice as many at each half, up to 192

_NOTES = (
    "Of the paper: leaky rectifiers, no normalisation, and above all its loss, which is what hubel trains it with "
    "(relativistic pairs, R1 and R2). Not of it: its residual blocks of grouped convolutions, and its 20 million "
    "weights and more. This one is small, for a processor: one convolution a size, 12 filters at the picture's.",
)


@network(
    paper=HUANG_2024,
    summary="a small modern generator: convolutions and doublings, nothing normalised",
    figures=(Figure("FID on CIFAR-10, the paper's of 20 million weights", "1.96", "the paper, table 5"),),
    notes=_NOTES,
)
def r3gan(input: Shape = (32, 32, 3), latent: int = 64, width: float = 1.0) -> Network:
    """A generator after R3GAN: a vector of `latent` numbers to a picture of the shape `input`."""
    rows, columns, number = first_map(input)
    first, *others = _filters(number + 1, width)[::-1]
    return Network(
        (latent,),
        Chain(
            Dense(rows * columns * first),
            Reshape((rows, columns, first)),
            LeakyReLU(SLOPE),
            _bent(Conv2D(first, 3, padding="same")),
            *(Chain(UpSampling2D(2), _bent(Conv2D(filters, 3, padding="same"))) for filters in others),
            Conv2D(input[2], 3, padding="same"),
            *cropped(input),
            Activation("tanh"),
        ),
        name="r3gan",
    )


@network(
    paper=HUANG_2024,
    summary="what judges R3GAN's pictures: strided convolutions, nothing normalised",
    notes=_NOTES,
)
def r3gan_critic(input: Shape = (32, 32, 3), width: float = 1.0) -> Network:
    """A discriminator after R3GAN: a picture of the shape `input` to one number."""
    filters = _filters(first_map(input)[2] + 1, width)[1:]
    return Network(
        input,
        Chain(
            *(_bent(Conv2D(each, 4, strides=2, padding="same")) for each in filters),
            _bent(Conv2D(filters[-1], 3, padding="same")),
            Flatten(),
            Dense(1),
        ),
        name="r3gan_critic",
    )


def _filters(number: int, width: float) -> list[int]:
    return [scaled(min(MOST, LAST * 2**level), width) for level in range(number)]


def _bent(convolution: Conv2D) -> Chain:
    return Chain(convolution, LeakyReLU(SLOPE))
