"""Keras 3, whatever its backend: the functional style, pictures height × width × channels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hubel.arch import Layer, Network, Report, Shape, analyse, ops
from hubel.arch.ops.functions import FUNCTIONS
from hubel.code._blocks import UNSET, Definition, Vocabulary, find_blocks
from hubel.code._functions import FunctionWriter
from hubel.code._header import about, header
from hubel.code._last import say
from hubel.code._modules import equal, written
from hubel.code._names import BUILTINS, function_name, unused
from hubel.code._outline import Group, Leaf, Step, Words, outline
from hubel.code._text import Argument, Bracketed, lines
from hubel.code.keras.parts import LAYERS, PARTS
from hubel.code.keras.words import DEFAULTS, POSITIONAL, WORDS

TAKEN = BUILTINS | {"keras", "layers", "ops", "x", "inputs", "exits", "model", "parameters", *PARTS}
CONVOLUTIONS = frozenset(("layers.Conv2D", "layers.DepthwiseConv2D"))


def write(network: Network) -> str:
    """Return a Keras program that builds the network, and prints its size when it is run itself."""
    report = analyse(network)
    norms, activations = frozenset(("layers.BatchNormalization",)), frozenset(("layers.Activation",))
    root = outline(network, Words(_translate, CONVOLUTIONS, norms, activations))
    name = unused(function_name(network.name), TAKEN)
    channels = frozenset(("filters", "units"))
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
    whole = ', dtype="int32"' if report.network.reads_whole_numbers else ""
    more = " and what the side exits give" if functions.exits else ""
    return [
        f"def {name}() -> keras.Model:",
        f'    """{about(report)[:-1]}{more}."""',
        f"    inputs = keras.Input({report.network.input}{whole})",
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
        told = FUNCTIONS[name].keras or name
        return f"{told}({x})" if "." in told else f'layers.Activation("{told}")({x})'

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
    for operation in layer.operations(input):
        steps = say(WORDS, operation, layer, following, "Keras")
        told = found[-1][0] if found else ""
        if isinstance(operation, ops.Activate) and len(steps) == 1 and "activation" in DEFAULTS.get(told, {}):
            (_, arguments) = steps[0]  # written with the layer that it follows
            if "activation" in arguments and found[-1][1]["activation"] is None:
                found[-1] = (told, {**found[-1][1], **arguments})
                continue
        found += [_filled(target, arguments) for target, arguments in steps]
    return found


def _filled(target: str, arguments: Mapping[str, Any]) -> Step:
    native = target.startswith("layers.")
    plain = {name: _one(name, value) if native else value for name, value in arguments.items()}
    return target, {**plain, **{k: v for k, v in DEFAULTS.get(target, {}).items() if k not in plain}}


def _one(name: str, value: Any) -> Any:
    """Write equal sizes as one number: (3, 3) as 3, and ((1, 1), (2, 2)), sides of rows and columns, as (1, 2)."""
    if name in ("padding", "cropping") and isinstance(value, tuple):
        if any(before != after for before, after in value):
            return value if len(value) > 1 else value[0]
        value = tuple(before for before, _ in value)
    elif name not in ("kernel_size", "strides", "dilation_rate", "pool_size", "output_size", "size"):
        return value
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
