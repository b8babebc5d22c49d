"""What a layer answers with: its cost, what it keeps for its backward pass, its formulas, how it is built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields
from typing import Any, Literal

from hubel.arch.figures.expression import Expression, Number
from hubel.base.numbers import number_text


@dataclass(frozen=True, slots=True)
class Keeps:
    """What a layer must hold from the forward pass until the backward pass, as PyTorch does.

    Whether it keeps its input and its output (shared with the neighbour that keeps the same tensor), and how many
    bytes beside them for one image: `extra_bytes` of 32-bit numbers, which lower precision halves, `fixed_bytes`
    (places, statistics) that are as many in every precision, `through_bytes` of those where the input wants a gradient
    too, and `batch_bytes` that are kept once for a whole batch.
    Others are there for a moment: `passing_bytes` of 32-bit numbers while the output is made, `backward_bytes` of them
    while the input's gradient is, `learning_bytes` while any is, and copies of input and output where the backward pass
    `copies` them into another layout (of the output alone where groups of channels are `narrow`, a number of channels
    that fills no register; of the input's gradient twice where it `skips` places, if that is more), and of the input
    where a layer `widens` numbers of 16 bits to 32, to add them up. `autocast` is what is
    held instead where weights have 32 bits and products 16. `groups` are those of a convolution, none of other layers,
    and `unfolded` the numbers that an image's windows in one are written out as, where that is done: 0 where that is
    the image itself; backward, or always, that may be `one_by_one`; `uneven` are a transposed one's kernels of which
    some places meet more than others. `products` are the numbers of an image's windows where each place has weights of
    its own. `stepwise` is what a recurrent layer holds instead
    where a processor has no products of 16 bits; under autocast it works in 32 there.
    """

    input: bool = False
    output: bool = False
    extra_bytes: int = 0
    fixed_bytes: int = 0
    _: KW_ONLY
    through_bytes: int = 0
    batch_bytes: int = 0
    passing_bytes: int = 0
    backward_bytes: int = 0
    learning_bytes: int = 0
    copies: bool = False
    narrow: int = 0
    skips: bool = False
    widens: Literal["", "forward", "backward"] = ""
    groups: int = 0
    unfolded: int = 0
    one_by_one: Literal["", "backward", "always"] = ""
    uneven: bool = False
    products: int = 0
    autocast: Keeps | None = None
    stepwise: Keeps | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a layer costs for one image.

    `parameters` are learned numbers, of which `frozen` stay as they are set; `buffers` are numbers that are kept but
    not learned (running statistics). `macs` are the multiply-adds of convolutions and dense layers. The other
    operations are counted apart: one an output for a bias, an activation or an addition, two for a normalisation
    (scale and shift), one a window's entry for pooling. `activations` are the numbers in the output.
    """

    parameters: int = 0
    frozen: int = 0
    buffers: int = 0
    macs: int = 0
    bias_operations: int = 0
    normalization_operations: int = 0
    pooling_operations: int = 0
    activation_operations: int = 0
    elementwise_operations: int = 0
    activations: int = 0
    keeps: Keeps = Keeps()

    @property
    def trainable(self) -> int:
        """Parameters that training changes."""
        return self.parameters - self.frozen


COUNTED = tuple(f.name for f in fields(Cost) if f.name not in ("activations", "keeps"))


@dataclass(frozen=True, slots=True)
class Formula:
    """One figure of a layer and the arithmetic that gives it."""

    figure: str
    expression: Expression

    @property
    def names(self) -> str:
        """The formula with the names of its quantities."""
        return self.expression.names()

    @property
    def values(self) -> str:
        """The formula with the values put in."""
        return self.expression.values()

    @property
    def result(self) -> Number:
        """The figure."""
        return self.expression.value

    def __str__(self) -> str:
        values, result = self.values, number_text(self.result)
        return f"{values} = {result}" if values.replace(",", "") != result.replace(",", "") else result


@dataclass(frozen=True, slots=True)
class Call:
    """How a framework builds a layer, as data: the module's name and its arguments.

    A bare name is a module of `torch.nn` or of `hubel.nn.modules`; a dotted one is the import path of a user's own.
    An argument may be a tuple of calls: modules to be run one after another.
    """

    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
