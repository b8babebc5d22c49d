"""What `hubel completion` prints, in the shells that are here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hubel.cli import COMMANDS, main
from hubel.cli.completion import verbs

TRIES = {
    "ex": {"explain", "export"},
    "help lo": {"look"},
    "explain resnet15": {"resnet152"},
    "train --epo": {"--epochs"},
    "train lenet5 mni": {"mnist"},
    "train lenet5 mnist --fit ": {"auto", "crop", "pad", "stretch"},
    "look ca": {"cam"},
    "look cam run --sig": {"--signed"},
    "code lenet5 --to ker": {"keras"},
    "explain lenet5 -o fi": {"file.txt"},
    "completion zs": {"zsh"},
}


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    (tmp_path / "file.txt").touch()
    found = {}
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell]) == 0
        found[shell] = capsys.readouterr().out
    return found


def run(shell: list[str], program: str, folder: Path) -> str:
    return subprocess.run(shell, input=program, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash(script: dict[str, str], tmp_path: Path) -> None:
    asked = "".join(
        f'COMP_WORDS=(hubel {" ".join(line.split()[:-1]) if not line.endswith(" ") else line} "{last(line)}")\n'
        'COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMPREPLY=(); _hubel 2> /dev/null; echo "${COMPREPLY[@]}"\n'
        for line in TRIES
    )
    shown = run(["bash", "--norc"], script["bash"] + asked, tmp_path).splitlines()
    assert {line: set(found.split()) for line, found in zip(TRIES, shown, strict=True)} == TRIES


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish(script: dict[str, str], tmp_path: Path) -> None:
    for line, expected in TRIES.items():
        if line.startswith("help"):
            continue
        shown = run(["fish", "--no-config"], script["fish"] + f"complete -C 'hubel {line}'\n", tmp_path).splitlines()
        assert expected <= {one.partition("\t")[0] for one in shown}, line


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh(script: dict[str, str], tmp_path: Path) -> None:
    setup = "autoload -U compinit; compinit -u -d dump\n"
    shown = run(["zsh", "-f"], setup + script["zsh"] + "echo $_comps[hubel]\n", tmp_path)
    assert "_hubel" in shown


def last(line: str) -> str:
    return "" if line.endswith(" ") else line.split()[-1]


def test_every_command_and_option_is_completed(script: dict[str, str]) -> None:
    found = list(verbs())
    assert {verb.words[0] for verb in found} == set(COMMANDS)
    assert all(flag in script["bash"] for verb in found for flag in verb.options)
    assert all(f"-l {flag[2:]} " in script["fish"] for verb in found for flag in verb.options if flag[:2] == "--")
