"""Lightness and colour: between sRGB and CIE's L*a*b* (white D65), for tensors; L* of 0 to 100, a*, b* about ±110."""

from __future__ import annotations

import torch

from hubel.data.colours.white import GREY, HALVINGS, SLOPE, SMALL, TO_XYZ, WHITE
from hubel.data.feed.device import constant

# the light of levels -0.5 and 255.5, between which a level is one of a screen's when it is rounded
_DARKEST, _BRIGHTEST = -0.5 / 255 / 12.92, ((255.5 / 255 + 0.055) / 1.055) ** 2.4
_FROM_XYZ = tuple(map(tuple, torch.linalg.inv(torch.tensor(TO_XYZ, dtype=torch.float64)).tolist()))


def _linear(levels: torch.Tensor) -> torch.Tensor:
    """Light, 0 to 1, of sRGB's levels 0 to 255."""
    share = levels / 255
    return torch.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055).clamp_min(0) ** 2.4)


def _levels(light: torch.Tensor) -> torch.Tensor:
    """Levels 0 to 255 of sRGB, of light, which may lie outside of 0 to 1."""
    share = torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp_min(1e-9) ** (1 / 2.4) - 0.055)
    return 255 * share


def _root(share: torch.Tensor) -> torch.Tensor:
    return torch.where(share > SMALL, share.clamp_min(SMALL) ** (1 / 3), SLOPE * share + 4 / 29)


def _power(root: torch.Tensor) -> torch.Tensor:
    return torch.where(root > 6 / 29, root**3, (root - 4 / 29) / SLOPE)


def lightness(grey: torch.Tensor) -> torch.Tensor:
    """L* of grey levels 0 to 255."""
    return 116 * _root(_linear(grey.float())) - 16


def greyed(pictures: torch.Tensor) -> torch.Tensor:
    """Grey levels uint8 N×H×W of pictures uint8 N×H×W×3 (ITU-R 601)."""
    parts = constant(GREY, pictures.device, torch.int32)
    return (((pictures.int() * parts).sum(3) + 0x8000) >> 16).to(torch.uint8)


def colours_of(pictures: torch.Tensor) -> torch.Tensor:
    """a* and b*, float32 N×2×H×W, of pictures uint8 N×H×W×3."""
    light = _linear(pictures.permute(0, 3, 1, 2).float())
    to_xyz = constant(TO_XYZ, light.device) / constant(WHITE, light.device)[:, None]
    x, y, z = (_root((light * row[:, None, None]).sum(1)) for row in to_xyz)
    return torch.stack([500 * (x - y), 200 * (y - z)], 1)


def _screen(light: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Light N×3×H×W, 0 to 1, of L* N×H×W and colours N×2×H×W; outside of it for what no screen shows."""
    y = (light + 16) / 116
    xyz = torch.stack([y + colours[:, 0] / 500, y, y - colours[:, 1] / 200], 1)
    white = constant(WHITE, light.device)[:, None, None]
    back = constant(_FROM_XYZ, light.device)
    return torch.einsum("ij,njhw->nihw", back, _power(xyz) * white)


def coloured(grey: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Pictures uint8 N×H×W×3 of grey levels uint8 N×H×W and colours N×2×H×W: as light as the grey ones everywhere, so
    that all detail stays; colours that a screen does not have at that lightness are made paler until it has them.
    """
    light = lightness(grey)
    share = torch.zeros_like(light)
    for step in range(HALVINGS + 1):  # the whole colour, and then halves, quarters, … on top of what a screen has
        more = (share + 2.0**-step).clamp_max(1)
        found = _screen(light, colours * more[:, None])
        fits = ((found > _DARKEST) & (found < _BRIGHTEST)).all(1)
        share = torch.where(fits, more, share)
    levels = _levels(_screen(light, colours * share[:, None])).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1)


def colourfulness(pictures: torch.Tensor) -> torch.Tensor:
    """How colourful pictures uint8 N×H×W×3 look, N: 0 of grey ones, some 15 of pale, 60 and more of vivid ones (Hasler,
    Süsstrunk 2003).
    """
    red, green, blue = pictures.float().flatten(1, 2).unbind(2)
    one, other = red - green, (red + green) / 2 - blue
    spread = (one.var(1, correction=0) + other.var(1, correction=0)).sqrt()
    return spread + 0.3 * (one.mean(1).square() + other.mean(1).square()).sqrt()
