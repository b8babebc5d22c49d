import io
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.base.errors import CacheError
from hubel.base.model_file import WholenessWarning
from hubel.data import Batches, Fit, ImageError, Preprocessing, Splits, hold_out, load
from tests.work import HANG

KEPT = (160, 160)  # of which 64 images are kept on the disk
MAPPED = (600, 600)  # of which they are not read into memory either


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(64):
        path = tmp_path / "set" / f"c{number % 3}" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (40, 30, 3), dtype=np.uint8)).save(path)
    return tmp_path / "set"


def entries(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "decoded").iterdir() if path.is_dir())


def set_clock(monkeypatch: pytest.MonkeyPatch, ahead: float) -> None:
    """Set the clock so many seconds ahead: what is new counts as old then."""
    clock = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: clock() + int(ahead * 1e9))


def test_large_sets_are_mapped_and_decoded_once(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, 10)
    calls: list[tuple[str, int, int]] = []
    first = load(folder, size=MAPPED, progress=lambda *call: calls.append(call))
    assert isinstance(first.train.images, np.memmap)
    assert ("decoding images", 64, 64) in calls
    calls.clear()
    second = load(folder, size=MAPPED, progress=lambda *call: calls.append(call))
    assert not calls
    assert (first.train.images == second.train.images).all()
    rule = Preprocessing.for_dataset(first.train)
    for path, row in ((folder / "c0" / "0.jpg", 0), (folder / "c0" / "3.jpg", 1), (folder / "c2" / "62.jpg", 63)):
        assert (rule.prepare(path) == first.train.images[row]).all()
    assert len(entries(cache)) == 1
    assert not first.train.images.flags.writeable
    small = load(folder, size=KEPT)
    assert not isinstance(small.train.images, np.memmap)
    assert (load(folder, size=KEPT).train.images == small.train.images).all()
    assert len(entries(cache)) == 2


def test_without_a_cache_sets_are_read_all_the_same_and_it_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "file" / "cache"))
    assert len(load(folder, size=(16, 16)).train) == len(load(folder, size=MAPPED).train) == 64
    for settings in ({"size": (16, 16), "validation": 0.2}, {"size": MAPPED}):
        notes = load(folder, **settings).notes
        assert any(
            "nothing can be kept there (Not a directory); name another folder with HUBEL" in each for each in notes
        )


def test_a_moved_folder_finds_its_entry_and_a_changed_image_does_not(folder: Path, cache: Path) -> None:
    load(folder, size=KEPT)
    moved = folder.with_name("moved")
    shutil.copytree(folder, moved)
    load(moved, size=KEPT)
    assert len(entries(cache)) == 1
    path = moved / "c1" / "1.jpg"
    status = path.stat()
    Image.new("RGB", (40, 30), "red").save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    changed = load(moved, size=KEPT)
    assert len(entries(cache)) == 2
    assert changed.train.images[22, 80, 80, 0] > 240
    assert load(folder, size=KEPT).train.images[22].std() > 20


@pytest.mark.parametrize("ahead", [0, 10, -10])
def test_an_image_that_changes_and_keeps_its_size_and_time_is_read_again(
    folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    set_clock(monkeypatch, ahead)
    before = load(folder, size=KEPT).train.images[22].copy()
    path = folder / "c1" / "1.jpg"
    status, size = path.stat(), path.stat().st_size
    Image.new("RGB", (40, 30), "red").save(path)
    path.write_bytes(path.read_bytes() + bytes(size - path.stat().st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    after = load(folder, size=KEPT).train.images[22]
    assert after[80, 80, 0] > 240
    assert (after != before).any()


@pytest.mark.filterwarnings("ignore::hubel.base.model_file.WholenessWarning")
def test_a_damaged_entry_is_made_again(folder: Path, cache: Path) -> None:
    before = load(folder, size=KEPT).train.images[:].copy()
    entry = cache / "decoded" / entries(cache)[0]
    with open(entry / "images.bin", "r+b") as file:
        file.truncate(1000)
    assert (load(folder, size=KEPT).train.images == before).all()
    (entry / "entry.json").write_bytes(b"{")
    for book in (cache / "digests").iterdir():
        book.write_bytes(b"\0")
    assert (load(folder, size=KEPT).train.images == before).all()


def test_a_flipped_byte_of_an_entry_is_noticed_and_the_entry_made_anew(folder: Path, cache: Path) -> None:
    before = load(folder, size=KEPT).train.images[:].copy()
    entry = cache / "decoded" / entries(cache)[0]
    with open(entry / "images.bin", "r+b") as file:
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 1]))
    with pytest.warns(WholenessWarning, match="changed or damaged; made anew"):
        assert (load(folder, size=KEPT).train.images == before).all()
    load(folder, size=KEPT)  # without a word


