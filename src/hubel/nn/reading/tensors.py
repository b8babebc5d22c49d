"""The tensors of a model that runs: which step of the tree gives each, how it lies, and which are constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

from torch import Tensor, nn

from hubel.arch import Shape
from hubel.base.errors import NetworkError
from hubel.nn.inspection.tensors import replaced, tensors_in
from hubel.nn.reading.graph import Step
from hubel.nn.reading.record import Call, Record
from hubel.nn.reading.worked import Worked

VIEWS = ("view", "reshape", "squeeze", "unsqueeze", "flatten", "unflatten", "getitem", "view_as", "reshape_as")
SAME = ("contiguous", "clone", "to", "float", "type_as", "alias")


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: the place of the step that makes it, that step's shape without the batch, how it lies.

    How: as `lying.TURNS` says; "spread" is a gate repeated over the picture that it will multiply; "moved" and "part"
    are on the way to something that a tree has: `made` says how far.
    """

    place: int
    shape: tuple[int, ...]
    order: str = "first"
    made: Any = None


class Tensors:
    """The steps so far, and the tensors that they give.

    lost: tensors that no tree can give, with the error that says why; raised where the output depends on one.
    """

    def __init__(self, record: Record, model: nn.Module) -> None:
        self.record = record
        self.names = {id(own): f"the parameter {path}" for path, own in model.named_parameters()}
        self.names |= {id(own): f"the buffer {path}" for path, own in model.named_buffers()}
        self.steps: list[Step] = []
        self.values: dict[int, Value] = {}  # by the tensor's id; the record holds all tensors, so that ids stay
        self.lost: dict[int, ValueError] = {}
        self.known: list[Tensor] = []
        self.origin: dict[int, Tensor] = {}  # of views of parameters
        self.repeated: dict[int, Tensor] = {}  # of buffers that were repeated
        self.made: set[int] = set()  # constants worked out while the model runs
        self.made_by: dict[int, tuple[Call, int]] = {}  # those and views: by which call, and which of what it gives

    def __contains__(self, tensor: Tensor) -> bool:
        """Whether it depends on the model's input."""
        return id(tensor) in self.values or id(tensor) in self.lost

    def __getitem__(self, tensor: Tensor) -> Value:
        """Return what is known of a tensor that depends on the input; raise the error of one that no tree can give."""
        if id(tensor) in self.lost:
            raise self.lost[id(tensor)].with_traceback(None)
        return self.values[id(tensor)]

    def add(self, tensor: Tensor, step: Step, order: str = "first") -> None:
        """Take in a step that gives a tensor."""
        shape = tuple(tensor.shape[1:])
        if order == "last":
            shape = (shape[-1], *shape[:-1])
        self.set(tensor, Value(len(self.steps), shape, order))
        self.steps.append(step if step.shape else replace(step, shape=self.public(tensor)))

    def set(self, tensor: Tensor, value: Value) -> None:
        """Say of a tensor which step gives it."""
        self.values[id(tensor)] = value
        self.known.append(tensor)

    def lose(self, tensor: Tensor, error: ValueError) -> None:
        """Say of a tensor why no tree can give it."""
        self.values.pop(id(tensor), None)
        self.lost[id(tensor)] = error
        self.known.append(tensor)

    def follow(self, call: Call, before: Mapping[int, Value | None]) -> None:
        """Let other views of what a call wrote into have what it wrote; lose those that cannot be told."""
        for tensor in call.changed:
            now = self.values.get(id(tensor)) if tensor is call.output else None
            if now is None and id(tensor) not in self.lost:
                self.lose(tensor, NetworkError(f"{call.label}: writes into a tensor, a tree's layers make new ones"))
            storage = tensor.untyped_storage()._cdata
            for other in list(unique(self.known)):
                if other is tensor or other.untyped_storage()._cdata != storage:
                    continue
                if now is not None and self.values.get(id(other)) == before[id(tensor)]:
                    self.set(other, now)
                elif id(other) not in self.lost:
                    self.lose(
                        other, NetworkError(f"{call.label}: writes into a tensor that is used elsewhere as it was")
                    )

    def constant(self, call: Call, given: Sequence[Tensor], outputs: Sequence[Tensor]) -> None:
        """Follow views of parameters; what else is worked out of constants is no parameter any more."""
        if isinstance(call.what, nn.Module):
            error = NetworkError(f"{call.label}: is given nothing of the model's input, or by a hook of its own")
            for tensor in outputs:
                self.lose(tensor, error)
            return
        for place, tensor in enumerate(outputs):
            self.made_by[id(tensor)] = call, place
            source = self.stored(given[0]) if len(given) == 1 and call.what in (*VIEWS, *SAME, "detach") else None
            if source is not None and source.numel() == tensor.numel():
                self.origin[id(tensor)] = source
            elif len(given) == 1 and call.what == "expand" and (one := self.stored(given[0])) is not None:
                self.repeated[id(tensor)] = one
                self.made.add(id(tensor))
            else:
                self.made.add(id(tensor))

    def stored(self, tensor: Tensor) -> Tensor | None:
        """Return the model's own tensor that a constant is, or a view of; None where it is worked out."""
        if id(tensor) in self.made:
            return None
        return self.origin.get(id(tensor), self.record.original(tensor))

    def worked(self, tensor: Tensor) -> Worked | None:
        """Return how a constant is worked out of the model's parameters alone, whenever it runs; None for others."""
        found = _Replayed(self)
        sources = found.sources(tensor)
        return Worked(tuple(sources), partial(found.made, tensor, sources), tensor.numel()) if sources else None

    def fixed(self, tensor: Tensor) -> Tensor | None:
        """Return the numbers of a constant that nobody learns: a buffer, repeated or not, or what was made of plain
        numbers; None where they are not known.
        """
        source = self.repeated.get(id(tensor), self.origin.get(id(tensor), self.record.original(tensor)))
        if isinstance(source, nn.Parameter) or source.requires_grad or source.is_meta:
            return None
        source = source.detach().cpu()
        return source.reshape(tensor.shape) if source.numel() == tensor.numel() else source.expand(tensor.shape)

    def along_channels(self, constant: Tensor, given: Tensor) -> bool:
        """Whether a constant holds one number for each channel of a tensor."""
        shape = tuple(given.shape)
        along = len(shape) - 1 if self[given].order == "last" else 1
        filled = (1,) * (len(shape) - constant.dim()) + tuple(constant.shape)
        return filled == tuple(size if axis == along else 1 for axis, size in enumerate(shape))

    def refuse(self, call: Call, constants: Sequence[Tensor]) -> NoReturn:
        """Raise the error of a constant that is no weight of a layer."""
        names = [self.names[id(source)] for each in constants if id(source := self.stored(each)) in self.names]
        made = any(id(each) in self.made for each in constants)
        told = names[0] if names else "a tensor worked out when it runs" if made else "a constant"
        raise NetworkError(f"{call.label}: {told} used by itself has no place in a tree")

    def public(self, tensor: Tensor) -> Shape:
        """Return a tensor's shape as the tree has it, height × width × channels."""
        shape, value = tuple(tensor.shape[1:]), self.values[id(tensor)]
        shape = value.shape if value.order in ("spread", "split") else shape
        return (*shape[1:], shape[0]) if len(shape) > 1 and value.order in ("first", "spread", "split") else shape

    def places(self, tensors: Sequence[Tensor]) -> tuple[int, ...]:
        """Return the places of the steps that give these."""
        return tuple(self.values[id(tensor)].place for tensor in tensors)

    def one_order(self, call: Call, tensors: Sequence[Tensor], what: str) -> str:
        """Return how all of these lie; `what` a tree does with them is said where that is not one way."""
        orders = {self.values[id(tensor)].order for tensor in tensors}
        if len(orders) > 1 or not orders <= {"first", "last"}:
            raise NetworkError(f"{call.label}: a tree {what} branches whose channels lie alike")
        return orders.pop()


