"""Every command's options can be declared together."""

import pytest

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
