"""What PyTorch has for sequences alone: layers that the tree has for pictures, and states carried along steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import hubel.arch as arch
from hubel.base.errors import NetworkError
from hubel.nn.inspection.tensors import tensors_in
from hubel.nn.reading.graph import Step
from hubel.nn.reading.lying import TURNS
from hubel.nn.reading.moves import argument, moved
from hubel.nn.reading.record import Call
from hubel.nn.reading.tensors import Tensors, Value
from hubel.nn.reading.worked import Worked


def of_one_column(module: nn.Module) -> nn.Module | None:
    """Return the module that does to a picture of one column what this does to a sequence; None where it is no such."""
    made = ONE_COLUMN.get(type(module))
    with torch.device("meta"):
        return None if made is None else made(module)


def _transposed(module: Any) -> nn.Module:
    return nn.ConvTranspose2d(
        module.in_channels,
        module.out_channels,
        (module.kernel_size[0], 1),
        (module.stride[0], 1),
        (module.padding[0], 0),
        (module.output_padding[0], 0),
        module.groups,
        module.bias is not None,
        (module.dilation[0], 1),
    )


def _adaptive(kind: type[nn.Module]) -> Callable[[Any], nn.Module | None]:
    def made(module: Any) -> nn.Module | None:
        size = module.output_size[0] if isinstance(module.output_size, (tuple, list)) else module.output_size
        return None if size in (1, None) else kind((size, 1))

    return made


def _upsampling(module: Any) -> nn.Module | None:
    mode = {"nearest": "nearest", "linear": "bilinear"}.get(module.mode)
    first = {name: _first(getattr(module, name)) for name in ("size", "scale_factor")}
    sizes = {name: (value, type(value)(1)) for name, value in first.items() if value is not None}
    return None if mode is None else nn.Upsample(mode=mode, align_corners=module.align_corners, **sizes)  # type: ignore[arg-type]


def _first(size: Any) -> Any:
    return size[0] if isinstance(size, (tuple, list)) else size


ONE_COLUMN: Mapping[type[nn.Module], Callable[[Any], nn.Module | None]] = {
    nn.ConvTranspose1d: _transposed,
    nn.AdaptiveAvgPool1d: _adaptive(nn.AdaptiveAvgPool2d),
    nn.AdaptiveMaxPool1d: _adaptive(nn.AdaptiveMaxPool2d),
    nn.Upsample: _upsampling,
}

CELLS: Mapping[type[nn.Module], type[arch.LSTM] | type[arch.GRU] | type[arch.SimpleRNN]] = {
    nn.LSTM: arch.LSTM,
    nn.GRU: arch.GRU,
    nn.RNN: arch.SimpleRNN,
}


def to_steps(call: Call, order: str) -> bool:
    """Whether a call brings a sequence's steps before the images, or leaves them there."""
    axes = moved(call, 3) if call.output.dim() == 3 else None
    return order == "steps" if axes is None else TURNS.get((order, axes)) == "steps"


def recurred(tensors: Tensors, call: Call, given: Tensor, constants: Sequence[Tensor]) -> None:
    """Read an LSTM, a GRU or an RNN of several layers, one way or both.

    Each layer stands twice, once giving all its states and once the last: what is not taken is left out.
    """
    module: Any = call.what
    if type(module) not in CELLS:
        raise NetworkError(f"{call.label}: the tree has no layer for {type(module).__name__}")
    numbers = [tensors.fixed(each) for each in constants]
    if any(each is None or bool(each.any()) for each in numbers):
        raise NetworkError(f"{call.label}: in a tree states begin with zeros, here with others")
    value = tensors[given]
    if given.dim() != 3 or value.order != ("last" if module.batch_first else "steps"):
        has = "N×T×C" if module.batch_first else "T×N×C (batch_first=False)"
        raise NetworkError(f"{call.label}: its input, {has}, is not what comes of a sequence's steps and features")
    if getattr(module, "proj_size", 0):
        raise NetworkError(f"{call.label}: the tree has no {type(module).__name__} with proj_size")
    last, place, shape = list[int](), value.place, (given.shape[0 if value.order == "steps" else 1], value.shape[0])
    units, ways = module.hidden_size, (False, True) if module.bidirectional else (False,)
    for number in range(module.num_layers):
        states = list[int]()
        for backwards in ways:
            for sequences in (True, False):
                layer = _layer(module, sequences, backwards)
                weights = _weights(module, f"_l{number}{'_reverse' if backwards else ''}")
                (states if sequences else last).append(len(tensors.steps))
                made = (shape[0], units) if sequences else (units,)
                tensors.steps.append(Step(call.label, layer, (place,), weights, shape=made))
        if module.bidirectional and number + 1 < module.num_layers:
            raise NetworkError(f"{call.label}: a tree reads both ways in one layer, not in {module.num_layers}")
        place, shape = states[0], (shape[0], units)
        if module.dropout and number + 1 < module.num_layers:
            tensors.steps.append(Step(call.label, arch.Dropout(module.dropout), (place,), shape=shape))
            place = len(tensors.steps) - 1
    output, carried = call.output
    if module.bidirectional:
        why = "the states of both ways at each step (the last of each, h[-2] and h[-1], have a place in a tree)"
        tensors.lose(output, NetworkError(f"{call.label}: a tree has no place for {why}"))
    else:
        tensors.set(output, Value(place, (units, shape[0]), value.order, last[-1]))
    states_of, *cells = carried if isinstance(carried, tuple) else (carried,)
    tensors.set(states_of, Value(last[-1], (units,), "states", tuple(last)))
    for cell in cells:
        tensors.lose(cell, NetworkError(f"{call.label}: a tree's LSTM gives its state, not its cell"))


def last_state(tensors: Tensors, call: Call, given: Tensor) -> bool:
    """Read what takes the last step's state of all, or one layer's of the last; false for another operation."""
    value = tensors[given]
    place: int | None = None
    if value.order == "states":
        place = _of_states(call, given, value)
        if place is None:
            raise NetworkError(f"{call.label}: of the last states of an LSTM, GRU or RNN a tree takes one: h[-1]")
    elif isinstance(value.made, int) and value.order in ("last", "steps") and call.what == "getitem":
        index = call.inputs[1] if isinstance(call.inputs[1], tuple) else (call.inputs[1],)
        axis = 0 if value.order == "steps" else 1
        steps = given.shape[axis]
        taken = [each for other in tensors.record.calls for each in tensors_in((other.inputs, other.keywords))]
        alone = sum(each is given for each in taken) == 1
        kept = alone and all(each in (slice(None), Ellipsis) for number, each in enumerate(index) if number != axis)
        if len(index) > axis and type(index[axis]) is int and index[axis] in (-1, steps - 1) and kept:
            place = value.made
    if place is None:
        return False
    tensors.set(call.output, Value(place, value.shape[:1]))
    return True


def _of_states(call: Call, given: Tensor, value: Value) -> int | None:
    if call.what == "squeeze" and given.shape[0] == 1 and argument(call, 1, "dim") in (0, -3):
        return int(value.made[0])
    chosen = call.inputs[1] if call.what == "getitem" else None
    if isinstance(chosen, tuple) and chosen and all(each in (slice(None), Ellipsis) for each in chosen[1:]):
        chosen = chosen[0]
    return value.made[chosen] if type(chosen) is int and call.output.dim() == 2 else None


def _layer(module: Any, sequences: bool, backwards: bool) -> arch.Layer:
    cell = CELLS[type(module)]
    more = {"activation": module.nonlinearity} if isinstance(module, nn.RNN) else {}
    return cell(module.hidden_size, use_bias=module.bias, return_sequences=sequences, go_backwards=backwards, **more)


def _weights(module: Any, end: str) -> dict[str, Any]:
    """Return the weights of one of its layers; of two biases that are added the tree has the sum."""
    names = ("weight_ih", "weight_hh", *(("bias_ih", "bias_hh") if module.bias else ()))
    found: dict[str, Any] = {f"{name}_l0": getattr(module, name + end) for name in names}
    if module.bias and not isinstance(module, nn.GRU):
        gates = found["bias_ih_l0"].numel()
        found["bias_ih_l0"] = Worked((found["bias_ih_l0"], found.pop("bias_hh_l0")), torch.add, gates)
    return found
