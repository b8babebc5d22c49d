"""A number and what fed it: over random networks and every layer, it adds up to what PyTorch computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hubel.arch import Network, analyse, ops, parse
from hubel.data import Preprocessing
from hubel.look import Sample, record, sample
from hubel.look.unit import ARITHMETIC, Unit, unit
from hubel.look.unit.text import number
from hubel.look.unit.trace import Tracer
from hubel.nn import build
from hubel.tasks import LoadedModel
from hubel.view.figures.tiles import Section
from tests.look.conftest import untrained
from tests.trees import sample as numbers_for


def model_of(network: Network, seed: int) -> LoadedModel:
    """Return a model in 64 bits whose every parameter and statistic is random, so that none can be left out."""
    torch.manual_seed(seed)
    module = build(network).double().eval()
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.3, 2.0)
            elif tensor.is_floating_point():
                tensor.normal_(0.0, 0.7)
    return LoadedModel(network, module, Preprocessing(4, 4, 1, (0.5,), (0.25,)), ("one",))


def given_input(network: Network, seed: int) -> Sample:
    torch.manual_seed(seed)
    shape, tensor = network.input, numbers_for(network, 1)
    tensor = tensor.double() if tensor.is_floating_point() else tensor
    picture = np.zeros(shape if len(shape) == 3 else (1, shape[0], 1), np.uint8)
    return Sample("random", picture, tensor)


def add_up(tracer: Tracer, seed: int) -> None:
    """Check one number of every layer, and that what came in stands where it is said to."""
    random = np.random.default_rng(seed)
    for path in tracer.rows:
        output = tracer.output(path)
        flat = int(random.integers(output.size))
        deep = [int(part) for part in np.unravel_index(flat, output.shape)]
        place = (*deep[1:], deep[0])
        if not np.isfinite(output).all():  # random weights one after another grow beyond all numbers
            return
        step = tracer.step(path, place)
        size = float(np.abs(step.arithmetic.products).sum()) + abs(step.computed) + 1
        assert step.value == pytest.approx(step.computed, abs=1e-8 * size), (path, place, str(tracer.model.network))
        for term in step.terms():
            assert term.value == pytest.approx(float(_at(tracer.output(term.source), term.place)), abs=1e-12 * size), (
                path,
                term,
            )


def _at(tensor: Any, place: tuple[int, ...]) -> Any:
    return tensor[(place[-1], *place[:-1])]


@pytest.mark.parametrize(
    "layers",
    [
        "conv 4 3x2/2 same dilation=1 groups=2 gelu, conv 3 2x2 pad=2 dilation=2 nobias",
        "dwconv 3x3/2 pad=1 depth_multiplier=2 silu, local 2 2x2 same tanh",
        "deconv 6 3x3/2 same groups=2 hardswish, deconv 2 2x3/3 pad=1 output_padding=1 relu6, deconv 3 1x1/2",
        "avgpool 3/2 pad=1 ceil_mode=true count_padding=true, maxpool 3/2 pad=1 ceil_mode=true",
        "avgpool 3/2 same, maxpool 2x3/2 same, avgpool 2/1 pad=1",
        "adaptiveavgpool 4x3, adaptivemaxpool 3x2, globalavgpool keepdims=true, globalmaxpool",
        "upsample 3x2 interpolation=bilinear, upsample 2, zeropad 1, crop 2x1",
        "padchannels 1 2, select 6 2 0 5, shuffle 2",
        "norm, layernorm, groupnorm 2, lrn size=3, lrn size=4, scale, se 2",
        "leaky 0.2, softmax, sigmoid, identity, dropout 0.5",
        "elu 0.5, prelu, celu 0.5, prelu shared=true, rescale 2 offset=-1, log_softmax, dense 3 log_softmax",
        "reflectpad 1/2x0/3, edgepad 1, "
        "wrappad 1/0x2/1, pixelshuffle 2, upsample 2x3 interpolation=bilinear aligned=true, "
        "pixelunshuffle 2",
        "reshape 5x7x4, dense 3 relu, flatten, reshape 3x7x5, flatten",
        "flatten, layernorm, norm, softmax, rbf 3, dense 2 softmax",
        "sum(conv 2 1x1 | conv 2 1x1, relu), concat(identity | maxpool 3/1 same), globalmaxpool, scale, relu, dense 3",
        "product(conv 2 1x1 | conv 1 3x3 same, sigmoid | globalavgpool, dense 2), product(relu | maxpool 7x5)",
    ],
)
def test_every_number_of_every_layer(layers: str) -> None:
    network = parse(f"7x5x4: {layers}")
    model, image = model_of(network, 3), given_input(network, 3)
    tracer = Tracer(model, image, record(model, image.input))
    for path in tracer.rows:
        output = tracer.output(path)
        chosen = np.random.default_rng(0).permutation(output.size)[:300]
        for deep in zip(*np.unravel_index(chosen, output.shape), strict=True):
            spot = [int(part) for part in deep]
            place = (*spot[1:], spot[0])
            step = tracer.step(path, place)
            assert step.value == pytest.approx(step.computed, rel=1e-9, abs=1e-9), (path, place)


@pytest.mark.parametrize(
    "text",
    [
        "9: embed 6 4, conv1d 4 3 causal dilation_rate=2 groups=2 mish, maxpool1d 2 strides=1, lstm 3 sequences",
        "7x3: gru 4 sequences, rnn 3 backwards sequences relu, layernorm, avgpool1d 3 padding=1 count_padding=true",
        "7x3: rnn 4 nobias, dense 3 softmax",
        "6x3: lstm 2 backwards nobias",
    ],
)
def test_every_number_of_every_layer_of_sequences(text: str) -> None:
    network = parse(text)
    model, image = model_of(network, 3), given_input(network, 3)
    tracer = Tracer(model, image, record(model, image.input))
    for path in tracer.rows:
        output = tracer.output(path)
        for deep in np.ndindex(output.shape):
            step = tracer.step(path, (*deep[1:], deep[0]))
            assert step.value == pytest.approx(step.computed, rel=1e-9, abs=1e-9), (path, deep)


def test_every_operation_has_its_arithmetic() -> None:
    kinds = {getattr(ops, name) for name in ops.__all__ if isinstance(getattr(ops, name), type)}
    operations = {kind for kind in kinds if issubclass(kind, ops.Operation)} - {ops.Operation, ops.Join, ops.Opaque}
    assert operations == set(ARITHMETIC)


def test_the_way_down_ends_at_pixels_inside_the_field(digits_model: LoadedModel, digit: Path) -> None:
    found = unit(digits_model, sample(digits_model, digit))
    assert found.row.path == "dense2"
    assert [visit.step.path for visit in found.visits] == [
        "dense2", "dense1", "flatten1", "pool1", "conv2", "conv1", "",
    ]  # fmt: skip
    for visit, above in zip(found.visits[1:], found.visits, strict=False):
        assert visit.term is not None
        assert visit.term.value == visit.step.computed
        assert abs(visit.term.product) == max(abs(term.product) for term in above.step.terms())
    (top, bottom), (left, right) = found.visits[-2].step.field  # type: ignore[misc]
    row, column, _ = found.visits[-1].step.place
    assert top <= row <= bottom
    assert left <= column <= right


def test_in_32_bits_it_differs_by_rounding_alone(digits_model: LoadedModel, digit: Path) -> None:
    for layer in ("conv1", "conv2", "pool1", "dense1", "dense2"):
        for visit in unit(digits_model, sample(digits_model, digit), layer).visits:
            assert abs(visit.step.rounding) < 1e-5


def test_the_field_is_what_changes_the_number(colour_model: LoadedModel) -> None:
    """Change one pixel outside the field and nothing happens; change them all inside and something does."""
    random = np.random.default_rng(3)
    image = random.integers(0, 256, (32, 32, 3), np.uint8)
    found = unit(colour_model, sample(colour_model, image), "sum1", at=(4, 6), channel=2)
    (top, bottom), (left, right) = found.field
    assert (bottom - top, right - left) == (10, 10)  # 3×3 with stride 2, then two of 3×3: 3 + 2·4 = 11 rows
    outside = 255 - image
    outside[top : bottom + 1, left : right + 1] = image[top : bottom + 1, left : right + 1]
    inside = image.copy()
    inside[top : bottom + 1, left : right + 1] = 255 - image[top : bottom + 1, left : right + 1]
    before, same, other = (
        record(colour_model, sample(colour_model, picture).input).outputs["sum1"][0, 2, 4, 6].item()
        for picture in (image, outside, inside)
    )
    assert same == pytest.approx(before, abs=1e-6)
    assert other != pytest.approx(before, abs=1e-3)


def test_a_running_sum_of_a_convolution(colour_model: LoadedModel) -> None:
    image = np.random.default_rng(5).integers(0, 256, (32, 32, 3), np.uint8)
    step = unit(colour_model, sample(colour_model, image), "conv1", at=(0, 3), channel=1).step
    terms = list(step.terms())
    assert len(terms) == 27  # "same" with stride 2 pads below and to the right alone
    total = 0.0
    for term in terms:
        assert term.product == term.value * term.weight
        total += term.product
        assert term.sum == pytest.approx(total, abs=1e-12)
    assert [done.name for done in step.arithmetic.finish] == ["bias"]


def test_the_largest_number_is_chosen_where_none_is_named(colour_model: LoadedModel) -> None:
    image = sample(colour_model, np.random.default_rng(6).integers(0, 256, (32, 32, 3), np.uint8))
    output = record(colour_model, image.input).outputs["conv1"][0]
    assert unit(colour_model, image, "conv1").step.computed == output.max().item()
    assert unit(colour_model, image, "conv1", channel=3).step.computed == output[3].max().item()
    assert unit(colour_model, image, "conv1", at=(2, 5)).step.computed == output[:, 2, 5].max().item()
    assert unit(colour_model, image, "sum1").row.path == "sum1"
    assert unit(colour_model, image, "sum1.branch1").row.path == "sum1.branch1.norm2"


def test_a_page_shows_the_summands_of_a_sum_and_their_maps(colour_model: LoadedModel) -> None:
    image = sample(colour_model, np.random.default_rng(6).integers(0, 256, (32, 32, 3), np.uint8))
    found = unit(colour_model, image, "sum1", at=(2, 5), channel=1)
    first = found.figure().sections[1]
    assert isinstance(first, Section)
    one, other = (number(term.value) for term in found.step.terms())
    assert first.note.startswith(f"{one} of sum1.branch1.norm2 (2, 5) channel 1 + {other} of ")
    assert [tile.caption.partition(",")[0] for tile in first.tiles][::2] == ["sum1.branch1.norm2", "sum1"]
    assert len(first.tiles) == 3


def test_more_contributors_can_be_followed(digits_model: LoadedModel, digit: Path) -> None:
    found = unit(digits_model, sample(digits_model, digit), "conv2", expand=2)
    paths = [visit.step.path for visit in found.visits]
    assert paths == ["conv2", "conv1", "", "", "conv1", "", ""]


def test_words_and_data(digits_model: LoadedModel, digit: Path) -> None:
    found = unit(digits_model, sample(digits_model, digit), "conv1", at=(5, 5), channel=0)
    words = str(found)
    assert "25 numbers came in; each product, and the sum so far:" in words
    assert "sees rows 10…14, columns 10…14" in words
    assert "relu(" in words
    assert "PyTorch computed" in words
    data = json.loads(json.dumps(found.data()))
    first = data["steps"][0]
    assert len(first["terms"]) == 25
    assert first["terms"][-1]["sum"] == pytest.approx(first["sum"])
    assert first["value"] == pytest.approx(first["computed"], abs=1e-5)


def test_mistakes(colour_model: LoadedModel) -> None:
    image = sample(colour_model, np.zeros((32, 32, 3), np.uint8))
    with pytest.raises(KeyError, match="did you mean 'conv1'"):
        unit(colour_model, image, "conf1")
    with pytest.raises(ValueError, match="expected a row of conv1 from 0 to 15, received 16"):
        unit(colour_model, image, "conv1", at=(16, 0))
    with pytest.raises(ValueError, match="expected a channel of conv1 from 0 to 7, received 8"):
        unit(colour_model, image, "conv1", channel=8)
    with pytest.raises(ValueError, match="gives a vector"):
        unit(colour_model, image, "dense1", at=(0, 0))


def test_a_side_exit_does_not_run() -> None:
    model = untrained(parse("8x8x3: conv 2 3x3, aux(flatten, dense 2), flatten, dense 2 softmax"), ("a", "b"))
    image = sample(model, np.zeros((8, 8, 3), np.uint8))
    assert any(row.auxiliary for row in analyse(model.network).rows)
    with pytest.raises(ValueError, match="side exit"):
        unit(model, image, "aux1.dense1")


def test_pictures_are_written(
    digits_model: LoadedModel, colour_model: LoadedModel, digit: Path, tmp_path: Path
) -> None:
    found: list[Unit] = [unit(digits_model, sample(digits_model, digit))]
    found.append(unit(colour_model, sample(colour_model, np.zeros((32, 32, 3), np.uint8)), "concat1"))
    picture = sample(colour_model, np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    found += [unit(colour_model, picture), unit(colour_model, picture, "pool1")]
    for place, one in enumerate(found):
        for ending in ("svg", "html"):
            assert one.figure().save(tmp_path / f"{place}.{ending}").stat().st_size > 1000
