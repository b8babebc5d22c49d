"""What the backward pass costs is what PyTorch runs: to what leads to an output, of what has a gradient at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from onnx import TensorProto
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from hubel.nn import inspect, inspect_onnx
from tests.nn.inspection.test_onnx_odd import floats, node, saved


def by_pytorch(model: nn.Module, *inputs: Tensor) -> int:
    """Multiply-adds of a real backward pass from all that a model returns."""
    output = model(*inputs)
    found = output if isinstance(output, tuple) else (output,)
    loss = torch.stack([each.sum() for each in found if each.requires_grad]).sum()
    with FlopCounterMode(display=False) as counter:
        loss.backward()
    flops: int = counter.get_total_flops()
    return flops // 2


class Model(nn.Module):
    """Three layers, and a way through them."""

    def __init__(self, way: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(6, 6), nn.Linear(6, 5), nn.Linear(6, 4)
        self.way = way

    def forward(self, x: Tensor) -> Any:
        return self.way(self, x)


def thrown_away(m: Any, x: Tensor) -> Tensor:
    x = m.a(x)
    m.b(x)
    return m.c(x)  # type: ignore[no-any-return]


def cut_off(m: Any, x: Tensor) -> Tensor:
    x = m.a(x)
    return m.c(x) + m.b(x).detach().mean()  # type: ignore[no-any-return]


def chosen(m: Any, x: Tensor) -> Tensor:
    x = m.a(x)
    return m.c(x) * m.b(x).argmax(-1, keepdim=True)  # type: ignore[no-any-return]


def behind_what_is_cut(m: Any, x: Tensor) -> Tensor:
    return m.c(m.a(x).detach())  # type: ignore[no-any-return]


def written_into(m: Any, x: Tensor) -> Tensor:
    kept = torch.zeros(len(x), 9)
    kept[:, :5] = m.b(m.a(x))
    m.c(x)
    return kept.relu()


def written_over(m: Any, x: Tensor) -> Tensor:
    kept = m.b(m.a(x)).clone()
    kept.copy_(torch.ones_like(kept) * m.c(x).mean())
    return kept


def two_ways(m: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    return m.b(m.a(x)), m.c(x).argmax(-1)


def attended(m: Any, x: Tensor) -> Tensor:
    x = m.a(x)
    x @ x.T
    return m.c(functional.normalize((x @ x.T).softmax(-1) @ x))  # type: ignore[no-any-return]


def again(m: Any, x: Tensor) -> Tensor:
    return checkpoint(lambda y: m.c(m.a(y)), m.a(x), use_reentrant=False)  # type: ignore[no-any-return]


WAYS = [thrown_away, cut_off, chosen, behind_what_is_cut, written_into, written_over, two_ways, attended]


@pytest.mark.parametrize("way", WAYS)
def test_backward_is_what_pytorch_runs(way: Callable[[Any, Tensor], Any]) -> None:
    report = inspect(Model(way), example=torch.zeros(3, 6))
    assert report.backward_macs == by_pytorch(Model(way), torch.zeros(3, 6))
    assert report.macs >= report.backward_macs / 2


def test_what_is_computed_twice_counts_as_once() -> None:
    report = inspect(Model(again), example=torch.zeros(3, 6))
    plain = inspect(Model(lambda m, x: m.c(m.a(m.a(x)))), example=torch.zeros(3, 6))
    assert report.backward_macs == plain.backward_macs


def test_what_leads_nowhere_is_said() -> None:
    report = inspect(Model(thrown_away), example=torch.zeros(3, 6))
    row = report.find("b")[0]
    assert (row.macs, row.backward_macs) == (90, 0)
    assert row.notes == ("90 MACs lead to no output that has a gradient: what they would cost backward is not counted",)
    assert all(not other.notes for other in report.rows if other is not row)


def test_outputs_in_objects_count() -> None:
    report = inspect(Model(lambda m, x: SimpleNamespace(found={"b": [m.b(m.a(x))]})), example=torch.zeros(3, 6))
    assert report.backward_macs == 3 * (36 + 2 * 30)


@pytest.mark.parametrize(
    "way",
    [
        lambda m, x: m.b(x).argmax(-1),
        lambda m, x: m.b(x) > 0,
        lambda m, x: m.b(x).detach(),
        lambda m, x: m.b(x).long(),
        lambda m, x: {"classes": m.b(x).topk(1)[1]},
        lambda m, x: torch.no_grad()(m.b)(x),
    ],
)
def test_a_model_without_gradients_is_said_to_have_none(way: Callable[[Any, Tensor], Any]) -> None:
    report = inspect(Model(way), example=torch.zeros(3, 6))
    assert (report.macs, report.backward_macs) == (90, 0)
    (note,) = (note for note in report.notes if "trained" in note)
    assert note.startswith("it cannot be trained as it stands, and no backward pass is counted: nothing that it ret")
    assert report.memory is not None
    assert report.memory.training is None
    assert "to train" not in str(report)


@pytest.mark.parametrize("name", ["round", "floor", "ceil", "trunc", "sign"])
def test_gradients_of_zero_are_said(name: str) -> None:
    report = inspect(Model(lambda m, x: m.c(m.a(getattr(torch, name)(m.a(x))))), example=torch.zeros(3, 6))
    assert report.backward_macs == by_pytorch(
        Model(lambda m, x: m.c(m.a(getattr(torch, name)(m.a(x))))), torch.zeros(3, 6)
    )
    assert not report.notes  # what is learned before it is learned behind it, too
    report = inspect(Model(lambda m, x: m.c(getattr(torch, name)(m.a(x)))), example=torch.zeros(3, 6))
    assert report.notes == (
        f"42 of its parameters learn nothing: all that comes of them goes through {name}, whose gradient is 0 "
        "everywhere",
    )


class WithoutBackward(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        return x * 2


def changed(m: Any, x: Tensor) -> Tensor:
    found = m.b(x).sigmoid()
    return found.mul_(found.detach() + 1)  # type: ignore[no-any-return]


def changed_in_a_part(m: Any, x: Tensor) -> Tensor:
    found = m.b(x).exp()
    found[:, 0] = 1
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("way", "why"),
    [
        (lambda m, x: m.b(x) // 2, "PyTorch has no derivative of one of its functions (as of x // 2 and heaviside)"),
        (lambda m, x: WithoutBackward.apply(m.b(x)), "the autograd.Function WithoutBackward has no backward"),
        (changed, "mul_ changes in place what the backward pass needs as it was"),
        (changed_in_a_part, "copy_ changes in place what the backward pass needs as it was"),
    ],
)
def test_what_pytorch_cannot_differentiate_is_said(way: Callable[[Any, Tensor], Any], why: str) -> None:
    with pytest.raises((RuntimeError, NotImplementedError)):
        by_pytorch(Model(way), torch.zeros(3, 6))
    report = inspect(Model(way), example=torch.zeros(3, 6))
    assert (report.macs, report.backward_macs) == (90, 0)
    assert report.notes[0] == f"it cannot be trained as it stands, and no backward pass is counted: {why}"


def relu_in_place(m: Any, x: Tensor) -> Tensor:
    return m.c(functional.dropout(functional.relu_(m.a(x).add_(1)) + x, 0.3, inplace=True))  # type: ignore[no-any-return]


@pytest.mark.parametrize("way", [relu_in_place, lambda m, x: m.c(m.a(x).relu_()).softmax(1).clone().clamp_(0, 0.5)])
def test_what_changes_in_place_and_can_be_trained_is_counted(way: Callable[[Any, Tensor], Any]) -> None:
    report = inspect(Model(way), example=torch.zeros(3, 6))
    assert report.backward_macs == by_pytorch(Model(way), torch.zeros(3, 6))
    assert not any("trained" in note for note in report.notes)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell])
def test_recurrent_layers_can_be_trained(kind: Any) -> None:
    report = inspect(kind(6, 4), example=torch.zeros(3, 6))
    assert report.backward_macs > 0
    assert not report.notes[1:]


def test_what_is_thrown_away_is_not_kept_for_training() -> None:
    kept = [inspect(Model(way), example=torch.zeros(3, 6)).memory for way in (thrown_away, lambda m, x: m.c(m.a(x)))]
    assert kept[0] is not None
    assert kept[1] is not None
    assert kept[0].kept == kept[1].kept


class Recurrent(nn.Module):
    def __init__(self, kind: Any, before: bool, layers: int, both: bool, bias: bool = True) -> None:
        super().__init__()
        self.before = nn.Linear(5, 5) if before else nn.Identity()
        self.cell = kind(5, 4, layers, batch_first=True, bidirectional=both, bias=bias)
        self.after = nn.Linear(8 if both else 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.cell(self.before(x))[0])  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    ("before", "layers", "both"), [(False, 1, False), (True, 1, False), (False, 2, True), (True, 3, True)]
)
def test_recurrent_layers_in_files_cost_what_modules_do(
    kind: Any, before: bool, layers: int, both: bool, tmp_path: Path
) -> None:
    model, example = Recurrent(kind, before, layers, both), torch.zeros(2, 7, 5)
    torch.onnx.export(model.eval(), (example,), str(tmp_path / "n.onnx"), dynamo=False)
    file, module = inspect_onnx(tmp_path / "n.onnx"), inspect(model, example=example)
    assert (file.parameters, file.macs, file.backward_macs) == (module.parameters, module.macs, module.backward_macs)


def test_a_first_state_that_is_learned_wants_a_gradient(tmp_path: Path) -> None:
    stored = {"w": floats(1, 16, 5), "r": floats(1, 16, 4), "b": floats(1, 32), "h": floats(1, 2, 4)}
    counts = []
    for state in ("", "h"):
        one = node("LSTM", ["x", "w", "r", "b", "", state], ["y"], hidden_size=4)
        kept = stored if state else {name: array for name, array in stored.items() if name != "h"}
        counts.append(inspect_onnx(saved(tmp_path / "n.onnx", [one], [7, 2, 5], kept)).backward_macs)
    assert counts == [7 * 2 * (80 + 64) + 6 * 2 * 64, 7 * 2 * (80 + 64) + 7 * 2 * 64]


def test_a_file_counts_backward_what_leads_to_its_outputs(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "a"], ["h"]),
        node("MatMul", ["h", "b"], ["left"], name="left"),
        node("MatMul", ["h", "c"], ["scores"], name="chosen"),
        node("ArgMax", ["scores"], ["best"], axis=1, keepdims=1),
        node("Cast", ["best"], ["factor"], to=1),
        node("Mul", ["h", "factor"], ["y"]),
    ]
    stored = {"a": floats(6, 6), "b": floats(6, 5), "c": floats(6, 4)}
    report = inspect_onnx(saved(tmp_path / "n.onnx", nodes, [3, 6], stored))
    assert (report.macs, report.backward_macs) == (3 * (36 + 30 + 24), 3 * 36)
    told = "lead to no output that has a gradient: what they would cost backward is not counted"
    assert [row.notes for row in report.rows if row.notes] == [(f"90 MACs {told}",), (f"72 MACs {told}",)]


def test_a_file_of_whole_numbers_is_not_trained(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "a"], ["h"]), node("ArgMax", ["h"], ["y"], axis=1)]
    report = inspect_onnx(saved(tmp_path / "n.onnx", nodes, [3, 6], {"a": floats(6, 6)}, gives=TensorProto.INT64))
    assert (report.parameters, report.macs, report.backward_macs) == (36, 108, 0)
    assert report.notes[0].startswith("it cannot be trained as it stands, and no backward pass is counted: ")


def test_a_file_that_rounds_learns_nothing_before(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "a"], ["h"]),
        node("Round", ["h"], ["r"]),
        node("MatMul", ["r", "b"], ["y"]),
    ]
    report = inspect_onnx(saved(tmp_path / "n.onnx", nodes, [3, 6], {"a": floats(6, 6), "b": floats(6, 5)}))
    assert report.notes[0].startswith("36 of its parameters learn nothing: all that comes of them goes through round")


class Experts(nn.Module):
    """Four experts of two layers, each for some of the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.ones(4, 8, 16)), nn.Parameter(torch.ones(4, 16, 8))

    def forward(self, x: Tensor) -> Tensor:
        ends = torch.arange(1, 5, dtype=torch.int32, device=x.device) * (len(x) // 4)
        return torch._grouped_mm(torch._grouped_mm(x, self.a, ends).relu(), self.b, ends)


def test_experts_in_groups_of_rows_count() -> None:
    report = inspect(Experts(), example=torch.zeros(12, 8))
    assert report.output_shape == (12, 8) == tuple(Experts()(torch.zeros(12, 8)).shape)
    assert (report.macs, report.backward_macs) == (2 * 12 * 8 * 16, 3 * 12 * 8 * 16)
    assert not report.find("")[0].notes
