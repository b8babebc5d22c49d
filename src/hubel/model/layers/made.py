"""Layers that are one node of the tree, by Keras's names, arguments, order of arguments, and defaults."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, ClassVar

import torch

import hubel.arch as arch
from hubel.arch import Chain, Node, Shape, shape_text
from hubel.base.errors import SettingError
from hubel.base.names import did_you_mean
from hubel.model import activations, initializers
from hubel.model.layers.layer import Layer
from hubel.model.layers.names import identifier, snake_case
from hubel.model.layers.passed_over import ONE_SEED, unused
from hubel.model.layers.roles import take_roles

COMMON: tuple[str, ...] = ("name", "trainable", "dtype", "input_shape", "input_dim", "batch_input_shape", "batch_shape")
COMMON += ("activity_regularizer", "autocast", "dynamic", "batch_size")
ROLES: Mapping[str, str] = {"kernel": "kernel", "bias": "bias"}
NORMAL_ROLES = {name: name for name in ("beta", "gamma", "moving_mean", "moving_variance")}


class Made(Layer):
    """A layer that is described by `kind`, a layer of the tree.

    order: Keras's arguments that may be given by place. usual: Keras's defaults where the tree's differ, and settings
    that Keras alone has. only: settings of Keras's that may be written and have one possible value. ignored: those
    that change nothing here. roles: Keras's words for weights, and the weights' roles.
    """

    kind: ClassVar[type[arch.Layer]]
    order: ClassVar[tuple[str, ...]] = ()
    usual: ClassVar[Mapping[str, Any]] = {}
    only: ClassVar[Mapping[str, tuple[Any, ...]]] = {}
    ignored: ClassVar[tuple[str, ...]] = ()
    roles: ClassVar[Mapping[str, str]] = {}

    def __init__(self, *args: Any, **settings: Any) -> None:
        kind = type(self).__name__
        if len(args) > len(self.order):
            raise TypeError(f"{kind} takes {len(self.order)} arguments by place, received {len(args)}")
        for name, value in zip(self.order, args, strict=False):
            if name in settings:
                raise TypeError(f"{kind} received {name!r} twice")
            settings[name] = value
        own = {f.name for f in fields(self.kind)} - {"name", "input_shape"}
        common = {name: settings.pop(name) for name in COMMON if name in settings and name not in own}
        super().__init__(**common)
        self.config = dict(settings)
        take_roles(self, dict(self.roles), settings)
        _last_channels(kind, settings)
        self.axis: Any = settings.pop("axis", -1)
        self.leaky = False
        for name, allowed in self.only.items():
            if name in settings and (value := settings.pop(name)) not in allowed:
                raise SettingError(f"expected {name}={allowed[0]!r} in {kind}, received {value!r}")
        for name in self.ignored:
            value = settings.pop(name, None)
            if name == "seed" and value is not None:
                unused(self.name, name, value, ONE_SEED)
        self.settings = self.translated({**self.usual, **settings})
        for name in self.settings:
            if name not in own:
                raise TypeError(f"{kind} takes no argument {name!r}{did_you_mean(name, [*own, *self.order])}")
        for each in fields(self.kind):
            if each.default is MISSING and each.name in own and each.name not in self.settings:
                raise TypeError(f"{kind} needs the argument {each.name!r}")
        self.kind(**self.settings)  # says at once what does not work out

    def translated(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Return Keras's settings as the tree has them."""
        if "padding" in settings and isinstance(settings["padding"], str):
            settings["padding"] = settings["padding"].lower()
        if "activation" in settings and "function" not in {f.name for f in fields(self.kind)}:
            settings["activation"] = activations.name_of(settings["activation"])
            self.leaky = settings["activation"] == "leaky_relu"  # which needs a number, and so stands by itself
            if self.leaky:
                settings["activation"] = None
        for name, value in settings.items():
            if isinstance(value, list):
                settings[name] = tuple(tuple(each) if isinstance(each, list) else each for each in value)
        return settings

    def make_node(self, shape: Shape) -> Node:
        """Return the layer of the tree. Raises SettingError where it is to work along another axis than the last."""
        axis = self.axis[0] if isinstance(self.axis, (list, tuple)) and len(self.axis) == 1 else self.axis
        if axis not in (-1, len(shape)):
            raise SettingError(
                f"{self.name}: expected axis=-1, the channels of {shape_text(shape)}, received axis={self.axis}"
            )
        if self.leaky:
            return Chain(self.kind(**self.settings), arch.LeakyReLU(activations.SLOPE), name=identifier(self.name))
        return self.kind(name=own_name(self), **self.settings)

    def get_config(self) -> dict[str, Any]:
        """Return the settings by name."""
        return {**super().get_config(), **self.config}


