import gzip
import io
import json
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from hubel.data import Splits, holds_files, load

COLOURS = {"10": (250, 0, 0), "2": (0, 250, 0), "cat": (0, 0, 250)}


def png(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 8), colour).save(buffer, "PNG")
    return buffer.getvalue()


def files(train: str = "", **parts: str) -> dict[str, bytes]:
    """Three images a class by relative path; `parts` maps a part's folder to the classes it lacks."""
    lacking = {train: "", **parts}
    return {
        f"{part}/{name}/{number}.png".lstrip("/"): png(colour)
        for part, lacks in lacking.items()
        for name, colour in COLOURS.items()
        for number in range(3)
        if name != lacks
    }


def write(folder: Path, contents: dict[str, bytes]) -> Path:
    for path, content in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def assert_whole(splits: Splits, images: int = 9) -> None:
    assert splits.train.classes == ("2", "10", "cat")
    assert splits.train.images.shape == (images, 8, 12, 3)
    for image, label in zip(splits.train.images, splits.train.labels, strict=True):
        assert (image == COLOURS[splits.train.classes[label]]).all()


def test_a_folder_of_class_folders(tmp_path: Path) -> None:
    splits = load(write(tmp_path / "set", files()))
    assert_whole(splits)
    assert splits.train.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert splits.validation is None
    assert splits.test is None


def test_folders_for_the_parts_and_a_class_that_one_lacks(tmp_path: Path) -> None:
    splits = load(write(tmp_path / "set", files("train", val="2", test="10")))
    assert_whole(splits)
    assert splits.validation is not None
    assert splits.test is not None
    assert splits.validation.classes == splits.test.classes == splits.train.classes
    assert splits.validation.labels.tolist() == [1, 1, 1, 2, 2, 2]
    assert splits.test.labels.tolist() == [0, 0, 0, 2, 2, 2]


def test_hidden_and_other_files_are_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", files())
    write(folder, {"cat/notes.txt": b"x", "cat/.hidden.png": b"x", ".git/a/b.png": b"x", "readme.md": b"x"})
    assert_whole(load(folder))


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected images .* found none"):
        load(write(tmp_path / "empty", {"a/readme.md": b""}))


def test_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files("train", val="cat").items():
            archive.writestr(f"set/{path}", content)
        archive.writestr("__MACOSX/set/train/cat/._1.png", b"resource fork")
    splits = load(tmp_path / "set.zip")
    assert_whole(splits)
    assert splits.validation is not None
    assert len(splits.validation) == 6


