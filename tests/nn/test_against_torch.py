"""Every figure of the arithmetic equals what PyTorch does, on random networks of all layers and combinators."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from hubel.arch import Layer, Network, analyse, parse, torch_order
from hubel.nn import NetworkModule, build
from tests.trees import networks, sample, sequence_networks
from tests.work import examples

BATCH = 2  # PyTorch refuses batch statistics of one value


def torch_shapes(module: NetworkModule, input: Tensor) -> dict[str, tuple[int, ...]]:
    """Run a module and note the shape of what each part gives, as height × width × channels."""
    found: dict[str, tuple[int, ...]] = {}
    handles = []
    for name, part in module.named_modules():

        def note(_: object, __: object, output: Tensor, name: str = name) -> None:
            _, channels, *places = output.shape
            found[name] = (*places, channels)

        handles.append(part.register_forward_hook(note))
    module.logits_with_auxiliary(input)
    for handle in handles:
        handle.remove()
    return found


@pytest.fixture(autouse=True)
def _plain_kernels() -> Iterator[None]:
    """Take PyTorch's plain kernels: oneDNN compiles one for every new shape, which is slow for tiny networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


@settings(max_examples=examples(500))
@given(networks())
def test_every_figure_equals_what_torch_does(network: Network) -> None:
    check(network)


@settings(max_examples=examples(125))
@given(sequence_networks())
def test_every_figure_of_sequences_equals_what_torch_does(network: Network) -> None:
    check(network)


def check(network: Network) -> None:
    report = analyse(network)
    module = build(network)
    input = sample(network, BATCH)

    shapes = torch_shapes(module, input)
    for row in report.rows:
        after = row.node.steps()[1:] if isinstance(row.node, Layer) else ()
        path = f"{row.path}_{after[0].function}" if after else row.path
        closing = path not in shapes  # a softmax at the very end is left out of the logits
        assert closing or shapes[path] == row.output_shape, row.path

    assert sum(p.numel() for p in module.parameters()) == report.parameters
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == report.trainable
    statistics = sum(b.numel() for name, b in module.named_buffers() if "running" in name)
    assert statistics == report.total("buffers")
    for row in report.rows:
        if row.is_layer:
            own = sum(p.numel() for p in module.get_submodule(row.path).parameters())
            assert own == row.cost.parameters, row.path

    with FlopCounterMode(display=False) as counter:
        output = module(input)
    exits = sum(row.cost.macs for row in report.rows if row.auxiliary)
    assert counter.get_total_flops() == BATCH * 2 * (report.macs - exits)
    assert tuple(output.shape[1:]) == torch_order(report.output_shape)

    assert parse(str(network)) == network
    assert str(parse(str(network))) == str(network)
    again = pickle.loads(pickle.dumps(network))
    assert again == network
    assert hash(again) == hash(network)
    for row in report.rows:
        for formula in row.formulas:
            counted = getattr(row.cost, formula.figure, None)
            assert counted is None or formula.result == counted or row.node.steps()[1:]


def both_ways(module: NetworkModule, images: torch.Tensor) -> list[tuple[torch.Tensor, ...]]:
    """Logits and gradients as the modules give them one after another, and as training has them."""
    found = []
    for way in (module.logits_with_auxiliary, module.training_logits):
        logits, _ = way(images.requires_grad_())
        found.append((logits, *torch.autograd.grad(logits.square().sum(), [images, *module.parameters()])))
    return found


@pytest.mark.parametrize("text", ["conv 9 5x5 relu, maxpool 2", "conv 6 5x5, norm, relu, maxpool 3/2 pad=1"])
def test_pooling_before_a_relu_changes_no_bit(text: str) -> None:
    network = parse(f"12x12x2: {text}, conv 9 3x3 relu, maxpool 2, flatten, dense 5 softmax")
    torch.manual_seed(0)
    module, images = build(network), torch.randn(8, 2, 12, 12)
    for one, other in zip(*both_ways(module, images), strict=True):
        assert torch.equal(one, other)
    seen: list[str] = []
    for name, child in module.named_children():
        child.register_forward_hook(lambda *_, name=name: seen.append(name))
    module.training_logits(images)
    assert seen.index("pool1") < seen.index("conv1_relu" if "norm" not in text else "relu1")


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(
    "text",
    [
        "12x12x2: conv 6 5x5 relu, maxpool 2",
        "13x11x1: conv 8 3x3 same relu, maxpool 2, conv 3 3x3 relu nobias, maxpool 2",
        "12x12x3: conv 4 5x3 pad=2 tanh, maxpool 2",
        "12x12x1: conv 4 4x4 pad=1, maxpool 2, relu",
    ],
)
def test_a_convolution_and_its_pooling_are_one_in_training(text: str, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    module = build(parse(f"{text}, flatten, dense 5 softmax")).to(memory_format=layout)  # type: ignore[call-overload]
    height, width, channels = module.network.input
    images = torch.randn(8, channels, height, width)
    called: list[nn.Module] = []
    for one, other in zip(*both_ways(module, images.contiguous(memory_format=layout)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    merges = "tanh" not in text
    with torch.nn.modules.module.register_module_forward_hook(lambda child, *_: called.append(child)):
        module.training_logits(images)
    assert any(isinstance(child, nn.MaxPool2d) for child in called) is not merges


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_the_first_of_equal_numbers_has_the_gradient(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    module = build(parse("12x12x1: conv 6 5x5 relu, maxpool 2, flatten, dense 5 softmax"))
    module = module.to(memory_format=layout)  # type: ignore[call-overload]
    with torch.no_grad():  # so that sums are exact, in whatever order
        for parameter in module.get_submodule("conv1").parameters():
            parameter.copy_((parameter * 64).round() / 64)
    for one, other in zip(*both_ways(module, torch.ones(4, 1, 12, 12)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_convolution_that_somebody_watches_stays_as_it_is() -> None:
    module = build(parse("12x12x2: conv 6 5x5 relu, maxpool 2, flatten, dense 5 softmax"))
    seen: list[tuple[int, ...]] = []
    module.get_submodule("conv1").register_forward_hook(lambda *call: seen.append(tuple(call[2].shape)))
    module.training_logits(torch.randn(3, 2, 12, 12))
    assert seen == [(3, 6, 8, 8)]
