"""A layer of any module, found by its path in the tree or by its name in PyTorch, and what flows through it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from hubel.arch import ShapeError, analyse, ops
from hubel.base.errors import SettingError, UnknownNameError
from hubel.base.names import hint
from hubel.look.access.record import modules_of
from hubel.nn import NetworkModule, device_of, input_gradients
from hubel.nn.modules.own import own_hook
from hubel.tasks import LoadedModel
from hubel.tasks.model import require_scores

_PASSED_OVER = ("pool", "dropout", "identity", "flatten", "reshape", "zeropad")
_OF_ONE_SIZE = (ops.TransposedSum, ops.View)  # built for one size of picture


figures = lru_cache(maxsize=8)(analyse)  # one network is looked at many times


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One run of one layer.

    path: its name; `relu#2` is the second run of a module that a network uses several times.
    shape: of its output, H×W×C or (features,). call: which run of the module this is, from zero.
    """

    path: str
    shape: tuple[int, ...]
    module: nn.Module
    call: int = 0

    @property
    def is_spatial(self) -> bool:
        """Whether its maps have places: more than one."""
        return len(self.shape) == 3 and self.shape[0] * self.shape[1] > 1


def layer_calls(model: LoadedModel) -> tuple[LayerCall, ...]:
    """Every layer of a model in the order they run: the tree's rows, or for a module of one's own, what runs."""
    if isinstance(model.module, NetworkModule):
        return tuple(_of_tree(model.module))
    return tuple(_of_module(model))


def named_layer(model: LoadedModel, name: str) -> LayerCall:
    """Return the layer of that name; of a part of the network, its last layer.

    Raises `KeyError` with the nearest name where there is none, ValueError for a run that does not happen.
    """
    path, _, run = name.partition("#")
    calls = layer_calls(model)
    found = [call for call in calls if call.path == name]
    if not found and not run:
        found = [call for call in calls if call.path.startswith((f"{path}.", f"{path}#"))][-1:]
    if not found:
        raise UnknownNameError(f"no layer is called {name!r}{hint(name, dict.fromkeys(call.path for call in calls))}")
    return found[0]


def last_maps(model: LoadedModel) -> tuple[LayerCall, str]:
    """Return the layer whose maps tell most of the class, and in words why it is that.

    It is the last with more than one place, or where that is a pooling, what it pools, since its maps are the same
    ones, finer: the last convolutional layer of Selvaraju et al. (2017), with its activation. Of a network that says
    something of every place it is the last of the coarsest. Raises ValueError where no layer has more than one place.
    """
    require_scores(model)
    calls = [call for call in layer_calls(model) if call.is_spatial]
    telling = [call for call in calls if not _is_passed_over(call.module)] or calls
    if not telling:
        raise SettingError(
            "expected a layer with maps of more than one place, received a network of vectors; look at the input "
            "itself instead: saliency, integrated-gradients and occlusion need no layer"
        )
    if model.task.about_places:  # whose last maps are the answer itself: those of the fewest places have seen most
        head = max((i for i, call in enumerate(telling) if any(True for _ in call.module.parameters())), default=0)
        inner = telling[:head] or telling[:1]
        fewest = min(math.prod(call.shape[:2]) for call in inner)
        chosen = [call for call in inner if math.prod(call.shape[:2]) == fewest][-1]
        return chosen, "picked: the last of the coarsest maps"
    finer = "" if telling[-1] is calls[-1] else f", finer than {calls[-1].path} after it"
    return telling[-1], f"picked: the last layer with maps{finer}"


@contextmanager
def watching(calls: Sequence[LayerCall], note: Callable[[LayerCall, Tensor], Tensor | None]) -> Iterator[None]:
    """Hand what each of these layers gives to `note` while the block runs; what that returns takes its place.

    A module that runs several times hands over the runs that were asked for alone.
    """
    wanted: dict[nn.Module, dict[int, LayerCall]] = {}
    for call in calls:
        wanted.setdefault(call.module, {})[call.call] = call
    runs = dict.fromkeys(wanted, 0)

    def hook(module: nn.Module, given: Any, output: Any) -> Any:
        call = wanted[module].get(runs[module])
        runs[module] += 1
        if call is None:
            return None
        if not isinstance(output, Tensor):
            raise TypeError(f"expected {call.path} to give a tensor, received {type(output).__name__}")
        return note(call, output)

    with ExitStack() as stack:
        for module in wanted:
            stack.callback(module.register_forward_hook(own_hook(hook)).remove)
        yield