@pytest.mark.parametrize("out", ["../../cat/x.png", "/abs/y.png", "C:/cat/x.png", "..\\cat\\x.png", "cat/../../x.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_what_leads_out_of_an_archive_is_left_out_and_named(tmp_path: Path, kind: str, out: str) -> None:
    contents = {**files(), out: png((1, 2, 3))}
    path = tmp_path / f"set.{kind}"
    if kind == "tar":
        write_tar(path, contents)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in contents.items():
                archive.writestr(name, content)
    splits = load(path)
    assert_whole(splits)
    said = f"left out of the archive: {out}: links, devices and names that lead out of it are not followed"
    assert said in splits.notes


def test_links_and_devices_in_archives_are_named(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "set.tar", files())
    with tarfile.open(path, "a") as archive:
        for name, kind in (
            ("cat/link.png", tarfile.SYMTYPE),
            ("cat/same.png", tarfile.LNKTYPE),
            ("p", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "cat/0.png"
            archive.addfile(info)
    splits = load(path)
    assert_whole(splits)
    assert any(
        note.startswith("left out of the archive: cat/link.png, cat/same.png, p: links") for note in splits.notes
    )
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        for name, content in files().items():
            packed.writestr(name, content)
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = 0o120777 << 16
        packed.writestr(link, "/etc/passwd")
    splits = load(tmp_path / "set.zip")
    assert_whole(splits)
    assert any(note.startswith("left out of the archive: cat/link.png: links") for note in splits.notes)


def write_tar(path: Path, contents: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize(("name", "mode"), [("s.tar", "w"), ("s.tar.gz", "w:gz"), ("s.tgz", "w:gz"), ("s.txz", "w:xz")])
def test_a_tar(tmp_path: Path, name: str, mode: str) -> None:
    path = write_tar(tmp_path / name, files(), mode)
    assert_whole(load(path))
    assert_whole(load(path))


def samples(part: int) -> dict[str, bytes]:
    names = sorted(COLOURS)
    contents: dict[str, bytes] = {}
    for number in range(3):
        stem = f"{part}{number:03d}"
        contents[f"{stem}.png"] = png(COLOURS[names[number]])
        if part % 2:
            contents[f"{stem}.cls"] = names[number].encode()
        else:
            contents[f"{stem}.json"] = json.dumps({"label": names[number], "width": 12}).encode()
    return contents


def test_tar_shards(tmp_path: Path) -> None:
    for part in range(12):
        write_tar(tmp_path / f"train-{part:02d}.tar", samples(part))
    write_tar(tmp_path / "val-00.tar", samples(99))
    splits = load(tmp_path)
    assert_whole(splits, 36)
    assert splits.validation is not None
    assert len(splits.validation) == 3
    assert_whole(load(str(tmp_path / "train-{00..03}.tar")), 12)
    assert_whole(load(str(tmp_path / "train-0?.tar")), 30)
    assert_whole(load(tmp_path / "train-07.tar"), 3)
    with pytest.raises(ValueError, match=r"found no .*train-12\.tar"):
        load(str(tmp_path / "train-{10..12}.tar"))


def test_tars_beside_images_are_told_and_not_used(tmp_path: Path) -> None:
    for number in range(12):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        (tmp_path / "ab"[number % 2] / f"{number}.png").write_bytes(png((number, 0, 0)))
    write_tar(tmp_path / "old-00.tar", samples(1))
    splits = load(tmp_path)
    assert sum(map(len, splits.parts().values())) == 12
    assert f"not used: old-00.tar, which hubel data {tmp_path}/old-00.tar would read" in splits.notes
    (tmp_path / "a" / "test.zip").write_bytes(b"")
    assert any(note.startswith("not used: test.zip, old-00.tar, which") for note in load(tmp_path).notes)


def test_archives_alone_are_named(tmp_path: Path) -> None:
    for name in ("train.zip", "test.tar.gz"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=r"found test\.tar\.gz, train\.zip; each can be read alone"):
        load(tmp_path)
    with pytest.raises(ValueError, match=r"expected tar files, found .*train\.zip; pictures come as a folder or a tab"):
        load(str(tmp_path / "*.zip"))


def test_a_sample_without_a_class_is_named(tmp_path: Path) -> None:
    contents = samples(1)
    del contents["1001.cls"]
    with pytest.raises(ValueError, match=r"s\.tar:1001\.png: expected a \.cls or \.json"):
        load(write_tar(tmp_path / "s.tar", contents))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_with_heads(tmp_path: Path, separator: str) -> None:
    write(tmp_path / "images", files())
    rows = [["id", "Label", "path", "split"]]
    rows += [["7", path.split("/")[0], f"images/{path}", "test" if "/2" in path else "train"] for path in files()]
    (tmp_path / "list.csv").write_text("\n".join(separator.join(row) for row in rows), encoding="utf-8-sig")
    splits = load(tmp_path / "list.csv")
    assert_whole(splits, 6)
    assert splits.test is not None
    assert len(splits.test) == 3


def test_a_csv_without_heads(tmp_path: Path) -> None:
    write(tmp_path, files())
    (tmp_path / "list.csv").write_text("".join(f"{path},{path.split('/')[0]}\n" for path in files()))
    assert_whole(load(tmp_path / "list.csv"))
    (tmp_path / "bad.csv").write_text("2/0.png,2\n2/1.png\n")
    with pytest.raises(ValueError, match=r"bad\.csv, line 2: expected a path and a label"):
        load(tmp_path / "bad.csv")


ARRAY: npt.NDArray[np.uint8] = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)
LABELS = np.array([3, 1, 0, 2, 3, 1])


def assert_array(splits: Splits) -> None:
    assert (splits.train.images[..., 0] == ARRAY).all()
    assert splits.train.labels.tolist() == LABELS.tolist()
    assert splits.train.classes == ("0", "1", "2", "3")


def test_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "keras.npz", x_train=ARRAY, y_train=LABELS, x_test=ARRAY[:2], y_test=LABELS[:2])
    splits = load(tmp_path / "keras.npz")
    assert_array(splits)
    assert splits.test is not None
    assert len(splits.test) == 2
    np.savez_compressed(tmp_path / "plain.npz", images=ARRAY[..., None] / 255.0, labels=np.eye(4)[LABELS])
    assert_array(load(tmp_path / "plain.npz"))
    np.savez(tmp_path / "medical.npz", train_images=ARRAY, train_labels=LABELS[:, None])
    assert_array(load(tmp_path / "medical.npz"))
    names = np.array(["b", "a", "c"])
    np.savez(tmp_path / "named.npz", x=ARRAY[:3], y=names, classes=names)
    assert load(tmp_path / "named.npz").train.classes == ("b", "a", "c")
    np.savez(tmp_path / "torch.npz", x=np.zeros((5, 3, 8, 9), np.float32), y=np.zeros(5, int))
    assert load(tmp_path / "torch.npz").train.shape == (8, 9, 3)


def test_npz_errors(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", weights=ARRAY)
    with pytest.raises(ValueError, match=r"expected arrays x_train and y_train .*, found weights"):
        load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x=np.array([{}], dtype=object), y=LABELS)
    with pytest.raises(ValueError, match=r"x\.npy: expected numbers, received objects"):
        load(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", x=ARRAY * 3.0, y=LABELS)
    assert load(tmp_path / "c.npz").train.levels is not None


def test_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "train_images.npy", ARRAY)
    np.save(tmp_path / "train_labels.npy", LABELS)
    np.save(tmp_path / "test_images.npy", ARRAY[:1])
    np.save(tmp_path / "test_labels.npy", LABELS[:1])
    splits = load(tmp_path / "train_images.npy")
    assert_array(splits)
    assert splits.test is not None
    np.save(tmp_path / "other_images.npy", ARRAY)
    with pytest.raises(ValueError, match=r"labels beside it in other_labels\.npy"):
        load(tmp_path / "other_images.npy")


def idx(array: npt.NDArray[np.uint8]) -> bytes:
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def test_idx_files(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(ARRAY))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(LABELS.astype(np.uint8))))
    assert_array(load(tmp_path))
    assert_array(load(tmp_path / "train-images-idx3-ubyte"))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(ARRAY)[:-3])
    with pytest.raises(ValueError, match=r"expected 120 bytes for the shape \(6, 4, 5\), received 117"):
        load(tmp_path)


