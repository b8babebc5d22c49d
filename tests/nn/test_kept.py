"""The bytes that training holds for the backward pass are those that autograd saves."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pytest
import torch
from torch import Tensor

from hubel.arch import Chain, Identity, Network, analyse, parse
from hubel.nn import NetworkModule, build
from tests.trees import sample


@pytest.fixture(autouse=True)
def _plain_kernels() -> Iterator[None]:
    """Take PyTorch's plain kernels: oneDNN compiles one for every new shape, which is slow for tiny networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


def saved_bytes(module: NetworkModule, input: Tensor) -> int:
    """Run a module as in training and count what autograd saves: each storage once, parameters and buffers apart."""
    own = {tensor.untyped_storage().data_ptr() for tensor in chain(module.parameters(), module.buffers())}
    held: dict[int, int] = {}
    alive: list[Tensor] = []  # a storage that is freed would have its place taken by another

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output, exits = module.logits_with_auxiliary(input)
    assert output.requires_grad == any(p.requires_grad for p in module.parameters()) or exits
    return sum(held.values())


def one_image(network: Network) -> int:
    """Bytes saved for one image, worked out from batches of two and three: batch statistics refuse a batch of one."""
    module = build(network).train()
    two, three = (saved_bytes(module, sample(network, batch)) for batch in (2, 3))
    return two - (three - two)


def followed(network: Network) -> Network:
    """Put a layer that does nothing at the end, so that a closing softmax is run too: the logits leave it out."""
    return Network(network.input, Chain(*network.body.nodes, Identity()))


def plain(network: Network) -> bool:
    """Leave out what no rule of one layer can tell.

    A side exit's closing softmax does not run. A locally connected layer, layer normalisation of a picture, and layers
    that run along steps give tensors whose numbers lie in another order in memory: PyTorch copies those where a later
    layer wants them in order.
    """
    text = str(network)
    return not any(
        word in text for word in ("softmax)", "local", "layernorm", "rnn", "lstm", "gru", "embed", "caption")
    )


CASES = (
    "conv 4 3x3",
    "conv 4 2x2 same",
    "conv 4 3x3 groups=2 tanh",
    "dwconv 3x3",
    "dwconv 2x2 same",
    "local 3 3x3",
    "local 3 3x3 same",
    "local 2 2x2/3",
    "deconv 3 3x3/2 same",
    "dense 5 relu",
    "maxpool 2",
    "maxpool 2 same",
    "avgpool 2",
    "avgpool 2 same",
    "avgpool 2 same count_padding=true",
    "globalavgpool",
    "globalmaxpool",
    "adaptiveavgpool 3",
    "adaptiveavgpool 1",
    "adaptivemaxpool 3",
    "flatten, dense 5",
    "zeropad 1",
    "zeropad 0",
    "crop 1",
    "upsample 2",
    "upsample 2 interpolation=bilinear",
    "upsample 1",
    "norm",
    "norm center=false scale=false",
    "layernorm",
    "layernorm center=false",
    "groupnorm 2",
    "groupnorm 2 center=false scale=false",
    "lrn",
    "lrn size=1",
    "grn",
    "dropout 0.5",
    "spatialdropout 0.5",
    "instancenorm",
    "dropout 0",
    "relu",
    "tanh",
    "sigmoid",
    "softmax",
    "gelu",
    "silu",
    "relu6",
    "hardswish",
    "elu",
    "selu",
    "softplus",
    "hard_sigmoid",
    "linear",
    "leaky",
    "elu 0.5",
    "celu 0.5",
    "rescale 2 offset=1",
    "prelu",
    "prelu shared=true",
    "log_softmax",
    "reflectpad 1",
    "edgepad 1/2x0/1",
    "wrappad 1/2x0/1",
    "conv 8 1x1, pixelshuffle 2",
    "pixelunshuffle 1",
    "upsample 2 interpolation=bilinear aligned=true",
    "scale",
    "scale nobias",
    "shuffle 2",
    "se 2",
    "select 0 2 2",
    "padchannels 1 0",
    "padchannels 0 0",
    "globalavgpool, norm",
    "globalavgpool, layernorm",
    "globalavgpool, rbf 3",
    "relu, relu",
    "relu, shuffle 2, conv 2 3x3",
    "relu, flatten, dense 5",
    "relu, dropout 0, conv 2 3x3",
    "sum(conv 6 3x3 same | identity), relu",
    "concat(relu | tanh), conv 2 1x1",
    "sum(flatten, dense 3 | flatten, dense 3)",
)


@pytest.mark.parametrize("layers", CASES)
@pytest.mark.parametrize("before", ["", "relu, "])
@pytest.mark.parametrize("after", ["identity", "scale nobias"])
def test_each_layer_keeps_what_autograd_saves(before: str, layers: str, after: str) -> None:
    network = parse(f"7x9x4: conv 6 3x3 same, {before}{layers}, {after}")
    assert analyse(network).kept_bytes == one_image(network)


# without lstm: what oneDNN keeps for it comes in blocks, and is measured in tests/arch/figures/test_memory.py
SEQUENCE_CASES = (
    "conv1d 4 3",
    "conv1d 4 2 same",
    "conv1d 4 3 causal dilation=2",
    "conv1d 4 3 groups=2 tanh",
    "maxpool1d 2",
    "maxpool1d 2 same",
    "avgpool1d 2",
    "avgpool1d 2 same",
    "avgpool1d 2 same count_padding=true",
    "globalavgpool1d",
    "globalmaxpool1d",
    "rnn 4",
    "rnn 4 relu sequences",
    "gru 4",
    "gru 3 nobias sequences",
    "dense 3",
    "norm",
    "groupnorm 2",
    "layernorm",
    "dropout 0.5",
    "flatten, dense 3",
    "reshape 4x9",
    "select 0 2",
    "scale",
    "product(identity | globalavgpool1d, dense 4 sigmoid)",
    "product(gru 4 sequences | conv1d 4 3 causal | conv1d 1 1 sigmoid)",
    "sum(gru 4 sequences | identity)",
    "gru 4 sequences, gru 3 sequences, rnn 2",
    "gru 4 sequences, dropout 0.5, gru 3",
    "gru 4 sequences, flatten, dense 3",
)


@pytest.mark.parametrize("layers", SEQUENCE_CASES)
@pytest.mark.parametrize("before", ["9x4: conv1d 4 3 same", "9: embed 5 4"])
def test_each_layer_of_sequences_keeps_what_autograd_saves(before: str, layers: str) -> None:
    network = parse(f"{before}, {layers}, identity")
    assert analyse(network).kept_bytes == one_image(network)
