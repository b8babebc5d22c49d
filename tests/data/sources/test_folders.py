"""Which folders are parts, which are classes, and what is said of it."""

from pathlib import Path
from zipfile import ZipFile

import pytest

from hubel.data import load
from tests.data.sources.folders import AB, TRAIN_TEST, TRAIN_VAL, make, parts

NAMES = {
    "plain": ("train", "test", TRAIN_TEST),
    "with set": ("training_set", "test_set", TRAIN_TEST),
    "with images behind": ("train_images", "test_images", TRAIN_TEST),
    "with images before": ("images_train", "images_test", TRAIN_TEST),
    "in one word": ("trainset", "testset", TRAIN_TEST),
    "in one word, the other way": ("imgtrain", "imgtest", TRAIN_TEST),
    "camel": ("TrainImages", "TestImages", TRAIN_TEST),
    "spaces": ("Training set", "Test set", TRAIN_TEST),
    "hyphens, capitals": ("TRAIN-DATA", "TESTING-DATA", TRAIN_TEST),
    "with numbers": ("train2017", "val2017", TRAIN_VAL),
    "with sizes": ("train_224x224", "test_224x224", TRAIN_TEST),
    "short": ("trn", "tst", TRAIN_TEST),
    "with the set's own name": ("seg_train", "seg_test", TRAIN_TEST),
    "numbered": ("1_train", "2_test", TRAIN_TEST),
    "eval": ("train", "eval", TRAIN_VAL),
    "vali": ("train", "vali", TRAIN_VAL),
    "holdout": ("train", "holdout", TRAIN_VAL),
    "hold-out": ("train", "hold-out", TRAIN_VAL),
    "hold out, with words around": ("Train set", "Hold-out set", TRAIN_VAL),
    "without vowels": ("trn", "vld", TRAIN_VAL),
    "dev": ("training", "dev-set", TRAIN_VAL),
    "Validation": ("Training", "Validation", TRAIN_VAL),
    "valid": ("train", "valid", TRAIN_VAL),
    "German": ("Trainingsdaten", "Pr\u00fcfung", TRAIN_TEST),
    "French": ("entra\u00eenement", "Essai", TRAIN_TEST),
    "French, the accent apart": ("entrai\u0302nement", "validation", TRAIN_VAL),
    "Spanish": ("Entrenamiento", "Prueba", TRAIN_TEST),
    "Portuguese": ("treino", "Valida\u00e7\u00e3o", TRAIN_VAL),
    "Chinese": ("\u8bad\u7ec3\u96c6", "\u6d4b\u8bd5\u96c6", TRAIN_TEST),
    "Japanese": ("\u8a13\u7df4\u30c7\u30fc\u30bf", "\u30c6\u30b9\u30c8\u30c7\u30fc\u30bf", TRAIN_TEST),
    "Korean": ("\ud6c8\ub828", "\uac80\uc99d", TRAIN_VAL),
    "Russian": ("\u043e\u0431\u0443\u0447\u0435\u043d\u0438\u0435", "\u0422\u0435\u0441\u0442", TRAIN_TEST),
}


@pytest.mark.parametrize("how", NAMES)
def test_parts_are_known_by_their_words(tmp_path: Path, how: str) -> None:
    first, second, expected = NAMES[how]
    splits = load(make(tmp_path / "set", f"{first}/a", f"{first}/b", f"{second}/a", f"{second}/b"))
    assert parts(splits) == expected
    (note,) = splits.notes
    assert note.startswith("parts by folder: ")
    for folder in (first, second):
        assert f"{folder} is " in note


