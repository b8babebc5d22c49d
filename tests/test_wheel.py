"""What would be published, installed into an empty environment, does what the first lines of README.md say."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from hatchling import build

from tests.docs.test_examples import ROOT, blocks, commands_of, same

LINES = 4  # of the page's first commands


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return folder / build.build_wheel(str(folder))


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with hubel in it, and behind it the packages that hubel stands on."""
    folder = tmp_path_factory.mktemp("empty")
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
        wheel,
    ]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)
    library = next(folder.glob("lib/python*/site-packages"))
    shared = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
    (library / "others.pth").write_text(shared, encoding="utf-8")
    return folder


def run(place: Path, *words: str | Path) -> str:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(words, cwd=place, env=kept, capture_output=True, text=True)
    return ran.stdout + ran.stderr


def test_what_is_installed_is_the_wheel(place: Path) -> None:
    shown = run(place, place / "bin" / "python", "-c", "import hubel; print(hubel.__file__)")
    assert shown.startswith(str(place)), shown


def test_extras_are_installed_by_name_where_hubel_is(place: Path) -> None:
    install = ["install", "--dry-run", "--no-deps", "--no-index", "hubel[serve]"]
    ran = run(place, sys.executable, "-m", "pip", "--python", place / "bin" / "python", *install)
    assert "Requirement already satisfied: hubel[serve]" in ran
    assert "No matching distribution found for hubel" not in ran


def test_the_first_lines_of_the_readme(place: Path) -> None:
    told = [line for block in blocks(ROOT / "README.md") if block.language == "console" for line in commands_of(block)]
    for words, expected, width in told[:LINES]:
        shown = run(place, "env", f"COLUMNS={width}", str(place / "bin" / words[0]), *words[1:])
        same(" ".join(words), expected, shown)


def test_it_holds_what_is_needed_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = archive.namelist()
    rooms = {name.split("/")[1] for name in names if name.startswith("hubel/") and name.count("/") > 1}
    assert {"arch", "cli", "data", "report", "view"} <= rooms
    assert any(name.endswith("train-images-idx3-ubyte.gz") for name in names)
    assert any(name.endswith(".woff2") or name.endswith(".ttf") for name in names)
    assert not [name for name in names if not name.startswith(("hubel/", "hubel-")) or "__pycache__" in name]
