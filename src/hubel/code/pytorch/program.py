"""PyTorch: the layers' own calls, written out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hubel.arch import Layer, Network, Report, Shape, analyse, torch_order
from hubel.arch.ops.functions import FUNCTIONS
from hubel.code._blocks import UNSET, Definition, Parameter, Vocabulary, find_blocks
from hubel.code._header import about, header
from hubel.code._modules import ModuleWriter, annotation
from hubel.code._names import BUILTINS, class_name, unused
from hubel.code._outline import Group, Leaf, Step, Words, outline
from hubel.code._text import Argument, Bracketed, Expression, lines, literal
from hubel.code.pytorch.parts import PARTS

POSITIONAL: dict[str, tuple[str, ...]] = {
    "nn.Conv1d": ("in_channels", "out_channels", "kernel_size"),
    "nn.Conv2d": ("in_channels", "out_channels", "kernel_size"),
    "nn.ConvTranspose2d": ("in_channels", "out_channels", "kernel_size"),
    "CroppedConvTranspose2d": ("in_channels", "out_channels", "kernel_size"),
    "LocallyConnected2d": ("in_channels", "out_channels", "output_size", "kernel_size"),
    "nn.Linear": ("in_features", "out_features"),
    "nn.BatchNorm2d": ("num_features",),
    "nn.BatchNorm1d": ("num_features",),
    "nn.LayerNorm": ("normalized_shape",),
    "ChannelLayerNorm": ("normalized_shape",),
    "nn.GroupNorm": ("num_groups", "num_channels"),
    "nn.LocalResponseNorm": ("size",),
    "nn.MaxPool1d": ("kernel_size",),
    "nn.MaxPool2d": ("kernel_size",),
    "nn.AvgPool1d": ("kernel_size",),
    "nn.AvgPool2d": ("kernel_size",),
    "PaddedAvgPool1d": ("kernel_size",),
    "PaddedAvgPool2d": ("kernel_size",),
    "nn.AdaptiveAvgPool1d": ("output_size",),
    "nn.AdaptiveMaxPool1d": ("output_size",),
    "nn.AdaptiveAvgPool2d": ("output_size",),
    "nn.AdaptiveMaxPool2d": ("output_size",),
    "nn.Dropout": ("p",),
    "nn.Dropout1d": ("p",),
    "nn.Dropout2d": ("p",),
    "nn.ZeroPad1d": ("padding",),
    "nn.ZeroPad2d": ("padding",),
    "nn.ConstantPad1d": ("padding", "value"),
    "nn.ConstantPad2d": ("padding", "value"),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "SimpleRNN": ("input_size", "hidden_size"),
    "LSTM": ("input_size", "hidden_size"),
    "GRU": ("input_size", "hidden_size"),
    "Caption": ("features", "steps", "words", "units"),
    **{f"nn.{function.torch}": (*function.constants,) for function in FUNCTIONS.values() if function.constants},
    "Clip": ("x_min", "x_max"),
    "Rescale": ("scale", "offset"),
    "nn.PReLU": ("num_parameters",),
    "nn.ReflectionPad2d": ("padding",),
    "nn.ReplicationPad2d": ("padding",),
    "nn.PixelShuffle": ("upscale_factor",),
    "nn.PixelUnshuffle": ("downscale_factor",),
    "nn.ChannelShuffle": ("groups",),
    "nn.Unflatten": ("dim", "unflattened_size"),
    "Scale": ("channels",),
    "GlobalResponseNorm": ("channels",),
    "SelectChannels": ("channels",),
    "ChannelPadding": ("before", "after"),
    "RadialBasis": ("in_features", "out_features"),
}
_CONVOLUTION = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1, "bias": True}
_STEPS = {"bias": True, "sequences": False, "backwards": False}
DEFAULTS: dict[str, dict[str, Any]] = {
    "nn.Conv1d": _CONVOLUTION,
    "nn.Conv2d": _CONVOLUTION,
    "nn.ConvTranspose2d": _CONVOLUTION,
    "CroppedConvTranspose2d": _CONVOLUTION,
    "LocallyConnected2d": {"stride": 1, "sides": (0, 0, 0, 0), "bias": True},
    "nn.Linear": {"bias": True},
    "nn.BatchNorm2d": {"eps": 1e-5, "momentum": 0.1, "affine": True},
    "nn.BatchNorm1d": {"eps": 1e-5, "momentum": 0.1, "affine": True},
    "nn.LayerNorm": {"eps": 1e-5, "elementwise_affine": True, "bias": True},
    "ChannelLayerNorm": {"eps": 1e-5, "elementwise_affine": True, "bias": True},
    "nn.GroupNorm": {"eps": 1e-5, "affine": True},
    "nn.LocalResponseNorm": {"alpha": 1e-4, "beta": 0.75, "k": 1.0},
    "SimpleRNN": {**_STEPS, "nonlinearity": "tanh"},
    "LSTM": _STEPS,
    "GRU": _STEPS,
    "Caption": {"cell": "gru"},
    "nn.MaxPool1d": {"stride": None, "padding": 0, "ceil_mode": False},
    "nn.AvgPool1d": {"stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True},
    "nn.MaxPool2d": {"stride": None, "padding": 0, "ceil_mode": False},
    "nn.AvgPool2d": {"stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True},
    "nn.Dropout": {"p": 0.5},
    "nn.Dropout1d": {"p": 0.5},
    "nn.Dropout2d": {"p": 0.5},
    **{f"nn.{function.torch}": {**function.constants} for function in FUNCTIONS.values() if function.constants},
    "nn.Upsample": {"mode": "nearest"},
    "Scale": {"bias": True, "weight": True},
    "GlobalResponseNorm": {"eps": 1e-6},
    "Clip": {**FUNCTIONS["clip"].constants},
    "Rescale": {"offset": 0.0},
    "nn.PReLU": {"num_parameters": 1},
}
CHANNELS = frozenset(
    {
        *("in_channels", "out_channels", "channels", "groups", "num_features", "num_channels", "normalized_shape"),
        *("in_features", "out_features", "input_size", "hidden_size", "embedding_dim"),
    }
)
MODULE_HAS = """
T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double dump_patches eval
extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu load_state_dict modules
mtia named_buffers named_children named_modules named_parameters parameters register_backward_hook register_buffer
register_forward_hook register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module register_parameter
register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory
state_dict to to_empty train training type xpu zero_grad
"""
TAKEN = BUILTINS | {"nn", "torch", "functional", "Tensor", "Any", "x", "model", "parameters", "output", *PARTS}


def write(network: Network) -> str:
    """Return a PyTorch program that builds the network, and runs it once when it is run itself."""
    report = analyse(network)
    words = Words(
        _translate,
        frozenset(("nn.Conv1d", "nn.Conv2d")),
        frozenset(("nn.BatchNorm1d", "nn.BatchNorm2d")),
        frozenset(f"nn.{function.torch}" for function in FUNCTIONS.values() if function.arithmetic),
    )
    root = outline(network, words)
    name = unused(class_name(network.name), TAKEN)
    definitions = find_blocks(root, Vocabulary(DEFAULTS, CHANNELS, TAKEN | {name}))
    writer = _TorchWriter()
    blocks = [writer.definition(definition) for definition in definitions]
    top = Bracketed("super().__init__(", writer.sequence(root, top=True) or [Argument("nn.Identity()")])
    body = [
        f"class {name}(nn.Sequential):",
        f'    """{_about(report, root)}"""',
        "",
        "    def __init__(self) -> None:",
        *lines(top, 8),
    ]
    parts = [PARTS[part].strip("\n").split("\n") for part in PARTS if part in writer.used]
    text = "\n\n\n".join("\n".join(block) for block in [*parts, *blocks, body, _main(name, network)])
    return header(report, "channels × height × width in PyTorch") + writer.imports(text) + "\n\n\n" + text + "\n"


def _about(report: Report, root: Group) -> str:
    last = root.items[-1] if root.items else None
    softmax = isinstance(last, Leaf) and last.target == "nn.Softmax"
    return about(report)[:-1] + ("; nn.CrossEntropyLoss wants it without the softmax." if softmax else ".")


def _main(name: str, network: Network) -> list[str]:
    sizes = [*map(str, (1, *torch_order(network.input))), *(["dtype=torch.long"] * network.reads_whole_numbers)]
    return [
        'if __name__ == "__main__":',
        f"    model = {name}().eval()",
        "    parameters = sum(parameter.numel() for parameter in model.parameters())",
        "    with torch.inference_mode():",
        f"        output = model(torch.zeros({', '.join(sizes)}))",
        '    print(f"{parameters:,} parameters, output {tuple(output.shape)}")',
    ]


def _translate(layer: Layer, input: Shape, following: Sequence[Layer]) -> list[Step]:
    found: list[Step] = []
    for step in layer.steps():
        call = step.call(input)
        found += _native(call.target, dict(call.arguments), input)
        input = step.output_shape(input)
    return found


def _native(target: str, arguments: dict[str, Any], input: Shape) -> list[Step]:
    """Write a call with PyTorch's own modules where it has them."""
    arguments = {name: _plain(name, value) for name, value in arguments.items()}
    rank = target[-2:]  # 1d or 2d
    match target.removesuffix(rank):
        case "PaddedConv":
            pad = _plain("padding", arguments.pop("sides"))
            return [(f"nn.ZeroPad{rank}", {"padding": pad}), (f"nn.Conv{rank}", _filled(f"nn.Conv{rank}", arguments))]
        case "MaxPool" | "AvgPool":
            return [(f"nn.{target}", _filled(f"nn.{target}", _own_stride(arguments)))]
        case "PaddedMaxPool":
            pad = {"padding": _plain("padding", arguments.pop("sides")), "value": float("-inf")}
            pool = (f"nn.MaxPool{rank}", _filled(f"nn.MaxPool{rank}", _own_stride(arguments)))
            return [(f"nn.ConstantPad{rank}", pad), pool]
        case "PaddedAvgPool":
            if not arguments.pop("count_include_pad"):
                return [(target, arguments)]
            pad = {"padding": _plain("padding", arguments.pop("sides"))}
            pool = (f"nn.AvgPool{rank}", _filled(f"nn.AvgPool{rank}", _own_stride(arguments)))
            return [(f"nn.ZeroPad{rank}", pad), pool]
        case "GlobalAvgPool" | "GlobalMaxPool":
            pool = (f"nn.Adaptive{target[6:]}", {"output_size": 1})
            return [pool] if arguments["keepdims"] else [pool, ("nn.Flatten", {})]
    match target:
        case "Reshape":
            return _reshaped(arguments["shape"])
        case "Identity":
            return []
    if "." in target:
        return [(target, arguments)]
    known = target if target in PARTS else f"nn.{target}"
    return [(known, _filled(known, arguments))]


