"""Reading one image file from anywhere: whole, upright, eight bits a channel, or refused with a reason."""

from __future__ import annotations

import io
import os
import threading
import warnings
from pathlib import Path

import numpy as np
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

# naming the plug-ins loads them, and spares loading Pillow's forty others
from hubel.base.errors import FileError

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
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm")
)
MAX_PIXELS = 89_478_485  # Pillow's own limit: 256 MiB at three bytes a pixel


class ImageError(FileError, ValueError):
    """A file that cannot be used as an image: `path` says which, `reason` says why."""

    def __init__(self, path: str, reason: str) -> None:
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
    name: str | None = None,
) -> Image.Image:
    """The image in a file (a path, or the file's bytes) as mode L, LA, RGB or RGBA, decoded in full.

    It is turned as its EXIF orientation says; CMYK, palette, 16-bit and floating-point images are brought to eight
    bits with their range kept; of several frames the first is read. A JPEG much larger than `at_least` (height,
    width) is decoded at a half, a quarter or an eighth of its size, never below twice `at_least`.
    `name` is what errors call the image; a path is its own name.

    Raises ImageError, naming the file, where it is missing, not an image, of a format not in `FORMATS`, truncated or
    damaged, or of more than `max_pixels` pixels (known from the header, before any memory is spent on them).
    """
    if isinstance(source, bytes):
        place, content = name or "image", source
    else:
        place = name or os.fspath(source)
        try:
            content = Path(source).read_bytes()
        except OSError as error:
            raise ImageError(place, f"cannot be opened ({error.strerror or error})") from None
    with QUIET:
        return decode_image(content, place, at_least=at_least, max_pixels=max_pixels)


def decode_image(
    content: bytes, place: str, *, at_least: tuple[int, int] | None = None, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """What `read_image` does with a file's bytes, less the silencing of warnings, which is not a thread's own."""
    if not content:
        raise ImageError(place, "the file is empty")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise ImageError(
                    place,
                    f"has {image.width}×{image.height} = {image.width * image.height:,} pixels, expected at most "
                    f"{max_pixels:,}; make it smaller",
                )
            if at_least is not None:
                image.draft(None, (2 * at_least[1], 2 * at_least[0]))
            image.load()
            return eight_bits(_upright(image))
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(place, f"is not an image in one of the formats {', '.join(FORMATS)}") from None
    except Image.DecompressionBombError:
        raise ImageError(place, f"has far more than {max_pixels:,} pixels; make it smaller") from None
    except Exception as error:  # decoders of damaged files raise nearly every kind of error
        raise ImageError(place, f"cannot be decoded ({str(error) or type(error).__name__})") from None


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return image


def eight_bits(image: Image.Image) -> Image.Image:
    """The image as mode L, LA, RGB or RGBA. 16-bit grey is scaled by 1/257; floating point by 255 from 0 to 1, or by
    its own range where it leaves that (infinities and NaN count as 0).
    """
    mode = image.mode
    if mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if mode.startswith("I") or mode == "F":
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
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    whole = 1.0 if mode == "F" else 65535.0
    if low < 0 or high > whole:
        numbers, whole = numbers - low, high - low
    return np.rint(numbers * (255.0 / whole)).astype(np.uint8)
