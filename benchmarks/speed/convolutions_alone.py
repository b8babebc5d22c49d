"""How many images a second a network's convolutions leave room for: each timed alone, forward and both ways back.

    python benchmarks/speed/convolutions_alone.py                        ResNet-18 on 32×32×3, batch 64, bfloat16
    python benchmarks/speed/convolutions_alone.py vgg16 --batch 4 --float32

What training does besides (normalisation, activations, the update) comes on top, so this is a bound for any way to
train that calls PyTorch's convolutions. The input of a convolution that is the network's own needs no gradient.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from training_speed_peers import text_of

from hubel import zoo
from hubel.arch import Network, parse
from hubel.nn import build


def middle(work: Callable[[], object], times: int = 9) -> float:
    """Median seconds of a few calls, after two that do not count."""
    taken = []
    for _ in range(times + 2):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[2:])


def alone(layer: nn.Conv2d, images: torch.Tensor, is_first: bool) -> tuple[float, float, float]:
    """Seconds forward, back to the input (none for the first layer's), back to the weights."""
    weight = layer.weight.detach().to(images.dtype).contiguous(memory_format=torch.channels_last)
    stride, padding, dilation = list(layer.stride), list(layer.padding), list(layer.dilation)
    settings = stride, padding, dilation, layer.groups
    with torch.no_grad():
        output = nn.functional.conv2d(images, weight, None, *settings)
        gradient = torch.randn_like(output)

        def back(*wanted: bool) -> object:
            arguments = gradient, images, weight, None, stride, padding, dilation, False, [0, 0], layer.groups
            return torch.ops.aten.convolution_backward(*arguments, [*wanted, False])

        return (
            middle(lambda: nn.functional.conv2d(images, weight, None, *settings)),
            0.0 if is_first else middle(lambda: back(True, False)),
            middle(lambda: back(False, True)),
        )


def network_of(name: str) -> Network:
    """A network of the zoo; by default ResNet-18 as papers on CIFAR have it."""
    return parse(text_of("resnet18")) if name == "resnet18" else zoo.get(name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="resnet18")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--float32", action="store_true")
    arguments = parser.parse_args()
    dtype = torch.float32 if arguments.float32 else torch.bfloat16
    network = network_of(arguments.network)
    inputs: list[tuple[nn.Conv2d, torch.Size]] = []
    module = build(network)
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda own, given, _: inputs.append((own, given[0].shape)))
    height, width, channels = network.input
    with torch.no_grad():
        module(torch.zeros(1, channels, height, width))
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {dtype}, batch {arguments.batch}")
    whole = [0.0, 0.0, 0.0]
    for number, (layer, shape) in enumerate(inputs):
        images = torch.randn(arguments.batch, *shape[1:]).to(dtype).contiguous(memory_format=torch.channels_last)
        seconds = alone(layer, images, number == 0)
        whole = [sum(pair) for pair in zip(whole, seconds, strict=True)]
        shown = "  ".join(f"{1000 * each:7.2f}" for each in seconds)
        print(f"{shown} ms  {layer.in_channels} → {layer.out_channels}, {layer.kernel_size}, {shape[2]}×{shape[3]}")
    print("  ".join(f"{1000 * each:7.2f}" for each in whole) + " ms in all: forward, to the input, to the weights")
    print(f"at most {arguments.batch / sum(whole):,.1f} images a second")


if __name__ == "__main__":
    main()