def _reshaped(shape: tuple[int, ...]) -> list[Step]:
    if len(shape) == 1:
        return [("nn.Flatten", {})]
    return [("nn.Flatten", {}), ("nn.Unflatten", {"dim": 1, "unflattened_size": torch_order(shape)})]


def _own_stride(arguments: dict[str, Any]) -> dict[str, Any]:
    """A pooling's stride is its window unless it says otherwise."""
    return {**arguments, "stride": None if arguments["stride"] == arguments["kernel_size"] else arguments["stride"]}


def _filled(target: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Write every setting, so that like calls have like arguments."""
    positional = POSITIONAL.get(target, ())
    ordered = {name: arguments[name] for name in positional if name in arguments}
    left = {name: value for name, value in DEFAULTS.get(target, {}).items() if name not in ordered}
    if target in ("nn.Conv1d", "nn.Conv2d"):
        left.pop("output_padding")
    return {**ordered, **{name: arguments.get(name, value) for name, value in left.items()}, **arguments}


def _plain(name: str, value: Any) -> Any:
    """Write equal sizes as one number."""
    if name == "channels" and isinstance(value, tuple):
        return list(value)
    if name == "scale_factor":
        value = tuple(int(factor) for factor in value)
    if name in ("shape", "sides") or not isinstance(value, tuple):
        return value
    return value[0] if len(set(value)) == 1 and len(value) > 1 and name != "output_shape" else value


class _TorchWriter(ModuleWriter):
    sequential = "nn.Sequential"
    nothing = "nn.Identity()"
    base = "nn.Module"
    forward = "def forward(self, x: Tensor) -> Tensor:"
    start = ("        super().__init__()",)
    reserved = frozenset(MODULE_HAS.split())

    def imports(self, text: str) -> str:
        """Write the imports of what a text uses."""
        found = ["import torch", "from torch import " + ("Tensor, nn" if re.search(r"\bTensor\b", text) else "nn")]
        if re.search(r"\bfunctional\.", text):
            found.append("from torch.nn import functional")
        if re.search(r"\bAny\b", text):
            found[:0] = ["from typing import Any", ""]
        own = sorted({target for target in self.used if target.rpartition(".")[0] not in ("", "nn")})
        lines = [f"from {home} import {name}" for home, _, name in (target.rpartition(".") for target in own)]
        return "\n".join([*found, *([""] if lines else []), *lines])

    def call(self, leaf: Leaf) -> Expression:
        if isinstance(leaf.target, Definition):
            return self.use(leaf)
        self.used.add(leaf.target)
        name = leaf.target
        home, _, short = name.rpartition(".")
        name = short if home not in ("", "nn") else name
        positional = POSITIONAL.get(leaf.target, ())
        return Bracketed(f"{name}(", self.arguments(leaf, positional, DEFAULTS.get(leaf.target, {})))

    def activated(self, function: str, value: str) -> str:
        row = FUNCTIONS[function]
        return (
            f"{row.function}({', '.join([value, *(f'{name}={said!r}' for name, said in row.torch_arguments.items())])})"
        )

    def joined(self, kind: str, outputs: Sequence[str]) -> Expression:
        if kind == "concat":
            inside = Bracketed("[", [Argument(output) for output in outputs], "]")
            return Bracketed("torch.cat(", [Argument(inside), Argument("1", before="dim=")])
        return (" * " if kind == "product" else " + ").join(outputs)

    def spread(self, output: str, axes: int) -> str:
        return f"{output}[:, :{', None' * axes}]"

    def signature(self, parameters: Sequence[Parameter], method: bool) -> str:
        found = ["self"] if method else []
        for parameter in parameters:
            default = "" if parameter.default is UNSET else f" = {_flat(parameter.default)}"
            found.append(f"{parameter.name}: {annotation(parameter)}{default}")
        return ", ".join(found)


def _flat(value: object) -> str:
    from hubel.code._text import flat

    return flat(literal(value))
