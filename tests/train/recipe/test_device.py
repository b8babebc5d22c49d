"""Devices by name: those that are here, and a sentence for others, before anything is written."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hubel.arch import parse
from hubel.base.errors import SettingError
from hubel.cli import main
from hubel.data import Dataset, Splits
from hubel.train import Recipe, check_device, train

TEXT = "8x8x1: flatten, dense 2"
missing = "cuda:7" if torch.cuda.is_available() else "cuda"


def test_what_is_here() -> None:
    check_device("auto")
    check_device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:-1", "CPU", "", "cuda:x", "0"])
def test_names_of_none(name: str) -> None:
    with pytest.raises(SettingError, match="expected a device: auto, cpu, cuda, cuda:1, mps or xpu; received"):
        check_device(name)


def test_one_that_is_not_here_leaves_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images, labels = np.zeros((32, 8, 8, 1), np.uint8), np.arange(32) % 2
    few = Splits(Dataset(images, labels, ("a", "b"), "few"))
    with pytest.raises(SettingError, match="expected a device that is here: cpu"):
        train(parse(TEXT), few, Recipe(device=missing), tmp_path / "run")
    np.savez(tmp_path / "few.npz", x_train=images, y_train=labels)
    for said in (["--device", missing], ["--set", f"device={missing}"]):
        assert main(["train", TEXT, str(tmp_path / "few.npz"), "--run", str(tmp_path / "run"), *said]) == 2
        assert f"expected a device that is here: cpu; received {missing!r}, which is not" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
