"""In PyTorch a network of the zoo has as many parameters as the arithmetic says."""

from __future__ import annotations

import pytest
import torch

from hubel import zoo
from hubel.arch import analyse
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
