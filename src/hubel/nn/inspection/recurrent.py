"""LSTMs as the processor runs them, by oneDNN: one operation for each layer and direction, with a workspace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

PAGE = 4096  # bytes
LSTM = 2  # as oneDNN numbers it


def by_onednn(device: torch.device, args: Sequence[Any]) -> bool:
    """Whether PyTorch gives an LSTM to oneDNN: on the processor, of no packed sequence, without projections."""
    if device.type != "cpu" or len(args) != 9 or isinstance(args[1], Tensor) or not args[0].numel():
        return False
    states, weights, biased = args[1], args[2], args[3]
    kinds = (torch.float32, torch.bfloat16)
    each = 4 if biased else 2
    return (
        torch.backends.mkldnn.is_available()
        and bool(torch.backends.mkldnn.enabled)
        and len(weights) % each == 0
        and all(len(layer) == each for layer in _layers(weights, each))
        and states[0].shape == states[1].shape
        and all(layer[0].shape[0] == 4 * states[0].shape[-1] for layer in _layers(weights, each))
        and weights[0].shape[1] == args[0].shape[-1]
        and args[0].dtype in kinds
        and len({tensor.dtype for tensor in (args[0], *states, *weights)}) == 1
    )


def lstm(
    input: Tensor,
    states: Sequence[Tensor],
    weights: Sequence[Tensor],
    biased: bool,
    layers: int,
    dropout: float,
    training: bool,
    both: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run an LSTM's layers and directions one after another, as PyTorch does."""
    steps = (input.transpose(0, 1) if batch_first else input).contiguous()
    first, cells = states[0].contiguous(), states[1].contiguous()
    units, ways, last, last_cells = first.shape[-1], 2 if both else 1, [], []
    own = list(_layers(weights, 4 if biased else 2))
    for layer in range(layers):
        given = []
        for way in range(ways):
            number = layer * ways + way
            matrices = own[number]
            biases = matrices[2:] if biased else map(torch.zeros_like, matrices)
            given_by: Any = (*matrices[:2], *biases, first[number], cells[number])
            settings: Any = (way == 1, [], LSTM, units, layers, biased, both, False, training)
            found = torch.mkldnn_rnn_layer(steps, *given_by, *settings)
            given.append(found[0])
            last.append(found[1])
            last_cells.append(found[2])
        steps = torch.cat(given, -1) if both else given[0]
        if dropout and training and layer < layers - 1:
            steps = torch.dropout(steps, dropout, True)
    return steps.transpose(0, 1) if batch_first else steps, torch.stack(last), torch.stack(last_cells)


def _layers(weights: Sequence[Tensor], each: int) -> list[Sequence[Tensor]]:
    return [weights[number : number + each] for number in range(0, len(weights), each)]


def shapes(input: Tensor, weight: Tensor, *more: Any) -> tuple[Tensor, ...]:
    """Return what all steps give, the last state and cells, and the workspace that the backward pass is to have."""
    state, cells = more[3:5]
    output = input.new_empty((*input.shape[:2], state.shape[-1]))
    steps, batch, features = input.shape
    room = _workspace(steps, batch, features, state.shape[-1], input.element_size()) if torch.is_grad_enabled() else 0
    return (
        output,
        state.new_empty(state.shape),
        cells.new_empty(cells.shape),
        input.new_empty(room, dtype=torch.uint8),
    )


def _workspace(steps: int, batch: int, features: int, units: int, width: int) -> int:
    """Return its bytes: gates, states and cells with their gradients, and what comes in, each from a page's start.

    As oneDNN of PyTorch 2.13 lays them out, on processors with AVX2 or AVX-512: rows are padded to 64 bytes, and moved
    on by as much where they would fill the same places of a cache. Gradients and cells are of 32 bits always.
    """

    def room(rows: int, numbers: int, width: int, padded: bool = True) -> int:
        if padded:
            line = 64 // width
            numbers = -(-numbers // line) * line
            numbers += line if numbers % 256 == 0 else 0
        return -(-rows * batch * numbers * width // PAGE) * PAGE

    wide, all_states = max(features, units), 2 * (steps + 1)
    return (
        room(steps, 4 * units, width)
        + 2 * room(all_states, wide, width)
        + room(all_states, wide, 4)
        + 2 * room(all_states, units, 4, padded=False)
        + room(steps, units, width)
    )


def products(arguments: Sequence[Any], _: Any) -> list[tuple[int, tuple[Tensor, ...], tuple[Tensor, ...]]]:
    """The input of all steps by its weights; the state by its own, which the first step is given and others make."""
    input, of_input, of_state = arguments[:3]
    state = arguments[5]
    steps, batch = input.shape[:2]
    each = batch * of_state.numel()
    return [
        (steps * batch * of_input.numel(), (input,), (of_input,)),
        (each, (state,), (of_state,)),
        ((steps - 1) * each, (input, of_input, state, of_state), (of_state,)),
    ]
