"""How much of a picture a network is not shown, where its form is another than that of the training's pictures."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from hubel.data.decode.image import ImageError, size_in, upright

if TYPE_CHECKING:
    from hubel.data.prepare.preprocessing import Preprocessing

CUT = 0.3  # the share of a picture from which it is said; photographs of 3:4 lose a quarter


class ImagesWarning(UserWarning):
    """What is to be known of images that are answered: files that are left out, images that are cut to their middle."""


def cut_of(rule: Preprocessing, image: Any) -> float:
    """The share of an image, in any form that `Preprocessing.prepare` takes, that the network is not shown, where it is
    more than `CUT`; else 0, also of what cannot be read, since `prepare` says that.
    """
    if rule.fit != "crop" or rule.frame is not None:
        return 0.0
    if isinstance(image, Image.Image):
        height, width = upright(image).size[::-1]
    elif isinstance(image, (str, os.PathLike, bytes)):
        try:
            height, width = size_in(image)
        except ImageError:  # also a table of bands
            return 0.0
    else:
        height, width = (*np.shape(image), 0, 0)[:2]
    share = rule.cut(height, width) if height and width else 0.0
    return share if share > CUT else 0.0


def cut_words(share: float) -> str:
    """That so much of a picture is cut away; "" of nothing."""
    return f"{share:.0%} of it is cut away: its form is not that of the training's pictures" if share else ""


def all_cut_words(cut: Sequence[tuple[str, float]]) -> str:
    """Which of many pictures are cut to their middle, by how much, in one line."""
    those = "it is" if len(cut) == 1 else f"{len(cut):,} images are"
    named = ", ".join(f"{name} by {share:.0%}" for name, share in cut[:3])
    more = f" and {len(cut) - 3:,} more" if len(cut) > 3 else ""
    return f"cut to the middle, since {those} of another form than the training's pictures: {named}{more}"


def told_of_cut(rule: Preprocessing, images: Sequence[Any]) -> list[str]:
    """What `all_cut_words` says of images in any form, if there is anything to be said; one without a name is called by
    its place among them.
    """
    cut = []
    for number, image in enumerate(images, 1):
        if share := cut_of(rule, image):
            cut.append((os.fspath(image) if isinstance(image, (str, os.PathLike)) else f"image {number}", share))
    return [all_cut_words(cut)] if cut else []


def warn_of(told: Sequence[str]) -> None:
    """Warn whoever called what calls this."""
    for each in told:
        warnings.warn(each, ImagesWarning, stacklevel=3)
