"""`inspect`: what any PyTorch model costs, layer by layer, without running it on numbers."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedTensorMixin  # type: ignore[attr-defined]

from hubel.arch import checked_shape, order_note, torch_order
from hubel.base.errors import NetworkError, SettingError
from hubel.nn._evaluation import evaluation_mode
from hubel.nn.inspection.clash import decided, explained, first_line, without_batch
from hubel.nn.inspection.flow import Flow, memory_of, numbers_of
from hubel.nn.inspection.report import Inspection as Inspection
from hubel.nn.inspection.report import ModuleRow as ModuleRow
from hubel.nn.inspection.report import TensorShape, tensor_text, unreached
from hubel.nn.inspection.run import Seen, Watch, watched
from hubel.nn.inspection.tensors import shapes_of, tensors_in

# What PyTorch says of models that write where gradients would be wanted, and so only predict.
WITHOUT = "automatic differentiation|require[sd]? grad|leaf Variable|is a view and (is being|its base)"
DROPOUTS = nn.modules.dropout._DropoutNd
ShapeLike = int | Sequence[int]
KEEPS = "the model's code keeps"


class KeptWarning(UserWarning):
    """What a model's code keeps could not be put back as it was."""


def inspect(
    module: nn.Module,
    input_shape: ShapeLike | Sequence[Sequence[int]] | None = None,
    *,
    batch: int = 1,
    example: object = None,
) -> Inspection:
    """Work out what any `nn.Module` costs for a batch: shapes, parameters, multiply-adds forward and backward.

    `input_shape` is one image's shape, height × width × channels as everywhere in hubel (the module gets
    batch×channels×height×width), `(steps, features)` of a sequence (batch×features×steps) or `(features,)`; a list of
    shapes for several inputs. For anything else give
    `example`: a tensor, a tuple of arguments, or a dictionary of keywords; only its shapes and types matter, and where
    it is of whole numbers or truth values, up to a million, those, since models decide on them.

    Nothing is computed and nothing large allocated: the module runs once, in the mode it is in, on tensors that have
    shapes and no numbers. Functional calls, einsum, matmul and attention are seen like layers; a parameter that is
    shared counts once, a module that is reused each time it runs. The module, its buffers, its gradients, its hooks
    and the random state stay as they are, after an error too.

    A model that decides on numbers somewhere, as detectors do on how many boxes they found, is counted up to there:
    `stopped` and the notes say so. Raises `ShapeError` where shapes clash, with the module's path and what would fit,
    and `ValueError` where the module cannot be run without numbers.
    """
    _check(module)
    inputs, keywords = _arguments(module, input_shape, batch, example)
    picture = _picture(input_shape) if example is None else None
    flow, notes, stopped = Flow(module), list[str](), ""
    try:
        try:
            with flow.keeping():
                watch = watched(module, inputs, keywords, flow=flow)
        except RuntimeError as error:
            if re.search(WITHOUT, str(error)) is None:
                raise
            notes.append(f"it runs without gradients alone, and no backward pass is counted: {first_line(error)}")
            flow = Flow(module)
            watch = watched(module, inputs, keywords, flow=flow, gradients=False)
    except Exception as error:
        told = explained(error, module, picture, batch)
        stopped = decided(told, getattr(error, "watch", None))
        if not stopped:
            if type(told) is NetworkError and (orders := _orders(input_shape)):
                told = NetworkError("; ".join((str(told), *orders)))
            raise told from error
        watch = error.watch  # type: ignore[attr-defined]
    if stopped:
        gc.collect()  # what the frames of the error held
    learns = watch.graph is not None and watch.graph.learns
    if watch.graph is not None and not notes:
        notes += watch.graph.notes(
            {id(watch.twins.of(each)): each.numel() for each in module.parameters() if each.requires_grad}
        )
    notes += [_left_out(module, watch, stopped)] if stopped else _always_on(module, watch, inputs, keywords)
    if any(len(numbers_of(each)) > 1 for each in tensors_in((inputs, keywords))):
        notes.append("a sparse input counts as if it were full")
    shapes = shapes_of((inputs, keywords))
    rows = tuple(_rows(module, watch))
    size = batch if example is None else (shapes[0][0] if shapes and shapes[0] else 1)
    outputs = [] if stopped else watch.seen[module].outputs[-1]
    said = [*_orders(input_shape), *steps_first(module, rows, size)]
    return Inspection(
        type(module).__name__,
        size,
        shapes,
        outputs[0] if outputs else None,
        rows,
        (*notes, *(said if example is None else ()), *_notes(module, watch)),
        flow.stops(),
        None if stopped else memory_of(module, flow.kept() if learns else None, flow.most),
        stopped,
    )


