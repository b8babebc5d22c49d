"""Every example in README.md and docs/*.md runs, and shows what the page says.

- ```python blocks share one namespace a page. With `>>>` they are compared as doctests are, without they only run.
- ```console blocks: each `$ hubel …` runs in-process, and what it prints must be what stands below it. A line of
  `...` stands for any lines. Other commands are left alone.
- A word after the language (```python no-run) or any other language means: not run. `columns=100` after console
  sets the terminal's width; otherwise it is 80. `setup=photos` puts a folder of pictures beside it first.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?P<language>\w+)(?P<words>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


@dataclass(frozen=True)
class Block:
    language: str
    words: list[str]
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["words"].split(), found["text"], text.count("\n", 0, found.start()) + 2)
        for found in BLOCK.finditer(text)
    ]


def run_python(block: Block, names: dict[str, object], page: str) -> None:
    if ">>> " not in block.text:
        exec(compile("\n" * (block.line - 1) + block.text, page, "exec"), names)
        return
    test = doctest.DocTestParser().get_doctest(block.text, names, page, page, block.line - 1)
    report = io.StringIO()
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.write, clear_globs=False)
    names.update(test.globs)  # get_doctest copied them
    assert not report.getvalue(), report.getvalue()


def commands_of(block: Block) -> list[tuple[list[str], str, str]]:
    """Each `$ hubel …` of a console block: its words, what it shows, and the terminal's width."""
    width = next((word.partition("=")[2] for word in block.words if word.startswith("columns=")), "80")
    found = []
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.replace("\\\n", "").partition("\n")
        words = shlex.split(command, comments=True)
        if words[:1] == ["hubel"]:
            found.append((words, expected, width))
    return found


def run_console(block: Block, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "hubel.view.words.terminal.QUIET", 1e6
    )  # what a slow machine says meanwhile is no part of pages
    for words, expected, width in commands_of(block):
        monkeypatch.setenv("COLUMNS", width)
        same(f"{page}, block at line {block.line}: $ {shlex.join(words)}", expected, output(words[1:]))


def same(what: str, expected: str, shown: str) -> None:
    """Fail where what was shown is not what was expected, in which a line of ... stands for any lines."""
    assert doctest.OutputChecker().check_output(plain(expected), plain(shown), FLAGS), (
        f"{what}\nexpected:\n{plain(expected)}\nreceived:\n{plain(shown)}"
    )


def output(words: list[str]) -> str:
    """What a command prints, mistakes included."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), contextlib.suppress(SystemExit):
        main(words)
    return printed.getvalue()


def plain(text: str) -> str:
    return "".join(f"{line.rstrip()}\n" for line in text.strip("\n").splitlines())


def photos(folder: Path) -> None:
    """A folder of 24 pictures in three classes, which their colours tell apart."""
    random = np.random.default_rng(0)
    for place, name in enumerate(("red", "green", "blue")):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            pixels = random.integers(0, 60, (40, 50, 3), np.uint8)
            pixels[..., place] += 150
            Image.fromarray(pixels).save(folder / name / f"{number}.jpg")


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_examples(page, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page):
        if "setup=photos" in block.words:
            photos(Path("photos"))
        unknown = [word for word in block.words if not word.startswith(("columns=", "setup="))]
        if unknown:
            continue
        if block.language == "python":
            run_python(block, names, page.name)
        elif block.language == "console":
            run_console(block, page.name, monkeypatch)
