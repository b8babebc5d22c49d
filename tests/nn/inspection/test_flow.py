"""What `inspect` draws of any model, and what it takes in memory: as PyTorch itself keeps it, to the byte."""

from __future__ import annotations

import csv
import json
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

from hubel import zoo
from hubel.cli import main
from hubel.nn import build, inspect


class Gated(nn.Module):
    """Three inputs, a sum, a gate, two outputs: no tree."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.v = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(1, 8, 3, padding=1), nn.Linear(10, 8)

    def forward(self, x: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        both = self.a(x) + self.b(y)
        gate = torch.sigmoid(self.v(z))[:, :, None, None]
        return (both * gate).mean((2, 3)), both


class InPlace(nn.Module):
    """Changes in place, views, a block used twice, something thrown away."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 3, padding=1), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = functional.relu_(self.norm(self.conv(x)))
        torch.cat([x, x]).sum()
        return x.view(x.shape[0], -1).clone()


def kept_by_pytorch(model: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Bytes that a real pass keeps for its backward pass, besides the weights."""
    held: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        held[tensor.untyped_storage()._cdata] = tensor.detach()
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        model(*inputs)
    own = {each.untyped_storage()._cdata for each in (*model.parameters(), *model.buffers())}
    return sum(tensor.untyped_storage().nbytes() for key, tensor in held.items() if key not in own)


MODELS: dict[str, tuple[Any, tuple[tuple[int, ...], ...]]] = {
    "gated": (Gated, ((2, 3, 32, 32), (2, 1, 32, 32), (2, 10))),
    "in place": (InPlace, ((3, 4, 8, 8),)),
    "lenet5": (lambda: build(zoo.get("lenet5")), ((2, 1, 28, 28),)),
    "resnet20": (lambda: build(zoo.get("resnet20")), ((2, 3, 32, 32),)),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_kept_for_the_backward_pass_is_what_pytorch_keeps(name: str) -> None:
    made, shapes = MODELS[name]
    model = made()
    inputs = tuple(torch.zeros(shape) for shape in shapes)
    memory = inspect(model, example=inputs).memory
    assert memory is not None
    assert memory.kept == kept_by_pytorch(model, inputs)
    assert memory.weights == sum(each.numel() * each.element_size() for each in (*model.parameters(), *model.buffers()))


def test_the_fullest_moment_of_a_chain_is_two_maps_and_what_is_held() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Sigmoid(), nn.Conv2d(4, 1, 3, padding=1))
    memory = inspect(model, (16, 16, 1)).memory
    assert memory is not None
    given, wide = 16 * 16 * 4, 16 * 16 * 4 * 4
    assert memory.activations == given + 2 * wide  # the caller holds the input
    assert memory.training >= memory.inference


class Without(nn.Module):
    """A model in a pass that keeps nothing for a backward pass."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *inputs: Tensor) -> Any:
        with torch.no_grad():
            return self.model(*inputs)


@pytest.mark.parametrize("name", MODELS)
def test_the_fullest_moment_is_that_of_a_pass_without_gradients(name: str) -> None:
    made, shapes = MODELS[name]
    model, inputs = made(), tuple(torch.zeros(shape) for shape in shapes)
    with_gradients, without = inspect(model, example=inputs).memory, inspect(Without(model), example=inputs).memory
    assert with_gradients is not None
    assert without is not None
    assert with_gradients.activations == without.activations
    assert without.training is None


def test_rows_say_who_reads_whom() -> None:
    report = inspect(Gated(), [(32, 32, 3), (32, 32, 1), (10,)])
    rows = [(stop.name, stop.type, stop.reads) for stop in report.stops]
    assert rows == [
        ("input 1", "input", ()),
        ("input 2", "input", ()),
        ("input 3", "input", ()),
        ("a", "Conv2d", (0,)),
        ("b", "Conv2d", (1,)),
        ("", "add", (3, 4)),
        ("v", "Linear", (2,)),
        ("", "sigmoid", (6,)),
        ("", "mul", (5, 7)),
        ("", "mean", (8,)),
        ("output 1", "output", (9,)),
        ("output 2", "output", (5,)),
    ]
    assert sum(stop.macs for stop in report.stops) == report.macs
    assert report.stops[3].shape == (1, 8, 32, 32)


@pytest.mark.parametrize("made", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("both", [False, True])
def test_no_multiply_add_is_left_out_of_a_drawing(made: Any, both: bool) -> None:
    report = inspect(made(16, 12, batch_first=True, bidirectional=both), example=torch.zeros(2, 20, 16))
    assert sum(stop.macs for stop in report.stops) == report.macs > 0
    assert made.__name__ in [stop.type for stop in report.stops]


def test_what_is_changed_in_place_is_read_from_who_changed_it() -> None:
    report = inspect(InPlace(), (8, 8, 4))
    rows = [(stop.name, stop.type, stop.reads) for stop in report.stops]
    assert rows[:7] == [
        ("input", "input", ()),
        ("conv", "Conv2d", (0,)),
        ("norm", "BatchNorm2d", (1,)),
        ("", "relu", (2,)),
        ("conv", "Conv2d", (3,)),
        ("norm", "BatchNorm2d", (4,)),
        ("", "relu", (5,)),
    ]
    assert rows[-1] == ("output", "output", (6,))


@pytest.mark.parametrize("name", ["googlenet", "unet", "densenet121", "resnet50"])
def test_large_models_are_drawn_on_tracks_that_no_two_results_share(name: str) -> None:
    network = zoo.get(name)
    report = inspect(build(network), network.input)
    figure: Any = report.figure()
    assert len(figure.rows) <= 150
    assert sum(row.macs for row in figure.rows) == report.macs
    assert sum(row.count for row in figure.rows) == len(report.stops)
    rows, tracks = figure.rows, figure.tracks
    last = [
        max([at for at, row in enumerate(rows) if number in row.reads], default=number) for number in range(len(rows))
    ]
    for number in range(len(rows)):
        passing = [tracks[other] for other in range(number) if last[other] > number]
        assert tracks[number] not in passing
        assert len(set(passing)) == len(passing)


MODEL = """
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.read = nn.Embedding(50, 16), nn.GRU(16, 8, batch_first=True)
    def forward(self, ids, mask=None):
        steps = self.read(self.embed(ids))[0]
        return steps if mask is None else steps.masked_fill(mask[..., None], 0)

class Wave(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(2, 4, 5)
    def forward(self, wave):
        return self.conv(wave)

volume = nn.Conv3d(1, 4, 3)
plain = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
"""


def ran(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    try:
        code = main(["inspect", *words])
    except SystemExit as left:
        code = int(left.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def there(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "various.py").write_text(MODEL)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "inputs", "given"),
    [
        ("Encoder", ["20:int"], [[3, 20]]),
        ("Encoder", ["ids=20:int", "mask=20:bool"], [[3, 20], [3, 20]]),
        ("Wave", ["160x2"], [[3, 2, 160]]),
        ("Wave", ["2x160:as-is"], [[3, 2, 160]]),
        ("volume", ["8x9x10x1"], [[3, 1, 8, 9, 10]]),
        ("plain", ["2x2x3"], [[3, 3, 2, 2]]),
    ],
)
def test_inputs_of_any_kind(name: str, inputs: list[str], given: list[list[int]], there: Any, capsys: Any) -> None:
    options = [word for text in inputs for word in ("--input", text)]
    code, out, err = ran(f"various.py:{name}", *options, "--batch", "3", "--json", capsys=capsys)
    assert code == 0, err
    found = json.loads(out)
    assert found["input_shapes"] == given
    assert found["flops"] == 2 * found["macs"]
    assert found["memory"]["kept"] >= 0
    assert len(found["graph"]) >= 3
    assert any("as-is" in note for note in found["notes"]) == (inputs[0] in ("160x2", "8x9x10x1"))


def test_the_order_of_a_sequence_is_the_one_that_the_model_takes(there: Any, capsys: Any) -> None:
    (there / "steps.py").write_text("from torch import nn\nreader = nn.LSTM(16, 12, batch_first=True)\n")
    code, out, err = ran("steps.py:reader", "--input", "20x16", "--json", capsys=capsys)
    assert code == 0, err
    assert json.loads(out)["input_shapes"] == [[1, 20, 16]]
    assert any(
        "axes are left in the order given, since the model does not run where the last of them" in note
        for note in json.loads(out)["notes"]
    )
    code, _, err = ran("steps.py:reader", "--input", "20x17", capsys=capsys)
    assert code != 0
    assert "expected" in err


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (["20"], "looks rows up by whole numbers, and received others: where those are the input, --input 20:int"),
        (["20:itn"], "received 'itn'; did you mean 'int'?"),
        (["20:int", "mask=20:bool"], "expected all inputs with names or none, received mask=20:bool and 20:int"),
        (["0x3"], "sizes of at least 1"),
        (["ids=x"], "expected a shape such as 224x224x3 or 128"),
        (["idz=20:int"], "unexpected keyword argument 'idz'"),
    ],
)
def test_inputs_that_are_none_are_named(inputs: list[str], said: str, there: Any, capsys: Any) -> None:
    options = [word for text in inputs for word in ("--input", text)]
    code, _, err = ran("various.py:Encoder", *options, capsys=capsys)
    assert code != 0
    assert said in err
    assert "fault of hubel's own" not in err


