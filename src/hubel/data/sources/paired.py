"""Which of some folders hold images and which the masks of them, by their names."""

from __future__ import annotations

from collections.abc import Iterable

from hubel.data.sources.parts import words_of

_IMAGES = "images image imgs img jpegimages pictures pics photos fotos bilder imagenes rgb"
_MASKS = (
    "masks mask labels label annotations segmentationclass segmentations segmentation groundtruth gt masken masques "
    "mascaras maschere"
)
IMAGE_FOLDERS, MASK_FOLDERS = frozenset(_IMAGES.split()), frozenset(_MASKS.split())


def paired(names: Iterable[str]) -> list[tuple[str, str]]:
    """The names of a folder of images and of one of their masks, of each pair: "images" and "masks", "train_images" and
    "train_masks", "train" and "train_masks".
    """
    images: dict[tuple[str, ...], str] = {}
    plain: dict[tuple[str, ...], str] = {}
    masks: dict[tuple[str, ...], str] = {}
    for name in sorted(names):
        rest, kinds = _without(name, _IMAGES.split()), _without(name, _MASKS.split())
        if kinds is not None:
            masks.setdefault(kinds, name)
        elif rest is not None:
            images.setdefault(rest, name)
        else:
            plain[words_of(name)] = name
    found = ((images.get(rest) or plain.get(rest), name) for rest, name in masks.items())
    return [(image, mask) for image, mask in found if image is not None]


def _without(name: str, known: list[str]) -> tuple[str, ...] | None:
    """The words of a name without one that is known; None where none is."""
    words = words_of(name)
    if "".join(words) in known:
        return ()
    at = next((place for place, word in enumerate(words) if word in known), None)
    return None if at is None else (*words[:at], *words[at + 1 :])
