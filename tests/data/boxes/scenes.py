"""Tiny pictures with bright things in them, and the same boxes written as each format has them."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("disc", "bar")
IDS = (7, 3)  # sparse, and not in the order of the names


def scene(random: np.random.Generator, height: int = 48, width: int = 64) -> tuple[np.ndarray, list]:
    """An image (uint8 H×W×3) and its boxes: class, left, top, right, bottom."""
    image = random.integers(0, 60, (height, width, 3), dtype=np.uint8)
    boxes = []
    for kind in range(2):
        high, wide = random.integers(12, 20, 2)
        top, left = (
            int(random.integers(0, height - high)),
            int(random.integers(0, width // 2 - wide)) + kind * width // 2,
        )
        image[top : top + high, left : left + wide] += np.array([[180, 30, 30], [30, 180, 30]][kind], np.uint8)
        boxes.append((kind, left, top, left + int(wide), top + int(high)))
    return image, boxes


def pictures(root: Path, count: int = 6, folder: str = "images") -> dict[str, list]:
    """Write pictures; the boxes of each by its name."""
    random = np.random.default_rng(0)
    (root / folder).mkdir(parents=True, exist_ok=True)
    found = {}
    for number in range(count):
        image, boxes = scene(random)
        Image.fromarray(image).save(root / folder / f"{number:03}.png")
        found[f"{number:03}"] = boxes
    return found


def wanted(count: int = 6) -> list[list]:
    """The boxes of the pictures, in the order of their names."""
    random = np.random.default_rng(0)
    return [scene(random)[1] for _ in range(count)]


def coco(root: Path, count: int = 6, **changes) -> Path:
    """COCO's JSON beside pictures. changes: other values of the file's lists."""
    boxes = pictures(root, count)
    images = [{"id": 10 + 3 * n, "file_name": f"{name}.png", "width": 64, "height": 48} for n, name in enumerate(boxes)]
    annotations = [
        {
            "id": len(name),
            "image_id": 10 + 3 * n,
            "category_id": IDS[kind],
            "bbox": [left, top, right - left, bottom - top],
        }
        for n, (name, own) in enumerate(boxes.items())
        for kind, left, top, right, bottom in own
    ]
    categories = [{"id": number, "name": name} for number, name in zip(IDS, NAMES, strict=True)]
    whole = {"images": images, "annotations": annotations, "categories": categories, **changes}
    (root / "annotations").mkdir()
    (root / "annotations" / "instances_train.json").write_text(json.dumps(whole))
    return root


def yolo(root: Path, count: int = 6) -> Path:
    """YOLO's text files in labels/ beside images/, and classes.txt."""
    boxes = pictures(root, count)
    (root / "labels").mkdir()
    for name, own in boxes.items():
        lines = (
            f"{kind} {(left + right) / 2 / 64} {(top + bottom) / 2 / 48} {(right - left) / 64} {(bottom - top) / 48}"
            for kind, left, top, right, bottom in own
        )
        (root / "labels" / f"{name}.txt").write_text("\n".join(lines) + "\n")
    (root / "classes.txt").write_text("\n".join(NAMES) + "\n")
    return root


def voc(root: Path, count: int = 6) -> Path:
    """VOC's XML in Annotations/ beside JPEGImages/."""
    boxes = pictures(root, count, "JPEGImages")
    (root / "Annotations").mkdir()
    for name, own in boxes.items():
        objects = "".join(thing(NAMES[kind], *edges) for kind, *edges in own)
        (root / "Annotations" / f"{name}.xml").write_text(xml(f"{name}.png", objects))
    return root


def thing(name: str, left: float, top: float, right: float, bottom: float) -> str:
    """An object of VOC's XML."""
    edges = f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
    return f"<object><name>{name}</name><bndbox>{edges}</bndbox></object>"


def xml(name: str, objects: str, width: int = 64, height: int = 48) -> str:
    """A file of VOC's."""
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"


def table(root: Path, titles: str, row, count: int = 6) -> Path:
    """A CSV file with these titles (none where empty); `row` makes its cells of a name, a class and four edges."""
    boxes = pictures(root, count)
    with open(root / "boxes.csv", "w", newline="") as file:
        writer = csv.writer(file)
        if titles:
            writer.writerow(titles.split(","))
        for name, own in boxes.items():
            for kind, *edges in own:
                writer.writerow(row(f"{name}.png", NAMES[kind], *edges))
    return root
