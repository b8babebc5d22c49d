import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.data import ImageError, read_image

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    picture = Image.new("RGB", (40, 20), "white")
    picture.paste("red", (0, 0, 10, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held so that the top is on the right: turn by 90° clockwise
    picture.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    upright = read_image(tmp_path / "turned.jpg")
    assert upright.size == (20, 40)
    red = np.asarray(upright)[3, 10]
    assert red[0] > 200
    assert red[1] < 60


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path) -> None:
    deep = RAMP.astype(np.uint16) * 257
    for name in ("deep.png", "deep.tif"):
        Image.fromarray(deep).save(tmp_path / name)
        image = read_image(tmp_path / name)
        assert image.mode == "L"
        assert (np.asarray(image) == RAMP).all()


def test_sixteen_bit_colour_keeps_its_range(tmp_path: Path) -> None:
    # Pillow does not write this, so the PNG is made by hand
    rows = b"".join(b"\0" + struct.pack(">48H", *np.repeat(row.astype(int) * 257, 3)) for row in RAMP)

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    image = read_image(png)
    assert image.mode == "RGB"
    assert (np.asarray(image) == RAMP[..., None]).all()


def test_floating_point_grey(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(np.float32) / 255).save(tmp_path / "unit.tif")
    assert (np.asarray(read_image(tmp_path / "unit.tif")) == RAMP).all()
    Image.fromarray(RAMP.astype(np.float32) * 100 - 5000).save(tmp_path / "range.tif")
    assert (np.asarray(read_image(tmp_path / "range.tif")) == RAMP).all()
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(tmp_path / "nan.tif")
    assert not np.asarray(read_image(tmp_path / "nan.tif")).any()


@pytest.mark.parametrize(
    ("mode", "name", "expected"),
    [
        ("CMYK", "a.jpg", "RGB"),
        ("CMYK", "a.tif", "RGB"),
        ("P", "a.gif", "RGB"),
        ("P", "a.png", "RGB"),
        ("1", "a.png", "L"),
        ("L", "a.bmp", "L"),
        ("LA", "a.png", "LA"),
        ("RGBA", "a.webp", "RGB"),
        ("RGB", "a.ppm", "RGB"),
    ],
)
def test_every_mode_keeps_its_colours(tmp_path: Path, mode: str, name: str, expected: str) -> None:
    red = Image.new("RGBA", (24, 16), (250, 20, 20, 255)).convert("RGB").convert(mode)
    red.save(tmp_path / name, **({"quality": 100} if name.endswith(("jpg", "webp")) else {}))
    image = read_image(tmp_path / name)
    assert image.mode == expected
    grey = mode in ("L", "LA", "1")
    colour = np.asarray(image.convert("RGB"), dtype=int)[8, 12]
    reference = np.asarray(red.convert("RGB"), dtype=int)[8, 12]
    assert np.abs(colour - reference).max() <= 6
    assert grey or colour[0] - colour[1] > 150


def test_a_transparent_palette_keeps_its_transparency(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.save(tmp_path / "clear.png", transparency=0)
    assert read_image(tmp_path / "clear.png").mode == "RGBA"
    assert not np.asarray(read_image(tmp_path / "clear.png").getchannel("A")).any()


def test_every_truncation_of_a_jpeg_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    whole = buffer.getvalue()
    read_image(whole)
    for length in range(0, len(whole) - 8, 37):
        path = tmp_path / "cut.jpg"
        path.write_bytes(whole[:length])
        with pytest.raises(ImageError, match=r"cut\.jpg: "):
            read_image(path)


def test_errors_say_which_file_and_why(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"nowhere\.png: cannot be opened"):
        read_image(tmp_path / "nowhere.png")
    (tmp_path / "notes.png").write_text("not an image")
    with pytest.raises(ImageError, match=r"notes\.png: is not an image in one of the formats JPEG, PNG"):
        read_image(tmp_path / "notes.png")
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty\.png: the file is empty"):
        read_image(tmp_path / "empty.png")
    with pytest.raises(ImageError, match=r"upload 7: is not an image"):
        read_image(b"GIF89?", name="upload 7")
    Image.new("L", (4, 4)).save(tmp_path / "odd.png", "ICO")
    with pytest.raises(ImageError, match="is not an image in one of the formats"):
        read_image(tmp_path / "odd.png")


def test_a_folder_in_the_place_of_a_picture_is_named_with_one_of_its_pictures(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"is a folder, expected a picture's file$"):
        read_image(tmp_path)
    Image.new("L", (4, 4)).save(tmp_path / "b.PNG", "PNG")
    (tmp_path / "a.txt").write_text("no picture")
    with pytest.raises(ImageError, match=r"is a folder, expected a picture's file, such as .*b\.PNG$"):
        read_image(str(tmp_path))


def test_threads_leave_the_filters_of_warnings_as_they_were(tmp_path: Path) -> None:
    Image.new("L", (64, 64)).save(tmp_path / "a.png")
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(read_image, [tmp_path / "a.png"] * 200))) == 200
    assert warnings.filters == before


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (9000, 8000)).save(tmp_path / "wide.png")
    with pytest.raises(ImageError, match=r"9000×8000 = 72,000,000 pixels, expected at most 1,000,000"):
        read_image(tmp_path / "wide.png", max_pixels=1_000_000)
    content = bytearray((tmp_path / "wide.png").read_bytes())
    content[16:24] = struct.pack(">II", 60000, 60000)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    with pytest.raises(ImageError, match=r"bomb\.png: has far more than"):
        read_image(bytes(content), name="bomb.png")


def test_large_jpegs_are_decoded_small_but_never_too_small(tmp_path: Path) -> None:
    Image.new("RGB", (1600, 1200), "green").save(tmp_path / "photo.jpg")
    assert read_image(tmp_path / "photo.jpg").size == (1600, 1200)
    small = read_image(tmp_path / "photo.jpg", at_least=(100, 100))
    assert min(small.size) >= 200
    assert small.width < 1600


def test_a_jpeg_has_as_many_scans_as_a_picture_needs() -> None:
    file = io.BytesIO()
    Image.fromarray(RAMP).resize((64, 64)).convert("RGB").save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    assert read_image(whole).size == (64, 64)
    last = whole[whole.rindex(b"\xff\xda") : -2]
    many = whole[:-2] + last * 200 + whole[-2:]
    first = many.index(b"\xff\xda")
    for content in (many, many[:first] + b"rubbish" + many[first:]):
        with pytest.raises(ImageError, match="has more than 100 scans, as no picture needs"):
            read_image(content)
    film = b"\xff\xda\x00\x02" * 1000  # as telephones put one behind a picture, or a small picture before it
    assert read_image(whole + film).size == (64, 64)
    told = b"\xff\xe5" + struct.pack(">H", 2 + len(film)) + film
    assert read_image(whole[:2] + told + whole[2:]).size == (64, 64)
