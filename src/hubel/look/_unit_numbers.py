"""The arithmetic of activations, normalisation and scales: one number is carried through."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from hubel.arch import (
    Activation,
    BatchNormalization,
    GroupNormalization,
    LayerNormalization,
    LeakyReLU,
    LocalResponseNormalization,
    Scale,
    SqueezeExcitation,
)
from hubel.look._unit_step import Arithmetic, Array, Finish, Place, Places, at, grid, read, scalar, taken
from hubel.look.convolve import ACTIVATIONS
from hubel.look.grids import rounded_text as short


def activated(function: str, found: Arithmetic, others: Array, own: int) -> Arithmetic:
    """Add an activation to what is done to a sum; softmax needs the numbers of the other channels too."""
    x = found.value
    if function in ("linear", ""):
        return found
    if function == "softmax":
        total = 1 + float(np.exp(np.delete(others, own) - x).sum())
        text = f"e^{short(x)} / Σ e^x over {len(others)} numbers = {short(1 / total)}"
        return replace(found, finish=(*found.finish, Finish("softmax", text, 1 / total)))
    value = x * min(max(x + 3, 0.0), 6.0) / 6 if function == "hardswish" else float(ACTIVATIONS[function](x))
    return replace(found, finish=(*found.finish, Finish(function, f"{function}({short(x)}) = {short(value)}", value)))


def activation(layer: Activation, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Apply the function to the number; softmax to the numbers of all channels here."""
    places = _beside(tensor, place)
    others = at(tensor, places)
    own = place[-1]
    if layer.function != "softmax":
        return activated(layer.function, taken(place, float(others[own])), others, own)
    powers = np.exp(others - others.max())
    found = Arithmetic(places, others, np.ones(len(others)), powers, "sum", own)
    value = float(powers[own] / powers.sum())
    text = f"e^{short(others[own])} / Σ e^x over {len(others)} numbers = {short(value)}"
    return replace(found, finish=(Finish("softmax", text, value),))