TREES: dict[str, tuple[tuple[str, ...], dict[str, dict[str, int]], str]] = {
    "a folder of the same name inside": (
        ("train/train/a", "train/train/b", "test/test/a", "test/test/b"),
        TRAIN_TEST,
        "test is test (4)",
    ),
    "folders around some parts": (
        ("set/train/images/a", "set/train/images/b", "set/test/a", "set/test/b"),
        TRAIN_TEST,
        "train is train (4)",
    ),
    "three parts, one lacks a class": (
        ("train/a", "train/b", "val/a", "test/b"),
        {"train": AB, "validation": {"a": 2}, "test": {"b": 2}},
        "val is validation (2)",
    ),
    "class and part in one name": (
        ("A_train", "A_test", "B_two_train", "B_two_test"),
        {"train": {"A": 2, "B_two": 2}, "test": {"A": 2, "B_two": 2}},
        "parts and classes by folder: A_test is test, of A, A_train is train, of A, B_two_test is test, of B_two, ",
    ),
    "part and class in one name": (
        ("train-a", "test-a", "train-b", "test-b"),
        TRAIN_TEST,
        "test-b is test, of b",
    ),
    "two folders of one part": (
        ("train/a", "train/b", "val/a", "eval/b"),
        {"train": AB, "validation": AB},
        "eval is validation (2)",
    ),
    "parts inside classes": (
        ("a/train", "a/test", "b/train", "b/test"),
        TRAIN_TEST,
        "parts inside the class folders: test is test (4), train is train (4); ",
    ),
    "parts inside classes, with words": (
        ("a/train_images", "a/val images", "b/train_images", "b/val images"),
        TRAIN_VAL,
        "val images is validation",
    ),
    "images beside parts inside classes": (
        ("a/train", "a/test", "b/train", "b/test", "b"),
        TRAIN_TEST,
        "left out: 2 images of no part",
    ),
    "one stray image at the root": (("a", "b", "cam.png"), {"train": AB}, "left out: 1 image outside a class folder ("),
    "one stray image beside parts": (
        ("train/a", "train/b", "test/a", "test/b", "cam.png"),
        TRAIN_TEST,
        "left out: 1 image outside a class folder",
    ),
    "one stray image in a part": (
        ("train/a", "train/b", "test/a", "test/b", "train/cam.png"),
        TRAIN_TEST,
        "left out: 1 image outside a class folder",
    ),
    "one stray image beside a folder around all": (("set/a", "set/b", "cam.png"), {"train": AB}, "left out: 1 image"),
    "unlabelled test images beside parts": (
        ("train/a", "train/b", "test"),
        {"train": AB},
        "left out: test, 2 images of the test part outside class folders",
    ),
    "unlabelled test images beside classes": (
        ("a", "b", "test"),
        {"train": AB},
        "left out: test, 2 images of the test part outside class folders; --parts none takes every folder",
    ),
    "unlabelled predictions": (
        ("seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/a", "seg_test/b", "seg_pred"),
        TRAIN_TEST,
        "left out: seg_pred (2), of no part",
    ),
    "classes and a test folder with the same": (
        ("a", "b", "test/a", "test/b"),
        TRAIN_TEST,
        "parts by folder: test is test (4)",
    ),
    "another folder with the same classes": (
        ("train/a", "train/b", "batch2/a", "batch2/b"),
        {"train": AB},
        "left out: batch2 (4), of no part; --parts",
    ),
    "validation and test alone": (
        ("valid/a", "valid/b", "test/a", "test/b"),
        {"validation": AB, "test": AB},
        "test is test (4), valid is validation (4)",
    ),
    "test alone": (("test/a", "test/b"), {"test": AB}, "parts by folder: test is test (4), and there is no other"),
    "a class in other letters' case": (
        ("train/a", "train/b", "test/A", "test/B"),
        TRAIN_TEST,
        "one class in two spellings: A and a are a, B and b are b",
    ),
    "a class with its accent written in two ways": (
        ("train/caf\u00e9", "train/b", "test/cafe\u0301", "test/b"),
        {"train": {"b": 2, "caf\u00e9": 2}, "test": {"b": 2, "caf\u00e9": 2}},
        "one class in two spellings: cafe",
    ),
    "a toy train": (("train", "bus", "car"), {"train": {"bus": 2, "car": 2, "train": 2}}, ""),
    "a station and a tube": (
        ("train station", "bus station", "test tube"),
        {"train": {"bus station": 2, "test tube": 2, "train station": 2}},
        "",
    ),
    "control and test": (("control", "test"), {"train": {"control": 2, "test": 2}}, ""),
    "a contest, the latest trainers": (
        ("contest", "latest", "trainers", "evaluator"),
        {"train": {"contest": 2, "evaluator": 2, "latest": 2, "trainers": 2}},
        "",
    ),
    "a flat part in a folder of its own name": (
        ("asl_train/asl_train/a", "asl_train/asl_train/b", "asl_test/asl_test"),
        {"train": AB},
        "left out: asl_test, 2 images of the test part outside class folders",
    ),
    "another part beside": (
        ("Training/a", "Training/b", "Test/a", "Test/b", "test-multiple_fruits"),
        TRAIN_TEST,
        "left out: test-multiple_fruits (2), of no part",
    ),
    "unpacked twice": (
        ("a", "b", "set/a", "set/b"),
        {"train": AB},
        "left out: set, which holds folders of the classes'",
    ),
    "unpacked twice, with parts": (
        ("train/a", "train/b", "test/a", "test/b", "set/train/a", "set/test/b"),
        TRAIN_TEST,
        "left out: set (4), of no part",
    ),
    "a folder around the classes in each part": (
        ("train/images/a", "train/images/b", "test/images/a", "test/images/b"),
        TRAIN_TEST,
        "test is test (4), train is train (4)",
    ),
    "unlabelled test images in a folder of their own": (
        ("train/a", "train/b", "test/unknown"),
        {"train": AB},
        "left out: test, 2 images of the test part outside class folders",
    ),
    "two tests": (
        ("train/a", "train/b", "public_test/a", "private_test/b"),
        TRAIN_TEST,
        "private_test is test (2), public_test is test (2)",
    ),
    "training in no known word": (
        ("lernen/a", "lernen/b", "test/a", "test/b"),
        TRAIN_TEST,
        "test is test (4), lernen is train (4)",
    ),
    "a class that is called as what is none": (
        ("a", "b", "images to predict"),
        {"train": {**AB, "images to predict": 2}},
        "taken for a class: images to predict (2); where that is none, move it out of the folder",
    ),
    "deeper folders": (
        ("a/2019/may", "a/2020", "b/x"),
        {"train": {"a": 4, "b": 2}},
        "the folders in them are not told apart (2019, 2020, x)",
    ),
}


