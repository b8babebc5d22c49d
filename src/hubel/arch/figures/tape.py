"""One training step as PyTorch's autograd walks it, with tensors that have sizes and no numbers.

Forward: each layer makes its output, and what the backward pass needs stays. Backward: the layers in reverse; each
turns the gradient of its output into that of its input, adds its weights' gradients, and lets go of what it kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from hubel.arch._cost import Cost, Keeps
from hubel.arch._joins import join_shape, product_shape
from hubel.arch._layer import Layer
from hubel.arch._shape import Shape, positions, size
from hubel.arch._tree import Auxiliary, Chain, Concat, Join, Network, Node, Product, Sum, assert_never, named_children
from hubel.arch.figures.copies import Copies, Widths
from hubel.arch.layers.activation import Activation


@dataclass(frozen=True, slots=True)
class Moment:
    """Bytes alive at one moment, weights, optimizer state and the batch itself apart."""

    path: str = ""
    phase: str = "forward"
    kept: int = 0
    passing: int = 0
    gradients: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.kept + self.passing + self.gradients


@dataclass(slots=True, eq=False, repr=False)
class _Tensor:
    """A tensor's bytes; how many hold it as a value on its way, and how many for the backward pass."""

    bytes: int
    wants_gradient: bool = False
    local: int = 0
    saved: int = 0
    outside: bool = False  # the batch: it is there before and after
    wide: bool = False  # in the weights' width


_Value: TypeAlias = "tuple[_Tensor, Shape]"  # views of one tensor have shapes of their own


@dataclass(slots=True, eq=False, repr=False)
class _Operation:
    """One entry of the tape: what it read, made and kept. `gives` says where its input's gradients come from."""

    path: str
    inputs: list[_Tensor]
    output: _Tensor
    kept: list[_Tensor]
    gradient_bytes: int = 0
    cast_bytes: int = 0
    copied_bytes: int = 0  # that the backward pass lays out anew
    after_bytes: int = 0  # the same when what was kept is gone
    narrow_bytes: int = 0  # its input's gradient, where that has a cast copy
    whole: bool = False  # it needs its output's gradient in one piece, and copies a slice of a concatenation's
    gives: str = "own"  # or "same": the gradient of its output, or a view of that
    again: Callable[[list[_Operation]], _Value] | None = None


_Entries: TypeAlias = "list[_Operation] | None"