def steps_first(module: nn.Module, rows: Sequence[ModuleRow], batch: int) -> Iterator[str]:
    """Name recurrent layers that take the examples, which the model is given first, for steps."""
    kept = {path for path, part in module.named_modules() if isinstance(part, nn.RNNBase) and not part.batch_first}
    for row in rows:
        shape = row.output_shape or ()
        if row.path in kept and len(shape) == 3 and shape[0] == batch != shape[1]:
            yield (
                f"{row.path or row.type}: takes its steps first (batch_first=False), and so the batch of {batch} for "
                f"steps and {shape[1]} for sequences; where the model is given steps first too, say these for its "
                f"batch: --batch-size {shape[1]} --input {batch}x…:as-is, in Python "
                f"example=torch.empty({shape[1]}, {batch}, …)"
            )


def _left_out(module: nn.Module, watch: Watch, stopped: str) -> str:
    """Say up to where a model is counted that decides on numbers, and which of its parts were not reached."""
    left = [
        (path, part)
        for path, part in module.named_modules()
        if part not in watch.seen and any(True for _ in part._parameters.values())
    ]
    held = {id(each): each.numel() for _, part in left for each in part._parameters.values() if each is not None}
    parts = dict.fromkeys(_reached_from(path, watch, module) for path, _ in left)
    listed = f": not reached are {', '.join(parts)}, of {sum(held.values()):,} parameters" if parts else ""
    return f"{stopped}; counted up to there alone, since what follows depends on those numbers{listed}"


def _reached_from(path: str, watch: Watch, module: nn.Module) -> str:
    """Return the path of the outermost part around one that was not reached either."""
    names = path.split(".")
    return next(
        outer
        for outer in (".".join(names[:number]) for number in range(1, len(names) + 1))
        if module.get_submodule(outer) not in watch.seen
        and not any(part in watch.seen for part in module.get_submodule(outer).modules())
    )


def _always_on(module: nn.Module, watch: Watch, inputs: Any, keywords: Any) -> Iterator[str]:
    """Name dropout that is on in evaluation mode too, as of a function that is not told which mode it is in."""
    dropped = [part for part in watch.dropped if not isinstance(part, DROPOUTS)]
    if dropped and module.training:
        with evaluation_mode(module):
            try:
                again = watched(module, inputs, keywords, gradients=False)
            except Exception as error:
                again = error.watch  # type: ignore[attr-defined]
        dropped = [*again.dropped]
    elif not module.training:
        dropped = [*watch.dropped]
    paths = {part: path for path, part in module.named_modules()}
    for part in dropped:
        yield f"{paths[part] or type(part).__name__}: drops numbers in evaluation mode too (dropout that is always on)"


def _notes(model: nn.Module, watch: Watch) -> Iterator[str]:
    if without := without_batch(model, watch):
        yield str(without[1].expected)
    if len(watch.given) > 1 and any(True for _ in model.children()):
        listed = ", ".join(f"{name} {tensor_text(shape)}".strip() for name, shape in watch.given)
        yield f"gives {len(watch.given)} tensors: {listed}"
    for name, part in model.named_modules():
        for attribute, value in vars(part).items():
            if isinstance(value, Iterator):
                yield f"{f'{name}.{attribute}'.lstrip('.')} is an iterator, and may have gone on"
    for part, around in watch.foreign.items():
        own = sum(parameter.numel() for parameter in part._parameters.values() if parameter is not None)
        yield (
            f"{around} runs a {type(part).__name__} that is no registered part of the model (made while it runs, or in "
            f"a list or dictionary): its {own:,} parameters are not in these figures, and no optimizer is given them; "
            "nn.ModuleList and nn.ModuleDict register"
        )
    held = watch.parameters.union(id(own) for part in watch.foreign for own in part.parameters())
    if loose := {id(t): t.numel() for t in watch.loose if id(t) not in held}:
        yield (
            f"{sum(loose.values()):,} numbers that want gradients are no parameters of the model (tensors in a list, "
            "an attribute or from around): they are not in these figures; nn.ParameterList and nn.Parameter register"
        )
    if left := watch.left:
        yield (
            f"{KEEPS} {len(left)} tensors without numbers ({tensor_text(left[0])} …) where "
            "they could not be taken out: start anew before it computes"
        )


def _check(module: object) -> None:
    if not isinstance(module, nn.Module):
        words = "; hubel.analyse takes a network's name or text form" if isinstance(module, str) else ""
        raise TypeError(f"expected an nn.Module, received {type(module).__name__}{words}")
    for path, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise NetworkError(f"{path or 'the module'} is compiled by TorchScript: give the module it was made of")
        if any(isinstance(p, UninitializedTensorMixin) for p in part._parameters.values()):
            raise NetworkError(
                f"{path or 'the module'} ({type(part).__name__}) has no shape yet, it takes it from its first input: "
                "run the module once before"
            )


