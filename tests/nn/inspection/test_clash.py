"""Where a model does not run, `inspect` names the layer, the shapes, and what would fit; and what it says is true."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from hubel.arch import ShapeError
from hubel.cli import main
from hubel.nn import inspect, network_of


class Classifier(nn.Module):
    """LeNet-5's shape for 32×32 pictures, with functional pooling."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(channels, 6, 5), nn.Conv2d(6, 16, 5))
        self.head = nn.Linear(400, 10)

    def forward(self, input: Tensor) -> Tensor:
        for layer in self.features:
            input = functional.max_pool2d(layer(input), 2)
        return self.head(input.flatten(1))


def clash(model: nn.Module, shape: Any = None, **more: Any) -> ShapeError:
    with pytest.raises(ShapeError) as caught:
        inspect(model, shape, **more)
    assert caught.value.__cause__ is not None
    return caught.value


def test_a_dense_layer_says_which_picture_would_fit_and_it_does() -> None:
    error = clash(Classifier(), (28, 28, 3))
    assert error.place == "head"
    assert str(error) == (
        "head: Linear expected 400 features last, received 1×256\n"
        "  rule: features = in_features\n"
        "  here: 256 ≠ 400\n"
        "  what would fit: in_features 256 → as received; input_shape 32×32×3 → 400 features"
    )
    assert inspect(Classifier(), (32, 32, 3)).output_shape == (1, 10)


def test_other_sizes_are_searched_for_and_only_true_ones_told() -> None:
    model = Classifier()
    model.head = nn.Linear(16 * 8 * 8, 10)
    assert str(clash(model, (224, 224, 3)).fits[-1]) == "input_shape 44×44×3 → 1024 features"
    assert inspect(model, (44, 44, 3)).output_shape == (1, 10)
    model.head = nn.Linear(1000, 10)  # which no square picture gives
    assert [fit.argument for fit in clash(model, (224, 224, 3)).fits] == ["in_features"]


def test_channels_in_the_wrong_place() -> None:
    error = clash(Classifier(), (3, 32, 64))
    assert error.place == "features.0"
    assert error.expected == "Conv2d expected 3 channels, received 64 in 1×64×3×32"
    assert str(error.fits[-1]) == "input_shape 32×64×3 → shapes are height × width × channels"
    assert inspect(Classifier().features, (32, 64, 3)).macs > 0


def test_a_grey_picture_for_a_colour_network() -> None:
    error = clash(Classifier(), (32, 32, 1))
    assert [str(fit) for fit in error.fits] == ["in_channels 1 → as received", "input_shape 32×32×3 → 3 channels"]


def test_a_picture_smaller_than_a_kernel() -> None:
    error = clash(Classifier(), (4, 9, 3))
    assert error.place == "features.0"
    assert "at least 5×5, received 4×9" in error.expected
    assert "input height at least 5 → 1" in map(str, error.fits)


def layer_cases() -> list[Any]:
    zeros = torch.zeros
    return [
        (nn.Conv1d(4, 2, 3), zeros(1, 5, 9), "Conv1d expected 4 channels, received 5", "in_channels 5"),
        (nn.Conv2d(4, 2, 3), zeros(1, 36), "Conv2d expected N×C×H×W, received 1×36", None),
        (nn.ConvTranspose2d(4, 2, 3), zeros(1, 5, 3, 3), "expected 4 channels, received 5", "in_channels 5"),
        (nn.Linear(36, 2), zeros(2, 4, 3, 3), "expected 36 features last, received 2×4×3×3", "before it flatten(1)"),
        (nn.MaxPool2d(5), zeros(1, 4, 3, 3), "at least 5×5, received 3×3", "padding 1"),
        (nn.BatchNorm2d(4), zeros(1, 5, 3, 3), "BatchNorm2d expected 4 channels, received 1×5×3×3", "num_features 5"),
        (nn.BatchNorm1d(4), zeros(1, 4), "expected more than one value a channel", "batch 2"),
        (nn.GroupNorm(2, 4), zeros(1, 6, 3, 3), "GroupNorm expected 4 channels", "num_channels 6"),
        (nn.LayerNorm((3, 4)), zeros(1, 4, 3), "LayerNorm expected 3×4 last, received 1×4×3", "normalized_shape 4×3"),
        (nn.LSTM(4, 8), zeros(7, 1, 5), "LSTM expected 4 features last, received 7×1×5", "input_size 5"),
    ]


