"""Where shapes tie, the structure of names decides whose weights go where, then numbers in them; else it is asked."""

from __future__ import annotations

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
    assert match_weights(build(parse(line)), unsorted)["dense3.weight"] == "beta.weight"
