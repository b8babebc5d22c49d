"""What training takes in memory, worked out beforehand, is what PyTorch allocates."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from hubel import zoo
from hubel.arch import Network, analyse, inference_memory, largest_batch, parse, training_memory
from hubel.nn import NetworkModule, build


class Checkpointed(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = checkpoint(self.inner, input, use_reentrant=False)
        return found


def on_one_thread(module, given, precision):
    """The peak in a precision; each thread more has room of its own."""
    if precision == "bfloat16":
        module, given = module.bfloat16(), given.bfloat16()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = peak(module, given, autocast=precision == "autocast")
    torch.set_num_threads(threads)
    return found


def peak(module: NetworkModule, images: torch.Tensor, momentum: bool = True, autocast: bool = False) -> int:
    """Bytes at the peak of one step, as PyTorch's profiler sees them, with all that is there before."""
    module.train()
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3, momentum=0.9 if momentum else 0.0)
    momenta = [torch.zeros_like(parameter) for parameter in module.parameters()] if momentum else []
    for parameter, value in zip(module.parameters(), momenta, strict=False):
        optimizer.state[parameter]["momentum_buffer"] = value
    optimizer.zero_grad()
    labels = torch.zeros(len(images), dtype=torch.long)
    there = sum(t.untyped_storage().nbytes() for t in (*module.parameters(), *module.buffers(), *momenta, images))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss = nn.functional.cross_entropy(module.logits(images), labels)
            loss.backward()
            optimizer.step()
    events = [event for event in profile.profiler.kineto_results.events() if event.name() == "[memory]"]  # type: ignore[union-attr]
    now = highest = 0
    for event in sorted(events, key=lambda one: one.start_ns()):
        now += event.nbytes()
        highest = max(highest, now)
    return there + highest


def pictures(network: Network, batch: int) -> torch.Tensor:
    height, width, channels = network.input
    return torch.randn(batch, channels, height, width)


@pytest.mark.parametrize(
    ("name", "batch", "megabytes"),
    [
        ("alexnet_owt", 8, 757),
        ("vgg16", 2, 1800),
        ("resnet152", 2, 906),
        ("mobilenet_v2", 16, 1293),
        ("densenet121", 4, 592),
    ],
)
def test_large_networks_as_the_profiler_measured_them(name: str, batch: int, megabytes: int):
    assert training_memory(zoo.get(name), batch).total / 1e6 == pytest.approx(megabytes, rel=0.02)


HERE: Literal["avx512", "avx2"] = "avx512" if torch.backends.cpu.get_cpu_capability().startswith("AVX512") else "avx2"
NETWORKS = {
    "plain": "32x32x3: conv 16 3x3 same relu, maxpool 2, conv 32 3x3 same relu, maxpool 2, flatten, dense 256 relu,"
    " dense 10",
    "residual": "32x32x3: conv 16 3x3 same, 4 * (sum(conv 16 3x3 same, norm, relu, conv 16 3x3 same, norm | identity),"
    " relu), globalavgpool, dense 10",
    "dense": "32x32x3: conv 16 3x3 same, 3 * concat(norm, relu, conv 16 3x3 same | identity), globalavgpool, dense 10",
    "local": "16x16x3: conv 16 3x3 same relu, local 8 3x3 relu, globalavgpool, dense 10",
    "weights": "8x8x3: flatten, dense 2000 relu, dense 2000 relu, dropout 0.5, dense 10 softmax",
}


@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
def test_the_peak_is_what_pytorch_allocates(text: str):
    network = parse(text)
    module = build(network)
    said = training_memory(network, 16, processor=HERE).total
    assert said == pytest.approx(peak(module, pictures(network, 16)), rel=0.06)
    bare = training_memory(network, 16, optimizer="sgd", processor=HERE).total
    assert bare == pytest.approx(peak(module, pictures(network, 16), momentum=False), rel=0.06)


@pytest.mark.parametrize("text", NETWORKS.values(), ids=NETWORKS)
def test_under_autocast_the_batch_and_weights_have_copies(text: str):
    network = parse(text)
    said = training_memory(network, 16, precision="autocast", processor=HERE)
    assert said.total == pytest.approx(peak(build(network), pictures(network, 16), autocast=True), rel=0.06)
    assert said.input == training_memory(network, 16).input


