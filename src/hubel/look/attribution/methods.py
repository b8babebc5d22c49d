"""Where a network looked: Grad-CAM, saliency, integrated gradients, occlusion. Captum does the arithmetic.

All four attribute a logit, not a probability: near certainty a softmax is flat, and its gradient vanishes. Maps come as
arrays of numbers, rows × columns, with what they mean; `figure()` draws them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from math import ceil, nan
from typing import Any

import torch
from torch import Tensor

from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.look.access.layers import LayerCall, last_maps, named_layer
from hubel.look.access.models import of_any_model
from hubel.look.access.sample import Sample, samples
from hubel.look.access.score import BUDGET, Place, Score, batch_size, class_index, logits
from hubel.look.attribution.baseline import BASELINES, Baseline, baseline_name, baseline_of
from hubel.look.attribution.result import Attributions, Map
from hubel.look.attribution.sentences import of_what_it_says
from hubel.look.attribution.why import why_nothing_is_seen
from hubel.nn import device_of, input_gradients
from hubel.tasks import LoadedModel, Task
from hubel.tasks.model import require_scores

__all__ = ["BASELINES", "Attributions", "Map", "grad_cam", "integrated_gradients", "occlusion", "saliency"]

Images = Sequence[Any] | Any  # what `sample` takes, or Samples; one or many
_Found = list[tuple[Tensor, Tensor, dict[str, float], tuple[str, ...]]]  # signed, magnitude, facts, notes
_Compute = Callable[[Tensor, list[int]], _Found]


@of_any_model
@of_what_it_says
def grad_cam(
    model: LoadedModel,
    images: Images,
    *,
    classes: Sequence[str | int] = (),
    top: int | None = None,
    layer: str | None = None,
    at: Place | None = None,
    budget: int = BUDGET,
) -> Attributions:
    """Which places of a layer's maps speak for a class (Selvaraju et al. 2017): Σ over channels of map × mean gradient.

    images: paths, files' bytes, Pillow images, arrays, or Samples. classes: names or numbers; else the `top` likeliest
    of each image (1 by default). Of a model that writes they are the words that it says of an image, by default all.
    layer: a path of the tree; else the last with more than one place. A map has the layer's own rows
    and columns; `signed` is the sum, `magnitude` that with zero for what is below (the paper's ReLU). at: of a network
    that says something of every place, the row and the column of the input to ask about; else the mean of all places.
    budget: bytes that a batch may take. Raises KeyError, ValueError for a layer or class that is not there.
    """
    chosen, why = (named_layer(model, layer), "") if layer else last_maps(model)
    if len(chosen.shape) != 3:
        raise SettingError(
            f"expected a layer with maps, received {chosen.path}, which gives {chosen.shape[0]} features"
        )
    score = Score(model.module, chosen, at)
    method = _captum().LayerGradCam(score, score.tap)

    def compute(inputs: Tensor, indices: list[int]) -> _Found:
        sums = method.attribute(inputs.requires_grad_(), target=indices)[:, 0]
        return [(each, each.clamp_min(0), {}, ()) for each in sums.detach()]

    shape = "×".join(map(str, chosen.shape))
    about = (
        f"places of {chosen.path} ({shape}{', ' + why if why else ''}): Σ over channels of map × mean gradient of the "
        "class's logit (Selvaraju et al. 2017)"
    )
    return _attributions("Grad-CAM", about, model, images, classes, top, compute, budget, at, chosen)


@of_any_model
@of_what_it_says
def saliency(
    model: LoadedModel,
    images: Images,
    *,
    classes: Sequence[str | int] = (),
    top: int | None = None,
    samples: int = 1,
    noise: float = 0.15,
    seed: int = 0,
    at: Place | None = None,
    budget: int = BUDGET,
) -> Attributions:
    """How steeply a class's logit changes with each pixel (Simonyan et al. 2014): its gradient.

    `magnitude` is the largest of the channels' absolute values, `signed` the channels' sum, in logits for each unit of
    the normalised input. samples: with more than one, the mean over so many noisy copies (SmoothGrad, Smilkov et al.
    2017); noise is the deviation as a share of the input's range. The same seed gives the same map. Other arguments as
    for `grad_cam`. Raises ValueError for samples below 1 or noise not above zero.
    """
    if samples < 1 or not noise > 0:
        raise SettingError(f"expected samples of at least 1 and noise above 0, received {samples} and {noise}")
    attr = _captum()
    method, most = attr.Saliency(Score(model.module, at=at)), batch_size(model, budget)

    def compute(inputs: Tensor, indices: list[int]) -> _Found:
        found: _Found = []
        for input, index in zip(inputs, indices, strict=True):
            settings: dict[str, Any] = {"target": index, "abs": False}
            run = method
            if samples > 1:
                torch.manual_seed(seed)  # each image's noise is its own, whatever else is in the batch
                run = attr.NoiseTunnel(method)
                spread = float(noise * (input.max() - input.min()))
                settings |= {"nt_samples": samples, "nt_samples_batch_size": min(samples, most), "stdevs": spread}
            gradient = run.attribute(input[None].clone().requires_grad_(), **settings)[0].detach()
            found.append((gradient.sum(0), gradient.abs().amax(0), {}, ()))
        return found

    smooth = f"; the mean of {samples} noisy copies (SmoothGrad, Smilkov et al. 2017)" if samples > 1 else ""
    part, _ = _seen(model)
    about = (
        f"gradient of the class's logit by each {part}, the largest over the channels (Simonyan et al. 2014){smooth}"
    )
    return _attributions("Saliency", about, model, images, classes, top, compute, budget, at, share=0.995)


@of_any_model
@of_what_it_says
def integrated_gradients(
    model: LoadedModel,
    images: Images,
    *,
    classes: Sequence[str | int] = (),
    top: int | None = None,
    baseline: Baseline | None = None,
    tolerance: float = 0.02,
    most_steps: int = 128,
    at: Place | None = None,
    budget: int = BUDGET,
) -> Attributions:
    """What each pixel adds to a class's logit on the way from a baseline to the image (Sundararajan et al. 2017).

    `signed` adds up to the logit of the image minus that of the baseline; how nearly it does is `facts["error"]`, a
    share. Steps are raised from 32 until that is at most `tolerance`, or `most_steps` are reached, which a note says.
    baseline: "black", "white", "mean" (the training images'), "blur"; else the ground of drawings, black for
    photographs. Other arguments as for `grad_cam`.
    """
    if not tolerance > 0 or most_steps < 1:
        raise SettingError(f"expected a tolerance above 0 and steps of at least 1, received {tolerance}, {most_steps}")
    method, most = _captum().IntegratedGradients(Score(model.module, at=at)), batch_size(model, budget)

    def once(input: Tensor, start: Tensor, index: int, steps: int) -> tuple[Tensor, dict[str, float]]:
        found, error = method.attribute(
            input.requires_grad_(),
            start,
            target=index,
            n_steps=steps,
            internal_batch_size=min(most, steps),
            return_convergence_delta=True,
        )
        values = found[0].detach().sum(0)
        change = float(values.sum()) - float(error)
        share = abs(float(error)) / max(abs(change), 1e-6)
        return values, {"steps": steps, "sum": float(values.sum()), "change": change, "error": share}

    def compute(inputs: Tensor, indices: list[int]) -> _Found:
        found: _Found = []
        for input, index in zip(inputs, indices, strict=True):
            start, steps = baseline_of(model, input[None], baseline), min(32, most_steps)
            values, facts = once(input[None].clone(), start, index, steps)
            while facts["error"] > tolerance and steps < most_steps:
                needed = steps * facts["error"] / tolerance  # the error falls about as steps grow
                steps = min(max(2 * steps, ceil(min(needed, most_steps))), most_steps)
                values, facts = once(input[None].clone(), start, index, steps)
            found.append((values, values.abs(), facts, _incomplete(facts, tolerance)))
        return found

    part, whole = _seen(model)
    about = (
        f"what each {part} adds to the class's logit on the way from {baseline_name(model, baseline)} to the {whole}; "
        "all of them add up to the change of the logit (Sundararajan et al. 2017)"
    )
    return _attributions(
        "Integrated gradients", about, model, images, classes, top, compute, budget, at, signed=True, share=0.995
    )


@of_any_model
@of_what_it_says
def occlusion(
    model: LoadedModel,
    images: Images,
    *,
    classes: Sequence[str | int] = (),
    top: int | None = None,
    window: int | None = None,
    stride: int | None = None,
    baseline: Baseline | None = None,
    at: Place | None = None,
    budget: int = BUDGET,
) -> Attributions:
    """How much a class's logit falls when a square of the image is covered (Zeiler and Fergus 2014).

    `signed` is the mean fall over all squares that cover a pixel; below zero, the cover helped. window, stride: the
    square's side and step in pixels; else a seventh of the shorter side, and half of that. baseline: what covers; else
    the ground of drawings, the training images' mean for photographs. Other arguments as for `grad_cam`.
    Raises ValueError for a window that is not in the image, or a stride that leaves pixels out.
    """
    height, width, channels = (getattr(model.preprocessing, name) for name in ("height", "width", "channels"))
    side = window if window is not None else max(1, min(height, width) // 7)
    step = stride if stride is not None else max(1, side // 2)
    if not 1 <= side <= min(height, width) or not 1 <= step <= side:
        raise SettingError(
            f"expected a window from 1 to {min(height, width)} pixels and a stride from 1 to the window, so that every "
            f"pixel is covered, received window {side} and stride {step}"
        )
    method, most = _captum().Occlusion(Score(model.module, at=at)), batch_size(model, budget)

    def compute(inputs: Tensor, indices: list[int]) -> _Found:
        found: _Found = []
        for input, index in zip(inputs, indices, strict=True):
            values = method.attribute(
                input[None],
                sliding_window_shapes=(channels, side, side),
                strides=(channels, step, step),
                baselines=baseline_of(model, input[None], baseline or _cover(model)),
                target=index,
                perturbations_per_eval=most,
            )[0, 0]  # a square covers all channels at once: one number, in each
            found.append((values, values.abs(), {"window": side, "stride": step}, ()))
        return found

    hears = model.preprocessing.fit == "time"
    what = f"{side} bands by {side} steps of 10 ms" if hears else f"{side}×{side} pixels"
    about = (
        f"how much the class's logit falls when {what} are covered with "
        f"{baseline_name(model, baseline or _cover(model))}, every {step} {'of each' if hears else 'pixels'} "
        "(Zeiler and Fergus 2014)"
    )
    return _attributions("Occlusion", about, model, images, classes, top, compute, budget, at, signed=True)


def _place(task: Task, word: str | int) -> int:
    """What is asked for, in the order of a model's scores. Raises SettingError where it is none of them."""
    try:
        return class_index(task.scored, word, task.noun)
    except SettingError:
        if not task.sentence:
            raise
        why = f"none of the {len(task.lexicon):,} words that it knows{did_you_mean(str(word), task.lexicon)}"
        if str(word).lower() in task.lexicon:
            why = "a word that it knows and does not say here"
        raise SettingError(
            f"expected one of the words of what the model says of this picture, {task.sentence!r}, received {word!r}, "
            f"which is {why}"
        ) from None


def _attributions(
    method: str,
    about: str,
    model: LoadedModel,
    images: Images,
    classes: Sequence[str | int],
    top: int | None,
    compute: _Compute,
    budget: int,
    at: Place | None,
    layer: LayerCall | None = None,
    signed: bool = False,
    **drawing: Any,
) -> Attributions:
    """Run a method for every image and class, in batches that fit the budget."""
    require_scores(model, at)
    wanted = [_place(model.task, name) for name in classes]
    top = top or 1
    if not 1 <= top <= len(model.task.scored):
        raise SettingError(f"expected top from 1 to {len(model.task.scored)}, received {top}")
    prepared, signed = samples(model, images), signed or bool(model.task.sentence)
    most, device = batch_size(model, budget), device_of(model.module)
    found: list[list[Map]] = [[] for _ in prepared]
    with input_gradients(model.module):
        scores = _scores(model, prepared, most, at)
        likeliest = model.task.foremost(scores[:, : len(model.task.scored)], top)
        pairs = [(place, index) for place in range(len(prepared)) for index in wanted or likeliest[place]]
        for start in range(0, len(pairs), most):
            batch = pairs[start : start + most]
            inputs = torch.cat([prepared[place].input for place, _ in batch]).to(device)
            for (place, index), result in zip(batch, compute(inputs, [index for _, index in batch]), strict=True):
                seen = _map(model, prepared[place], scores[place], index, result)
                found[place].append(why_nothing_is_seen(model, prepared[place], seen, layer, signed))
    about = about.replace("the class's logit", f"the {model.task.noun[0]}'s {model.task.score}")
    about = about.replace("the change of the logit", f"the change of the {model.task.score}")
    if model.task.about_places:
        about += "; of the " + ("mean of all places" if at is None else f"place {at[0]},{at[1]} of the input")
    return Attributions(
        method,
        about,
        model.network.title,
        prepared,
        tuple(map(tuple, found)),
        layer.path if layer else None,
        signed,
        score=model.task.score,
        said=(model.task.sentence,) if model.task.sentence else (),
        **drawing,
    )


def _map(model: LoadedModel, image: Sample, scores: Tensor, index: int, result: Any) -> Map:
    signed, magnitude, facts, notes = result
    outcome = model.task.probabilities(scores[None])[0]
    return Map(
        image.name,
        model.task.scored[index],
        index,
        bool(model.task.said(outcome)[index]),
        float(outcome[index]) if model.task.shares else nan,
        float(scores[index]),
        signed.float().cpu().numpy(),
        magnitude.float().cpu().numpy(),
        facts,
        notes,
        model.task.tell(float(outcome[index])),
        None if model.task.shares else float(outcome[index]),
    )


def _scores(model: LoadedModel, prepared: tuple[Sample, ...], most: int, at: Place | None) -> Tensor:
    device = device_of(model.module)
    with torch.no_grad():
        batches = [prepared[start : start + most] for start in range(0, len(prepared), most)]
        return torch.cat(
            [
                logits(model.module, torch.cat([one.input for one in batch]).to(device), at).float().cpu()
                for batch in batches
            ]
        )


def _seen(model: LoadedModel) -> tuple[str, str]:
    """What a network sees, a part of it and the whole, in words."""
    return ("place of the spectrogram", "sound") if model.preprocessing.fit == "time" else ("pixel", "image")


def _incomplete(facts: dict[str, float], tolerance: float) -> tuple[str, ...]:
    if facts["error"] <= tolerance:
        return ()
    return (
        f"after {facts['steps']:.0f} steps the pixels add up to {facts['sum']:.4g} where the logit changes by "
        f"{facts['change']:.4g}, {facts['error']:.1%} off; more steps may help",
    )


def _cover(model: LoadedModel) -> Baseline | None:
    return None if model.preprocessing.ink else "mean"


def _captum() -> Any:
    try:
        return importlib.import_module("captum.attr")  # no types of its own
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "captum":
            raise
        raise ModuleNotFoundError(
            "expected Captum for its arithmetic, and it is not installed; install it with: pip install 'hubel[look]'",
            name="captum",
        ) from None
