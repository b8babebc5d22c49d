"""The kernels that everyone has a name for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hubel.base.errors import SettingError
from hubel.base.names import hint, shortened
from hubel.look.byhand.grids import Grid, Planes, read_planes


@dataclass(frozen=True, slots=True)
class Kernel:
    """A grid of weights with a name, and what it does to a picture."""

    name: str
    grid: Grid
    summary: str


def _kernel(name: str, text: str, summary: str) -> Kernel:
    return Kernel(name, read_planes(text)[0], summary)


KERNELS = {
    kernel.name: kernel
    for kernel in (
        _kernel("identity", "0 0 0 / 0 1 0 / 0 0 0", "the picture as it is"),
        _kernel("edge", "0 1 0 / 1 -4 1 / 0 1 0", "edge detection: the neighbours' sum less four times the middle"),
        _kernel("emboss", "-2 -1 0 / -1 1 1 / 0 1 2", "relief, lit from the upper left"),
        _kernel("sharpen", "0 -1 0 / -1 5 -1 / 0 -1 0", "the picture minus its edges"),
        _kernel("blur", "1/9 1/9 1/9 / 1/9 1/9 1/9 / 1/9 1/9 1/9", "the average of nine"),
        _kernel("gaussian", "1/16 1/8 1/16 / 1/8 1/4 1/8 / 1/16 1/8 1/16", "the average, near places counting more"),
        _kernel("sobel-x", "-1 0 1 / -2 0 2 / -1 0 1", "brighter to the right: upright edges"),
        _kernel("sobel-y", "-1 -2 -1 / 0 0 0 / 1 2 1", "brighter below: level edges"),
        _kernel("prewitt-x", "-1 0 1 / -1 0 1 / -1 0 1", "sobel-x with equal rows"),
        _kernel("prewitt-y", "-1 -1 -1 / 0 0 0 / 1 1 1", "sobel-y with equal columns"),
        _kernel("laplacian", "0 1 0 / 1 -4 1 / 0 1 0", "the second derivative: edge by its mathematical name"),
        _kernel("laplacian-8", "1 1 1 / 1 -8 1 / 1 1 1", "the same over all eight neighbours"),
    )
}


def kernel_named(name: str) -> Kernel:
    """Return the kernel of that name; raise `ValueError` with the nearest name where there is none."""
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    if wanted in KERNELS:
        return KERNELS[wanted]
    expected = "expected a kernel's name, or its numbers such as '1 -1 / 1 0'"
    raise SettingError(f"{expected}, received {shortened(name)!r}{hint(wanted, KERNELS)}")


def kernels_for_pages() -> list[dict[str, Any]]:
    """Return them as plain values: name, summary, and grid of floats."""
    return [
        {"name": k.name, "summary": k.summary, "grid": [list(map(float, row)) for row in k.grid]}
        for k in KERNELS.values()
    ]


def read_kernel(text: str) -> Planes:
    """Return the kernel that a name or numbers stand for, one grid for each channel; raise `ValueError` for others."""
    return (kernel_named(text).grid,) if re.search("[A-Za-z]{2}", text) else read_planes(text)
