"""Keras 3, whatever its backend: the functional style, pictures height × width × channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import hubel.arch as arch
from hubel.arch import Layer, Network, Report, Shape, analyse, both, both_sides
from hubel.code._blocks import UNSET, Definition, Vocabulary, find_blocks
from hubel.code._functions import FunctionWriter
from hubel.code._header import about, header
from hubel.code._keras_parts import LAYERS, PARTS
from hubel.code._last import order_matters, same_sides, sides, unsaid
from hubel.code._modules import equal, written
from hubel.code._names import BUILTINS, function_name, unused
from hubel.code._outline import Group, Leaf, Step, Words, outline
from hubel.code._text import Argument, Bracketed, lines

POSITIONAL: dict[str, tuple[str, ...]] = {
    "layers.Conv2D": ("filters", "kernel_size"),
    "layers.Conv2DTranspose": ("filters", "kernel_size"),
    "layers.DepthwiseConv2D": ("kernel_size",),
    "layers.Dense": ("units",),
    "layers.MaxPooling2D": ("pool_size",),
    "layers.AveragePooling2D": ("pool_size",),
    "layers.AdaptiveAveragePooling2D": ("output_size",),
    "layers.AdaptiveMaxPooling2D": ("output_size",),
    "layers.GroupNormalization": ("groups",),
    "layers.Activation": ("activation",),
    "layers.Dropout": ("rate",),
    "layers.Permute": ("dims",),
    "layers.Reshape": ("target_shape",),
    "layers.ZeroPadding2D": ("padding",),
    "layers.Cropping2D": ("cropping",),
    "layers.UpSampling2D": ("size",),
    "ops.pad": ("pad_width",),
    "ops.take": ("indices",),
    "RadialBasis": ("units",),
    "LocallyConnected2D": ("filters", "kernel_size"),
    "squeeze_excitation": ("squeezed",),
    "channel_shuffle": ("groups",),
}
_WEIGHTS = {"strides": 1, "padding": "valid", "activation": None, "use_bias": True}
_NORM = {"epsilon": 1e-3, "center": True, "scale": True}
_POOL = {"strides": None, "padding": "valid"}
DEFAULTS: dict[str, dict[str, Any]] = {
    "layers.Conv2D": {**_WEIGHTS, "dilation_rate": 1, "groups": 1},
    "layers.Conv2DTranspose": {**_WEIGHTS, "dilation_rate": 1},
    "layers.DepthwiseConv2D": {**_WEIGHTS, "depth_multiplier": 1, "dilation_rate": 1},
    "layers.Dense": {"activation": None, "use_bias": True},
    "layers.BatchNormalization": {**_NORM, "momentum": 0.99},
    "layers.LayerNormalization": _NORM,
    "layers.GroupNormalization": _NORM,
    "layers.MaxPooling2D": _POOL,
    "layers.AveragePooling2D": _POOL,
    "layers.GlobalAveragePooling2D": {"keepdims": False},
    "layers.GlobalMaxPooling2D": {"keepdims": False},
    "layers.UpSampling2D": {"interpolation": "nearest"},
    "Scale": {"use_bias": True},
    "LocallyConnected2D": {"strides": 1, "padding": ((0, 0), (0, 0)), "use_bias": True},
}
NAMES = {"hardswish": "hard_swish"}
TAKEN = BUILTINS | {"keras", "layers", "ops", "x", "inputs", "exits", "model", "parameters", *PARTS}
CONVOLUTIONS = frozenset(("layers.Conv2D", "layers.DepthwiseConv2D"))


def write(network: Network) -> str:
    """Return a Keras program that builds the network, and prints its size when it is run itself."""
    report = analyse(network)
    norms, activations = frozenset(("layers.BatchNormalization",)), frozenset(("layers.Activation",))
    root = outline(network, Words(_translate, CONVOLUTIONS, norms, activations))
    name = unused(function_name(network.name), TAKEN)
    channels = frozenset(("filters", "units", "squeezed"))
    definitions = find_blocks(root, Vocabulary(DEFAULTS, channels, TAKEN | {name}, classes=False))
    writer = _KerasWriter((TAKEN - BUILTINS) | {"range", *(definition.name for definition in definitions)})
    functions = [writer.functions().define(definition, "keras.KerasTensor") for definition in definitions]
    body = _network(report, root, name, writer)
    parts = [PARTS[part].strip("\n").split("\n") for part in PARTS if part in writer.used]
    text = "\n\n\n".join("\n".join(block) for block in [*parts, *functions, body, _main(name)])
    used = [word for word in ("layers", "ops") if re.search(rf"\b{word}\.", text)]
    imports = "import keras" + (f"\nfrom keras import {', '.join(used)}" if used else "")
    return header(report, "the order that Keras has") + imports + "\n\n\n" + text + "\n"


def _network(report: Report, root: Group, name: str, writer: _KerasWriter) -> list[str]:
    functions = writer.functions()
    made = functions.item(root, "inputs", "x", 4, True)
    ends = "[x, *exits]" if functions.exits else "x"
    more = " and what the side exits give" if functions.exits else ""
    return [
        f"def {name}() -> keras.Model:",
        f'    """{about(report)[:-1]}{more}."""',
        f"    inputs = keras.Input({report.network.input})",
        *(["    exits = []"] if functions.exits else []),
        *made,
        f"    return keras.Model(inputs, {ends})",
    ]


def _main(name: str) -> list[str]:
    return [
        'if __name__ == "__main__":',
        f"    model = {name}()",
        "    parameters = model.count_params()",
        '    print(f"{parameters:,} parameters with running statistics, output {model.output_shape}")',
    ]


class _KerasWriter:
    def __init__(self, reserved: frozenset[str]) -> None:
        self.used: set[str] = set()
        self.reserved = reserved

    def functions(self) -> FunctionWriter:
        """Return what writes one function."""
        return FunctionWriter(self.say, self.join, self.activated, self.reserved)

    def activated(self, name: str, x: str) -> str:
        return f'layers.Activation("{NAMES.get(name, name)}")({x})'

    def say(self, leaf: Leaf, source: str, target: str, indent: int, comment: str) -> list[str]:
        if isinstance(leaf.target, Definition):
            required = [p.name for p in leaf.target.parameters if p.default is UNSET]
            arguments = _arguments(leaf, required, leaf.target.defaults)
            call = Bracketed(f"{leaf.target.name}(", [Argument(source), *arguments])
            return lines(call, indent, f"{target} = ", "", comment)
        self.used.add(leaf.target)
        arguments = _arguments(leaf, POSITIONAL.get(leaf.target, ()), DEFAULTS.get(leaf.target, {}))
        if leaf.target.startswith("layers.") or leaf.target in LAYERS:
            return lines(Bracketed(f"{leaf.target}(", arguments), indent, f"{target} = ", f"({source})", comment)
        call = Bracketed(f"{leaf.target}(", [Argument(source), *arguments])
        return lines(call, indent, f"{target} = ", "", comment)

    def join(self, kind: str, variables: list[str]) -> str:
        if len(variables) == 1:
            return variables[0]
        return f"layers.{JOINS[kind]}()([{', '.join(variables)}])"


JOINS = {"sum": "Add", "concat": "Concatenate", "product": "Multiply"}


def _arguments(leaf: Leaf, positional: Sequence[str], defaults: dict[str, Any]) -> list[Argument]:
    found = [Argument(written(leaf.arguments[name])) for name in positional if name in leaf.arguments]
    for name, value in leaf.arguments.items():
        if name not in positional and value is not UNSET and not equal(value, defaults.get(name, UNSET)):
            found.append(Argument(written(value), before=f"{name}="))
    return found


def _translate(layer: Layer, input: Shape, following: Sequence[Layer]) -> list[Step]:
    found: list[Step] = []
    for target, arguments in _say(layer, input, following):
        native = target.startswith("layers.")
        plain = {name: _one(name, value) if native else value for name, value in arguments.items()}
        found.append((target, {**plain, **{k: v for k, v in DEFAULTS.get(target, {}).items() if k not in plain}}))
    return found


def _one(name: str, value: Any) -> Any:
    """Write equal sizes as one number: (3, 3) as 3, and ((1, 1), (2, 2)), sides of rows and columns, as (1, 2)."""
    if name in ("padding", "cropping") and isinstance(value, tuple):
        if any(before != after for before, after in value):
            return value
        value = (value[0][0], value[1][0])
    elif name not in ("kernel_size", "strides", "dilation_rate", "pool_size", "output_size", "size"):
        return value
    return value[0] if isinstance(value, tuple) and value[0] == value[1] else value


def _say(layer: Layer, input: Shape, following: Sequence[Layer]) -> list[Step]:
    match layer:
        case arch.Conv2D() | arch.DepthwiseConv2D() | arch.LocallyConnected2D():
            return _convolution(layer, input)
        case arch.Conv2DTranspose():
            return _transposed(layer, input)
        case arch.Dense():
            return [("layers.Dense", {"units": layer.units, **_weighted(layer)})]
        case arch.BatchNormalization():
            return [("layers.BatchNormalization", {**_normal(layer), "momentum": layer.momentum})]
        case arch.LayerNormalization():
            return [("layers.LayerNormalization", _normal(layer))]
        case arch.GroupNormalization():
            return [("layers.GroupNormalization", {"groups": layer.groups, **_normal(layer)})]
        case arch.Scale():
            return [("Scale", {"use_bias": layer.use_bias})]
        case arch.SqueezeExcitation():
            return [("squeeze_excitation", {"squeezed": layer.squeezed(input)})]
        case arch.RadialBasis():
            return [("RadialBasis", {"units": layer.units})]
        case arch.Dropout():
            return [("layers.Dropout", {"rate": layer.rate})]
        case arch.Activation():
            name = NAMES.get(layer.function, layer.function)
            return [] if name == "linear" else [("layers.Activation", {"activation": name})]
        case arch.LeakyReLU():
            return [("layers.LeakyReLU", {"negative_slope": layer.negative_slope})]
        case arch.LocalResponseNormalization():
            values = {"size": layer.size, "alpha": layer.alpha, "beta": layer.beta, "k": layer.k}
            return [("local_response_normalization", values)]
        case _:
            return _pooling(layer, input) or _moving(layer, input, following)


def _normal(layer: Any) -> dict[str, Any]:
    return {"epsilon": layer.epsilon, "center": layer.center, "scale": layer.scale}


def _weighted(layer: Any) -> dict[str, Any]:
    return {"activation": NAMES.get(layer.activation, layer.activation), "use_bias": layer.use_bias}


def _convolution(layer: Any, input: Shape) -> list[Step]:
    padding = sides(layer, input)
    if isinstance(layer, arch.LocallyConnected2D):
        own = {"filters": layer.filters, "kernel_size": both(layer.kernel_size), "strides": both(layer.strides)}
        step = ("LocallyConnected2D", {**own, "padding": padding, "use_bias": layer.use_bias})
        own_activation = _weighted(layer)["activation"]
        return [step, *([("layers.Activation", {"activation": own_activation})] if own_activation else [])]
    if both(layer.strides) != (1, 1) and both(layer.dilation_rate) != (1, 1):
        raise unsaid(layer, "Keras", " with strides and dilation_rate both")
    depthwise = isinstance(layer, arch.DepthwiseConv2D)
    if depthwise and layer.strides[0] != layer.strides[1]:
        raise unsaid(layer, "Keras", " with unequal strides")
    same = padding == same_sides(layer, input)
    empty = not any(map(any, padding))
    more = {"depth_multiplier": layer.depth_multiplier} if depthwise else {"groups": layer.groups}
    arguments = {
        **({} if depthwise else {"filters": layer.filters}),
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "padding": "same" if same and (not empty or layer.padding == "same") else "valid",
        "dilation_rate": layer.dilation_rate,
        **more,
        **_weighted(layer),
    }
    pad: list[Step] = [] if same or empty else [("layers.ZeroPadding2D", {"padding": padding})]
    return [*pad, ("layers.DepthwiseConv2D" if depthwise else "layers.Conv2D", arguments)]


def _transposed(layer: arch.Conv2DTranspose, input: Shape) -> list[Step]:
    """Say a transposed convolution: Keras's own "same", or all of it, cut."""
    kernel, stride, cut = both(layer.kernel_size), both(layer.strides), layer.sides()
    if layer.groups > 1:
        raise unsaid(layer, "Keras", " with groups")
    if both(layer.dilation_rate) != (1, 1) or any(k < s for k, s in zip(kernel, stride, strict=True)):
        raise unsaid(layer, "Keras", " with dilation_rate, or with strides larger than kernel_size")
    same = layer.padding == "same"
    left = [(before, after - more) for (before, after), more in zip(cut, both(layer.output_padding), strict=True)]
    if not same and any(after < 0 for _, after in left):
        raise unsaid(layer, "Keras", " with output_padding larger than padding")
    arguments = {"filters": layer.filters, "kernel_size": layer.kernel_size, "strides": layer.strides}
    padding = {"padding": "same" if same else "valid", **_weighted(layer)}
    found: list[Step] = [("layers.Conv2DTranspose", {**arguments, **padding})]
    if not same and any(map(any, left)):
        found.append(("layers.Cropping2D", {"cropping": tuple(left)}))
    return found