@pytest.mark.parametrize("how", TREES)
def test_what_folders_mean(tmp_path: Path, how: str) -> None:
    tree, expected, said = TREES[how]
    splits = load(make(tmp_path / "set", *tree))
    assert parts(splits) == expected
    if said:
        assert any(said in note for note in splits.notes), splits.notes
    else:
        assert not splits.notes


def test_class_folders_without_an_image_are_told(tmp_path: Path) -> None:
    root = make(tmp_path / "set", "train/a", "train/b", "test/a", "test/b")
    for name in ("train/c", "test/c", "test/a/inner", "test/.hidden", ".git/branches"):
        (root / name).mkdir(parents=True)
    assert load(root).notes[-1] == "left out: test/c, train/c, without an image in them"
    (root / "test" / "c").rmdir()
    assert load(root).notes[-1] == "left out: train/c, without an image in it"
    (root / "train" / "c" / "readme.txt").write_text("soon")
    assert load(root).notes[-1] == "left out: train/c, without an image in it"


def test_folders_of_systems_are_no_classes(tmp_path: Path) -> None:
    kept = ("@eaDir", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", "Thumbnails", "a/@eaDir/x")
    root = make(tmp_path / "set", "a", "b", "__pycache__/q.png", *kept)
    splits = load(root)
    assert parts(splits) == {"train": {"a": 2, "b": 2}}
    assert any(
        note.startswith("left out: #recycle, $RECYCLE.BIN, @eaDir and 5 more, which systems") for note in splits.notes
    )
    with ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, path.relative_to(root))
    assert parts(load(tmp_path / "set.zip")) == {"train": {"a": 2, "b": 2}}
    aside = load(make(tmp_path / "aside", "a", "b", "unsorted"))
    assert "taken for a class: unsorted (2); where that is none, move it out of the folder" in aside.notes


def test_links_that_lead_back_are_passed_over_and_told(tmp_path: Path) -> None:
    root = make(tmp_path / "set", "a", "b", "c/more")
    (root / "a" / "loop").symlink_to("..")
    (root / "c" / "more" / "deep").symlink_to(root / "c")
    (root / "d").symlink_to(make(tmp_path / "other", "d") / "d")
    splits = load(root)
    assert parts(splits) == {"train": {"a": 2, "b": 2, "c": 2, "d": 2}}
    assert "left out: the link a/loop → .., a folder that it lies in itself" in splits.notes
    (root / "me").symlink_to(root)
    assert any(note.startswith("left out: the link me → ") for note in load(root).notes)


def test_what_lies_beside_images_is_told(tmp_path: Path) -> None:
    root = make(tmp_path / "set", "a", "b", "runs/a-b/report.png")
    for name in (
        "a/1.mp4",
        "a/2.MOV",
        "b/scan",
        "b/labels.xml",
        "README",
        "runs/a-b/run.toml",
        "labels.csv",
        "list.txt",
    ):
        (root / name).write_text("x")
    splits = load(root)
    assert parts(splits) == {"train": AB}
    kinds, runs, beside = splits.notes
    assert kinds.startswith("left out: files of kinds .mp4 (1), .mov (1), without an ending (1), which cannot be read")
    assert runs == "left out: runs/a-b, where hubel keeps a run"
    assert beside == f"not used: labels.csv, list.txt, which hubel data {root}/labels.csv would read"