def own_name(layer: Layer) -> str | None:
    """Return the name that a user gave; an automatic one stays out of the tree, which has its own."""
    snake = snake_case(type(layer).__name__)
    rest = layer.name.removeprefix(snake)
    automatic = layer.name.startswith(snake) and (not rest or rest.removeprefix("_").isdigit())
    return None if automatic else identifier(layer.name)


def _last_channels(kind: str, settings: dict[str, Any]) -> None:
    given = settings.pop("data_format", None)
    if given not in (None, "channels_last"):
        raise SettingError(
            f"expected data_format='channels_last' in {kind}, received {given!r}: pictures are height × width × "
            "channels here; numpy.moveaxis(x, 1, -1) brings yours into that order"
        )


def _of(kind: type[arch.Layer], order: str = "", **more: Any) -> type[Made]:
    """Return the layer by Keras's name that one layer of the tree is."""
    doc = (kind.__doc__ or "").partition("\n\n")[0]
    body = {"kind": kind, "order": tuple(order.split()), "__doc__": doc, "__module__": __name__, **more}
    return type(kind.__name__, (Made,), body)


class Dense(Made):
    """Weigh all inputs for each of `units` outputs, (features,) → (units,); of a picture, those of each place."""

    masks = "passes"
    kind, roles, order = arch.Dense, ROLES, ("units", "activation", "use_bias", "kernel_initializer")
    only: ClassVar = {"lora_rank": (None,), "lora_alpha": (None,), "quantization_config": (None,)}


class Conv2D(Made):
    """Slide `filters` kernels over the picture: H×W×C → H′×W′×filters."""

    kind, roles = arch.Conv2D, ROLES
    order = ("filters", "kernel_size", "strides", "padding", "data_format", "dilation_rate", "groups", "activation")


class Conv1D(Made):
    """Slide `filters` kernels along the steps: T×C → T′×filters."""

    kind, roles, order = arch.Conv1D, ROLES, Conv2D.order


