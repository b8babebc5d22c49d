"""Receptive fields and strides are exact: each output row depends on the input rows that the arithmetic names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import hubel.arch as arch
from hubel.arch import Chain, Concat, Network, Node, Shape, ShapeError, Sum, analyse, parse
from hubel.nn import build
from tests.trees import paddings, pairs, sides, small
from tests.work import examples

LONGEST = 40  # rows and columns; one network is run on as many one-hot pictures


@st.composite
def layer(draw: Any, shape: Shape) -> arch.Layer:
    """Draw a layer that is a sum of its inputs, with one channel in and out."""
    strides = draw(st.one_of(st.just((1, 1)), st.tuples(small, small)))
    window = {"kernel_size": draw(pairs), "strides": strides, "padding": draw(paddings), "use_bias": False}
    match draw(st.integers(0, 9)):
        case 0 | 1 | 2:
            return arch.Conv2D(1, dilation_rate=draw(pairs), **window)
        case 3:
            return arch.Conv2DTranspose(1, dilation_rate=draw(pairs), **window)
        case 4:
            size = draw(st.integers(1, 3))
            return arch.AveragePooling2D(
                size, draw(st.one_of(st.none(), pairs)), draw(st.sampled_from(["valid", "same"]))
            )
        case 5:
            half = draw(st.sampled_from([(2, 1), (3, 1), (3, 0)]))
            return arch.AveragePooling2D(half[0], draw(pairs), half[1], ceil_mode=True)
        case 6:
            return arch.AdaptiveAveragePooling2D(draw(st.tuples(st.integers(1, 7), st.integers(1, 7))))
        case 7:
            how, aligned = draw(st.sampled_from([("nearest", False), ("bilinear", False), ("bilinear", True)]))
            return arch.UpSampling2D(draw(pairs), how, aligned)
        case 8:
            kinds = [
                arch.ZeroPadding2D,
                arch.Cropping2D,
                arch.ReflectionPadding2D,
                arch.ReplicationPadding2D,
                arch.CircularPadding2D,
            ]
            return draw(st.sampled_from(kinds))(draw(st.one_of(small, sides)))
        case _:
            return draw(st.sampled_from([arch.LocallyConnected2D(1, **window), arch.Identity()]))


@st.composite
def chain(draw: Any, shape: Shape, depth: int, most: int) -> tuple[list[Node], Shape]:
    nodes: list[Node] = []
    for _ in range(draw(st.integers(1, most))):
        if depth and draw(st.integers(0, 3)) == 0:
            node = draw(join(shape, depth - 1))
        else:
            node = draw(layer(shape))
        after = fitted(shape, [*nodes, node][-1:])
        if after is not None:
            nodes.append(node)
            shape = after
    return nodes or [arch.Identity()], shape


@st.composite
def join(draw: Any, shape: Shape, depth: int) -> Node:
    """Draw branches that see different places at different speeds, brought to one size by adaptive pooling or not."""
    branches = [draw(chain(shape, depth, 3)) for _ in range(2)]
    first, second = (after for _, after in branches)
    nodes = [list(inner) for inner, _ in branches]
    if first != second:
        nodes[1].append(arch.AdaptiveAveragePooling2D(first[:2]))
    if draw(st.booleans()):
        return Sum(*(Chain(*inner) for inner in nodes))
    return Chain(Concat(*(Chain(*inner) for inner in nodes)), arch.Conv2D(1, 1, use_bias=False), name="mixed")


@st.composite
def step_layer(draw: Any) -> arch.Layer:
    """Draw a layer of sequences that is a sum of its inputs, with one channel in and out."""
    match draw(st.integers(0, 6)):
        case 0 | 1 | 2:
            padding = draw(st.one_of(st.sampled_from(["valid", "same", "causal"]), st.tuples(small, small)))
            return arch.Conv1D(1, draw(small), draw(small), padding, draw(small), use_bias=False)
        case 3 | 4:
            backwards = draw(st.booleans())
            return arch.SimpleRNN(1, "relu", use_bias=False, return_sequences=True, go_backwards=backwards)
        case 5:
            size = draw(small)
            return arch.AveragePooling1D(size, draw(small), draw(st.sampled_from(["valid", "same"])))
        case _:
            return arch.Identity()


@st.composite
def sequences(draw: Any) -> Network:
    given = shape = (draw(st.integers(3, 16)), 1)
    nodes: list[Node] = []
    for layer in draw(st.lists(step_layer(), min_size=1, max_size=5)):
        after = fitted(shape, [layer])
        if after is not None:
            nodes.append(Sum(layer, layer) if draw(st.integers(0, 4)) == 0 else layer)
            shape = after
    return Network(given, Chain(*nodes or [arch.Identity()]))


def fitted(shape: Shape, nodes: list[Node]) -> Shape | None:
    try:
        after = analyse(Network(shape, Chain(*nodes))).output_shape
    except ShapeError:
        return None
    return after if max(after[:-1]) <= LONGEST else None


@st.composite
def networks(draw: Any) -> Network:
    shape = (draw(st.integers(3, 14)), draw(st.integers(3, 14)), 1)
    nodes, _ = draw(chain(shape, 2, 5))
    return Network(shape, Chain(*nodes))


def positive(module: nn.Module) -> None:
    """Make every weight 1, so that nothing cancels."""
    for parameter in module.parameters():
        nn.init.ones_(parameter)


def influence(network: Network, axis: int) -> Tensor:
    """Return (input rows × output rows), true where a row of the input changes a row of the output."""
    module = build(network).double().eval()
    positive(module)
    *places, _ = network.input
    length = network.input[axis]
    pictures = torch.zeros(length, 1, *places, dtype=torch.float64)
    for row in range(length):
        pictures.select(axis + 2, row)[row] = 1
    with torch.no_grad():
        found = module(pictures)
    return found.sum((1, 3 - axis) if len(places) == 2 else 1) > 0


def is_plain(node: Node) -> bool:
    return isinstance(node, arch.Layer) or (isinstance(node, Chain) and all(map(is_plain, node.nodes)))


def check(network: Network, joins: bool = False) -> None:
    """Compare fields with influences: they are equal, but that a branch whose columns are all padding, or holes of a
    transposed convolution, has no rows either; such branches are left out where `joins` are to be equal too.
    """
    field, equal = analyse(network).field, joins or all(map(is_plain, network.body.nodes))
    for axis, seen in enumerate((field.rows, field.columns)[: len(network.input) - 1]):
        changed = influence(network, axis)
        last = network.input[axis] - 1
        for output in range(changed.shape[1]):
            rows = changed[:, output].nonzero().flatten().tolist()
            if rows:  # or padding alone is seen, or no kernel row lands here
                first, final = seen.span(output)
                said = max(0, first), min(last, final)
                assert said[0] <= rows[0] <= rows[-1] <= said[1], (axis, output, seen)
                assert not equal or said == (rows[0], rows[-1]), (axis, output, seen)


@pytest.fixture(autouse=True)
def _plain_kernels() -> Iterator[None]:
    """Take PyTorch's plain kernels: oneDNN compiles one for every new shape, which is slow for tiny networks."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)
    torch.set_num_threads(threads)


