"""Images and masks from folders: which belong together, what values mean, what is refused and how."""

import re
import shutil

import numpy as np
import pytest
from PIL import Image

from hubel.data import ImageError
from hubel.data import load as load_labelled
from hubel.data.masks.load import fitted
from hubel.data.masks.pairs import recognises
from hubel.data.masks.targets import VOID, Masks
from hubel.tasks import load, task_of
from tests.tasks.segmentation.pictures import folder, square

PARTS = (
    "parts by folder: test is test, train is train, val is validation",
    "parts: train (24), validation (24), test (24)",
)


def first_masks():
    random = np.random.default_rng(0)
    return np.stack([square(random)[1] for _ in range(24)])


def test_a_folder_of_masks_says_its_task(tmp_path):
    splits = load(folder(tmp_path / "squares"))
    assert [len(part) for part in splits.parts().values()] == [24, 24, 24]
    assert splits.train.shape == (16, 16, 3)
    assert (splits.train.targets.array == first_masks()).all()
    assert task_of(splits.train).name == "segmentation"
    assert splits.train.classes == ("0", "1")
    with pytest.raises(ValueError, match=r"expected labels, one class an image.*segmentation"):
        splits.train.labels  # noqa: B018


def test_parts_may_lie_inside_images_and_masks(tmp_path):
    old, new = folder(tmp_path / "old"), tmp_path / "new"
    for part in ("train", "val", "test"):
        for kind in ("images", "masks"):
            shutil.copytree(old / part / kind, new / kind / part)
    splits = load(new)
    assert list(splits.parts()) == ["train", "validation", "test"]
    assert (splits.train.targets.array == first_masks()).all()


NAMED = {  # folders, and which parts they are
    "train/images train/masks extra/images extra/masks": "train is train|left out: extra/images (1), of no part",
    "images/train masks/train images/odd masks/odd": "train is train|left out: images/odd (1), of no part; --parts",
    "seg_train/images seg_train/masks seg_test/images seg_test/masks": "seg_test is test, seg_train is train",
    "train_images train_masks test_images test_masks": "test_images is test, train_images is train",
    "train train_masks test": "train is train|left out: 1 images in folders without masks (test/",
    "Training/Bilder Training/Masken Test/Bilder Test/Masken": "Test is test, Training is train",
    "images/one masks/one images/two masks/two": "no folder says a part (one, two): all are for training; --parts",
    "img gt": "",
    "Image Label": "",
}


def laid_out(root, folders):
    picture, mask = square(np.random.default_rng(0))
    for name in folders.split():
        (root / name).mkdir(parents=True)
        masks = any(word in name.casefold() for word in ("mask", "gt", "label"))
        Image.fromarray(mask if masks else picture).save(root / name / "0.png")
    return root


@pytest.mark.parametrize("folders", NAMED)
def test_folders_of_masks_and_their_parts_are_told_by_words(tmp_path, folders):
    splits = load(laid_out(tmp_path / "set", folders))
    assert splits.train.targets.task == "segmentation"
    told = "\n".join(splits.notes)
    for said in filter(None, NAMED[folders].split("|")):
        assert said in told
    assert (splits.test is not None) == (" is test" in told)
    expected = 2 if "one" in folders else 1
    assert len(splits.train) == expected


def test_parts_of_masks_can_be_named(tmp_path):
    root = laid_out(tmp_path / "set", "images/one masks/one images/two masks/two")
    assert {part: len(own) for part, own in load(root, parts="train=one,val=two").parts().items()} == {
        "train": 1,
        "validation": 1,
    }
    assert len(load(root, parts="none").train) == 2
    with pytest.raises(ValueError, match="expected a folder 'three' with images, found images, one, two"):
        load(root, parts="train=one,val=three")


def test_what_cannot_be_read_beside_masks_is_named(tmp_path):
    root = laid_out(tmp_path / "set", "images masks")
    (root / "images" / "1.jxl").write_bytes(b"x")
    assert "left out: files of kinds .jxl (1), which cannot be read; save them as PNG or TIFF" in load(root).notes


def test_masks_of_0_and_255_are_background_and_object(tmp_path):
    splits = load(folder(tmp_path / "squares", change=lambda mask: mask * 255))
    assert splits.train.classes == ("background", "object")
    assert (splits.train.targets.array == first_masks()).all()
    assert task_of(splits.train).values == (0, 255)
    assert splits.notes == (*PARTS, "masks of 0 and 255 are taken for background and object")


