"""Flax (flax.nnx): pictures are height × width × channels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hubel.arch import Layer, Network, Shape, analyse
from hubel.arch.ops.functions import FUNCTIONS
from hubel.code._blocks import UNSET, Definition, Parameter, Vocabulary, find_blocks
from hubel.code._header import about, header
from hubel.code._last import say
from hubel.code._modules import ModuleWriter, annotation
from hubel.code._names import BUILTINS, class_name, unused
from hubel.code._outline import Leaf, Step, Words, outline
from hubel.code._text import Argument, Bracketed, Expression, flat, lines, literal
from hubel.code.jax.parts import CLASSES, PARTS
from hubel.code.jax.words import DEFAULTS, POSITIONAL, WORDS, activation

CHANNELS = frozenset(("in_features", "out_features", "num_features", "feature_group_count", "channels"))
CALLED = frozenset(
    {activation(name)[0] for name in FUNCTIONS}
    | {"nnx.max_pool", "nnx.avg_pool", "jnp.pad", "jnp.mean", "jnp.max", "jnp.take"}
    | {name for name in PARTS if name not in CLASSES}
)
TAKEN = BUILTINS | {"nnx", "jax", "jnp", "partial", "x", "rngs", "model", "parameters", "output", *PARTS}


def write(network: Network) -> str:
    """Return a Flax program that builds the network, and runs it once when it is run itself."""
    report = analyse(network)
    activations = frozenset(activation(name)[0] for name, function in FUNCTIONS.items() if function.arithmetic)
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
    text = "\n\n\n".join("\n".join(block) for block in [*parts, *blocks, body, _main(name, network)])
    return header(report, "the order that Flax has") + _imports(text) + "\n\n\n" + text + "\n"


def _main(name: str, network: Network) -> list[str]:
    whole = ", int" if network.reads_whole_numbers else ""
    return [
        'if __name__ == "__main__":',
        f"    model = {name}(rngs=nnx.Rngs(0))",
        "    model.eval()",
        "    parameters = sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))",
        f"    output = model(jnp.zeros({(1, *network.input)}{whole}))",
        '    print(f"{parameters:,} parameters, output {output.shape}")',
    ]


def _imports(text: str) -> str:
    found = ["import jax", "import jax.numpy as jnp", "from flax import nnx"]
    return "\n".join((["from functools import partial", ""] if re.search(r"\bpartial\(", text) else []) + found)


def _translate(layer: Layer, input: Shape, following: Sequence[Layer]) -> list[Step]:
    found: list[Step] = []
    for operation in layer.operations(input):
        found += say(WORDS, operation, layer, following, "Flax")
    return [(target, _filled(target, dict(arguments))) for target, arguments in found]


def _filled(target: str, arguments: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in arguments.items() if value is not UNSET}
    left = {name: value for name, value in DEFAULTS.get(target, {}).items() if name not in given}
    return {**given, **left}


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
        if name in CALLED:
            arguments = self.arguments(leaf, (), defaults)
            return Bracketed("partial(", [Argument(name), *arguments]) if arguments else str(name)
        arguments = self.arguments(leaf, POSITIONAL.get(name, ()), defaults)
        return Bracketed(f"{name}(", [*arguments, Argument("rngs=rngs")])

    def activated(self, function: str, value: str) -> str:
        name, arguments = activation(function)
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
