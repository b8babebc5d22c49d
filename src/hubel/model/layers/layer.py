"""A layer as Keras has it: what it is, by the tree, and beside it what only weights and training know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

import hubel.arch as arch
from hubel.arch import Chain, Network, Node, Shape, ShapeError, analyse, join_shape
from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.base.numbers import counted
from hubel.model import initializers, regularizers
from hubel.model.layers.arrays import as_tensor, first, last
from hubel.model.layers.names import automatic_name
from hubel.model.layers.normalised import as_keras
from hubel.model.layers.passed_over import check_dtype
from hubel.model.layers.roles import ROLE_NAMES, USUAL
from hubel.model.layers.tensor import Axes, KerasTensor, inferred, known
from hubel.model.layers.weights import Weight, assign_all, share, weights_of
from hubel.model.variables import Result, Variable, started
from hubel.nn import NetworkModule, build

_HERE = "hubel.model.layers."


class Layer:
    """A layer, called on tensors before there are numbers (which makes a `Model`), or on arrays.

    trainable: whether `fit` changes its weights; it may be set at any time.

    A layer of your own has `call(inputs)`, and where it has weights `build(input_shape)`, in which `add_weight` makes
    them: arrays are PyTorch's tensors, channels last, and `hubel.model.ops` has functions for them.
    """

    joins: ClassVar[Any] = None  # what of the tree joins branches, where the layer does that
    masks: str = "forgets"  # steps that are to be passed over; or "makes", "uses", "passes" or "refuses" them
    is_silent: bool = False  # whether zeros come out of such steps
    why_no_tree: str | None = None  # of a model
    takes_shapes: bool = False  # whether it is a model of inputs and outputs

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        activity_regularizer: Any = None,
        input_shape: Sequence[int | None] | None = None,
        **settings: Any,
    ) -> None:
        input_dim = settings.pop("input_dim", None)
        batch = settings.pop("batch_input_shape", None) or settings.pop("batch_shape", None)
        for ignored in ("autocast", "dynamic", "batch_size"):
            settings.pop(ignored, None)
        if settings:
            unknown = next(iter(settings))
            raise TypeError(f"{type(self).__name__} takes no argument {unknown!r}")
        if activity_regularizer is not None:
            raise SettingError(
                f"expected {type(self).__name__} without activity_regularizer, received {activity_regularizer!r}; "
                "kernel_regularizer and bias_regularizer are there, and a layer of your own may `add_loss`"
            )
        self.name = name or automatic_name(type(self).__name__)
        first = batch[1:] if batch else (input_dim,) if input_dim is not None else input_shape
        self.given_shape: Axes | None = tuple(first) if first is not None else None
        self.dtype = "float32"
        check_dtype(self.name, dtype)
        self.initial: dict[str, Callable[..., Any]] = {}
        self.penalties: dict[str, Callable[[Tensor], Tensor]] = {}
        self.outputs_made: list[KerasTensor] = []
        self.sees_order: Tensor | None = None  # of a flattened picture's numbers
        self.is_ordered = False  # whether a model has said so, or that it sees none
        self.home: Any = None  # the model that it was put into last
        self.added: list[Tensor] = []  # losses of a layer of one's own
        self.own_weights: list[Variable] = []
        self.own_penalties: list[tuple[Variable, Callable[[Tensor], Tensor]]] = []
        self.__dict__.setdefault("sublayers", [])
        self._trainable = bool(trainable)
        self._nodes: dict[Shape, Node] = {}
        self._built: dict[Shape, NetworkModule] = {}
        self._first: tuple[Shape, NetworkModule] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(each, Layer) and each is not self and name != "home":
                self.__dict__.setdefault("sublayers", []).append(each)
        object.__setattr__(self, name, value)

    # what the tree has of it

    def make_node(self, shape: Shape) -> Node:
        """Return what the tree has of the layer, for an input of this shape; asked once a shape."""
        from hubel.model.layers.own import own_node

        return own_node(self, shape)

    def node_at(self, shape: Shape) -> Node:
        """Return the layer's own node for an input of this shape, always the same one."""
        if shape not in self._nodes:
            self._nodes[shape] = self.make_node(shape)
        return self._nodes[shape]

    def shape_after(self, shapes: list[Shape]) -> Shape:
        """Return what comes out, for one example. Raises `ShapeError` with the layer's name."""
        try:
            if self.joins is not None:
                return join_shape(self.joins(*[arch.Identity()] * max(1, len(shapes))), shapes)
            if len(shapes) > 1:
                from hubel.model.layers.own import tried

                return tuple(tried(self, shapes).shape[1:])
            return analyse(Network(shapes[0], Chain(self.node_at(shapes[0])))).output_shape
        except ShapeError as error:
            raise ShapeError(
                error.expected, rule=error.rule, values=error.values, fits=error.fits, place=self.name
            ) from None

    def leaves_at(self, shape: Shape) -> Iterator[tuple[int, Layer]]:
        """Give the tree's layers, by their ids, and the layer that each belongs to."""
        for leaf in arch.leaves(self.node_at(shape)):
            yield id(leaf), self

    def modules_at(self, shape: Shape) -> Sequence[nn.Module]:
        """Return the modules of the layer's node."""
        return list(self.built_at(shape).children())

    def modules_at_all(self) -> list[nn.Module]:
        """Return the modules for every shape that the layer has met."""
        return list(self._built.values())

    # calling

    def __call__(self, inputs: Any, *more: Any, training: bool | None = None, **settings: Any) -> Any:
        """Put the layer after what is given: a tensor that stands for numbers to come, or an array, batch first.

        training: how it works: as in training (dropout drops), or as in predicting (False).
        """
        given = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if not any(isinstance(each, KerasTensor) for each in (*given, *more)):
            return self.run(inputs, *more, training=training, **settings)
        if more and self.is_own and not settings and all(isinstance(each, KerasTensor) for each in (*given, *more)):
            self.by_place = True
            return self.follow([*given, *more], training)
        if more or settings:
            raise SettingError(
                f"expected {self.name} to be called on one tensor, received {1 + len(more)} and {settings}"
            )
        return self.follow(given, training)

    def follow(self, given: list[KerasTensor], mode: bool | None = None) -> KerasTensor:
        """Return what the layer will give."""
        if len(given) != self.takes and self.joins is None and not (self.is_own and len(given) > 1):
            raise SettingError(
                f"expected {self.name} to be called on {counted(self.takes, 'tensor')}, received {len(given)}"
            )
        if len(given) < 2 and self.joins is not None:
            raise SettingError(f"expected {self.name} to be called on a list of two tensors or more, received one")
        if any(not isinstance(each, KerasTensor) for each in given):
            raise SettingError(f"expected {self.name} to be called on tensors of one kind, received some with numbers")
        axes = inferred(self.shape_after, [each.shape[1:] for each in given])
        mode = None if self.trains_unasked else mode  # whether pictures change, `fit` and `predict` say
        made = KerasTensor((given[0].shape[0], *axes), "float32", self.name, self, tuple(given), mode)
        self.outputs_made.append(made)
        return made

    def run(self, inputs: Any, *more: Any, training: bool | None = None, **settings: Any) -> Any:
        """Return what an array becomes: a tensor, channels last."""
        if self.is_own:
            from hubel.model.layers.own import called

            inputs = as_tensor(inputs).as_subclass(Result) if isinstance(inputs, np.ndarray) else inputs
            return called(self, inputs, bool(training), *more, **settings)
        array = as_tensor(inputs)
        shape = tuple(array.shape[1:])
        single = bool(self.given_shape is None and len(shape) == 2 and self.takes_single_pictures)
        if single:  # a picture by itself, as the layers that prepare pictures take it
            array, shape = array[None], tuple(array.shape)
        module = self.built_at(shape)
        if not array.is_floating_point() and any(True for _ in module.parameters()):
            array = array.float()
        module.train(bool(training if training is not None else self.trains_unasked))
        found = last(module(first(array)))
        return (found[0] if single else found).as_subclass(Result)

    takes: int = 1  # tensors; of a join two and more
    by_place: bool = False  # whether `call` takes several tensors one after another, and not as a list
    takes_single_pictures: ClassVar[bool] = False
    trains_unasked: ClassVar[bool] = False

    def call(self, inputs: Any) -> Any:
        """Return what arrays become, channels last: for a layer of your own to write."""
        return self.run(inputs)

    # weights

    @property
    def is_own(self) -> bool:
        """Whether the class has a `call` of its own, as those have that a user wrote."""
        return type(self).call is not Layer.call

    @property
    def is_in_files(self) -> bool:
        """Whether files hold the layer: it is Keras's, and not of a user's own functions."""
        return type(self).__module__.startswith(_HERE) and type(self).__name__ != "Lambda"

    def add_weight(
        self,
        shape: Sequence[int] | int = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
        **_: Any,
    ) -> Variable:
        """Make a weight of a layer of your own."""
        found = started(shape, initializer, trainable, name)
        self.own_weights.append(found)
        penalty = regularizers.get(regularizer)
        if penalty is not None:
            self.own_penalties.append((found, penalty))
        if constraint is not None:
            raise SettingError(f"{self.name}: expected add_weight without constraint, received {constraint!r}")
        return found

    add_variable = add_weight

    def add_loss(self, loss: Any) -> None:
        """Add to the loss of this step: for `call` of a layer of your own."""
        self.added += list(loss) if isinstance(loss, (list, tuple)) else [loss]

    def build(self, input_shape: Any) -> None:
        """Make the weights, for an input of this shape, the batch first."""
        shape = known(tuple(input_shape)[1:])
        if shape is not None:
            self.built_at(shape)

    @property
    def built(self) -> bool:
        """Whether the weights are there."""
        return self._first is not None

    @property
    def holds_weights(self) -> bool:
        """Whether there are weights, or running statistics."""
        return self._first is not None and bool(self._first[1].state_dict())

    def built_at(self, shape: Shape) -> NetworkModule:
        """Return the layer as a module for inputs of this shape; all of them have the weights in common."""
        if shape not in self._built:
            self._built[shape] = self._build(shape)
        return self._built[shape]

    def _build(self, shape: Shape) -> NetworkModule:
        network = Network(shape, Chain(self.node_at(shape)))
        if self._first is None:
            module = as_keras(build(network))
            self._first = shape, module
            for weight in self.weights:
                self._start(weight)
            return module
        with torch.device("meta"):
            module = as_keras(build(network))
        share(self.name, self._first[1], module)
        return module

    def _start(self, weight: Weight) -> None:
        if self.is_own:
            return
        chosen = self.initial.get(weight.name) or (USUAL.get(weight.name) if weight.trained else None)
        if weight.name in ("moving_mean", "moving_variance"):
            chosen = chosen or USUAL[weight.name]
        if chosen is not None:
            weight.assign(initializers.get(chosen)(weight.shape))

    @property
    def weights(self) -> list[Weight]:
        """All weights, in Keras's order; none before they are made."""
        if self.is_own:
            inner = [weight for layer in self.sublayers for weight in layer.weights]
            return [*self.own_weights, *inner]
        if self._first is None and self.home is not None:
            self.home.build()
        if self._first is None:
            return []
        shape, module = self._first
        return weights_of(Network(shape, Chain(self.node_at(shape))), module, self.sees_order)

    variables = weights

    @property
    def trainable_weights(self) -> list[Weight]:
        """Those that `fit` changes."""
        return [weight for weight in self.weights if weight.trained] if self.trainable else []

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """Those that `fit` leaves: running statistics, and all where the layer is frozen."""
        return [weight for weight in self.weights if not (weight.trained and self.trainable)]

    trainable_variables, non_trainable_variables = trainable_weights, non_trainable_weights

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Return copies of all weights, in Keras's order and axes."""
        return [weight.numpy() for weight in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Take weights as `get_weights` gives them. Raises ValueError where their number or shapes differ."""
        assign_all(self.weights, weights)

    def count_params(self) -> int:
        """Return the number of weights, running statistics among them, as Keras counts."""
        return sum(weight.value.numel() for weight in self.weights)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in ROLE_NAMES and self.__dict__.get("_first") is not None:
            for weight in self.weights:
                if weight.name == name:
                    return weight
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{did_you_mean(name, dir(type(self)))}")

    # training

    @property
    def trainable(self) -> bool:
        """Whether `fit` changes the layer's weights."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for layer in self.inside():
            layer._trainable = bool(value)

    def inside(self) -> Iterator[Layer]:
        """Walk over the layer and all those in it."""
        yield self
        for layer in self.sublayers if self.is_own else ():
            yield from layer.inside()

    @property
    def losses(self) -> list[Tensor]:
        """What is added to the loss: the penalties of its regularizers."""
        return list(self.penalised())

    def penalised(self) -> Iterator[Tensor]:
        """Give each penalty, with its gradient."""
        yield from self.added
        for variable, penalty in self.own_penalties:
            yield penalty(variable)
        for layer in self.sublayers if self.is_own else ():
            yield from layer.penalised()
        for weight in self.weights if self.penalties else ():
            if weight.name in self.penalties:
                yield self.penalties[weight.name](weight.to_keras(weight.tensors))

    # tensors that it was called on and gave

    @property
    def output(self) -> KerasTensor:
        """What the layer gives in the model that it was put into. Raises AttributeError where it is in none."""
        return self._only().outputs_made[-1]

    @property
    def input(self) -> KerasTensor | list[KerasTensor]:
        """What the layer is called on there."""
        given = list(self._only().outputs_made[-1].given)
        return given if len(given) > 1 else given[0]

    def _only(self) -> Layer:
        if not self.outputs_made:
            raise AttributeError(f"{self.name} has not been called on a tensor yet, so it has no input and output")
        return self

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name; `from_config` makes another layer of them."""
        return {"name": self.name, "trainable": self.trainable}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Make a layer of what `get_config` gave."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"
