"""`hubel zoo` as a process: the table, one network's story, JSON, and mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from hubel import zoo
from hubel.cli import main


def hubel(*arguments: str, columns: int = 100) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": str(columns), "PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1"}
    program = "import sys; from hubel.cli import main; raise SystemExit(main())"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, encoding="utf-8", env=environment
    )


@pytest.mark.parametrize("columns", [80, 160])
def test_the_table_shows_every_network(columns):
    ran = hubel("zoo", columns=columns)
    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    shown = [line.split()[0] for line in lines if line and line.split()[0] in zoo.names()]
    assert tuple(shown) == zoo.names()
    (resnet,) = [line for line in lines if line.startswith("resnet152 ")]
    assert "He et al. 2015" in resnet
    assert "224×224×3" in resnet
    assert "60.2 M" in resnet
    assert "11.5 G" in resnet
    assert all(len(line.rstrip()) <= columns for line in lines)
    assert ("what is new" in ran.stdout) == (columns == 160)


def test_the_table_as_json():
    ran = hubel("zoo", "--json")
    found = {row["name"]: row for row in json.loads(ran.stdout)}
    assert tuple(found) == zoo.names()
    assert found["alexnet"]["parameters"] == 60_965_224
    assert found["alexnet"]["macs"] == 724_406_816
    assert found["unet_2015"]["output_shape"] == [388, 388, 2]


def test_the_story_of_one_network():
    ran = hubel("zoo", "googlenet", columns=200)
    assert (ran.returncode, ran.stderr) == (0, "")
    for expected in (
        "Going deeper with convolutions",
        "6,998,552",
        "1,582,671,872",
        "6.67 %",
        "googlenet_bn",
        "heads=False",
    ):
        assert expected in ran.stdout


def test_the_story_as_json():
    found = json.loads(hubel("zoo", "lenet5_1998", "--json").stdout)
    assert found["paper"]["year"] == 1998
    assert found["options"] == {"classes": 10, "input": [32, 32, 1]}
    assert {"what", "value", "source"} == set(found["figures"][0])
    assert found["notes"] == list(zoo.entry("lenet5_1998").notes)
    assert found["text"] == str(zoo.get("lenet5_1998"))


def test_an_unknown_network_is_a_mistake_with_a_suggestion():
    ran = hubel("zoo", "VGG-166")
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert "did you mean 'vgg16'?" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_neither_torch_nor_numpy_is_imported():
    program = "import sys; from hubel.cli import main; main(['zoo']); assert not {'torch', 'numpy'} & set(sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_years_have_no_thousands(tmp_path):
    assert main(["zoo", "lenet5", "-o", str(tmp_path / "one.md")]) == 0
    assert "| 1998 |" in (tmp_path / "one.md").read_text(encoding="utf-8")