@settings(max_examples=examples(100))
@given(networks())
def test_every_output_row_sees_the_rows_that_the_arithmetic_names(network: Network) -> None:
    check(network)


@settings(max_examples=examples(100))
@given(sequences())
def test_every_step_sees_the_steps_that_the_arithmetic_names(network: Network) -> None:
    check(network)


@pytest.mark.parametrize(
    "text",
    [
        "20x20x1: conv 1 3x3 nobias, avgpool 2, conv 1 3x3/2 nobias",
        "23x19x1: sum(conv 1 5x5 pad=2 nobias, conv 1 1x1/2 nobias | conv 1 3x3/2 pad=1 nobias)",
        "9x9x1: conv 1 3x3 dilation=2 nobias, upsample 2, conv 1 3x3 nobias",
        "6x6x1: deconv 1 2x2/2 nobias, conv 1 3x3 nobias",
        "8x8x1: upsample 3 interpolation=bilinear, avgpool 2",
        "17x13x1: adaptiveavgpool 5x4, conv 1 2x2 nobias",
        # windows that hang over a map in between see padding there, and not the rows that were cut off
        "9x9x1: crop 3/1x0/0, conv 1 3x3 pad=1 nobias",
        "20x20x1: conv 1 3x3/2 nobias, conv 1 5x5 same nobias",
        "12x12x1: crop 2, conv 1 3x3 pad=2 dilation=2 nobias",
        "7x7x1: avgpool 2, avgpool 3/1 pad=1",
        "12x1: conv1d 1 3 nobias, reshape 10x1x1, crop 1/2x0/0, reshape 7x1, conv1d 1 2 nobias",
        "8x8x1: crop 1, deconv 1 3x3/2 pad=1 nobias, conv 1 3x3 same nobias",
        "15x15x1: sum(crop 2, conv 1 5x5 same nobias | crop 0/4x0/4, conv 1 1x1 nobias)",
        # places that are written one after another and then as a picture again: means of channels, and more of the kind
        "9x7x1: conv 3 3x3 pad=1 nobias, reshape 3x63x1, avgpool 3x1, reshape 9x7x1, conv 1 3x3/2 nobias",
        "8x8x1: conv 4 3x3 nobias, reshape 4x36x1, avgpool 2x1, reshape 2x36x1, reshape 6x6x2, conv 1 2x2 nobias",
        "8x6x1: conv 2 3x3/2 pad=1 nobias, reshape 12x2, conv1d 1 1 nobias, reshape 4x3x1, conv 1 2x2 nobias",
        "8x8x1: conv 2 3x3 nobias, reshape 2x36x1, concat(avgpool 2x1 | avgpool 2x1), reshape 6x6x2, conv 1 3x3 nobias",
        "12x1: conv1d 3 3 nobias, reshape 3x10x1, avgpool 3x1, reshape 10x1, conv1d 1 2 nobias",
    ],
)
def test_named_cases(text: str) -> None:
    check(parse(text), joins=True)


def test_what_enlarges_bins_sees_no_more_than_the_picture() -> None:
    """Beyond the first and the last bin there are none, and bins overlap."""
    pyramid = "concat(adaptiveavgpool 3, resize 32x32 | adaptiveavgpool 2, resize 32x32 | identity)"
    assert analyse(parse(f"32x32x3: {pyramid}")).field.size == (32, 32)
    assert analyse(parse("31x33x3: adaptiveavgpool 2, resize 31x33")).field.size == (31, 33)
    assert analyse(parse("32x32x3: adaptiveavgpool 3, resize 40x40")).field.size == (22, 22)


def test_what_lists_the_places_of_a_picture_sees_what_they_see() -> None:
    conv, listed, pool, back, mixed, whole = analyse(
        parse("9x7x1: conv 3 3x3, reshape 3x35x1, avgpool 3x1, reshape 7x5x1, reshape 1x35x1, avgpool 1x5")
    ).rows
    assert listed.field.size == pool.field.size == back.field.size == mixed.field.size == conv.field.size == (3, 3)
    assert listed.field.at(2, 11) == pool.field.at(0, 11) == conv.field.at(2, 1) == ((2, 4), (1, 3))
    assert whole.field.size == (9, 7)
