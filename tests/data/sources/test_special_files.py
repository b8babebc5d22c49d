"""Pipes and devices among images: named like other files that cannot be read, and never waited for."""

import os
from pathlib import Path

import pytest
from PIL import Image

from hubel.data import ImageError, load, read_image
from hubel.data.cache.decoded import digests
from hubel.data.sources.listing import FileItem

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ant/1.png", "bee/1.png", "bee/2.png"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 9).save(tmp_path / "set" / name)
    os.mkfifo(tmp_path / "set" / "ant" / "pipe.png")
    (tmp_path / "set" / "bee" / "zero.png").symlink_to("/dev/zero")
    return tmp_path / "set"


def test_in_a_folder_they_are_images_that_cannot_be_read(folder: Path) -> None:
    with pytest.raises(ImageError, match=r"pipe\.png: is no file, but a pipe, a device or a folder"):
        load(folder)
    splits = load(folder, bad_images="skip", validation=0.0)
    assert len(splits.train) == 3
    assert sorted(Path(error.path).name for error in splits.rejected) == ["pipe.png", "zero.png"]


def test_a_device_without_end_is_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBEL_MOST_ENCODED", "100000")
    with pytest.raises(ImageError, match=r"expected at most 100,000 .*received 100,001.*HUBEL_MOST_ENCODED"):
        read_image("/dev/zero")


def test_what_comes_out_of_a_pipe_is_an_image_too() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as file:
        Image.new("L", (8, 8), 9).save(file, "PNG")
    assert read_image(f"/dev/fd/{reader}").size == (8, 8)
    os.close(reader)


@pytest.mark.parametrize("name", ["a\0.png", "\udc80\ud800.png", "x" * 5000 + ".png"])
def test_a_name_that_no_file_has_is_no_image(name: str, tmp_path: Path) -> None:
    item = FileItem(name)
    with pytest.raises(ImageError, match="cannot be opened"):
        item.read()
    assert digests(tmp_path, "set", [item], 1, None)