def _around(rows: tuple[int, int], columns: tuple[int, int], value: float) -> Step:
    return "ops.pad", {"pad_width": ((0, 0), rows, columns, (0, 0)), "constant_values": value}


def _pooling(layer: Layer, input: Shape) -> list[Step]:
    match layer:
        case arch.MaxPooling2D() | arch.AveragePooling2D():
            return _windowed_pooling(layer, input)
        case arch.GlobalAveragePooling2D() | arch.GlobalMaxPooling2D():
            return [(f"layers.{type(layer).__name__}", {"keepdims": layer.keepdims})]
        case arch.AdaptiveAveragePooling2D() | arch.AdaptiveMaxPooling2D():
            kind = type(layer).__name__
            bins = both(layer.output_size)
            if input[0] % bins[0] or input[1] % bins[1]:
                return [(f"layers.{kind}", {"output_size": bins})]
            size = (input[0] // bins[0], input[1] // bins[1])
            return [(f"layers.{kind.removeprefix('Adaptive')}", {"pool_size": size})]
    return []


def _windowed_pooling(layer: Any, input: Shape) -> list[Step]:
    padding = sides(layer, input)
    stride = None if layer.step == both(layer.pool_size) else layer.step
    arguments = {"pool_size": layer.pool_size, "strides": stride}
    largest = isinstance(layer, arch.MaxPooling2D)
    target = "layers.MaxPooling2D" if largest else "layers.AveragePooling2D"
    if not any(map(any, padding)):
        return [(target, arguments)]
    own = [(window.before, window.after) for window in layer.windows(input).both()]
    counted = not largest and layer.count_padding and any(map(any, own))
    if padding == same_sides(layer, input) and not counted:
        return [(target, {**arguments, "padding": "same"})]
    if largest:
        return [_around(*padding, float("-inf")), (target, arguments)]
    found: list[Step] = [("layers.ZeroPadding2D", {"padding": (own[0], own[1])})] if counted else []
    if counted:  # rows that hang over in ceil mode count in no case
        padding = ((0, padding[0][1] - own[0][1]), (0, padding[1][1] - own[1][1]))
    if not any(map(any, padding)):
        return [*found, (target, arguments)]
    values = {"pool_size": both(layer.pool_size), "strides": layer.step, "padding": (padding[0], padding[1])}
    return [*found, ("padded_average_pooling", values)]


def _moving(layer: Layer, input: Shape, following: Sequence[Layer]) -> list[Step]:
    match layer:
        case arch.Identity():
            return []
        case arch.Flatten():
            first = order_matters(following, input)
            return [*([("layers.Permute", {"dims": (3, 1, 2)})] if first else []), ("layers.Flatten", {})]
        case arch.Reshape():
            return _reshaped(input, layer.output_shape(input))
        case arch.ZeroPadding2D():
            return [("layers.ZeroPadding2D", {"padding": both_sides(layer.padding)})]
        case arch.Cropping2D():
            return [("layers.Cropping2D", {"cropping": both_sides(layer.cropping)})]
        case arch.UpSampling2D():
            return [("layers.UpSampling2D", {"size": layer.size, "interpolation": layer.interpolation})]
        case arch.ChannelShuffle():
            return [("channel_shuffle", {"groups": layer.groups})]
        case arch.SelectChannels():
            return [("ops.take", {"indices": list(layer.channels), "axis": -1})]
        case arch.ChannelPadding():
            return [("ops.pad", {"pad_width": (*((0, 0),) * len(input), (layer.before, layer.after))})]
    raise unsaid(layer, "Keras")


def _reshaped(input: Shape, output: Shape) -> list[Step]:
    """Numbers go channel after channel, as in PyTorch and in the tree."""
    found: list[Step] = [("layers.Permute", {"dims": (3, 1, 2)})] if len(input) == 3 else []
    if len(output) == 1:
        return [*found, ("layers.Reshape", {"target_shape": output})]
    order = (output[2], output[0], output[1])
    return [*found, ("layers.Reshape", {"target_shape": order}), ("layers.Permute", {"dims": (2, 3, 1)})]
