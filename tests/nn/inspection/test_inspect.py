"""`inspect` gives the right figures for any module, also where other tools do not."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from benchmarks.accounting.cases import CASES, Case
from benchmarks.accounting.models import resnet152
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from hubel import zoo
from hubel.arch import analyse, parse
from hubel.nn import NetworkModule, build, inspect


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cases_that_tools_get_wrong(case: Case) -> None:
    report = inspect(case.build(), example=torch.zeros(case.input))
    assert getattr(report, case.figure) == case.right


class WithExits(nn.Module):
    """A network together with its side exits, as in training."""

    def __init__(self, network: NetworkModule) -> None:
        super().__init__()
        self.network = network

    def forward(self, input: Tensor) -> Any:
        return self.network.logits_with_auxiliary(input)


NETWORKS = (
    "lenet5",
    "lenet5_1998",
    "alexnet",
    "googlenet",
    "resnet18",
    "squeezenet1_1",
    "mobilenet_v2",
    "densenet121",
    "efficientnet_lite0",
    "convnext_tiny",
    "unet",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_the_arithmetic_of_the_zoo(name: str) -> None:
    network = zoo.get(name)
    with torch.device("meta"):
        module = WithExits(build(network))
    expected, found = analyse(network), inspect(module, network.input)
    assert found.parameters == expected.parameters
    assert found.trainable == expected.trainable
    assert found.macs == expected.macs
    assert found.training_macs == expected.training_macs


def test_every_row_of_a_network_equals_the_arithmetic() -> None:
    network = parse(
        "12x12x4: conv 8 3x3/2 same, norm, relu, dwconv 3x3, se 2, deconv 6 2x2/2, local 3 3x3, flatten, dense 5"
    )
    found = {row.path: row for row in inspect(build(network), (12, 12, 4)).rows}
    rows = analyse(network).rows
    # a composition's layers have rows of their own, so that each module is of the innermost row
    innermost = {path: max(row.path for row in rows if f"{path}.".startswith(f"{row.path}.")) for path in found}
    for row in rows:
        parts = [found[path] for path in found if innermost[path] == row.path]
        assert sum(part.macs for part in parts) == row.cost.macs
        assert sum(part.parameters for part in parts) == row.cost.parameters


def test_backward_equals_what_autograd_runs() -> None:
    """PyTorch's own counter watches a real backward pass: two FLOPs a multiply-add."""
    body = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 4, 4, 2, 1),  # in groups the counter multiplies its weight's gradient by their number
        nn.Conv2d(4, 4, 3, groups=4).requires_grad_(False),
        nn.Flatten(2),
        nn.Linear(196, 16),
        nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True),
    )
    report = inspect(body, (16, 16, 3), batch=2)
    # the counter knows no fused attention on the processor, so that attention runs as matrix products here
    with sdpa_kernel(SDPBackend.MATH):
        with FlopCounterMode(display=False) as forward:
            loss = body(torch.zeros(2, 3, 16, 16)).sum()
        with FlopCounterMode(display=False) as backward:
            loss.backward()
    assert report.macs == forward.get_total_flops() // 2
    assert report.backward_macs == backward.get_total_flops() // 2


def test_frozen_layers_and_the_input_need_no_gradient() -> None:
    layers = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 6), nn.Linear(6, 7))
    layers[1].requires_grad_(False)
    rows = inspect(layers, (4,)).rows
    assert [row.backward_macs for row in rows] == [20, 30, 84]  # weight alone; input alone; both
    assert [row.trainable for row in rows] == [25, 0, 49]
    layers.requires_grad_(False)
    assert inspect(layers, (4,)).backward_macs == 0


class NoGradient(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, input: Tensor) -> Tensor:
        with torch.no_grad():
            found = self.backbone(input)
        return self.head(found)


def test_what_runs_without_gradients_costs_nothing_backward() -> None:
    assert [row.backward_macs for row in inspect(NoGradient(), (4,)).rows] == [0, 8]


