"""LeNet-5 (LeCun et al. 1998): as it is taught today, and as the paper has it."""

from __future__ import annotations

from hubel.arch import (
    Activation,
    AveragePooling2D,
    Chain,
    Concat,
    Conv2D,
    Dense,
    Flatten,
    Network,
    Padding,
    RadialBasis,
    Scale,
    SelectChannels,
    Shape,
)
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Figure, Paper, network

LECUN_1998 = Paper(
    "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner",
    "Gradient-based learning applied to document recognition",
    1998,
    "Proceedings of the IEEE 86(11)",
)
TEST_ERROR = Figure("test error on MNIST", "0.95 %", "the paper, section III-B")
TEST_ERROR_DISTORTED = Figure("test error on MNIST, trained with distortions too", "0.8 %", "the paper, section III-B")

# Table I of the paper: which maps of S2 each of the 16 maps of C3 looks at.
THREES = ((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5))
FOURS = (
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
)


@network(
    paper=LECUN_1998,
    summary="convolution and pooling, twice, then dense layers: the network that read cheques",
    figures=(TEST_ERROR, TEST_ERROR_DISTORTED),
    notes=(
        "Every map of the second convolution sees all six before it, pooling has no weights and the output is a "
        "softmax: 61,706 parameters. The paper's own network, with 60,000, is lenet5_1998.",
        "MNIST's 28×28 images are padded by two, which gives the paper's 32×32; with padding=\"valid\" the input "
        "should be 32×32 itself.",
    ),
)
def lenet5(classes: int = 10, input: Shape = (28, 28, 1), width: float = 1.0, padding: Padding = "same") -> Network:
    """LeNet-5 as it is taught today; `padding` is that of the first convolution."""
    body = Chain(
        Conv2D(scaled(6, width), 5, padding=padding, activation="tanh"),
        AveragePooling2D(2),
        Conv2D(scaled(16, width), 5, activation="tanh"),
        AveragePooling2D(2),
        Flatten(),
        Dense(scaled(120, width), activation="tanh"),
        Dense(scaled(84, width), activation="tanh"),
        Dense(classes, activation="softmax"),
    )
    return Network(input, body, name="lenet5")


@network(
    paper=LECUN_1998,
    summary="the 1998 network to the letter: C3's connection table, trainable pooling, radial basis output",
    figures=(
        Figure("trainable parameters", "60,000", "the paper, section II-B: 156 + 12 + 1,516 + 32 + 48,120 + 10,164"),
        Figure("connections", "340,908", "the paper, section II-B"),
        TEST_ERROR,
        TEST_ERROR_DISTORTED,
    ),
    notes=(
        "The paper squashes with 1.7159·tanh(2x/3); this tree has the plain tanh.",
        "The paper's pooling adds four values and multiplies by a trained coefficient; here they are averaged first, "
        "which only divides that coefficient by four.",
        "The 10·84 = 840 parameters of the output are fixed: each class is a 7×12 picture of its character, and its "
        "output is minus half the squared distance to it, so that the nearest wins.",
        "The table of C3 is written as grouped convolutions over selected maps: six maps see three, nine see four, one "
        "sees all six.",
    ),
)
def lenet5_1998(classes: int = 10, input: Shape = (32, 32, 1)) -> Network:
    """LeNet-5 as section II-B of the paper describes it, layer names included."""
    body = Chain(
        Conv2D(6, 5, activation="tanh", name="c1"),
        _trainable_pooling("s2"),
        Concat(_looking_at(THREES, "threes"), _looking_at(FOURS, "fours"), Chain(Conv2D(1, 5), name="all"), name="c3"),
        Activation("tanh"),
        _trainable_pooling("s4"),
        Conv2D(120, 5, activation="tanh", name="c5"),
        Flatten(),
        Dense(84, activation="tanh", name="f6"),
        RadialBasis(classes, name="output"),
    )
    return Network(input, body, name="lenet5_1998")


def _trainable_pooling(name: str) -> Chain:
    return Chain(AveragePooling2D(2), Scale(), Activation("tanh"), name=name)


def _looking_at(sources: tuple[tuple[int, ...], ...], name: str) -> Chain:
    """One 5×5 map for each group of source maps: the groups laid side by side, and one convolution group for each."""
    selected = [channel for group in sources for channel in group]
    return Chain(SelectChannels(tuple(selected)), Conv2D(len(sources), 5, groups=len(sources)), name=name)