@pytest.mark.parametrize("precision", ["float32", "autocast"])
@pytest.mark.parametrize(
    "text",
    [
        "32x8: lstm 64 sequences, lstm 64, dense 10",
        "32x8: gru 64, dense 10",
        "32x8: rnn 64, dense 10",
        "64x8: conv1d 32 3 same relu, conv1d 32 3 same relu, globalavgpool1d, dense 10",
        "16x16x1: local 3 3x3 relu, local 4 3x3 relu, local 5 3x3 relu, flatten, dense 4",
        "16x16x3: conv 32 3x3 same relu, lrn, maxpool 2, conv 32 3x3 same, lrn, globalavgpool, dense 10",
        "16x16x3: conv 32 3x3 same, conv 32 3x3 same groups=4 relu, conv 32 3x3 groups=8, globalavgpool, dense 10",
        "16x16x3: conv 32 3x3 same, norm, relu6, dwconv 3x3 same, relu6, conv 64 1x1, relu6, globalavgpool, dense 10",
    ],
)
def test_layers_of_each_kind(text: str, precision: Literal["float32", "autocast"]):
    network = parse(text)
    *places, channels = network.input
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # oneDNN's scratch room grows with their number
    found = peak(build(network), torch.randn(16, channels, *places), autocast=precision == "autocast")
    torch.set_num_threads(threads)
    said = training_memory(network, 16, precision=precision, processor=HERE).total
    assert said == pytest.approx(found, rel=0.1)


@pytest.mark.parametrize(
    "text",
    [
        "32x32x3: conv 16 3x3/2 pad=1, norm, relu, conv 32 3x3/2 pad=1, norm, relu, globalavgpool, dense 10",
        "32x32x3: conv 32 3x3 pad=1, relu, conv 32 1x1/2, relu, globalavgpool, dense 10",
        "32x32x3: conv 16 3x3 pad=1, relu, conv 128 5x5/2 pad=2, relu, globalavgpool, dense 10",
        "28x28x1: conv 16 4x4/2, relu, conv 32 4x4/2, relu, flatten, dense 10",
        "32x32x16: dwconv 3x3/2 pad=1, norm, relu, conv 32 1x1, relu, dwconv 3x3/2 pad=1, globalavgpool, dense 10",
        "32x32x3: conv 32 1x1, relu, dwconv 3x3/2 pad=1, relu, globalavgpool, dense 10",
        "32x32x3: conv 32 1x1, conv 32 3x3 pad=1 groups=32, relu, dwconv 5x5 pad=2, relu, globalavgpool, dense 10",
    ],
)
def test_where_windows_skip_places_the_gradient_of_the_input_has_copies(text: str):
    network = parse(text)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = peak(build(network), pictures(network, 16))
    torch.set_num_threads(threads)
    assert training_memory(network, 16, processor=HERE).total == pytest.approx(found, rel=0.03)


@pytest.mark.skipif(HERE != "avx512", reason="what a processor with AVX-512 copies")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "text",
    [
        "28x28x3: scale, conv 6 3x3 same, globalavgpool, dense 10",
        "28x28x8: conv 8 5x5 same, globalavgpool, dense 10",
        "28x28x4: scale, conv 8 3x3 same, globalavgpool, dense 10",
        "28x28x12: conv 20 3x3 same, globalavgpool, dense 10",
        "28x28x20: scale, conv 12 3x3 same, globalavgpool, dense 10",
        "32x32x24: scale, dwconv 3x3, globalavgpool, dense 10",
        "32x32x32: scale, dwconv 5x5, globalavgpool, dense 10",
        "32x32x3: conv 32 1x1, relu, conv 12 1x1, globalavgpool, dense 10",
        "28x28x1: conv 6 5x5 same tanh, avgpool 2, conv 16 5x5 tanh, avgpool 2, flatten, dense 120 tanh, dense 10",
    ],
)
def test_with_avx512_few_channels_have_blocks_of_their_own(text: str, precision: Any) -> None:
    if precision == "bfloat16" and not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("products of 16 bits are others there")
    network = parse(text)
    module, given = build(network), pictures(network, 16)
    if precision == "bfloat16":
        module, given = module.bfloat16(), given.bfloat16()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = peak(module, given)
    torch.set_num_threads(threads)
    said = training_memory(network, 16, precision=precision, processor="avx512").total
    assert said == pytest.approx(found, rel=0.03 if precision == "float32" else 0.08)