def leaky(layer: LeakyReLU, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Let a negative number through, times the slope."""
    x = float(at(tensor, np.array([place]))[0])
    value = x if x >= 0 else x * layer.negative_slope
    text = f"max(x, {short(layer.negative_slope)}·x) at x = {short(x)} is {short(value)}"
    return taken(place, x, (Finish("leaky relu", text, value),))


def _beside(tensor: Array, place: Place) -> Places:
    """Return the places of all channels here, or all of a vector."""
    count = np.arange(tensor.shape[0])
    return count[:, np.newaxis] if tensor.ndim == 1 else grid([place[0]], [place[1]], count)


def _affine(module: Any, value: float, channel: int) -> tuple[Finish, ...]:
    """Multiply by the channel's learned factor and add its learned shift, where there are any."""
    steps: tuple[Finish, ...] = ()
    if getattr(module, "weight", None) is not None:
        factor = scalar(module.weight[channel])
        steps = (*steps, Finish("scale", f"{short(value)} · {short(factor)} = {short(value * factor)}", value * factor))
        value *= factor
    if getattr(module, "bias", None) is not None:
        shift = scalar(module.bias[channel])
        text = f"{short(value)} + {short(shift)} = {short(value + shift)}".replace("+ −", "− ")
        steps = (*steps, Finish("shift", text, value + shift))
    return steps


def _normalised(x: float, mean: float, variance: float, epsilon: float) -> Finish:
    value = (x - mean) / math.sqrt(variance + epsilon)
    text = f"({short(x)} − {short(mean)}) / √({short(variance)} + {epsilon:g}) = {short(value)}"
    return Finish("normalise", text.replace("− −", "+ "), value)


def over_the_batch(layer: BatchNormalization, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Normalise by the running mean and variance that training left."""
    x = float(at(tensor, np.array([place]))[0])
    mean, variance = scalar(module.running_mean[place[-1]]), scalar(module.running_var[place[-1]])
    first = _normalised(x, mean, variance, module.eps)
    return taken(place, x, (first, *_affine(module, first.value, place[-1])))


def over_the_channels(layer: LayerNormalization, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Normalise by the mean and variance of the channels here."""
    return _over(tensor, _beside(tensor, place), place, module)


def over_a_group(layer: GroupNormalization, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Normalise by the mean and variance of the group's channels over the whole picture (or vector)."""
    each = tensor.shape[0] // layer.groups
    first = place[-1] // each * each
    channels = np.arange(first, first + each)
    if tensor.ndim == 1:
        return _over(tensor, channels[:, np.newaxis], place, module)
    return _over(tensor, grid(np.arange(tensor.shape[1]), np.arange(tensor.shape[2]), channels), place, module)


def _over(tensor: Array, places: Places, place: Place, module: Any) -> Arithmetic:
    values = at(tensor, places)
    own = int(np.flatnonzero((places == np.array(place)).all(1))[0])
    mean, variance = float(values.mean()), float(values.var())
    count = len(values)
    steps = (
        Finish("mean", f"{short(float(values.sum()))} / {count} = {short(mean)}", mean),
        Finish("variance", f"Σ (x − mean)² / {count} = {short(variance)}", variance),
        _normalised(float(values[own]), mean, variance, module.eps),
    )
    finish = (*steps, *_affine(module, steps[-1].value, place[-1]))
    return Arithmetic(places, values, np.ones(count), values, "sum", own, 0, finish)


def over_neighbours(layer: LocalResponseNormalization, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Divide by a power of the squares of the channels around."""
    channel = place[2]
    first, last = channel - layer.size // 2, channel + (layer.size - 1) // 2
    channels = np.arange(max(first, 0), min(last + 1, tensor.shape[0]))
    places = grid([place[0]], [place[1]], channels)
    values = at(tensor, places)
    x = float(tensor[channel, place[0], place[1]])
    base = layer.k + layer.alpha / layer.size * float((values**2).sum())
    value = x / base**layer.beta
    squares = short(float((values**2).sum()))
    steps = (
        Finish("divisor", f"{layer.k:g} + {layer.alpha:g}/{layer.size} · {squares} = {short(base)}", base),
        Finish("divide", f"{short(x)} / {short(base)}^{layer.beta:g} = {short(value)}", value),
    )
    own = channel - int(channels[0])
    padding = layer.size - len(channels)
    return Arithmetic(places, values, values, values**2, "sum", own, padding, steps)


def scaled(layer: Scale, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Multiply by the channel's factor, add its shift."""
    x = float(at(tensor, np.array([place]))[0])
    return taken(place, x, _affine(module, x, place[-1]))


def gated(layer: SqueezeExcitation, module: Any, tensor: Array, place: Place) -> Arithmetic:
    """Multiply by the channel's gate, which a small network makes of every channel's mean."""
    means = tensor.mean((1, 2))
    narrow = _linear(module.squeeze, means)
    held = np.maximum(narrow, 0)
    gates = _linear(module.excite, held)
    before = float(gates[place[2]])
    gate = 0.5 * (1 + math.tanh(before / 2))
    x = float(tensor[place[2], place[0], place[1]])
    listed = ", ".join(short(float(value)) for value in held[:6]) + (" …" if len(held) > 6 else "")
    steps = (
        Finish("squeeze", f"relu of {len(held)} sums over {len(means)} channels' means: {listed}", float(held.sum())),
        Finish("excite", f"Σ w·squeezed + bias = {short(before)}", before),
        Finish("gate", f"sigmoid({short(before)}) = {short(gate)}", gate),
        Finish("multiply", f"{short(x)} · {short(gate)} = {short(x * gate)}", x * gate),
    )
    return taken(place, x, steps)


def _linear(module: Any, values: Array) -> Array:
    weights: Array = read(module.weight)[:, :, 0, 0]
    found: Array = weights @ values + read(module.bias)
    return found
