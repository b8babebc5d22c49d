"""Networks that play: pictures to the worth of each action (Mnih et al. 2015), and what became of them."""

from __future__ import annotations

from collections.abc import Sequence

from hubel.arch import Activation, Chain, Conv2D, Dense, Flatten, LayerNormalization, Network, Shape
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

MNIH_2015 = Paper(
    "V. Mnih, K. Kavukcuoglu, D. Silver, A. Rusu, J. Veness, M. Bellemare, A. Graves, M. Riedmiller, A. Fidjeland, "
    "G. Ostrovski, S. Petersen, C. Beattie, A. Sadik, I. Antonoglou, H. King, D. Kumaran, D. Wierstra, S. Legg, "
    "D. Hassabis",
    "Human-level control through deep reinforcement learning",
    2015,
    "Nature 518",
)
YOUNG_2019 = Paper(
    "K. Young, T. Tian",
    "MinAtar: an Atari-inspired testbed for thorough and reproducible reinforcement learning experiments",
    2019,
    "arXiv:1903.03176",
)
GALLICI_2024 = Paper(
    "M. Gallici, M. Fellows, B. Ellis, B. Pou, I. Masmitja, J. Foerster, M. Martin",
    "Simplifying deep temporal difference learning",
    2024,
    "ICLR 2025, arXiv:2407.04811",
)

_LARGE = ((32, 8, 4), (64, 4, 2), (64, 3, 1))  # filters, side and stride of convolutions over 84×84 pixels
_SMALL = ((16, 3, 1),)  # over 10×10 cells
_LEARNS = "hubel train {} GAME trains it by what its layers say: "
_REPLAY = "none is normalised, so by replay and a target network, as the paper does."
_TRACES = "all are normalised, so without replay or a target network, by λ-returns of many games side by side."


@network(
    paper=MNIH_2015,
    summary="deep Q-learning's: the last four pictures of an Atari game to what each action is worth",
    figures=(
        Figure("score in Pong", "18.9", "the paper, extended data table 2: 50 million frames, episodes of 5 minutes"),
        Figure("score in Breakout", "401.2", "the paper, extended data table 2"),
    ),
    notes=(_LEARNS.format("dqn") + _REPLAY,),
)
def dqn(classes: int = 6, input: Shape = (84, 84, 4), width: float = 1.0) -> Network:
    """The network of the paper's methods; `classes` are the actions."""
    return _playing("dqn", classes, input, width, _LARGE, 512, False)


@network(
    paper=GALLICI_2024,
    summary="DQN's with its layers normalised, which learns without replay",
    notes=(_LEARNS.format("pqn") + _TRACES,),
)
def pqn(classes: int = 6, input: Shape = (84, 84, 4), width: float = 1.0) -> Network:
    """DQN's layers, each followed by layer normalisation."""
    return _playing("pqn", classes, input, width, _LARGE, 512, True)


@network(
    paper=YOUNG_2019,
    summary="one convolution and one dense layer over the 10×10 cells of a small game",
    notes=(_LEARNS.format("minatar") + _REPLAY,),
)
def minatar(classes: int = 3, input: Shape = (10, 10, 4), width: float = 1.0) -> Network:
    """The network of the paper's section 3; `classes` are the actions."""
    return _playing("minatar", classes, input, width, _SMALL, 128, False)


@network(
    paper=GALLICI_2024,
    summary="MinAtar's with its layers normalised, which learns without replay",
    notes=(_LEARNS.format("minatar_pqn") + _TRACES,),
)
def minatar_pqn(classes: int = 3, input: Shape = (10, 10, 4), width: float = 1.0) -> Network:
    """MinAtar's layers, each followed by layer normalisation."""
    return _playing("minatar_pqn", classes, input, width, _SMALL, 128, True)


def _playing(
    name: str,
    actions: int,
    input: Shape,
    width: float,
    convolutions: Sequence[tuple[int, int, int]],
    units: int,
    normalised: bool,
) -> Network:
    def bent(layer: Conv2D | Dense) -> Chain:
        return Chain(layer, LayerNormalization(), Activation("relu"))

    layers = [Conv2D(scaled(filters, width), side, strides=stride) for filters, side, stride in convolutions]
    hidden = Dense(scaled(units, width))
    if normalised:
        return Network(
            input, Chain(*(bent(each) for each in layers), Flatten(), bent(hidden), Dense(actions)), name=name
        )
    plain = [part for each in layers for part in (each, Activation("relu"))]
    return Network(input, Chain(*plain, Flatten(), hidden, Activation("relu"), Dense(actions)), name=name)
