"""One forward pass without numbers, watched: which module ran, what it returned, what its operations cost."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any
from weakref import ReferenceType, ref

import torch
from torch import Tensor, nn
from torch.nn.modules import module as hooks
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from hubel.nn.inspection import recurrent
from hubel.nn.inspection.autocast import Casts, opened
from hubel.nn.inspection.costs import RULES as COSTS
from hubel.nn.inspection.costs import not_counted, wants_gradient
from hubel.nn.inspection.flow import Flow
from hubel.nn.inspection.gradients import Graph
from hubel.nn.inspection.kept import Around
from hubel.nn.inspection.report import TensorShape
from hubel.nn.inspection.shapes import RULES as SHAPES
from hubel.nn.inspection.state import Twins, same_randomness, standing_in
from hubel.nn.inspection.tensors import replaced, returned, shapes_of, tensors_in, written_by

aten = torch.ops.aten
DROPS = ("native_dropout", "bernoulli", "bernoulli_")
SMALL = 2**22  # numbers; a tensor that the model makes itself and that is no larger is really computed
META = torch.device("meta")


@dataclass(slots=True)
class Seen:
    """What was seen of one module: its own multiply-adds, how often it ran, what it was given and returned.

    without_gradient: multiply-adds whose backward pass PyTorch does not see, though an operand wants a gradient.
    unreached: multiply-adds that lead to nothing that the model returns with a gradient.
    beside: what is to be said of operations whose cost is not in these figures, or not as it is. elsewhere: whether it
    ran in another thread, which nobody watches.
    """

    calls: int = 0
    macs: int = 0
    backward_macs: int = 0
    without_gradient: int = 0
    unreached: int = 0
    beside: list[str] = field(default_factory=list)
    elsewhere: bool = False
    inputs: tuple[TensorShape, ...] = ()
    outputs: list[tuple[TensorShape, ...]] = field(default_factory=list)


class Reached(Exception):  # noqa: N818 (it ends a pass that has shown enough)
    """The pass came to the module at which it should stop; `shapes` are those that it would be given."""

    def __init__(self, shapes: tuple[TensorShape, ...]) -> None:
        self.shapes = shapes


class Watch(TorchDispatchMode):
    """Sees every operation below autograd, keeps numbers out of it, and books its cost to the module that runs.

    `seen` is by module, in the order in which they first ran. After an error `running` is what ran at that moment,
    from the outermost, and `failed` the operation with the shapes it was given, where one failed.
    """

    def __init__(
        self, model: nn.Module, twins: Twins, stop_at: nn.Module | None = None, flow: Flow | None = None
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flow = flow
        self.known = set(model.modules())
        self.parameters = {id(parameter) for parameter in model.parameters()}
        self.twins, self.stop_at, self.thread = twins, stop_at, threading.get_ident()
        self.seen: dict[nn.Module, Seen] = {}
        self.running: list[nn.Module] = []
        self.failed: tuple[str, tuple[TensorShape, ...]] | None = None
        self.foreign: dict[nn.Module, str] = {}  # modules with weights of their own that are no part of the model
        self.loose: list[Tensor] = []  # tensors that want gradients and are no parameters of the model
        self.dropped: dict[nn.Module, None] = {}  # modules in which numbers were dropped
        self.made: list[ReferenceType[Tensor]] = []  # tensors without numbers that may outlive the run
        self.outlived: list[ReferenceType[Tensor]] = []  # those that do, when all is put back
        self.given: list[tuple[str, TensorShape]] = []  # what the model returns, with the names that it gives
        self.graph: Graph | None = None  # behind what the model returns
        self._backward: list[tuple[Seen, int, int, int]] = []  # products, forward and backward, by PyTorch's node
        self._used: set[int] = set()
        self._written: set[int] = set()  # tensors with numbers into which others without were written

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Leave PyTorch's compiler alone: guarding against it would load it, which takes a second."""
        return False

    @property
    def left(self) -> list[TensorShape]:
        """The shapes of the tensors without numbers that somebody keeps."""
        return [tuple(tensor.shape) for each in self.outlived if (tensor := each()) is not None]

    def enter(self, module: nn.Module, inputs: Any) -> None:
        """Note that a module starts."""
        if module not in self.known:
            self._not_registered(module)
            return
        if threading.get_ident() != self.thread:
            self.seen.setdefault(module, Seen()).elsewhere = True
            return
        if module is self.stop_at:
            raise Reached(shapes_of(inputs))
        self.running.append(module)
        seen = self.seen.setdefault(module, Seen())
        seen.calls += 1
        seen.inputs = shapes_of(inputs)

    def _not_registered(self, module: nn.Module) -> None:
        own = [parameter for parameter in module._parameters.values() if parameter is not None]
        if self.running and not all(id(parameter) in self.parameters for parameter in own):
            self.foreign.setdefault(module, type(self.running[-1]).__name__)

    def leave(self, module: nn.Module, _: Any, output: Any) -> None:
        """Note that a module is done; those inside it that never said so have failed and were caught."""
        if threading.get_ident() != self.thread or module not in self.known or module not in self.running:
            return
        while self.running.pop() is not module:
            pass
        self.seen[module].outputs.append(shapes_of(output))
        if self.flow is not None:
            self.flow.left(module, self.seen[module].calls, self.seen[module].outputs[-1])

    def say(self, told: str) -> None:
        """Have something be said of what runs."""
        if self.running:
            self.seen[self.running[-1]].beside.append(told)

    def uses(self, parameter: Tensor) -> bool:
        """Whether any operation took a parameter, in whatever module."""
        return id(self.twins.of(parameter)) in self._used

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        try:
            with torch._C.DisableTorchFunction():  # which says where tensors lie as the model is to hear it
                output = self._run(func, args, kwargs)
                given = {id(tensor) for tensor in tensors_in((args, kwargs))} if func._schema.is_mutable else set()
                self.made += [ref(each) for each in tensors_in(output) if each.is_meta and id(each) not in given]
        except Exception:
            self.failed = func.overloadpacket.__name__, shapes_of((args, kwargs))
            raise
        rule = COSTS.get(func.overloadpacket)
        products = list(rule(args, output)) if rule is not None and self.running else []
        self._book(products)
        if self.running and func.overloadpacket.__name__ in DROPS:
            self.dropped[self.running[-1]] = None
        if told := not_counted(func, tensors_in((args, kwargs))):
            self.say(told)
        if self.flow is not None and threading.get_ident() == self.thread:
            self.flow.wrote(func.overloadpacket.__name__, written_by(func, args, kwargs))
            self.flow.operation(
                [(module, self.seen[module].calls) for module in self.running],
                func.overloadpacket.__name__,
                tensors_in((args, kwargs)),
                list(tensors_in(output)),
                sum(macs for macs, _, _ in products),
            )
        return output

    def _book(self, products: Iterable[tuple[int, tuple[Tensor, ...], tuple[Tensor, ...]]]) -> None:
        trains = torch.is_grad_enabled()
        for macs, left, right in products:
            seen = self.seen[self.running[-1]]
            seen.macs += macs
            wanted = wants_gradient(left) + wants_gradient(right)
            if trains and wanted:
                seen.backward_macs += macs * wanted
                # autograd has numbered its node before it calls what is below it
                number = torch.autograd._get_sequence_nr() - 1  # type: ignore[attr-defined]
                self._backward.append((seen, macs, macs * wanted, number))
            elif wanted:
                seen.without_gradient += macs

    def end(self, output: Any) -> None:
        """Take back what is not part of a backward pass from what the model returns."""
        self.graph = graph = Graph(returned(output), self.flow.spoiled if self.flow is not None else "")
        for seen, macs, backward, number in self._backward:
            if graph.without or number not in graph.numbers:
                seen.backward_macs -= backward
                seen.unreached += macs

    def _run(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if torch.is_inference_mode_enabled():  # where composite operations come whole
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        tensors = list(tensors_in((args, kwargs)))
        self._used.update(map(id, tensors))
        device = kwargs.get("device")
        if not tensors:
            return self._made(func, args, kwargs)
        if all(tensor.is_meta for tensor in tensors):
            if device is not None and torch.device(device) != META:
                kwargs = {**kwargs, "device": META}
            return _shaped(func, args, kwargs)
        if self._may_compute(func, tensors):
            if device is not None and torch.device(device) == META:  # as an input does that has no numbers here
                kwargs = {**kwargs, "device": tensors[0].device}
            output = func(*args, **kwargs)
            if func is aten.lift_fresh.default or all(id(tensor) in self.twins.own for tensor in tensors):
                self._remember(output)
            return output
        if func._schema.is_mutable:
            self._written.update(id(tensor) for tensor in tensors if not tensor.is_meta)
        else:  # what is filled with first numbers may be put to no use
            self.loose += [each for each in tensors if each.requires_grad and each.is_leaf and not each.is_meta]
        if func in INDEXED:
            args = (args[0], [place for each in args[1] for place in _places(each)], *args[2:])
        lengths = args[1:2] if func is aten._pack_padded_sequence.default else ()
        args, named = replaced((args, dict(kwargs)), self.twins.of)
        if lengths:  # which decide how many steps there are
            args = (args[0], *lengths, *args[2:])
        if "device" in named:
            named["device"] = META
        return _shaped(func, args, named)

    def _may_compute(self, func: Any, tensors: list[Tensor]) -> bool:
        """Small tensors with numbers are computed with, since models decide on them; the model's own never change."""
        if any(tensor.is_meta or tensor.numel() > SMALL or id(tensor) in self._written for tensor in tensors):
            return False
        return not func._schema.is_mutable or all(id(tensor) in self.twins.own for tensor in tensors)

    def _made(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Run an operation that makes a tensor out of nothing: for real where that is small, on the processor."""
        if not any(argument.name == "device" for argument in func._schema.arguments):
            return func(*args, **kwargs)
        wanted = {name: value for name, value in kwargs.items() if name != "pin_memory"}
        without = func(*args, **{**wanted, "device": META})
        device = kwargs.get("device")
        if (device is not None and torch.device(device) == META) or without.numel() > SMALL:
            return without
        made = func(*args, **{**wanted, "device": "cpu"})
        self._remember(made)
        return made

    def _remember(self, output: Any) -> None:
        for tensor in tensors_in(output):
            self.twins.own[id(tensor)] = tensor


INDEXED = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default)


def _places(index: Tensor | None) -> Iterable[Tensor | None]:
    """Return the places that a mask with numbers chooses; another index is its own."""
    mask = index is not None and index.dtype == torch.bool and not index.is_meta
    return index.nonzero(as_tuple=True) if mask and index is not None else (index,)


def _shaped(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Run an operation on tensors without numbers, by a rule of ours where there is one."""
    rule = SHAPES.get(func)
    output = rule(*args, **kwargs) if rule is not None else NotImplemented
    return func(*args, **kwargs) if output is NotImplemented else output


# These compare the devices of state and input before anything below them is asked.
RECURRENT = ["lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"]


class _Devices(TorchFunctionMode):
    """Lets tensors without numbers say that they lie where the model does: what is made there is made with numbers."""

    def __init__(self, device: torch.device, watch: Watch) -> None:
        super().__init__()
        self.watch, self.device, self.casts = watch, device, Casts(device)
        self.inside: list[Any] = []
        self.answers: dict[Any, Any] = {
            Tensor.device.__get__: device,
            Tensor.is_meta.__get__: False,  # type: ignore[attr-defined]
            Tensor.is_cuda.__get__: device.type == "cuda",  # type: ignore[attr-defined]
            Tensor.is_cpu.__get__: device.type == "cpu",  # type: ignore[attr-defined]
            Tensor.get_device: -1 if device.index is None else device.index,
        }

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if func in self.answers:
            return self.answers[func]
        if func is Tensor.type and len(args) == 1 and not kwargs:
            found: str = func(*args)
            place = "" if self.answers[Tensor.is_cpu.__get__] else f"{self.device.type}."  # type: ignore[attr-defined]
            return found.replace("torch.meta.", f"torch.{place}")
        if func.__name__ in RECURRENT:
            packed = isinstance(args[1], Tensor) and not args[1].is_floating_point()
            sizes = args[1:2] if packed else ()  # how many sequences go on at each step, which is counted by
            args, kwargs = replaced((args, dict(kwargs or {})), self.watch.twins.of)
            args = (args[0], *(sizes or args[1:2]), *args[2:])
            if func.__name__ == "lstm" and not kwargs and recurrent.by_onednn(self.device, args):
                with self:
                    return recurrent.lstm(*args)
        return self._called(func, args, kwargs or {})

    def _called(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        if self.device.type == "cuda" and func.__name__ in RECURRENT and not func.__name__.endswith("_cell"):
            self.watch.say("on a GPU: what cuDNN keeps for it in a space of its own is not in the memory")
        if not self.casts.on:
            return func(*args, **kwargs)
        if func.__name__ in RECURRENT:
            self.watch.say("under autocast: what it keeps counts as in 32 bits")
        if func not in self.inside and (inside := opened(func)) is not None:
            self.inside.append(func)  # methods of tensors call what gives itself out as they
            try:
                with self:
                    return inside(*args, **kwargs)
            finally:
                self.inside.pop()
        args, kwargs = self.casts(func, args, kwargs)
        return func(*args, **kwargs)


def _device(model: nn.Module, inputs: Any) -> torch.device:
    """Where the model lies; where it holds nothing, where its input does; the processor in place of PyTorch's meta."""
    tensors = [*model.parameters(), *model.buffers(), *tensors_in(inputs)]
    return next((tensor.device for tensor in tensors if not tensor.is_meta), torch.device("cpu"))


def watched(
    model: nn.Module,
    inputs: tuple[Any, ...],
    keywords: Mapping[str, Any],
    stop_at: nn.Module | None = None,
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
    flow: Flow | None = None,
    gradients: bool = True,
) -> Watch:
    """Run a model once on inputs whose numbers are left out; the returned `Watch` knows the rest.

    It runs within what `around` makes, with `gradients` or as under `no_grad`, and `flow` follows it. What the model
    raises is raised again, with the watch as its attribute `watch`. Model, random state and gradient mode are as before
    in either case.
    """
    twins = Twins()
    watch = Watch(model, twins, stop_at, flow)
    devices = _Devices(_device(model, (inputs, keywords)), watch)
    outside, given, named, found, names, outputs = Around(model), None, None, None, None, None
    try:
        with (
            torch.inference_mode(False),
            torch.set_grad_enabled(gradients),
            standing_in(model, twins),
            same_randomness(),
        ):
            given, named = replaced((inputs, dict(keywords)), twins.of_input)
            if flow is not None:
                flow.give([*(("", each) for each in tensors_in(given)), *_named(named)])
            with _hooked(watch), watch, devices, around():
                found = copy_context().run(model, *given, **named)
            names = found if isinstance(found, Mapping) else getattr(found, "_asdict", dict)()
            outputs = [*_named(names)] if names else [("", each) for each in tensors_in(found)]
            watch.given = [(name, tuple(tensor.shape)) for name, tensor in outputs]
            if flow is not None:
                flow.end(outputs)
            watch.end(found)
    except Reached as reached:
        raise reached.with_traceback(None) from None  # its frames hold tensors, for which garbage would be collected
    except SystemExit as ended:
        error = RuntimeError(f"it ends the program, by sys.exit({'' if ended.code is None else repr(ended.code)})")
        error.watch = watch  # type: ignore[attr-defined]
        raise error from None
    except Exception as error:
        error.watch = watch  # type: ignore[attr-defined]
        raise
    finally:
        given = named = found = names = outputs = None
        held = outside.clear(watch.made, look=flow is not None)
        watch.outlived = [ref(tensor) for tensor in held if not twins.hold(tensor)]
        held = []
    return watch


def _named(keywords: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    for name, value in keywords.items():
        yield from ((str(name) if isinstance(value, Tensor) else "", tensor) for tensor in tensors_in(value))


@contextmanager
def _hooked(watch: Watch) -> Iterator[None]:
    """Hear of every module that runs, by PyTorch's process-wide hooks; the model's own hooks stay untouched."""
    before = hooks.register_module_forward_pre_hook(watch.enter)
    after = hooks.register_module_forward_hook(watch.leave)
    try:
        with _not_compiled(), warnings.catch_warnings():  # compiled modules warn of these very hooks
            warnings.filterwarnings("ignore", r"Using `torch.compile\(module\)` when there are global hooks")
            yield
    finally:
        before.remove()
        after.remove()


def _not_compiled() -> AbstractContextManager[Any]:
    """Have compiled modules run as they were written; the compiler is not loaded for that where nobody has."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance
