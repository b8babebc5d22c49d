"""The arithmetic of activations, normalisation, scales and gates: one number is carried through."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from hubel.arch import ops
from hubel.base.numbers import rounded_text as short
from hubel.look.unit.step import Arithmetic, Array, Arrays, Finish, Place, Places, at, grid, taken


def activated(operation: ops.Activate, found: Arithmetic, others: Array, own: int) -> Arithmetic:
    """Add an activation to what is done to a sum; softmax needs the numbers of the other channels too."""
    x, name = found.value, operation.function
    if operation.looks_at_channels:
        total = 1 + float(np.exp(np.delete(others, own) - x).sum())
        if name == "log_softmax":
            return replace(found, finish=(*found.finish, _logarithm(x, x + math.log(total), len(others))))
        text = f"e^{short(x)} / Σ e^x over {len(others)} numbers = {short(1 / total)}"
        return replace(found, finish=(*found.finish, Finish("softmax", text, 1 / total)))
    value = float(ops.FUNCTIONS[name].at(x, **operation.constants))
    constants = "".join(f", {constant} {short(number)}" for constant, number in operation.constants.items())
    text = f"{name}({short(x)}{constants}) = {short(value)}"
    return replace(found, finish=(*found.finish, Finish(name, text, value)))


def activation(operation: ops.Activate, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Apply the function to the number; softmax to the numbers of all channels here."""
    places = beside(tensor, place)
    others = at(tensor, places)
    own = place[-1]
    if operation.function != "softmax":  # its logarithm is one number less what all have
        return activated(operation, taken(place, float(others[own])), others, own)
    powers = np.exp(others - others.max())
    found = Arithmetic(places, others, np.ones(len(others)), powers, "sum", own)
    value = float(powers[own] / powers.sum())
    text = f"e^{short(others[own])} / Σ e^x over {len(others)} numbers = {short(value)}"
    return replace(found, finish=(Finish("softmax", text, value),))


def _logarithm(x: float, everything: float, count: int) -> Finish:
    """Subtract the logarithm of all powers from a number."""
    text = f"{short(x)} − ln Σ e^x over {count} numbers = {short(x - everything)}"
    return Finish("log_softmax", text, x - everything)


def bent(operation: ops.Slope, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Multiply what is below zero by its learned slope."""
    x = float(at(tensor, np.array([place]))[0])
    slope = float(arrays["weight"][0 if operation.shared else place[-1]])
    steps = (Finish("slope", f"{short(x)} · {short(slope)} = {short(x * slope)}", x * slope),) if x < 0 else ()
    return taken(place, x, steps)


def beside(tensor: Array, place: Place) -> Places:
    """Return the places of all channels here, or all of a vector."""
    return grid(*([part] for part in place[:-1]), np.arange(tensor.shape[0]))


def _affine(arrays: Arrays, value: float, channel: int) -> tuple[Finish, ...]:
    """Multiply by the channel's learned factor and add its learned shift, where there are any."""
    steps: tuple[Finish, ...] = ()
    if "weight" in arrays:
        factor = float(arrays["weight"][channel])
        steps = (*steps, Finish("scale", f"{short(value)} · {short(factor)} = {short(value * factor)}", value * factor))
        value *= factor
    if "bias" in arrays:
        shift = float(arrays["bias"][channel])
        text = f"{short(value)} + {short(shift)} = {short(value + shift)}".replace("+ −", "− ")
        steps = (*steps, Finish("shift", text, value + shift))
    return steps


def scaled(operation: ops.Affine, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Multiply by the channel's factor, add its shift."""
    x = float(at(tensor, np.array([place]))[0])
    return taken(place, x, _affine(arrays, x, place[-1]))


def normalised(operation: ops.Normalise, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Normalise by the mean and variance that training left, or by those of the channels here, or of a group's."""
    x, channel = float(at(tensor, np.array([place]))[0]), place[-1]
    if operation.over == "batch":
        mean, variance = float(arrays["mean"][channel]), float(arrays["variance"][channel])
        first = _normalised(x, mean, variance, operation.epsilon)
        return taken(place, x, (first, *_affine(arrays, first.value, channel)))
    if operation.over == "place":
        places = beside(tensor, place)
    else:
        each = tensor.shape[0] // operation.groups
        start = channel // each * each
        places = grid(*map(np.arange, tensor.shape[1:]), np.arange(start, start + each))
    values = at(tensor, places)
    own = int(np.flatnonzero((places == np.array(place)).all(1))[0])
    mean, variance, count = float(values.mean()), float(values.var()), len(values)
    steps = (
        Finish("mean", f"{short(float(values.sum()))} / {count} = {short(mean)}", mean),
        Finish("variance", f"Σ (x − mean)² / {count} = {short(variance)}", variance),
        _normalised(x, mean, variance, operation.epsilon),
    )
    finish = (*steps, *_affine(arrays, steps[-1].value, channel))
    return Arithmetic(places, values, np.ones(count), values, "sum", own, 0, finish)


def _normalised(x: float, mean: float, variance: float, epsilon: float) -> Finish:
    value = (x - mean) / math.sqrt(variance + epsilon)
    text = f"({short(x)} − {short(mean)}) / √({short(variance)} + {epsilon:g}) = {short(value)}"
    return Finish("normalise", text.replace("− −", "+ "), value)


def over_neighbours(operation: ops.Respond, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Divide by a power of the squares of the channels around."""
    channel, size = place[-1], operation.size
    first, last = channel - size // 2, channel + (size - 1) // 2
    channels = np.arange(max(first, 0), min(last + 1, tensor.shape[0]))
    places = grid(*([part] for part in place[:-1]), channels)
    values = at(tensor, places)
    own = channel - int(channels[0])
    x, squares = float(values[own]), float((values**2).sum())
    base = operation.k + operation.alpha / size * squares
    value = x / base**operation.beta
    steps = (
        Finish("divisor", f"{operation.k:g} + {operation.alpha:g}/{size} · {short(squares)} = {short(base)}", base),
        Finish("divide", f"{short(x)} / {short(base)}^{operation.beta:g} = {short(value)}", value),
    )
    return Arithmetic(places, values, values, values**2, "sum", own, size - len(channels), steps)


def competing(operation: ops.Compete, arrays: Arrays, tensor: Array, place: Place) -> Arithmetic:
    """Weigh a number by how strong its channel is beside the others."""
    channel, x = place[-1], float(at(tensor, np.array([place]))[0])
    maps = tensor.reshape(tensor.shape[0], -1)
    norms = np.sqrt((np.asarray(maps, np.float64) ** 2).sum(1))
    own, mean = float(norms[channel]), float(norms.mean())
    share = own / (mean + operation.epsilon)
    factor = 1 + float(arrays["weight"][channel]) * share
    shift = float(arrays["bias"][channel])
    weighed = f"{short(x)} · (1 + {short(float(arrays['weight'][channel]))} · {short(share)}) + {short(shift)}"
    steps = (
        Finish("norm", f"√Σ x² over {maps.shape[1]} places = {short(own)}", own),
        Finish("share", f"{short(own)} / ({short(mean)} + {operation.epsilon:g}) = {short(share)}", share),
        Finish("weigh", f"{weighed} = {short(x * factor + shift)}".replace("+ −", "− "), x * factor + shift),
    )
    return taken(place, x, steps)
