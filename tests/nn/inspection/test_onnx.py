"""ONNX files: classic networks whole, as the `onnx` package brings them, and small ones made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from torch import nn

from hubel import zoo
from hubel.arch import Network, analyse, parse
from hubel.cli import main
from hubel.nn import build, inspect, inspect_onnx, network_of_onnx

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@pytest.mark.parametrize(
    ("file", "name"), [("vgg19", "vgg19"), ("squeezenet", "squeezenet1_1"), ("resnet50", "resnet50")]
)
def test_classic_networks_equal_the_zoos(file: str, name: str) -> None:
    report, expected = inspect_onnx(LIGHT / f"light_{file}.onnx"), analyse(zoo.get(name))
    assert report.parameters == expected.parameters
    assert report.macs == expected.macs
    assert report.training_macs == expected.training_macs
    assert report.input_shapes == ((1, 3, 224, 224),)


@pytest.mark.parametrize(("file", "parameters"), [("bvlc_alexnet", 60_965_224), ("inception_v1", 6_998_552)])
def test_published_parameters(file: str, parameters: int) -> None:
    assert inspect_onnx(LIGHT / f"light_{file}.onnx").parameters == parameters


def made(
    path: Path, nodes: list[Any], inputs: dict[str, list[Any]], weights: dict[str, tuple[int, ...]], output: str
) -> Path:
    from onnx import TensorProto, helper

    stored = [helper.make_tensor(n, TensorProto.FLOAT, dims, [0.0] * _size(dims)) for n, dims in weights.items()]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    result = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "small", given, result, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), str(path))
    return path


def _size(dims: tuple[int, ...]) -> int:
    size = 1
    for length in dims:
        size *= length
    return size


@pytest.fixture
def small(tmp_path: Path) -> Path:
    from onnx import helper

    nodes = [
        helper.make_node("Conv", ["image", "w", "b"], ["a"], name="conv", kernel_shape=[3, 3]),
        helper.make_node("BatchNormalization", ["a", "s", "s", "m", "v"], ["n"]),
        helper.make_node("ConvTranspose", ["n", "t"], ["u"], strides=[2, 2]),
        helper.make_node("Einsum", ["u", "e"], ["x"], equation="nchw,co->nohw"),
        helper.make_node("Transpose", ["w"], ["turned"]),
        helper.make_node("Conv", ["image", "w"], ["second"]),
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "g"], ["y"], transB=1),
    ]
    weights = {
        "w": (4, 3, 3, 3),
        "b": (4,),
        "s": (4,),
        "m": (4,),
        "v": (4,),
        "t": (4, 2, 2, 2),
        "e": (2, 5),
        "g": (7, 720),
    }
    return made(tmp_path / "small.onnx", nodes, {"image": ["N", 3, "H", "W"]}, weights, "y")


def test_every_operation(small: Path) -> None:
    report = inspect_onnx(small, (8, 8, 3), batch=2)
    rows = {row.path: row for row in report.rows}
    assert [row.macs for row in report.rows] == [
        2 * 36 * 4 * 27,  # conv
        0,
        2 * 36 * 4 * 8,  # each input number of the transposed convolution meets 2·2·2 weights
        2 * 144 * 2 * 5,
        2 * 36 * 4 * 27,
        0,
        2 * 720 * 7,
    ]
    assert rows["conv"].parameters == 108 + 4
    assert rows["batchnormalization1"].parameters == 4  # scale and shift are one tensor here; statistics are none
    assert rows["conv2"].notes[0] == "w is counted in conv"
    assert rows["conv2"].notes[1].startswith("7,776 MACs lead to no output that has a gradient")
    assert rows["conv"].backward_macs == rows["conv"].macs  # no gradient of the image
    assert rows["einsum1"].backward_macs == 2 * rows["einsum1"].macs
    assert report.batch == 2
    assert report.output_shape == (2, 7)


def test_sizes_left_open_are_asked_for(small: Path) -> None:
    with pytest.raises(ValueError, match="leaves the sizes of its input 'image' open"):
        inspect_onnx(small)


def test_the_command(small: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["inspect", str(small), "--input", "8x8x3", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["name"], data["macs"]) == ("small", 2 * 36 * 4 * 27 + 36 * 4 * 8 + 144 * 10 + 720 * 7)
    assert main(["inspect", str(LIGHT / "light_vgg19.onnx")]) == 0
    assert "MACs        19,632,062,464 forward" in capsys.readouterr().out
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no network")
    assert main(["inspect", str(wrong)]) == 2
    assert "is not an ONNX file" in capsys.readouterr().err
    assert main(["inspect", str(tmp_path / "absent.onnx")]) == 2
    assert "no file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "file", ["bvlc_alexnet", "densenet121", "inception_v2", "resnet50", "shufflenet", "squeezenet", "zfnet512"]
)
def test_classic_networks_become_trees(file: str) -> None:
    network, report = network_of_onnx(LIGHT / f"light_{file}.onnx"), inspect_onnx(LIGHT / f"light_{file}.onnx")
    assert parse(str(network)) == Network(network.input, network.body)
    found = analyse(network)
    assert (found.parameters, found.macs) == (report.parameters, report.macs)
    assert found.training_macs == report.training_macs


def test_what_is_no_tree_is_named(tmp_path: Path) -> None:
    from onnx import helper

    nodes = [helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 1, 3, 2], name="turn")]
    file = made(tmp_path / "turned.onnx", nodes, {"image": [1, 3, 4, 4]}, {}, "turned")
    with pytest.raises(ValueError, match=r"turn \(Transpose\): the tree has no layer for Transpose"):
        network_of_onnx(file)


def wave(dims: tuple[int, ...]) -> torch.Tensor:
    """Numbers that depend on a tensor's shape alone."""
    found = torch.cos(torch.arange(_size(dims), dtype=torch.float32)).reshape(dims)
    return 1 + found / 4 if len(dims) == 1 else found / found[0].numel() ** 0.5


