"""Pictures of a network's making, and what is asked of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

from hubel.base.files import made_place, write_atomically
from hubel.base.numbers import counted
from hubel.data import Dataset, Preprocessing
from hubel.data.feed.device import constant
from hubel.nn import device_of, evaluation_mode
from hubel.tasks.asking import Made
from hubel.tasks.measure import shown
from hubel.tasks.model import LoadedModel
from hubel.view.figures.tiles import png_bytes


def noise_for(module: nn.Module, number: int, seed: int) -> torch.Tensor:
    """Vectors of a network's input, drawn from a normal distribution: N×latent."""
    network: Any = module
    drawn = torch.Generator().manual_seed(seed % 2**63)
    latent = network.network.input[0]
    # PyTorch draws sixteen at a time, and what is over anew: of whole sixteens, fewer are the first of more
    return torch.randn(-(-number * latent // 16) * 16, generator=drawn)[: number * latent].view(number, latent)


def made_of(module: nn.Module, preprocessing: Preprocessing, noise: torch.Tensor) -> torch.Tensor:
    """The pictures that a network makes of vectors N×latent: uint8 N×H×W×C, on its device."""
    made = module(noise.to(device_of(module))).float()
    mean, std = (constant(each, made.device).view(1, -1, 1, 1) for each in (preprocessing.mean, preprocessing.std))
    found: torch.Tensor = ((made * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)
    return found.permute(0, 2, 3, 1)


def _pictures(model: LoadedModel, noise: torch.Tensor) -> npt.NDArray[np.uint8]:
    with evaluation_mode(model.module), torch.inference_mode():
        parts = [made_of(model.module, model.preprocessing, part).cpu().numpy() for part in noise.split(256)]
    return np.concatenate(parts)


def pictures(model: LoadedModel, number: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """So many pictures of a model's making, uint8 N×H×W×C; a seed gives the same each time, and of fewer the first."""
    return _pictures(model, noise_for(model.module, number, seed))


def between(model: LoadedModel, steps: int, rows: int = 1, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Pictures on the way between pairs of vectors, row after row, (rows·steps)×H×W×C. The way is along the sphere that
    vectors of noise lie near (White 2016).
    """
    ends = noise_for(model.module, 2 * rows, seed)
    found = []
    for one, other in zip(ends[:rows], ends[rows:], strict=True):
        angle = torch.acos((one @ other / (one.norm() * other.norm())).clamp(-1, 1))
        shares = torch.linspace(0, 1, steps)[:, None] * angle
        found.append(((angle - shares).sin() * one + shares.sin() * other) / angle.sin())
    return _pictures(model, torch.cat(found))


def foremost(model: LoadedModel, noise: torch.Tensor, most: int) -> list[int]:
    """The places of the numbers in vectors N×latent that change pictures most, when each goes from −2 to 2."""
    changes = []
    for place in range(noise.shape[1]):
        ends = noise.repeat(2, 1)
        ends[:, place] = torch.tensor([-2.0, 2.0]).repeat_interleave(len(noise))
        low, high = _pictures(model, ends).astype(np.int16).reshape(2, -1)
        changes.append(float(np.abs(high - low).mean()))
    return sorted(range(len(changes)), key=lambda place: -changes[place])[:most]


def grid(pictures: npt.NDArray[np.uint8], columns: int = 0, gap: int = 2) -> npt.NDArray[np.uint8]:
    """Pictures in rows, with a white gap between them: H×W×3."""
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    seen = [shown(each) for each in pictures]
    height, width = seen[0].shape[0] + gap, seen[0].shape[1] + gap
    rows = math.ceil(len(seen) / columns)
    found = np.full((rows * height - gap, columns * width - gap, 3), 255, np.uint8)
    for number, each in enumerate(seen):
        top, left = number // columns * height, number % columns * width
        found[top : top + each.shape[0], left : left + each.shape[1]] = each
    return found


def nearest(
    made: npt.NDArray[np.uint8], dataset: Dataset
) -> list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], int, float]]:
    """Each made picture, the image of a set that is nearest in grey levels, its number, and how far: the root of the
    mean squared difference.
    """
    wanted = made.reshape(len(made), -1).astype(np.float32)
    best = np.full(len(made), np.inf)
    index = np.zeros(len(made), np.int64)
    for start in range(0, len(dataset), 4096):
        real = np.asarray(dataset.images[start : start + 4096]).reshape(-1, wanted.shape[1]).astype(np.float32)
        apart = ((wanted**2).sum(1)[:, None] + (real**2).sum(1)[None] - 2 * wanted @ real.T) / wanted.shape[1]
        here = apart.argmin(1)
        better = apart[np.arange(len(made)), here] < best
        index[better], best[better] = start + here[better], apart[np.arange(len(made)), here][better]
    roots = np.sqrt(best.clip(0))
    return [(one, dataset.images[i], int(i), float(r)) for one, i, r in zip(made, index, roots, strict=True)]


@dataclass(frozen=True, eq=False)
class Pictures(Made):
    """Pictures of a model's making, uint8 N×H×W×C. columns: of a grid, 0 for as many as rows."""

    pictures: npt.NDArray[np.uint8]
    seed: int = 0
    columns: int = 0

    @classmethod
    def of(cls, model: LoadedModel, number: int = 64, seed: int = 0, between: bool = False) -> Pictures:
        """So many; `between`: in rows of ten, the pictures on the way from one to another."""
        return (
            cls(_ways(model, 10, -(-number // 10), seed), seed, 10)
            if between
            else cls(pictures(model, number, seed), seed)
        )

    def data(self) -> dict[str, Any]:
        """How many, and of which seed."""
        return {"number": len(self.pictures), "seed": self.seed}

    def words(self) -> str:
        """How many, their size and seed."""
        size = f"{self.pictures.shape[1]}×{self.pictures.shape[2]}"
        return f"{counted(len(self.pictures), 'picture')} of {size}, seed {self.seed}"

    def write(self, place: Path) -> list[Path]:
        """Write one grid, or a folder with a file for each."""
        if place.suffix:
            write_atomically(place, png_bytes(Image.fromarray(grid(self.pictures, self.columns))))
            return [place]
        made_place(place)
        files = [place / f"{index:05}.png" for index in range(len(self.pictures))]
        for file, picture in zip(files, self.pictures, strict=True):
            write_atomically(file, png_bytes(Image.fromarray(picture if picture.shape[2] == 3 else picture[..., 0])))
        return files


_ways = between  # which an argument is called too
