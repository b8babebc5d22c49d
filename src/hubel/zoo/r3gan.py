"""R3GAN (Huang et al. 2024): a GAN without tricks, whose loss is enough to keep it steady."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    AveragePooling2D,
    Chain,
    Conv2D,
    Dense,
    Flatten,
    Identity,
    LeakyReLU,
    Network,
    Reshape,
    Shape,
    Sum,
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
    "Of the paper: residual blocks, bilinear resampling, leaky rectifiers, no normalisation; its loss is what hubel "
    "trains it with. Not of it: its grouped inverted bottlenecks, and its 20 million weights and more. This one is "
    "small, for a processor: one block a size, of one or two 3×3 convolutions, 12 filters at the picture's size, where "
    "there is no block, since half of the time would go there.",
)


@network(
    paper=HUANG_2024,
    summary="a small modern generator: residual blocks, bilinear doubling, nothing normalised",
    figures=(Figure("FID on CIFAR-10, the paper's of 20 million weights", "1.96", "the paper, table 5"),),
    notes=_NOTES,
)
def r3gan(input: Shape = (32, 32, 3), latent: int = 64, width: float = 1.0) -> Network:
    """R3GAN's generator: a vector of `latent` numbers to a picture of the shape `input`."""
    rows, columns, number = first_map(input)
    *others, last = _filters(number, width)[::-1]
    return Network(
        (latent,),
        Chain(
            Dense(rows * columns * others[0]),
            Reshape((rows, columns, others[0])),
            *(
                Chain(_block(filters), Conv2D(after, 1), UpSampling2D(2, interpolation="bilinear"))
                for filters, after in zip(others, [*others[1:], last], strict=True)
            ),
            Conv2D(last, 3, padding="same"),
            LeakyReLU(SLOPE),
            Conv2D(input[2], 3, padding="same"),
            *cropped(input),
            Activation("tanh"),
        ),
        name="r3gan",
    )


@network(
    paper=HUANG_2024,
    summary="what judges R3GAN's pictures: residual blocks, mean pooling, nothing normalised",
    notes=_NOTES,
)
def r3gan_critic(input: Shape = (32, 32, 3), width: float = 1.0) -> Network:
    """R3GAN's discriminator: a picture of the shape `input` to one number."""
    first, *others = _filters(first_map(input)[2], width)
    return Network(
        input,
        Chain(
            Conv2D(first, 4, strides=2, padding="same"),
            *(Chain(Conv2D(filters, 1), _block(filters), AveragePooling2D(2, padding="same")) for filters in others),
            LeakyReLU(SLOPE),
            Flatten(),
            Dense(1),
        ),
        name="r3gan_critic",
    )


def _filters(number: int, width: float) -> list[int]:
    return [scaled(min(MOST, LAST * 2**level), width) for level in range(number + 1)]


def _block(filters: int) -> Sum:
    around = [LeakyReLU(SLOPE), Conv2D(filters, 3, padding="same")]
    return Sum(Chain(*around, *around), Identity())
