import errno
import os
import stat
import subprocess
import sys
import threading
import tracemalloc
from multiprocessing import get_context
from pathlib import Path

import pytest

from hubel.base.errors import (
    CacheError,
    FileError,
    FullDiskError,
    LockedError,
    MissingFileError,
    ReadOnlyError,
    UnreadableError,
)
from hubel.base.files import (
    cache_folder,
    digest_of,
    locked,
    made_folder,
    made_place,
    read_bytes,
    read_text,
    replacing,
    sha256_of,
    write_atomically,
)


def test_a_folder_that_is_missing_is_named_and_no_file_of_hubels_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place, said in {"no/a.txt": "no folder .*no; make it first", "file/a.txt": "file is a file, no folder"}.items():
        with pytest.raises(MissingFileError, match=f"^[^.]*{said}$"):
            write_atomically(tmp_path / place, "")


def test_text_and_bytes_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_atomically(path, "größer")
    assert path.read_text(encoding="utf-8") == "größer"
    write_atomically(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert os.listdir(tmp_path) == ["note.txt"]


def test_the_old_file_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_atomically(path, "old")
    with pytest.raises(ZeroDivisionError), replacing(path) as unfinished:  # noqa: PT012
        unfinished.write_text("half")
        assert unfinished.suffix == ".csv"  # for a library that goes by it
        assert path.read_text() == "old"
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_two_that_write_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second, longer")
    assert path.read_text() == "first"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_takes_its_place_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "stray").touch()  # of a process that was killed
    with replacing(tmp_path / "entry", partial="part") as folder:
        folder.mkdir()
        (folder / "one").write_text("1")
        assert not (tmp_path / "entry").exists()
    assert os.listdir(tmp_path) == ["entry"]
    assert os.listdir(tmp_path / "entry") == ["one"]


def test_what_killed_processes_left_goes_with_the_next_one(tmp_path: Path) -> None:
    killed = (
        "import os, sys; from pathlib import Path; from hubel.base.files import replacing\n"
        "place = Path(sys.argv[1])\n"
        "with replacing(place / 'model.onnx') as file, replacing(place / 'package') as folder:\n"
        "    file.write_text('half'); folder.mkdir(); (folder / 'part').touch(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", killed, tmp_path])
    left = sorted(os.listdir(tmp_path))
    assert len(left) == 2
    alive = left[0].replace(left[0].split("-")[-2], str(os.getppid()))  # which has not ended
    elsewhere = left[0].replace(left[0].split("-")[-3], "0" * 8)  # of another machine, which may live
    old = left[1].replace(left[1].split("-")[-3], "0" * 8)
    for name in (alive, elsewhere, old, ".mine-1-2.partial.txt"):
        (tmp_path / name).touch()
    os.utime(tmp_path / old, (10**9, 10**9))
    write_atomically(tmp_path / "other", "")
    assert sorted(os.listdir(tmp_path)) == sorted([alive, elsewhere, ".mine-1-2.partial.txt", "other"])


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


def test_a_device_is_written_to_as_it_is() -> None:
    script = (
        "from pathlib import Path; from hubel.base.files import write_atomically as w; w(Path('/dev/stdout'), 'out')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout == b"out"
    write_atomically(Path(os.devnull), b"gone")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def _try_lock(path: Path) -> bool:
    try:
        with locked(path, wait=False):
            return True
    except LockedError:
        return False


def test_a_lock_is_for_one_process(tmp_path: Path) -> None:
    path = tmp_path / "folder" / ".lock"
    with get_context("spawn").Pool(1) as pool:
        with locked(path):
            assert not pool.apply(_try_lock, (path,))
        assert pool.apply(_try_lock, (path,))


def test_a_lock_is_freed_where_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "lock"):
        raise ZeroDivisionError
    with locked(tmp_path / "lock", wait=False):
        pass


def test_digests(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of(tmp_path / "abc", "md5") == "900150983cd24fb0d6963f7d28e17f72"


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("HUBEL_CACHE", "~/kept")
    monkeypatch.setenv("XDG_CACHE_HOME", "/shared")
    assert cache_folder() == Path("/home/ada/kept")
    monkeypatch.delenv("HUBEL_CACHE")
    assert cache_folder("weights", "a.pth") == Path("/shared/hubel/weights/a.pth")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == Path("/home/ada/.cache/hubel")
    monkeypatch.setenv("HUBEL_CACHE", "~nobody-of-that-name/kept")
    with pytest.raises(CacheError, match="HUBEL_CACHE"):
        cache_folder()


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match=r"file.inner: nothing can be kept there .*HUBEL_CACHE=FOLDER"):
        made_folder(tmp_path / "file" / "inner")
    assert made_folder(tmp_path / "a" / "b").is_dir()


def test_text_is_read_or_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "marked.txt").write_bytes(b"\xef\xbb\xbf\xc3\xbc")
    assert read_text(tmp_path / "marked.txt") == "ü"
    (tmp_path / "latin.txt").write_bytes("für".encode("latin-1"))
    with pytest.raises(FileError, match=r"latin.txt: expected text in UTF-8, received another byte at 1"):
        read_text(tmp_path / "latin.txt")


def test_a_place_for_results_is_made_or_named(tmp_path):
    assert made_place(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "in"):
        with pytest.raises(UnreadableError, match="expected a folder, found a file in its place"):
            made_place(place)


@pytest.mark.parametrize(("number", "kind"), [(errno.EROFS, ReadOnlyError), (errno.ENOSPC, FullDiskError)])
def test_a_place_that_cannot_be_made_is_named_with_the_remedy(tmp_path, monkeypatch, number, kind):
    def refuse(*_, **__):
        raise OSError(number, "no")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(kind, match=r"name (another folder|a folder on another disk)$"):
        made_place(tmp_path / "a" / "b")


def test_reading_takes_no_more_room_than_there_is_to_read(tmp_path: Path) -> None:
    path, pipe = tmp_path / "a.csv", tmp_path / "pipe"
    path.write_bytes(b"x" * 1000)
    tracemalloc.start()
    try:
        assert read_bytes(path, "annotations") == b"x" * 1000
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"y" * 100_000,))
    writer.start()
    assert read_bytes(pipe, "annotations") == b"y" * 100_000
    writer.join()
    assert read_bytes("/proc/self/cmdline", "annotations")  # which says that it has no bytes
