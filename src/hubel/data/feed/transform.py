"""Changes to whole batches of images on their device, each told for every image by a random number of its own.

Images are uint8 B×H×W×C. Numbers are float32 tensors of B, uniform in [0, 1), on the images' device.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as functional

from hubel.data.feed.device import constant, sent


def uniform(number: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """The numbers spread from `low` to `high`."""
    return low + (high - low) * number


def flipped(images: torch.Tensor, number: torch.Tensor, axis: int = 2) -> torch.Tensor:
    """Every second image mirrored left to right (axis 2), or top to bottom (1)."""
    return torch.where((number < 0.5)[:, None, None, None], images.flip(axis), images)


def padded(images: torch.Tensor, most: int, fill: int | None) -> torch.Tensor:
    """Images with `most` more pixels on each side: of level `fill`, or mirrored where that is None."""
    if fill is not None:
        return functional.pad(images, (0, 0, most, most, most, most), value=fill)
    for axis in (1, 2):
        size = images.shape[axis]
        places = torch.arange(-most, size + most, device=images.device).abs()
        places = (size - 1) - ((size - 1) - places).abs()
        images = images.index_select(axis, places)
    return images


def windows(
    images: torch.Tensor, indices: torch.Tensor, down: torch.Tensor, right: torch.Tensor, most: int
) -> torch.Tensor:
    """From padded images those at `indices` (int64, B), each moved: its rows begin at `down`, its columns at `right`
    (int64, B, from 0 to 2·most; `most` is the image itself).
    """
    count, height, width, channels = images.shape
    steps = images.stride()
    # all windows of all images, without copying any; then one copy takes each image's own
    views = images.as_strided(
        (count, 2 * most + 1, 2 * most + 1, height - 2 * most, width - 2 * most, channels),
        (steps[0], steps[1], steps[2], *steps[1:]),
    )
    return views[indices, down, right]


def matrices(
    *, turn: torch.Tensor, shear: torch.Tensor, scale: torch.Tensor, move: torch.Tensor, aspect: float
) -> torch.Tensor:
    """Affine maps B×2×3 from places in the output (-1 to 1) to places in the input.

    turn in radians, shear B×2 (of x by y and of y by x), scale B×2 (x, y: 0.5 shows the middle half), move B×2 (x, y)
    in units of half the image. aspect: width over height, so that turning does not distort.
    """
    cosine, sine = turn.cos(), turn.sin()
    first = torch.stack([cosine, -sine / aspect], 1) * scale
    second = torch.stack([sine * aspect, cosine], 1) * scale
    linear = torch.stack([first, second], 1)
    one = torch.ones_like(turn)
    sheared = torch.stack([torch.stack([one, shear[:, 0]], 1), torch.stack([shear[:, 1], one], 1)], 1)
    return torch.cat([linear @ sheared, move[:, :, None]], 2)


def whole_pixels(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Upright maps (see `matrices`) such that the edges of what is seen lie between pixels of images of this height and
    width.
    """
    sides = constant((size[1], size[0]), maps.device, maps.dtype)
    scale, move = maps[:, [0, 1], [0, 1]], maps[:, :, 2]
    low, high = (((move + sign * scale + 1) / 2 * sides).round() for sign in (-1, 1))
    high = torch.maximum(high, low + 1)
    return torch.cat([torch.diag_embed((high - low) / sides), ((high + low) / sides - 1)[:, :, None]], 2)