class Enough(Exception):  # noqa: N818 (not an error: what was wanted has been seen)
    """Raised within a forward pass to leave it."""


def outputs(run: Callable[[], object], calls: Sequence[LayerCall]) -> dict[str, Tensor]:
    """Run a network as far as the last of these layers, and return what each gave, by path; gradients flow.

    Raises RuntimeError where a layer did not run.
    """
    found: dict[str, Tensor] = {}

    def note(call: LayerCall, output: Tensor) -> Tensor:
        found[call.path] = output
        if len(found) == len(calls):
            raise Enough
        return output.clone()  # what comes next may work in place

    try:
        with watching(calls, note):
            run()
    except Enough:
        return found
    missing = ", ".join(call.path for call in calls if call.path not in found)
    raise RuntimeError(f"expected {missing} to run with the network; it did not")


def runs_on(model: LoadedModel, call: LayerCall, size: tuple[int, int]) -> bool:
    """Whether a network's part up to a layer works on pictures of a size: its weights there are the same."""
    if not isinstance(model.module, NetworkModule) or len(model.network.input) != 3:
        return False
    try:
        other = figures(replace(model.network, input=(*size, model.network.input[2]))).rows
    except ShapeError:
        return False
    for row, same in zip(figures(model.network).rows, other, strict=True):
        fixed = isinstance(row.operation, _OF_ONE_SIZE) and len(row.output_shape) > 1
        if row.cost.parameters != same.cost.parameters or fixed:
            return False
        if row.path == call.path:
            return _runs(model, call, size)
    return False


def _runs(model: LoadedModel, call: LayerCall, size: tuple[int, int]) -> bool:
    """Whether the module itself does, whose padding was laid for one size: tried on shapes alone."""
    module = model.module
    named = (*module.named_parameters(remove_duplicate=False), *module.named_buffers(remove_duplicate=False))
    weights = {name: tensor.to("meta") for name, tensor in named}
    picture = torch.empty(1, model.network.input[2], *size, device="meta")
    try:
        with torch.no_grad():
            outputs(lambda: functional_call(module, weights, (picture,)), (call,))
    except RuntimeError:
        return False
    return True


def _of_tree(module: NetworkModule) -> Iterator[LayerCall]:
    modules = dict(module.named_modules())
    for row in figures(module.network).rows:
        if not row.auxiliary:
            yield LayerCall(row.path, row.output_shape, modules_of(row, modules)[-1])


def _of_module(model: LoadedModel) -> list[LayerCall]:
    """Run a module once on nothing and list what ran, named as PyTorch names it; containers are passed over."""
    preprocessing = model.preprocessing
    named = {part: name for name, part in model.module.named_modules() if name}
    seen: list[tuple[nn.Module, tuple[int, ...]]] = []

    def hook(module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() in (2, 4) and type(module) is not nn.Sequential:
            seen.append((module, (*output.shape[2:], output.shape[1])))  # H×W×C, or features alone

    with ExitStack() as stack:
        stack.enter_context(input_gradients(model.module))
        stack.enter_context(torch.no_grad())
        for part in named:
            stack.callback(part.register_forward_hook(own_hook(hook)).remove)
        size = (1, preprocessing.channels, preprocessing.height, preprocessing.width)
        model.module(torch.zeros(size, device=device_of(model.module)))
    calls: list[LayerCall] = []
    runs = Counter(module for module, _ in seen)
    for module, shape in seen:
        before = sum(call.module is module for call in calls)
        name = f"{named[module]}#{before + 1}" if runs[module] > 1 else named[module]
        calls.append(LayerCall(name, shape, module, before))
    return calls


def _is_passed_over(module: nn.Module) -> bool:
    return any(word in type(module).__name__.lower() for word in _PASSED_OVER)
