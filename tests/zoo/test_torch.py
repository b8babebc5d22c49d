"""In PyTorch a network of the zoo has as many parameters as the arithmetic says."""

from __future__ import annotations

import pytest
import torch

from hubel import zoo
from hubel.arch import Chain, Network, analyse
from hubel.nn import build


@pytest.mark.parametrize("name", zoo.names())
def test_parameters_in_torch(name):
    network = zoo.get(name)
    report = analyse(network)
    with torch.device("meta"):
        module = build(network)
    trainable = sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
    assert trainable == report.trainable


@pytest.mark.parametrize("name", ["lenet5_1998", "googlenet", "resnet20", "squeezenet1_1", "mobilenet_v2", "unet_2015"])
def test_output_shape_in_torch(name):
    """On the meta device, where nothing is computed."""
    network = zoo.get(name)
    height, width, channels = network.input
    with torch.device("meta"):
        module = build(network).eval()
        output = module(torch.empty(1, channels, height, width))
    *places, features = analyse(network).output_shape
    assert tuple(output.shape) == (1, features, *places)


# Table I of LeCun et al. 1998: a cross where a map of C3 (column) looks at a map of S2 (row).
TABLE_I = """
x . . . x x x . . x x x x . x x
x x . . . x x x . . x x x x . x
x x x . . . x x x . . x . x x x
. x x x . . x x x x . . x . x x
. . x x x . . x x x x . x x . x
. . . x x x . . x x x x . x x x
"""


def test_c3_looks_where_table_i_has_a_cross():
    (c3,) = [node for node in zoo.get("lenet5_1998").body.nodes if node.name == "c3"]
    torch.manual_seed(0)
    module = build(Network((5, 5, 6), Chain(c3)))
    with torch.inference_mode():
        silent = module(torch.zeros(1, 6, 5, 5))
        alone = module(torch.eye(6)[:, :, None, None].expand(6, 6, 5, 5))
    looks = (alone - silent).abs()[:, :, 0, 0] > 1e-6
    crosses = [[mark == "x" for mark in line.split()] for line in TABLE_I.split("\n") if line]
    assert looks.tolist() == crosses
