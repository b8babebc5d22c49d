"""How layers hang together between inputs and outputs, and the modules for inputs of each shape."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from hubel.arch import Chain, Network, Node, Shape
from hubel.base.errors import OrderError, SettingError
from hubel.model.layers.layer import Layer
from hubel.model.layers.names import identifier
from hubel.model.layers.normalised import as_keras
from hubel.model.layers.tensor import PROBE, KerasTensor, known
from hubel.model.networks import graph
from hubel.model.networks.graph import Assembled
from hubel.model.networks.outputs import axes_text, listed, names_of
from hubel.model.networks.wired import Wired
from hubel.nn import NetworkModule, build


class Connected(Layer):
    """Layers between inputs and outputs: the half of `Model` that knows what is called on what."""

    def start_connecting(self) -> None:
        """Nothing is connected yet."""
        self.tensors: list[KerasTensor] = []
        self.starts: list[KerasTensor] = []
        self.ends: list[KerasTensor] = []
        self.given: Any = None  # inputs as they were given, where they are a list or a dict
        self.structure: Any = None  # outputs, likewise
        self._assembled: dict[tuple[Shape, ...], Assembled | Wired] = {}

    def _connect(self, inputs: Any, outputs: Any) -> None:
        self.starts, self.ends = listed(inputs), listed(outputs)
        for tensor in (*self.starts, *self.ends):
            if not isinstance(tensor, KerasTensor):
                raise SettingError(
                    "expected inputs and outputs of Model as tensors: keras.Input(…), and what layers made of it, "
                    f"received {tensor!r}"
                )
        if not self.starts or not self.ends:
            raise SettingError("expected one input and one output or more, received none")
        several = (list, tuple, dict)
        self.given = inputs if isinstance(inputs, several) else None
        self.structure = outputs if isinstance(outputs, dict) or len(self.ends) > 1 else None
        self.tensors = graph.ordered(self.starts, self.ends)
        self._check_names(graph.in_keras_order(self.tensors, self.ends))
        self._order = dict.fromkeys(graph.in_keras_order(self.tensors, self.ends))
        for layer in self.layers:
            layer.home = self

    def _check_names(self, layers: Sequence[Layer]) -> None:
        """Raise SettingError where two layers or inputs have one name."""
        times = Counter([*(layer.name for layer in layers), *(start.name for start in self.starts)])
        name, most = times.most_common(1)[0]
        if most > 1:
            raise SettingError(f"expected layers and inputs of different names, received {name!r} {most} times")

    # the tree

    @property
    def layers(self) -> list[Layer]:
        """The layers, in Keras's order; inputs are none."""
        return list(self._order or dict.fromkeys(self.sublayers))

    _order: Mapping[Layer, None] | None = None  # no list, whose layers would be noted as those of a layer of one's own

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or place. Raises ValueError where there is none."""
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = ", ".join(layer.name for layer in self.layers)
        raise SettingError(f"expected a layer of {names}, received {name!r}")

    @property
    def input_shape(self) -> Shape | None:
        """The shape of the first input, without the batch; None where the data will say it."""
        if self.tensors:
            return known(self.tensors[0].shape[1:])
        return next(iter(self._assembled))[0] if self._assembled else None

    @property
    def takes(self) -> int:  # type: ignore[override]
        """How many inputs there are."""
        return max(1, len(self.starts))

    @property
    def holds_weights(self) -> bool:
        """Whether there are weights, or running statistics."""
        return super().holds_weights or any(layer.holds_weights for layer in self.layers)

    @property
    def takes_shapes(self) -> bool:  # type: ignore[override]
        """Whether it has inputs and outputs, and no `call` of its own."""
        return bool(self.tensors)

    @property
    def why_no_tree(self) -> str | None:  # type: ignore[override]
        """What it has that no tree has; None where it is a tree."""
        return graph.no_tree(self.starts, self.tensors, self.ends) if self.tensors else None

    def assembled(self, *shapes: Shape) -> Assembled | Wired:
        """Return the module for inputs of these shapes, with the tree where it is one; all share the weights."""
        if shapes not in self._assembled:
            self._assembled[shapes] = self._assemble(shapes)
            if self._preferred is None and shapes != tuple(self._weighed_at()):
                self._preferred = shapes
        return self._assembled[shapes]

    _preferred: tuple[Shape, ...] | None = None

    def _assemble(self, shapes: tuple[Shape, ...]) -> Assembled | Wired:
        if not self.tensors:
            network = Network(shapes[0], Chain(self.node_at(shapes[0])), identifier(self.name))
            return Assembled(network, as_keras(build(network)))
        for start, shape in zip(self.starts, shapes, strict=True):
            expected = start.shape[1:]
            if len(expected) != len(shape) or any(
                want not in (None, got) for want, got in zip(expected, shape, strict=True)
            ):
                which = "inputs" if len(shapes) == 1 else start.name
                raise SettingError(
                    f"{self.name}: expected {which} of {axes_text(expected)}, received {axes_text(shape)}"
                )
        if self.why_no_tree is None:
            try:
                return graph.assemble(self.name, shapes[0], self.tensors)
            except OrderError:
                pass
        return Wired(self.starts, self.tensors, self.ends, shapes)

    @property
    def is_tree(self) -> bool:
        """Whether the model is a tree. Raises SettingError where the input's shape is not known."""
        return self.why_no_tree is None and not isinstance(self.assembled(*self._shapes()), Wired)

    def tree(self) -> Assembled:
        """Return the model as a tree. Raises SettingError where it is none, or the input's shape is not known."""
        whole = self.assembled(*self._shapes())
        if isinstance(whole, Wired):
            why = self.why_no_tree or "a flattened picture beside other numbers"
            raise SettingError(
                f"expected a model that is a tree, with one input, one output and every layer in one place, received "
                f"{self.name} with {why}: it trains, measures and predicts, and `save` and `load_model` keep it"
            )
        return whole

    @property
    def network(self) -> Network:
        """The tree: what `hubel.arch` explains. Raises `ValueError` where it is none, and before the input is known."""
        return self.tree().network

    @property
    def module(self) -> NetworkModule | Wired:
        """The PyTorch module; weights start as their initializers say."""
        whole = self.assembled(*self._shapes())
        return whole if isinstance(whole, Wired) else whole.module

    def _shapes(self) -> tuple[Shape, ...]:
        shapes = [known(start.shape[1:]) for start in self.starts]
        if not shapes or None in shapes:
            if self._preferred is not None:
                return self._preferred
            raise SettingError(
                "expected the input's shape, received none: write it on the first layer, such as "
                "Dense(10, input_shape=(784,)), or put Input(shape=(784,)) before it, or call the model on data first"
            )
        return tuple(shape for shape in shapes if shape is not None)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The inputs, as a list."""
        return list(self.starts)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The outputs."""
        return list(self.ends)

    @property
    def input(self) -> Any:
        """The input; several as they were given."""
        return self.given if len(self.starts) > 1 else self.starts[0]

    @property
    def output(self) -> Any:
        """The output; several as they were given."""
        return self.structure or self.ends[0]

    @property
    def input_names(self) -> list[str]:
        """What a dict of inputs has them under."""
        return names_of(self.given, self.starts)

    @property
    def output_names(self) -> list[str]:
        """What losses, metrics and labels of several outputs stand under: their layers' names, or a dict's."""
        return names_of(self.structure, self.ends)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The output's shape, the batch first."""
        return self.ends[0].shape

    # as a layer of another model

    def make_node(self, shape: Shape) -> Node:
        """Return the tree as a chain with a name. Raises SettingError where it is none."""
        if not self.tensors:
            return super().make_node(shape)
        whole = self.assembled(shape)
        if isinstance(whole, Wired):
            raise OrderError(f"{self.name} is no tree")
        return Chain(*whole.network.body.nodes, name=identifier(self.name))

    def shape_after(self, shapes: list[Shape]) -> Shape:
        """Return what comes out, for one example."""
        if len(self.ends) > 1:
            raise SettingError(f"expected a model of one output as a layer, received {self.name} of {len(self.ends)}")
        if self.tensors and isinstance(whole := self.assembled(*shapes), Wired):
            return whole.sizes[whole.ends[0]]
        return super().shape_after(shapes)

    def leaves_at(self, shape: Shape) -> Iterator[tuple[int, Layer]]:
        """Give the tree's layers and the layers that they belong to."""
        shapes = {id(self.tensors[0]): shape} if self.tensors else {}
        for tensor in self.tensors[1:]:
            layer, given = tensor.layer, [shapes[id(each)] for each in tensor.given]
            assert layer is not None
            shapes[id(tensor)] = layer.shape_after(given)
            if layer.joins is None:
                yield from layer.leaves_at(given[0])

    def modules_at(self, shape: Shape) -> Sequence[nn.Module]:
        """Return the module of the whole."""
        if not self.tensors:
            return super().modules_at(shape)
        whole = self.assembled(shape)
        return [whole if isinstance(whole, Wired) else whole.module]

    def modules_at_all(self) -> list[nn.Module]:
        """Return the modules for every shape that the model has met."""
        found: list[nn.Module] = [w if isinstance(w, Wired) else w.module for w in self._assembled.values()]
        return found or super().modules_at_all()

    def inside(self) -> Iterator[Layer]:
        """Walk over the model, its layers and all in them."""
        yield self
        for layer in self.layers:
            yield from layer.inside()

    # shapes that only the data says

    def concrete(self, shape: Shape) -> Shape:
        """Return the input's shape for arrays of a shape; what is not known yet is so from here on."""
        return shape

    def build(self, input_shape: Any = None) -> None:
        """Make the weights, for inputs of this shape, the batch first."""
        if input_shape is None:
            shapes = self._weighed_at()
        else:
            given = input_shape if isinstance(input_shape[0], (list, tuple)) else [input_shape]
            shapes = [shape for each in given if (shape := known(tuple(each)[1:])) is not None]
        if len(shapes) == self.takes:
            self.assembled(*map(self.concrete, shapes))

    def _weighed_at(self) -> list[Shape]:
        """Return shapes of the inputs at which weights can be made: those that are known, or where no weight hangs on
        lengths that only the data knows, any; else none.
        """
        axes = [start.shape[1:] for start in self.starts] or [self.input_shape or (None,)]
        hangs = any(tensor.ndim == 2 and tensor.shape[1] is None for tensor in self.tensors if tensor.layer is not None)
        if hangs or not self.tensors:
            return [shape for each in axes if (shape := known(each)) is not None]
        return [tuple(PROBE if axis is None else axis for axis in each) for each in axes]
