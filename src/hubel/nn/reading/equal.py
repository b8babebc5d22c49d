"""Whether a tree's module gives what the model gives that it was read from: tried on numbers, layer by layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from hubel.base.errors import NetworkError
from hubel.nn._evaluation import evaluation_mode
from hubel.nn.inspection.clash import first_line
from hubel.nn.inspection.kept import Around
from hubel.nn.inspection.state import Numbers, draw_from, randomness, same_randomness, standing_in
from hubel.nn.inspection.unwritten import Unwritten
from hubel.nn.reading.gradients import Learned, unlike_gradients

BATCHES = (1, 3)  # pictures at once; the model was read with two, and what is written for one size alone is found
TRIES = 8  # states of randomness from which a model that draws is run
DECIDED = "the model draws random numbers in evaluation mode too, and they decide what it gives; a tree does not"
ROUNDING = 16  # times what the model rounds
LOOKED_AT = 4096  # numbers of each layer's output
TOLERANCE = {torch.float64: 1e-8, torch.float32: 1e-3, torch.bfloat16: 1e-1, torch.float16: 3e-2}

Runs = list[tuple[Any, Any]]  # what a tree gave and what its model gave, batch after batch
Place = tuple[str, int]  # a module's path, and which of its calls
Outputs = dict[Place, Tensor]


def check_equal(
    model: nn.Module,
    numbers: Numbers,
    tree: nn.Module,
    shape: Sequence[int],
    places: Mapping[str, Place],
    learned: Sequence[Learned],
    batches: Sequence[int] = BATCHES,
    runs: Runs | None = None,
) -> list[str]:
    """Compare a model, in evaluation mode, with its tree's module on random inputs of several sizes of batch.

    `numbers` stand in the place of the model's weights; the tree's module holds the same. `shape` is the input's as
    PyTorch has it, without the batch. `runs` takes what both give. `places` maps the paths of the tree's layers to the
    model's. Model and random state are as before. Returns what is to be said of a model that is equal, such as
    gradients that are not. Raises `NetworkError` that says from which layer on they differ.
    """
    told: list[str] = []
    random = torch.Generator().manual_seed(0)
    first = next(tree.parameters(), torch.empty(0))
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        stack.enter_context(same_randomness())
        stack.callback(Around(model).put_back)
        stack.enter_context(standing_in(model, numbers))
        stack.enter_context(evaluation_mode(model))
        stack.enter_context(evaluation_mode(tree))
        stack.enter_context(Unwritten())
        for batch in batches:
            input = torch.randn(batch, *shape, generator=random).to(first.device, first.dtype)
            ours, found = _run(tree, input)
            before = randomness()
            try:
                theirs, expected = _run_theirs(model, input, batch)
            except NetworkError as error:
                if batch > 1:
                    raise
                told.append(f"one image alone it does not take, as its tree does ({error.__cause__})")
                continue
            if batch == 1 and isinstance(expected, Tensor) and expected.shape == found.shape[1:]:
                told.append(
                    f"of one image alone it gives {tuple(expected.shape)}, without the batch that its tree keeps"
                )
                expected = expected[None]
            if runs is not None:
                runs.append((found, expected))
            try:
                _compare(ours, theirs, {place: path for path, place in places.items()}, found, expected)
            except NetworkError as error:
                raise NetworkError(DECIDED) if _drawn(before) else error from None
        if _drawn(before):
            told.append(_same_from_any_seed(model, input, found))
        told += unlike_gradients(model, tree, input[: 3 if told else 1], learned)
    return told


def rounds_more(short: Runs, long: Runs) -> bool:
    """Whether a tree that is right in 64 bits is far less so in fewer than its model is."""
    for (found, expected), (_, right) in zip(short, long, strict=False):
        if not all(isinstance(each, Tensor) and each.shape == right.shape for each in (found, expected)):
            return True
        theirs, ours = (float((each.double() - right.double()).abs().max()) for each in (expected, found))
        if not ours <= ROUNDING * theirs + TOLERANCE[torch.float32] * float(right.abs().max()) / ROUNDING:
            return True
    return False


def _drawn(before: Any) -> bool:
    (torch_before, *others), (torch_now, *now) = before, randomness()
    return not torch.equal(torch_before, torch_now) or repr(others) != repr(now)


def _same_from_any_seed(model: nn.Module, input: Tensor, found: Tensor) -> str:
    """Say that a model draws random numbers when it predicts; raise an error where they decide what it gives."""
    for seed in range(TRIES):
        draw_from(seed)
        given = model(input.clone())
        if not isinstance(given, Tensor) or given.shape != found.shape or not _close(found, given):
            raise NetworkError(DECIDED)
    return f"draws random numbers in evaluation mode; its tree is what it does, and {TRIES} draws gave the same"


def _run(module: nn.Module, input: Tensor) -> tuple[Outputs, Any]:
    outputs: Outputs = {}
    with _listening(module, outputs):
        found = module(input.clone())
    return outputs, found


def _run_theirs(model: nn.Module, input: Tensor, batch: int) -> tuple[Outputs, Any]:
    try:
        return _run(model, input)
    except Exception as error:
        raise NetworkError(
            f"the model cannot be compared with its tree: on a batch of {batch} it ends with {type(error).__name__}: "
            f"{first_line(error)}"
        ) from error


@contextmanager
def _listening(module: nn.Module, outputs: Outputs) -> Iterator[None]:
    """Keep some numbers of what each part of a module returns each time it runs."""
    times: dict[str, int] = defaultdict(int)

    def keep(path: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(part: nn.Module, inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                outputs[path, times[path]] = _some(output)
            times[path] += 1

        return hook

    # before the model's own hooks, which may change what a part returns: those are no part of the layer
    handles = [part.register_forward_hook(keep(path), prepend=True) for path, part in module.named_modules()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _some(tensor: Tensor) -> Tensor:
    flat = tensor.detach().flatten()
    return flat[:: max(1, len(flat) // LOOKED_AT)].clone()


def _compare(ours: Outputs, theirs: Outputs, places: Mapping[Place, str], found: Any, expected: Any) -> None:
    last = "the input"
    for place, output in theirs.items():
        own = ours.get((places[place], 0)) if place in places else None
        if own is None or own.shape != output.shape:
            continue
        if not _close(own, output):
            raise NetworkError(
                f"{place[0] or 'the model'}: gives other numbers than its layer in the tree, on random inputs: between "
                f"{last} and this the model does something that could not be read"
            )
        last = place[0]
    if not isinstance(expected, Tensor) or expected.shape != found.shape:
        given = tuple(expected.shape) if isinstance(expected, Tensor) else type(expected).__name__
        raise NetworkError(
            f"the model's output is {given} where its tree's is {tuple(found.shape)}: it does something after {last} "
            "that could not be read, or for one size of batch alone"
        )
    if not _close(found, expected):
        raise NetworkError(
            "the model gives other numbers than its tree, on random inputs: it does something after "
            f"{last} that could not be read"
        )


def _close(one: Tensor, other: Tensor) -> bool:
    if one.dtype != other.dtype:
        return False
    tolerance = TOLERANCE.get(other.dtype, 1e-3)
    one, other = one.double(), other.double()
    finite = other.isfinite()
    if not torch.equal(finite, one.isfinite()):
        return False
    one, other = one[finite], other[finite]
    scale = float(other.abs().max()) if other.numel() else 0.0
    return bool(((one - other).abs() <= tolerance * max(scale, 1e-30)).all())