def parts(
    images: torch.Tensor,
    maps: torch.Tensor,
    mirrored: torch.Tensor,
    fill: int | None,
    mode: str,
    size: tuple[int, int],
) -> torch.Tensor:
    """What `warped` gives of images that are mirrored where `mirrored` (B×2, across and down) says so, of maps by
    `whole_pixels`, several times as quickly on a processor: of each image its part alone, in whole numbers.
    """
    count, height, width, channels = images.shape
    sides = torch.tensor([width, height])
    scale, move = maps[:, [0, 1], [0, 1]], maps[:, :, 2]
    left, top, right, bottom = (
        ((move + sign * scale + 1) / 2 * sides)[:, axis].round().long() for sign in (-1, 1) for axis in (0, 1)
    )
    across, down = mirrored.unbind(1)
    left, right = torch.where(across, width - right, left), torch.where(across, width - left, right)
    top, bottom = torch.where(down, height - bottom, top), torch.where(down, height - top, bottom)
    edges = torch.stack([left, top, right, bottom], 1).tolist()
    how: dict[str, Any] = {"mode": "nearest-exact"} if mode == "nearest" else {"mode": mode, "align_corners": False}
    found = images.new_empty(count, *size, channels)
    for image, (first, above, last, below), mirror, place in zip(images, edges, mirrored.tolist(), found, strict=True):
        part = _taken(_taken(image, 0, above, below, fill), 1, first, last, fill)
        if part.shape[:2] != size:
            part = functional.interpolate(part.permute(2, 0, 1)[None], size, **how)[0].permute(1, 2, 0)
        place.copy_(part.flip([axis for axis in (0, 1) if mirror[1 - axis]]) if any(mirror) else part)
    return found


def _taken(image: torch.Tensor, axis: int, low: int, high: int, fill: int | None) -> torch.Tensor:
    """From `low` to `high` along an axis of an image; what lies outside is `fill`, or the image mirrored."""
    side = image.shape[axis]
    if low >= 0 and high <= side:
        return image.narrow(axis, low, high - low)
    places = torch.arange(low, high)
    if fill is None:
        around = places.remainder(2 * side)
        return image.index_select(axis, torch.minimum(around, 2 * side - 1 - around))
    found = image.index_select(axis, places.clamp(0, side - 1))
    outside = (places < 0) | (places >= side)
    return found.index_fill_(axis, outside.nonzero()[:, 0], fill)


def warped(
    images: torch.Tensor,
    maps: torch.Tensor,
    fill: int | None,
    mode: str = "bilinear",
    size: tuple[int, int] | None = None,
) -> torch.Tensor:
    """Each image seen through its affine map, in its own size or another; outside it is `fill`, or the image mirrored
    where None.
    """
    count, channels = images.shape[0], images.shape[3]
    height, width = size or images.shape[1:3]
    ground = 0.0 if fill is None else float(fill)
    inputs = images.permute(0, 3, 1, 2).float() - ground
    grid = functional.affine_grid(maps, [count, channels, height, width], align_corners=False)
    padding = "reflection" if fill is None else "zeros"
    result = functional.grid_sample(inputs, grid, mode, padding, align_corners=False)
    return (result + ground).round_().clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def recoloured(
    images: torch.Tensor, brightness: torch.Tensor, contrast: torch.Tensor, saturation: torch.Tensor
) -> torch.Tensor:
    """Each image with brightness, contrast and saturation multiplied by its own factors (1 changes nothing)."""
    values = images.float()
    means = values.mean(dim=(1, 2, 3)) * brightness
    if images.shape[3] == 3:
        grey = values @ constant((0.299, 0.587, 0.114), images.device)
        values = torch.lerp(grey[..., None], values, saturation[:, None, None, None])
    factor = brightness * contrast
    values = values.mul_(factor[:, None, None, None]).add_((means - means * contrast)[:, None, None, None])
    return values.round_().clamp_(0, 255).to(torch.uint8)


def solarised(images: torch.Tensor, threshold: torch.Tensor) -> torch.Tensor:
    """Pixels of at least the image's threshold inverted (256 changes nothing)."""
    return torch.where(images >= threshold[:, None, None, None], 255 - images, images)


