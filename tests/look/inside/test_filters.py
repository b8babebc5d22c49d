"""Filters against the module's own weights; exciting images against a search by brute force."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from hubel.arch import Network, analyse, parse
from hubel.data import Dataset, Splits
from hubel.look import Section, record
from hubel.look.inside.filters import filters
from hubel.tasks import LoadedModel

CLASSES = ("ant", "bee", "cat", "dog", "emu")


@pytest.fixture(scope="module")
def pictures() -> Dataset:
    """Return 150 pictures of noise, a bright patch in each somewhere."""
    random = np.random.default_rng(0)
    images = random.integers(0, 120, (150, 32, 32, 3)).astype(np.uint8)
    for image in images:
        row, column = random.integers(0, 24, 2)
        image[row : row + 8, column : column + 8] = random.integers(100, 256, (8, 8, 3))
    return Dataset(images, random.integers(0, 5, 150).astype(np.int64), CLASSES, "noise")


def test_weights_are_the_modules(colour_model: LoadedModel) -> None:
    found = filters(colour_model)
    weight = colour_model.module.get_submodule("conv1").weight
    assert found.row.path == "conv1"
    assert found.on_pixels
    np.testing.assert_array_equal(found.weights, weight.detach().numpy())  # type: ignore[arg-type]
    assert found.biases is not None
    assert found.biases.shape == (8,)
    assert filters(colour_model, "conv1", [5, 2]).channels == (5, 2)


@pytest.mark.parametrize("layer", ["conv1", "relu1", "sum1", "concat1", "concat1.branch2.conv2", "dense1"])
def test_exciting_images_are_those_of_a_search_through_everything(
    colour_model: LoadedModel, pictures: Dataset, layer: str
) -> None:
    found = filters(colour_model, layer, [0, 3], pictures, best=4)
    inputs = colour_model.preprocessing.normalise(torch.from_numpy(pictures.images))
    output = record(colour_model, inputs, frozenset([layer])).outputs[layer]
    for place, channel in enumerate((0, 3)):
        own = output[:, channel].flatten(1) if output.dim() == 4 else output[:, [channel]]
        strongest, where = own.max(1)
        order = strongest.argsort(descending=True)[:4].tolist()
        line = found.excerpts[place]
        assert [excerpt.value for excerpt in line] == pytest.approx(strongest[order].tolist(), abs=1e-5)
        for excerpt in line:
            image = excerpt.index
            assert excerpt.value == pytest.approx(strongest[image].item(), abs=1e-5)
            if excerpt.place is not None:
                row, column = excerpt.place
                assert output[image, channel, row, column].item() == pytest.approx(excerpt.value, abs=1e-5)
                assert row * output.shape[3] + column == int(where[image]) or layer == "relu1"


def test_a_crop_is_the_receptive_field_and_nothing_else(colour_model: LoadedModel, pictures: Dataset) -> None:
    """Everything outside the crop may change, and the number stays."""
    excerpt = filters(colour_model, "sum1", [2], pictures, best=1).excerpts[0][0]
    (top, bottom), (left, right) = excerpt.span
    image = pictures.images[excerpt.index]
    np.testing.assert_array_equal(excerpt.crop, image[top : bottom + 1, left : right + 1])
    other = 255 - image
    other[top : bottom + 1, left : right + 1] = excerpt.crop
    inputs = colour_model.preprocessing.normalise(torch.from_numpy(other[None]))
    assert excerpt.place is not None
    row, column = excerpt.place
    found = record(colour_model, inputs, frozenset(["sum1"])).outputs["sum1"][0, 2, row, column].item()
    assert found == pytest.approx(excerpt.value, abs=1e-5)


def test_only_so_many_images_are_looked_through_and_progress_is_told(
    colour_model: LoadedModel, pictures: Dataset
) -> None:
    told: list[tuple[int, int]] = []
    found = filters(
        colour_model, "relu1", [0], pictures, best=3, most_images=70, progress=lambda *done: told.append(done)
    )
    assert found.searched == 70
    assert told == [(64, 70), (70, 70)]


def test_a_layer_in_the_middle_stops_the_run_there(digits_model: LoadedModel, digits: Splits) -> None:
    """What follows the layer is not computed, and the module is left as it was."""
    assert digits.test is not None
    called: list[object] = []
    hook = digits_model.module.get_submodule("dense1").register_forward_hook(lambda *_: called.append(1))
    try:
        found = filters(digits_model, "conv2", dataset=digits.test, best=2, most_images=100)
    finally:
        hook.remove()
    assert called == []
    assert not digits_model.module.get_submodule("conv2_relu")._forward_hooks
    assert found.excerpts[0][0].crop.shape == (9, 9, 1)


@pytest.mark.parametrize(
    ("text", "layer", "shape"),
    [
        ("8x8x6: conv 4 3x3 groups=2", "conv1", (4, 3, 3, 3)),
        ("8x8x3: dwconv 3x3 depth_multiplier=2", "dwconv1", (6, 1, 3, 3)),
        ("8x8x4: deconv 6 2x2/2 groups=2", "deconv1", (6, 2, 2, 2)),
        ("8x8x3: local 5 3x3", "local1", (5, 3, 3, 3)),
        ("6x6x2: flatten, dense 7", "dense1", (7, 2, 6, 6)),
        ("6x6x2: globalavgpool, dense 7", "dense1", (7, 1, 1, 2)),
        ("6x6x9: globalavgpool, dense 50, dense 3", "dense2", (3, 1, 1, 50)),
    ],
)
def test_every_kind_of_filter(text: str, layer: str, shape: tuple[int, ...]) -> None:
    network: Network = parse(text)
    found = filters(untrained_any(network), layer)
    assert found.weights is not None
    assert found.weights.shape == shape
    assert found.figure().svg("light")


def untrained_any(network: Network) -> LoadedModel:
    from hubel.data import Preprocessing
    from hubel.nn import build

    torch.manual_seed(0)
    return LoadedModel(network, build(network).eval(), Preprocessing(8, 8, 1, (0.5,), (0.25,)), ("one",))


def test_a_transposed_convolutions_filter_sees_the_inputs_of_its_group() -> None:
    model = untrained_any(parse("8x8x4: deconv 6 2x2/2 groups=2"))
    (name,) = [row.path for row in analyse(model.network).rows]
    weight = model.module.get_submodule(name).weight.detach()  # inputs × filters of a group
    found = filters(model, name)
    assert found.weights is not None
    np.testing.assert_array_equal(found.weights[4], weight[2:4, 1].numpy())


def test_mistakes(colour_model: LoadedModel, pictures: Dataset) -> None:
    with pytest.raises(ValueError, match="expected a layer with filters, received relu1"):
        filters(colour_model, "relu1")
    with pytest.raises(KeyError, match="did you mean 'conv1'"):
        filters(colour_model, "conf1")
    with pytest.raises(ValueError, match="expected a channel of conv1 from 0 to 7, received 8"):
        filters(colour_model, "conv1", [8])
    small = Dataset(pictures.images[:, :16], pictures.labels, CLASSES)
    with pytest.raises(ValueError, match="expected images of 32×32×3"):
        filters(colour_model, "conv1", dataset=small)


def test_words_pictures_and_data(colour_model: LoadedModel, pictures: Dataset, tmp_path: Path) -> None:
    found = filters(colour_model, "concat1.branch2", [1], pictures, best=2)
    assert found.row.path == "concat1.branch2.conv1"
    json.dumps(found.data())
    notes = [part.note for part in found.figure().sections if isinstance(part, Section)]
    assert any("of 150 images" in note for note in notes)
    assert "channel 1" in notes
    for ending in ("svg", "html"):
        assert found.figure().save(tmp_path / f"filters.{ending}").stat().st_size > 1000
    red = filters(colour_model).figure().sections[0]
    assert isinstance(red, Section)
    assert red.tiles[0].picture.shape == (3, 3, 3)
    assert "mid grey is zero" in red.note
