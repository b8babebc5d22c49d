"""Files of more than three bands: read, trained on, measured and predicted as they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hubel.base.errors import DataError
from hubel.cli import main
from hubel.data import Preprocessing, describe, load
from tests.data.decode.tiffs import tiff


def make(folder: Path, bands: int, kind: str = "uint16", count: int = 12) -> list[np.ndarray]:
    """Two classes of pictures 8×8, told apart by the last band."""
    random, made = np.random.default_rng(0), []
    for number in range(count):
        values = random.integers(0, 1500, (8, 8, bands))
        values[..., -1] += 2500 * (number % 2)
        values[0, 0] = 4095
        made.append(values.astype(kind))
        path = folder / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(tiff(made[-1], planes=number % 3 == 0))
    return made


@pytest.mark.parametrize("bands", [2, 4, 5, 13])
def test_all_bands_are_kept(bands: int, tmp_path: Path) -> None:
    made = make(tmp_path / "set", bands)
    found = load(tmp_path / "set")
    assert found.train.shape == (8, 8, bands)
    assert any(f"images of {bands} bands" in note for note in found.notes)
    number = int(Path(found.train.paths[3]).stem)
    assert np.abs(found.train.images[3] - made[number].astype(float) * 255 / 4095).max() <= 0.51
    one = Preprocessing.for_dataset(found.train)
    assert (one.prepare(found.train.paths[3]) == found.train.images[3]).all()
    assert (one.prepare(Path(found.train.paths[3]).read_bytes()) == found.train.images[3]).all()
    assert describe(tmp_path / "set").modes == {f"{bands} channels": 12}


def test_they_are_trained_on_measured_and_predicted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(tmp_path / "set", 5, count=24)
    folder, run = str(tmp_path / "set"), str(tmp_path / "run")
    line = ["train", "8x8x5: globalavgpool, dense 2", folder, "--run", run, "--epochs", "2", "--no-report", "--json"]
    assert main([*line, "--set", "threads=1"]) == 0
    assert json.loads(capsys.readouterr().out)["evaluated"] == "validation"
    assert main(["evaluate", run, folder, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["images"] == 24
    assert main(["predict", run, f"{folder}/a", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 12


def test_other_sizes_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "set", 5)
    (tmp_path / "set" / "a" / "x.tif").write_bytes(tiff(np.zeros((9, 8, 5), np.uint16)))
    with pytest.raises(DataError, match="of one size and kind with all their bands, received"):
        load(tmp_path / "set")