def posterised(images: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
    """Only the image's number of upper bits kept (8 changes nothing)."""
    mask = (256 - 2 ** (8 - bits)).to(torch.uint8)
    return images & mask[:, None, None, None]


def random_operation(
    images: torch.Tensor, choice: torch.Tensor, strength: torch.Tensor, magnitude: float, fill: int | None
) -> torch.Tensor:
    """One of thirteen changes for each image: nothing, turn, shear (x, y), move (x, y), enlarge, brightness, contrast,
    saturation, solarise, posterise, invert. Done to all images at once: an image for which a change was not chosen
    goes through it with the value that changes nothing, or is taken from before.
    """
    kind = (choice * 13).long()
    level = magnitude / 10
    signed = (2 * strength - 1).sign() * level

    def chosen(number: int, value: torch.Tensor, neutral: float) -> torch.Tensor:
        return torch.where(kind == number, value, torch.full_like(value, neutral))

    shear = torch.stack([chosen(2, 0.3 * signed, 0), chosen(3, 0.3 * signed, 0)], 1)
    move = torch.stack([chosen(4, 0.45 * signed, 0), chosen(5, 0.45 * signed, 0)], 1)
    zoom = chosen(6, 1 - 0.4 * level * strength, 1)
    maps = matrices(
        turn=chosen(1, math.radians(30) * signed, 0),
        shear=shear,
        scale=torch.stack([zoom, zoom], 1),
        move=move,
        aspect=images.shape[2] / images.shape[1],
    )
    moved = warped(images, maps, fill)
    images = torch.where(((kind >= 1) & (kind <= 6))[:, None, None, None], moved, images)
    factor = 1 + 0.9 * signed
    coloured = recoloured(images, chosen(7, factor, 1), chosen(8, factor, 1), chosen(9, factor, 1))
    images = torch.where(((kind >= 7) & (kind <= 9))[:, None, None, None], coloured, images)
    images = solarised(images, chosen(10, 256 - 255 * level * strength, 256) * (kind != 12))
    return posterised(images, chosen(11, torch.full_like(strength, 8 - round(4 * level)), 8).long())


def cut_out(images: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor, side: int, fill: int) -> torch.Tensor:
    """Each image with a square of `side` pixels, its centre anywhere, painted over (DeVries, Taylor 2017)."""
    _, height, width, _ = images.shape
    top = (rows * height).floor() - side // 2
    left = (columns * width).floor() - side // 2
    down = torch.arange(height, device=images.device)
    right = torch.arange(width, device=images.device)
    in_rows = (down >= top[:, None]) & (down < top[:, None] + side)
    in_columns = (right >= left[:, None]) & (right < left[:, None] + side)
    return images.masked_fill((in_rows[:, :, None] & in_columns[:, None, :])[..., None], fill)


def mixed(images: torch.Tensor, others: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Share · image + (1 - share) · other (Zhang et al. 2018), rounded to whole levels."""
    weight = share[:, None, None, None]
    return (images * weight + others * (1 - weight)).round_().to(torch.uint8)


def beta_quantiles(number: torch.Tensor, alpha: float) -> torch.Tensor:
    """The values of Beta(alpha, alpha) whose shares of the distribution are `number`."""
    # with x = sin²θ the density is (sin θ cos θ)^(2α-1) dθ, which a plain sum over θ integrates well for small α too
    angles = torch.linspace(0, math.pi / 2, 2049, dtype=torch.float64)
    middle = (angles[1:] + angles[:-1]) / 2
    mass = (middle.sin() * middle.cos()) ** (2 * alpha - 1)
    shares = torch.cat([torch.zeros(1, dtype=torch.float64), mass.cumsum(0) / mass.sum()]).float()
    values = (angles.sin() ** 2).float()
    shares, values = sent(shares, number.device), sent(values, number.device)
    above = torch.searchsorted(shares, number.contiguous()).clamp(1, len(shares) - 1)
    low, high = shares[above - 1], shares[above]
    part = (number - low) / (high - low).clamp_min(1e-12)
    return values[above - 1] + part * (values[above] - values[above - 1])
