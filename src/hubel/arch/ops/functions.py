"""The functions that are applied to one number each: one row says everything that any reader needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any, NamedTuple

from hubel.arch._cost import Keeps

FARTHEST = 3.4028234663852886e38
"""The largest number of 32 bits, a limit that limits nothing."""
_OUTPUT, _INPUT = Keeps(output=True), Keeps(input=True)


class Function(NamedTuple):
    """An activation.

    arithmetic: the function of `x` (and of constants by name) in numbers, + − * /, and `WORDS`; empty for softmax and
    its logarithm, which look at all channels of a place. formula: as people write it. torch: PyTorch's module, or
    hubel's own, and torch_arguments those that make it this function. keeps: what its backward pass keeps. bounds: the
    least and the largest value that it can give. onnx, keras, jax: the operator, the name and the function elsewhere,
    with the arguments that make it the same; keras and jax are by default the row's own name. constants: what may be
    set, with its usual value.
    """

    arithmetic: str
    formula: str
    torch: str
    keeps: Keeps
    bounds: tuple[float, float] = (-math.inf, math.inf)
    onnx: str = ""
    keras: str = ""
    jax: str = ""
    jax_arguments: Mapping[str, Any] = {}
    constants: Mapping[str, float] = {}
    torch_function: str = ""
    torch_arguments: Mapping[str, Any] = {}

    def at(self, x: Any, **constants: float) -> Any:
        """Apply the function to a number: exact for whole numbers and fractions where it only adds and multiplies."""
        return _compiled(self.arithmetic)(_WORDS | {"x": Fraction(x) if isinstance(x, int) else x, **constants})

    @property
    def function(self) -> str:
        """PyTorch's function of a tensor: `functional.relu`, `torch.tanh`."""
        return self.torch_function or f"functional.{self.torch.lower()}"