def test_which_sources_can_be_decoded_in_any_size(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=ARRAY, y=LABELS)
    (tmp_path / "idx").mkdir()
    (tmp_path / "idx" / "train-images-idx3-ubyte").write_bytes(idx(ARRAY))
    (tmp_path / "a.zip").touch()
    for source in (str(tmp_path), str(tmp_path / "a.zip"), "hf:owner/name", "train-{00..12}.tar", "data/*.tar"):
        assert holds_files(source), source
    for source in ("mnist", "cifar10", str(tmp_path / "a.npz"), str(tmp_path / "idx"), "nothing"):
        assert not holds_files(source), source


def test_what_is_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"did you mean 'mnist'"):
        load("mnits")
    with pytest.raises(ValueError, match=r"expected a folder, \.zip, \.tar"):
        load(write(tmp_path, {"a.pdf": b"x"}) / "a.pdf")
    (tmp_path / "b.zip").write_bytes(b"PK nothing")
    with pytest.raises(ValueError, match=r"b\.zip: the zip file is damaged"):
        load(tmp_path / "b.zip")
    (tmp_path / "b.tar").write_bytes(b"nothing" * 100)
    with pytest.raises(ValueError, match=r"b\.tar: the tar file cannot be read"):
        load(tmp_path / "b.tar")
    content = write_tar(tmp_path / "c.tar", files()).read_bytes()
    (tmp_path / "c.tar").write_bytes(content[:1500])
    with pytest.raises(ValueError, match=r"c\.tar: the tar file cannot be read \(damaged or cut off at byte 1,024\)"):
        load(tmp_path / "c.tar")
    (tmp_path / "c.tar").write_bytes(content[:1024] + b"x" * 512 + content[1536:])
    with pytest.raises(ValueError, match=r"damaged or cut off"):
        load(tmp_path / "c.tar")
    (tmp_path / "c.tar").write_bytes(content[: 512 * 3 + 20])
    with pytest.raises(ValueError, match="unexpected end of data"):
        load(tmp_path / "c.tar")
    (tmp_path / "bomb.tar.gz").write_bytes(gzip.compress(bytes(2**24)))
    with pytest.raises(ValueError, match="expands more than 100 times"):
        load(tmp_path / "bomb.tar.gz")
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(b"nothing" * 1000)[:-12])
    with pytest.raises(ValueError, match=r"b\.tar\.gz: cannot be decompressed"):
        load(tmp_path / "b.tar.gz")
    for wrong in ({"channels": 2}, {"bad_images": "shrug"}):
        with pytest.raises(ValueError, match="expected"):
            load("mnist", **wrong)  # type: ignore[arg-type]


