"""Style transfer: a picture with the content of one image and the style of another.

After Gatys, Ecker and Bethge, "A neural algorithm of artistic style" (2015): content is what deep maps hold, place by
place; style is how channels go together wherever they do so, their Gram matrix. The picture's pixels are changed by
L-BFGS until both fit. Losses are shares of what they are compared with, so that one weight serves any network.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from hubel.arch.ops.functions import FUNCTIONS
from hubel.base.errors import SettingError
from hubel.base.numbers import counted
from hubel.look.access.layers import LayerCall, layer_calls, named_layer, outputs, runs_on
from hubel.look.access.models import of_any_model
from hubel.look.access.pixels import as_pixels, grey_noise, need_colours, normalised, opened, resized, roughness
from hubel.nn import NetworkModule, input_gradients, modules
from hubel.tasks import LoadedModel
from hubel.view.figures.frames import WRITERS
from hubel.view.words.finding import Drawn

Pixels = npt.NDArray[np.uint8]
Start = Literal["content", "noise"]
LONGEST = 256
_ACTIVATIONS = tuple(
    getattr(modules, function.torch, None) or getattr(nn, function.torch)
    for function in FUNCTIONS.values()
    if function.arithmetic not in ("", "x")
)
_INNER = 20  # iterations of L-BFGS in a step


@dataclass(frozen=True, eq=False)
class Stylised(Drawn):
    """A picture made of two.

    content, style, picture: uint8 H×W×C. content_layers, style_layers: paths of the layers that were compared.
    losses: "content" and "style" after each step, shares (1: as far off as nothing at all). frames: the picture after
    each step, where they were asked for. seed: with which the same picture comes again. scaled: what is to be said
    where both were brought to the network's own size, whatever their shapes; "" otherwise.
    """

    drawn_by: ClassVar[str] = "hubel.look.figures.made:style_figure"
    written_by: ClassVar[Mapping[str, str]] = WRITERS

    content: Pixels = field(repr=False)
    style: Pixels = field(repr=False)
    picture: Pixels = field(repr=False)
    content_layers: tuple[str, ...]
    style_layers: tuple[str, ...]
    losses: dict[str, tuple[float, ...]] = field(repr=False)
    frames: tuple[Pixels, ...] = field(repr=False)
    seed: int
    scaled: str = ""

    @property
    def outcome(self) -> str:
        """Which layers were compared, and how far off the picture is."""
        content, style = self.losses["content"], self.losses["style"]
        return (
            f"content by {', '.join(self.content_layers)}, style by {', '.join(self.style_layers)}\n"
            f"after {counted(len(style), 'step')}: content {content[-1]:.4g} off, style {style[-1]:.4g}; a picture of "
            f"{_size(self.picture.shape)}{self.scaled and f'; {self.scaled}'}"
        )

    def data(self) -> dict[str, Any]:
        """All but the pictures."""
        return {
            "content_layers": list(self.content_layers),
            "style_layers": list(self.style_layers),
            "losses": {name: list(curve) for name, curve in self.losses.items()},
            "seed": self.seed,
            "shape": list(self.picture.shape),
            "scaled": self.scaled,
        }


@of_any_model
def transfer_style(
    model: LoadedModel,
    content: Any,
    style: Any,
    *,
    content_layers: Sequence[str] = (),
    style_layers: Sequence[str] = (),
    style_weight: float = 10.0,
    variation: float = 0.1,
    average_pooling: bool = False,
    start: Start = "content",
    steps: int = 15,
    longest: int | None = None,
    seed: int = 0,
    keep_frames: bool = False,
    on_step: Callable[[int, int, float], None] | None = None,
) -> Stylised:
    """Make a picture with the content of one image and the style of another.

    content, style: paths, bytes, Pillow images or uint8 H×W×C, in their own sizes; the style's is brought to the
    content's longer side. content_layers, style_layers: paths of the tree; else layers picked by it, `picked_layers`.
    style_weight: of the style against the content; 1 counts them alike. variation: how much roughness counts.
    average_pooling: average where the network takes the largest, as the paper recommends for pictures.
    start: from the content or from noise. steps: each is 20 iterations of L-BFGS. longest: the picture's longer side,
    256 pixels at most otherwise. seed: of the noise. on_step: told step, steps, loss.
    Raises KeyError, ValueError for a layer that is not there or has no maps.
    """
    if steps < 1 or not style_weight >= 0 or not variation >= 0 or start not in ("content", "noise"):
        raise SettingError(
            "expected steps of at least 1, weights of 0 or more and start as content or noise, received "
            f"{steps}, {style_weight}, {variation} and {start!r}"
        )
    need_colours(model, "changing a picture's style")
    model = averaging(model) if average_pooling else model
    with input_gradients(model.module):
        of_content, of_style = _layers(model, content_layers, style_layers)
        scene, manner = (opened(model, image, longest, LONGEST) for image in (content, style))
        scene, manner, scaled = _sized(model, scene, manner, (*of_content, *of_style))
        loss = _Loss(model, scene, manner, of_content, of_style, style_weight, variation)
        picture = (
            scene.clone() if start == "content" else grey_noise(model, (scene.shape[2], scene.shape[3]), seed, 0.2)
        )
        frames: list[Pixels] = []

        def note(step: int, value: float) -> None:
            if keep_frames:
                frames.append(as_pixels(picture))
            if on_step is not None:
                on_step(step, steps, value)

        losses = _descend(picture, loss, steps, note)
    return Stylised(
        as_pixels(scene),
        as_pixels(manner),
        as_pixels(picture),
        tuple(call.path for call in of_content),
        tuple(call.path for call in of_style),
        losses,
        tuple(frames),
        seed,
        scaled,
    )


def picked_layers(model: LoadedModel) -> tuple[tuple[LayerCall, ...], tuple[LayerCall, ...]]:
    """Return the layers that content and style are compared in: of each size of maps, the first activation for the
    style, up to five; of the last size but one, the second for the content.

    In VGG-19 these are conv1_1 to conv5_1 and conv4_2, as in the paper. Raises ValueError for a network without maps.
    """
    spatial = [call for call in layer_calls(model) if call.is_spatial]
    telling = [call for call in spatial if isinstance(call.module, _ACTIVATIONS)] or spatial
    sizes: dict[tuple[int, ...], list[LayerCall]] = {}
    for call in telling:
        sizes.setdefault(call.shape[:2], []).append(call)
    stages = list(sizes.values())[:5]
    if not stages:
        raise SettingError("expected a network with maps of more than one place, received one of vectors")
    deep = stages[max(0, len(stages) - 2)]
    return (deep[min(1, len(deep) - 1)],), tuple(stage[0] for stage in stages)


def averaging(model: LoadedModel) -> LoadedModel:
    """Return the same model, its weights shared, with average poolings in place of those that take the largest."""
    shared = {id(tensor): tensor for tensor in (*model.module.parameters(), *model.module.buffers())}
    module = copy.deepcopy(model.module, shared)
    for name, part in list(module.named_modules(remove_duplicate=False)):
        found = _average_of(part)
        if found is not None and name:
            module.set_submodule(name, found)
    return LoadedModel(model.network, module, model.preprocessing, model.task, model.summary)


class _Loss:
    """How far a picture is from the content and the style."""

    def __init__(
        self,
        model: LoadedModel,
        scene: Tensor,
        manner: Tensor,
        content: tuple[LayerCall, ...],
        style: tuple[LayerCall, ...],
        style_weight: float,
        variation: float,
    ) -> None:
        self.model, self.content, self.style = model, content, style
        self.style_weight, self.variation = style_weight, variation
        self.calls = tuple(dict.fromkeys((*content, *style)))
        with torch.no_grad():
            wanted = self._maps(scene)
            self.maps = {call.path: wanted[call.path] for call in content}
            manners = self._maps(manner)
            self.grams = {call.path: gram(manners[call.path]) for call in style}
        self.last: Mapping[str, float] = {}

    def __call__(self, picture: Tensor) -> Tensor:
        """Return the weighted sum; its parts are kept in `last`."""
        found = self._maps(picture)
        content = torch.stack([_share(found[path], wanted) for path, wanted in self.maps.items()]).mean()
        style = torch.stack([_share(gram(found[path]), wanted) for path, wanted in self.grams.items()]).mean()
        self.last = {"content": float(content.detach()), "style": float(style.detach())}
        return content + self.style_weight * style + self.variation * roughness(picture)

    def _maps(self, picture: Tensor) -> dict[str, Tensor]:
        return outputs(lambda: self.model.module(normalised(self.model, picture)), self.calls)


def gram(maps: Tensor) -> Tensor:
    """Return how channels go together: the mean over places of their products, C×C, for maps 1×C×H×W."""
    flat = maps[0].flatten(1)
    return flat @ flat.T / flat.shape[1]


def _share(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the squared distance as a share of the wanted's own square."""
    return (found - wanted).square().sum() / wanted.square().sum().clamp_min(1e-12)