class Conv2DTranspose(Made):
    """Spread each place over a window of the output: H×W×C → H′×W′×filters."""

    kind, roles = arch.Conv2DTranspose, ROLES
    order = ("filters", "kernel_size", "strides", "padding", "output_padding", "data_format", "dilation_rate")

    def translated(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Keras's None for no more rows."""
        if settings.get("output_padding", 0) is None:
            del settings["output_padding"]
        return super().translated(settings)


class DepthwiseConv2D(Made):
    """Slide `depth_multiplier` kernels over each channel by itself."""

    kind, roles = arch.DepthwiseConv2D, {"depthwise": "kernel", "kernel": "kernel", "bias": "bias"}
    order = ("kernel_size", "strides", "padding", "depth_multiplier", "data_format", "dilation_rate", "activation")


class BatchNormalization(Made):
    """Normalise each channel over the batch, with Keras's `momentum` 0.99 and `epsilon` 0.001.

    Frozen (`trainable = False`) it normalises by what it has kept, in training too, as in Keras.
    """

    masks = "refuses"  # steps would have to be left out of mean and variance
    kind, roles, order = arch.BatchNormalization, NORMAL_ROLES, ("axis", "momentum", "epsilon", "center", "scale")
    usual: ClassVar = {"momentum": 0.99, "epsilon": 0.001}
    only: ClassVar = {
        "renorm": (False,),
        "renorm_clipping": (None,),
        "synchronized": (False,),
        "virtual_batch_size": (None,),
    }
    ignored = ("renorm_momentum", "fused")


class LayerNormalization(Made):
    """Normalise the channels of each place."""

    masks = "passes"
    kind, roles, order = arch.LayerNormalization, NORMAL_ROLES, ("axis", "epsilon", "center", "scale")
    usual: ClassVar = {"epsilon": 0.001}
    only: ClassVar = {"rms_scaling": (False,)}


class GroupNormalization(Made):
    """Normalise groups of channels over the picture."""

    masks = "passes"
    kind, roles, order = arch.GroupNormalization, NORMAL_ROLES, ("groups", "axis", "epsilon", "center", "scale")
    usual: ClassVar = {"groups": 32, "epsilon": 0.001}


class Dropout(Made):
    """Set a share `rate` of the numbers to zero in training, and enlarge the rest."""

    masks = "passes"
    kind, order = arch.Dropout, ("rate", "noise_shape", "seed")
    only: ClassVar = {"noise_shape": (None,)}
    ignored = ("seed",)


class SpatialDropout2D(Dropout):
    """Set a share `rate` of the channels to zero in training."""

    kind = arch.SpatialDropout2D


class SpatialDropout1D(Dropout):
    """Set a share `rate` of the channels to zero in training, at every step the same ones."""

    kind = arch.SpatialDropout1D


_POOL = "pool_size strides padding data_format name"
MaxPooling2D, AveragePooling2D = _of(arch.MaxPooling2D, _POOL), _of(arch.AveragePooling2D, _POOL)
MaxPooling1D, AveragePooling1D = _of(arch.MaxPooling1D, _POOL), _of(arch.AveragePooling1D, _POOL)
_WHOLE = "data_format keepdims"
GlobalAveragePooling2D, GlobalMaxPooling2D = (
    _of(arch.GlobalAveragePooling2D, _WHOLE),
    _of(arch.GlobalMaxPooling2D, _WHOLE),
)
GlobalAveragePooling1D, GlobalMaxPooling1D = (
    _of(arch.GlobalAveragePooling1D, _WHOLE, masks="uses"),
    _of(arch.GlobalMaxPooling1D, _WHOLE),
)
ZeroPadding2D, Cropping2D = _of(arch.ZeroPadding2D, "padding data_format"), _of(arch.Cropping2D, "cropping data_format")
UpSampling2D = _of(arch.UpSampling2D, "size data_format interpolation")
Flatten = _of(arch.Flatten, "data_format")
Identity = _of(arch.Identity, masks="passes")
GaussianNoise = _of(arch.GaussianNoise, "stddev seed", ignored=("seed",), masks="passes")


class LeakyReLU(Made):
    """Let negative numbers through, times `negative_slope`, which Keras 2 called alpha."""

    kind, order, usual, masks = arch.LeakyReLU, ("negative_slope",), {"negative_slope": 0.3}, "passes"

    def translated(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Take either word."""
        settings["negative_slope"] = settings.pop("alpha", settings["negative_slope"])
        return settings


class PReLU(Made):
    """Let negative numbers through, times a learned number of each channel, zero at first.

    Of pictures `shared_axes=[1, 2]` says that places have it in common, as they do here.
    """

    masks = "passes"
    kind, roles = arch.PReLU, {"alpha": "kernel"}

    def translated(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Keras's axes are none of the tree's."""
        self.shared_axes = settings.pop("shared_axes", None)
        self.initial.setdefault("kernel", initializers.get("zeros"))
        return settings

    def make_node(self, shape: Shape) -> Node:
        """Return the slopes. Raises SettingError where each place is to have its own."""
        if sorted(self.shared_axes or ()) != list(range(1, len(shape))):
            raise SettingError(
                f"{self.name}: expected shared_axes={list(range(1, len(shape)))} for {shape_text(shape)}, received "
                f"{self.shared_axes}: a slope is a channel's, whatever the place"
            )
        return super().make_node(shape)


class Reshape(Made):
    """Write the same numbers in another shape. One length may be -1: what is left.

    Numbers go channel after channel, as PyTorch has them, where Keras goes place after place: the same where there is
    one channel, or one place.
    """

    kind, order = arch.Reshape, ("target_shape",)

    def translated(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What is left is known with the input."""
        self.target = tuple(settings["target_shape"])
        return {"target_shape": tuple(abs(length) for length in self.target)}

    def make_node(self, shape: Shape) -> Node:
        """Return the view."""
        known = math.prod(length for length in self.target if length > 0)
        left = math.prod(shape) // known
        return arch.Reshape(tuple(left if length < 0 else length for length in self.target), name=own_name(self))


class Embedding(Made):
    """Look up a learned vector for each whole number: (T,) → T×output_dim.

    With `mask_zero` the layers after it pass over the steps at which 0 stands, as far as they know masks.
    """

    kind, roles, order = arch.Embedding, {"embeddings": "embeddings"}, ("input_dim", "output_dim")
    only: ClassVar = dict.fromkeys(("weights", "lora_rank", "lora_alpha", "quantization_config"), (None,))
    ignored = ("input_length",)

    def translated(self, settings: dict[str, Any]) -> dict[str, Any]:
        """Masks are none of the tree's."""
        self.masks = "makes" if settings.pop("mask_zero", False) else "forgets"
        return super().translated(settings)

    def known_steps(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return N×T, False where 0 stands."""
        return inputs != 0


class _Recurrent(Made):
    """Keras's settings of all of them."""

    masks = "uses"
    roles: ClassVar = {"kernel": "kernel", "recurrent": "recurrent_kernel", "bias": "bias"}
    only: ClassVar = {
        "return_state": (False,),
        "stateful": (False,),
        "dropout": (0, 0.0),
        "recurrent_dropout": (0, 0.0),
        "time_major": (False,),
    }
    ignored = ("unroll", "use_cudnn", "seed", "implementation", "unit_forget_bias")

    def translated(self, settings: dict[str, Any]) -> dict[str, Any]:
        """What comes out of masked steps is none of the tree's."""
        self.is_silent = bool(settings.pop("zero_output_for_mask", False))
        return super().translated(settings)

    order: ClassVar[tuple[str, ...]] = ("units", "activation", "recurrent_activation", "use_bias")


class SimpleRNN(_Recurrent):
    """Weigh each step and the state before: T×C → (units,), or every state with `return_sequences`."""

    kind, order = arch.SimpleRNN, ("units", "activation", "use_bias")


class GRU(_Recurrent):
    """Carry a state that two gates reset and renew."""

    kind = arch.GRU


class LSTM(_Recurrent):
    """Carry a state and a cell that gates open and close; forgetting starts at 1 (`unit_forget_bias`)."""

    kind = arch.LSTM

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        if settings.get("unit_forget_bias", True) and "bias" not in self.initial:
            self.initial["bias"] = _remembering


def _remembering(shape: tuple[int, ...], dtype: Any = None) -> torch.Tensor:
    """Zeros, and ones for the second gate of four, which forgets."""
    bias = torch.zeros(shape)
    units = shape[-1] // 4
    bias[units : 2 * units] = 1
    return bias


def others() -> dict[str, type[Made]]:
    """Return the layers of the tree that Keras has not, by their names."""
    taken = {name for name, kind in globals().items() if isinstance(kind, type) and issubclass(kind, Made)}
    own = ("Activation", "Rescaling", "Normalization", "InstanceNormalization")
    left = [n for n in arch.layers.__all__ if n not in taken and n not in own and not n.startswith("Random")]
    found = {}
    for name in [*left, "InstanceNormalization"]:
        kind: Any = getattr(arch, name)
        order = " ".join(f.name for f in fields(kind) if f.name not in ("name", "input_shape") and not f.kw_only)
        found[name] = _of(kind, order)
    return found
