"""The command line itself: help, unknown commands, `python -m hubel`, and what it does not import."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

import hubel
from hubel.cli import COMMANDS, main


def python(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, encoding="utf-8")


def test_help_lists_every_command(capsys):
    assert main([]) == 0
    shown = capsys.readouterr().out
    for name, help_text in COMMANDS.items():
        assert name in shown
        assert help_text.split(",")[0].split(":")[0] in shown


@pytest.mark.parametrize("command", ["explain", "compare", "zoo", "convolve"])
def test_help_of_a_command_has_examples(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert f"  hubel {command}" in shown


@pytest.mark.parametrize(
    "line", ["explain {}", "explain {}:net --input 8x8x1", "predict mnist {}", "train lenet5 mnist --recipe {}"]
)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_with_a_name_is_not_waited_for(line, tmp_path, capsys):
    os.mkfifo(tmp_path / "net.py")
    assert main(line.format(tmp_path / "net.py").split()) == 2
    assert re.search(r"net.py\S*: expected a file, received a pipe, into which nobody may", capsys.readouterr().err)


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="needs /dev/fd")
def test_what_the_shell_pipes_in_is_read(capsys):
    reader, writer = os.pipe()
    os.write(writer, b"8x8x1: flatten, dense 2")
    os.close(writer)
    assert main(["explain", f"/dev/fd/{reader}"]) == 0
    os.close(reader)
    assert "dense" in capsys.readouterr().out


def test_an_unknown_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["expain", "lenet5"])
    assert ended.value.code == 2
    assert "no command is called 'expain'; did you mean 'explain'?" in capsys.readouterr().err


def test_as_a_module():
    ran = python("-m", "hubel", "--version")
    assert (ran.returncode, ran.stdout) == (0, f"hubel {hubel.__version__}\n")


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["explain", "resnet152"],
        ["explain", "lenet5", "--json"],
        ["compare", "lenet5", "alexnet"],
        ["zoo"],
        ["convolve", "1 2 3 / 4 5 6 / 7 8 9", "1 0 / 0 1"],
    ],
    ids=" ".join,
)
def test_neither_torch_nor_numpy_is_imported(words):
    program = f"""
import contextlib, io, sys
import hubel
from hubel.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({words!r})
found = {{"torch", "numpy", "PIL", "safetensors"}} & set(sys.modules)
assert not found, found
"""
    ran = python("-c", program)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("kind", [KeyError, ValueError, RuntimeError])
def test_an_unknown_error_ends_in_a_sentence_and_debug_shows_where(kind, capsys, monkeypatch):
    def fail(_):
        raise kind("conv9")

    monkeypatch.setattr("hubel.cli.explain.run", fail)
    assert main(["explain", "lenet5"]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"hubel: a fault of hubel's own ({kind.__name__}: conv9); please report it")
    assert told.count("\n") == 1
    for option in ("--debug", "--traceback"):
        with pytest.raises(kind):
            main(["explain", "lenet5", option])


def test_where_memory_ends_it_is_said(capsys, monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr("hubel.cli.explain.run", fail)
    assert main(["explain", "lenet5"]) == 2
    assert capsys.readouterr().err.startswith("hubel: there is not enough memory for it; ")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"epochs = [", "recipe.toml: expected TOML: "),
        (b"\xff\xfe", "recipe.toml: expected text in UTF-8, received another byte at 0"),
        (b"epocs = 1", "recipe.toml: recipe: unknown setting 'epocs'; did you mean 'epochs'?"),
    ],
)
def test_a_recipe_that_is_none_is_named(content, words, capsys, tmp_path):
    (tmp_path / "recipe.toml").write_bytes(content)
    command = ["train", "28x28x1: flatten, dense 10 softmax", "mnist", "--recipe", str(tmp_path / "recipe.toml")]
    assert main([*command, "--run", str(tmp_path / "run")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