@pytest.mark.parametrize(("layer", "example", "said", "fit"), layer_cases())
def test_layers(layer: nn.Module, example: Tensor, said: str, fit: str | None) -> None:
    error = clash(nn.Sequential(nn.Identity(), layer), example=example)
    assert error.place == "1"
    assert said in error.expected
    if fit is not None:
        assert any(str(found).startswith(fit) for found in error.fits), error.fits


class Calls(nn.Module):
    """A module that calls a function of its own."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def operation_cases() -> list[Any]:
    def picture(channels: int, size: int) -> Tensor:
        return torch.zeros(1, channels, size, size)

    return [
        (torch.matmul, (torch.zeros(3, 4), torch.zeros(5, 6)), "received 3×4 and 5×6", "the right 4×6"),
        (torch.bmm, (torch.zeros(2, 3, 4), torch.zeros(2, 5, 6)), "received 2×3×4 and 2×5×6", "the left 2×3×5"),
        (torch.add, (picture(8, 16), picture(8, 8)), "add expected equal sizes", "in the large branch stride 2"),
        (
            torch.mul,
            (picture(8, 4), picture(6, 4)),
            "mul expected equal sizes",
            "in the narrow branch a 1×1 convolution to 8",
        ),
        (lambda a, b: torch.cat((a, b), 1), (picture(8, 4), picture(8, 3)), "cat expected tensors", "in every branch"),
        (lambda a: a.view(2, 5), (torch.zeros(3, 4),), "as many numbers, received 3×4", "the shape -1"),
        (functional.conv2d, (picture(4, 8), torch.zeros(6, 3, 3, 3)), "a weight of 6×3×3×3", None),
    ]


@pytest.mark.parametrize(("function", "example", "said", "fit"), operation_cases())
def test_functions(function: Any, example: Any, said: str, fit: str | None) -> None:
    error = clash(Wrapped(Calls(function)), example=example)
    assert error.place == "inner"
    assert said in error.expected
    if fit is not None:
        assert any(str(found).startswith(fit) for found in error.fits), error.fits


class Wrapped(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.inner(*inputs)


def test_a_model_that_decides_on_numbers_is_named() -> None:
    def decide(input: Tensor) -> Tensor:
        return input if input.sum().item() > 0 else -input

    with pytest.raises(ValueError, match=r"inner \(Calls\): decides on the numbers in a tensor"):
        inspect(Wrapped(Calls(decide)), (5,))
    with pytest.raises(ValueError, match=r"inner \(Calls\): decides on the numbers in a tensor"):
        inspect(Wrapped(Calls(lambda input: torch.from_numpy(input.numpy()))), (5,))


def test_a_model_that_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"inner \(Calls\): KeyError: 'nothing'") as caught:
        inspect(Wrapped(Calls(lambda input: {}["nothing"])), (5,))
    assert isinstance(caught.value.__cause__, KeyError)


def test_what_is_caught_inside_is_no_error() -> None:
    class Tries(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wrong, self.right = nn.Sequential(nn.Linear(3, 3)), nn.Linear(4, 2)

        def forward(self, input: Tensor) -> Tensor:
            try:
                return self.wrong(input)
            except RuntimeError:
                return self.right(input)

    report = inspect(Tries(), (4,))
    assert report.macs == 8
    assert {row.path: row.macs for row in report.rows}["right"] == 8


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "expected either input_shape, such as .* or an example"),
        ({"input_shape": (4,), "example": torch.zeros(1, 4)}, "expected either input_shape"),
        ({"input_shape": (28, 28, 1, 1)}, r"\(height, width, channels\), \(steps, features\) or \(features,\)"),
        ({"input_shape": (28, 0, 1)}, "positive ints"),
        ({"input_shape": (4,), "batch": 0}, "batch as an int ≥ 1, received 0"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        inspect(nn.Linear(4, 4), **arguments)


def test_wrong_modules() -> None:
    with pytest.raises(TypeError, match=r"expected an nn\.Module, received str"):
        inspect("lenet5", (28, 28, 1))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"0 \(LazyLinear\) has no shape yet"):
        inspect(nn.Sequential(nn.LazyLinear(4)), (3,))


def test_no_module_passes_that_pytorch_refuses() -> None:
    """Some of PyTorch's rules for tensors without numbers are laxer than its arithmetic."""
    wrong = [
        (nn.Softmax(2), torch.zeros(1, 3)),
        (nn.LogSoftmax(-3), torch.zeros(1, 3)),
        (nn.ConvTranspose1d(4, 2, 3), torch.zeros(1, 5, 9)),
        (nn.ConvTranspose2d(4, 4, 3, groups=2), torch.zeros(1, 2, 3, 3)),
        (nn.Conv2d(4, 4, 3, groups=2), torch.zeros(1, 2, 5, 5)),
        (nn.PReLU(3), torch.zeros(1, 4, 2, 2)),
        (nn.PixelShuffle(2), torch.zeros(1, 6, 2, 2)),
        (nn.Linear(4, 2), torch.zeros(2, 3, 5)),
    ]
    for module, example in wrong:
        with pytest.raises((RuntimeError, IndexError)):
            module(example)
        with pytest.raises(ValueError):
            inspect(module, example=example)


