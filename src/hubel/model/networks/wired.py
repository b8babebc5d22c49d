"""Models that are no tree: several inputs and outputs, a layer in several places, steps that are passed over."""

from __future__ import annotations

import inspect
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from hubel.arch import Chain, Network, Shape
from hubel.base.errors import OrderError, SettingError
from hubel.model.layers.arrays import first, last
from hubel.model.layers.layer import Layer
from hubel.model.layers.masks import over_known
from hubel.model.layers.own import called, own_parameters
from hubel.model.layers.tensor import KerasTensor
from hubel.model.layers.weights import order_joined, orders
from hubel.model.networks.graph import Answer, Assembled, same_order


@dataclass(frozen=True, eq=False)
class _Call:
    """One call of a layer, of the tensors of these numbers.

    brought: by which place the numbers of each are taken from before, None where they stay. whole: what computes it,
    where that is not the layer itself. order: that of what comes out. masked: whether steps of what is given are to be
    passed over.
    """

    layer: Layer
    given: tuple[int, ...]
    brought: tuple[Tensor | None, ...]
    whole: Assembled | Wired | None
    order: Tensor | None
    masked: bool


class Wired(nn.Module):
    """Layers called one after another on one or several inputs, N×C×….

    shapes: of the inputs; `sizes`, of all tensors.
    """

    def __init__(
        self, starts: Sequence[KerasTensor], tensors: Sequence[KerasTensor], ends: Sequence[KerasTensor],
        shapes: Sequence[Shape],
    ) -> None:  # fmt: skip
        super().__init__()
        self.parts = nn.ModuleDict()
        place = {id(tensor): number for number, tensor in enumerate(tensors)}
        self.ends = [place[id(end)] for end in ends]
        self.sizes = list(shapes)
        orders_of: list[Tensor | None] = [None] * len(starts)
        masked = [False] * len(starts)
        times = Counter(id(tensor.layer) for tensor in tensors)
        self.calls: list[_Call] = []
        for tensor in tensors[len(starts) :]:
            layer = tensor.layer
            assert layer is not None
            given = tuple(place[id(each)] for each in tensor.given)
            came = [(orders_of[at], self.sizes[at]) for at in given]
            skips = any(masked[at] for at in given)
            size = layer.shape_after([shape for _, shape in came])
            brought, whole, order = self._wire(layer, came, times[id(layer)] == 1)
            self.calls.append(_Call(layer, given, brought, whole, order, skips))
            self.sizes.append(size)
            orders_of.append(order)
            masked.append(layer.masks == "makes" or (skips and _goes_on(layer, len(given), size)))
        self.orders = [orders_of[at] for at in self.ends]
        used = {at for call in self.calls for at in call.given}
        last_calls = [self.calls[at - len(starts)] if at >= len(starts) else None for at in self.ends]
        self.softmaxed: tuple[bool, ...] = tuple(
            call is not None and call.whole is not None and call.whole.softmaxed[0] and at not in used
            and self.ends.count(at) == 1
            for at, call in zip(self.ends, last_calls, strict=True)
        )  # fmt: skip

    def _wire(
        self, layer: Layer, came: list[tuple[Tensor | None, Shape]], alone: bool
    ) -> tuple[tuple[Tensor | None, ...], Assembled | Wired | None, Tensor | None]:
        """Return how numbers are brought into the order that the layer sees, what computes it, and the order after."""
        to_keras = tuple(order for order, _ in came)
        shapes = [shape for _, shape in came]
        if layer.joins is not None:
            try:
                return (None,) * len(came), None, order_joined(layer.joins, came)
            except OrderError:
                return to_keras, None, None
        if layer.takes_shapes:
            inner: Assembled | Wired = layer.assembled(*shapes)
            self._keep(layer, inner if isinstance(inner, Wired) else inner.module)
            return to_keras, inner, None
        if len(came) > 1:
            self._keep(layer, nn.ParameterList(own_parameters(layer)))
            return to_keras, None, None
        module = layer.built_at(shapes[0])
        self._keep(layer, module)
        order = to_keras[0]
        if not layer.is_ordered:
            layer.sees_order, layer.is_ordered = order if alone else None, True
        brought = None
        if not same_order(order, layer.sees_order) and (layer.holds_weights or layer.is_own):
            back = None if layer.sees_order is None else layer.sees_order.argsort()
            brought = back if order is None else order if back is None else order[back]
            order = layer.sees_order
        network = Network(shapes[0], Chain(layer.node_at(shapes[0])))
        return (brought,), Assembled(network, module), orders(network, order).get("")

    def _keep(self, layer: Layer, module: nn.Module) -> None:
        name = f"layer {layer.name}".replace(".", "_")
        if all(module is not each for each in self.parts.values()):
            self.parts[name if name not in self.parts else f"{name} {len(self.parts)}"] = module

    @property
    def outputs(self) -> list[Shape]:
        """The outputs' shapes."""
        return [self.sizes[at] for at in self.ends]

    def answers(self, inputs: Sequence[Tensor], bare: Sequence[bool] | None = None) -> list[Answer]:
        """Return what comes out; `bare` of its softmax, where `softmaxed` says that it has one."""
        found = [Answer(last(each)) for each in inputs]
        without = {at for at, each in zip(self.ends, bare or (), strict=False) if each}
        for call in self.calls:
            found.append(self._called(call, [found[at] for at in call.given], len(found) in without))
        values = [found[at] for at in self.ends]
        return [
            each if order is None else each._replace(values=each.values[:, order])
            for each, order in zip(values, self.orders, strict=True)
        ]

    def _called(self, call: _Call, given: list[Answer], bare: bool) -> Answer:
        layer = call.layer
        values = [
            each.values if places is None else each.values[:, places]
            for each, places in zip(given, call.brought, strict=True)
        ]
        if call.whole is None:
            joined = layer.joined(values) if layer.joins is not None else called(layer, values, self.training)
            return Answer(joined)
        known = given[0].known if call.masked else None
        whole = call.whole

        def run() -> Tensor:
            return whole.answers([first(each) for each in values], [bare])[0].values

        if known is not None and layer.masks == "uses":
            answer = over_known(layer, run, values[0], known)
        else:
            answer = run()
        if layer.masks == "makes":
            return Answer(answer, layer.known_steps(values[0]))
        goes_on = known is not None and _goes_on(layer, 1, tuple(answer.shape[1:]), told=True)
        return Answer(answer, known if goes_on else None)

    def forward(self, *inputs: Tensor) -> Any:
        """Return the outputs, N×…×C: one, or a list."""
        found = [each.values for each in self.answers(inputs)]
        return found[0] if len(found) == 1 else found

    def logits(self, inputs: Sequence[Tensor]) -> Any:
        """Return the outputs for a tuple of inputs."""
        return self(*inputs)


def _goes_on(layer: Layer, given: int, size: Shape, told: bool = False) -> bool:
    """Whether steps to be passed over are so after a layer too. Raises SettingError where that is not known."""
    asks = layer.is_own and (hasattr(layer, "compute_mask") or "mask" in inspect.signature(layer.call).parameters)
    if layer.joins is not None or given > 1 or layer.takes_shapes or layer.masks == "refuses" or asks:
        raise SettingError(
            f"expected no masked steps in {layer.name}, received some, of an Embedding with mask_zero or a Masking: "
            "masks go through LSTM, GRU, SimpleRNN, Bidirectional, GlobalAveragePooling1D, and what sees each step by "
            "itself"
        )
    if layer.masks == "forgets" and not told:
        warnings.warn(
            f"{layer.name} knows no masks: it sees the masked steps like others, and so do the layers after it",
            stacklevel=2,
        )
    return layer.masks == "passes" or (layer.masks == "uses" and len(size) == 2)
