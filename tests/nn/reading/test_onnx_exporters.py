"""Networks written to ONNX by PyTorch's exporter by tracing, and by hubel, come back as they were."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator

from hubel.arch import Network, analyse, parse, torch_order
from hubel.base.errors import NetworkError
from hubel.data import Preprocessing
from hubel.export import Source, onnx_model
from hubel.nn import build, network_of_onnx
from hubel.nn.reading.torch import TrainingAloneWarning


def written(network: Network, way: str, path: Path) -> Path:
    """Write a network with numbers that are all different."""
    torch.manual_seed(0)
    module = build(network).eval()
    for tensor in module.state_dict().values():
        if tensor.is_floating_point() and tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5)
    if way == "hubel":
        arrays = {name: tensor.detach().numpy() for name, tensor in module.state_dict().items()}
        source = Source(network, arrays, Preprocessing(1, 1, 1, (0.0,), (1.0,)), "classification", ())
        onnx.save(onnx_model(source, "tensor"), path)
    else:
        input = torch.zeros(1, *torch_order(network.input))
        torch.onnx.export(module, (input,), str(path), dynamo=False)
    return path


TEXTS = [
    "8x8x3: conv 4 3x3 pad=1, relu, maxpool 2, globalavgpool, dense 3, log_softmax",
    "8x8x4: sum(conv 4 1x1, tanh, scale nobias | tanh, shift), padchannels 1 2, zeropad 1, crop 1, relu6",
    "8x8x4: reflectpad 1/0x2/1, edgepad 1, upsample 2, upsample 2 interpolation=bilinear aligned=true, prelu",
    "8x8x4: elu, elu 0.5, celu 0.3, selu, hard_sigmoid, hardswish, sigmoid, tanh, softplus, leaky 0.2",
    "8x8x4: lrn, conv 8 3x3, pixelshuffle 2, select 0 1 0, avgpool 2 count_padding=true",
    "8x8x8: se 2, silu, product(identity | globalavgpool keepdims=true, sigmoid)",
    "8x8x4: layernorm, conv 8 1x1, layernorm",
    "8x8x4: concat(identity | conv 2 3x3 pad=1 | conv 3 1x1), globalavgpool, rbf 3",
    "9x5: conv1d 4 3 groups=1, relu, globalavgpool1d, dense 3",
    "6x6x3: rescale 0.5 offset=1.0, conv 4 1x1",
    "9x9x8: conv 8 3x3, groupnorm 2, relu, groupnorm 4 center=false scale=false, groupnorm 1 epsilon=0.001, conv 4 3x3",
    "9x9x8: relu, conv 8 3x3, sum(groupnorm 8 | identity)",
    "9x8: conv1d 8 3, groupnorm 4, globalavgpool1d, groupnorm 2, dense 3",
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["torch", "hubel"])
@pytest.mark.parametrize("text", TEXTS)
def test_they_come_back(text: str, way: str, tmp_path: Path) -> None:
    network = parse(text)
    found = network_of_onnx(written(network, way, tmp_path / "n.onnx"), network.input)
    wanted, ours = analyse(network), analyse(found)
    assert (ours.parameters, ours.macs, ours.output_shape) == (wanted.parameters, wanted.macs, wanted.output_shape)
    kept = {"Identity", "Rescaling", "Flatten"}  # a pool of the whole is one layer or two; plain arithmetic is merged
    assert [row.type for row in ours.rows if row.type not in kept] == [
        row.type for row in wanted.rows if row.type not in kept
    ]
    assert parse(str(found)).body == found.body


@pytest.mark.filterwarnings("ignore")
def test_gelu_is_found_where_it_is_written_out(tmp_path: Path) -> None:
    class Own(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * 0.5 * (1 + torch.erf(x / 2**0.5))

    torch.onnx.export(Own(), (torch.zeros(1, 3, 4, 4),), str(tmp_path / "n.onnx"), dynamo=False)
    assert str(network_of_onnx(tmp_path / "n.onnx", (4, 4, 3))).endswith(": gelu")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda x: x.erf(), "the tree has no layer for Erf"),
        (lambda x: x.mean(2, keepdim=True), "reduces all places of a picture"),
        (lambda x: x.clamp(0.5, 0.5), "no layer that clips to 0.5"),
        (lambda x: torch.nn.functional.pad(x, (1, 1), value=2.0), "with zeros"),
        (lambda x: x.flip(2), "the tree has no layer for Slice"),
        (lambda x: 1 / x, "the tree has no layer for Reciprocal|divides a number by others"),
        (lambda x: torch.nn.functional.interpolate(x, scale_factor=1.3), "resizes by what gives whole sizes"),
    ],
)
def test_what_has_no_layer_is_named(function: object, said: str, tmp_path: Path) -> None:
    class Own(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return function(x)  # type: ignore[operator, no-any-return]

    torch.onnx.export(Own(), (torch.zeros(1, 3, 4, 4),), str(tmp_path / "n.onnx"), dynamo=False)
    with pytest.raises(NetworkError, match=said):
        network_of_onnx(tmp_path / "n.onnx", (4, 4, 3))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda x: torch.nn.functional.interpolate(x, size=(7, 9), mode="bilinear"), "resize 7x9"),
        (lambda x: torch.nn.functional.gelu(x, approximate="tanh"), "gelu_tanh"),
        (lambda x: torch.nn.functional.gelu(2 * x, approximate="tanh") + x, "sum(rescale 2.0, gelu_tanh | identity)"),
        (lambda x: x.clamp(-1, 2), "clip x_min=-1.0 x_max=2.0"),
        (lambda x: x.clamp(min=0), "relu"),
        (lambda x: x.clamp(max=0.5), "clip x_max=0.5"),
        (lambda x: x.mean(1, keepdim=True), "reshape 3x20x1, avgpool 3x1, reshape 4x5x1"),
        (lambda x: x.amax(1, keepdim=True) * x, "product(reshape 3x20x1, maxpool 3x1, reshape 4x5x1 | identity)"),
    ],
)
def test_limits_and_figures_of_channels_are_several_layers(function: object, text: str, tmp_path: Path) -> None:
    class Own(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return function(x)  # type: ignore[operator, no-any-return]

    torch.onnx.export(Own(), (torch.zeros(1, 3, 4, 5),), str(tmp_path / "n.onnx"), dynamo=False)
    assert str(network_of_onnx(tmp_path / "n.onnx", (4, 5, 3))) == f"4x5x3: {text}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["torch", "hubel"])
@pytest.mark.parametrize(
    "text",
    [
        "9x8x3: conv 4 3x3/2 pad=0/1x1/0, relu, conv 4 3x3/2 pad=1/2x0/1",
        "9x8x3: zeropad 1, conv 4 3x3, relu6",
        "9x8x3: zeropad 2x0, conv 4 3x3, relu6",
        "9x5: conv1d 4 3 pad=4/0 dilation=2, relu, maxpool1d 2, conv1d 3 2 pad=0/1, avgpool1d 2/1",
        "9x5: product(conv1d 4 2 pad=1/0, tanh | conv1d 4 2 pad=1/0, sigmoid)",
    ],
)
def test_padding_stays_where_it_stands(text: str, way: str, tmp_path: Path) -> None:
    network = parse(text)
    assert str(network_of_onnx(written(network, way, tmp_path / "n.onnx"), network.input)) == text


def resized(tmp_path: Path, factor: int, centres: str, rounding: str) -> Path:
    given, made = (onnx.helper.make_tensor_value_info(n, 1, [1, 3, s, s]) for n, s in (("x", 4), ("y", 4 * factor)))
    settings = {"mode": "nearest", "coordinate_transformation_mode": centres, "nearest_mode": rounding}
    node = onnx.helper.make_node("Resize", ["x", "", "scales"], ["y"], **settings)
    scales = onnx.helper.make_tensor("scales", 1, [4], [1.0, 1.0, factor, factor])
    graph = onnx.helper.make_graph([node], "g", [given], [made], [scales])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)]), tmp_path / "n.onnx")
    return tmp_path / "n.onnx"


@pytest.mark.parametrize(
    ("factor", "centres", "rounding"),
    [
        (3, "asymmetric", "floor"),
        (2, "asymmetric", "round_prefer_floor"),
        (2, "half_pixel", "round_prefer_floor"),
        (3, "half_pixel", "round_prefer_floor"),
        (3, "asymmetric", "round_prefer_floor"),
        (2, "half_pixel", "floor"),
        (2, "asymmetric", "ceil"),
        (2, "align_corners", "floor"),
    ],
)
def test_the_nearest_is_that_which_the_file_takes(factor: int, centres: str, rounding: str, tmp_path: Path) -> None:
    path = resized(tmp_path, factor, centres, rounding)
    x = np.arange(48, dtype=np.float32).reshape(1, 3, 4, 4)
    (right,) = ReferenceEvaluator(str(path)).run(None, {"x": x})
    if not np.array_equal(right, x.repeat(factor, 2).repeat(factor, 3)):
        with pytest.raises(NetworkError, match="UpSampling2D has no nearest with"):
            network_of_onnx(path, (4, 4, 3))
    else:
        assert str(network_of_onnx(path, (4, 4, 3))).endswith(f": upsample {factor}")


class Again(torch.nn.Module):
    """A part that runs twice."""

    def __init__(self, part: torch.nn.Module, between: torch.nn.Module) -> None:
        super().__init__()
        self.part, self.between = part, between

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.part(self.between(self.part(x)))
        return found


@pytest.mark.parametrize(
    ("part", "text", "again"),
    [
        (torch.nn.Conv2d(4, 4, 3, padding=1), "conv 4 3x3 pad=1, relu, conv 4 3x3 pad=1", 148),
        (torch.nn.Sequential(torch.nn.Conv2d(4, 4, 1), torch.nn.BatchNorm2d(4)), "conv 4 1x1, relu, conv 4 1x1", 20),
        (Again(torch.nn.Conv2d(4, 4, 1), torch.nn.ReLU()), "3 * (conv 4 1x1, relu), conv 4 1x1", 60),
        (torch.nn.PReLU(4), "prelu, relu, prelu", 4),
    ],
)
def test_layers_that_run_twice_stand_twice_and_that_is_said(
    part: torch.nn.Module, text: str, again: int, tmp_path: Path
) -> None:
    model = Again(part, torch.nn.ReLU()).eval()
    with torch.no_grad():
        for number in model.parameters():
            number.uniform_(0.5, 1.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, (torch.zeros(1, 4, 6, 6),), str(tmp_path / "n.onnx"), dynamo=False)
    with pytest.warns(TrainingAloneWarning, match=f"once for each, {again} parameters more than the file, and learns"):
        found = network_of_onnx(tmp_path / "n.onnx")
    assert str(found) == f"6x6x4: {text}"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("does", "text"),
    [
        (lambda x, number: x - number, "shift"),
        (lambda x, number: number - x, "rescale -1.0, shift"),
        (lambda x, number: x.relu() + number, "relu, shift"),
        (lambda x, number: x / number, "scale nobias"),
    ],
)
def test_numbers_for_each_channel(does: Any, text: str, tmp_path: Path) -> None:
    class Own(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.number = torch.nn.Parameter(torch.tensor([0.5, 1.0, 1.5]).reshape(3, 1, 1))

        def forward(self, x: torch.Tensor) -> Any:
            return does(x, self.number)

    torch.onnx.export(Own(), (torch.zeros(1, 3, 4, 4),), str(tmp_path / "n.onnx"), dynamo=False)
    found = network_of_onnx(tmp_path / "n.onnx")
    assert str(found) == f"4x4x3: {text}"
    assert analyse(found).parameters == 3