FUNCTIONS: dict[str, Function] = {
    "relu": Function("max(x, 0)", "max(x, 0)", "ReLU", _OUTPUT, (0, math.inf), "Relu"),
    "tanh": Function(
        "tanh(x)", "tanh x", "Tanh", _OUTPUT, (-1, 1), "Tanh", jax="jnp.tanh", torch_function="torch.tanh"
    ),
    "sigmoid": Function(
        "sigmoid(x)", "1/(1 + e⁻ˣ)", "Sigmoid", _OUTPUT, (0, 1), "Sigmoid", torch_function="torch.sigmoid"
    ),
    "softmax": Function("", "eˣ/Σeˣ", "Softmax", _OUTPUT, (0, 1), "Softmax", torch_arguments={"dim": 1}),
    "log_softmax": Function(
        "", "x − ln Σeˣ", "LogSoftmax", _OUTPUT, (-math.inf, 0), "LogSoftmax", torch_arguments={"dim": 1}
    ),
    "gelu": Function(  # Hendrycks & Gimpel (2016), exact
        "0.5 * x * (1 + erf(x / sqrt2))",
        "x·Φ(x)",
        "GELU",
        _INPUT,
        onnx="Gelu",
        jax_arguments={"approximate": False},
    ),
    "gelu_tanh": Function(  # Hendrycks & Gimpel (2016), their approximation
        "0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))",
        "x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2",
        "GELU",
        _INPUT,
        keras="ops.gelu",
        jax="nnx.gelu",
        torch_arguments={"approximate": "tanh"},
    ),
    "silu": Function("x * sigmoid(x)", "x/(1 + e⁻ˣ)", "SiLU", _INPUT),
    "relu6": Function("min(max(x, 0), 6)", "min(max(x, 0), 6)", "ReLU6", _INPUT, (0, 6)),
    "hardswish": Function(  # Howard et al. (2019)
        "x * min(max(x + 3, 0), 6) / 6",
        "x·min(max(x + 3, 0), 6)/6",
        "Hardswish",
        _INPUT,
        onnx="HardSwish",
        keras="hard_swish",
        jax="nnx.hard_swish",
    ),
    "mish": Function(  # Misra (2019)
        "x * tanh(softplus(x))", "x·tanh(ln(1 + eˣ))", "Mish", _INPUT, onnx="Mish", jax="jax.nn.mish"
    ),
    "elu": Function(  # Clevert, Unterthiner & Hochreiter (2015), with a negative limit of 1
        "max(x, 0) + expm1(min(x, 0))", "x, or eˣ − 1 below 0", "ELU", _INPUT, (-1, math.inf), "Elu"
    ),
    "selu": Function(  # Klambauer et al. (2017)
        "1.0507009873554805 * (max(x, 0) + 1.6732632423543772 * expm1(min(x, 0)))",
        "1.0507·x, or 1.7581·(eˣ − 1) below 0",
        "SELU",
        _INPUT,
        (-1.7580993408473773, math.inf),
        "Selu",
    ),
    "softplus": Function("softplus(x)", "ln(1 + eˣ)", "Softplus", _INPUT, (0, math.inf), "Softplus"),
    "hard_sigmoid": Function("min(max(x + 3, 0), 6) / 6", "min(max(x + 3, 0), 6)/6", "Hardsigmoid", _INPUT, (0, 1)),
    "leaky_relu": Function(
        "max(x, 0) + negative_slope * min(x, 0)",
        "x, or negative_slope·x below 0",
        "LeakyReLU",
        _INPUT,
        onnx="LeakyRelu",
        constants={"negative_slope": 0.01},
        torch_function="functional.leaky_relu",
    ),
    "alpha_elu": Function(  # Clevert, Unterthiner & Hochreiter (2015), with another negative limit
        "max(x, 0) + alpha * expm1(min(x, 0))",
        "x, or alpha·(eˣ − 1) below 0",
        "ELU",
        _INPUT,
        onnx="Elu",
        jax="nnx.elu",
        constants={"alpha": 1.0},
        torch_function="functional.elu",
    ),
    "celu": Function(  # Barron (2017)
        "max(x, 0) + alpha * expm1(min(x, 0) / alpha)",
        "x, or alpha·(e^(x/alpha) − 1) below 0",
        "CELU",
        _INPUT,
        onnx="Celu",
        keras="ops.celu",
        constants={"alpha": 1.0},
    ),
    "clip": Function(
        "min(max(x, x_min), x_max)",
        "min(max(x, x_min), x_max)",
        "Clip",
        _INPUT,
        keras="ops.clip",
        jax="clip",
        constants={"x_min": -FARTHEST, "x_max": FARTHEST},
    ),
    "rescale": Function(
        "x * scale + offset",
        "x·scale + offset",
        "Rescale",
        Keeps(),
        keras="layers.Rescaling",
        jax="rescale",
        constants={"scale": 1.0, "offset": 0.0},
    ),
    "linear": Function("x", "x", "Identity", Keeps(), onnx="Identity"),
}
# those of one number and no constants, which do something
PLAIN = {
    name: function
    for name, function in FUNCTIONS.items()
    if function.arithmetic not in ("", "x") and not function.constants
}


def _exp(x: Any) -> float:
    return math.exp(x) if x < 709 else math.inf


def _sigmoid(x: Any) -> float:
    return 0.5 * (1 + math.tanh(0.5 * x))


_WORDS: dict[str, Any] = {
    "abs": abs,
    "exp": _exp,
    "expm1": lambda x: math.expm1(x) if x < 709 else math.inf,
    "log1p": math.log1p,
    "max": max,
    "min": min,
    "tanh": math.tanh,
    "erf": math.erf,
    "sigmoid": _sigmoid,
    "softplus": lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))),
    "sqrt2": math.sqrt(2),
}
WORDS = tuple(_WORDS)


@cache
def _compiled(arithmetic: str) -> Callable[[dict[str, Any]], Any]:
    code = compile(arithmetic or "x", "<activation>", "eval")  # a row of the table above, never a user's text
    return lambda names: eval(code, {"__builtins__": {}}, names)