@dataclass(slots=True)
class Tape:
    """A step under way. `peak` is the moment at which most was alive, `held` what waits between the two passes."""

    network: Network
    batch: int
    widths: Widths
    channels_last: bool = False
    checkpoint: frozenset[str] = frozenset()
    peak: Moment = Moment()
    held: int = 0
    copies: Copies = field(init=False)
    _kept: int = 0
    _passing: int = 0
    _gradients: int = 0

    def __post_init__(self) -> None:
        self.copies = Copies(self.batch, self.widths, self.channels_last)

    def train(self) -> None:
        """Walk forward, through the loss, and back."""
        entries: list[_Operation] = []
        end, _ = self._chain(_without_softmax(self.network.body.nodes), "", self._start(), entries)
        self._loss(end, "loss", entries)
        self.held = self._kept
        self._backward(entries, {})

    def predict(self) -> None:
        """Walk forward, nothing kept."""
        self._chain(self.network.body.nodes, "", self._start(), None)

    # tensors come and go

    def _start(self) -> _Value:
        shape, wide = self.network.input, self.widths.cast > 0
        return _Tensor(self._bytes(shape, wide), False, 1, 0, True, wide), shape

    def _bytes(self, shape: Shape, wide: bool) -> int:
        return self.batch * size(shape) * (self.widths.weight if wide else self.widths.activation)

    def _at_once(self, bytes: int, wide: bool = False) -> int:
        """Count so many bytes of 32-bit numbers an image, in the width that activations have, or as they are."""
        return bytes * (4 if wide else self.widths.activation) // 4 * self.batch

    def _count(self, tensor: _Tensor, sign: int) -> None:
        if tensor.outside:
            return
        if tensor.saved:
            self._kept += sign * tensor.bytes
        elif tensor.local:
            self._passing += sign * tensor.bytes

    def _change(self, tensor: _Tensor, local: int = 0, saved: int = 0) -> None:
        self._count(tensor, -1)
        tensor.local += local
        tensor.saved += saved
        self._count(tensor, +1)

    def _new(self, bytes: int, wants_gradient: bool = False, wide: bool = False) -> _Tensor:
        tensor = _Tensor(bytes, wants_gradient, wide=wide)
        self._change(tensor, local=1)
        return tensor

    def _look(self, path: str, phase: str, more: int = 0) -> None:
        if self._kept + self._passing + self._gradients + more > self.peak.total:
            self.peak = Moment(path, phase, self._kept, self._passing + more, self._gradients)

    # forward: each method takes over its input and hands on its output; where `entries` is None nothing is kept

    def _chain(self, nodes: tuple[Node, ...], scope: str, value: _Value, entries: _Entries) -> _Value:
        for name, node in named_children(nodes):
            value = self._node(node, f"{scope}{name}", value, entries)
        return value

    def _node(self, node: Node, path: str, value: _Value, entries: _Entries) -> _Value:
        if path in self.checkpoint and entries is not None:
            return self._checkpointed(node, path, value, entries)
        return self._plain(node, path, value, entries)

    def _plain(self, node: Node, path: str, value: _Value, entries: _Entries) -> _Value:
        match node:
            case Layer():
                for step in node.steps():
                    value = self._step(step, path, value, entries)
                return value
            case Chain():
                return self._chain(node.nodes, f"{path}.", value, entries)
            case Sum() | Concat() | Product():
                return self._join(node, path, value, entries)
            case Auxiliary():
                if entries is not None:
                    self._change(value[0], local=1)
                    end, _ = self._chain(_without_softmax(node.nodes), f"{path}.", value, entries)
                    self._loss(end, path, entries)
                return value
            case _:
                assert_never(node)

    def _step(self, layer: Layer, path: str, value: _Value, entries: _Entries) -> _Value:
        tensor, before = value
        shape, cost = layer.output_shape(before), layer.cost(before)
        keeps = cost.keeps.autocast if self.widths.cast and cost.keeps.autocast else cost.keeps
        exact = self.widths.unfolds and self.widths.cast > 0 and keeps.stepwise is not None
        keeps = keeps.stepwise if self.widths.unfolds and not exact and keeps.stepwise else keeps
        moved = self.channels_last and len(before) != len(shape)  # a view, if it shares its input
        if layer.shares_input() and not (moved and max(positions(before), positions(shape)) > 1):
            return tensor, shape
        wants = tensor.wants_gradient or cost.trainable > 0
        wide = exact or (tensor.wide and not cost.macs)
        read = tensor
        if wide != tensor.wide and not keeps.products:  # what it reads is a copy in another width
            read = self._new(self._bytes(before, wide), tensor.wants_gradient, wide)
        output = self._new(self._bytes(shape, wide), wants, wide)
        through = self.batch * keeps.through_bytes if tensor.wants_gradient else 0
        beside = self._new(self._beside(cost, keeps, exact) + through)
        room = self._at_once(keeps.passing_bytes, exact) + self.copies.summed(keeps, before, shape, entries is not None)
        now, backward, after = self.copies.products(keeps, before, shape, tensor.wide, tensor.wants_gradient)
        self._look(path, "forward", room + now + self.copies.written_out(keeps, before, shape))
        if entries is not None and wants:
            kept = [beside]
            kept += [read] if keeps.input and not read.outside else []
            kept += [output] if keeps.output else []
            for one in kept:
                self._change(one, saved=1)
            cast = 0 if exact else self.widths.cast * cost.trainable * (cost.macs > 0)
            inputs = [tensor] if tensor.wants_gradient else []
            copied = self.copies.copied(keeps, before, shape, tensor.wants_gradient, cost.bias_operations > 0)
            copied += backward + self._at_once(keeps.learning_bytes + (keeps.backward_bytes if inputs else 0), exact)
            if keeps.widens == "backward" and self.widths.activation < 4 and not wide:
                copied += 4 * self.batch * size(before)
            gradient, whole = self.widths.weight * cost.trainable, keeps.copies or self.copies.writes_out(keeps)
            if keeps.products:  # the weights' gradient is one of a view, and is copied
                after = max(after, gradient)
            narrow = read.bytes if read is not tensor and inputs else 0
            entries.append(_Operation(path, inputs, output, kept, gradient, cast, copied, after, narrow, whole))
        if read is not tensor:
            self._change(read, local=-1)
        self._change(beside, local=-1)
        self._change(tensor, local=-1)
        return output, shape

    def _beside(self, cost: Cost, keeps: Keeps, exact: bool) -> int:
        """Count what a layer keeps beside its input and output: masks, indices, cast weights, padded copies."""
        cast = 0 if exact else self.widths.cast * cost.parameters * (cost.macs > 0)
        each = keeps.extra_bytes * (4 if exact else self.widths.activation) // 4 + keeps.fixed_bytes
        return each * self.batch + keeps.batch_bytes + cast

    def _join(self, node: Join, path: str, value: _Value, entries: _Entries) -> _Value:
        ends, shapes = list[_Tensor](), list[Shape]()
        for name, branch in named_children(node.branches):
            self._change(value[0], local=1)
            end, shape = self._node(branch, f"{path}.{name}", value, entries)
            ends.append(end)
            shapes.append(shape)
        if isinstance(node, Product):
            output, joined = self._product(ends, shapes, path, entries)
        else:
            joined = join_shape(node, shapes)
            wide = any(end.wide for end in ends)
            output = self._new(self._bytes(joined, wide), any(end.wants_gradient for end in ends), wide)
            self._look(path, "forward")
            if entries is not None and output.wants_gradient:
                entries.append(_Operation(path, [end for end in ends if end.wants_gradient], output, [], gives="same"))
        for end in (*ends, value[0]):
            self._change(end, local=-1)
        return output, joined

    def _product(self, ends: list[_Tensor], shapes: list[Shape], path: str, entries: _Entries) -> _Value:
        """Multiply two by two; each factor stays whose partner wants a gradient."""
        product, shape = ends[0], shapes[0]
        for end, other in zip(ends[1:], shapes[1:], strict=True):
            pair, shape = (product, end), product_shape((shape, other))
            wide = product.wide or end.wide
            output = self._new(self._bytes(shape, wide), product.wants_gradient or end.wants_gradient, wide)
            self._look(path, "forward")
            if entries is not None and output.wants_gradient:
                inputs = [one for one in pair if one.wants_gradient]
                kept = [one for one, partner in zip(pair, pair[::-1], strict=True) if partner.wants_gradient]
                kept = [one for one in kept if not one.outside]
                for one in kept:
                    self._change(one, saved=1)
                # the gradient of what was spread is as large as the product before it is added up
                spread = output.bytes if any(one.bytes < output.bytes for one in inputs) else 0
                entries.append(_Operation(path, inputs, output, kept, copied_bytes=spread))
            if product is not ends[0]:
                self._change(product, local=-1)
            product = output
        if product is ends[0]:  # of one branch
            self._change(product, local=1)
        return product, shape

    def _loss(self, logits: _Tensor, path: str, entries: list[_Operation]) -> None:
        """Take log-probabilities, which stay, and their mean over the batch."""
        log = self._new(logits.bytes, True)
        self._look(path, "forward")
        self._change(log, saved=1)
        entries.append(_Operation(path, [logits] if logits.wants_gradient else [], log, [log]))
        self._change(logits, local=-1)
        mean = self._new(self.widths.activation, True)
        entries.append(_Operation(path, [log], mean, []))
        self._change(log, local=-1)

    def _checkpointed(self, node: Node, path: str, value: _Value, entries: list[_Operation]) -> _Value:
        """Keep the input alone; the rest is computed once more when its gradient is wanted."""
        tensor = value[0]
        kept = [] if tensor.outside else [tensor]
        for one in kept:
            self._change(one, saved=1)
        output, shape = self._plain(node, path, value, None)
        output.wants_gradient = True

        def again(inner: list[_Operation]) -> _Value:
            self._change(tensor, local=1)
            return self._plain(node, path, value, inner)

        entries.append(_Operation(path, [], output, kept, again=again))
        return output, shape

    # backward

    def _backward(self, entries: list[_Operation], gradients: dict[int, _Tensor]) -> None:
        """Walk the tape from its end. `gradients` has those that are known, by their tensors' identity."""
        while entries:
            entry = entries.pop()
            of_output = gradients.pop(id(entry.output), None) or self._new(entry.output.bytes)
            if entry.again is not None:
                inner: list[_Operation] = []
                output, _ = entry.again(inner)
                self._change(output, local=-1)
                gradients[id(output)] = of_output
                self._backward(inner, gradients)
            else:
                self._entry_backward(entry, of_output, gradients)
                self._change(of_output, local=-1)
            for one in entry.kept:
                self._change(one, saved=-1)
            if entry.narrow_bytes:  # gradients of 16 bits become ones of 32 when the layer has let go
                self._look(entry.path, "backward", entry.narrow_bytes + entry.cast_bytes)
            if entry.cast_bytes:
                self._gradients += entry.gradient_bytes
            if entry.cast_bytes or entry.after_bytes:
                self._look(entry.path, "backward", max(entry.cast_bytes, entry.after_bytes))

    def _entry_backward(self, entry: _Operation, of_output: _Tensor, gradients: dict[int, _Tensor]) -> None:
        if not entry.cast_bytes:
            self._gradients += entry.gradient_bytes
        made = []
        for tensor in entry.inputs:
            if entry.gives == "same":
                self._change(of_output, local=1)
                made.append(of_output)
            else:
                made.append(self._new(tensor.bytes))
        piece = entry.output.bytes if entry.whole and of_output.bytes > entry.output.bytes else 0
        made_later = entry.inputs[0].bytes - entry.narrow_bytes if entry.narrow_bytes else 0
        self._look(entry.path, "backward", entry.cast_bytes + entry.copied_bytes + piece - made_later)
        for tensor, gradient in zip(entry.inputs, made, strict=True):
            self._accumulate(tensor, gradient, gradients, entry.path)

    def _accumulate(self, tensor: _Tensor, gradient: _Tensor, gradients: dict[int, _Tensor], path: str) -> None:
        """Add a gradient to what other branches sent: in place where nobody else reads that, else in new room."""
        known = gradients.get(id(tensor))
        if known is None:
            gradients[id(tensor)] = gradient
            return
        if known.local > 1 or known.bytes != tensor.bytes:
            gradients[id(tensor)] = self._new(tensor.bytes)
            self._look(path, "backward")
            self._change(known, local=-1)
        self._change(gradient, local=-1)


def _without_softmax(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Leave out a softmax at the very end: the loss works on what comes before it."""
    last = nodes[-1] if nodes else None
    if isinstance(last, Activation) and last.function == "softmax":
        return nodes[:-1]
    return nodes
