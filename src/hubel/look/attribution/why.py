"""Why a map shows nothing: what was looked for, and what was found instead."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hubel.look.access.layers import LayerCall, layer_calls, watching
from hubel.look.access.sample import Sample
from hubel.look.access.score import logits
from hubel.look.attribution.result import Map
from hubel.nn import device_of
from hubel.tasks import LoadedModel

FAINT = 1e-7  # of the logit: below that a map is rounding
CERTAIN = 1 - 1e-4


@dataclass(frozen=True, eq=False)
class _Passage:
    """What one layer gave for the image, and the gradient of the class's logit by it (None where it has none)."""

    path: str
    output: Tensor
    gradient: Tensor | None


def why_nothing_is_seen(
    model: LoadedModel, image: Sample, seen: Map, layer: LayerCall | None, signed: bool = False
) -> Map:
    """Return the map with notes that say why it is blank, not finite, or the same everywhere; else as it was. signed:
    whether what speaks against it is drawn.
    """
    notes = list(seen.notes)
    even = bool((image.picture == image.picture[:1, :1]).all())
    if even:
        notes.append("the image is one even colour: there is nothing in it to point at")
    if not np.isfinite([*seen.signed.ravel(), seen.score]).all():
        notes.append(_not_finite(model, _passages(model, image, seen.index)))
    elif not seen.signed.any() or np.abs(seen.signed).max() < FAINT * max(1.0, abs(seen.score)):
        notes.append(_no_gradient(_passages(model, image, seen.index), layer))
    elif not signed and not seen.magnitude.any():
        notes.append(
            f"every place of {layer.path if layer else 'the map'} speaks against {seen.class_name!r} (from "
            f"{_number(seen.signed.min())} to {_number(seen.signed.max())}), and the ReLU of Grad-CAM leaves nothing "
            "of it; the signed map shows it"
        )
    elif seen.signed.size > 1 and np.ptp(seen.signed) == 0:
        notes.append("the map is the same everywhere: it points nowhere")
    elif seen.signed.size == 1:
        notes.append(f"{layer.path if layer else 'the map'} has one place, so that its map cannot point anywhere")
    if notes and seen.probability > CERTAIN and len(notes) > len(seen.notes):
        notes.append(
            f"not the softmax: the model is certain ({seen.probability:.4%}), but the logit is attributed, which does "
            "not saturate with it"
        )
    return replace(seen, notes=tuple(notes))


def _passages(model: LoadedModel, image: Sample, index: int) -> list[_Passage]:
    """Run the network once more and note every layer's output and gradient, in the order they ran."""
    noted: list[tuple[str, Tensor]] = []

    def note(call: LayerCall, output: Tensor) -> Tensor:
        noted.append((call.path, output))
        return output.clone()

    input = image.input.to(device_of(model.module)).clone().requires_grad_()
    with watching(layer_calls(model), note):
        score = logits(model.module, input.clone())[0, index]
    outputs = [input, *(output for _, output in noted)]
    wanting = [output for output in outputs if output.requires_grad]
    gradients = iter(torch.autograd.grad(score, wanting, allow_unused=True) if score.requires_grad else [])
    names = ["the input", *(path for path, _ in noted)]
    return [
        _Passage(path, output.detach(), next(gradients, None) if output.requires_grad else None)
        for path, output in zip(names, outputs, strict=True)
    ]


def _not_finite(model: LoadedModel, passages: list[_Passage]) -> str:
    for name, weight in model.module.state_dict().items():
        if weight.is_floating_point() and not torch.isfinite(weight).all():
            return f"the map means nothing since the weights {name} are not finite: {_broken(weight)}; train again"
    for passage in passages:
        if not torch.isfinite(passage.output).all():
            return f"the map means nothing: {passage.path} is the first layer that gives {_broken(passage.output)}"
    for passage in reversed(passages):
        if passage.gradient is not None and not torch.isfinite(passage.gradient).all():
            return (
                f"the map is not finite: every layer's output is, but the gradient that reaches {passage.path} is "
                f"{_broken(passage.gradient)} (a root or logarithm of 0, or a number too large for float32)"
            )
    return "the map is not finite: its numbers are too large for float32"


def _broken(values: Tensor) -> str:
    nans, infinite = int(values.isnan().sum()), int(values.isinf().sum())
    found = [f"{count:,} {word}" for count, word in ((nans, "NaN"), (infinite, "infinite")) if count]
    return f"{' and '.join(found)} of {values.numel():,} numbers"


def _no_gradient(passages: list[_Passage], layer: LayerCall | None) -> str:
    """Go from the logit back to the layer (or the input) and name the place where the gradient is lost."""
    place = layer.path if layer else "the input"
    aim = next((passage for passage in passages if passage.path == place), passages[0])
    if layer is not None and not aim.output.any():
        return f"the map is blank since {place} gives 0 everywhere for this image: its units are dead"
    after = passages[passages.index(aim) + 1 :]
    dead = next((passage for passage in after if not passage.output.any() and passage.output.numel() > 1), None)
    if dead is not None:
        return (
            f"the map is blank: all {dead.output[0].numel():,} numbers of {dead.path} are 0 for this image (dead "
            "units), so that nothing before it can change the class's logit"
        )
    flat = next((passage for passage in after if _is_saturated(passage)), None)
    if flat is not None:
        return (
            f"the map is blank: {flat.path} is saturated (its numbers are all at the ends of its range), so that "
            "hardly any gradient passes it"
        )
    if aim.gradient is None or not aim.gradient.any():
        return f"the map is blank: the class's logit does not depend on {place} for this image (its gradient is 0)"
    return f"the map is blank: map and gradient of {place} cancel out"


def _is_saturated(passage: _Passage) -> bool:
    """Whether numbers lie at the ends of a bounded activation: ±1 for tanh, 0 and 1 for sigmoid, 0 and 6 for ReLU6."""
    values = passage.output
    end = 6.0 if values.max() > 2 else 1.0
    away = torch.minimum((values.abs() - end).abs(), values.abs() if (values >= 0).all() else values.new_tensor(end))
    return bool((away < 1e-4).all()) and values.numel() > 1


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")