def test_a_tree_computes_what_the_file_says(tmp_path: Path) -> None:
    """ONNX's own evaluator runs the file, PyTorch the tree, with equal numbers in tensors of equal shapes."""
    from onnx import TensorProto, helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["a"], pads=[1, 0, 2, 1], strides=[2, 1]),
        helper.make_node("BatchNormalization", ["a", "s", "t", "m", "v"], ["n"], epsilon=1e-3),
        helper.make_node("Relu", ["n"], ["r"]),
        helper.make_node("MaxPool", ["r"], ["p"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[1, 1]),
        helper.make_node("Conv", ["p", "w2"], ["c"]),
        helper.make_node("Reshape", ["c", "split"], ["groups"]),
        helper.make_node("Transpose", ["groups"], ["swapped"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["swapped", "whole"], ["dealt"]),
        helper.make_node("Add", ["dealt", "r"], ["sum"]),
        helper.make_node(
            "ConvTranspose", ["sum", "w3"], ["up"], strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]
        ),
        helper.make_node("LeakyRelu", ["up"], ["leaky"], alpha=0.2),
        helper.make_node("Constant", [], ["six"], value=numpy_helper.from_array(torch.tensor(6.0).numpy())),
        helper.make_node("Clip", ["leaky", "zero", "six"], ["l"]),
        helper.make_node("AveragePool", ["l"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Concat", ["small", "sum"], ["both"], axis=1),
        helper.make_node("GlobalAveragePool", ["both"], ["means"]),
        helper.make_node("Sigmoid", ["means"], ["gates"]),
        helper.make_node("Mul", ["gates", "both"], ["gated"]),
        helper.make_node("Flatten", ["gated"], ["f"]),
        helper.make_node("MatMul", ["f", "g"], ["y"]),
        helper.make_node("Add", ["y", "bias"], ["out"]),
        helper.make_node("Softmax", ["out"], ["probabilities"], axis=1),
    ]
    weights = {"w1": (4, 3, 3, 2), "b1": (4,), "s": (4,), "t": (4,), "m": (4,), "v": (4,), "w2": (4, 4, 1, 1)}
    weights |= {"w3": (4, 2, 3, 3), "g": (6 * 8 * 6, 5), "bias": (5,)}
    stored = [numpy_helper.from_array(wave(dims).numpy(), name) for name, dims in weights.items()]
    stored[8] = numpy_helper.from_array(wave((5, 288)).T.contiguous().numpy(), "g")
    stored.append(numpy_helper.from_array(torch.tensor(0.0).numpy(), "zero"))
    for name, sizes in (("split", (2, 2, 2, 6, 8)), ("whole", (2, 4, 6, 8))):
        stored.append(numpy_helper.from_array(torch.tensor(sizes).numpy(), name))
    given = [helper.make_tensor_value_info("image", TensorProto.FLOAT, [2, 3, 10, 8])]
    output = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [2, 5])]
    graph = helper.make_graph(nodes, "branches", given, output, stored)
    file = tmp_path / "branches.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(file))

    module = build(network_of_onnx(file)).eval()
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(wave(tuple(tensor.shape)))
        image = torch.rand(2, 3, 10, 8, generator=torch.Generator().manual_seed(3))
        found = module(image)
    (expected,) = ReferenceEvaluator(str(file)).run(None, {"image": image.numpy()})
    torch.testing.assert_close(found, torch.from_numpy(expected), rtol=1e-4, atol=1e-6)


def test_a_file_whose_shapes_clash_is_refused(tmp_path: Path) -> None:
    from onnx import helper

    nodes = [helper.make_node("Flatten", ["image"], ["f"]), helper.make_node("MatMul", ["f", "g"], ["y"])]
    file = made(tmp_path / "clash.onnx", nodes, {"image": [1, 3, 2, 2]}, {"g": (13, 5)}, "y")
    with pytest.raises(ValueError, match=r"\(MatMul\): is given 1×12, whose 12 columns do not fit the 13 rows of 13×5"):
        inspect_onnx(file)
    with pytest.raises(ValueError, match="MatMul"):
        network_of_onnx(file)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_memory_to_predict_is_what_pytorch_takes(tmp_path: Path) -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 4, 1),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(64, 5),
    )
    torch.onnx.export(model, (torch.zeros(2, 3, 8, 8),), str(tmp_path / "m.onnx"), dynamo=False)
    report, expected = inspect_onnx(tmp_path / "m.onnx"), inspect(model, (8, 8, 3), batch=2).memory
    assert report.memory is not None
    assert expected is not None
    assert (report.memory.weights, report.memory.activations) == (expected.weights, expected.activations)
    assert report.memory.activations == 4 * 2 * (3 * 64 + 2 * 8 * 64)
    assert (report.memory.kept, report.memory.training) == (None, None)
    assert report.to_dict()["memory"]["training"] is None
    assert "to predict" in str(report)
    assert "to train with Adam" not in str(report)
