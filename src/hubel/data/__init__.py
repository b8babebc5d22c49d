"""Data sets: found by one word or path, decoded once, kept as bytes, prepared the same way everywhere.

Nothing here loads torch before a tensor is asked for, so that data can be read while torch is being imported.
"""

from hubel.base.download import Download, Progress
from hubel.base.rooms import called
from hubel.data._align import align
from hubel.data._dataset import Dataset, Fit, HeldOut, Splits
from hubel.data._describe import Description, describe
from hubel.data._load import holds_files, is_source, load
from hubel.data._sheet import augmented_sheet, contact_sheet
from hubel.data._split import Validation, hold_out
from hubel.data._survey import FitRule, Survey
from hubel.data._targets import Labels, Targets, TargetsOf
from hubel.data.decode.image import SUFFIXES, ImageError, read_image
from hubel.data.feed.augment import Augmentation
from hubel.data.feed.batches import Batch, Batches
from hubel.data.feed.moves import Moves
from hubel.data.feed.order import BalancedOrder, Order, batch
from hubel.data.prepare.framing import Frame
from hubel.data.prepare.preprocessing import Preprocessing, fit_image
from hubel.data.prepare.several import prepared
from hubel.data.sources.files import image_files, listed
from hubel.data.sources.listing import IMAGE_FOLDERS, MASK_FOLDERS
from hubel.data.sources.named import NAMED_SETS, NamedSet, emnist_reader, idx_reader, read_cifar
from hubel.data.sources.parts import part_of

called(__name__, load)

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
    "Splits",
    "Survey",
    "Targets",
    "TargetsOf",
    "Validation",
    "align",
    "augmented_sheet",
    "batch",
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
]
