"""DeepDream: a picture changed, step by step, until a layer, a channel or a class sees more of what it looks for.

After Mordvintsev, Olah and Tyka, "Inceptionism" (2015): the gradient is followed in several sizes from small to large
(octaves), the picture is shifted at random before each step (jitter), and each step is as long whatever the gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from hubel.base.errors import SettingError
from hubel.base.numbers import counted
from hubel.look.access.layers import LayerCall, layer_calls, named_layer, outputs, runs_on
from hubel.look.access.models import of_any_model
from hubel.look.access.pixels import as_pixels, grey_noise, need_colours, normalised, opened, resized, roughness
from hubel.look.access.score import class_index, logits
from hubel.nn import input_gradients
from hubel.tasks import LoadedModel, require_names
from hubel.view.figures.frames import LEAST, WRITERS
from hubel.view.words.finding import Drawn

Pixels = npt.NDArray[np.uint8]
LONGEST = 512
_LEVELS = 3


@dataclass(frozen=True, eq=False)
class Dream(Drawn):
    """What a network was made to see.

    start, picture: uint8 H×W×C, before and after. aim: what was increased, in words. scores: its number before each
    step (each octave starts anew), and at the end. frames: the picture along the way, where they were asked for, in its
    octave's size. octaves: their sizes, height and width. seed: with which the same picture comes again.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.made:dream_figure"
    written_by: ClassVar[Mapping[str, str]] = WRITERS

    start: Pixels = field(repr=False)
    picture: Pixels = field(repr=False)
    aim: str
    scores: tuple[float, ...] = field(repr=False)
    frames: tuple[Pixels, ...] = field(repr=False)
    octaves: tuple[tuple[int, int], ...]
    seed: int

    @property
    def outcome(self) -> str:
        """What was increased, from what to what."""
        steps = counted(len(self.scores) - 1, "step")
        return f"{self.aim}: {self.scores[0]:.4g} at first, {self.scores[-1]:.4g} after {steps}"

    def data(self) -> dict[str, Any]:
        """All but the pictures."""
        return {
            "aim": self.aim,
            "octaves": [list(size) for size in self.octaves],
            "scores": list(self.scores),
            "seed": self.seed,
            "shape": list(self.picture.shape),
        }


@dataclass(frozen=True, eq=False)
class _Aim:
    """What is to be increased, of normalised inputs, and whether the network takes pictures of a size."""

    words: str
    score: Callable[[Tensor], Tensor]
    takes: Callable[[tuple[int, int]], bool]


@of_any_model
def deep_dream(
    model: LoadedModel,
    image: Any = None,
    *,
    layer: str | None = None,
    channel: int | None = None,
    class_name: str | int | None = None,
    octaves: int = 4,
    octave_scale: float = 1.4,
    steps: int = 15,
    rate: float = 0.01,
    jitter: int | None = None,
    variation: float | None = None,
    longest: int | None = None,
    seed: int = 0,
    keep_frames: bool = False,
    on_step: Callable[[int, int, float], None] | None = None,
) -> Dream:
    """Change an image (or noise) so that the network sees more in it of what a layer, channel or class looks for.

    image: a path, bytes, a Pillow image or uint8 H×W×C in its own size; None starts from the mean colour with noise.
    layer: a path of the tree: the mean square of its maps grows; with `channel`, that map's mean. class_name: the
    logit of a class, by name or number. With none of them, a layer two thirds into the network.
    octaves, octave_scale: sizes from small to large and their ratio; only as many as are 16 pixels or more.
    steps, rate: of each octave; a step changes a pixel by `rate` on average (1 is white minus black).
    jitter: shift at random by up to so many pixels before each step; else a sixteenth of the shorter side.
    variation: how much roughness is held against the picture; else 0.5 for a class, whose gradient is rough, and
    zero for maps. longest: its longer side in pixels; else an image's own, of a file 512 at most, and of noise the
    network's, 224 at least, since smaller ones show little; the network's own where it takes no other. seed: of noise
    and jitter. on_step: told step, steps, score.
    Raises KeyError, ValueError for a layer, channel or class that is not there.
    """
    need_colours(model, "dreaming")
    if variation is None:
        variation = 0.0 if class_name is None else 0.5
    _check(octaves, octave_scale, steps, rate, variation, jitter)
    generator = torch.Generator().manual_seed(seed)
    scores: list[float] = []
    frames: list[Pixels] = []
    with input_gradients(model.module):
        aim = _aim(model, layer, channel, class_name)
        if image is None:
            start = grey_noise(model, _start_size(model, aim, longest), seed)
        else:
            start = opened(model, image, longest, LONGEST)
        sizes = _octaves((start.shape[2], start.shape[3]), octaves, octave_scale)
        picture = resized(start, sizes[0])
        for number, size in enumerate(sizes):
            if number:  # what was dreamt so far, and what the smaller size had lost of the image
                picture = (
                    resized(picture, size) + resized(start, size) - resized(resized(start, sizes[number - 1]), size)
                )
            for _ in range(steps):
                picture, score = _step(model, aim, picture, rate, jitter, variation, generator)
                scores.append(score)
                if keep_frames:
                    frames.append(as_pixels(picture))
                if on_step is not None:
                    on_step(len(scores), steps * len(sizes), score)
        with torch.no_grad():
            scores.append(float(_scored(model, aim, picture)))
    return Dream(as_pixels(start), as_pixels(picture), aim.words, tuple(scores), tuple(frames), tuple(sizes), seed)


