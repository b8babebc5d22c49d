"""What stands for a tensor before there are numbers: layers are called on it, and remember in what order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from hubel.arch import Shape
from hubel.base.errors import SettingError

if TYPE_CHECKING:
    from hubel.model.layers.layer import Layer

__all__ = ["Axes", "Input", "InputLayer", "KerasTensor"]

Axes: TypeAlias = "tuple[int | None, ...]"

PROBE, _OTHER = 96, 160  # in place of an axis whose length only the data says
_number = count()


@dataclass(frozen=True, eq=False)
class KerasTensor:
    """What a layer will give: its shape, the batch first, and the call that makes it.

    layer: None for an input. given: what the layer is called on. mode: the `training` it was called with.
    """

    shape: Axes
    dtype: str = "float32"
    name: str = ""
    layer: Layer | None = None
    given: tuple[KerasTensor, ...] = ()
    mode: bool | None = None

    @property
    def ndim(self) -> int:
        """How many axes, the batch among them."""
        return len(self.shape)

    def _with(self, kind: str, other: Any, *, factor: float = 1.0, offset: float = 0.0) -> KerasTensor:
        from hubel.model import layers

        if isinstance(other, KerasTensor):
            found: KerasTensor = getattr(layers, kind)()([self, other])
            return found
        made: KerasTensor = layers.Rescaling(factor, offset)(self)
        return made

    def __add__(self, other: Any) -> KerasTensor:
        return self._with("Add", other, offset=_plain(other))

    def __mul__(self, other: Any) -> KerasTensor:
        return self._with("Multiply", other, factor=_plain(other))

    def __sub__(self, other: Any) -> KerasTensor:
        return self._with("Subtract", other, offset=-_plain(other))

    def __truediv__(self, other: Any) -> KerasTensor:
        if isinstance(other, KerasTensor):
            return self._by("divide", other)
        return self._with("Multiply", float(other), factor=1 / float(other))

    __radd__, __rmul__ = __add__, __mul__

    def __rsub__(self, other: float) -> KerasTensor:
        return self._with("Add", float(other), factor=-1.0, offset=float(other))

    def __neg__(self) -> KerasTensor:
        return self * -1.0

    def _by(self, name: str, *others: Any) -> KerasTensor:
        from hubel.model import ops

        found: KerasTensor = getattr(ops, name)(self, *others)
        return found

    def __pow__(self, other: Any) -> KerasTensor:
        return self._by("power", other)

    def __matmul__(self, other: Any) -> KerasTensor:
        return self._by("matmul", other)

    def __rtruediv__(self, other: Any) -> KerasTensor:
        found: KerasTensor = self._by("power", -1.0) * other
        return found

    def __gt__(self, other: Any) -> KerasTensor:
        return self._by("greater", other)

    def __ge__(self, other: Any) -> KerasTensor:
        return self._by("greater_equal", other)

    def __lt__(self, other: Any) -> KerasTensor:
        return self._by("less", other)

    def __le__(self, other: Any) -> KerasTensor:
        return self._by("less_equal", other)

    def __abs__(self) -> KerasTensor:
        return self._by("abs")

    def __getitem__(self, places: Any) -> KerasTensor:
        return self._by("get_item", places)

    def __iter__(self) -> Any:
        raise TypeError(f"{self!r} stands for a tensor before there are numbers: there is nothing to go over yet")

    def __bool__(self) -> bool:
        raise TypeError(f"{self!r} stands for a tensor before there are numbers: it is neither true nor false yet")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            f"{self!r} stands for a tensor before there are numbers; functions of tensors are no layers: write a layer "
            "of your own with `call`, or one of hubel.model.layers"
        )

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, name={self.name}>"


def _plain(other: Any) -> float:
    return 0.0 if isinstance(other, KerasTensor) else float(other)


def Input(  # noqa: N802 (Keras's name, of what looks like a class there too)
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    sparse: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """Return what stands for a network's input: `shape` is (height, width, channels), (steps, features) or (features,).

    An axis of None has the length that the data has.
    """
    if (shape is None) == (batch_shape is None):
        raise SettingError("expected the shape of Input or its batch_shape, received both or none: Input((28, 28, 1))")
    if sparse or tensor is not None or optional:
        raise SettingError("expected Input without sparse, tensor and optional, which no tree has")
    axes = tuple(batch_shape or (None, *_axes(shape)))
    for axis in axes[1:]:
        if axis is not None and (not isinstance(axis, int) or axis < 1):
            raise SettingError(f"expected a shape of whole numbers from 1 on, or None, received {axes[1:]}")
    return KerasTensor((batch_size, *axes[1:]), dtype or "float32", name or f"input_{next(_number)}")


def _axes(shape: Any) -> tuple[int | None, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def InputLayer(  # noqa: N802
    shape: Sequence[int | None] | None = None, *, input_shape: Sequence[int | None] | None = None, **settings: Any
) -> KerasTensor:
    """Return the same as `Input`: the older way to begin a `Sequential`."""
    batch = settings.pop("batch_input_shape", None)
    return Input(shape or input_shape or (batch[1:] if batch else None), **settings)


def known(axes: Axes) -> Shape | None:
    """Return a shape of which every length is known; else None."""
    return None if None in axes else tuple(axes)  # type: ignore[arg-type]


def inferred(shape_after: Callable[[list[Shape]], Shape], given: Sequence[Axes]) -> Axes:
    """Return what comes out of these shapes, without the batch; an axis that hangs on an unknown length is unknown."""
    shapes = [known(axes) for axes in given]
    if None not in shapes:
        return shape_after(shapes)  # type: ignore[arg-type]
    tried = [
        shape_after([tuple(probe if axis is None else axis for axis in axes) for axes in given])
        for probe in (PROBE, _OTHER)
    ]
    return tuple(one if one == other else None for one, other in zip(*tried, strict=True))


Moment: TypeAlias = Literal["training", "predicting"]
