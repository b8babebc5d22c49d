"""What a model does in training mode that its tree does not: it was read as it predicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from hubel.nn.inspection.clash import first_line
from hubel.nn.inspection.tensors import tensors_in
from hubel.nn.reading.functions import FUNCTIONS, WEIGHTED
from hubel.nn.reading.record import Call, Record, recorded

_BY_MODE = ("dropout", "norm", "rrelu", "lstm", "gru", "rnn_")  # functions that are told in which mode they are
_TWO_WAYS = (_BatchNorm, _DropoutNd)
_PLAIN = (bool, int, float, str, slice, torch.dtype, type(None))


def in_training(module: nn.Module, record: Record) -> Iterator[str]:
    """Say in which calls, settings and tensors a model in training mode differs from its record, in evaluation mode."""
    try:
        with _training_mode(module):
            there = recorded(module, record.input)
    except Exception as error:
        yield f"it does not run in training mode, as its tree does: {first_line(error)}"
        return
    if stays := list(dict.fromkeys(call.label for call in there.calls if _predicts(call))):
        yield f"in training mode {_listed(stays)} stay as in evaluation mode (its own code has it); its tree's do not"
    numbers: dict[Any, int] = {}
    here, training = (_Numbered(each, numbers, record.idle) for each in (record, there))
    told = [
        f"{verb} {_listed([*labels])}"
        for verb, labels in (
            ("runs besides", training.labels - here.labels),
            ("leaves out", here.labels - training.labels),
        )
        if labels
    ]
    if told:
        yield f"in training mode the model {', and '.join(told)}; its tree does not"
    elif other := next((label for label, number in training.calls if number not in here.known), None):
        yield f"in training mode {other} has other settings, or is given something else; its tree has one way"
    elif training.output != here.output:
        several = "" if isinstance(there.output, Tensor) else f", a {type(there.output).__name__}"
        yield f"in training mode the model returns something else{several}; its tree does not"


def _listed(labels: list[str]) -> str:
    return ", ".join(labels[:3]) + (" …" if len(labels) > 3 else "")


@contextmanager
def _training_mode(module: nn.Module) -> Iterator[None]:
    modes = {part: part.training for part in module.modules()}
    try:
        module.train()
        yield
    finally:
        for part, mode in modes.items():
            part.training = mode


def set_apart(module: nn.Module, paths: Iterable[str]) -> Iterator[str]:
    """Say which of a model's dropouts and normalisations stand in another mode than the model itself."""
    parts = dict(module.named_modules())
    own = [path for path in dict.fromkeys(paths) if path in parts and isinstance(parts[path], _TWO_WAYS)]
    if own := [path for path in own if parts[path].training != module.training]:
        mode = "evaluation" if module.training else "training"
        yield f"{_listed(own)}: in {mode} mode, which the model is not; that is not in its tree (translate keeps it)"


def _predicts(call: Call) -> bool:
    """Whether a call drops nothing, or normalises by statistics that stay."""
    if isinstance(call.what, nn.Module):
        return isinstance(call.what, _TWO_WAYS) and not call.trains
    names = WEIGHTED["batch_norm"] if call.what == "batch_norm" else FUNCTIONS.get(call.what, (None, ()))[1]
    if "training" not in names:
        return False
    given = {**dict(zip(names, call.inputs[1:], strict=False)), **call.keywords}
    return not given.get("training", given.get("train", call.what != "batch_norm"))


class _Numbered:
    """A run's calls by numbers: the same for the same function, settings and tensors, whatever run they are of.

    numbers: those given so far. idle: modules that pass on what they are given in evaluation mode; what they call is
    left out. labels: of the calls that come of the input.
    """

    def __init__(self, record: Record, numbers: dict[Any, int], idle: tuple[str, ...]) -> None:
        self.record, self.numbers = record, numbers
        self.made: dict[int, tuple[int, int]] = {id(record.input): (-1, 0)}
        self.input = {id(record.input)}
        self.labels: Counter[str] = Counter()
        self.calls: list[tuple[str, int]] = []
        for call in record.calls:
            self._take(call, idle)
        self.known = {number for _, number in self.calls}
        self.output = self._described(record.output)

    def _take(self, call: Call, idle: tuple[str, ...]) -> None:
        takes = [tensor for tensor in tensors_in((call.inputs, call.keywords)) if id(tensor) in self.input]
        gives = [*tensors_in(call.output), *call.changed]
        if takes and call.path in idle:
            for tensor in gives:
                self.made[id(tensor)] = self.made[id(takes[0])]
                self.input.add(id(tensor))
            return
        told = self._described(
            (call.inputs, dict(call.keywords)),
            any(word in call.what for word in _BY_MODE) if isinstance(call.what, str) else False,
        )
        number = self.numbers.setdefault((call.label, told), len(self.numbers))
        for place, tensor in enumerate(gives):
            self.made[id(tensor)] = number, place
        if takes:
            self.input.update(map(id, gives))
            self.labels[call.label] += 1
            self.calls.append((call.label, number))

    def _described(self, value: Any, by_mode: bool = False) -> Any:
        """Return what two runs have alike of what a call is given: numbers of tensors, plain values, kinds of others.

        by_mode: of a function that is told its mode, which is left out.
        """
        if isinstance(value, Tensor):
            if id(value) in self.made:
                return self.made[id(value)]
            own = self.record.original(value)
            return id(own) if own is not value else tuple(value.shape)
        if isinstance(value, (tuple, list)):
            return tuple(self._described(item, by_mode) for item in value)
        if isinstance(value, Mapping):
            return tuple((key, self._described(item, by_mode)) for key, item in value.items())
        if isinstance(value, bool) and by_mode:
            return None
        return repr(value) if isinstance(value, _PLAIN) else type(value).__name__
