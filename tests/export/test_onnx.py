"""The ONNX that is written computes what PyTorch does, for every layer and every combinator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from hubel import zoo
from hubel.arch import Call, Chain, Layer, Network, parse, register
from hubel.arch.ops import FUNCTIONS
from hubel.base.errors import SettingError
from hubel.data import Preprocessing
from hubel.export import Source, onnx_model
from hubel.nn import build
from hubel.tasks import LoadedModel, predict, save_model, task_named
from tests.trees import sample


@pytest.fixture(autouse=True, scope="module")
def _plain_kernels() -> Iterator[None]:
    """Take PyTorch's plain kernels: oneDNN compiles one for every new shape, which is slow for tiny networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


def run(model: Any, **given: Any) -> dict[str, Any]:
    """Run a model on one thread, and return what comes out by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip([one.name for one in session.get_outputs()], session.run(None, given), strict=True))


def lived_in(network: Network, seed: int = 0) -> Any:
    """Build a network whose normalisation is not as it began, so that forgetting it shows."""
    torch.manual_seed(seed)
    module = build(network).eval()
    with torch.no_grad():
        for name, numbers in [*module.named_buffers(), *module.named_parameters()]:
            if name.endswith("running_mean"):
                numbers.normal_()
            elif name.endswith(("running_var", "norm1.weight", "norm2.weight", "scale1.weight")):
                numbers.uniform_(0.5, 2)
    return module


def source(network: Network, module: Any, classes: tuple[str, ...] = (), **more: Any) -> Source:
    arrays = {name: tensor.detach().float().numpy() for name, tensor in module.state_dict().items()}
    return Source(network, arrays, Preprocessing(1, 1, 1, (0.0,), (1.0,)), "classification", classes, **more)


def check(network: Network) -> None:
    """Compare with PyTorch in 64 bits; where its own 32 bits are off, the network makes more of rounding."""
    module, given = lived_in(network), sample(network)
    model = onnx_model(source(network, module), "tensor")
    onnx.checker.check_model(model, full_check=True)
    found = run(model, input=given.numpy())["scores"]
    with torch.no_grad():
        narrow = module.logits(given).numpy()
        wide = module.double().logits(given.double() if given.is_floating_point() else given).numpy()
    assert found.shape == wide.shape
    finite = np.isfinite(wide)
    largest = max(1.0, np.abs(wide[finite]).max(initial=0))
    own = np.abs(narrow - wide)[finite].max(initial=0)
    assert np.abs(found - wide)[finite].max(initial=0) <= 2e-5 * largest + 30 * own, str(network)


TEXTS = [
    "9x8x4: conv 6 3x3/2 groups=2 dilation=2 pad=1 nobias, norm, scale, dropout 0.2, relu",  # all folded into one
    "5x4x4: deconv 6 3x3/2 groups=2, norm",
    "4x3x5: deconv 2 3x1/2x3 same dilation=3 nobias, norm, mish",  # rows that hold the bias alone
    "5x5x2: local 3 3x3/2 same, norm, tanh",
    "7x6x4: layernorm, groupnorm 2, lrn size=4, lrn size=3, crop 1, zeropad 2x1, upsample 2 interpolation=bilinear",
    "7x7x3: adaptiveavgpool 3x2, adaptivemaxpool 2x2",
    "7x7x3: adaptivemaxpool 3x2, adaptiveavgpool 2x2",
    "8x6x1: avgpool 3x2/2 pad=1 ceil_mode=true count_padding=true, maxpool 2 ceil_mode=true",
    "8x8x4: conv 4 7x7 same groups=4, layernorm, dense 16 gelu, dense 4, scale",  # a block of ConvNeXt
    "8x8x3: conv 6 3x3/2, relu6, sum(conv 12 1x1, norm, relu6, dwconv 3x3 same, norm, relu6, conv 6 1x1 | identity)",
    "6x6x8: se 2, shuffle 2, product(conv 8 1x1 | globalavgpool, dense 8 sigmoid), globalmaxpool, rbf 3",
    "12: embed 5 3, lstm 4 sequences, gru 5 sequences go_backwards=true, rnn 3 relu, dense 2",
    "6x5x4: elu 0.5, prelu, celu 0.5, prelu shared=true, rescale 2 offset=-1, reflectpad 1/2x0/3, edgepad 1/0x2/0, "
    "wrappad 1/2x0/3, "
    "pixelshuffle 2, upsample 2x3 interpolation=bilinear aligned=true, pixelunshuffle 2, dense 3 log_softmax",
    "6x3: conv1d 4 3 causal, maxpool1d 2, globalavgpool1d, reshape 1x2x2, flatten",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_random_networks_seldom_have(text: str) -> None:
    check(parse(text))


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_function(function: str) -> None:
    words = {"leaky_relu": "leaky 0.3", "alpha_elu": "elu 0.3", "celu": "celu 0.3", "rescale": "rescale 3 offset=1"}
    word = words.get(function, function)
    module = build(
        network := parse(f"40x3: {word}" if function not in ("softmax", "sigmoid") else f"40x3: {word}, identity")
    )
    given = torch.linspace(-12, 12, 120).reshape(1, 3, 40)
    found = run(onnx_model(source(network, module), "tensor"), input=given.numpy())["scores"]
    np.testing.assert_allclose(found, module.logits(given).numpy(), rtol=2e-6, atol=2e-6)


def test_normalisation_and_scales_are_folded_and_what_only_training_needs_is_left_out() -> None:
    network = parse(TEXTS[0])
    model = onnx_model(source(network, lived_in(network)), "tensor")
    assert [node.op_type for node in model.graph.node] == ["Conv", "Relu", "Identity"]
    assert {tensor.name for tensor in model.graph.initializer} == {"conv1.weight", "conv1.bias"}


@pytest.mark.parametrize("name", ["lenet5_1998", "resnet20"])
def test_classics(name: str) -> None:
    check(zoo.get(name))


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    network = replace(parse("6x8x3: conv 5 3x3/2, norm, relu, flatten, dense 3 softmax"), name="small")
    preparation = Preprocessing(6, 8, 3, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3), "crop")
    task = task_named("classification").from_settings(("Ärger", "b", "c"), {})
    return LoadedModel(network, lived_in(network), preparation, task, {"accuracy": 0.5})


def images(model: LoadedModel, count: int) -> Any:
    preparation = model.preprocessing
    shape = count, preparation.height, preparation.width, preparation.channels
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("count", [1, 5])
def test_images_of_its_own_size_get_the_probabilities_of_predict(model: LoadedModel, count: int) -> None:
    given = images(model, count)
    written = onnx_model(model)
    onnx.checker.check_model(written, full_check=True)
    found = run(written, image=given)
    assert set(found) == {"probabilities"}
    np.testing.assert_allclose(found["probabilities"], predict(model, given).numpy(), atol=1e-6)


def test_a_network_of_vectors_takes_images() -> None:
    network = parse("12: dense 4 tanh, dense 2")
    preparation = Preprocessing(2, 2, 3, (0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    model = LoadedModel(network, lived_in(network), preparation, task_named("classification")(("a", "b")))
    given = images(model, 3)
    found = run(onnx_model(model), image=given)["probabilities"]
    np.testing.assert_allclose(found, predict(model, given).numpy(), atol=1e-6)


def test_segmentation_gives_probabilities_and_a_mask() -> None:
    network = parse("6x8x1: conv 3 3x3 same softmax")
    task = task_named("segmentation").from_settings(
        ("sky", "road", "car"), {"values": [0, 1, 2], "colours": [[0, 0, 0], [9, 9, 9], [200, 0, 0]]}
    )
    model = LoadedModel(network, lived_in(network), Preprocessing(6, 8, 1, (0.5,), (0.2,)), task)
    given = images(model, 2)
    found = run(onnx_model(model), image=given)
    scores = model.module.logits(model.preprocessing.normalise(torch.from_numpy(given)))
    np.testing.assert_array_equal(found["mask"], scores.argmax(1).numpy())
    np.testing.assert_allclose(found["probabilities"], scores.softmax(1).detach().numpy(), atol=1e-6)


def test_the_file_says_of_itself_what_the_model_file_says(model: LoadedModel) -> None:
    written = onnx_model(model)
    said = {each.key: each.value for each in written.metadata_props}
    assert said["input"] == "sized"
    assert said["task"] == "classification"
    assert json.loads(said["classes"]) == ["Ärger", "b", "c"]
    assert Preprocessing.from_json(said["preprocessing"]) == model.preprocessing
    assert parse(said["network"]) == model.network
    assert json.loads(said["summary"]) == {"accuracy": 0.5}
    assert (said["name"], written.graph.name, written.producer_name) == ("small", "small", "hubel")
    assert [opset.version for opset in written.opset_import] == [18]


def test_equal_models_are_equal_bytes(model: LoadedModel) -> None:
    assert onnx_model(model).SerializeToString() == onnx_model(model).SerializeToString()


def test_a_file_is_written_without_torch(model: LoadedModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model(
        path, model.network, model.module, preprocessing=model.preprocessing, task=model.task, summary=model.summary
    )
    program = (
        "import sys, hubel.export\n"
        "sys.stdout.buffer.write(hubel.export.onnx_model(sys.argv[1]).SerializeToString())\n"
        "assert 'torch' not in sys.modules"
    )
    told = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, check=True)
    assert told.stdout == onnx_model(model).SerializeToString()


@register("silent_in_onnx")
class Silent(Layer):
    """A layer of a user's own that does not say what it computes."""

    def output_shape(self, input: Any) -> Any:
        return input

    def call(self, input: Any) -> Call:
        return Call("Identity")


def test_what_cannot_be_written_is_refused_in_words(model: LoadedModel) -> None:
    network = Network((4,), Chain(Silent()))
    with pytest.raises(SettingError) as refused:
        onnx_model(source(network, build(network)), "tensor")
    assert str(refused.value) == (
        "Silent does not say what it computes (it has no `lower`), so it cannot be written for ONNX"
    )
    with pytest.raises(SettingError, match=r"expected input image \| sized \| tensor, received 'any'"):
        onnx_model(model, "any")  # type: ignore[arg-type]