def test_a_hub_set_without_its_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"install it with: pip install 'hubel\[hub\]'"):
        load("hf:someone/something")


def test_size_and_colour_can_be_chosen(tmp_path: Path) -> None:
    folder = write(tmp_path / "set", files())
    assert load(folder, size=(20, 30), channels=1).train.shape == (20, 30, 1)
    small = load(folder, size=(20, 30)).train
    assert small.fit == "crop"
    assert load(folder).train.fit is None
    mnist = load("mnist").train.images[:50]
    np.savez(tmp_path / "some.npz", x=mnist, y=np.zeros(50, int))
    arrays = load(tmp_path / "some.npz", size=(32, 32), channels=3)
    assert arrays.train.shape == (32, 32, 3)
    assert arrays.train.fit is None
    assert arrays.train.images[0, 6:-6, 6:-6].max() > 240
    assert np.abs(arrays.train.images.mean() - mnist.mean()) < 1


def test_sizes_that_differ_become_one(tmp_path: Path) -> None:
    for number, size in enumerate([(300, 400), (500, 350), (640, 480)]):
        (tmp_path / "set" / "a").mkdir(parents=True, exist_ok=True)
        Image.new("L", size).save(tmp_path / "set" / "a" / f"{number}.png")
    splits = load(tmp_path / "set")
    assert splits.train.shape == (224, 224, 1)


def test_tar_shards_of_no_part_are_never_trained_on(tmp_path: Path) -> None:
    for name in ("train-000", "val-000", "extra-000"):
        with tarfile.open(tmp_path / f"{name}.tar", "w") as archive:
            for number, label in enumerate(("a", "b")):
                for ending, content in (("png", png((9, 9, number))), ("cls", label.encode())):
                    info = tarfile.TarInfo(f"{number}.{ending}")
                    info.size = len(content)
                    archive.addfile(info, io.BytesIO(content))
    splits = load(tmp_path)
    assert {part: len(own) for part, own in splits.parts().items()} == {"train": 2, "validation": 2}
    assert splits.notes[1] == "left out: extra-000.tar, of no part beside those of training"
    (tmp_path / "train-000.tar").rename(tmp_path / "more-000.tar")
    assert {part: len(own) for part, own in load(tmp_path).parts().items()} == {"train": 4, "validation": 2}
