"""What a PyTorch model calls, one after another, when it runs once on tensors that have shapes and no numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules import module as hooks
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.parametrize import is_parametrized
from torch.overrides import TorchFunctionMode

from hubel.nn.inspection.run import watched
from hubel.nn.inspection.tensors import replaced, tensors_in

BATCH = 2  # normalisation in training mode refuses one


@dataclass(frozen=True, eq=False)
class Call:
    """A layer of PyTorch's, or a function by its name, as it ran.

    path: of the module in which it ran, or which it is. number: how often that layer had run before. changed: those of
    its inputs that it wrote into, or does while it trains. function: a function itself. output: what it returned; the
    same object as an input only where it wrote into that. trains: whether a layer was in training mode.
    """

    path: str
    what: nn.Module | str
    inputs: tuple[Any, ...]
    keywords: Mapping[str, Any]
    output: Any
    changed: tuple[Tensor, ...] = ()
    number: int = 0
    function: Callable[..., Any] | None = None
    trains: bool = False

    @property
    def label(self) -> str:
        """Where it stands: the path of a layer, or of the module that calls a function, with its name."""
        if isinstance(self.what, nn.Module):
            return self.path or type(self.what).__name__
        return f"{self.path} ({self.what})" if self.path else self.what


@dataclass(frozen=True, eq=False)
class Record:
    """A run: its input, what it called, what it returned.

    original: gives the model's own tensor for one that stood in its place. idle: the paths of modules that only passed
    their input on. foreign: modules that ran and are none of the model's, with a name for each.
    """

    input: Tensor
    calls: list[Call]
    output: Any
    original: Callable[[Tensor], Tensor]
    idle: tuple[str, ...]
    foreign: Mapping[nn.Module, str]


def recorded(module: nn.Module, input: Tensor) -> Record:
    """Run a model once and return what it called; branches on shapes and types are taken as they are for this input.

    Raises what the model raises, with the watch as its attribute `watch`.
    """
    recorder = _Recorder(module)
    watch = watched(module, (input,), {}, around=recorder.listening, gradients=False)
    idle, foreign = tuple(recorder.idle), recorder.foreign
    return Record(input, recorder.calls, recorder.output, watch.twins.original, idle, foreign)


def is_layer(module: nn.Module) -> bool:
    """Whether a module is read as one layer, and not by what it calls."""
    if "forward" in vars(module):  # somebody put another in its place
        return False
    return fx.Tracer().is_leaf_module(module, "") or is_parametrized(module)


class _Recorder(TorchFunctionMode):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.paths = {part: path for path, part in model.named_modules()}
        self.calls: list[Call] = []
        self.output: Any = None
        self.idle: list[str] = []
        self.foreign: dict[nn.Module, str] = {}
        self.running: list[nn.Module] = []
        self.layer: nn.Module | None = None  # that runs now, whatever it calls
        self.versions: list[tuple[Tensor, int]] = []
        self.ran: dict[nn.Module, int] = {}

    @contextmanager
    def listening(self) -> Iterator[None]:
        before = hooks.register_module_forward_pre_hook(self._enter)
        after = hooks.register_module_forward_hook(self._leave, with_kwargs=True, always_call=True)
        try:
            with self:
                yield
        finally:
            before.remove()
            after.remove()
            hooks._global_forward_hooks_with_kwargs.pop(after.id, None)  # where PyTorch leaves it

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        if self.layer is None and module is not self.model and module not in self.paths:
            self.foreign[module] = self.paths[module] = f"{self._path()}.{type(module).__name__}".lstrip(".")
        if self.layer is None:
            self.running.append(module)
            if is_layer(module):
                self.layer, self.versions = module, _versions(inputs)

    def _leave(self, module: nn.Module, inputs: Any, *given: Any) -> Any:
        keywords, output = given if len(given) == 2 else ({}, None)  # without keywords after an error
        if self.layer is not None and module is not self.layer:
            return output
        while self.running.pop() is not module:
            pass
        if module is self.layer:
            self.layer = None
            if output is None:  # it failed, and the model goes on without
                return None
            output = self._note(module, self.paths[module], inputs, keywords, output, self.versions)
        elif isinstance(output, Tensor) and _among(output, inputs) and not module._modules:
            self.idle.append(self.paths[module])
        if module is self.model:
            self.output = output
        return output

    def _path(self) -> str:
        return self.paths.get(self.running[-1], "") if self.running else ""

    def _note(
        self,
        what: nn.Module | str,
        path: str,
        inputs: Any,
        keywords: Any,
        output: Any,
        versions: Any,
        function: Callable[..., Any] | None = None,
    ) -> Any:
        changed = tuple(tensor for tensor, version in versions if tensor._version > version)
        if (
            not changed
            and isinstance(output, Tensor)
            and _among(output, inputs)
            and _drops_in_place(what, function, inputs, keywords)
        ):
            changed = (output,)
        if isinstance(output, Tensor) and _among(output, inputs) and not _among(output, changed):
            with torch._C.DisableTorchFunction():
                output = output.view_as(output)  # another object, so that the two stay two
        number = 0
        if isinstance(what, nn.Module):
            number = self.ran[what] = self.ran.get(what, -1) + 1
        inputs, keywords = replaced((tuple(inputs), dict(keywords)), lambda tensor: tensor)  # lists may grow later
        if isinstance(what, str) and what != "where":  # everywhere else these two come first
            inputs = (keywords.pop("input"), *inputs) if "input" in keywords else inputs
            inputs = (*inputs, keywords.pop("other")) if "other" in keywords and len(inputs) == 1 else inputs
        trains = isinstance(what, nn.Module) and what.training
        self.calls.append(Call(path, what, inputs, keywords, output, changed, number, function, trains))
        return output

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.layer is not None:
            return func(*args, **kwargs)
        versions = _versions((args, kwargs))
        output = func(*args, **kwargs)
        if getattr(func, "__name__", "") == "__set__" and func.__self__ is Tensor.data:  # which leaves no trace
            versions = [(args[0], -1)]
        wrote = any(tensor._version > version for tensor, version in versions)
        if not wrote and not (versions and any(True for _ in tensors_in(output))):
            return output
        return self._note(_name(func), self._path(), args, kwargs, output, versions, func)


def _versions(value: Any) -> list[tuple[Tensor, int]]:
    return [(tensor, tensor._version) for tensor in tensors_in(value) if not tensor.is_inference()]


def _drops_in_place(what: nn.Module | str, function: Any, inputs: Any, keywords: Mapping[str, Any]) -> bool:
    """Whether a call is a dropout that writes into its input while it trains, and touches nothing otherwise."""
    if isinstance(what, nn.Module):
        return isinstance(what, _DropoutNd) and what.inplace
    if "dropout" not in what:
        return False
    own = getattr(function, "__name__", "").endswith("_")  # torch.dropout_
    return own or bool(keywords.get("inplace", inputs[3] if len(inputs) > 3 else False))


def _among(tensor: Tensor, others: Any) -> bool:
    return any(tensor is other for other in others)


def _name(function: Any) -> str:
    """Return a function's plain name: `add` for `torch.add`, `x.add_(…)`, `x + …` and `x += …`."""
    name: str = getattr(function, "__name__", str(function))
    if name == "__get__":  # an attribute, such as x.data
        name = getattr(function.__self__, "__name__", name)
    return name.strip("_")