@pytest.mark.skipif(HERE != "avx512", reason="what a processor with AVX-512 copies")
@pytest.mark.parametrize("precision", ["float32", "autocast", "bfloat16"])
@pytest.mark.parametrize(
    "text",
    [
        "20x20x5: local 7 5x5/2, flatten, dense 10",
        "12x12x8: local 40 3x3, globalavgpool, dense 10",
        "14x14x3: scale, local 16 3x3 same relu, local 8 2x2/2, flatten, dense 10",
        "24x24x4: conv 12 3x3 same, norm, relu, local 4 5x5 nobias, globalavgpool, dense 10",
        "12x12x10: deconv 30 3x3/3, globalavgpool, dense 10",
        "7x7x64: conv 48 1x1, norm, relu, deconv 20 2x2/2, norm, relu, deconv 10 4x4/2 pad=1, globalavgpool, dense 10",
        "12x12x9: scale, deconv 18 5x5/2, relu, globalavgpool, dense 10",
        "16x16x24: scale, deconv 24 3x3 pad=1, globalavgpool, dense 10",
        "12x12x16: scale, deconv 32 2x2/2 groups=2, globalavgpool, dense 10",
        "14x14x40: scale, conv 40 5x5 same groups=5, relu, globalavgpool, dense 10",
        "20x20x30: scale, conv 60 3x3/2 groups=3, norm, relu, conv 60 3x3 same groups=3, globalavgpool, dense 10",
        "18x18x14: scale, conv 14 3x3/2 groups=2, globalavgpool, dense 10",
        "14x14x7: conv 14 3x3 same groups=7, relu, globalavgpool, dense 10",
        "20x20x20: scale, dwconv 5x5/2, relu, globalavgpool, dense 10",
    ],
)
def test_with_avx512_local_transposed_and_grouped_layers(text: str, precision: Any) -> None:
    if precision != "float32" and not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("products of 16 bits are others there")
    network = parse(text)
    module, given = build(network), pictures(network, 16)
    found = on_one_thread(module, given, precision)
    said = training_memory(network, 16, precision=precision, processor="avx512").total
    assert said == pytest.approx(found, rel=0.08)


@pytest.mark.skipif(HERE != "avx2", reason="what a processor with AVX2 alone copies and writes out")
@pytest.mark.parametrize("precision", ["float32", "autocast", "bfloat16"])
@pytest.mark.parametrize(
    "text",
    [
        "32x32x3: conv 8 3x3 pad=1, relu, conv 24 3x3 pad=1, relu, globalavgpool, dense 10",
        "32x32x5: conv 5 3x3 pad=1, relu, conv 5 3x3 pad=1, relu, globalavgpool, dense 10",
        "28x28x1: conv 8 4x4/2, relu, conv 24 4x4/2, relu, flatten, dense 10",
        "32x32x3: conv 24 3x3 relu, conv 24 3x3 groups=3 relu, conv 24 3x3 groups=2, globalavgpool, dense 10",
        "32x32x3: conv 8 3x3 pad=1, relu, deconv 8 2x2/2, relu, conv 3 3x3 pad=1, globalavgpool, dense 10",
        "32x32x16: conv 16 3x3 pad=2 dilation=2, relu, deconv 16 4x4/2 pad=1, relu, globalavgpool, dense 10",
        "32x32x8: conv 40 1x1, norm, relu, dwconv 3x3/2 pad=1, norm, relu, conv 24 1x1, norm, globalavgpool, dense 10",
        "64x8: conv1d 24 3 same relu, conv1d 24 3 same relu, globalavgpool1d, dense 10",
        "32x8: lstm 64 sequences, lstm 64, dense 10",
    ],
)
def test_with_avx2_alone_blocks_are_of_8_and_windows_of_16_bits_are_written_out(text: str, precision: Any) -> None:
    network = parse(text)
    *places, channels = network.input
    module, given = build(network), torch.randn(16, channels, *places)
    found = on_one_thread(module, given, precision)
    said = training_memory(network, 16, precision=precision, processor="avx2").total
    assert said == pytest.approx(found, rel=0.05)


