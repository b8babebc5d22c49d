"""The worked figures of the course, each with its formula."""

from __future__ import annotations

import pytest

from hubel.arch import Concat, Report, ShapeError, analyse, parse


def formula(report: Report, path: str, figure: str) -> str:
    (row,) = report.find(path)
    (found,) = [str(formula) for formula in row.formulas if formula.figure == figure]
    return found


SIZES = [
    ("7x7x1: conv 1 3x3", (5, 5, 1), "(7 − 3)/1 + 1 = 5"),
    ("7x7x1: conv 1 3x3/2", (3, 3, 1), "(7 − 3)/2 + 1 = 3"),
    ("7x7x1: conv 1 3x3 pad=1", (7, 7, 1), "(7 + 2·1 − 3)/1 + 1 = 7"),
    ("32x32x3: conv 1 5x5", (28, 28, 1), "(32 − 5)/1 + 1 = 28"),
    ("32x32x3: conv 6 5x5", (28, 28, 6), "(32 − 5)/1 + 1 = 28"),
    ("28x28x6: conv 10 5x5", (24, 24, 10), "(28 − 5)/1 + 1 = 24"),
    ("32x32x3: conv 10 5x5 pad=2", (32, 32, 10), "(32 + 2·2 − 5)/1 + 1 = 32"),
    ("28x28x192: conv 32 1x1", (28, 28, 32), "(28 − 1)/1 + 1 = 28"),
]


@pytest.mark.parametrize(("text", "shape", "shown"), SIZES)
def test_sizes(text, shape, shown):
    report = analyse(parse(text))
    assert report.output_shape == shape
    assert formula(report, "conv1", "output_height") == shown
    assert formula(report, "conv1", "output_width") == shown


def test_stride_three_does_not_fit():
    with pytest.raises(ShapeError, match=r"\(7 − 3\)/3 \+ 1 = 2\.33"):
        analyse(parse("7x7x1: conv 1 3x3/3"), strict=True)


@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (5, 2), (7, 3)])
def test_the_padding_that_keeps_the_size(kernel, padding):
    report = analyse(parse(f"32x32x3: conv 4 {kernel}x{kernel} same"))
    assert formula(report, "conv1", "padding_that_keeps_the_size") == f"({kernel} − 1)/2 = {padding}"
    assert analyse(parse(f"32x32x3: conv 4 {kernel}x{kernel} pad={padding}")).output_shape == (32, 32, 4)


FIGURES = [
    ("32x32x3: conv 1 5x5", "conv1", "dot_product", "5·5·3 = 75"),
    ("32x32x3: conv 10 5x5 pad=2", "conv1", "parameters_per_filter", "5·5·3 + 1 = 76"),
    ("32x32x3: conv 10 5x5 pad=2", "conv1", "parameters", "(5·5·3 + 1)·10 = 760"),
    ("32x32x3: conv 10 3x3", "conv1", "parameters", "(3·3·3 + 1)·10 = 280"),
    ("28x28x1: flatten, dense 10 softmax", "dense1", "weights", "784·10 = 7,840"),
    ("28x28x1: flatten, dense 10 softmax", "dense1", "parameters", "(784 + 1)·10 = 7,850"),
    ("256x256x1: flatten, dense 10", "dense1", "weights", "65536·10 = 655,360"),
    ("100x100x1: flatten, dense 100, dense 3", "dense1", "parameters", "(10000 + 1)·100 = 1,000,100"),
    ("100x100x1: local 25 25x25/25", "local1", "dot_product", "25·25·1 = 625"),
    ("28x28x192: conv 32 5x5 same", "conv1", "macs", "28·28·32·5·5·192 = 120,422,400"),
    ("28x28x192: conv 16 1x1, conv 32 5x5 same", "conv1", "macs", "28·28·16·1·1·192 = 2,408,448"),
    ("28x28x192: conv 16 1x1, conv 32 5x5 same", "conv2", "macs", "28·28·32·5·5·16 = 10,035,200"),
    ("227x227x3: conv 96 11x11/4", "conv1", "weights", "11·11·3·96 = 34,848"),
    ("227x227x3: conv 96 11x11/4", "conv1", "macs", "55·55·96·11·11·3 = 105,415,200"),
    ("27x27x96: conv 256 5x5 pad=2 groups=2", "conv1", "weights", "5·5·(96/2)·256 = 307,200"),
    ("27x27x96: conv 256 5x5 pad=2 groups=2", "conv1", "macs", "27·27·256·5·5·(96/2) = 223,948,800"),
    ("13x13x256: conv 384 3x3 same", "conv1", "macs", "13·13·384·3·3·256 = 149,520,384"),
    ("13x13x384: conv 384 3x3 same groups=2", "conv1", "weights", "3·3·(384/2)·384 = 663,552"),
    ("13x13x384: conv 384 3x3 same groups=2", "conv1", "macs", "13·13·384·3·3·(384/2) = 112,140,288"),
    ("13x13x384: conv 256 3x3 same groups=2", "conv1", "macs", "13·13·256·3·3·(384/2) = 74,760,192"),
    ("9216: dense 4096", "dense1", "macs", "9216·4096 = 37,748,736"),
    ("4096: dense 4096", "dense1", "macs", "4096·4096 = 16,777,216"),
    ("4096: dense 1000", "dense1", "macs", "4096·1000 = 4,096,000"),
]


