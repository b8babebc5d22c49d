"""On random networks `inspect` finds, without numbers, the shapes, strides and costs of what PyTorch really does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn

from hubel.arch import Network, analyse
from hubel.nn import NetworkModule, build, inspect
from tests.trees import networks
from tests.work import examples

BATCH = 2  # PyTorch refuses batch statistics of one value


class WithExits(nn.Module):
    """A network and its side exits."""

    def __init__(self, network: NetworkModule) -> None:
        super().__init__()
        self.network = network

    def forward(self, input: Tensor) -> Any:
        return self.network.logits_with_auxiliary(input)


@pytest.fixture(autouse=True)
def _plain_kernels() -> Iterator[None]:
    """Take PyTorch's plain kernels: oneDNN compiles one for every new shape, which is slow for tiny networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


@settings(max_examples=examples(60))
@given(networks())
def test_inspect_equals_a_real_run(network: Network) -> None:
    model, expected = WithExits(build(network)), analyse(network)
    shapes: dict[str, tuple[int, ...]] = {}

    for path, part in model.named_modules():

        def note(_: object, __: object, output: Any, path: str = path) -> None:
            if isinstance(output, Tensor):
                shapes.setdefault(path, tuple(output.shape))

        part.register_forward_hook(note)
    report = inspect(model, network.input, batch=BATCH)
    shapes.clear()  # the hooks have run on shapes alone just now
    height_last = network.input if len(network.input) == 1 else (network.input[2], *network.input[:2])
    model(torch.randn(BATCH, *height_last))
    for row in report.rows:
        if row.calls and row.path:
            assert row.output_shape == shapes[row.path], row
    assert report.parameters == expected.parameters
    assert report.trainable == expected.trainable
    assert report.macs == BATCH * expected.macs
    assert report.training_macs == BATCH * expected.training_macs


def windows() -> Iterator[nn.Module]:
    for kernel, stride, padding in itertools.product((1, 2, 3), (1, 2, 3), (0, 1)):
        for dilation in (1, 2):
            yield nn.Conv2d(2, 2, kernel, stride, padding, dilation)
            yield nn.ConvTranspose2d(2, 2, kernel, stride, padding, stride - 1, dilation=dilation)
        if 2 * padding <= kernel:
            yield from (nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil) for ceil in (False, True))
            yield from (nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil) for ceil in (False, True))


@pytest.mark.parametrize("size", [5, 6, 7])
def test_sizes_of_windows_are_as_in_a_real_run(size: int) -> None:
    for module in windows():
        image = torch.zeros(1, 2, size, size + 1)
        assert inspect(module, example=image).output_shape == tuple(module(image).shape), module


@pytest.mark.parametrize("channels_last", [False, True])
def test_strides_are_as_in_a_real_run(channels_last: bool) -> None:
    """A `view` that works on real tensors works without numbers, and the other way round."""
    views = []

    class Views(nn.Module):
        def forward(self, input: Tensor) -> Tensor:
            found = input.permute(0, 2, 3, 1)
            found = nn.functional.gelu(found) * 2 + 1
            back = found.permute(0, 3, 1, 2).relu()
            mixed = torch.cat((back, back), 1)
            pooled = nn.functional.avg_pool2d(nn.functional.max_pool2d(mixed, 2), 1)
            all_of_them = (found, back, mixed, pooled, (input.mT - 1).sqrt(), (input + input[:, :1]).exp())
            views.extend(tensor.stride() for tensor in all_of_them)
            return pooled

    image = torch.rand(2, 4, 6, 8)
    if channels_last:
        image = image.to(memory_format=torch.channels_last)
    Views()(image)
    inspect(Views(), example=image)
    assert views[:6] == views[6:]