def _step(
    model: LoadedModel,
    aim: _Aim,
    picture: Tensor,
    rate: float,
    jitter: int | None,
    variation: float,
    generator: torch.Generator,
) -> tuple[Tensor, float]:
    """Shift, follow the gradient by a step of even length, shift back."""
    height, width = picture.shape[2], picture.shape[3]
    most = min(height, width) // 16 if jitter is None else min(jitter, height - 1, width - 1)
    down, along = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
    moved = picture.roll((down, along), (2, 3)).detach().requires_grad_()
    score = _scored(model, aim, moved)
    (gradient,) = torch.autograd.grad(score, moved)
    gradient = _levelled(gradient)
    if variation:
        (rough,) = torch.autograd.grad(roughness(moved), moved)
        gradient = _even(gradient - variation * _even(rough))
    changed = (moved.detach() + rate * gradient).clamp(0, 1)
    return changed.roll((-down, -along), (2, 3)), float(score.detach())


def _scored(model: LoadedModel, aim: _Aim, picture: Tensor) -> Tensor:
    """What is to be increased, of a picture as it is or, where the network takes no other, in its size."""
    own = (model.preprocessing.height, model.preprocessing.width)
    takes = aim.takes((picture.shape[2], picture.shape[3]))
    return aim.score(normalised(model, picture if takes else functional.interpolate(picture, own, mode="bilinear")))


def _levelled(gradient: Tensor) -> Tensor:
    """Split a gradient into fine to coarse details and give all the same strength (a Laplacian pyramid, as in
    Mordvintsev's notebook of 2016), since the finest would drown the others; of length 1 on average.
    """
    found, rest = torch.zeros_like(gradient), gradient
    for _ in range(_LEVELS):
        if min(rest.shape[2:]) < 8:
            break
        coarse = functional.avg_pool2d(rest, 2, ceil_mode=True, count_include_pad=False)
        fine = rest - resized(coarse, (rest.shape[2], rest.shape[3]))
        found = found + resized(_even(fine), (gradient.shape[2], gradient.shape[3]))
        rest = coarse
    return _even(found + resized(_even(rest), (gradient.shape[2], gradient.shape[3])))


def _even(values: Tensor) -> Tensor:
    """Return numbers divided by their mean distance from zero; zeros stay."""
    return values / values.abs().mean().clamp_min(1e-20)


def _aim(model: LoadedModel, layer: str | None, channel: int | None, class_name: str | int | None) -> _Aim:
    own = (model.preprocessing.height, model.preprocessing.width)
    if class_name is not None:
        if layer is not None or channel is not None:
            raise SettingError("expected either a class or a layer, received both")
        require_names(model)
        index = class_index(model.classes, class_name)
        words = f"the logit of {model.classes[index]}"
        return _Aim(words, lambda input: logits(model.module, input)[0, index], lambda size: size == own)
    call = named_layer(model, layer) if layer else _deep_layer(model)
    shape = "×".join(map(str, call.shape))
    if channel is not None and not 0 <= channel < call.shape[-1]:
        raise SettingError(f"expected a channel from 0 to {call.shape[-1] - 1} of {call.path}, received {channel}")

    last = call.path == layer_calls(model)[-1].path  # of which what comes before a softmax says more

    def score(input: Tensor) -> Tensor:
        found = logits(model.module, input) if last else outputs(lambda: model.module(input), [call])[call.path]
        return found.square().mean() if channel is None else found[:, channel].mean()

    what = "the mean square of" if channel is None else f"channel {channel} of"
    return _Aim(f"{what} {call.path} ({shape})", score, cache(lambda size: size == own or runs_on(model, call, size)))


def _deep_layer(model: LoadedModel) -> LayerCall:
    """A layer two thirds into the network, where parts of things are seen; the last with maps if there are few."""
    calls = [call for call in layer_calls(model) if call.is_spatial]
    if not calls:
        return layer_calls(model)[-1]
    joins = [call for call in calls if call.path.rpartition(".")[2].startswith(("sum", "concat", "inception"))] or calls
    return joins[min(len(joins) - 1, len(joins) * 2 // 3)]


def _start_size(model: LoadedModel, aim: _Aim, longest: int | None) -> tuple[int, int]:
    own = (model.preprocessing.height, model.preprocessing.width)
    scale = (longest or max(LEAST, *own)) / max(own)
    size = max(1, round(own[0] * scale)), max(1, round(own[1] * scale))
    return size if aim.takes(size) else own


def _octaves(size: tuple[int, int], count: int, scale: float) -> list[tuple[int, int]]:
    """Sizes from small to large; those below 16 pixels are left out."""
    found = [size]
    for number in range(1, count):
        smaller = round(size[0] / scale**number), round(size[1] / scale**number)
        if min(smaller) < 16:
            break
        found.insert(0, smaller)
    return found


def _check(octaves: int, octave_scale: float, steps: int, rate: float, variation: float, jitter: int | None) -> None:
    if octaves < 1 or steps < 1 or not octave_scale > 1:
        raise SettingError(
            f"expected octaves and steps of at least 1 and an octave scale above 1, received {octaves}, {steps}, "
            f"{octave_scale}"
        )
    if not rate > 0 or not variation >= 0:
        raise SettingError(f"expected a rate above 0 and a variation of 0 or more, received {rate} and {variation}")
    if jitter is not None and jitter < 0:
        raise SettingError(f"expected a jitter of 0 pixels or more, received {jitter}")
