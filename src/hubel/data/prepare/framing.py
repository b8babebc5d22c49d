"""From any picture of a drawing to the way the training images show theirs: LeCun's procedure for MNIST, in general.

"The original black and white images were size normalized to fit in a 20×20 pixel box while preserving their aspect
ratio … the images were centered in a 28×28 image by computing the center of mass of the pixels" (the MNIST page). A
network trained on such images expects every image that way: ink bright on a dark ground, in a box of one size,
centred. Here this is done for drawings of any size, colour and polarity.
"""

from __future__ import annotations

import dataclasses
import math
from numbers import Integral
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from hubel.base.errors import SettingError

Grey = npt.NDArray[np.uint8]
INK = 25  # a tenth of full ink: fainter pixels do not count for the box
_LARGE = 1024  # long side above which an image is averaged down before anything else
_WORKING = 112  # long side, in pixels, on which large drawings are worked


@dataclasses.dataclass(frozen=True)
class Frame:
    """How images of drawn things are framed.

    box: the ink's longer side, in pixels, after scaling.
    centre: what lies in the middle of the image: the ink's centre of "mass", or the middle of its "box".
    """

    box: int
    centre: Literal["mass", "box"] = "mass"

    def __post_init__(self) -> None:
        if not isinstance(self.box, Integral) or self.box < 1 or self.centre not in ("mass", "box"):
            raise SettingError(f"expected a box of at least 1 and centre 'mass' or 'box', received {self}")


