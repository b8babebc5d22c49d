"""The network that tells made pictures from real ones, where none is named."""

from __future__ import annotations

from hubel import zoo
from hubel.arch import Activation, Chain, Conv2D, Dense, Flatten, LeakyReLU, Network, Shape

_LEAST = 4  # places of a side in the last map
_FIRST, _MOST = 32, 256  # filters


def critic_of(network: Network, picture: Shape) -> Network:
    """The zoo's critic of a generator of the zoo; else convolutions that halve the picture down to 4 to 7 places a
    side, with twice as many filters each time, and one number of them all.
    """
    name = f"{network.name}_critic"
    if zoo.meant(name) is not None:
        return zoo.get(name, input=picture)
    layers: list[Conv2D | LeakyReLU | Flatten | Dense | Activation] = []
    filters, side = _FIRST, min(picture[:2])
    while side > 2 * _LEAST - 1:
        layers += [Conv2D(filters, 4, strides=2, padding="same"), LeakyReLU(0.2)]
        filters, side = min(_MOST, 2 * filters), -(-side // 2)
    layers += [Conv2D(filters, 3, padding="same"), LeakyReLU(0.2), Flatten(), Dense(1)]
    return Network(picture, Chain(*layers), name="critic")
