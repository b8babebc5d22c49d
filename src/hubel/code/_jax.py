"""Flax (flax.nnx): pictures are height × width × channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import hubel.arch as arch
from hubel.arch import Layer, Network, Shape, analyse, both, both_sides
from hubel.code._blocks import UNSET, Definition, Parameter, Vocabulary, find_blocks
from hubel.code._header import about, header
from hubel.code._jax_parts import CLASSES, PARTS
from hubel.code._last import Sides, order_matters, same_sides, sides, unsaid
from hubel.code._modules import ModuleWriter, annotation
from hubel.code._names import BUILTINS, class_name, unused
from hubel.code._outline import Leaf, Step, Words, outline
from hubel.code._text import Argument, Bracketed, Expression, flat, lines, literal

POSITIONAL: dict[str, tuple[str, ...]] = {
    "nnx.Conv": ("in_features", "out_features", "kernel_size"),
    "nnx.ConvTranspose": ("in_features", "out_features", "kernel_size"),
    "nnx.Linear": ("in_features", "out_features"),
    "nnx.BatchNorm": ("num_features",),
    "nnx.LayerNorm": ("num_features",),
    "nnx.GroupNorm": ("num_features", "num_groups"),
    "nnx.Dropout": ("rate",),
    "Scale": ("channels",),
    "SqueezeExcitation": ("channels", "squeezed"),
    "RadialBasis": ("in_features", "out_features"),
    "LocallyConnected": ("in_features", "out_features", "output_size", "kernel_size"),
}
_NORM = {"epsilon": 1e-5, "use_bias": True, "use_scale": True}
DEFAULTS: dict[str, dict[str, Any]] = {
    "nnx.Conv": {"strides": 1, "padding": "SAME", "kernel_dilation": 1, "feature_group_count": 1, "use_bias": True},
    "nnx.ConvTranspose": {"strides": 1, "padding": "SAME", "kernel_dilation": 1, "use_bias": True},
    "nnx.Linear": {"use_bias": True},
    "nnx.BatchNorm": {**_NORM, "momentum": 0.99},
    "nnx.LayerNorm": {**_NORM, "epsilon": 1e-6},
    "nnx.GroupNorm": {**_NORM, "epsilon": 1e-6},
    "nnx.max_pool": {"padding": "VALID"},
    "nnx.avg_pool": {"padding": "VALID", "count_include_pad": True},
    "nnx.leaky_relu": {"negative_slope": 0.01},
    "Scale": {"bias": True},
    "LocallyConnected": {"strides": 1, "padding": ((0, 0), (0, 0)), "use_bias": True},
}
CHANNELS = frozenset(("in_features", "out_features", "num_features", "feature_group_count", "channels", "squeezed"))
ACTIVATIONS: dict[str, Step] = {
    "relu": ("nnx.relu", {}),
    "tanh": ("jnp.tanh", {}),
    "sigmoid": ("nnx.sigmoid", {}),
    "softmax": ("nnx.softmax", {}),
    "gelu": ("nnx.gelu", {"approximate": False}),
    "silu": ("nnx.silu", {}),
    "relu6": ("nnx.relu6", {}),
    "hardswish": ("nnx.hard_swish", {}),
}
FUNCTIONS = frozenset(
    {step[0] for step in ACTIVATIONS.values()}
    | {"nnx.leaky_relu", "nnx.max_pool", "nnx.avg_pool", "jnp.pad", "jnp.mean", "jnp.max", "jnp.take"}
    | {name for name in PARTS if name not in CLASSES}
)
TAKEN = BUILTINS | {"nnx", "jax", "jnp", "partial", "x", "rngs", "model", "parameters", "output", *PARTS}


def write(network: Network) -> str:
    """Return a Flax program that builds the network, and runs it once when it is run itself."""
    report = analyse(network)
    activations = frozenset(ACTIVATIONS[name][0] for name in ACTIVATIONS if name != "softmax")
    words = Words(_translate, frozenset(("nnx.Conv",)), frozenset(("nnx.BatchNorm",)), activations)
    root = outline(network, words)
    name = unused(class_name(network.name), TAKEN)
    definitions = find_blocks(root, Vocabulary(DEFAULTS, CHANNELS, TAKEN | {name}))
    writer = _JaxWriter()
    blocks = [writer.definition(definition) for definition in definitions]
    inside = writer.sequence(root, top=True) or [Argument("nnx.identity")]
    body = [
        f"class {name}(nnx.Sequential):",
        f'    """{about(report)}"""',
        "",
        "    def __init__(self, *, rngs: nnx.Rngs) -> None:",
        *lines(Bracketed("super().__init__(", inside), 8),
    ]
    parts = [PARTS[part].strip("\n").split("\n") for part in PARTS if part in writer.used]
    text = "\n\n\n".join("\n".join(block) for block in [*parts, *blocks, body, _main(name, network.input)])
    return header(report, "the order that Flax has") + _imports(text) + "\n\n\n" + text + "\n"


def _main(name: str, input: Shape) -> list[str]:
    return [
        'if __name__ == "__main__":',
        f"    model = {name}(rngs=nnx.Rngs(0))",
        "    model.eval()",
        "    parameters = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))",
        f"    output = model(jnp.zeros({(1, *input)}))",
        '    print(f"{parameters:,} parameters, output {output.shape}")',
    ]


def _imports(text: str) -> str:
    found = ["import jax", "import jax.numpy as jnp", "from flax import nnx"]
    return "\n".join((["from functools import partial", ""] if re.search(r"\bpartial\(", text) else []) + found)


def _translate(layer: Layer, input: Shape, following: Sequence[Layer]) -> list[Step]:
    found: list[Step] = []
    for step in layer.steps():
        found += _step(step, input, following)
        input = step.output_shape(input)
    return [(target, _filled(target, dict(arguments))) for target, arguments in found]


def _filled(target: str, arguments: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in arguments.items() if value is not UNSET}
    left = {name: value for name, value in DEFAULTS.get(target, {}).items() if name not in given}
    return {**given, **left}


def _step(layer: Layer, input: Shape, following: Sequence[Layer]) -> list[Step]:
    """Say one plain layer: what has weights, what pools, what moves numbers about."""
    match layer:
        case arch.Conv2D() | arch.DepthwiseConv2D() | arch.LocallyConnected2D():
            return [_convolution(layer, input)]
        case arch.Conv2DTranspose():
            return [_transposed(layer, input)]
        case arch.Dense():
            return [("nnx.Linear", {"in_features": input[-1], "out_features": layer.units, "use_bias": layer.use_bias})]
        case arch.BatchNormalization():
            return [("nnx.BatchNorm", {**_normal(layer, input), "momentum": layer.momentum})]
        case arch.LayerNormalization():
            return [("nnx.LayerNorm", _normal(layer, input))]
        case arch.GroupNormalization():
            return [("nnx.GroupNorm", {"num_groups": layer.groups, **_normal(layer, input)})]
        case arch.Scale():
            return [("Scale", {"channels": input[-1], "bias": layer.use_bias})]
        case arch.SqueezeExcitation():
            return [("SqueezeExcitation", {"channels": input[2], "squeezed": layer.squeezed(input)})]
        case arch.RadialBasis():
            return [("RadialBasis", {"in_features": input[0], "out_features": layer.units})]
        case arch.Dropout():
            return [("nnx.Dropout", {"rate": layer.rate})]
        case arch.Activation():
            return [] if layer.function == "linear" else [ACTIVATIONS[layer.function]]
        case arch.LeakyReLU():
            return [("nnx.leaky_relu", {"negative_slope": layer.negative_slope})]
        case arch.LocalResponseNormalization():
            values = {"size": layer.size, "alpha": layer.alpha, "beta": layer.beta, "k": layer.k}
            return [("local_response_norm", values)]
        case _:
            return _pooling(layer, input) or _moving(layer, input, following)


def _normal(layer: Any, input: Shape) -> dict[str, Any]:
    values = {"epsilon": layer.epsilon, "use_bias": layer.center, "use_scale": layer.scale}
    return {"num_features": input[-1], **values}


def _convolution(layer: Any, input: Shape) -> Step:
    padding, same = sides(layer, input), same_sides(layer, input)
    arguments: dict[str, Any] = {
        "in_features": input[2],
        "out_features": layer.output_shape(input)[2],
        "kernel_size": both(layer.kernel_size),
        "strides": _one(both(layer.strides)),
    }
    if isinstance(layer, arch.LocallyConnected2D):
        arguments["output_size"] = layer.output_shape(input)[:2]
        return "LocallyConnected", {**arguments, "padding": padding, "use_bias": layer.use_bias}
    arguments["padding"] = "SAME" if padding == same else _padding(padding)
    arguments["kernel_dilation"] = _one(both(layer.dilation_rate))
    arguments["feature_group_count"] = input[2] if isinstance(layer, arch.DepthwiseConv2D) else layer.groups
    return "nnx.Conv", {**arguments, "use_bias": layer.use_bias}


def _transposed(layer: arch.Conv2DTranspose, input: Shape) -> Step:
    """Say a transposed convolution: Flax pads the spread-out input, PyTorch and the tree cut the output."""
    if layer.groups > 1:
        raise unsaid(layer, "Flax", " with groups")
    kernel, stride, dilation = both(layer.kernel_size), both(layer.strides), both(layer.dilation_rate)
    padding, usual = [], []
    for i, (before, after) in enumerate(layer.sides()):
        reach = (kernel[i] - 1) * dilation[i]
        padding.append((reach - before, reach - after + both(layer.output_padding)[i]))
        total = reach + stride[i] - 1
        first = reach if stride[i] > reach else -(-total // 2)
        usual.append((first, total - first))
    arguments = {
        "in_features": input[2],
        "out_features": layer.filters,
        "kernel_size": kernel,
        "strides": _one(stride),
        "padding": "SAME" if padding == usual else tuple(padding),
        "kernel_dilation": _one(dilation),
    }
    return "nnx.ConvTranspose", {**arguments, "use_bias": layer.use_bias}


def _one(value: tuple[int, int]) -> int | tuple[int, int]:
    return value[0] if value[0] == value[1] else value


def _padding(found: Sides) -> Any:
    (top, bottom), (left, right) = found
    if not any((top, bottom, left, right)):
        return "VALID"
    return top if top == bottom == left == right else found


def _around(rows: tuple[int, int], columns: tuple[int, int]) -> Step:
    return "jnp.pad", {"pad_width": ((0, 0), rows, columns, (0, 0))}


def _pooling(layer: Layer, input: Shape) -> list[Step]:
    match layer:
        case arch.MaxPooling2D() | arch.AveragePooling2D():
            padding = sides(layer, input)
            arguments: dict[str, Any] = {"window_shape": both(layer.pool_size), "strides": layer.step}
            if isinstance(layer, arch.MaxPooling2D):
                return [("nnx.max_pool", {**arguments, "padding": padding if any(map(any, padding)) else "VALID"})]
            own = [(window.before, window.after) for window in layer.windows(input).both()]
            counted = layer.count_padding and any(map(any, own))
            if counted:  # rows that hang over in ceil mode count in no case
                padding = tuple((0, all[1] - one[1]) for all, one in zip(padding, own, strict=True))  # type: ignore
            if any(map(any, padding)):
                arguments |= {"padding": padding, "count_include_pad": False}
            return [*([_around(own[0], own[1])] if counted else []), ("nnx.avg_pool", arguments)]
        case arch.GlobalAveragePooling2D() | arch.GlobalMaxPooling2D():
            name = "jnp.mean" if isinstance(layer, arch.GlobalAveragePooling2D) else "jnp.max"
            return [(name, {"axis": (1, 2), **({"keepdims": True} if layer.keepdims else {})})]
        case arch.AdaptiveAveragePooling2D() | arch.AdaptiveMaxPooling2D():
            name = "average" if isinstance(layer, arch.AdaptiveAveragePooling2D) else "max"
            return [(f"adaptive_{name}_pool", {"output_size": both(layer.output_size)})]
    return []


def _moving(layer: Layer, input: Shape, following: Sequence[Layer]) -> list[Step]:
    match layer:
        case arch.Identity():
            return []
        case arch.Flatten():
            return [("flatten_channels_first" if order_matters(following, input) else "flatten", {})]
        case arch.Reshape():
            return [("reshape_channels_first", {"shape": layer.output_shape(input)})]
        case arch.ZeroPadding2D():
            return [_around(*both_sides(layer.padding))]
        case arch.Cropping2D():
            rows, columns = both_sides(layer.cropping)
            return [("crop", {"rows": rows, "columns": columns})]
        case arch.UpSampling2D():
            return [("upsample", {"size": both(layer.size), "method": layer.interpolation})]
        case arch.ChannelShuffle():
            return [("channel_shuffle", {"groups": layer.groups})]
        case arch.SelectChannels():
            return [("select_channels", {"channels": list(layer.channels)})]
        case arch.ChannelPadding():
            outer = ((0, 0),) * len(input)
            return [("jnp.pad", {"pad_width": (*outer, (layer.before, layer.after))})]
    raise unsaid(layer, "Flax")


class _JaxWriter(ModuleWriter):
    sequential = "nnx.Sequential"
    nothing = "nnx.identity"
    base = "nnx.Module"
    forward = "def __call__(self, x: jax.Array) -> jax.Array:"
    tail = ("rngs=rngs",)
    reserved = ("train", "eval", "sow", "perturb", "set_attributes", "iter_modules", "iter_children")

    def call(self, leaf: Leaf) -> Expression:
        if isinstance(leaf.target, Definition):
            return self.use(leaf)
        name = leaf.target
        self.used.add(name)
        defaults = DEFAULTS.get(name, {})
        if name in FUNCTIONS:
            arguments = self.arguments(leaf, (), defaults)
            return Bracketed("partial(", [Argument(name), *arguments]) if arguments else str(name)
        arguments = self.arguments(leaf, POSITIONAL.get(name, ()), defaults)
        return Bracketed(f"{name}(", [*arguments, Argument("rngs=rngs")])

    def activated(self, function: str, value: str) -> str:
        name, arguments = ACTIVATIONS[function]
        more = "".join(f", {key}={setting}" for key, setting in arguments.items())
        return f"{name}({value}{more})"

    def joined(self, kind: str, outputs: Sequence[str]) -> Expression:
        if kind == "concat":
            inside = Bracketed("[", [Argument(output) for output in outputs], "]")
            return Bracketed("jnp.concatenate(", [Argument(inside), Argument("-1", before="axis=")])
        return (" * " if kind == "product" else " + ").join(outputs)

    def spread(self, output: str, axes: int) -> str:
        return f"{output}[:{', None' * axes}, :]"

    def signature(self, parameters: Sequence[Parameter], method: bool) -> str:
        found = ["self"] if method else []
        for parameter in parameters:
            default = "" if parameter.default is UNSET else f" = {flat(literal(parameter.default))}"
            found.append(f"{parameter.name}: {annotation(parameter)}{default}")
        return ", ".join([*found, "*", "rngs: nnx.Rngs"])
