"""`hubel compare`: the course's questions, ratios, JSON."""

from __future__ import annotations

import json

import pytest

from hubel.cli import main


@pytest.fixture
def compare(capsys, monkeypatch):
    def run(*words: str, status: int = 0) -> str:
        monkeypatch.setenv("COLUMNS", "140")
        assert main(["compare", *words]) == status
        captured = capsys.readouterr()
        return captured.err if status else captured.out

    return run


def test_the_bottleneck(compare):
    shown = compare("28x28x192: conv 32 5x5 same", "28x28x192: conv 16 1x1, conv 32 5x5 same")
    assert "B has 9.68 times fewer MACs: 12,443,648 against 120,422,400." in shown


def test_three_small_kernels_against_a_large_one(compare):
    shown = compare("56x56x64: 3 * conv 64 3x3 same", "56x56x64: conv 64 7x7 same")
    assert "27/49" in shown
    assert shown.count("7×7") >= 2  # the same receptive field


def test_json(compare):
    found = json.loads(compare("alexnet", "alexnet_owt", "--json"))
    assert found["first"]["parameters"] == 60_965_224
    assert found["second"]["parameters"] == 61_100_840
    assert found["differences"]["parameters"] == 60_965_224 - 61_100_840
    assert found["ratios"]["parameters"] == 60_965_224 / 61_100_840


def test_nothing_to_divide_by(compare):
    found = json.loads(compare("8: dense 3", "8: relu", "--json"))
    assert found["ratios"]["macs"] is None


def test_an_unknown_network(compare):
    assert "did you mean 'vgg16'" in compare("vgg161", "lenet5", status=2)
