"""What is held out for validation is one thing, whoever asks and of whatever task."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.tasks import load
from hubel.tasks.registry import task_named


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs in pairs that differ in their fine grain alone, which in small pictures cannot be told apart."""
    folder = tmp_path_factory.mktemp("pairs")
    random = np.random.default_rng(0)
    coarse = random.normal(128, 12, (30, 8, 8))
    rows = ["file,labels,number,class"]
    for number in range(60):
        grain = random.normal(0, 40, (96, 96))
        picture = np.kron(coarse[number // 2], np.ones((12, 12))) + grain
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
        labels = ";".join(name for name, every in (("a", 2), ("b", 3), ("c", 7)) if number % every == 0)
        rows.append(f"{number}.png,{labels},{number * 1.5},{'xy'[number % 2]}")
    (folder / "table.csv").write_text("\n".join(rows))
    return folder / "table.csv"


@pytest.mark.parametrize(
    ("task", "column", "each"),
    [
        ("classification", "class", "(20% a class)"),
        ("multilabel", "labels", "(20% a label)"),
        ("regression", "number", "(20% of each fifth by size)"),
    ],
)
def test_a_description_holds_out_what_training_does(table: Path, task: str, column: str, each: str) -> None:
    described = task_named(task).describe(str(table), label_column=column)
    for size in (8, 8), (96, 96):
        splits = load(table, task=task, label_column=column, size=size, validation="auto")
        assert described.held_out == splits.held_out
        assert splits.validation is not None
        assert len(splits.validation) == splits.held_out.images
    assert each in str(splits.held_out)
    assert f"in training, {splits.held_out}" in described.notes


def test_images_of_one_picture_are_on_one_side_whatever_the_task(table: Path) -> None:
    copies = table.parent / "copies"
    copies.mkdir()
    rows = ["file,number"]
    for number in range(24):
        with Image.open(table.parent / f"{number}.png") as picture:
            for turn, quality in enumerate((95, 80)):
                picture.save(copies / f"{number}-{turn}.jpg", quality=quality)
                rows.append(f"{number}-{turn}.jpg,{number}")
    (copies / "table.csv").write_text("\n".join(rows))
    splits = load(copies / "table.csv", task="regression", size=(8, 8), validation="auto")
    assert splits.validation is not None
    held, kept = (set(part.targets.array[:, 0].tolist()) for part in (splits.validation, splits.train))
    assert held
    assert not held & kept