def test_a_convolution_copies_its_slice_of_a_gradient():
    network = parse(NETWORKS["dense"])
    found = peak(build(network), pictures(network, 16))  # oneDNN's scratch room grows with the number of threads
    assert training_memory(network, 16, processor=HERE).total == pytest.approx(found, rel=0.03)


def test_a_part_that_is_computed_twice_is_not_kept():
    block = "sum(conv 16 3x3 same, norm, relu, conv 16 3x3 same, norm | identity), relu"
    parts = ", ".join(f"{name}=({block}, {block})" for name in ("low", "high"))
    network = parse(f"32x32x3: conv 16 3x3 same, {parts}, globalavgpool, dense 10")
    said = training_memory(network, 32, checkpoint=("low", "high"), processor=HERE).total
    assert said < 0.7 * training_memory(network, 32, processor=HERE).total
    module = build(network)
    for name in ("low", "high"):
        setattr(module, name, Checkpointed(getattr(module, name)))
    assert said == pytest.approx(peak(module, pictures(network, 32)), rel=0.04)


def test_the_parts_add_up_and_their_formulas_give_them():
    memory = training_memory(zoo.get("lenet5"), 128)
    assert memory.weights == 4 * 61_706
    assert memory.optimizer == 4 * 61_706
    assert memory.input == 4 * 128 * 28 * 28
    assert memory.held == pytest.approx(128 * analyse(zoo.get("lenet5")).kept_bytes - memory.input, rel=0.02)
    assert {formula.figure: formula.result for formula in memory.formulas}["weights"] == memory.weights
    assert memory.total == sum(
        getattr(memory, part) for part in ("weights", "buffers", "optimizer", "input", "gradients", "kept", "passing")
    )


def test_precision_and_optimizer():
    network = zoo.get("resnet18")
    whole, half = (training_memory(network, 8, precision=precision) for precision in ("float32", "bfloat16"))
    assert half.weights * 2 == whole.weights
    assert half.total == pytest.approx(whole.total / 2, rel=0.1)
    mixed = training_memory(network, 8, precision="autocast")
    assert mixed.weights == whole.weights
    assert half.total < mixed.total < whole.total
    assert training_memory(network, 8, optimizer="adam").optimizer == 8 * 11_689_512


def test_prediction_takes_two_outputs_at_a_time():
    network = parse("8x8x4: conv 16 3x3 same, conv 8 3x3 same, flatten, dense 2")
    memory = inference_memory(network, 10)
    assert memory.passing == 4 * 10 * 8 * 8 * (16 + 8)
    assert (memory.kept, memory.gradients, memory.optimizer) == (0, 0, 0)


def test_the_largest_batch_fits_and_one_more_does_not():
    network, room = zoo.get("resnet18"), 2 * 2**30
    batch = largest_batch(network, room)
    assert training_memory(network, batch).total <= room < training_memory(network, batch + 1).total
    assert largest_batch(network, 10**6) == 0
    assert largest_batch(network, room, precision="autocast") > batch


def test_what_is_not_known_is_refused():
    network = zoo.get("lenet5")
    with pytest.raises(ValueError, match="expected precision as one of float32, autocast, bfloat16, received 'int8'"):
        training_memory(network, 1, precision="int8")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected processor as one of avx512, avx2, received 'sse'"):
        training_memory(network, 1, processor="sse")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="batch as an int ≥ 1"):
        training_memory(network, 0)
    with pytest.raises(KeyError, match="did you mean 'conv1'"):
        training_memory(network, 1, checkpoint=["conv11"])


def test_the_whole_zoo_has_a_peak():
    for name in zoo.names():
        network = zoo.get(name)
        memory = training_memory(network, 2)
        assert memory.total > inference_memory(network, 2).total, name
        assert memory.held >= 0
