"""Where shapes tie, the structure of names decides whose weights go where, then numbers in them; else it is asked."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import Tensor

from hubel.arch import parse
from hubel.nn import build, match_weights

NORM = ("weight", "bias", "running_mean", "running_var")


def tensors(*parts: tuple[str, tuple[int, ...] | int]) -> dict[str, Tensor]:
    """Make a file's tensors: convolutions by their weight's shape, normalisations by their channels."""
    found: dict[str, Tensor] = {}
    for path, shape in parts:
        if isinstance(shape, int):
            found |= {f"{path}.{role}": torch.ones(shape) for role in NORM}
        else:
            found[f"{path}.weight"] = torch.ones(shape)
    return found


STEM = "8x8x3: conv 8 3x3 nobias, norm, conv 8 3x3 groups=8 nobias, norm, conv 4 1x1 nobias, norm"
EFFICIENT = tensors(
    ("conv_stem", (8, 3, 3, 3)), ("bn1", 8), ("blocks.0.0.conv_dw", (8, 1, 3, 3)), ("blocks.0.0.bn1", 8),
    ("blocks.0.0.conv_pw", (4, 8, 1, 1)), ("blocks.0.0.bn2", 4),
)  # fmt: skip
MARKED = tensors(
    ("conv_pw", (8, 3, 3, 3)), ("bn_pw", 8), ("conv_dw", (8, 1, 3, 3)), ("bn_dw", 8), ("conv_last", (4, 8, 1, 1)),
    ("bn_last", 4),
)  # fmt: skip
LINES = {
    "efficientnet": (STEM, EFFICIENT, {"norm1": "bn1", "norm2": "blocks.0.0.bn1"}),
    "marks": (STEM, MARKED, {"norm1": "bn_pw", "norm2": "bn_dw"}),
}


@pytest.mark.parametrize("order", ["own", "sorted"])
@pytest.mark.parametrize("name", LINES)
def test_normalisations_go_with_what_they_follow(name: str, order: str) -> None:
    line, given, expected = LINES[name]
    names = match_weights(build(parse(line)), given if order == "own" else dict(sorted(given.items())))
    for path, other in expected.items():
        assert {names[f"{path}.{role}"] for role in NORM} == {f"{other}.{role}" for role in NORM}


@pytest.mark.parametrize("order", ["own", "sorted"])
def test_a_shortcut_registered_first(order: str) -> None:
    residual = "conv 4 1x1 nobias, conv 4 3x3 same nobias, conv 8 1x1 nobias"
    line = f"8x8x3: conv 4 3x3 nobias, sum({residual} | conv 8 1x1 nobias)"
    given = tensors(
        ("stem", (4, 3, 3, 3)), ("block.downsample.conv", (8, 4, 1, 1)), ("block.conv1", (4, 4, 1, 1)),
        ("block.conv2", (4, 4, 3, 3)), ("block.conv3", (8, 4, 1, 1)),
    )  # fmt: skip
    names = match_weights(build(parse(line)), given if order == "own" else dict(sorted(given.items())))
    assert names["sum1.branch1.conv3.weight"] == "block.conv3.weight"
    assert names["sum1.branch2.conv1.weight"] == "block.downsample.conv.weight"


def test_what_cannot_be_told_is_asked() -> None:
    line = "8: dense 8 nobias, relu, dense 8 nobias, relu, dense 8 nobias"
    shapes = {name: torch.ones(8, 8) for name in ("beta.weight", "gamma.weight", "zeta.weight")}
    with pytest.raises(
        ValueError, match="which weights belong to dense1 and which to dense2 cannot be told: beta and gamma"
    ):
        match_weights(build(parse(line)), shapes)
    numbered = {f"layer{number}.weight": torch.ones(8, 8) for number in (1, 2, 3)}
    assert match_weights(build(parse(line)), numbered)["dense2.weight"] == "layer2.weight"
    unsorted = {name: shapes[name] for name in ("gamma.weight", "zeta.weight", "beta.weight")}
    with pytest.warns(UserWarning, match="dense1 gets gamma and dense2 zeta.* is told by the file's order alone"):
        assert match_weights(build(parse(line)), unsorted)["dense3.weight"] == "beta.weight"


def test_numbers_that_fall_where_the_names_lie_together_are_warned_of() -> None:
    line = "8: dense 8 nobias, norm, dense 8 nobias, dense 4 nobias"
    given = tensors(("stage2.0", (8, 8)), ("stage2.1", 8), ("stage1.0", (8, 8)), ("stage1.1", (4, 8)))
    said = "dense1 gets stage2.0 and dense2 stage1.0, of equal shapes, is told by how their names lie together, against"
    with pytest.warns(UserWarning, match=said):
        names = match_weights(build(parse(line)), dict(sorted(given.items())))
    assert names["dense1.weight"] == "stage2.0.weight"


KERNEL = (8, 8, 3, 3)
STEM_OF = ("stem", (8, 3, 3, 3))


def unit(path: str) -> list[tuple[str, tuple[int, ...] | int]]:
    return [(f"{path}.0", KERNEL), (f"{path}.1", 8)]


def blocks(*names: str) -> list[tuple[str, tuple[int, ...] | int]]:
    """Three blocks of convolutions and normalisations, of which the names tell which is which."""
    kinds = [(name, KERNEL if name.startswith(("conv", "mixer")) else 8) for name in names]
    return [(f"blocks.{number}.{name}", kind) for number in range(3) for name, kind in kinds]


CONV = "conv 8 3x3 same nobias"
BEFORE = f"8x8x3: {CONV}, 3 * sum(norm, {CONV}, norm, {CONV}, norm | identity)"
SHORT = f"{CONV}, norm"
LONG = f"{CONV}, norm, {CONV}, norm"
RIGHT = {
    "normalisations before": (BEFORE, blocks("bn1", "conv1", "bn2", "conv2", "bn3"), "bn1 conv1 bn2 conv2 bn3"),
    "a last normalisation outside": (
        f"8x8x3: {CONV}, 3 * sum(identity | norm, {CONV}, norm, {CONV}), norm",
        [*blocks("bn1", "conv1", "bn2", "conv2"), ("bn", 8)],
        "bn1 conv1 bn2 conv2",
    ),
    "a shortcut registered first": (
        f"8x8x3: {CONV}, 3 * sum({LONG} | {SHORT})",
        blocks("conv_short", "bn_short", "conv1", "bn1", "conv2", "bn2"),
        "conv1 bn1 conv2 bn2 conv_short bn_short",
    ),
    "a shortcut run first": (
        f"8x8x3: {CONV}, 3 * sum({SHORT} | {LONG})",
        blocks("conv1", "bn1", "conv2", "bn2", "conv_short", "bn_short"),
        "conv_short bn_short conv1 bn1 conv2 bn2",
    ),
}


@pytest.mark.parametrize("order", ["own", "sorted"])
@pytest.mark.parametrize("name", RIGHT)
def test_blocks_of_equal_widths_come_right(name: str, order: str) -> None:
    line, parts, flow = RIGHT[name]
    given = tensors(STEM_OF, *parts)
    found = match_weights(build(parse(line)), given if order == "own" else dict(sorted(given.items())))
    got = [other.removesuffix(".weight") for own, other in found.items() if own.endswith(".weight")]
    expected = ["stem", *(f"blocks.{number}.{each}" for number in range(3) for each in flow.split())]
    assert got[: len(expected)] == expected
    assert got[len(expected) :] == (["bn"] if "outside" in name else [])


def test_branches_of_other_lengths_are_found_by_their_folders() -> None:
    line = f"8x8x3: {CONV}, concat({LONG}, {SHORT} | {SHORT} | {LONG})"
    parts = [*unit("b1"), *unit("b2.0"), *unit("b2.1"), *unit("b3.0"), *unit("b3.1"), *unit("b3.2")]
    found = match_weights(build(parse(line)), dict(sorted(tensors(STEM_OF, *parts).items())))
    assert found["concat1.branch1.conv3.weight"] == "b3.2.0.weight"
    assert found["concat1.branch2.conv1.weight"] == "b1.0.weight"
    assert found["concat1.branch3.norm2.weight"] == "b2.1.1.weight"


TWO = f"8x8x3: {CONV}, concat({SHORT} | {SHORT})"
GATED = "8x8x3: conv 8 3x3 same nobias, product(conv 8 1x1 nobias | conv 8 1x1 nobias, sigmoid)"
ASKED = {
    "towers": (TWO, [STEM_OF, *unit("b"), *unit("a")], "both", "order tells nothing|sorted by name"),
    "gates": (GATED, [STEM_OF, ("q", (8, 8)), ("k", (8, 8))], "both", "order tells nothing|sorted by name"),
    "words": (BEFORE, [STEM_OF, *blocks("n_first", "conv_x", "n_mid", "conv_y", "n_out")], "sorted", "sorted by name"),
    "another order than the numbers": (
        BEFORE, [STEM_OF, *blocks("bn3", "conv2", "bn2", "conv1", "bn1")], "own", "contradict each other"
    ),
    "down and up": (
        f"8x8x3: {CONV}, {SHORT}, {SHORT}, {SHORT}", [STEM_OF, *unit("enc1"), *unit("dec2"), *unit("dec1")], "both",
        "contradict each other|sorted by name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ASKED)
def test_what_neither_names_nor_order_tell_is_asked(name: str) -> None:
    line, parts, orders, why = ASKED[name]
    given = tensors(*parts)
    for order in ("own", "sorted") if orders == "both" else (orders,):
        with pytest.raises(ValueError, match=f"cannot be told.*({why}).*hubel.translate"):
            match_weights(build(parse(line)), given if order == "own" else dict(sorted(given.items())))


def test_branches_of_a_sum_that_are_alike_may_change_places() -> None:
    line = f"8x8x3: {CONV}, sum({SHORT} | {SHORT})"
    found = match_weights(build(parse(line)), dict(sorted(tensors(STEM_OF, *unit("b"), *unit("a")).items())))
    for branch in ("branch1", "branch2"):
        folders = {found[f"sum1.{branch}.{each}.weight"].split(".")[0] for each in ("conv1", "norm1")}
        assert len(folders) == 1


SCALE = "conv 8 1x1 nobias groups=8"
METAFORMER = (
    f"8x8x3: {CONV}, 3 * (sum(identity | norm, {CONV}, {SCALE}), sum(identity | norm, conv 8 1x1 nobias, {SCALE}))"
)
FORMER = {"norm": 8, "mix": KERNEL, "scale": (8, 1, 1, 1), "mlp": (8, 8, 1, 1)}


def former(norms: tuple[str, str], scales: tuple[str, str]) -> list[tuple[str, tuple[int, ...] | int]]:
    one = [(norms[0], FORMER["norm"]), ("mix", FORMER["mix"]), (scales[0], FORMER["scale"])]
    other = [(norms[1], FORMER["norm"]), ("mlp", FORMER["mlp"]), (scales[1], FORMER["scale"])]
    return [(f"blocks.{number}.{name}", kind) for number in range(3) for name, kind in [*one, *other]]


@pytest.mark.parametrize("order", ["own", "sorted"])
@pytest.mark.parametrize("words", [("n", "ls"), ("norm", "layer_scale_")])
def test_a_mark_before_and_after_an_unmarked_layer(words: tuple[str, str], order: str) -> None:
    norms, scales = [(f"{word}1", f"{word}2") for word in words]
    given = tensors(STEM_OF, *former(norms, scales))
    found = match_weights(build(parse(METAFORMER)), given if order == "own" else dict(sorted(given.items())))
    for number in range(6):
        block = f"sum{number + 1}.branch2"
        assert found[f"{block}.norm1.weight"] == f"blocks.{number // 2}.{norms[number % 2]}.weight"
        assert found[f"{block}.conv2.weight"] == f"blocks.{number // 2}.{scales[number % 2]}.weight"


def test_marks_that_only_say_what_belongs_together_are_asked_of() -> None:
    given = tensors(STEM_OF, *former(("norm_b", "norm_a"), ("scale_b", "scale_a")))
    with pytest.raises(ValueError, match=r"cannot be told: blocks.0.norm_. and blocks.0.norm_. .*sorted by name"):
        match_weights(build(parse(METAFORMER)), dict(sorted(given.items())))


def test_a_normalisation_that_could_stand_before_or_after_is_asked_of() -> None:
    line = f"8x8x3: {CONV}, sum(norm, {CONV}, norm, {CONV}, norm | identity)"
    given = tensors(
        STEM_OF, ("unit.body.conv1.bn", 8), ("unit.body.conv1.conv", KERNEL), ("unit.body.conv2.bn", 8),
        ("unit.body.conv2.conv", KERNEL), ("unit.bn", 8),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"sum1.branch1.norm1 and which to sum1.branch1.norm3 cannot be told"):
        match_weights(build(parse(line)), dict(sorted(given.items())))
    with pytest.warns(UserWarning, match="unit.body.conv1.bn and .*unit.bn, .* the file's order alone"):
        assert match_weights(build(parse(line)), given)["sum1.branch1.norm3.weight"] == "unit.bn.weight"


SIDE_BY_SIDE = {
    "concat": (TWO, [*unit("branch1"), *unit("branch2")], "concat1.branch1.conv1", "branch1.0"),
    "a list": (TWO, [*unit("branches.0"), *unit("branches.1")], "concat1.branch1.conv1", "branches.0.0"),
    "gates": (GATED, [("conv1", (8, 8)), ("conv2", (8, 8))], "product1.branch1.conv1", "conv1"),
    "unlike activations": (
        f"8x8x3: {CONV}, sum({CONV}, relu | {CONV})", [("conv1", KERNEL), ("conv2", KERNEL)], "sum1.branch1.conv1",
        "conv1",
    ),
    "other dilation": (
        f"8x8x3: {CONV}, sum({CONV} | {CONV} dilation=2)", [("conv1", KERNEL), ("conv2", KERNEL)],
        "sum1.branch1.conv1", "conv1",
    ),
    "a shortcut": (
        f"8x8x3: {CONV}, sum({CONV}, {CONV} | {CONV})", [(f"conv{number}", KERNEL) for number in (1, 2, 3)],
        "sum1.branch1.conv1", "conv1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("order", ["own", "sorted"])
@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_what_numbers_alone_tell_of_branches_is_warned_of(name: str, order: str) -> None:
    line, parts, own, expected = SIDE_BY_SIDE[name]
    given = tensors(STEM_OF, *parts)
    with pytest.warns(UserWarning, match=f"that {own} gets {expected} .* is told by numbers in their names alone"):
        found = match_weights(build(parse(line)), given if order == "own" else dict(sorted(given.items())))
    assert found[f"{own}.weight"] == f"{expected}.weight"


@pytest.mark.parametrize("words", ["1 2 3 4", "a b c d"])
def test_branches_of_forms_of_their_own_say_that_a_file_follows_the_branches(words: str) -> None:
    line = f"8x8x3: {CONV}, concat({SHORT} | {LONG} | {LONG}, {SHORT} | {SHORT})"
    names = words.split()
    parts = [
        (f"{name}.{number}.{each}", KERNEL if each == "conv" else 8)
        for name, length in zip(names, (1, 2, 3, 1), strict=True)
        for number in range(length)
        for each in ("conv", "bn")
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = match_weights(build(parse(line)), tensors(STEM_OF, *parts))
    assert found["concat1.branch4.conv1.weight"] == f"{names[3]}.0.conv.weight"