def _arguments(
    module: nn.Module, input_shape: Any, batch: int, example: object
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if (input_shape is None) == (example is None):
        raise NetworkError("expected either input_shape, such as (224, 224, 3), or an example of the input")
    if isinstance(example, Mapping):
        return (), dict(example)
    if example is not None:
        return (example if isinstance(example, tuple) else (example,)), {}
    if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
        raise NetworkError(f"expected batch as an int ≥ 1, received {batch!r}")
    dtype = input_type(module)
    return tuple(torch.empty(batch, *shape, dtype=dtype, device="meta") for shape in _tensor_shapes(input_shape)), {}


def input_type(module: nn.Module) -> torch.dtype:
    """Return the type of numbers in which a model is given its input."""
    real = [each.dtype for each in module.parameters() if each.is_floating_point()]
    return [*real, *_complex_of_layers(module), torch.get_default_dtype()][0]


def _complex_of_layers(module: nn.Module) -> Iterator[torch.dtype]:
    """The complex numbers of PyTorch's own layers, which take such; other weights may be of what a model makes of real
    ones (Fourier transforms).
    """
    for part in module.modules():
        if type(part).__module__.startswith("torch.nn") and not isinstance(part, (nn.ParameterList, nn.ParameterDict)):
            yield from (each.dtype for each in part.parameters(recurse=False) if each.is_complex())


def _tensor_shapes(input_shape: Any) -> list[TensorShape]:
    several = isinstance(input_shape, (tuple, list)) and any(isinstance(shape, (tuple, list)) for shape in input_shape)
    try:
        return [torch_order(checked_shape(shape)) for shape in (input_shape if several else (input_shape,))]
    except SettingError as error:
        raise NetworkError(f"input_shape: {error}; for other inputs inspect takes an example") from None


def _orders(input_shape: Any) -> list[str]:
    """Say of each input that looks like channels × height × width how it is read."""
    several = isinstance(input_shape, (tuple, list)) and any(isinstance(shape, (tuple, list)) for shape in input_shape)
    given = input_shape if several else (input_shape,)
    return [note for shape in given if isinstance(shape, (tuple, list)) and (note := order_note(tuple(shape)))]


def _picture(input_shape: Any) -> TensorShape | None:
    """Return the shape of the one picture or sequence that is the input, if that is what it is."""
    given = () if isinstance(input_shape, int) else tuple(input_shape)
    if len(given) == 1 and not isinstance(given[0], int):
        given = tuple(given[0])
    return given if len(given) in (2, 3) and all(isinstance(n, int) for n in given) else None


def _rows(model: nn.Module, watch: Watch) -> list[ModuleRow]:
    """Make a row of each module that has something of its own, or runs and has no children."""
    paths = {part: path for path, part in model.named_modules()}
    ordered = [*watch.seen, *(part for part in paths if part not in watch.seen)]
    first: dict[int, str] = {}  # where each parameter is counted
    return [row for part in ordered if (row := _row(part, paths[part], watch, first)) is not None]


def _row(part: nn.Module, path: str, watch: Watch, first: dict[int, str]) -> ModuleRow | None:
    seen, notes = watch.seen.get(part, Seen()), list[str]()
    parameters = trainable = 0
    own = [(name, parameter) for name, parameter in part._parameters.items() if parameter is not None]
    for name, parameter in own:
        full = f"{path}.{name}" if path else name
        if first.setdefault(id(parameter), full) != full:
            notes.append(f"{name} is {first[id(parameter)]}, counted there")
            continue
        parameters += parameter.numel()
        trainable += parameter.numel() if parameter.requires_grad else 0
    notes += [f"{name} is sparse, and counts as if it were full" for name in _sparse(part)]
    if (
        not own
        and not seen.macs
        and not notes
        and not seen.beside
        and not seen.elsewhere
        and (not seen.calls or any(True for _ in part.children()))
    ):
        return None
    if seen.elsewhere:
        notes.append("ran in another thread, where what it costs is not seen")
    elif not seen.calls:
        used = any(watch.uses(parameter) for _, parameter in own)
        notes.append("not called itself: another module uses its parameters" if used else "never ran for this input")
    if seen.without_gradient:
        notes.append(
            f"{seen.without_gradient:,} MACs ran without gradients (no_grad, an autograd.Function of its own, a "
            "re-entrant checkpoint): what their backward pass costs, if there is one, is not counted"
        )
    if seen.unreached and watch.graph is not None and watch.graph.learns:
        notes.append(unreached(seen.unreached))
    notes += dict.fromkeys(seen.beside)
    notes += _output_notes(seen)
    shape = next((shapes[0] for shapes in seen.outputs if shapes), None)
    return ModuleRow(
        path, type(part).__name__, shape, parameters, trainable, seen.macs, seen.backward_macs, seen.calls, tuple(notes)
    )


def _sparse(part: nn.Module) -> Iterator[str]:
    for name, tensor in (*part._parameters.items(), *part._buffers.items()):
        if tensor is not None and tensor.layout != torch.strided:
            yield name


def _output_notes(seen: Seen) -> list[str]:
    notes = []
    different = list(dict.fromkeys(seen.outputs))
    if len(different) > 1:
        listed = ", ".join(" and ".join(map(tensor_text, shapes)) for shapes in different)
        notes.append(f"ran {seen.calls} times, with different outputs: {listed}")
    elif different and len(different[0]) > 1:
        notes.append(f"returns {len(different[0])} tensors: {', '.join(map(tensor_text, different[0]))}")
    return notes
