"""Every command's options can be declared together."""

import json
from typing import Any

import pytest

from hubel import zoo
from hubel.arch import analyse
from hubel.cli import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_its_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"usage: hubel {command}" in capsys.readouterr().out


def test_each_look_says_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("filters", "maps", "unit", "mistakes", "space"):
        with pytest.raises(SystemExit) as ended:
            main(["look", word, "--help"])
        assert ended.value.code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r3gan", "--option", "width=half"], "r3gan: expected width as a number, received 'half'"),
        (["densenet121", "--option", "growth=2.5"], "densenet121: expected growth as a whole number, received 2.5"),
        (["googlenet", "--option", "heads=1"], "googlenet: expected heads as true or false, received 1"),
        (["resnet18", "--option", "shortcut=2"], "resnet18: expected shortcut as a word, received 2"),
        (["r3gan", "--option", "input=8x8x3"], "r3gan: expected input as a shape, received '8x8x3'"),
        (["r3gan", "--option", "latent=true"], "r3gan: expected latent as a whole number, received True"),
    ],
)
def test_a_networks_own_options_have_their_kinds(words: list[str], said: str, capsys: Any) -> None:
    assert main(["explain", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_networks_own_option_may_be_a_fraction(capsys: Any) -> None:
    assert main(["explain", "r3gan", "--option", "width=0.5", "--json"]) == 0
    half = json.loads(capsys.readouterr().out)["parameters"]
    assert half == analyse(zoo.get("r3gan", width=0.5)).parameters