def test_all_pictures_in_a_folder_of_an_odd_name_are_a_class(tmp_path: Path) -> None:
    assert load(make(tmp_path / "set", "labels", "originals")).notes == ()


ASKED = {
    "years of the same classes": (
        ("2019/a", "2019/b", "2020/a", "2020/b"),
        r"2019, 2020 all hold the folders a, b: either may be the classes; say which: --parts train=2019,test=2020 "
        r"where 2019 and 2020 are parts, --labels '\*/\{label\}/\*' for .* --parts none for the outer ones",
    ),
    "the same with a folder around": (
        ("one/img/a", "one/img/b", "two/img/a", "two/img/b"),
        r"one, two all hold the folders a, b: either may be the classes",
    ),
    "the same in parts": (
        ("train/day/a", "train/day/b", "train/night/a", "train/night/b", "test/day/a", "test/night/b"),
        r"day, night all hold the folders a, b: .*--labels '\*/\{label\}/\*' for the inner folders, "
        r"--parts train=train,test=test for the outer ones",
    ),
    "parts in years": (
        ("2019/train/a", "2019/train/b", "2020/train/a", "2020/train/b", "2020/test/a", "2020/test/b"),
        r"2019, 2020 all hold the folders a, b: .* --parts train=train,test=test for the outer ones",
    ),
    "parts in words that are not known": (
        ("tr/a", "tr/b", "te/a", "te/b"),
        r"te, tr all hold the folders a, b: either may be the classes",
    ),
    "two that may be training's": (
        ("one/a", "one/b", "two/a", "two/b", "test/a", "test/b"),
        r"one, two hold the classes that test hold, and none is called train; .*--parts train=one,test=test",
    ),
    "a class of two kinds or a part": (
        ("train/steam", "train/diesel", "bus", "car"),
        r"train may be a part, since it holds folders \(diesel, steam\), or a class beside bus, car; .*--parts none",
    ),
    "parts with nothing in common": (
        ("train/a", "train/b", "test/c", "test/d"),
        r"expected parts with the same classes, found none in common: test holds c, d; train holds a, b",
    ),
    "parts without classes": (
        ("train", "test"),
        r"test, train hold images without class folders; .*--labels '\{label\}_\{number\}'; .*--parts none",
    ),
    "names that say the class in each part": (
        ("train/cat.0.png", "train/cat.1.png", "train/dog.0.png", "train/dog.1.png", "test1/1.png"),
        r"test1, train hold images without class folders; where their names .*--labels '\{label\}\.\{number\}'; .*none",
    ),
    "class and part in one name, one class in one part alone": (
        ("a_train", "a_test", "b_train"),
        r"a_test, a_train may be parts without class folders, or classes beside b_train; say which: --parts none",
    ),
    "parts among classes": (
        ("Train", "Validation", "dogs", "cats"),
        r"Train, Validation may be parts without class folders, or classes beside cats, dogs; say which: --parts none",
    ),
    "images alone": (("x.png", "y.png"), r"in a folder named after its class, found 2 images outside one"),
    "images to make": (
        ("x.png", "y.png"),
        r"more such pictures are to be made, classes are not needed: hubel train r3",
    ),
    "names that say the class": (
        ("cat_1.png", "cat_2.png", "dog_1.png", "dog_2.png"),
        r"where their names say the class \(cat \(2\), dog \(2\)\): --labels '\{label\}_\{number\}'",
    ),
}


@pytest.mark.parametrize("how", ASKED)
def test_what_may_mean_two_things_is_asked(tmp_path: Path, how: str) -> None:
    tree, message = ASKED[how]
    with pytest.raises(ValueError, match=message):
        load(make(tmp_path / "set", *tree))


def test_a_table_beside_images_is_pointed_at(tmp_path: Path) -> None:
    folder = make(tmp_path / "set", "1.png", "2.png")
    (folder / "labels.csv").write_text("image,label\n1.png,a\n2.png,b\n")
    with pytest.raises(ValueError, match=r"a table lies there, which may be meant: .*set/labels\.csv"):
        load(folder)
    assert parts(load(folder / "labels.csv")) == {"train": {"a": 1, "b": 1}}