@pytest.fixture
def large(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Splits]:
    """Load small images as those of a large set are loaded: kept, mapped, not summed up when they are opened."""
    for name in ("_load.NOT_KEPT", "_load.IN_MEMORY", "_split.IN_MEMORY", "cache.decoded._SUMMED"):
        monkeypatch.setattr(f"hubel.data.{name}", 0)
    return lambda **settings: load(folder, size=(16, 16), **settings)


def test_a_flipped_byte_of_a_large_entry_is_never_trained_on(large: Callable[..., Splits], cache: Path) -> None:
    first = large(validation=0.2)
    before = {name: part.images.copy() for name, part in first.parts().items()}
    with open(first.train.images.filename, "r+b") as file:
        file.seek(-500, os.SEEK_END)  # the last of those that are held out
        byte = file.read(1)[0]
        file.seek(-500, os.SEEK_END)
        file.write(bytes([byte ^ 1]))
    found = large(validation=0.2)
    assert len(list(Batches(found.train, 8, 0).epoch(0))) == len(found.train) // 8  # whose images are whole
    with pytest.raises(CacheError, match=r"image 64 of these decoded images was changed .* decodes them anew"):
        found.validation.take(np.arange(len(found.validation)))
    assert entries(cache) == []
    again = large(validation=0.2)
    assert all((part.images == before[name]).all() for name, part in again.parts().items())


