"""Multiply-adds of a training step, forward and backward, on random networks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from torch.utils.flop_counter import FlopCounterMode

from hubel.arch import Chain, Identity, Layer, Network, analyse, parse
from hubel.nn import build
from tests.trees import networks, sample, sequence_networks
from tests.work import examples

BATCH = 2


@pytest.fixture(autouse=True)
def _plain_kernels() -> Iterator[None]:
    """Take PyTorch's plain kernels: oneDNN compiles one for every new shape, which is slow for tiny networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


def counted_rightly(network: Network) -> bool:
    """Leave out what the counter itself gets wrong: the weights' gradient of grouped and transposed convolutions.

    It multiplies as if every channel met every filter; with groups, each meets its group's only.
    """
    return not any(word in str(network) for word in ("groups=", "dwconv", "deconv", "softmax)"))


def step_macs(network: Network) -> int:
    module = build(network).train()
    with FlopCounterMode(display=False) as counter:
        output, exits = module.logits_with_auxiliary(sample(network, BATCH))
        wanted = [found.sum() for found in (output, *exits) if found.requires_grad]
        if wanted:
            torch.stack(wanted).sum().backward()
    flops: int = counter.get_total_flops()
    return flops // (2 * BATCH)


@settings(max_examples=examples(80))
@given(networks().filter(counted_rightly))
def test_training_macs_are_those_of_a_step(network: Network) -> None:
    network = Network(network.input, Chain(*network.body.nodes, Identity()))
    assert analyse(network).training_macs == step_macs(network)


@settings(max_examples=examples(50))
@given(sequence_networks().filter(counted_rightly))
def test_training_macs_of_sequences_are_those_of_a_step(network: Network) -> None:
    network = Network(network.input, Chain(*network.body.nodes, Identity()))
    assert analyse(network).training_macs == step_macs(network)


@pytest.mark.parametrize(
    ("text", "forward", "training"),
    [
        ("8x8x4: conv 6 3x3 groups=2", 6 * 6 * 6 * 9 * 2, 2),
        ("8x8x4: scale, conv 6 3x3 groups=2", 6 * 6 * 6 * 9 * 2, 3),
        ("8x8x4: dwconv 3x3", 6 * 6 * 4 * 9, 2),
        ("8x8x4: norm, dwconv 3x3", 6 * 6 * 4 * 9, 3),
        ("8x8x4: deconv 5 2x2/2", 8 * 8 * 4 * 4 * 5, 2),
        ("8x8x4: scale, deconv 5 2x2/2", 8 * 8 * 4 * 4 * 5, 3),
        ("8x8x4: norm center=false scale=false, dense 5", 8 * 8 * 4 * 5, 2),
    ],
)
def test_each_gradient_costs_as_much_as_the_forward_pass(text: str, forward: int, training: int) -> None:
    """By hand: one product for the output, one for the weights' gradient, one for the input's where it is wanted."""
    last = analyse(parse(text)).rows[-1]
    assert isinstance(last.node, Layer)
    assert (last.cost.macs, last.training_macs) == (forward, training * forward)
