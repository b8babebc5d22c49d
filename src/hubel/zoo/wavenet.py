"""WaveNet (van den Oord et al. 2016): speech sample by sample, by dilated causal convolutions."""

from __future__ import annotations

from hubel.arch import Activation, Chain, Conv1D, Identity, Network, Product, Shape, Sum
from hubel.base.errors import NetworkError
from hubel.zoo._blocks import scaled
from hubel.zoo._registry import Paper, network


@network(
    paper=Paper(
        "A. van den Oord, S. Dieleman, H. Zen, K. Simonyan, O. Vinyals, A. Graves, N. Kalchbrenner, A. Senior, "
        "K. Kavukcuoglu",
        "WaveNet: a generative model for raw audio",
        2016,
        "arXiv:1609.03499",
    ),
    summary="speech sample by sample, by dilated causal convolutions with gates",
    notes=(
        "What is told (which word, who speaks) stands beside each sample in the input, where the paper adds it in each "
        "gate: along the shortcuts it reaches every block.",
        "The paper's blocks also add to a sum of their own before the last layers; here the last layers take the end "
        "of the shortcuts, which the same sums have made.",
        "The sample before comes as a number, companded as its code is, not as one of 256 columns.",
    ),
)
def wavenet(input: Shape = (4096, 17), depth: int = 10, width: float = 1.0, classes: int = 256) -> Network:
    """WaveNet for steps×(1 + words): `depth` blocks whose dilation doubles from 1 on, which see 2^depth samples."""
    steps, *_, columns = input
    filters = scaled(32, width)
    if not 1 <= depth <= 16:
        raise NetworkError(f"expected a depth from 1 to 16, since dilation doubles in each block, received {depth}")
    return Network(
        (steps, columns),
        Chain(
            Conv1D(filters, 2, padding="causal"),
            *(_block(filters, 2**level) for level in range(depth)),
            Activation("relu"),
            Conv1D(4 * filters, 1),
            Activation("relu"),
            Conv1D(classes, 1),
        ),
        name="wavenet",
    )


def _block(filters: int, dilation: int) -> Sum:
    def half(function: str) -> Chain:
        return Chain(Conv1D(filters, 2, padding="causal", dilation_rate=dilation), Activation(function))

    return Sum(Chain(Product(half("tanh"), half("sigmoid")), Conv1D(filters, 1)), Identity())