class Picks(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x[x[:, :, 0] > 0]


class LooksUp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.table(x)


class Gathers(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.gather(x, 1, torch.zeros(2, 4, 9, dtype=torch.long, device=x.device))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Picks(), "Picks: decides on the numbers in a tensor"),
        (LooksUp(), "table .Embedding.: looks rows up by whole numbers"),
        (Gathers(), "Gathers: RuntimeError: .*[Ss]ize"),
    ],
)
def test_other_rules_are_not_called_unequal_sizes(model: nn.Module, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        inspect(model, example=torch.zeros(2, 5, 8))
    assert "expected equal sizes" not in str(caught.value)


def test_what_runs_before_numbers_decide_is_counted_and_the_rest_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Chooses(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = nn.Linear(5, 4), nn.Linear(4, 3)
            self.after = nn.ModuleDict({"box": nn.Linear(3, 2), "mask": nn.Linear(3, 1, bias=False)})
            self.seen: Tensor | None = None

        def forward(self, x: Tensor) -> Tensor:
            self.seen = scores = self.head(self.body(x))
            return self.after["box"](scores[(scores > 0).any(1)])

    model = Chooses()
    report = inspect(model, (5,), batch=2)
    assert (report.macs, report.parameters, report.output_shape) == (2 * 32, 24 + 15 + 11, None)
    assert report.stopped.startswith("Chooses: decides on the numbers in a tensor")
    assert report.notes == (
        f"{report.stopped}; counted up to there alone, since what follows depends on those numbers: not reached are "
        "after, of 11 parameters",
    )
    assert report.memory is None
    assert report.to_dict()["stopped"] == report.stopped
    assert [(stop.name, stop.macs) for stop in report.stops][:3] == [("input", 0), ("body", 40), ("head", 24)]
    assert model.seen is None
    with pytest.raises(ValueError, match="decides on the numbers"):
        network_of(model, (5,))

    file = tmp_path / "model.py"
    file.write_text(
        "from torch import nn\nclass Chooses(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.head = nn.Linear(5, 3)\n    def forward(self, x):\n        s = self.head(x)\n"
        "        return s[s > 0]\n"
    )
    assert main(["inspect", f"{file}:Chooses", "--input", "5"]) == 0
    said = capsys.readouterr().out
    assert "MACs        15 forward" in said
    assert "runs on shapes alone: torch.nonzero; counted up to there alone" in said


class Packed(nn.Module):
    def __init__(self, kind: str, lengths: str, unpacks: bool) -> None:
        super().__init__()
        self.recurrent = getattr(nn, kind)(8, 12, 2, batch_first=True, bidirectional=True)
        self.lengths, self.unpacks = lengths, unpacks

    def forward(self, x: Tensor, sizes: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence
        if self.lengths == "sort":
            sizes, order = sizes.sort(descending=True)
            given = packed(x[order], sizes, batch_first=True)
        else:
            lengths = {"tensor": sizes, "list": sizes.tolist(), "cpu": sizes.to("cpu", torch.int64)}[self.lengths]
            given = packed(x, lengths, batch_first=True, enforce_sorted=False)
        output, state = self.recurrent(given)
        if self.unpacks:
            return nn.utils.rnn.pad_packed_sequence(output, batch_first=True)[0]
        return state[0] if isinstance(state, tuple) else state


@pytest.mark.parametrize("unpacks", [True, False])
@pytest.mark.parametrize("lengths", ["tensor", "list", "cpu", "sort"])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_packed_sequences_whose_lengths_are_given_count_as_pytorch_counts_them(
    kind: str, lengths: str, unpacks: bool
) -> None:
    model, given = Packed(kind, lengths, unpacks), (torch.randn(3, 6, 8), torch.tensor([6, 2, 4]))
    with FlopCounterMode(display=False) as counter:
        wanted = model(*given)
    report = inspect(model, example=given)
    assert (report.macs, report.output_shape) == (counter.get_total_flops() // 2, tuple(wanted.shape))
    assert torch.equal(model(*given), wanted)
