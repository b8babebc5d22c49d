"""Masks as others write them: COCO's outlines and runs, VOC's folders, names with additions, soft edges."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from hubel.base.errors import DataError, FileError, HubelError
from hubel.data import ImageError
from hubel.data.masks.load import load
from hubel.data.masks.shapes import Shape, Shapes, counts_of, mask_of
from hubel.data.masks.targets import VOID
from hubel.tasks import load as load_any
from hubel.tasks import task_of
from tests.tasks.segmentation.pictures import folder

# pycocotools 2.0.11: encode(merge(frPyObjects(polygon, 12, 15))), of a star beyond the picture's edges, a thin
# triangle and a square of whole pixels
STAR = [7.3, -2.1, 9.4, 5.2, 16.5, 5.0, 10.7, 8.6, 12.2, 14.4, 7.1, 9.9, 2.2, 13.8, 4.0, 8.4, -1.5, 5.1, 5.2, 5.4]
DRAWN = [
    (
        [[7.3, -2.1, 9.4, 5.2, 16.5, 5.0, 10.7, 8.6, 12.2, 14.4, 7.1, 9.9, 2.2, 13.8, 4.0, 8.4, -1.5, 5.1, 5.2, 5.4]],
        "STAR",
    ),
    ([[1.0, 1.0, 12.0, 2.4, 1.5, 2.1]], "THIN"),
    ([[2, 3, 6, 3, 6, 7, 2, 7]], "SQUARE"),
]
RUNS = {
    "STAR": "51;1O001HO35O0N2012O2NO00LNN21500OL",
    "THIN": "=1;00000g3",
    "SQUARE": "k04800000Y3",
}


def test_polygons_and_runs_are_drawn_as_pycocotools_draws_them():
    for polygons, name in DRAWN:
        drawn = mask_of(polygons, 12, 15)
        assert (drawn == mask_of({"size": [12, 15], "counts": RUNS[name]}, 12, 15)).all(), name
    assert mask_of([[2, 3, 6, 3, 6, 7, 2, 7]], 12, 15)[3:7, 2:6].all()
    assert mask_of([[2, 3, 6, 3, 6, 7, 2, 7]], 12, 15).sum() == 16


def test_runs_as_lists_and_in_letters_are_one():
    random = np.random.default_rng(0)
    mask = random.random((9, 7)) < 0.4
    turns = np.flatnonzero(np.diff(np.concatenate([[False], mask.T.ravel(), [False]]).astype(int)))
    counts = np.diff([0, *turns.tolist(), 63]).tolist()
    assert (mask_of({"size": [9, 7], "counts": counts}, 9, 7) == mask).all()
    assert counts_of("52203") == [5, 2, 2, 2, 5]
    for wrong in (
        {"size": [9, 7], "counts": [3]},
        {"size": [7, 9], "counts": counts},
        {"counts": "é"},
        "no",
        [[1, 2, 3]],
    ):
        with pytest.raises(DataError, match="expected"):
            mask_of(wrong, 9, 7)


def test_the_smaller_object_lies_on_top():
    square = [[0, 0, 8, 0, 8, 8, 0, 8]]
    small = [[2, 2, 4, 2, 4, 4, 2, 4]]
    for order in ((Shape(1, square), Shape(2, small)), (Shape(2, small), Shape(1, square))):
        found = Shapes("it", 10, 10, order).values()
        assert (found == 2).sum() == 4
        assert (found == 1).sum() == 60


@pytest.fixture
def coco(tmp_path):
    """Four pictures with a square each, of the sparse classes 3 and 90, the last one a crowd."""
    root, content = tmp_path / "coco", {"images": [], "annotations": [], "categories": []}
    (root / "pictures").mkdir(parents=True)
    content["categories"] = [{"id": 90, "name": "cat"}, {"id": 3, "name": "dog"}]
    for number in range(4):
        Image.fromarray(np.full((20, 30, 3), 40 * number, np.uint8)).save(root / "pictures" / f"{number}.png")
        content["images"].append({"id": 7 * number, "file_name": f"{number}.png", "height": 20, "width": 30})
        outline = [[4, 5, 10, 5, 10, 9, 4, 9]]
        about = {"id": number, "image_id": 7 * number, "category_id": (3, 90)[number % 2], "iscrowd": int(number == 3)}
        content["annotations"].append({**about, "segmentation": outline})
    (root / "instances_train.json").write_text(json.dumps(content))
    return root, content


def test_cocos_outlines_are_masks(coco):
    root, _ = coco
    splits = load_any(root)
    assert task_of(splits.train).classes == ("background", "dog", "cat")
    masks = splits.train.targets.array
    assert [np.unique(mask).tolist() for mask in masks] == [[0, 1], [0, 2], [0, 1], [0, VOID]]
    assert (masks[0][5:9, 4:10] == 1).all()
    assert "masks from instances_train.json" in splits.notes


def test_boxes_without_outlines_are_no_masks(coco):
    root, content = coco
    for each in content["annotations"]:
        each["segmentation"], each["bbox"] = [], [4, 5, 6, 4]
    (root / "instances_train.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match="found 4 annotations without any, with boxes, which the task detection is for"):
        load(root)


def test_cocos_mistakes_are_named(coco):
    root, content = coco
    content["annotations"][1]["category_id"] = 4
    content["annotations"][2]["segmentation"] = [[1, 2]]
    content["images"].append({"id": 99, "file_name": "lost.png", "height": 20, "width": 30})
    (root / "instances_train.json").write_text(json.dumps(content))
    with pytest.raises(ImageError, match=r"annotation 2 \(id 1\): expected a category that is listed"):
        load(root)
    splits = load(root, bad_images="skip")
    assert len(splits.train) == 3
    reasons = [error.reason for error in splits.rejected]
    assert any("its picture is called 'lost.png'" in reason for reason in reasons)
    assert any("polygons of three points" in reason for reason in reasons)
    for path in (root / "pictures").iterdir():
        path.rename(path.with_stem(f"other-{path.stem}"))
    with pytest.raises(DataError, match=r"none of its images is there: it names '0.png'.*are 'pictures/other-"):
        load(root)


@pytest.mark.parametrize(
    ("part", "value", "told"),
    [
        ("annotations", "no annotation", "annotation 1 .*expected a category that is listed"),
        ("annotations", {"id": 1, "category_id": [3], "segmentation": [[1, 2]]}, "annotation 1 .*a category that is"),
        (
            "images",
            {"id": 0, "file_name": "0.png", "height": "20", "width": 30},
            "expected its height and width .*'20'",
        ),
        ("images", {"id": 0, "file_name": "0.png", "height": 10**9, "width": 30}, "expected its height and width"),
        ("images", 0, "image 0: expected its height"),
        ("categories", {"id": [3], "name": "cat"}, "expected an id, a whole number, and a name of category 1"),
    ],
)
def test_what_is_no_entry_of_cocos_is_named(coco, part, value, told):
    root, content = coco
    content[part][0] = value
    (root / "instances_train.json").write_text(json.dumps(content))
    with pytest.raises(HubelError, match=told):
        load(root)


def test_names_in_other_letters_than_utf8_are_named(tmp_path):
    root = folder(tmp_path / "set", 2)
    (root / "classes.txt").write_bytes("Straße\n".encode("latin-1"))
    with pytest.raises(FileError, match=r"classes.txt: expected text in UTF-8"):
        load(root)


def test_vocs_lists_say_which_images_and_what_part(tmp_path):
    root = folder(tmp_path / "set", 6, parts=("train",), change=lambda mask: mask * 15)
    voc = tmp_path / "VOC2012"
    shutil.copytree(root / "train/images", voc / "JPEGImages")
    shutil.copytree(root / "train/masks", voc / "SegmentationClass")
    lists = voc / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for kind in ("JPEGImages", "SegmentationClass"):
        (voc / kind / "001.png").rename(voc / kind / "v1.0 a.png")
    (lists / "train.txt").write_text("000\nv1.0 a\n002\n")
    (lists / "val.txt").write_text("JPEGImages/004.png SegmentationClass/004.png\n")
    (lists / "trainval.txt").write_text("000\n001\n002\n004\n")
    splits = load_any(voc)
    assert (len(splits.train), len(splits.validation)) == (3, 1)
    masks = splits.train.targets
    assert (masks.classes[0], masks.classes[15], len(masks.classes)) == ("background", "person", 21)
    assert masks.colours[15] == (192, 128, 128)
    assert set(np.unique(masks.array)) == {0, 15}


def test_masks_may_be_called_after_their_images(tmp_path):
    root = folder(tmp_path / "set", 6, parts=("train",))
    before = load(root).train.targets.array
    for path in (root / "train/masks").iterdir():
        path.rename(path.with_name(f"gt_{path.stem}_L.png"))
    splits = load(root)
    assert (splits.train.targets.array == before).all()
    assert "masks are called gt_NAME_L, where NAME is the image's" in splits.notes


def test_labels_that_match_no_picture_are_an_error_with_both_patterns(tmp_path):
    root = folder(tmp_path / "set", 6, parts=("train",))
    for number, path in enumerate(sorted((root / "train/masks").iterdir())):
        path.rename(path.with_name(f"label-{chr(97 + number)}.png"))
    words = r"no mask is called as an image: images are called '000.png', '001.png' and 4 more, masks 'label-a.png'"
    with pytest.raises(DataError, match=words):
        load(root)


def smooth(mask):
    """A mask of 0 and 255 as a drawing program saves it, larger, with soft edges."""
    return np.asarray(Image.fromarray(mask * 255).resize((64, 64), Image.Resampling.BICUBIC))


def test_soft_edges_are_what_they_are_nearer_to_and_said(tmp_path):
    root = folder(tmp_path / "set", 6, parts=("train",), change=smooth)
    for path in (root / "train/images").iterdir():
        with Image.open(path) as image:
            image.resize((64, 64)).save(path)
    splits = load(root)
    masks = splits.train.targets
    assert masks.classes == ("background", "object")
    assert 0.08 < masks.array.mean() < 0.25
    assert any("soft edges" in note and "nearer to" in note for note in splits.notes)


def test_soft_edges_of_colours_count_nowhere(tmp_path):
    colours = np.array([[10, 20, 30], [200, 100, 0]], np.uint8)

    def change(mask):
        return np.asarray(Image.fromarray(colours[mask]).resize((64, 64), Image.Resampling.BILINEAR))

    root = folder(tmp_path / "set", 6, parts=("train",), change=change)
    for path in (root / "train/images").iterdir():
        with Image.open(path) as image:
            image.resize((64, 64)).save(path)
    (root / "classes.txt").write_text("ground 10 20 30\nsquare 200 100 0\n")
    splits = load(root)
    assert splits.train.classes == ("ground", "square")
    assert 0 < (splits.train.targets.array == VOID).mean() < 0.25
    assert any("count nowhere" in note for note in splits.notes)


def test_images_of_one_name_in_two_folders_are_those_of_their_files(tmp_path):
    for part, size in (("train", 16), ("val", 20)):
        (tmp_path / part).mkdir()
        Image.new("L", (size, size), size).save(tmp_path / part / "0.png")
        shape = {"id": 1, "image_id": 0, "category_id": 1, "segmentation": [[1, 1, 9, 1, 9, 9]]}
        images = [{"id": 0, "file_name": "0.png", "height": size, "width": size}]
        content = {"images": images, "categories": [{"id": 1, "name": "a"}], "annotations": [shape]}
        for name in (part, *(["extra"] if part == "train" else [])):
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
    Image.new("L", (8, 8)).save(tmp_path / "train" / "unnamed.png")
    splits = load(tmp_path, size=(8, 8))
    assert [int(part.images[0, 0, 0, 0]) for part in splits.parts().values()] == [16, 20]
    assert "parts by file: train.json is train, val.json is validation" in splits.notes
    assert "left out: extra.json, of no part beside those of training" in splits.notes
    assert "left out: 1 picture that no file names (unnamed.png)" in splits.notes
