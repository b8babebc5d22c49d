"""What `inspect` cannot count it says, module by module; what it cannot run it refuses in words."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hubel.nn import inspect, network_of
from hubel.nn.inspection.report import Inspection

PLAIN = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 10))


class Pruned(nn.Module):
    """A product with a sparse matrix, stored in one of two layouts."""

    def __init__(self, compressed: bool) -> None:
        super().__init__()
        full = torch.arange(1920.0).reshape(10, 192).sub(900).relu()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch calls one of the layouts new
            self.register_buffer("w", full.to_sparse_csr() if compressed else full.to_sparse())

    def forward(self, x: Tensor) -> Tensor:
        columns = x.flatten(1).t()
        return (torch.sparse.mm(self.w, columns)).t()


class Uneven(nn.Module):
    """A layer on sequences of several lengths, which are kept without filling them up."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.nested.nested_tensor([each.flatten(1).t() for each in x.unbind(0)], layout=torch.jagged)
        return self.layer(rows).to_padded_tensor(0)


class Brought(nn.Module):
    """An operator that another library brings."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(torch.ops.hubel_tests.doubled(x))


@pytest.fixture(scope="module")
def operator() -> torch.library.Library:
    found = torch.library.Library("hubel_tests", "DEF")
    found.define("doubled(Tensor x) -> Tensor")
    found.impl("doubled", lambda x: x * 2, "CPU")
    return found


def notes(report: Inspection) -> dict[str, tuple[str, ...]]:
    return {row.path: row.notes for row in report.rows if row.notes}


@pytest.mark.parametrize("compressed", [False, True])
def test_sparse_products_are_said_to_be_full_or_not_counted(compressed: bool) -> None:
    report = inspect(Pruned(compressed), (8, 8, 3))
    (told,) = notes(report).values()
    assert told[0] == "w is sparse, and counts as if it were full"
    assert report.macs == 1920
    assert not any("not counted" in note for note in told)


class Graph(nn.Module):
    """A product with a sparse matrix that is no buffer: an attribute, made while it runs, or given."""

    def __init__(self, how: str, layout: torch.layout) -> None:
        super().__init__()
        self.layer, self.how, self.layout = nn.Linear(4, 3), how, layout
        self.kept = torch.eye(5).to_sparse(layout=layout)

    def forward(self, x: torch.Tensor, given: torch.Tensor | None = None) -> torch.Tensor:
        matrix = torch.eye(5).to_sparse(layout=self.layout) if self.how == "made" else given
        return torch.sparse.mm(self.kept if matrix is None else matrix, self.layer(x))


@pytest.mark.filterwarnings("ignore:Sparse CSR")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr])
@pytest.mark.parametrize("how", ["kept", "made", "given"])
def test_sparse_matrices_of_any_origin_count_as_if_they_were_full(how: str, layout: torch.layout) -> None:
    rows = torch.zeros(5, 4)
    model = Graph(how, layout)
    report = inspect(model, example=(rows, torch.eye(5).to_sparse(layout=layout)) if how == "given" else rows)
    assert (report.macs, report.output_shape) == (5 * 4 * 3 + 5 * 5 * 3, (5, 3))
    assert "as if" in str(report)
    assert "not counted" not in str(report)
    assert model.kept.layout == layout
    assert torch.equal(model.kept.to_dense(), torch.eye(5))


def test_tensors_of_uneven_lengths_are_said() -> None:
    assert notes(inspect(Uneven(), (8, 8, 3)))["layer"] == (
        "tensors of uneven lengths: their products are not counted",
    )


def test_operators_of_others_are_said_or_asked_for_their_shapes(operator: torch.library.Library) -> None:
    with pytest.raises(ValueError, match=r"runs hubel_tests::doubled, of which nothing says .*register_fake says it"):
        inspect(Brought(), (8, 8, 3))
    operator.impl("doubled", torch.empty_like, "Meta")
    report = inspect(Brought(), (8, 8, 3))
    assert notes(report) == {"": ("hubel_tests::doubled: what it costs is not counted",)}
    assert report.macs == 4 * 36 * 27


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("read", [inspect, network_of])
def test_quantised_models_are_refused_with_the_remedy(read: object) -> None:
    assert callable(read)
    quantised = torch.ao.quantization.quantize_dynamic(copy.deepcopy(PLAIN), {nn.Linear})
    with pytest.raises(ValueError, match=r"3 \(Linear\): runs quantized::linear_dynamic, .*before it was quantised"):
        read(quantised, (8, 8, 3))
    with pytest.raises(ValueError, match="is compiled by TorchScript: give the module it was made of"):
        read(torch.jit.script(copy.deepcopy(PLAIN)), (8, 8, 3))


class Ordinary(nn.Module):
    """Everything that is counted, beside what costs no product."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.recurrent = nn.LSTM(8, 4, batch_first=True)
        self.pair = nn.Bilinear(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.interpolate(self.norm(self.convolution(x)), scale_factor=2.0, mode="bilinear")
        x = functional.grid_sample(x, torch.zeros(len(x), 4, 4, 2), align_corners=False).flatten(2).mT
        x = self.recurrent(self.attention(x, x, x)[0])[0][:, -1]
        return torch.cdist(self.pair(x, x).softmax(1).cumsum(1), torch.ones(5, 3))


def test_nothing_is_said_where_all_is_counted() -> None:
    said = [note for told in notes(inspect(Ordinary(), (8, 8, 3))).values() for note in told]
    assert not [note for note in said if "not counted" in note or "sparse" in note]


class InAList(nn.Module):
    """Holds a layer and a parameter in lists, and shares another layer's weights."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.layers, self.numbers = [nn.Linear(3, 4)], [nn.Parameter(torch.ones(4))]
        shared = nn.Linear(3, 3)
        shared.weight, shared.bias = self.first.weight, self.first.bias
        self.shared = [shared]

    def forward(self, x: Tensor) -> Tensor:
        return self.layers[0](self.shared[0](self.first(x))) * self.numbers[0]


def test_what_is_not_registered_is_said() -> None:
    report = inspect(InAList(), (3,))
    assert (report.parameters, report.macs) == (12, 30)
    layers, numbers = report.notes
    assert "InAList runs a Linear that is no registered part of the model" in layers
    assert "its 16 parameters are not in these figures" in layers
    assert numbers.startswith("4 numbers that want gradients are no parameters of the model")
    assert inspect(nn.Linear(3, 4), example=torch.ones(1, 3, requires_grad=True)).notes == ()


class Drops(nn.Module):
    """Drops numbers as a module and as a function that is told the mode, and perhaps as one that is not."""

    def __init__(self, always: bool) -> None:
        super().__init__()
        self.always, self.drop = always, nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.dropout(self.drop(x), 0.2, self.training)
        return nn.functional.dropout(x, 0.2) if self.always else x


@pytest.mark.parametrize("training", [False, True])
def test_dropout_that_is_always_on_is_said(training: bool) -> None:
    said = "Drops: drops numbers in evaluation mode too (dropout that is always on)"
    for always in (False, True):
        model = Drops(always).train(training)
        assert inspect(model, (3,)).notes == ((said,) if always else ())
        assert model.training is training is model.drop.training


def test_arguments_that_are_missing_are_not_taken_for_numbers() -> None:
    class Two(nn.Module):
        def forward(self, image: Tensor, meta: Tensor) -> Tensor:
            return image + meta

    with pytest.raises(
        ValueError, match=r"missing 1 required positional argument: 'meta': give all that forward takes"
    ):
        inspect(Two(), (3,))
    with pytest.raises(ValueError, match=r"unexpected keyword argument 'meat'"):
        inspect(Two(), example={"image": torch.ones(1, 3), "meat": torch.ones(1, 3)})


@pytest.mark.parametrize("training", [False, True])
def test_an_encoder_counts_padded_steps_as_it_does_others(training: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 1).train(training)
    steps, padded = torch.zeros(2, 6, 8), torch.zeros(2, 6, dtype=torch.bool)
    report = inspect(model, example={"src": steps, "src_key_padding_mask": padded})
    products = 2 * 6 * 8 * (4 * 8 + 2 * 6 + 2 * 16)
    assert report.macs == inspect(model, example=steps).macs == products
    assert not report.notes


@pytest.mark.parametrize(
    ("make", "given", "said"),
    [
        (
            lambda: nn.Sequential(nn.Conv1d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 30, 2)),
            (1, 32),
            "N×C×L, received 1×32",
        ),
        (lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)), (1, 9, 9), "N×C×H×W, received 1×9×9"),
        (lambda: nn.Sequential(nn.Conv3d(1, 4, 3), nn.BatchNorm3d(4)), (1, 9, 9, 9), "N×C×D×H×W, received 1×9×9×9"),
    ],
)
def test_a_batch_taken_for_channels_is_said(
    make: Callable[[], nn.Sequential], given: tuple[int, ...], said: str
) -> None:
    model = make()
    with pytest.raises(ValueError, match=f"0: .*expected {said}, which it takes for one example without a batch"):
        inspect(model, example=torch.zeros(given))
    assert any(said in note for note in inspect(model[:1], example=torch.zeros(given)).notes)
    assert not inspect(model[:1], example=torch.zeros(given)[None]).notes


class Distances(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.prototypes = nn.Parameter(torch.randn(10, 6))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cdist(x, self.prototypes)


class Spectral(nn.Module):
    """Weights of frequencies, complex numbers (Li et al. 2021)."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(3, 8, 4, 3, dtype=torch.cfloat))

    def forward(self, x: Tensor) -> Tensor:
        low = torch.fft.rfft2(x)[:, :, :4, :3]
        return torch.fft.irfft2(torch.einsum("bihw,iohw->bohw", low, self.weights), s=x.shape[-2:])


def test_distances_of_all_pairs_are_counted() -> None:
    report = inspect(Distances(), example=torch.randn(7, 6))
    assert (report.macs, notes(report)) == (7 * 10 * 6, {})
    many = inspect(Distances(), example=torch.randn(40, 6, requires_grad=True))  # which PyTorch does as one product
    assert (many.macs, many.backward_macs, notes(many)) == (40 * 10 * 6, 2 * 40 * 10 * 6, {})


def test_pictures_are_real_where_the_first_weights_are_complex_and_transforms_are_not_counted() -> None:
    report = inspect(Spectral(), (12, 14, 3))
    assert report.macs == 3 * 8 * 4 * 3
    assert [note.partition(":")[2] for note in notes(report)[""]] == [
        ":_fft_r2c: what it costs is not counted",
        ":_fft_c2r: what it costs is not counted",
    ]


@pytest.mark.parametrize("solved", [torch.linalg.inv, torch.linalg.cholesky, torch.linalg.svdvals, torch.matrix_exp])
def test_what_solves_matrices_is_said(solved: Callable[[Tensor], Tensor]) -> None:
    class Solved(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return solved(functional.normalize(x) @ x.mT)

    told = notes(inspect(Solved(), example=torch.eye(6)[None]))[""]
    assert all("linalg_" in note and "not counted" in note for note in told)
    assert not any("norm" in note or "check" in note for note in told)


def test_operators_with_several_ways_to_go_are_refused_in_words() -> None:
    class Gated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = torch.cond(x.sum() > 0, self.a, self.b, (x,))
            return found

    with pytest.raises(
        ValueError, match=r"decides on the numbers in a tensor .*operator cond, .*give it one way to go"
    ):
        inspect(Gated(), example=torch.randn(2, 6))


class Coalesced(nn.Module):
    """Asks of a sparse matrix how it is stored."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.register_buffer("matrix", torch.eye(5).to_sparse())

    def forward(self, x: Tensor) -> Any:
        return torch.sparse.mm(self.matrix.coalesce(), self.layer(x))  # type: ignore[operator]


def test_what_asks_how_sparse_tensors_are_stored_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match=r"Coalesced: asks how a sparse tensor is stored .* or give the matrix full"):
        inspect(Coalesced(), example=torch.ones(5, 3))
