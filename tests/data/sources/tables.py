"""Tables of six images, and what was read of them."""

from pathlib import Path

from hubel.data import Dataset, Splits

LABELS = ["a", "b", "a", "b", "a", "b"]


def table(folder: Path, heads: str, *columns: list[str], name: str = "list.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [heads] if heads else []
    path.write_text("\n".join([*lines, *(",".join(row) for row in zip(*columns, strict=True))]) + "\n")
    return path


def names(pattern: str = "{}.png") -> list[str]:
    return [pattern.format(number) for number in range(6)]


def numbers(part: Dataset | None) -> list[int]:
    return [] if part is None else [int(image[0, 0, 0]) // 10 for image in part.images]


def labels(part: Dataset) -> list[str]:
    return [part.classes[label] for label in part.labels]


def whole(splits: Splits) -> None:
    assert numbers(splits.train) == [0, 1, 2, 3, 4, 5]
    assert labels(splits.train) == LABELS
