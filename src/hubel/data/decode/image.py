"""Reading one image file from anywhere: whole, upright, eight bits a channel, or refused with a reason."""

from __future__ import annotations

import io
import os
import threading
import warnings
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from hubel.base.errors import FileError, LimitError
from hubel.base.files import read_bytes
from hubel.base.forks import fresh_in_child
from hubel.data.decode import sound
from hubel.data.decode.deep import deep_colour, eight_bit_colour, is_deep_colour, is_misread
from hubel.data.decode.jpeg import scans_of
from hubel.data.decode.levels import Levels, in_strips, scaled, strips, usual_levels
from hubel.data.decode.tiff import tiff_header, tiff_values

# naming the plug-ins loads them, and spares loading Pillow's forty others
_READERS = {
    "JPEG": JpegImagePlugin,
    "PNG": PngImagePlugin,
    "GIF": GifImagePlugin,
    "BMP": BmpImagePlugin,
    "WEBP": WebPImagePlugin,
    "TIFF": TiffImagePlugin,
    "PPM": PpmImagePlugin,
}
FORMATS = tuple(_READERS)
_SUFFIXES = ".jpg .jpeg .jpe .jfif .png .gif .bmp .tif .tiff .webp .ppm .pgm .pbm .pnm .avif .heic .heif .hif"
_MOST_THERE = 1000  # files of a folder, named in the place of a picture, among which one is looked for
SUFFIXES = frozenset((*_SUFFIXES.split(), *sound.SUFFIXES))
_OTHERS = ".jp2 .j2k .jxl .psd .svg .ico .tga .exr .hdr .dcm .nii .cr2 .cr3 .nef .arw .dng .orf .raf .rw2 .raw .czi"
T = TypeVar("T")
UNREAD_SUFFIXES = frozenset(_OTHERS.split())  # of images that are of no use here, which is said
_AVIF, _HEIC = (b"avif", b"avis"), (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_TURNED = 0x0112  # EXIF's orientation
MAX_PIXELS = 89_478_485  # Pillow's own limit: 256 MiB at three bytes a pixel
_MOST_SCANS = 100  # of a progressive JPEG: each may go over all of its pixels, and be a few bytes long


class ImageError(FileError, ValueError):
    """A file that cannot be used as an image: `path` says which, `reason` says why."""

    def __init__(self, path: str, reason: str) -> None:
        reason = reason.removeprefix(f"{path}: ")  # of an error that names it too
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class _Quiet:
    """Silences Pillow's warnings of odd metadata and sizes: what matters is judged by `decode_image`.

    Filters of warnings belong to the whole process, and `warnings.catch_warnings` leaves them wrong where threads
    overlap; here the first thread in changes them and the last one out restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        fresh_in_child(self._lock)
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._filters.__exit__(None, None, None)


QUIET = _Quiet()


def read_image(
    source: str | os.PathLike[str] | bytes,
    *,
    at_least: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    levels: Levels | None = None,
    name: str | None = None,
) -> Image.Image:
    """The image in a file (a path, or the file's bytes) as mode L, LA, RGB or RGBA, decoded in full.

    It is turned as its EXIF orientation says; CMYK, palette, 16-bit and floating-point images are brought to eight
    bits with their range kept; of several frames the first is read. A JPEG much larger than `at_least` (height,
    width) is decoded at a half, a quarter or an eighth of its size, never below twice `at_least`: for what is only
    looked at or compared, since its pixels are then others, and a network's answers with them.
    `levels` are the values that become black and white in pixels of more than eight bits, grey or in colour; where they
    are not given, see `eight_bits`. `name` is what errors call the image; a path is its own name.

    A sound becomes the picture of its spectrogram (see `hubel.data.decode.sound`). AVIF is read where Pillow can, HEIC
    where pillow-heif is installed.

    Raises ImageError, naming the file, where it is missing, not an image, of a format not in `FORMATS`, truncated or
    damaged, or of more than `max_pixels` pixels (known from the header, before any memory is spent on them).
    """
    if isinstance(source, bytes):
        place, content = name or "image", source
    else:
        place = name or os.fspath(source)
        try:
            content = read_bytes(source, "encoded")
        except LimitError as error:
            raise ImageError(place, str(error)) from None
        except OSError as error:
            if os.path.isdir(source):
                raise ImageError(place, "is a folder, expected a picture's file" + _one_of(os.fspath(source))) from None
            raise ImageError(place, f"cannot be opened ({error.strerror or error})") from None
    with QUIET:
        return decode_image(content, place, at_least=at_least, max_pixels=max_pixels, levels=levels)


def _one_of(folder: str) -> str:
    """Words that name a file of a folder by which one could be meant; none where no file there is called a picture."""
    with os.scandir(folder) as there:
        found = sorted(each.name for each in islice(there, _MOST_THERE) if each.name.lower().endswith(tuple(SUFFIXES)))
    return f", such as {os.path.join(folder, found[0])}" if found else ""


def decode_image(
    content: bytes,
    place: str,
    *,
    at_least: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
    levels: Levels | None = None,
) -> Image.Image:
    """What `read_image` does with a file's bytes, less the silencing of warnings, which is not a thread's own."""
    if not content:
        raise ImageError(place, "the file is empty")
    if sound.is_sound(content):
        try:
            return sound.picture(content)
        except ValueError as error:
            raise ImageError(place, str(error)) from None
    try:
        with Image.open(io.BytesIO(content), formats=formats_of(content, place)) as image:
            if image.width * image.height > max_pixels:
                raise ImageError(
                    place,
                    f"has {image.width}×{image.height} = {image.width * image.height:,} pixels, expected at most "
                    f"{max_pixels:,}; make it smaller",
                )
            if image.format in ("JPEG", "MPO") and scans_of(content, _MOST_SCANS) > _MOST_SCANS:
                raise ImageError(place, f"has more than {_MOST_SCANS} scans, as no picture needs; write it anew")
            if is_misread(image):
                raise UnidentifiedImageError
            if is_deep_colour(image):
                picture = eight_bit_colour(deep_colour(content, (str(image.format),)), levels)
                picture.getexif().update({_TURNED: image.getexif().get(_TURNED, 1)})
                return upright(picture)
            if at_least is not None:
                image.draft(None, (2 * at_least[1], 2 * at_least[0]))
            image.load()
            _refuse_many_bands(image, place)
            return eight_bits(upright(image), levels)
    except ImageError:
        raise
    except UnidentifiedImageError:
        own = _own_tiff(content, place, max_pixels, levels)
        if own is None:
            is_sound = place.lower().endswith(sound.SUFFIXES)
            raise ImageError(
                place, "is not a sound, whatever its name says" if is_sound else _what_else(content)
            ) from None
        return own
    except Image.DecompressionBombError:
        raise ImageError(place, f"has far more than {max_pixels:,} pixels; make it smaller") from None
    except Exception as error:  # decoders of damaged files raise nearly every kind of error
        raise ImageError(place, f"cannot be decoded ({str(error) or type(error).__name__})") from None


def _own_tiff(content: bytes, place: str, max_pixels: int, levels: Levels | None) -> Image.Image | None:
    """A TIFF that Pillow cannot read, where it can be read here."""
    try:
        values = tiff_values(content, max_pixels)
    except (ValueError, TypeError, KeyError) as error:
        raise ImageError(place, f"cannot be decoded ({error})") from None
    if values is None:
        return None
    if values.shape[2] not in (1, 3):
        raise ImageError(place, _too_many(values.shape[2]))
    bits = 8 * values.dtype.itemsize - (values.dtype.kind == "i")
    whole = (0.0, 2.0**bits - 1) if values.dtype.kind in "iu" else None
    chosen = levels or whole or usual_levels([values]) or (0.0, 1.0)
    picture = Image.fromarray(scaled(values[..., 0] if values.shape[2] == 1 else values, chosen))
    picture.getexif().update({_TURNED: tiff_header(content).get(_TURNED, 1)})
    return upright(picture)


def _too_many(bands: int) -> str:
    return f"has {bands} bands, expected 1, 3, or 4 with transparency; an .npy or .npz of arrays may have up to 32"


def upright(image: Image.Image) -> Image.Image:
    """The image turned as its EXIF orientation says."""
    try:
        is_turned = image.getexif().get(0x0112, 1) != 1  # which is written out where this function is
        return ImageOps.exif_transpose(image) if is_turned else image
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image


def or_error(read: Callable[[Any], T], image: Any, skip: bool) -> T | ImageError:
    """What reading an image gives; where it cannot be read and is to be skipped, why."""
    try:
        return read(image)
    except ImageError as error:
        if skip:
            return error
        raise


def opened(source: str | os.PathLike[str] | bytes) -> Image.Image:
    """An image file (a path, or its bytes), opened as what its first bytes say; its pixels are not read."""
    if isinstance(source, bytes):
        return Image.open(io.BytesIO(source), formats=formats_of(source[:32], "image"))
    with open(source, "rb") as file:
        kinds = formats_of(file.read(32), os.fspath(source))
    return Image.open(source, formats=kinds)


def size_in(source: str | os.PathLike[str] | bytes) -> tuple[int, int]:
    """The height and width of an image file (a path, or its bytes), as people see it. Raises ImageError where it
    cannot be read.
    """
    try:
        with opened(source) as picture:
            turned = picture.getexif().get(_TURNED, 1) in (5, 6, 7, 8)
            width, height = picture.size[::-1] if turned else picture.size
            return height, width
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        place = "image" if isinstance(source, bytes) else os.fspath(source)
        raise ImageError(place, f"cannot be read ({error})") from None


def formats_of(content: bytes, place: str) -> tuple[str, ...]:
    """The formats that these bytes may be of, their readers loaded. Raises ImageError where one is not installed."""
    kind = content[8:12] if content[4:8] == b"ftyp" else b""
    if kind in _AVIF:
        from PIL import AvifImagePlugin

        if not AvifImagePlugin.SUPPORTED:
            raise ImageError(place, "is AVIF, which this Pillow was built without")
        return ("AVIF",)
    if kind in _HEIC:
        try:
            import pillow_heif
        except ImportError:
            raise ImageError(
                place, "is HEIC, which needs pillow-heif; install it with: pip install 'hubel[heic]'"
            ) from None
        pillow_heif.register_heif_opener()
        return ("HEIF",)
    return FORMATS


def deep_values(content: bytes) -> npt.NDArray[np.generic] | None:
    """The values of an image of more than eight bits, H×W or H×W×3; None for other images, too large and damaged ones
    too.
    """
    try:
        with QUIET, Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if is_misread(image):
                raise UnidentifiedImageError
            if image.width * image.height > MAX_PIXELS:
                return None
            if is_deep_colour(image):
                return deep_colour(content, FORMATS)[..., :3]
            return np.asarray(image) if is_deep(image.mode) else None
    except UnidentifiedImageError:
        return _deep_tiff(content)
    except Exception:  # it is read again, in full and with its reason, when it is decoded
        return None


def _deep_tiff(content: bytes) -> npt.NDArray[np.generic] | None:
    try:
        values = tiff_values(content, MAX_PIXELS)
    except Exception:  # as above
        return None
    return values if values is not None and values.dtype.itemsize > 1 and values.shape[2] in (1, 3) else None


def is_deep(mode: str) -> bool:
    """Whether pixels of this mode of Pillow's have more than eight bits."""
    return mode.startswith("I") or mode == "F"


def _refuse_many_bands(image: Image.Image, place: str) -> None:
    """Pillow leaves bands away that its modes have no place for."""
    bands = getattr(image, "tag_v2", {}).get(277, 1)
    if bands > len(image.getbands()):
        raise ImageError(
            place,
            _too_many(bands),
        )


def _what_else(content: bytes) -> str:
    if content[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        kind = _tiff_kind(content)
        return f"is a TIFF{kind} that cannot be read; save it uncompressed or by deflate, or as 8 or 16 bits"
    return f"is not an image in one of the formats {', '.join(FORMATS)}, AVIF, HEIC"


def _tiff_kind(content: bytes) -> str:
    """What a TIFF's header says of its pixels: bands, bits, kind; nothing where the header is damaged."""
    header = tiff_header(content)
    if header is None:
        return ""
    bits, number = header.get(258, (1,))[0], header.get(339, (1,))[0]
    kind = {2: "signed ", 3: "floating-point ", 5: "complex ", 6: "complex "}.get(number, "")
    return f" of {header.get(277, 1)} bands of {bits}-bit {kind}numbers"


def eight_bits(image: Image.Image, levels: Levels | None = None) -> Image.Image:
    """The image as mode L, LA, RGB or RGBA. Pixels of more than eight bits are scaled by the levels. Without any,
    16-bit grey is scaled by 1/257; floating point by 255 from 0 to 1, or by its own range where it leaves that
    (infinities and NaN count as 0).
    """
    mode = image.mode
    if mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if is_deep(mode) and levels is not None:
        return Image.fromarray(scaled(np.asarray(image), levels))
    if is_deep(mode):
        return Image.fromarray(_grey_of_any_range(np.asarray(image), mode))
    if mode == "P" or mode == "PA":
        return image.convert("RGBA" if mode == "PA" or "transparency" in image.info else "RGB")
    if mode == "1":
        return image.convert("L")
    if mode in ("La", "RGBa"):
        return image.convert(mode.upper())
    return image.convert("RGB")


def _grey_of_any_range(
    values: np.ndarray[tuple[int, ...], np.dtype[np.generic]], mode: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    low = high = 0.0
    for number, rows in enumerate(strips(values)):
        finite = np.nan_to_num(values[rows], nan=0.0, posinf=0.0, neginf=0.0)
        least, most = float(finite.min()), float(finite.max())
        low, high = (min(low, least), max(high, most)) if number else (least, most)
    whole = 1.0 if mode == "F" else 65535.0
    if low < 0 or high > whole:
        whole = high - low or 1.0
    else:
        low = 0.0
    return in_strips(values, lambda numbers: np.rint((numbers - low) * (255.0 / whole)))
