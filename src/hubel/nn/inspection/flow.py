"""What a model's pass makes of what it is given: calls and operations in order, who reads whom, what lies in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import ReferenceType, WeakSet, ref

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from hubel.nn.inspection.report import Memory, Stop, TensorShape

# What gives the same numbers under another shape or in another place is drawn with what made them.
PASSING = {"clone", "contiguous", "_to_copy", "alias", "detach", "lift_fresh", "copy_", "_reshape_copy", "view_copy"}


@dataclass(slots=True)
class _Node:
    name: str
    type: str
    shape: TensorShape
    macs: int = 0
    reads: list[int] = field(default_factory=list)


@dataclass(eq=False)
class _Saved:
    """What PyTorch's graph keeps of a tensor, for as long as it does: the shape alone. `serial` is its storage's,
    `begins` where it begins there, and `writes` how many there had been by then.
    """

    shape: TensorShape
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device
    serial: int | None
    room: int
    begins: int
    writes: int


class Flow:
    """Follows storages, since views and changes in place keep theirs, through one pass of a model."""

    def __init__(self, model: nn.Module) -> None:
        self._paths = {part: path for path, part in model.named_modules()}
        self._nodes: list[_Node] = []
        self._made: dict[int, int | None] = {}  # by which node, if by one, each storage that lives
        self._serial: dict[int, int] = {}  # a number for each, since places in memory are used again
        self._calls: dict[tuple[nn.Module, int], int] = {}
        self._held: list[ReferenceType[Any]] = []
        self.taken = self.most = 0  # bytes of what the pass has made and not let go
        self._saved: WeakSet[_Saved] = WeakSet()
        self._kept = 0
        self._writes = 0
        # by storage and place in it, the last write's number, and what wrote; parts of one may change apart (LSTM)
        self._written: dict[tuple[int | None, int], tuple[int, str]] = {}
        self.spoiled = ""  # what wrote into something that the backward pass needs as it was

    def give(self, named: Iterable[tuple[str, Tensor]]) -> None:
        """Note what the model is given; a name may be empty."""
        for number, (name, tensor) in enumerate(named, 1):
            self._put(tensor, self._add(_Node(name or f"input {number}", "input", tuple(tensor.shape))))

    def left(self, module: nn.Module, call: int, shapes: Sequence[TensorShape]) -> None:
        """Note what a call of a module gave."""
        node = self._calls.get((module, call))
        if node is not None and shapes:
            self._nodes[node].shape = shapes[0]

    def keeping(self) -> saved_tensors_hooks:
        """Within this, note what is kept for the backward pass, and keep its shape alone: so a tensor lives as long as
        in a pass without gradients, and one pass tells both.
        """

        def keep(tensor: Tensor) -> _Saved:
            full = tensor if len(numbers_of(tensor)) == 1 else torch.empty(tensor.shape, device="meta")
            serial = self._serial[_key(tensor)] if _key(tensor) in self._made else None  # weights are held anyway
            shape, stride = tuple(tensor.shape), full.stride()
            begins = int(tensor.storage_offset()) if full is tensor else 0
            saved = _Saved(shape, stride, tensor.dtype, tensor.device, serial, _room(tensor), begins, self._writes)
            self._saved.add(saved)
            return saved

        def give(saved: _Saved) -> Tensor:
            return torch.empty_strided(saved.shape, saved.stride, dtype=saved.dtype, device=saved.device)

        return saved_tensors_hooks(keep, give)

    def operation(
        self,
        running: Sequence[tuple[nn.Module, int]],
        name: str,
        read: Iterable[Tensor],
        made: Sequence[Tensor],
        macs: int,
    ) -> None:
        """Note an operation within these modules, from the outermost, each with the number of its call."""
        keys = list(map(_key, read))
        sources = [source for source in dict.fromkeys(map(self._made.get, keys)) if source is not None]
        fresh = [tensor for tensor in made if _key(tensor) not in self._made and _key(tensor) not in keys]
        changed = name.endswith("_")
        if not made or not (fresh or changed):  # a view
            return
        if not (sources or macs):  # made of weights alone, or of nothing: kept, and drawn where it multiplies
            for tensor in fresh:
                self._put(tensor, None)
            return
        if name in PASSING and len(sources) == 1:
            for tensor in fresh:
                self._put(tensor, sources[0])
            return
        node = self._node_of(running, name, made[0])
        self._nodes[node].shape = tuple(made[0].shape)
        self._nodes[node].macs += macs
        known = self._nodes[node].reads
        known += [source for source in sources if source != node and source not in known]
        for tensor in made:
            self._put(tensor, node)

    def wrote(self, name: str, tensors: Iterable[Tensor]) -> None:
        """Note that an operation wrote into these."""
        self._writes += 1
        for tensor in tensors:
            if _key(tensor) in self._made and tensor.layout == torch.strided:
                self._written[self._serial[_key(tensor)], int(tensor.storage_offset())] = self._writes, name

    def end(self, outputs: Iterable[tuple[str, Tensor]]) -> None:
        """Note what the model returns, which holds what a backward pass needs; a name may be empty."""
        for saved in self._saved:
            number, name = self._written.get((saved.serial, saved.begins), (0, ""))
            self.spoiled = name if number > saved.writes else self.spoiled
        self._kept = sum({saved.serial: saved.room for saved in self._saved if saved.serial is not None}.values())
        for number, (name, tensor) in enumerate(outputs, 1):
            source = self._made.get(_key(tensor))
            if source is not None:
                self._add(_Node(name or f"output {number}", "output", tuple(tensor.shape), reads=[source]))

    def stops(self) -> tuple[Stop, ...]:
        """All of it in order; the number of an only input or output is left out."""
        for kind in ("input", "output"):
            only = [node for node in self._nodes if node.type == kind]
            if len(only) == 1 and only[0].name == f"{kind} 1":
                only[0].name = kind
        return tuple(Stop(node.name, node.type, node.shape, node.macs, tuple(node.reads)) for node in self._nodes)

    def kept(self) -> int:
        """Bytes kept for the backward pass, each storage once."""
        return self._kept

    def _node_of(self, running: Sequence[tuple[nn.Module, int]], name: str, made: Tensor) -> int:
        """The call that an operation belongs to: that of the outermost module without modules, or its own."""
        leaf = next((call for call in running if _is_leaf(call[0])), None)
        if leaf is None:
            path = self._paths.get(running[-1][0], "") if running else ""
            plain = name.strip("_").removeprefix("native_")
            return self._add(_Node(path, plain, tuple(made.shape)))
        if leaf not in self._calls:
            self._calls[leaf] = self._add(_Node(self._paths.get(leaf[0], ""), type(leaf[0]).__name__, ()))
        return self._calls[leaf]

    def _add(self, node: _Node) -> int:
        self._nodes.append(node)
        return len(self._nodes) - 1

    def _put(self, tensor: Tensor, node: int | None) -> None:
        storage = numbers_of(tensor)[0].untyped_storage()
        key, size = _key(tensor), _room(tensor)
        if key not in self._made:
            self._serial[key] = len(self._held)
            self.taken += size
            self.most = max(self.most, self.taken)

            def gone(_: object, key: int = key, size: int = size) -> None:
                self.taken -= size
                self._made.pop(key, None)

            self._held.append(ref(storage, gone))
        self._made[key] = node


def memory_of(model: nn.Module, kept: int | None, most: int) -> Memory:
    """What a model takes besides its code, from what one pass kept (None: it cannot be trained) and had at most."""
    parameters = {id(each): each for each in model.parameters()}.values()
    buffers = {id(each): each for each in model.buffers()}.values()
    return Memory(
        weights=sum(map(_bytes, (*parameters, *buffers))),
        activations=most,
        gradients=None if kept is None else sum(_bytes(each) for each in parameters if each.requires_grad),
        kept=kept,
    )


def _bytes(tensor: Tensor) -> int:
    return sum(each.numel() * each.element_size() for each in numbers_of(tensor))


def numbers_of(tensor: Tensor) -> tuple[Tensor, ...]:
    """Return what holds a tensor's numbers: itself, or of a sparse one the numbers and where they stand."""
    if tensor.layout == torch.sparse_coo:
        return tensor._values(), tensor._indices()
    if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
        return tensor.values(), tensor.crow_indices(), tensor.col_indices()
    if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
        return tensor.values(), tensor.ccol_indices(), tensor.row_indices()
    return (tensor,)


def _key(tensor: Tensor) -> int:
    return int(numbers_of(tensor)[0].untyped_storage()._cdata)


def _room(tensor: Tensor) -> int:
    return sum(each.untyped_storage().nbytes() for each in numbers_of(tensor))


def _is_leaf(module: nn.Module) -> bool:
    """Whether a module is drawn as one: it has none inside, or is one of PyTorch's own layers."""
    parts: Iterator[nn.Module] = module.children()
    own = type(module).__module__.startswith("torch.nn.modules")
    return not any(True for _ in parts) or (own and not type(module).__module__.endswith(("container", "transformer")))
