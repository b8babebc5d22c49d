"""What a step of training really takes beside what hubel says beforehand: `python benchmarks/speed/memory_peak.py`.

Truth is the peak of the bytes that PyTorch's profiler sees allocated during one step (SGD with momentum on the
processor, its numbers there already), on top of weights, running statistics, momentum and the batch. Where torchinfo is
installed, its "estimated total size" stands beside it. Other cases are chosen by
`name:batch[:float32|autocast|bfloat16][:channels_last]`.
"""

from __future__ import annotations

import sys

import torch
from torch import nn

from hubel import zoo
from hubel.arch import Network, training_memory
from hubel.nn import build, own_processor

CASES = (
    *("alexnet_owt:8", "vgg16:2", "resnet152:2", "mobilenet_v2:16", "densenet121:4", "googlenet_bn:8"),
    *("alexnet:8", "convnext_tiny:4", "resnet50:4:channels_last", "resnet50:4:bfloat16", "resnet50:4:autocast"),
    *("alexnet_owt:8:autocast", "mobilenet_v2:8:autocast"),
)


def measured(network: Network, batch: int, precision: str, channels_last: bool) -> int:
    """Bytes at the peak of one step."""
    module, (height, width, channels) = build(network).train(), network.input
    images = torch.randn(batch, channels, height, width)
    if channels_last:
        module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        images = images.to(memory_format=torch.channels_last)
    if precision == "bfloat16":
        module, images = module.bfloat16(), images.bfloat16()
    labels = torch.zeros(batch, dtype=torch.long)
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-4, momentum=0.9)
    for parameter in module.parameters():
        optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    momenta = [state["momentum_buffer"] for state in optimizer.state.values()]
    there = {
        tensor.data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in (*module.parameters(), *module.buffers(), *momenta, images)
    }
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
            loss = nn.functional.cross_entropy(module.logits(images), labels)
        loss.backward()
        optimizer.step()
    now = peak = 0
    events = profile.profiler.kineto_results.events()  # type: ignore[union-attr]
    for event in sorted((event for event in events if event.name() == "[memory]"), key=lambda one: one.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return sum(there.values()) + peak


def torchinfo_says(network: Network, batch: int) -> str:
    """Its estimated total in MB, or nothing where it is not installed."""
    try:
        from torchinfo import summary
    except ModuleNotFoundError:
        return ""
    height, width, channels = network.input
    found = summary(build(network), (batch, channels, height, width), mode="train", verbose=0)
    return f"{(found.total_input + found.total_output_bytes + found.total_param_bytes) / 1e6:,.0f}"


def main() -> None:
    torch.set_num_threads(1)
    print(f"{'network':<16}{'batch':>6}  {'setting':<14}{'hubel MB':>10}{'measured':>10}{'error':>8}{'torchinfo':>11}")
    worst = 0.0
    for case in sys.argv[1:] or CASES:
        name, batch, *rest = case.split(":")
        network = zoo.get(name)
        precision = next((word for word in rest if word != "channels_last"), "float32")
        channels_last = "channels_last" in rest
        settings = {"precision": precision, "channels_last": channels_last, "processor": own_processor()}
        said = training_memory(network, int(batch), **settings).total  # type: ignore[arg-type]
        truth = measured(network, int(batch), precision, channels_last)
        error = said / truth - 1
        worst = max(worst, abs(error))
        peer = torchinfo_says(network, int(batch)) if not rest else ""
        setting = " ".join(rest) or precision
        print(
            f"{name:<16}{batch:>6}  {setting:<14}{said / 1e6:>10,.1f}{truth / 1e6:>10,.1f}{error:>+8.1%}{peer:>11}",
            flush=True,
        )
    print(f"largest error {worst:.1%}")


if __name__ == "__main__":
    main()