def test_255_is_no_class_and_so_is_what_one_calls_void(tmp_path):
    def marked(mask):
        mask[0], mask[1] = 255, 7
        return mask

    splits = load(folder(tmp_path / "squares", change=marked), void=7)
    masks = splits.train.targets
    assert splits.notes == (*PARTS, "12.5% of the training pixels have no class and count nowhere")
    assert masks.classes == ("0", "1")
    assert (masks.array[:, :2] == VOID).all()
    assert masks.class_counts().sum() == masks.array[:, 2:].size


def test_classes_txt_names_classes_and_what_is_none(tmp_path):
    root = folder(tmp_path / "squares", change=lambda mask: mask + 1)
    (root / "classes.txt").write_text("void\nground\nsquare\n")
    masks = load(root).train.targets
    assert (masks.classes, masks.values) == (("ground", "square"), (1, 2))
    assert (masks.array == first_masks()).all()
    (root / "classes.txt").write_text("void\nground\n")
    with pytest.raises(
        ValueError,
        match=r"classes\.txt: expected all values of the masks, found 2 .* of 2; add it, or .*--void 2",
    ):
        load(root)


COLOURS = np.array([[10, 20, 30], [200, 100, 0]], np.uint8)


def test_masks_of_colours(tmp_path):
    root = folder(tmp_path / "squares", change=lambda mask: COLOURS[mask])
    masks = load(root).train.targets
    assert masks.classes == ("#0a141e", "#c86400")
    assert masks.colours == ((10, 20, 30), (200, 100, 0))
    assert (masks.array == first_masks()).all()
    (root / "classes.txt").write_text("square 200 100 0\nground 10 20 30\n")
    named = load(root).train.targets
    assert named.classes == ("square", "ground")
    assert (named.array == 1 - first_masks()).all()


def test_palettes_are_indices(tmp_path):
    root = tmp_path / "squares"
    folder(root)
    for path in root.rglob("masks/*.png"):
        with Image.open(path) as grey:
            picture = grey.convert("P")
            picture.frombytes(grey.tobytes())
        picture.putpalette([0, 0, 0, 128, 0, 0])
        picture.save(path)
    assert (load(root).train.targets.array == first_masks()).all()


def without_mask(root):
    (root / "train/masks/003.png").unlink()


def without_image(root):
    (root / "train/images/003.png").unlink()


def odd_sized(root):
    Image.fromarray(np.zeros((16, 20), np.uint8)).save(root / "train/masks/003.png")


def lossy(root):
    (root / "train/masks/003.png").unlink()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(root / "train/masks/003.jpg")


def cut(root):
    path = root / "train/masks/003.png"
    path.write_bytes(path.read_bytes()[:20])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (without_mask, r"003\.png: its mask is missing: expected masks/003\.png, found none"),
        (without_image, r"masks/003\.png: expected an image called 003 beside this mask"),
        (odd_sized, r"masks/003\.png: expected 16×16, the size of its image, received 16×20"),
        (lossy, r"masks/003\.jpg: expected a mask that keeps its values"),
        (cut, r"masks/003\.png: cannot be read"),
    ],
)
def test_what_does_not_belong_together_is_named(damage, words, tmp_path):
    root = folder(tmp_path / "squares")
    damage(root)
    with pytest.raises(ImageError, match=words):
        load(root)
    left = load(root, bad_images="skip")
    assert len(left.train) == 23
    assert len(left.rejected) == 1
    assert any(re.search(f"left out: 1 file or line \\(the first: .*{words}", note) for note in left.notes)


def test_masks_come_to_the_size_of_their_images_the_same_way(tmp_path):
    mask = np.zeros((20, 30), np.uint32)
    mask[5:15, 10:20] = 1
    assert fitted(mask, (10, 15), "stretch").values.tolist() == mask[1::2, 1::2].tolist()
    assert fitted(mask, (10, 10), "crop").values.tolist() == mask[1::2, 6:26:2].tolist()
    padded = fitted(mask, (30, 30), "pad")
    assert (padded.top, padded.left) == (5, 0)
    assert padded.values.tolist() == mask.tolist()