def _descend(
    picture: Tensor, loss: _Loss, steps: int, note: Callable[[int, float], None]
) -> dict[str, tuple[float, ...]]:
    """Change the picture in place by L-BFGS; return the losses after each step."""
    picture.requires_grad_()
    optimizer = torch.optim.LBFGS([picture], max_iter=_INNER, history_size=20, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(picture)
        value.backward()
        return value

    found: dict[str, list[float]] = {"content": [], "style": []}
    for step in range(1, steps + 1):
        optimizer.step(closure)
        with torch.no_grad():
            picture.clamp_(0, 1)
            value = float(loss(picture))
        for name, part in loss.last.items():
            found[name].append(part)
        note(step, value)
    return {name: tuple(parts) for name, parts in found.items()}


def _layers(
    model: LoadedModel, content: Sequence[str], style: Sequence[str]
) -> tuple[tuple[LayerCall, ...], tuple[LayerCall, ...]]:
    of_content = tuple(named_layer(model, name) for name in content)
    of_style = tuple(named_layer(model, name) for name in style)
    for call in (*of_content, *of_style):
        if len(call.shape) != 3:
            raise SettingError(f"expected layers with maps, received {call.path}, which gives {call.shape[0]} features")
    if of_content and of_style:
        return of_content, of_style
    picked = picked_layers(model)
    return of_content or picked[0], of_style or picked[1]


def _sized(
    model: LoadedModel, scene: Tensor, manner: Tensor, calls: tuple[LayerCall, ...]
) -> tuple[Tensor, Tensor, str]:
    """Bring the style to the content's longer side; both to the network's own size where it takes no other, which is
    said.
    """
    height, width = manner.shape[2], manner.shape[3]
    scale = max(scene.shape[2:]) / max(height, width)
    manner = resized(manner, (max(1, round(height * scale)), max(1, round(width * scale))))
    if isinstance(model.module, NetworkModule):
        for picture in (scene, manner):
            if not all(runs_on(model, call, (picture.shape[2], picture.shape[3])) for call in calls):
                own = (model.preprocessing.height, model.preprocessing.width)
                were = " and ".join(_size(each.shape[2:]) for each in (scene, manner))
                said = f"both were brought to that size, the network's own, since its layers do not fit {were}"
                return resized(scene, own), resized(manner, own), said
    return scene, manner, ""


def _size(sides: Sequence[int]) -> str:
    return f"{sides[0]}×{sides[1]}"


def _average_of(module: nn.Module) -> nn.Module | None:
    if isinstance(module, nn.MaxPool2d):
        return nn.AvgPool2d(
            module.kernel_size, module.stride, module.padding, module.ceil_mode, count_include_pad=False
        )
    if isinstance(module, modules.PaddedMaxPool2d):
        return modules.PaddedAvgPool2d(module.kernel_size, module.stride, module.sides, count_include_pad=False)
    return None