WAYS = {
    "a step": lambda train: list(Batches(train, 8, 0).epoch(0)),
    "by a thread": lambda train: list(Batches(train, 8, 0, device="meta").epoch(0)),
    "there": lambda train: Batches(train, 8, 0, device="meta"),
    "taken": lambda train: train.take(np.arange(len(train))),
    "held out": lambda train: hold_out(Splits(train), 0.2),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_the_images_of_a_large_entry_checks_them(
    large: Callable[..., Splits], monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    room = 10**12 if way == "there" else 200
    monkeypatch.setattr("hubel.data.feed.device.free_memory", lambda device: room)
    train = large().train
    WAYS[way](train)
    sums = Path(train.images.filename).with_name("sums.bin")
    sums.write_bytes(bytes(sums.stat().st_size))
    with pytest.raises(CacheError, match="changed or damaged"):
        WAYS[way](large().train)


@pytest.mark.filterwarnings("ignore::hubel.base.model_file.WholenessWarning")
@pytest.mark.parametrize("content", ["[]", '{"rejected": 3}', '{"rejected": [["a", 2]]}', '{"rejected": [[99, "x"]]}'])
def test_an_odd_entry_is_made_anew(folder: Path, cache: Path, content: str) -> None:
    before = load(folder, size=KEPT).train.images[:].copy()
    (cache / "decoded" / entries(cache)[0] / "entry.json").write_text(content)
    for book in (cache / "digests").iterdir():
        book.write_text('{"a": 3, "b": [], "c": [1, 2, 3]}')
    assert (load(folder, size=KEPT).train.images == before).all()


def test_a_run_killed_while_decoding_leaves_nothing_wrong(folder: Path, cache: Path) -> None:
    script = f"from hubel.data import load; load({str(folder)!r}, size=(900, 900), workers=1)"
    for _ in range(2):
        process = subprocess.Popen([sys.executable, "-c", script])
        for _ in range(500):
            if list(cache.glob("decoded/*.part/images.bin")):
                break
            time.sleep(0.01)
        process.kill()
        process.wait()
    assert not entries(cache) or all(name.endswith(".part") for name in entries(cache))
    assert len(load(folder, size=(900, 900)).train) == 64
    assert len(entries(cache)) == 1


def test_processes_that_start_together_decode_once(folder: Path, cache: Path) -> None:
    script = (
        "import sys; from hubel.data import load; seen = []\n"
        f"images = load({str(folder)!r}, size={KEPT}, progress=lambda *call: seen.append(call[0])).train.images\n"
        "print(len(images), int('decoding images' in seen))"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate(timeout=HANG)[0].split() for process in processes]
    assert [output[0] for output in outputs] == ["64"] * 3
    assert sum(int(output[1]) for output in outputs) == 1


def test_too_little_room_is_told_before_decoding(folder: Path) -> None:
    with pytest.raises(OSError, match="set HUBEL_CACHE to a folder with more room, or take a smaller size"):
        load(folder, size=(300_000, 300_000))


@pytest.mark.parametrize("size", [None, KEPT])
def test_bad_images_stop_or_are_skipped_and_named(folder: Path, size: tuple[int, int] | None) -> None:
    whole = (folder / "c0" / "3.jpg").read_bytes()
    (folder / "c0" / "3.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "c2" / "5.jpg").write_bytes(b"hello")
    with pytest.raises(ImageError, match=r"3\.jpg: cannot be decoded \(.*truncated.* \(and 1 more file cannot"):
        load(folder, size=size)
    for _ in range(2):
        splits = load(folder, size=size, bad_images="skip")
        assert [Path(error.path).name for error in splits.rejected] == ["3.jpg", "5.jpg"]
        assert len(splits.train) == 62
        assert np.bincount(splits.train.labels).tolist() == [21, 21, 20]
        picture = Preprocessing.for_dataset(splits.train).prepare(folder / "c2" / "62.jpg")
        assert (splits.train.images[61] == picture).all()
        with pytest.raises(ImageError):
            load(folder, size=size)


def test_a_set_without_one_readable_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set" / "a").mkdir(parents=True)
    (tmp_path / "set" / "a" / "x.png").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"none of the 1 images can be read; the first: .*x\.png"):
        load(tmp_path / "set", bad_images="skip")


def test_broken_archives_name_the_member(tmp_path: Path) -> None:
    import zipfile

    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(buffer, "PNG")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for number in range(3):
            archive.writestr(f"a/{number}.png", buffer.getvalue())
    content = bytearray((tmp_path / "set.zip").read_bytes())
    content[2000] ^= 0xFF  # inside the first member
    (tmp_path / "set.zip").write_bytes(content)
    splits = load(tmp_path / "set.zip", bad_images="skip")
    assert len(splits.train) == 2
    assert [error.path.rpartition(":")[2] for error in splits.rejected] == ["a/0.png"]


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_large_photographs_become_the_same_in_training_and_prediction(tmp_path: Path, fit: Fit) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (75, 100, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((1600, 1200), Image.Resampling.BICUBIC)
    (tmp_path / "set" / "a").mkdir(parents=True)
    picture.save(tmp_path / "set" / "a" / "1.jpg")
    train = load(tmp_path / "set", size=(60, 50), fit=fit).train
    prepared = Preprocessing.for_dataset(train).prepare(tmp_path / "set" / "a" / "1.jpg")
    assert (prepared == train.images[0]).all()
    assert train.images[0].std() > 10


def test_large_images_are_read_upright_and_small(tmp_path: Path) -> None:
    picture = Image.new("RGB", (2000, 1000), "blue")
    picture.paste("red", (0, 0, 200, 1000))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "set" / "a").mkdir(parents=True)
    picture.save(tmp_path / "set" / "a" / "1.jpg", exif=exif)
    image = load(tmp_path / "set", fit="pad", size=(64, 64)).train.images[0]
    assert image[1, 32, 0] > 200
    assert image[40, 32, 2] > 200
    assert image[:, :15].max() == 0