@pytest.mark.parametrize("kind", ["0 and 1", "0 and 255", "soft edges", "one bit", "two bytes", "colours", "named"])
def test_what_is_padded_has_no_class(kind, tmp_path):
    """Around a picture that is longer than the network's input nothing is known, whatever values its mask has."""
    mask = np.zeros((32, 64), np.uint8)
    mask[8:24, 16:48] = 1
    drawn = {
        "0 and 1": mask,
        "0 and 255": mask * np.uint8(255),
        "soft edges": mask * np.uint8(255),
        "one bit": mask.astype(bool),
        "two bytes": mask.astype(np.uint16),
        "colours": np.array([[0, 0, 0], [255, 255, 255]], np.uint8)[mask],
        "named": mask * np.uint8(254),
    }[kind]
    if kind == "soft edges":
        drawn[8, 16:48] = np.arange(140, 172)
    if kind == "named":
        (tmp_path / "classes.txt").write_text("\n".join(map(str, range(255))))
    for folder_, picture in (("images", mask * np.uint8(200)), ("masks", drawn)):
        (tmp_path / folder_).mkdir()
        Image.fromarray(picture).save(tmp_path / folder_ / "1.png")
    found = load(tmp_path, size=(64, 64), validation=0.0).train.targets.array[0]
    assert (found[:16] == VOID).all()
    assert (found[48:] == VOID).all()
    assert np.unique(found[16:48], return_counts=True)[1].tolist() == [32 * 64 - 512, 512]
    assert VOID not in found[16:48]


def test_things_of_255_have_a_width_too(tmp_path):
    """By which a size is chosen: pictures of 1500×1500 with things 8 pixels wide come to more than usual."""
    shapes = []
    for value in (1, 255):
        root = tmp_path / str(value)
        mask = np.zeros((1500, 1500), np.uint8)
        mask[::50, :8] = value
        for kind in ("images", "masks"):
            (root / kind).mkdir(parents=True)
            Image.fromarray(mask).save(root / kind / "1.png")
        shapes.append(load(root, validation=0.0).train.shape)
    assert shapes[0] == shapes[1] > (1000, 1000)


def test_a_test_part_alone_is_read(tmp_path):
    splits = load(folder(tmp_path / "squares", parts=("test",)))
    assert (len(splits.train), len(splits.test)) == (0, 24)


def test_pictures_of_one_size_are_padded_where_others_come(tmp_path):
    """So that a model that has learnt them sees all of a picture of another form."""
    assert load(folder(tmp_path / "squares")).train.fit == "pad"
    assert load(folder(tmp_path / "same"), fit="crop").train.fit == "crop"


def test_images_are_held_out_with_their_masks(tmp_path):
    splits = load(folder(tmp_path / "squares", parts=("train",)), validation=0.25)
    assert (len(splits.train), len(splits.validation)) == (18, 6)
    together = np.concatenate([splits.train.targets.array, splits.validation.targets.array])
    assert sorted(map(bytes, together)) == sorted(map(bytes, first_masks()))


@pytest.mark.parametrize(("wide", "told"), [(12, ["things about 12 pixels wide come to 6.0"]), (40, [])])
def test_things_that_become_thin_are_told(wide, told, tmp_path):
    """Images of 2000×2600 come to half of that at most, which is said where little is left of what they show."""
    mask = np.zeros((2000, 2600), np.uint8)
    mask[::100, :wide] = 1
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        Image.fromarray(mask).save(tmp_path / kind / "1.png")
    splits = load(tmp_path, validation=0.0)
    assert [note.partition(",")[0] for note in splits.notes if "in their own scale" in note] == told
    assert all("--input 2000x2600x1 " in note for note in splits.notes if "in their own scale" in note)


