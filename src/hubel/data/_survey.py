"""What a sample of a set's files tells before any is decoded: sizes, colour, depth; and what follows from it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from hubel.base.errors import DataError
from hubel.data._dataset import Fit
from hubel.data.decode import sound
from hubel.data.decode.deep import is_deep_colour, is_misread
from hubel.data.decode.image import MAX_PIXELS, QUIET, deep_values, formats_of, is_deep
from hubel.data.decode.levels import Levels, usual_levels, words_of_levels
from hubel.data.decode.tiff import tiff_header
from hubel.data.prepare.preprocessing import cut_away
from hubel.data.sources.listing import Item

FitRule = Fit | Literal["auto"]

_USUAL_SIDE = 224  # for photographs of several sizes, as ImageNet's networks take them
_LARGEST_OWN = 256  # longer side up to which images of one size keep it
_HEADERS, _DEEP = 64, 256  # files looked at to tell size and colour, and values
_LONG = 2.0  # longer side over shorter from which a picture is not made square
_CUT = 0.5  # share of a picture that cropping may cut away, in nine pictures of ten
_GROWN = 3.0  # times larger on each side from which it is said
_LONGEST = 512  # steps of a sound's picture, where nothing is said
_SOUND = "sound"  # in the place of a mode
_SMALL = 6  # times smaller, on a side of less than 64 pixels, from which more is said


class _Header(NamedTuple):
    """size: height and width. deep: whether colour has more than eight bits. several: whether frames follow."""

    size: tuple[int, int]
    mode: str
    deep: bool = False
    several: bool = False


@dataclasses.dataclass(frozen=True)
class Survey:
    """sizes: (height, width) of each image looked at. grey: whether all are. levels: of pixels of more than eight bits,
    None where all have eight. sounds: whether they are the spectrograms of sounds. several, transparent, unnumbered:
    how many have more frames or pages than one, may be transparent, hold values that are no numbers.
    """

    sizes: tuple[tuple[int, int], ...]
    grey: bool
    levels: Levels | None
    sounds: bool = False
    several: int = 0
    transparent: int = 0
    unnumbered: int = 0

    def usual_size(self) -> tuple[int, int]:
        """The images' own size where they have one of up to 256, else a square of up to 224, or a rectangle for images
        that are at least twice as long as they are wide.
        """
        if self.sounds:
            return sound.BANDS, self._usual_steps()
        if len(set(self.sizes)) == 1 and max(self.sizes[0]) <= _LARGEST_OWN:
            return self.sizes[0]
        shorter = sorted(min(size) for size in self.sizes) or [_USUAL_SIDE]
        side = min(_USUAL_SIDE, max(32, shorter[len(shorter) // 2] // 16 * 16))
        shape = self._usual_shape()
        longer = min(4 * _USUAL_SIDE, round(side * max(shape, 1 / shape) / 16) * 16)
        if max(shape, 1 / shape) < _LONG:
            return side, side
        return (side, longer) if shape > 1 else (longer, side)

    def choose(self, fit: FitRule, shape: tuple[int, int, int]) -> Fit:
        """How images meet this shape: cropped, unless that cuts more than half of more than a tenth of them away."""
        if self.sounds:
            return "time"
        if fit != "auto":
            return fit
        much = sum(cut_away(size, shape) > _CUT for size in self.sizes)
        return "pad" if 10 * much > len(self.sizes) else "crop"

    def notes(self, fit: Fit, shape: tuple[int, int, int]) -> list[str]:
        """What is to be said of bringing the images to this shape."""
        height, width, channels = shape
        told = []
        if self.sounds and width == 1:
            length = f"{height / sound.RATE:.2f} s"
            return [
                f"sounds are heard as waveforms of {height:,} samples, {sound.RATE:,} a second: {length}, the middle "
                "of longer ones, silence around shorter ones"
            ]
        if self.sounds:
            length = f"{width * sound.HOP / sound.RATE:.2f} s"
            return [
                f"sounds are seen as spectrograms of {height} bands and {width} steps: {length}, the middle of longer "
                "ones, silence around shorter ones"
            ]
        if self.levels is not None:
            told.append(f"pixels of more than eight bits: {words_of_levels(self.levels)} become black to white")
        told += self._read_as()
        if self.sizes and set(self.sizes) != {(height, width)}:
            usual = sorted(self.sizes, key=lambda size: size[0] * size[1])[len(self.sizes) // 2]
            cut = round(float(np.median([cut_away(size, shape) for size in self.sizes])), 2)
            grown = min(height / usual[0], width / usual[1])
            how = {
                "crop": f"cropped to the middle, {cut:.0%} is cut away (--fit pad keeps all)" if cut else "whole",
                "pad": f"padded, since cropping would cut {cut:.0%} away" if cut > _CUT else "padded",
                "stretch": "stretched",
            }[fit]
            told.append(f"pictures of about {usual[0]}×{usual[1]} become {height}×{width}: {how}")
            if grown >= _GROWN:
                told[-1] += f"; enlarged {grown:.1f} times a side, which costs time and shows nothing more"
            if min(height, width) < 64 and min(usual[0] / height, usual[1] / width) > _SMALL:
                larger = f"{4 * height}x{4 * width}x{1 if self.grey else 3}"
                told[-1] += f"; few details are left of them, --input {larger} keeps more"
        if channels == 1 and not self.grey and self.sizes:
            told.append(f"colour becomes grey, as the network takes it; --input {height}x{width}x3 keeps it")
        return told

    def _read_as(self) -> list[str]:
        """What is to be said of what files hold besides a picture's pixels."""
        looked = f"of the {len(self.sizes):,} looked at"
        told = [f"{self.several:,} {looked} hold several frames or pages, of which the first is taken"]
        ground = "a transparent ground counts as white behind dark things, as black behind light ones"
        told.append(f"{self.transparent:,} {looked} may be transparent: {ground}")
        told.append(f"{self.unnumbered:,} {looked} hold values that are no numbers (NaN), which become black")
        counts = self.several, self.transparent, self.unnumbered
        return [words for words, count in zip(told, counts, strict=True) if count]

    def _usual_steps(self) -> int:
        """Steps that nine sounds of ten do not exceed, a multiple of 16 up to 512."""
        lengths = sorted(width for _, width in self.sizes)
        return min(_LONGEST, -(-lengths[9 * len(lengths) // 10] // 16) * 16)

    def _usual_shape(self) -> float:
        """Width over height that all images have to within a fifth; 1 where they differ."""
        shapes = [width / height for height, width in self.sizes]
        usual = float(np.median(shapes)) if shapes else 1.0
        return usual if all(0.8 < shape / usual < 1.25 for shape in shapes) else 1.0


def survey(items: Sequence[Item]) -> Survey:
    """Looks at up to 64 of these images' headers, and where pixels have more than eight bits at the values of up to 256
    images. Unreadable ones are passed over.
    """
    headers = [seen for seen in map(_header, _spread(items, _HEADERS)) if seen is not None]
    levels, unnumbered = None, 0
    if any(is_deep(seen.mode) or seen.deep for seen in headers):
        finite: list[bool] = []
        levels = usual_levels(_deep_values(_spread(items, _DEEP), finite))
        unnumbered = finite.count(False)
    grey = bool(headers) and all(seen.mode in ("1", "L", "LA") or is_deep(seen.mode) for seen in headers)
    sounds = {seen.mode == _SOUND for seen in headers}
    if len(sounds) > 1:
        raise DataError("expected images or sounds, received both; put them into folders of their own")
    return Survey(
        tuple(seen.size for seen in headers),
        grey or sounds == {True},
        levels,
        sounds == {True},
        sum(seen.several for seen in headers),
        sum(seen.mode in ("RGBA", "LA", "PA", "La", "RGBa") for seen in headers),
        unnumbered,
    )


def _deep_values(items: Sequence[Item], finite: list[bool]) -> Iterator[npt.NDArray[np.generic]]:
    """The values of those images that have more than eight bits; and whether all of each are numbers."""
    for item in items:
        values = deep_values(_content(item))
        if values is not None:
            finite.append(values.dtype.kind != "f" or bool(np.isfinite(values).all()))
            yield values


def _spread(items: Sequence[Item], most: int) -> Sequence[Item]:
    return items[:: max(1, len(items) // most)]


def _content(item: Item) -> bytes:
    try:
        return item.read()
    except ValueError:
        return b""


def _header(item: Item) -> _Header | None:
    try:
        content = item.read()
        if sound.is_sound(content):
            return _Header(sound.size_of(content), _SOUND)
        with QUIET, Image.open(io.BytesIO(content), formats=formats_of(content, item.name)) as image:
            if is_misread(image):
                raise UnidentifiedImageError
            if image.width * image.height > MAX_PIXELS:
                return None
            deep = is_deep_colour(image)  # before EXIF, for which a PNG is read
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            size = image.size if turned else image.size[::-1]
            mode = "PA" if image.mode == "P" and "transparency" in image.info else image.mode
            return _Header(size, mode, deep, image.format != "MPO" and _has_more(image))
    except UnidentifiedImageError:
        return header_of_tiff(content)
    except Exception:  # it is read again, in full and with its reason, when it is decoded
        return None


def _has_more(image: Image.Image) -> bool:
    try:
        image.seek(1)
    except (EOFError, ValueError, OSError, SyntaxError):
        return False
    return True


def header_of_tiff(content: bytes) -> _Header | None:
    """Of a TIFF that Pillow cannot read: its size, whether it is grey, and that it is deep."""
    header = tiff_header(content)
    if header is None:
        return None
    size = (header[257], header[256])
    turned = header.get(0x0112, 1) in (5, 6, 7, 8)
    return _Header(size[::-1] if turned else size, "F" if header.get(277, 1) == 1 else "RGB", True)