class _Replayed:
    """Works a constant out once more, of other numbers in its parameters' place."""

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors

    def sources(self, tensor: Tensor) -> list[Tensor]:
        """Return the parameters that a constant is made of; none where something else takes part."""
        found, waiting = list[Tensor](), [tensor]
        while waiting:
            one = waiting.pop()
            if id(one) in self.tensors.made_by:
                call, _ = self.tensors.made_by[id(one)]
                if call.function is None or call.changed:
                    return []
                waiting += tensors_in((call.inputs, call.keywords))
                continue
            source = self.tensors.record.original(one)
            if isinstance(source, nn.Parameter):
                found.append(source)
            elif id(source) in self.tensors.names or source.is_meta:  # a buffer, such as a mask
                return []
        return unique(found)

    def made(self, tensor: Tensor, sources: Sequence[Tensor], *given: Tensor) -> Tensor:
        """Work it out, of what is given in the place of each of the sources."""
        instead = {id(source): one for source, one in zip(sources, given, strict=True)}
        known: dict[int, Tensor] = {}

        def of(one: Tensor) -> Tensor:
            if id(one) not in self.tensors.made_by:
                source = self.tensors.record.original(one)
                return instead.get(id(source), source)
            if id(one) not in known:
                call, place = self.tensors.made_by[id(one)]
                assert call.function is not None
                inputs, keywords = replaced((call.inputs, dict(call.keywords)), of)
                known[id(one)] = list(tensors_in(call.function(*inputs, **keywords)))[place]
            return known[id(one)]

        return of(tensor)


def unique(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return each of these tensors once."""
    return list({id(tensor): tensor for tensor in tensors}.values())