class Reused(nn.Module):
    """One convolution run three times, one never, and a functional product of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.shared = nn.Conv2d(4, 4, 1, bias=False)
        self.alias = self.shared
        self.idle = nn.Linear(3, 3)
        self.mix = nn.Parameter(torch.zeros(4, 4))

    def forward(self, input: Tensor) -> Tensor:
        found = self.alias(self.shared(self.shared(input)))
        return functional.linear(found.mean((2, 3)), self.mix)


def test_reused_modules_count_each_time_and_their_parameters_once() -> None:
    report = inspect(Reused(), (5, 5, 4))
    rows = {row.path: row for row in report.rows}
    assert set(rows) == {"", "shared", "idle"}
    assert (rows["shared"].calls, rows["shared"].macs, rows["shared"].parameters) == (3, 3 * 25 * 16, 16)
    assert (rows[""].macs, rows[""].parameters) == (16, 16)
    assert (rows["idle"].calls, rows["idle"].output_shape) == (0, None)
    assert rows["idle"].notes == ("never ran for this input",)
    assert report.parameters == 16 + 16 + 12
    assert "(itself)" in str(report)


def test_a_shared_parameter_says_where_it_is_counted() -> None:
    first, second = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
    second.weight = first.weight
    rows = inspect(nn.Sequential(first, second), (4,)).rows
    assert [row.parameters for row in rows] == [16, 0]
    assert rows[1].notes == ("weight is 0.weight, counted there",)


def test_the_batch_counts() -> None:
    layer = nn.Conv2d(3, 8, 3)
    one, eight = inspect(layer, (32, 32, 3)), inspect(layer, (32, 32, 3), batch=8)
    assert (one.macs, eight.macs) == (194_400, 1_555_200)
    assert (one.batch, eight.batch) == (1, 8)
    assert eight.output_shape == (8, 8, 30, 30)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers(kind: Any) -> None:
    gates = {nn.LSTM: 4, nn.GRU: 3, nn.RNN: 1}[kind]
    layer = kind(6, 5, batch_first=True)
    report = inspect(layer, example=torch.zeros(2, 7, 6))
    assert report.macs == 2 * 7 * gates * 5 * (6 + 5)
    assert report.parameters == gates * 5 * (6 + 5 + 2)
    assert report.output_shape == (2, 7, 5)


def test_attention_in_all_its_forms() -> None:
    class Attend(nn.Module):
        def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            return functional.scaled_dot_product_attention(query, key, value)

    example = (torch.zeros(2, 4, 10, 8), torch.zeros(2, 4, 12, 8), torch.zeros(2, 4, 12, 6))
    assert inspect(Attend(), example=example).macs == 2 * 4 * 10 * 12 * (8 + 6)
    tokens = torch.zeros(2, 10, 16)
    layer = nn.MultiheadAttention(16, 4, batch_first=True)
    assert inspect(layer, example=(tokens, tokens, tokens)).macs == 2 * (4 * 10 * 16 * 16 + 2 * 10 * 10 * 16)
    for training in (True, False):
        encoder = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).train(training)
        report = inspect(encoder, example=tokens)
        expected = 2 * (4 * 10 * 16 * 16 + 2 * 10 * 10 * 16 + 2 * 10 * 16 * 32)
        assert report.macs == expected
        (projection,) = report.find("self_attn.out_proj")
        assert projection.notes == ("not called itself: another module uses its parameters",)


def test_products_of_every_kind() -> None:
    class Products(nn.Module):
        def forward(self, a: Tensor, b: Tensor, v: Tensor) -> Any:
            bias = torch.zeros(3, 4, 6)
            return (
                torch.bmm(a, b),  # 3·4·5·6
                torch.baddbmm(bias, a, b),
                torch.addbmm(bias[0], a, b),
                torch.einsum("nij,njk->nik", a, b),
                torch.mv(a[0], v),  # 4·5
                torch.dot(v, v),  # 5
                torch.tensordot(a[0], b[0], dims=1),  # 4·5·6
            )

    report = inspect(Products(), example=(torch.zeros(3, 4, 5), torch.zeros(3, 5, 6), torch.zeros(5)))
    assert report.macs == 4 * 360 + 20 + 5 + 120
    assert report.rows[0].notes[0].startswith("returns 7 tensors: 3×4×6, ")
    assert inspect(nn.Bilinear(3, 4, 5), example=(torch.zeros(2, 3), torch.zeros(2, 4))).macs == 2 * (60 + 20)


def test_keywords_and_several_pictures() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(1, 4, 1)

        def forward(self, left: Tensor, right: Tensor) -> Tensor:
            return self.left(left) + self.right(right)

    report = inspect(Two(), [(8, 8, 3), (8, 8, 1)])
    assert report.input_shapes == ((1, 3, 8, 8), (1, 1, 8, 8))
    assert report.macs == 64 * 4 * (3 + 1)
    example = {"right": torch.zeros(1, 1, 8, 8), "left": torch.zeros(1, 3, 8, 8)}
    assert inspect(Two(), example=example).macs == report.macs


class Deciding(nn.Module):
    """Makes tensors of its own, and decides on small ones, as many models do."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))
        self.counter = torch.zeros(())

    def forward(self, input: Tensor) -> Tensor:
        self.counter += 1
        rates = torch.linspace(0, 1, 3, device=input.device if False else None).tolist()
        mask = torch.tril(torch.ones(4, 4)).to(input.device)
        for rate, layer in zip(rates, self.layers, strict=True):
            if torch.rand(()) >= rate - 1:
                input = layer(input) @ mask
        return input * torch.arange(4) + torch.tensor(2.0)


def test_models_that_make_tensors_and_decide_on_them() -> None:
    model = Deciding()
    assert inspect(model, (4,)).macs == 3 * (16 + 16)
    assert model.counter == 0


def test_models_that_were_built_without_numbers() -> None:
    with torch.device("meta"):
        model = resnet152()
    report = inspect(model, (224, 224, 3))
    assert (report.parameters, report.macs, report.training_macs) == (60_192_808, 11_513_626_624, 34_422_865_920)
    row = next(row for row in report.rows if row.path == "layer1.0.relu")
    assert row.calls == 3
    assert row.notes == ("ran 3 times, with different outputs: 1×64×56×56, 1×256×56×56",)


def test_in_half_precision_and_under_no_grad() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)).half()
    expected = inspect(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2)), (8, 8, 3))
    for context in (torch.no_grad(), torch.inference_mode(), torch.enable_grad()):
        with context:
            report = inspect(model, (8, 8, 3))
        assert (report.macs, report.backward_macs) == (expected.macs, expected.backward_macs)


def test_a_forward_in_inference_mode_is_seen() -> None:
    class Inference(nn.Linear):
        @torch.inference_mode()
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input)

    report = inspect(Inference(4, 5), (4,))
    assert (report.macs, report.backward_macs) == (20, 0)


def test_the_report_as_data_and_as_text() -> None:
    report = inspect(nn.Sequential(nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2)), (28, 28, 1))
    data = json.loads(json.dumps(report.to_dict()))
    assert data["macs"] == 24 * 24 * 6 * 25
    assert data["training_macs"] == data["macs"] + data["backward_macs"]
    assert data["input_shapes"] == [[1, 1, 28, 28]]
    assert [layer["name"] for layer in data["layers"]] == ["0", "1", "2"]
    assert data["layers"][0] == {
        "name": "0",
        "type": "Conv2d",
        "output_shape": [1, 6, 24, 24],
        "parameters": 156,
        "trainable": 156,
        "macs": 86_400,
        "backward_macs": 86_400,
        "calls": 1,
        "notes": [],
    }
    lines = str(report).splitlines()
    assert lines[0] == "Sequential  1×1×28×28 → 1×6×12×12"
    assert lines[3].split() == ["0", "Conv2d", "1×6×24×24", "156", "86,400", "86,400"]
    assert "86,400 forward, 86,400 backward (batch of 1)" in lines[-3]


def test_parts_of_a_report() -> None:
    report = inspect(nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)), nn.Linear(4, 4)), (4,))
    assert [row.path for row in report.find("0")] == ["0.0", "0.1"]
    assert len(report.find("")) == 3
    with pytest.raises(KeyError, match=r"no module is called '0\.7'; did you mean '0\.1'"):
        report.find("0.7")