@pytest.mark.parametrize(("text", "path", "figure", "shown"), FIGURES)
def test_figures_with_their_formulas(text, path, figure, shown):
    assert formula(analyse(parse(text)), path, figure) == shown


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("256x256x1: flatten, 3 * dense 10", 655_590),  # the slide multiplies where layers add
        ("100x100x1: flatten, dense 100, dense 3", 1_000_403),
        ("50x50x1: local 25 25x25/25, flatten, dense 3", 62_903),
        ("25x25x1: conv 25 25x25, flatten", 15_650),  # the weights shared between the four, and 303 for the outputs
        ("25x25x1: conv 25 25x25", 15_953 - 303),
    ],
)
def test_parameters(text, parameters):
    assert analyse(parse(text)).parameters == parameters


LENET_LIKE = [
    ("conv1", (28, 28, 8), 6272, 608, "(5·5·3 + 1)·8 = 608"),
    ("pool1", (14, 14, 8), 1568, 0, ""),
    ("conv2", (10, 10, 16), 1600, 3216, "(5·5·8 + 1)·16 = 3,216"),
    ("pool2", (5, 5, 16), 400, 0, ""),
    ("dense1", (120,), 120, 48_120, "(400 + 1)·120 = 48,120"),
    ("dense2", (84,), 84, 10_164, "(120 + 1)·84 = 10,164"),
    ("dense3", (10,), 10, 850, "(84 + 1)·10 = 850"),
]


@pytest.mark.parametrize(("path", "shape", "numbers", "parameters", "shown"), LENET_LIKE)
def test_the_table_like_lenet(path, shape, numbers, parameters, shown):
    report = analyse(
        parse("32x32x3: conv 8 5x5, maxpool 2, conv 16 5x5, maxpool 2, flatten, dense 120, dense 84, dense 10 softmax")
    )
    (row,) = report.find(path)
    assert (row.output_shape, row.cost.activations, row.cost.parameters) == (shape, numbers, parameters)
    if shown:
        assert formula(report, path, "parameters") == shown


@pytest.mark.parametrize("channels", [1, 16, 64])
def test_three_small_kernels_against_a_large_one(channels):
    three = analyse(parse(f"56x56x{channels}: 3 * conv {channels} 3x3 same nobias"))
    one = analyse(parse(f"56x56x{channels}: conv {channels} 7x7 same nobias"))
    assert (three.parameters, one.parameters) == (27 * channels**2, 49 * channels**2)
    assert three.field.size == one.field.size == (7, 7)


def test_the_bottleneck_costs_a_tenth():
    plain = analyse(parse("28x28x192: conv 32 5x5 same")).macs
    narrow = analyse(parse("28x28x192: conv 16 1x1, conv 32 5x5 same")).macs
    assert narrow == 12_443_648
    assert round(plain / narrow, 2) == 9.68


def test_share_of_positions_with_a_gradient():
    report = analyse(parse("32x32x1: conv 1 1x1/2, maxpool 2"))
    assert float(report.gradient_share) == 1 / 16


def test_alexnet_on_224_leaves_a_quarter():
    report = analyse(parse("224x224x3: conv 96 11x11/4"))
    assert report.output_shape == (54, 54, 96)
    assert report.rows[0].notes[0] == "(224 − 11)/4 + 1 = 54.25: the last row of 224 not covered, dropped"
    assert report.rows[0].notes[1].endswith("the last column of 224 not covered, dropped")
    with pytest.raises(ShapeError, match=r"conv1: Conv2D does not fit.*received \(224 − 11\)/4 \+ 1 = 54\.25"):
        analyse(report.network, strict=True)
    assert analyse(parse("227x227x3: conv 96 11x11/4"), strict=True).notes == ()


def test_inception_module_adds_up():
    text = (
        "28x28x192: concat(conv 64 1x1 | conv 96 1x1, conv 128 3x3 same | conv 16 1x1, conv 32 5x5 same"
        " | maxpool 3x3/1 same, conv 32 1x1)"
    )
    report = analyse(parse(text))
    assert isinstance(report.network.body.nodes[0], Concat)
    assert report.output_shape == (28, 28, 256)
    assert (
        report.parameters
        == 192 * 64 + 64 + 192 * 96 + 96 + 9 * 96 * 128 + 128 + 192 * 16 + 16 + 25 * 16 * 32 + 32 + 192 * 32 + 32
    )
