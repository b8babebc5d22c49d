"""The networks on which every table over the operations is tried: random ones, equal in each run, and chosen ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import tests.conformance.own  # noqa: F401 (brings the word gated)
from hubel.arch import Network, parse
from tests.trees import networks, sequence_networks

DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
# settings that a small batch of random networks seldom has; all layers are in these texts together
CHOSEN = (
    "9x9x4: concat(conv 4 1x1 relu | conv 3 1x1 relu, conv 5 3x3 same relu | maxpool 3x3/1 same, conv 2 1x1 relu), "
    "dwconv 3x3/2 same, norm, relu6, conv 6 1x1, hardswish, se 4, globalavgpool, dense 4",
    "16x16x2: concat(identity | maxpool 2, conv 6 3x3 same relu, deconv 3 2x2/2), conv 4 3x3 same silu, "
    "upsample 2 interpolation=bilinear, maxpool 3x3/2 ceil_mode=true, "
    "avgpool 3x3/2 padding=1 ceil_mode=true count_padding=true, flatten, dense 7 tanh",
    "6x5x3: instancenorm, spatialdropout 0.2, conv 4 3x3 elu, selu, softplus, hard_sigmoid, "
    "product(identity | globalavgpool, dense 4 sigmoid | conv 1 1x1 sigmoid)",
    "8x8x6: shuffle 3, lrn, groupnorm 2, layernorm, gelu, local 3 3x3 relu, padchannels 1 2, scale, scale nobias, "
    "shift, adaptiveavgpool 3, leaky 0.2, flatten, rbf 4",
    "9: embed 5 4, conv1d 6 3 causal dilation_rate=2 relu, maxpool1d 2 strides=1, lstm 5 sequences, "
    "spatialdropout1d 0.2, gru 4 sequences, rnn 3 backwards relu, dense 2",
    "6x4: concat(globalmaxpool1d | globalavgpool1d | rnn 2), dense 3",
    "11x3: avgpool1d 3 strides=2 padding=1 count_padding=true, layernorm, gru 4 backwards, dense 3 softmax",
    "9x7x3: zeropad 2, crop 1, select 2 0 1 1, reshape 4x11x9, adaptivemaxpool 3x2, sigmoid, dropout, dense 3, "
    "globalmaxpool, softmax",
    "6x5x4: elu 0.5, prelu, celu 0.5, prelu shared=true, rescale 2 offset=-1, log_softmax, "
    "reflectpad 1/2x0/3, edgepad 1, wrappad 2/1x0/3, pixelshuffle 2, upsample 2x3 interpolation=bilinear aligned=true, "
    "pixelunshuffle 2, dense 3 log_softmax",
    "6x5x3: standardise, randomflip, randomrotation, randomzoom, randomtranslation, randomcontrast, randombrightness, "
    "noise 0.1, conv 3 3x3, dense 3 softmax",
    "8x8x4: sum(conv 6 3x3/2 groups=2 dilation=2 pad=2 nobias, norm, mish | maxpool 2, conv 6 1x1), "
    "deconv 6 3x3/2 same groups=2",
    "6x6x4: conv 4 3x3 same relu, gated, maxpool 2",
    "6x4x2: conv 3 3x3 tanh, flatten, caption 5 7 4",
    "4x4x1: flatten, dense 5, caption 4 6 3 cell=lstm",
    "7x9x2: resize 10x4, conv 3 3x3, resize 20x3 interpolation=nearest, clip x_min=-0.2 x_max=0.5, gelu_tanh, "
    "resize 3 aligned=true, clip x_max=0.4, dense 3 gelu_tanh",
    "5x6x4: grn, conv 3 3x3, grn epsilon=0.001, flatten, dense 3",
)


def drawn(count: int, kind: Callable[[], st.SearchStrategy[Network]]) -> list[Network]:
    """Draw that many random networks."""
    found: dict[str, Network] = {}

    @settings(max_examples=count, derandomize=not DEEP, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
    @given(kind())
    def collect(network: Network) -> None:
        found.setdefault(str(network), network)

    collect()
    return list(found.values())


@cache
def all_networks() -> tuple[Network, ...]:
    """All of them; with the profile "deep" forty times as many random ones."""
    times = 40 if DEEP else 1
    return (*map(parse, CHOSEN), *drawn(60 * times, networks), *drawn(30 * times, sequence_networks))
