"""The two models a course on convolutional networks begins with: softmax regression and the multi-layer perceptron."""

from __future__ import annotations

from hubel.arch import Chain, Dense, Flatten, Network, Shape
from hubel.zoo._registry import Figure, Paper, network

BRIDLE_1990 = Paper(
    "J. S. Bridle",
    "Probabilistic interpretation of feedforward classification network outputs, with relationships to statistical "
    "pattern recognition",
    1990,
    "Neurocomputing: Algorithms, Architectures and Applications, Springer",
)
RUMELHART_1986 = Paper(
    "D. E. Rumelhart, G. E. Hinton, R. J. Williams",
    "Learning representations by back-propagating errors",
    1986,
    "Nature 323",
)
LECUN_1998 = "LeCun et al. 1998, Proceedings of the IEEE 86(11), figure 9"


@network(
    paper=BRIDLE_1990,
    summary="one dense layer from the pixels to the classes",
    figures=(Figure("test error on MNIST, one-layer network", "12.0 %", LECUN_1998),),
    notes=("A course's 7.6K counts the weights alone: 28·28·10 = 7,840; the ten biases make 7,850.",),
)
def softmax(classes: int = 10, input: Shape = (28, 28, 1)) -> Network:
    """Softmax regression: every pixel votes for every class."""
    return Network(input, Chain(Flatten(), Dense(classes, activation="softmax")), name="softmax")


@network(
    paper=RUMELHART_1986,
    summary="dense layers with a non-linearity between them",
    figures=(
        Figure("test error on MNIST, 300 hidden units", "4.7 %", LECUN_1998),
        Figure("test error on MNIST, 1,000 hidden units", "4.5 %", LECUN_1998),
    ),
    notes=(
        "Layers add their parameters, they do not multiply: 256×256 to 10 to 10 to 10 has 655,590, not 65 million.",
    ),
)
def mlp(
    classes: int = 10, input: Shape = (28, 28, 1), hidden: int | tuple[int, ...] = 100, activation: str = "relu"
) -> Network:
    """A multi-layer perceptron with the given hidden layer or layers."""
    sizes = (hidden,) if isinstance(hidden, int) else hidden
    layers = [Dense(units, activation=activation) for units in sizes]
    return Network(input, Chain(Flatten(), *layers, Dense(classes, activation="softmax")), name="mlp")
