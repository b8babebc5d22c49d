"""Grad-CAM against Captum called by hand, side by side in one process.

    python benchmarks/answers/attribution.py [NETWORK] [ROUNDS]

Both take a picture's logits, pick the likeliest class, and weigh the maps of the same layer; hubel also picks the
layer, reads the probability and looks whether there is something to explain. Rounds alternate; medians are compared.
Weights are random: they change no time. Needs `pip install 'hubel[look]'`.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from captum.attr import LayerGradCam

from hubel import zoo
from hubel.arch import analyse
from hubel.data import Preprocessing
from hubel.look import Sample, grad_cam, sample
from hubel.nn import build
from hubel.tasks import LoadedModel

GOAL = 1.2  # times Captum's own


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "efficientnet_lite0"
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    model = _model(name)
    pixels = np.random.default_rng(0).integers(0, 256, model.network.input, np.uint8)
    image = sample(model, pixels)
    layer = grad_cam(model, image).layer
    assert layer is not None

    def own() -> Any:
        return grad_cam(model, image).maps[0][0].signed

    found, expected = own(), _by_hand(model, image, layer)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    seconds: dict[str, list[float]] = {"hubel": [], "Captum": []}
    for _ in range(rounds):
        seconds["hubel"].append(_timed(own))
        seconds["Captum"].append(_timed(lambda: _by_hand(model, image, layer)))
    versions = ", ".join(f"{package} {version(package)}" for package in ("torch", "captum"))
    print(f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}, {versions}")
    print(f"Grad-CAM of {name}'s {layer}, {rounds} rounds")
    for who, times in seconds.items():
        print(f"  {who:7}{statistics.median(times) * 1e3:9.1f} ms ({min(times) * 1e3:.1f} to {max(times) * 1e3:.1f})")
    ratio = statistics.median(seconds["hubel"]) / statistics.median(seconds["Captum"])
    print(f"  {'reached' if ratio <= GOAL else 'MISSED '}  {ratio:.2f} times Captum, at most {GOAL:g} wanted")


def _model(name: str) -> LoadedModel:
    network = zoo.get(name)
    height, width, channels = network.input
    torch.manual_seed(0)
    module = build(network)
    module(torch.randn(8, channels, height, width))  # so that normalisations know a scale
    preprocessing = Preprocessing(height, width, channels, (0.5,) * channels, (0.25,) * channels)
    return LoadedModel(network, module.eval(), preprocessing, tuple(map(str, range(analyse(network).output_shape[-1]))))


def _by_hand(model: LoadedModel, image: Sample, layer: str) -> Any:
    """What one writes with Captum: choose the class, hook the layer's module."""
    module: Any = model.module
    names = dict(module.named_modules())
    with torch.inference_mode():
        index = int(module.logits(image.input).argmax())
    activated = next((name for name in names if name.startswith(f"{layer}_")), layer)  # written with the layer
    found = LayerGradCam(module.logits, names[activated]).attribute(image.input.clone().requires_grad_(), target=index)
    return found[0, 0].detach().numpy()


def _timed(run: Callable[[], Any]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