def ink_of(image: Image.Image) -> Grey:
    """How much of the drawing's ink is at each pixel: 0 the ground, 255 full ink; uint8, H×W, of images longer than
    1,024 pixels at a fraction of their size.

    The ground is what the border shows (a plane through it, so that even light from one side does no harm), and ink is
    what differs from it, in whichever colour and direction. So dark on light, light on dark and red on green come out
    alike. A transparent ground counts as white behind dark ink and as black behind light ink.
    """
    image = opaque(image).convert("RGB")
    if max(image.size) > _LARGE:
        image = image.reduce(-(-max(image.size) // _LARGE))
    pixels = np.asarray(image)
    planes, noise = _ground(pixels)
    height, width = pixels.shape[:2]
    rows, columns = np.arange(height)[:, np.newaxis] / height, np.arange(width) / width
    ink = np.zeros((height, width), np.float32)
    for channel, (level, down, along) in enumerate(planes):
        ground = (level + down * rows).astype(np.float32), (along * columns).astype(np.float32)
        np.maximum(ink, np.abs(pixels[..., channel] - ground[0] - ground[1]), out=ink)
    ink = np.clip(ink - np.float32(noise), 0.0, 255.0)
    if _is_faint(ink):  # what is strong enough stays as it is, to the bit
        return stretched(ink)
    as_it_is: Grey = np.rint(ink).astype(np.uint8)
    return as_it_is


def _is_faint(ink: npt.NDArray[np.floating]) -> bool:
    """Whether the 99.5th percentile is below 80, sorting only where a count does not tell."""
    strong = np.count_nonzero(ink >= 80)
    if strong >= ink.size - math.floor(0.995 * (ink.size - 1)):
        return False
    return strong == 0 or float(np.percentile(ink, 99.5)) < 80


def ink_as_drawn(image: Image.Image) -> Grey:
    """The ink of an image that may well be one of the training images: a grey one is taken as it is, to the bit, or
    inverted where its border is plainly white.
    """
    pixels = np.asarray(opaque(image).convert("RGB"))
    if pixels.size and (pixels == pixels[..., :1]).all():
        grey: Grey = pixels[..., 0]
        return 255 - grey if (grey[border(grey)] >= 239).mean() > 0.75 else grey
    return ink_of(image)


def opaque(image: Image.Image) -> Image.Image:
    """The image without transparency: light things are put on black, others on white."""
    if image.mode not in ("LA", "RGBA"):
        return image
    alpha = image.getchannel("A")
    box = alpha.getbbox()
    colours = image.convert("RGB")
    if box is None:
        return Image.new("RGB", image.size)
    weights = np.asarray(alpha, dtype=np.float64)
    lightness = float((np.asarray(colours.convert("L")) * weights).sum() / weights.sum())
    canvas = Image.new("RGB", image.size, "black" if lightness >= 128 else "white")
    canvas.paste(colours, mask=alpha)
    return canvas


def card_of(image: Image.Image) -> Image.Image:
    """Of an opaque card on an empty canvas the card, which is what was drawn on; any other image as it is."""
    if image.mode not in ("LA", "RGBA"):
        return image
    alpha = image.getchannel("A")
    box = alpha.getbbox()
    if box is None or (np.asarray(alpha.crop(box)) == 255).mean() <= 0.95:
        return image
    return image.convert("RGB").crop(box)


def stretched(ink: npt.NDArray[np.floating]) -> Grey:
    """Ink as uint8, with most of its strokes at 255."""
    strong = ink[ink > ink.max() / 2]
    level = float(np.percentile(strong, 80)) if strong.size else 0.0
    full: Grey = np.rint(np.minimum(ink * (255.0 / level), 255.0) if level > 8 else ink).astype(np.uint8)
    return full


def is_framed(ink: Grey, frame: Frame) -> bool:
    """Whether an image of ink already is as `frame` wants it, to about a pixel. Where the frame is the whole image
    there is nothing to tell by.
    """
    box = ink_box(ink)
    if box is None or frame.box >= max(ink.shape) - 1:
        return True
    top, left, bottom, right = box
    if abs(max(bottom - top, right - left) - frame.box) > 1:
        return False
    row, column = _centre(ink, frame.centre)
    return bool(abs(row - ink.shape[0] / 2) <= 1.0 and abs(column - ink.shape[1] / 2) <= 1.0)


def framed(ink: Grey, frame: Frame, height: int, width: int) -> Grey:
    """The ink scaled so that its longer side is `frame.box`, centred on a ground of 0; uint8, height×width."""
    result = np.zeros((height, width), np.uint8)
    box = ink_box(ink)
    if box is None:
        return result
    top, left, bottom, right = box
    drawing = _reduced(ink[top:bottom, left:right])
    rows, columns = drawing.shape
    scale = frame.box / max(rows, columns)
    image = Image.fromarray(drawing)
    if _thickness(drawing) * scale < 1.5:  # a hair at the network's size: make it a pen stroke first
        margin = math.ceil(1.0 / scale)
        padded = Image.new("L", (columns + 2 * margin, rows + 2 * margin))
        padded.paste(image, (margin, margin))
        blurred = stretched(np.asarray(padded.filter(ImageFilter.GaussianBlur(0.5 / scale)), dtype=np.float64))
        edge = ink_box(blurred)
        if edge is not None:
            image = Image.fromarray(blurred[edge[0] : edge[2], edge[1] : edge[3]])
            scale = frame.box / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = stretched(np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float64))
    row, column = _centre(small, frame.centre)
    # the centre falls into the pixel that holds the middle of the image, as it does in MNIST
    _paste(result, small, round(height / 2 - row), round(width / 2 - column))
    return result


def ink_box(ink: Grey) -> tuple[int, int, int, int] | None:
    """Top, left, bottom, right of the ink (the last two exclusive); None without ink."""
    there = ink > INK
    rows, columns = np.flatnonzero(there.any(axis=1)), np.flatnonzero(there.any(axis=0))
    if not rows.size:
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _centre(ink: Grey, rule: str) -> tuple[float, float]:
    # in pixel indices for the mass (as LeCun's centre 14 of 28 is), in edges for the box
    if rule == "box":
        box = ink_box(ink) or (0, 0, *ink.shape)
        return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    mass = ink.astype(np.float64)
    total = mass.sum() or 1.0
    return (
        float(mass.sum(axis=1) @ np.arange(ink.shape[0]) / total),
        float(mass.sum(axis=0) @ np.arange(ink.shape[1]) / total),
    )


def border(pixels: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    """Which pixels of an H×W… image are its border: the outer twentieth, at least one pixel."""
    height, width = pixels.shape[:2]
    edge = max(1, min(height, width) // 20)
    ring = np.ones((height, width), bool)
    ring[edge : height - edge, edge : width - edge] = False
    return ring


def _ground(pixels: Grey) -> tuple[npt.NDArray[np.floating], float]:
    """The ground of each channel, as the three numbers of a plane (its level, how much it rises from the first row to
    beyond the last, and along the columns), and how far from it a pixel may be without being ink.
    """
    ring = border(pixels)
    levels = np.ascontiguousarray(pixels[ring].T)
    middle = np.median(levels, axis=1)
    values = levels.astype(np.float64)
    distance = np.maximum.reduce(np.abs(values - middle[:, np.newaxis]))
    near = distance < 64
    if not near.any() or (distance <= 1).mean() > 0.75:
        return np.stack([middle, np.zeros(3), np.zeros(3)], axis=1), 0.0
    rows, columns = np.nonzero(ring)
    places = np.stack([np.ones(rows.size), rows / pixels.shape[0], columns / pixels.shape[1]])[:, near]
    values = values[:, near]
    # least squares by the normal equations; of one row or column alone the plane is the flattest
    planes = np.linalg.lstsq(places @ places.T, places @ values.T, rcond=None)[0].T
    noise = 3.0 * float(np.abs(values - planes @ places).mean())
    return planes, min(noise + 2.0, 64.0)


def _reduced(ink: Grey) -> Grey:
    """A large drawing brought to about `_WORKING` pixels by the maximum of each block, which keeps thin lines."""
    factor = max(ink.shape) // _WORKING
    if factor < 2:
        return ink
    rows, columns = (-(-side // factor) for side in ink.shape)
    whole = np.zeros((rows * factor, columns * factor), np.uint8)
    whole[: ink.shape[0], : ink.shape[1]] = ink
    blocks: Grey = whole.reshape(rows, factor, columns, factor).max(axis=(1, 3))
    return blocks


def _thickness(ink: Grey) -> float:
    """The strokes' mean thickness in pixels: twice the area over the outline's length."""
    there = np.pad(ink > 127, 1) if (ink > 127).any() else np.pad(ink > INK, 1)
    crossings = np.count_nonzero(there[1:] != there[:-1]) + np.count_nonzero(there[:, 1:] != there[:, :-1])
    return float(2.0 * np.count_nonzero(there) / (math.pi / 4 * crossings))


def _paste(canvas: Grey, patch: Grey, top: int, left: int) -> None:
    first_row, first_column = max(0, -top), max(0, -left)
    rows = min(patch.shape[0], canvas.shape[0] - top) - first_row
    columns = min(patch.shape[1], canvas.shape[1] - left) - first_column
    if rows > 0 and columns > 0:
        canvas[top + first_row :, left + first_column :][:rows, :columns] = patch[first_row:, first_column:][
            :rows, :columns
        ]
