import io
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.data import Augmentation, Dataset, Targets, augmented_sheet, contact_sheet, describe, load
from hubel.data.boxes import targets as boxes_module
from hubel.data.masks.targets import VOID, Masks
from hubel.data.points import targets as points_module
from tests.data.decode.tiffs import tiff


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two parts with everything that may be wrong."""
    rng = np.random.default_rng(0)

    def write(path: str, mode: str = "RGB", size: tuple[int, int] = (30, 20)) -> bytes:
        place = tmp_path / "set" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(noise).convert(mode).save(place)
        return place.read_bytes()

    for number in range(12):
        write(f"train/class 10/{number}.jpg")
    for number in range(3):
        write(f"train/class 2/{number}.png", "L" if number else "P", (40, 40))
    copy = (tmp_path / "set/train/class 10/3.jpg").read_bytes()
    (tmp_path / "set/train/class 10/copy.jpg").write_bytes(copy)
    (tmp_path / "set/train/class 2/torn.jpg").write_bytes(copy)
    whole = write("val/class 10/0.jpg")
    (tmp_path / "set/val/class 10/leak.jpg").write_bytes(copy)
    (tmp_path / "set/val/class 10/cut.jpg").write_bytes(whole[:-200])
    return tmp_path / "set"


def test_a_set_without_a_part_for_training_says_so(folder: Path) -> None:
    told = "no image is for training; --parts train=… says which are"
    assert told not in describe(folder).notes
    (folder / "train").rename(folder / "evaluation")
    assert told in describe(folder).notes


def test_a_folder_is_described(folder: Path) -> None:
    told: list[tuple[str, int, int]] = []
    found = describe(folder, progress=lambda *call: told.append(call))
    assert found.classes == ("class 2", "class 10")
    assert found.counts == {"train": (4, 13), "validation": (0, 3)}
    assert found.images == 20
    assert found.sizes == {(20, 30): 16, (40, 40): 3}
    assert found.modes == {"RGB": 16, "L": 2, "P": 1}
    assert found.formats == {"JPEG": 16, "PNG": 3}
    assert [sorted(Path(name).name for name in group) for group in found.duplicates] == [
        ["3.jpg", "copy.jpg", "leak.jpg", "torn.jpg"]
    ]
    assert found.leaks == 1
    assert [Path(error.path).name for error in found.unreadable] == ["cut.jpg"]
    assert "truncated" in found.unreadable[0].reason
    assert found.imbalance == 13 / 4
    notes = "\n".join(found.notes)
    for expected in (
        "validation has no image of class 2; labels are not shifted",
        "fewer than 10 training images: class 2",
        "3.2 times the training images",
        "1 file cannot be read: training stops at it, with --bad-images skip it leaves it out",
        "3 images are exact copies",
        "1 image is in two parts",
        "1 image is in two classes",
    ):
        assert expected in notes
    assert told[-1] == ("looking at images", 20, 20)
    assert json.loads(json.dumps(found.to_dict()))["counts"] == {"train": [4, 13], "validation": [0, 3]}


@pytest.mark.parametrize(("kind", "mode"), [("float64", "F"), ("float16", "F")])
def test_images_that_hubel_alone_reads_are_described(tmp_path: Path, kind: str, mode: str) -> None:
    for number in range(2):
        (tmp_path / "set" / "ab"[number]).mkdir(parents=True)
        values = np.linspace(0, 0.02 + number, 64).reshape(8, 8, 1).astype(kind)
        (tmp_path / "set" / "ab"[number] / "one.tif").write_bytes(tiff(values))
    found = describe(tmp_path / "set")
    assert found.modes == {mode: 2}
    assert found.formats == {"TIFF": 2}
    (tmp_path / "lost" / "a").mkdir(parents=True)
    (tmp_path / "lost" / "a" / "one.png").write_bytes(b"no image")
    assert "no image can be read, so none can be held out" in str(describe(tmp_path / "lost"))


def test_mnist_is_described() -> None:
    found = describe("mnist")
    assert found.counts["train"][5] == 5421
    assert found.counts["test"][1] == 1135
    assert not found.duplicates
    assert not found.notes
    assert str(found.augmentation) == "shift 1, fill 0"
    assert found.preprocessing is not None
    assert found.preprocessing.frame is not None


def is_shown(sheet: Image.Image, image: np.ndarray) -> bool:
    """Whether the sheet shows this 28×28 image, enlarged twice, somewhere."""
    target = np.repeat(np.repeat(image[..., 0], 2, 0), 2, 1)
    pixels = np.asarray(sheet.convert("L"))
    rows = (pixels.shape[0] - 56) // 60 + 1
    columns = (pixels.shape[1] - 150 - 56) // 60 + 1
    cells = [pixels[4 + 60 * r :, 150 + 60 * c :][:56, :56] for r in range(rows) for c in range(columns)]
    return any(cell.shape == target.shape and (cell == target).all() for cell in cells)


def test_contact_sheets_show_the_images(folder: Path) -> None:
    mnist = load("mnist").train
    sheet = contact_sheet(mnist)
    first = int(np.flatnonzero(mnist.labels == 7)[0])
    assert is_shown(sheet, mnist.images[first])
    assert is_shown(describe("mnist").sheet, mnist.images[first])
    assert not is_shown(sheet, mnist.images[first + 1])
    assert describe(folder).sheet.width > 500
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    assert zlib.crc32(buffer.getvalue())


def test_an_augmented_sheet_shows_each_image_as_the_epochs_will() -> None:
    mnist = load("mnist").train.take(np.arange(10))
    sheet = augmented_sheet(mnist, Augmentation.parse("shift 3, fill 0"))
    assert all(is_shown(sheet, image) for image in mnist.images)
    moved = np.roll(mnist.images[0], (1, 0), (0, 1))
    shown = [np.roll(mnist.images[0], (y, x), (0, 1)) for y in range(-3, 4) for x in range(-3, 4)]
    assert sum(is_shown(sheet, image) for image in shown) > 4, moved.shape
    assert augmented_sheet(mnist, Augmentation.parse("mixup 0.4, flip")).size == sheet.size


def kinds_of_targets() -> dict[str, Targets]:
    """Eight images, of which the first, fourth and seventh show nothing."""
    bare = np.arange(8) % 3 == 0
    masks = np.zeros((8, 8, 8), np.uint8)
    masks[~bare, 2:5, 2:5] = 1
    masks[3, :4] = VOID
    boxes = np.zeros((8, 2, boxes_module.WIDTH), np.float32)
    boxes[:, 1:, boxes_module.CLASS] = np.where(bare, -1, 0)[:, None]
    points = np.zeros((8, 2, points_module.FIRST + 3), np.float32)
    points[:, 1:, points_module.KIND] = np.where(bare, 0, points_module.INDIVIDUAL)[:, None]
    return {
        "masks": Masks(masks, ("a", "b"), (0, 1), ((0, 0, 0), (1, 1, 1))),
        "boxes": boxes_module.Boxes(boxes, ("a",), (0,)),
        "points": points_module.Points(points, ("nose",)),
    }


@pytest.mark.parametrize("kind", ["masks", "boxes", "points"])
@pytest.mark.parametrize(
    ("of", "rows", "shown"),
    [
        (range(8), 3, [0, 1, 7]),
        (range(8), 1, [1]),
        (range(8), 20, list(range(8))),
        ([0, 3, 6, 7], 3, [0, 3, 7]),
        ([0, 3, 6], 2, [0, 3]),
    ],
)
def test_an_augmented_sheet_shows_images_with_something_on_them(
    kind: str, of: Sequence[int], rows: int, shown: list[int]
) -> None:
    """And one that is empty, however many there are; more, where there is room."""
    images = np.arange(8, dtype=np.uint8)[:, None, None, None] * 20 + np.full((8, 8, 8, 1), 40, np.uint8)
    dataset = Dataset(images, kinds_of_targets()[kind], name="eight")
    sheet = np.asarray(augmented_sheet(dataset.take(np.array(of)), Augmentation.parse("none"), rows=rows))[:-30, 150:]
    corners = [dataset.targets.drawn(images[n], dataset.targets.array[n])[-1, -1] for n in range(8)]
    assert [n for n, corner in enumerate(corners) if (sheet == corner).all(2).sum() > 100] == shown
