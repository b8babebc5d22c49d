"""Data sets: found by one word or path, decoded once, kept as bytes, prepared the same way everywhere.

Nothing here loads torch before a tensor is asked for, so that data can be read while torch is being imported; and names
are imported when they are first used, so that what only decodes and prepares an image loads no more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubel.base.rooms import called, later

if TYPE_CHECKING:
    from hubel.base.download import Download, Progress
    from hubel.data._align import align
    from hubel.data._dataset import Dataset, Fit, HeldOut, Splits
    from hubel.data._describe import Description, describe
    from hubel.data._load import load
    from hubel.data._sheet import augmented_sheet, contact_sheet
    from hubel.data._source import check_source, holds_files, is_source, tells_classes
    from hubel.data._split import Validation, hold_out
    from hubel.data._survey import FitRule, Survey
    from hubel.data._targets import Labels, Targets, TargetsOf
    from hubel.data.decode.image import SUFFIXES, ImageError, read_image
    from hubel.data.feed.augment import Augmentation
    from hubel.data.feed.batches import Batch, Batches
    from hubel.data.feed.moves import Moves
    from hubel.data.feed.order import BalancedOrder, Order, Repeated, Streams, batch
    from hubel.data.prepare.framing import Frame
    from hubel.data.prepare.preprocessing import Preprocessing, fit_image
    from hubel.data.prepare.several import prepared
    from hubel.data.sources.files import image_files, listed, text_of_list
    from hubel.data.sources.named import NAMED_SETS, NamedSet, emnist_reader, idx_reader, read_cifar
    from hubel.data.sources.paired import IMAGE_FOLDERS, MASK_FOLDERS
    from hubel.data.sources.parts import part_of

_HOMES = {
    "IMAGE_FOLDERS": "hubel.data.sources.paired",
    "MASK_FOLDERS": "hubel.data.sources.paired",
    "NAMED_SETS": "hubel.data.sources.named",
    "SUFFIXES": "hubel.data.decode.image",
    "Augmentation": "hubel.data.feed.augment",
    "BalancedOrder": "hubel.data.feed.order",
    "Batch": "hubel.data.feed.batches",
    "Batches": "hubel.data.feed.batches",
    "Dataset": "hubel.data._dataset",
    "Description": "hubel.data._describe",
    "Download": "hubel.base.download",
    "Fit": "hubel.data._dataset",
    "FitRule": "hubel.data._survey",
    "Frame": "hubel.data.prepare.framing",
    "HeldOut": "hubel.data._dataset",
    "ImageError": "hubel.data.decode.image",
    "Labels": "hubel.data._targets",
    "Moves": "hubel.data.feed.moves",
    "NamedSet": "hubel.data.sources.named",
    "Order": "hubel.data.feed.order",
    "Repeated": "hubel.data.feed.order",
    "Preprocessing": "hubel.data.prepare.preprocessing",
    "Progress": "hubel.base.download",
    "Splits": "hubel.data._dataset",
    "Streams": "hubel.data.feed.order",
    "Survey": "hubel.data._survey",
    "Targets": "hubel.data._targets",
    "TargetsOf": "hubel.data._targets",
    "Validation": "hubel.data._split",
    "align": "hubel.data._align",
    "augmented_sheet": "hubel.data._sheet",
    "batch": "hubel.data.feed.order",
    "check_source": "hubel.data._source",
    "contact_sheet": "hubel.data._sheet",
    "describe": "hubel.data._describe",
    "emnist_reader": "hubel.data.sources.named",
    "fit_image": "hubel.data.prepare.preprocessing",
    "hold_out": "hubel.data._split",
    "holds_files": "hubel.data._source",
    "idx_reader": "hubel.data.sources.named",
    "image_files": "hubel.data.sources.files",
    "is_source": "hubel.data._source",
    "listed": "hubel.data.sources.files",
    "text_of_list": "hubel.data.sources.files",
    "load": "hubel.data._load",
    "part_of": "hubel.data.sources.parts",
    "prepared": "hubel.data.prepare.several",
    "read_cifar": "hubel.data.sources.named",
    "read_image": "hubel.data.decode.image",
    "tells_classes": "hubel.data._source",
}

__all__ = [
    "IMAGE_FOLDERS",
    "MASK_FOLDERS",
    "NAMED_SETS",
    "SUFFIXES",
    "Augmentation",
    "BalancedOrder",
    "Batch",
    "Batches",
    "Dataset",
    "Description",
    "Download",
    "Fit",
    "FitRule",
    "Frame",
    "HeldOut",
    "ImageError",
    "Labels",
    "Moves",
    "NamedSet",
    "Order",
    "Preprocessing",
    "Progress",
    "Repeated",
    "Splits",
    "Streams",
    "Survey",
    "Targets",
    "TargetsOf",
    "Validation",
    "align",
    "augmented_sheet",
    "batch",
    "check_source",
    "contact_sheet",
    "describe",
    "emnist_reader",
    "fit_image",
    "hold_out",
    "holds_files",
    "idx_reader",
    "image_files",
    "is_source",
    "listed",
    "load",
    "part_of",
    "prepared",
    "read_cifar",
    "read_image",
    "tells_classes",
    "text_of_list",
]


__getattr__ = later(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)


def _load(*given: Any, **settings: Any) -> Splits:
    from hubel.data._load import load

    return load(*given, **settings)


called(__name__, _load)