def test_drawings_tables_and_operations_on_request(there: Any, capsys: Any) -> None:
    one = ["various.py:Encoder", "--input", "20:int"]
    for ending in ("svg", "png", "pdf", "html"):
        code, _, err = ran(*one, "-o", f"drawn.{ending}", capsys=capsys)
        assert code == 0, err
        assert (there / f"drawn.{ending}").stat().st_size > 1000
    assert "read" in (there / "drawn.svg").read_text()
    assert ran(*one, "-o", "table.csv", capsys=capsys)[0] == 0
    rows = list(csv.DictReader((there / "table.csv").read_text().splitlines()))
    assert [row["module"] for row in rows] == ["embed", "read"]
    _, out, _ = ran(*one, "--flops", capsys=capsys)
    assert "FLOPs       " in out
    assert "(2 × MACs)" in out
    assert "memory      " in out
    assert "keeps" not in out


class Answers(NamedTuple):
    """What a model may return by names."""

    logits: Tensor
    boxes: Tensor


@pytest.mark.parametrize("made", [dict, Answers])
def test_outputs_are_drawn_and_told_by_the_names_that_a_model_gives_them(made: Any) -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 3), nn.Linear(6, 4)

        def forward(self, x: Tensor) -> Any:
            return made(logits=self.a(x), boxes=self.b(x))

    report = inspect(Named(), 6)
    assert [stop.name for stop in report.stops if stop.type == "output"] == ["logits", "boxes"]
    assert "gives 2 tensors: logits 1×3, boxes 1×4" in report.notes
    assert "1×6 → 1×3, 1×4\n" in str(report)
