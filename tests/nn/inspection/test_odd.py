"""`inspect` on modules that other tools stumble over: compiled, wrapped, complex, recurrent, parametrized."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hubel.nn import inspect, network_of
from tests.command import hubel

pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit")  # what PyTorch's compiler warns of in itself


def small() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())


MACS = 6 * 6 * 4 * 27


class Spectrum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.dense = nn.Parameter(torch.randn(8, 5, dtype=torch.cfloat)), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(torch.fft.irfft(torch.fft.rfft(x) * self.weight, n=8))


class Outputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"found": self.dense(x), "rest": (x, [None, x])}


class Counting(nn.Module):
    """Buffers alone, one of which it changes."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("kernel", torch.randn(3, 1, 3, 3))
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return nn.functional.conv2d(x, self.kernel, groups=3)


class Repeated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        conv = nn.Conv2d(4, 4, 3, padding=1)
        self.layers = nn.ModuleList([conv, conv, nn.Conv2d(4, 4, 1)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class FakeQuantised(nn.Module):
    """Weights and maps rounded as training for whole numbers rounds them."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.conv, self.how = nn.Conv2d(3, 4, 3), how
        self.register_buffer("scale", torch.full((4,), 0.05))
        self.register_buffer("zero", torch.zeros(4, dtype=torch.int32))

    def forward(self, x: Tensor) -> Tensor:
        conv, limits = self.conv, (-128, 127)
        if self.how == "channels":
            weight = torch.fake_quantize_per_channel_affine(conv.weight, self.scale, self.zero, 0, *limits)
            return nn.functional.conv2d(x, weight, conv.bias)
        if self.how == "tensor":
            return torch.fake_quantize_per_tensor_affine(conv(x), 0.05, 0, *limits)
        return torch.fake_quantize_per_tensor_affine(conv(x), self.scale[:1], self.zero[:1], *limits)


def attention(length: int, width: int) -> int:
    return 4 * length * width * width + 2 * length * length * width


CASES: dict[str, tuple[Callable[[], nn.Module], Any, int, int]] = {
    "compiled inside": (lambda: nn.Sequential(torch.compile(small())), torch.zeros(1, 3, 8, 8), 112, MACS),
    "data parallel": (lambda: nn.DataParallel(small()), torch.zeros(1, 3, 8, 8), 112, MACS),
    "half": (lambda: small().half(), torch.zeros(1, 3, 8, 8).half(), 112, MACS),
    **{
        f"fake quantised by {how}": (lambda how=how: FakeQuantised(how), torch.zeros(1, 3, 8, 8), 112, MACS)
        for how in ("channels", "tensor", "buffers")
    },
    "weight norm": (
        lambda: nn.utils.parametrizations.weight_norm(nn.Conv2d(3, 4, 3)),
        torch.zeros(1, 3, 8, 8),
        116,
        MACS,
    ),
    "spectrum": (Spectrum, torch.zeros(2, 8, 8), 40 + 27, 2 * 8 * 24),
    "outputs": (Outputs, torch.zeros(1, 8), 27, 24),
    "buffers": (Counting, torch.zeros(1, 3, 8, 8), 0, 6 * 6 * 27),
    "repeated": (Repeated, torch.zeros(1, 4, 8, 8), 148 + 20, 64 * (2 * 144 + 16)),
    "attention": (
        lambda: nn.MultiheadAttention(16, 4, batch_first=True),
        (torch.zeros(2, 5, 16),) * 3,
        1088,
        2 * attention(5, 16),
    ),
    "lstm": (lambda: nn.LSTM(8, 16), torch.zeros(5, 2, 8), 4 * 16 * 26, 5 * 2 * 4 * 16 * 24),
}


@pytest.mark.parametrize("name", CASES)
def test_right_and_left_alone(name: str) -> None:
    make, example, parameters, macs = CASES[name]
    model = make()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    report = inspect(model, example=example)
    assert (report.parameters, report.macs) == (parameters, macs)
    assert all(torch.equal(tensor, model.state_dict()[key]) for key, tensor in before.items())


def test_a_complex_model_is_given_complex_numbers() -> None:
    assert inspect(nn.Conv2d(3, 4, 3, dtype=torch.cfloat), (8, 8, 3)).parameters == 112


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_what_is_wrapped_becomes_a_tree(wrap: Callable[[nn.Module], nn.Module]) -> None:
    assert str(network_of(wrap(small()), (8, 8, 3))) == "8x8x3: conv 4 3x3, relu"


@pytest.mark.parametrize(
    "decide",
    [
        lambda x: x[x > 0],
        lambda x: x.masked_select(x > 0),
        lambda x: x.unique(),
        lambda x: torch.tensor(x.tolist()),
        lambda x: torch.from_numpy(x.numpy()),
    ],
)
def test_sizes_that_depend_on_numbers_are_named(decide: Callable[[Tensor], Tensor]) -> None:
    class Deciding(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return decide(x)

    with pytest.raises(ValueError, match=r"^0 \(Deciding\): decides on the numbers in a tensor") as caught:
        inspect(nn.Sequential(Deciding()), (5,))
    assert len(str(caught.value)) < 280


class ReadsItsMask(nn.Module):
    """Makes a mask where its input lies, and decides on the numbers in it, as BERT's and DETR's code does."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(x.shape[:2], device=x.device)
        mask[:, -1] = 0
        if bool((mask == 1).all()):
            raise RuntimeError("wrong numbers")
        sizes = torch.tensor([x.shape[1]], device=x.device).tolist()
        return self.layer(x)[:, : sizes[0]] * mask[:, :, None].to(x.device)


class AsksWhere(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.device != self.layer.weight.device or x.device.type != "cpu" or x.is_cuda or x.is_meta or not x.is_cpu:
            raise RuntimeError("a foreign device")
        return self.layer(x)


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return x @ weight

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> Any:
        return gradient, None


class OwnFunction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Scaled.apply(self.layer(x), self.layer.weight)


class Reentrant(OwnFunction):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from torch.utils.checkpoint import checkpoint

        return checkpoint(self.layer, self.layer(x), use_reentrant=True)


@pytest.mark.parametrize("make", [ReadsItsMask, AsksWhere])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_its_own_small_tensors_have_numbers(make: type[nn.Module], device: str) -> None:
    with torch.device(device):
        model = make()
    report = inspect(model, example=torch.empty(2, 5, 8, device=device))
    assert report.macs == 2 * 5 * 8 * 8
    assert report.output_shape == (2, 5, 8)


@pytest.mark.parametrize("make", [OwnFunction, Reentrant])
def test_backward_that_cannot_be_seen_is_said(make: type[nn.Module]) -> None:
    report = inspect(make(), (8,))
    assert (report.macs, report.backward_macs) == (128, 64)
    (note,) = [note for row in report.rows for note in row.notes if "gradients" in note]
    assert note.startswith(
        "64 MACs ran without gradients (no_grad, an autograd.Function of its own, a re-entrant check"
    )


def test_what_only_predicts_is_counted_and_said() -> None:
    class Writes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            return torch.add(y, 1, out=y)

    report = inspect(Writes(), (4, 4, 3))
    assert (report.macs, report.backward_macs) == (4 * 4 * 3 * 4, 0)
    assert report.notes[0].startswith("it runs without gradients alone, and no backward pass is counted: add()")


def test_other_threads_and_iterators_are_said() -> None:
    class Threads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.numbers = nn.Conv2d(3, 4, 1), itertools.count()

        def forward(self, x: Tensor) -> Tensor:
            next(self.numbers)
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(self.conv, x).result()

    report = inspect(Threads(), (4, 4, 3))
    assert report.find("conv")[0].notes == ("ran in another thread, where what it costs is not seen",)
    assert report.notes == ("numbers is an iterator, and may have gone on",)


class ReadsIds(nn.Module):
    """Decides on the ids that it is given, picks places by them, and writes into them."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.layer = nn.Embedding(10, 4), nn.Linear(4, 4)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        found = self.table(ids)
        if 0 in ids[:, -1]:
            found = self.layer(found)
        kept = ids != 0
        ids.fill_(0)
        return self.layer(found[kept])


@pytest.mark.parametrize(("last", "times", "rows"), [(0, 6 + 5, 5), (3, 6, 6)])
def test_whole_numbers_that_are_given_are_kept_for_decisions(last: int, times: int, rows: int) -> None:
    ids = torch.tensor([[1, 2, last], [5, 4, 3]])
    report = inspect(ReadsIds(), example=ids)
    assert report.macs == times * 16
    assert report.output_shape == (rows, 4)
    assert ids.tolist() == [[1, 2, last], [5, 4, 3]]


def test_ids_of_the_command_line_pad_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Model(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.table = nn.Embedding(10, 4)\n        self.layer = nn.Linear(4, 4)\n\n"
        "    def forward(self, ids, mask):\n        return self.layer(self.table(ids)[mask])\n"
    )
    done = hubel("inspect", f"{tmp_path / 'm.py'}:Model", "--input", "ids=6:int", "--input", "mask=6:bool", "--json")
    assert json.loads(done.stdout)["output_shape"] == [6, 4]