def test_too_many_values_are_refused(tmp_path):
    random = np.random.default_rng(0)
    root = folder(tmp_path / "squares", change=lambda mask: random.integers(0, 255, (16, 16, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"at most 255 classes, found [\d,]+ values.*number the classes from 0"):
        load(root)


def test_what_is_no_folder_of_masks_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"mnist: expected a folder with images/ beside masks/"):
        load("mnist", task="segmentation")
    with pytest.raises(ValueError, match=r"--labels cannot be said of images with masks; --parts can"):
        load(folder(tmp_path / "squares"), labels="{label}")


def test_masks_are_not_taken_for_a_class_of_images(tmp_path):
    root = folder(tmp_path / "squares")
    with pytest.raises(ValueError, match="masks"):
        load_labelled(root)


def test_what_masks_are_taken_for_is_said(tmp_path):
    notes = load(folder(tmp_path / "numbers", change=lambda mask: 7 + 4 * mask, parts=("train",))).notes
    said = notes[-1]
    assert said.startswith("12 classes, with 10 that no mask holds (0, 1, 2, 3 and 6 more); ")
    assert said.endswith("numbers/classes.txt would name those that there are")
    colours = np.array([[0, 0, 255], [255, 0, 0]], np.uint8)
    notes = load(folder(tmp_path / "colours", change=lambda mask: colours[mask], parts=("train",))).notes
    assert notes[-1] == "classes by the colours of the masks, in this order: #0000ff is #0000ff, #ff0000 is #ff0000"


def test_a_mask_that_breaks_off_is_named_and_left_out_on_demand(tmp_path):
    root = folder(tmp_path / "squares")
    broken = root / "train" / "masks" / "003.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(ImageError, match=r"masks/003\.png: cannot be read .*leave such out: --bad-images skip"):
        load(root)
    splits = load(root, bad_images="skip")
    assert len(splits.train) == 23
    assert [error.path for error in splits.rejected] == [str(broken)]


@pytest.mark.parametrize("name", ["labels", "Labels", "annotations", "gt", "SegmentationClass", "ground_truth"])
def test_masks_go_by_several_names(tmp_path, name):
    root = folder(tmp_path / "squares", parts=("train",))
    (root / "train" / "masks").rename(root / "train" / name)
    assert (load(root).train.targets.array == first_masks()).all()


def test_boxes_beside_images_are_no_masks(tmp_path):
    root = folder(tmp_path / "squares", parts=("train",))
    shutil.rmtree(root / "train" / "masks")
    (root / "train" / "labels").mkdir()
    (root / "train" / "labels" / "000.txt").write_text("0 0.5 0.5 0.2 0.2")
    assert not recognises(root)


def test_a_folder_of_the_images_names_is_asked_about(tmp_path):
    root = folder(tmp_path / "squares", parts=("train",)) / "train"
    (root / "masks").rename(root / "foo")
    with pytest.raises(ValueError, match="foo and images, which hold files of the same names; where one"):
        load(root)
    for path in (root / "foo").iterdir():
        path.rename(path.with_stem(f"other {path.stem}"))
    assert load(root).train.classes == ("foo", "images")


def test_how_wide_things_are():
    masks = np.zeros((3, 20, 30), np.uint8)
    masks[0, 5:15, 3:10] = 1
    masks[1, 2:18, 12:19] = 1
    masks[2, 5, 0:30] = VOID
    found = Masks(masks, ("a", "b"), (0, 1), ((0, 0, 0), (1, 1, 1)))
    assert found.usual_width() == 7
    assert Masks(masks[2:], ("a", "b"), (0, 1), ((0, 0, 0), (1, 1, 1))).usual_width() == 0


@pytest.mark.parametrize("names", [("x", "y"), ("A", "B"), ("inputs", "targets"), ("train/X", "train/Y")])
def test_masks_under_any_names_are_no_class(tmp_path, names):
    random = np.random.default_rng(0)
    for number in range(4):
        for name, pixels in zip(
            names, (random.integers(0, 255, (9, 9, 3)), random.integers(0, 2, (9, 9)) * 255), strict=True
        ):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    masks = names[1].rpartition("/")[2]
    with pytest.raises(
        ValueError, match=f"of the same names, those of {masks} with the few values of masks: for segmentat"
    ):
        load(tmp_path)
    for path in (tmp_path / names[1]).iterdir():  # of other names they are a class
        path.rename(path.with_stem(f"{masks}{path.stem}"))
    assert len(load(tmp_path).train.classes) == 2


@pytest.mark.parametrize("values", [2, 200])
def test_two_classes_of_pictures_of_one_kind_are_classes_though_files_are_called_alike(tmp_path, values):
    random = np.random.default_rng(0)
    for name in ("x", "y"):
        for number in range(4):
            (tmp_path / name).mkdir(exist_ok=True)
            pixels = random.integers(0, values, (9, 9)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{number}.png")
    assert load(tmp_path).train.classes == ("x", "y")
