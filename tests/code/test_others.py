"""The Keras and Flax programs: always compiled; with the peers installed, run beside hubel's own modules."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hubel import zoo
from hubel.arch import Dense, Flatten, Network, RadialBasis, analyse, ops, parse
from hubel.code import source
from hubel.nn import build
from tests.code.test_pytorch import reduced
from tests.trees import sample

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
EQUAL = (
    *("lenet5", "lenet5_1998", "alexnet", "zfnet", "vgg11_bn", "googlenet", "inception_v3", "resnet18", "resnet20"),
    *("squeezenet1_1", "mobilenet_v2", "densenet121", "efficientnet_lite0", "convnext_tiny", "unet", "unet_2015"),
)


@pytest.mark.parametrize("framework", ["keras", "jax"])
@pytest.mark.parametrize("name", zoo.names())
def test_the_zoo_compiles(name, framework):
    text = source(zoo.get(name), framework)
    compile(text, name, "exec")
    assert "hubel" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert text == source(zoo.get(name), framework)


def made(network: Network, framework: str) -> Any:
    """Run a program and build its network."""
    space: dict[str, Any] = {"__name__": "program"}
    exec(compile(source(network, framework), "program.py", "exec"), space)
    own = [value for value in space.values() if getattr(value, "__module__", "") == "program"]
    if framework == "keras":
        return own[-1]()
    model = own[-1](rngs=space["nnx"].Rngs(0))
    model.eval()
    return model


def outputs(network: Network, framework: str) -> tuple[np.ndarray, np.ndarray]:
    """Give the program hubel's weights and both the same input; hubel's output is channels first."""
    torch.manual_seed(0)
    module = build(network).eval()
    state = {
        name: w + 0.1 * torch.rand_like(w) if w.is_floating_point() and w.dim() == 1 else w
        for name, w in module.state_dict().items()
    }
    module.load_state_dict(state)
    model = made(network, framework)
    (_fill_keras if framework == "keras" else _fill_flax)(model, list(_weights(network, module)))
    x = sample(network)
    with torch.inference_mode():
        expected = module(x)
    x = x.movedim(1, -1)
    if framework == "keras":
        import keras

        made_of = model(x.numpy(), training=False)
        found = keras.ops.convert_to_numpy(made_of[0] if isinstance(made_of, list) else made_of)  # side exits after it
    else:
        found = np.asarray(model(x.numpy()))
    return expected.movedim(1, -1).numpy(), found


def _weights(network: Network, module: nn.Module) -> Iterator[tuple[nn.Module, dict[str, np.ndarray]]]:
    """Give each module that has weights, with these in the order of axes that Keras and Flax have."""
    flattened = {
        int(np.prod(row.input_shape)): row.input_shape
        for row in analyse(network).rows
        if isinstance(row.node, Flatten) and len(row.input_shape) == 3
    }
    followed = any(isinstance(row.node, (Dense, RadialBasis)) for row in analyse(network).rows)
    for part in module.modules():
        own = {**dict(part.named_parameters(recurse=False)), **dict(part.named_buffers(recurse=False))}
        found = {name: value.detach().numpy() for name, value in own.items() if name != "num_batches_tracked"}
        if not found:
            continue
        if isinstance(part, (nn.ConvTranspose2d, nn.Conv2d)):
            found["weight"] = found["weight"].transpose(2, 3, 1, 0)
        elif isinstance(part, nn.Conv1d):
            found["weight"] = found["weight"].transpose(2, 1, 0)
        elif isinstance(part, nn.RNNBase):
            found = {name.removesuffix("_l0"): value.T for name, value in found.items()}
            found = found if isinstance(part, nn.GRU) else {n: v for n, v in found.items() if n != "bias_hh"}
        elif isinstance(part, nn.Linear):
            weight = found["weight"].T
            if weight.shape[0] in flattened and followed:  # written channel after channel in PyTorch
                height, width, channels = flattened.pop(weight.shape[0])
                weight = weight.reshape(channels, height, width, -1).transpose(1, 2, 0, 3).reshape(weight.shape)
            found["weight"] = weight
        yield part, found


def _fill_keras(model: Any, weights: list[tuple[nn.Module, dict[str, np.ndarray]]]) -> None:
    layers = [layer for layer in _in_order(model) if layer.weights]
    assert len(layers) == len(weights)
    for layer, (part, own) in zip(layers, weights, strict=True):
        values = list(own.values())
        if type(layer).__name__.startswith("DepthwiseConv"):
            kernel = own["weight"]  # height × width × 1 × (channels · multiplier)
            multiplier = part.out_channels // part.in_channels
            values[0] = kernel.reshape(*kernel.shape[:-2], part.in_channels, multiplier)
        elif type(layer).__name__ == "GRU":  # update, reset, new in Keras
            order = np.r_[layer.units : 2 * layer.units, : layer.units, 2 * layer.units : 3 * layer.units]
            values = [value[..., order] for value in values]
            values[2:] = [np.stack(values[2:])] if values[2:] else []
        elif type(layer).__name__ == "PReLU":  # a slope a channel, or one, spread over the places
            values = [value.reshape(own.shape) for value, own in zip(values, layer.weights, strict=True)]
        elif type(layer).__name__ == "Dense":
            values[0] = values[0].reshape(values[0].shape[-2:])
        elif type(layer).__name__ == "LocallyConnected2D":
            places, outputs, _ = values[0].shape
            window = values[0].reshape(places, outputs, -1, *part.kernel_size).transpose(0, 3, 4, 2, 1)
            values = [v.reshape(w.shape) for v, w in zip([window, *values[1:]], layer.weights, strict=True)]
        layer.set_weights(values)


def _in_order(model: Any) -> list[Any]:
    """The layers as they were made: a model lists them by depth, which mixes branches."""
    return sorted(model.layers, key=lambda layer: MADE.index(id(layer)))


MADE: list[int] = []


@pytest.fixture
def keras(monkeypatch):
    """Keras, noting the order in which layers are made."""
    import keras as package

    start = package.layers.Layer.__init__
    MADE.clear()

    def noted(layer, *arguments, **settings):
        MADE.append(id(layer))
        start(layer, *arguments, **settings)

    monkeypatch.setattr(package.layers.Layer, "__init__", noted)
    return package


def _fill_flax(model: Any, weights: list[tuple[nn.Module, dict[str, np.ndarray]]]) -> None:
    places = [place for place in _flax_leaves(model) if _has_arrays(place)]
    assert len(places) == len(weights)
    for place, (part, own) in zip(places, weights, strict=True):
        for name, value in own.items():
            target = _flax_target(place, name)
            if isinstance(part, nn.ConvTranspose2d) and name == "weight":
                value = value[::-1, ::-1].swapaxes(2, 3)
            if type(place).__name__ == "LocallyConnected":
                value = (value.transpose(0, 2, 1) if value.ndim == 3 else value).reshape(target[...].shape)
            if value.ndim > 2 == target[...].ndim:
                value = value.reshape(value.shape[-2:])
            assert target[...].shape == value.shape, (place, name)
            target[...] = value.copy()


def _has_arrays(place: Any) -> bool:
    import jax
    from flax import nnx

    return bool(jax.tree.leaves(nnx.state(place, (nnx.Param, nnx.BatchStat))))


def _flax_target(place: Any, name: str) -> Any:
    if type(place).__name__ == "Recurrent":
        what, _, which = name.partition("_")
        return getattr(getattr(place, "weigh" if which == "ih" else "hold"), {"weight": "kernel"}.get(what, what))
    return getattr(place, _flax_name(place, name))


def _flax_name(place: Any, name: str) -> str:
    kind = type(place).__name__
    if kind.endswith("Norm"):
        return {"weight": "scale", "bias": "bias", "running_mean": "mean", "running_var": "var"}[name]
    if name == "weight" and hasattr(place, "embedding"):
        return "embedding"
    return "kernel" if name == "weight" and hasattr(place, "kernel") else name


def _flax_leaves(model: Any) -> Iterator[Any]:
    from flax import nnx

    kinds = (nnx.Conv, nnx.ConvTranspose, nnx.Linear, nnx.BatchNorm, nnx.LayerNorm, nnx.GroupNorm, nnx.Embed)
    own = ("Scale", "PReLU", "RadialBasis", "LocallyConnected", "Recurrent")
    if isinstance(model, kinds) or type(model).__name__ in own:
        yield model
    elif isinstance(model, nnx.Sequential):
        for part in model.layers:
            yield from _flax_leaves(part)
    elif isinstance(model, nnx.Module):
        for part in vars(model).values():
            yield from _flax_leaves(part)


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", zoo.names())
def test_parameters_in_keras(name, keras):
    network = zoo.get(name)
    report = analyse(network)
    model = made(network, "keras")
    assert model.count_params() == report.parameters + report.total("buffers")
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == report.trainable
    assert model.output_shape[1:] == report.output_shape


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", zoo.names())
def test_parameters_in_flax(name):
    import jax
    from flax import nnx

    network = zoo.get(name)
    report = analyse(network)
    model = nnx.eval_shape(lambda: made(network, "jax"))
    leaves = jax.tree.leaves(nnx.state(model, nnx.Param))
    assert sum(leaf.size for leaf in leaves) == report.parameters


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", EQUAL)
def test_outputs_in_keras(name, keras):
    expected, found = outputs(reduced(name), "keras")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", EQUAL)
def test_outputs_in_flax(name):
    expected, found = outputs(reduced(name), "jax")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


PIECES = (
    "9x7x4: conv 6 3x3/2 pad=1, conv 4 3x5 same, conv 4 3x3/2x1 same groups=2",
    "9x7x4: conv 4 3x3 dilation_rate=2, dwconv 3x3 same depth_multiplier=2, dwconv 3x3/2 pad=1",
    "5x4x4: deconv 3 2x2/2, deconv 2 3x3/2 same, deconv 2 3x3/2 pad=1 output_padding=1",
    "6x5x2: local 3 3x3, local 2 3x2/2 pad=1",
    "7x6x3: maxpool 3/2 ceil_mode=true, maxpool 3/1 pad=1, maxpool 2 same",
    "7x6x3: avgpool 3/2 ceil_mode=true, avgpool 3/1 pad=1 count_padding=true, avgpool 3/1 pad=1",
    "7x6x3: avgpool 3/2 same, globalavgpool keepdims=true",
    "8x8x3: avgpool 3/2 pad=1 count_padding=true ceil_mode=true, globalmaxpool",
    "8x6x3: adaptiveavgpool 4x3, adaptivemaxpool 2",
    "7x5x3: adaptiveavgpool 4x3, adaptivemaxpool 2",
    "4x4x4: reshape 2x8x4, conv 3 1x1, flatten, dense 3, reshape 1x1x3",
    "4x3x2: flatten, select 0 5 7, padchannels 1 2",
    "6x5x4: elu 0.5, prelu, celu 0.5, prelu shared=true, rescale 2 offset=-1, reflectpad 1/2x0/3, edgepad 1/0x2/0, "
    "wrappad 1/2x0/3, "
    "pixelshuffle 2, pixelunshuffle 2, conv 3 1x1, log_softmax",
    "5: prelu, prelu shared=true, dense 3 log_softmax",
    "4x3x2: zeropad 0/1x2/0, crop 1/0x0/1, upsample 2, upsample 1x3 interpolation=bilinear",
    "4x4x6: shuffle 3, se 2, scale, scale nobias, shift, select 1 1 5, padchannels 1 0",
    "4x4x6: lrn size=4, lrn size=5 alpha=0.01, groupnorm 3, layernorm, norm, leaky 0.2",
    "4x4x3: dense 4 gelu, dense 4 silu, dense 4 hardswish, dense 4 relu6, dense 3 sigmoid, softmax",
    "6: dense 5 tanh, norm, layernorm, rbf 4",
    "9: embed 6 4, conv1d 6 3 causal dilation_rate=2 relu, conv1d 6 3 same groups=3, maxpool1d 2 strides=1, dense 3",
    "9x4: conv1d 4 3 pad=1 groups=4, avgpool1d 3 strides=2 padding=1, globalavgpool1d keepdims=true, layernorm, norm",
    "7x3: rnn 4 sequences relu, lstm 5 sequences, gru 3 sequences backwards, globalmaxpool1d, dense 2 mish",
    "7x3: lstm 4 backwards nobias, reshape 2x2, gru 3 nobias",
    "4x4x3: sum(conv 3 1x1 | identity | concat(conv 1 1x1 | conv 2 1x1)), tanh, 3 * (conv 3 3x3 same, norm, relu)",
)


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("text", PIECES)
def test_layers_in_keras(text, keras):
    expected, found = outputs(parse(text), "keras")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.peers
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("text", PIECES)
def test_layers_in_flax(text):
    expected, found = outputs(parse(text), "jax")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def in_one_order(network: Network) -> bool:
    """Whether no picture is written as a vector, whose order the weights after it would have to follow."""
    views = [row.operation for row in analyse(network).rows if isinstance(row.operation, ops.View)]
    return all(len(view.input) == len(view.output) == 1 for view in views)


@pytest.mark.parametrize("text", PIECES)
def test_layers_compile(text):
    for framework in ("keras", "jax"):
        compile(source(parse(text), framework), text, "exec")
