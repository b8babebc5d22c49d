"""What Keras keeps in `keras.preprocessing.image`: pictures of files, and `ImageDataGenerator`, which changes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.nn import functional

from hubel.base.errors import SettingError
from hubel.data import Fit
from hubel.model.data import image_dataset_from_directory
from hubel.model.pictures import picture_of, pictures_in
from hubel.model.utils import PyDataset, array_to_img, img_to_array, load_img

__all__ = [
    "ImageDataGenerator",
    "array_to_img",
    "image_dataset_from_directory",
    "img_to_array",
    "load_img",
]

_FILLS = ("nearest", "constant", "reflect")
Range = float | Sequence[float]
Pictures = NDArray[np.float32]


class ImageDataGenerator:
    """Batches of pictures that are turned, moved, sheared, scaled, mirrored and brightened anew each time.

    Settings are Keras's: rotation_range and shear_range in degrees; width_shift_range, height_shift_range as a share of
    the picture below 1, else in pixels; zoom_range as z for 1 − z to 1 + z, or two ends; what comes in from outside is
    the edge ("nearest"), its mirror image ("reflect") or `cval` ("constant"). `fit` measures what featurewise_center
    and featurewise_std_normalization take off and divide by. A model that trains on what `flow_from_directory` gives
    keeps the classes' names.

    Raises SettingError for whitening, channels first, and wrapping, which are not here.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Range = 0.0,
        height_shift_range: Range = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: Range = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Callable[[Any], Any] | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: Any = None,
    ) -> None:
        if zca_whitening or data_format not in (None, "channels_last") or interpolation_order not in (0, 1):
            raise SettingError(
                "expected no zca_whitening, data_format='channels_last' and interpolation_order 0 or 1, received "
                f"{zca_whitening}, {data_format!r} and {interpolation_order}"
            )
        if fill_mode not in _FILLS:
            raise SettingError(f"expected fill_mode of {', '.join(_FILLS)}, received {fill_mode!r}")
        if not 0 <= validation_split < 1:
            raise SettingError(f"expected validation_split from 0 to below 1, received {validation_split}")
        self.featurewise_center, self.samplewise_center = featurewise_center, samplewise_center
        self.featurewise_std, self.samplewise_std = featurewise_std_normalization, samplewise_std_normalization
        self.rotation_range, self.shear_range, self.channel_shift_range = (
            rotation_range,
            shear_range,
            channel_shift_range,
        )
        self.shifts = (height_shift_range, width_shift_range)
        self.zoom = (1 - zoom_range, 1 + zoom_range) if isinstance(zoom_range, (int, float)) else tuple(zoom_range)
        self.brightness = tuple(brightness_range) if brightness_range is not None else None
        self.fill_mode, self.cval, self.order = fill_mode, cval, interpolation_order
        self.flips = (vertical_flip, horizontal_flip)
        self.rescale, self.preprocessing_function = rescale, preprocessing_function
        self.validation_split = validation_split
        self.mean: Pictures | None = None
        self.std: Pictures | None = None

    def fit(self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Measure the mean and the deviation of each channel. `augment` measures changed pictures, `rounds` times."""
        array = _pictures(x)
        if augment:
            draw = np.random.default_rng(seed)
            array = np.stack([self.random_transform(each, draw) for _ in range(rounds) for each in array])
        self.mean = array.mean((0, 1, 2))
        self.std = array.std((0, 1, 2))

    def flow(
        self,
        x: ArrayLike,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: Any = None,
        subset: str | None = None,
        **_: Any,
    ) -> Batches:
        """Return batches of arrays N×H×W×C, with labels and weights where they are given. Of `validation_split`, the
        first share is the subset "validation".
        """
        array, beside = _pictures(x), [np.asarray(each) for each in (y, sample_weight) if each is not None]
        if any(len(each) != len(array) for each in beside):
            raise SettingError(f"expected {len(array)} labels and weights, received {[len(each) for each in beside]}")
        rows = self._part(np.arange(len(array)), subset)
        return Batches(
            self, len(rows), lambda row: array[rows[row]], [each[rows] for each in beside], batch_size, shuffle, seed
        )

    def flow_from_directory(
        self,
        directory: str | Path,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: Any = None,
        subset: str | None = None,
        interpolation: str = "nearest",
        follow_links: bool = False,
        **_: Any,
    ) -> Batches:
        """Return batches of the pictures of a folder, a class each of its folders. Of `validation_split`, the first
        share of each class is the subset "validation".
        """
        if class_mode not in ("categorical", "binary", "sparse", "input", None):
            raise SettingError(
                f"expected class_mode of categorical, binary, sparse, input, None, received {class_mode!r}"
            )
        paths, numbers, names = pictures_in(Path(directory), "inferred", classes, follow_links)
        labels = np.array(numbers)
        parts = [self._part(np.flatnonzero(labels == number), subset) for number in range(len(names))]
        rows = np.concatenate(parts)
        labels = labels[rows]
        print(f"Found {len(rows)} images belonging to {len(names)} classes.")

        def read(row: int) -> Pictures:
            return picture_of(paths[rows[row]], color_mode, target_size, interpolation, False).numpy()

        one_hot = np.eye(len(names), dtype=np.float32)[labels]
        said = {"categorical": [one_hot], "binary": [labels.astype(np.float32)], "sparse": [labels.astype(np.float32)]}
        found = Batches(self, len(rows), read, said.get(str(class_mode), []), batch_size, shuffle, seed)
        found.repeats_inputs = class_mode == "input"
        found.class_names, found.classes = names, labels
        found.filenames = [str(paths[row].relative_to(directory)) for row in rows]
        found.fit = "stretch"
        return found

    def _part(self, rows: NDArray[np.int64], subset: str | None) -> NDArray[np.int64]:
        if subset not in (None, "training", "validation") or (subset is not None and not self.validation_split):
            raise SettingError(
                f"expected subset training or validation, of a generator with validation_split, received {subset!r} of "
                f"{self.validation_split}"
            )
        cut = int(len(rows) * self.validation_split)
        return rows if subset is None else rows[:cut] if subset == "validation" else rows[cut:]

    def random_transform(self, x: ArrayLike, draw: Any = None) -> Pictures:
        """Return one picture, H×W×C, changed by chance."""
        draw = draw if isinstance(draw, np.random.Generator) else np.random.default_rng(draw)
        picture = np.asarray(x, np.float32)
        matrix = self._moves(picture.shape[:2], draw)
        if not np.array_equal(matrix, np.eye(3)):
            picture = self._moved(picture, matrix)
        if self.channel_shift_range:
            low, high = picture.min(), picture.max()
            picture = (picture + draw.uniform(-self.channel_shift_range, self.channel_shift_range)).clip(low, high)
        for axis, flips in enumerate(self.flips):
            if flips and draw.random() < 0.5:
                picture = np.flip(picture, axis)
        if self.brightness is not None:
            most = 255.0 if picture.max() > 1 else 1.0
            picture = (picture * draw.uniform(*self.brightness)).clip(0, most)
        return np.ascontiguousarray(picture, np.float32)

    def standardize(self, x: ArrayLike) -> Pictures:
        """Return pictures prepared: scaled, and their means taken off, of each or of all that `fit` has seen."""
        picture = np.asarray(x, np.float32)
        if self.preprocessing_function is not None:
            picture = np.asarray(self.preprocessing_function(picture), np.float32)
        if self.rescale is not None:
            picture = picture * np.float32(self.rescale)
        if self.samplewise_center:
            picture = picture - picture.mean(keepdims=True)
        if self.samplewise_std:
            picture = picture / (picture.std(keepdims=True) + 1e-6)
        if self.featurewise_center or self.featurewise_std:
            if self.mean is None or self.std is None:
                raise SettingError("expected fit(x) before pictures are taken off their mean or divided by deviations")
            picture = picture - self.mean if self.featurewise_center else picture
            picture = picture / (self.std + 1e-6) if self.featurewise_std else picture
        return picture

    def _moves(self, size: tuple[int, ...], draw: np.random.Generator) -> NDArray[np.float64]:
        """Return where each place comes from: rows and columns around the middle, as Keras has them."""
        turn, shear = (np.deg2rad(draw.uniform(-most, most)) for most in (self.rotation_range, self.shear_range))
        rows, columns = (_shift(wide, side, draw) for wide, side in zip(self.shifts, size, strict=True))
        scales = draw.uniform(self.zoom[0], self.zoom[1], 2) if self.zoom != (1, 1) else np.ones(2)
        rotated = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        shifted = np.array([[1, 0, rows], [0, 1, columns], [0, 0, 1]])
        sheared = np.array([[1, -np.sin(shear), 0], [0, np.cos(shear), 0], [0, 0, 1]])
        middle = np.array([[1, 0, size[0] / 2 - 0.5], [0, 1, size[1] / 2 - 0.5], [0, 0, 1]])
        found: NDArray[np.float64] = (
            middle @ rotated @ shifted @ sheared @ np.diag([*scales, 1.0]) @ np.linalg.inv(middle)
        )
        return found

    def _moved(self, picture: Pictures, matrix: NDArray[np.float64]) -> Pictures:
        height, width = picture.shape[:2]
        rows, columns = np.mgrid[:height, :width]
        places = np.tensordot(matrix[:2], np.stack([rows, columns, np.ones_like(rows)]), 1)
        sides = np.array([height, width])[:, None, None]
        grid = (2 * places + 1) / sides - 1
        found = functional.grid_sample(
            torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None],
            torch.from_numpy(np.stack([grid[1], grid[0]], -1)[None].astype(np.float32)),
            "bilinear" if self.order else "nearest",
            "reflection" if self.fill_mode == "reflect" else "border",
            align_corners=False,
        )
        moved: Pictures = found[0].permute(1, 2, 0).numpy()
        if self.fill_mode == "constant":
            outside = ((places < 0) | (places > sides - 1)).any(0)
            moved[outside] = self.cval
        return moved


class Batches(PyDataset):
    """Batches by number, anew each epoch: pictures, and labels and weights where there are any.

    n, samples: how many pictures. class_names, class_indices, classes, filenames: of pictures in folders.
    """

    def __init__(
        self,
        generator: ImageDataGenerator,
        count: int,
        read: Callable[[int], Pictures],
        beside: Sequence[NDArray[Any]],
        batch_size: int,
        shuffle: bool,
        seed: int | None,
    ) -> None:
        super().__init__()
        if batch_size < 1 or not count:
            raise SettingError(f"expected pictures and a batch_size of at least 1, received {count} and {batch_size}")
        self.generator, self.read, self.beside = generator, read, beside
        self.n = self.samples = count
        self.batch_size, self.shuffle, self.repeats_inputs = batch_size, shuffle, False
        self.draw = np.random.default_rng(int(np.random.randint(2**31)) if seed is None else seed)
        self.class_names: list[str] | None = None
        self.classes: NDArray[np.int64] | None = None
        self.filenames: list[str] = []
        self.fit: Fit | None = None
        self.turn = 0
        self.on_epoch_end()

    @property
    def class_indices(self) -> dict[str, int]:
        """The classes' numbers by their names."""
        return {name: number for number, name in enumerate(self.class_names or ())}

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.class_names or ())

    def __len__(self) -> int:
        return math.ceil(self.n / self.batch_size)

    def __iter__(self) -> Batches:
        """Go over the batches for ever, as Keras does."""
        return self

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise IndexError(f"expected a batch from 0 to {len(self) - 1}, received {index}")
        rows = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        changed = [self.generator.random_transform(self.read(row), self.draw) for row in rows.tolist()]
        pictures = np.stack([self.generator.standardize(each) for each in changed])
        if self.repeats_inputs:
            return pictures, pictures
        return (pictures, *(each[rows] for each in self.beside)) if self.beside else pictures

    def __next__(self) -> Any:
        """Return the next batch, for ever."""
        found = self[self.turn]
        self.turn += 1
        if self.turn == len(self):
            self.reset()
            self.on_epoch_end()
        return found

    next = __next__

    def reset(self) -> None:
        """Begin with the first batch again."""
        self.turn = 0

    def on_epoch_end(self) -> None:
        """Put the pictures in another order."""
        self.order = self.draw.permutation(self.n) if self.shuffle else np.arange(self.n)


def _pictures(x: ArrayLike) -> Pictures:
    array = np.asarray(x, np.float32)
    if array.ndim != 4 or array.shape[-1] not in (1, 3, 4):
        raise SettingError(f"expected pictures as N×height×width×channels (1, 3 or 4), received {array.shape}")
    return array


def _shift(wide: Range, side: int, draw: np.random.Generator) -> float:
    """Draw how far to move, in pixels: of a share of the side, of whole pixels, or one of a list."""
    if isinstance(wide, (list, tuple, np.ndarray)):
        return float(draw.choice(np.asarray(wide, float))) * float(draw.choice([-1, 1]))
    assert isinstance(wide, (int, float))
    if not wide:
        return 0.0
    if isinstance(wide, int):
        return float(draw.integers(-wide, wide + 1))
    return float(draw.uniform(-wide, wide)) * (side if wide < 1 else 1)
