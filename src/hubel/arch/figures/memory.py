"""What a network takes in memory: in training and in prediction, before anything is run.

Counted are the tensors that PyTorch allocates: weights, running statistics, gradients, the optimizer's numbers, the
batch, what autograd keeps for the backward pass, and outputs and gradients on their way. Not counted: the scratch room
of oneDNN and cuDNN, what an allocator rounds up or holds back, the runtime itself (some 0.5 GB on a GPU).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from hubel.arch._cost import Formula
from hubel.arch._tree import Network
from hubel.arch.figures.analyse import analyse
from hubel.arch.figures.copies import Widths
from hubel.arch.figures.expression import Expression, Quantity, elements
from hubel.arch.figures.report import Report
from hubel.arch.figures.tape import Moment, Tape
from hubel.base.errors import SettingError

Precision: TypeAlias = Literal["float32", "autocast", "bfloat16"]
Optimizer: TypeAlias = Literal["sgd", "momentum", "adam"]
Processor: TypeAlias = Literal["avx512", "avx2"]

WIDTHS: dict[str, Widths] = {
    "float32": Widths(weight=4, activation=4),
    "autocast": Widths(weight=4, activation=2, cast=2),
    "bfloat16": Widths(weight=2, activation=2),
}
PROCESSORS = ("avx512", "avx2")
STATES = {"sgd": 0, "momentum": 1, "adam": 2}  # numbers that the optimizer holds for each that it trains
MOST_IMAGES = 1 << 24


@dataclass(frozen=True)
class Memory:
    """Bytes alive at the moment when most are, part by part.

    `weights` and `buffers` (running statistics) are always there; `optimizer` between steps; `input` is the batch.
    `gradients` are those of weights; `kept` waits for the backward pass; `passing` are outputs, gradients of outputs
    and temporary copies. `path` and `phase` ("forward", "backward", "update") say when it is. `held` is what waits
    between the two passes, all of it.
    """

    batch: int
    precision: str
    weights: int
    buffers: int
    optimizer: int
    input: int
    gradients: int
    kept: int
    passing: int
    path: str
    phase: str
    held: int
    formulas: tuple[Formula, ...]

    @property
    def total(self) -> int:
        """The peak: all parts together."""
        always = self.weights + self.buffers + self.optimizer + self.input
        return always + self.gradients + self.kept + self.passing


def training_memory(
    network: Network | Report,
    batch: int,
    *,
    precision: Precision = "float32",
    optimizer: Optimizer = "momentum",
    channels_last: bool = False,
    checkpoint: Collection[str] = (),
    processor: Processor = "avx512",
) -> Memory:
    """Work out what one step of training takes at its peak, in PyTorch, once the optimizer's numbers are there.

    `precision`: "float32"; "autocast" (32-bit weights, 16-bit copies and activations); "bfloat16" (16 bits
    throughout). `optimizer`: "sgd", "momentum" (SGD with it), "adam" (fused). `channels_last` copies where a picture
    is flattened. `checkpoint` are paths of parts whose inside is computed twice instead of kept (Chen et al. 2016).
    `processor` is whose copies of convolutions' tensors are counted: "avx512", in blocks of 16 channels, or "avx2", in
    blocks of 8, which writes windows out in 16 bits.
    Gradients are set to None before each step, as PyTorch does; a softmax at the very end is part of the loss.
    Raises `ValueError` for unknown settings, `KeyError` for a part that is not there.
    """
    report = network if isinstance(network, Report) else analyse(network)
    states = STATES[_known(optimizer, STATES, "optimizer")]
    widths = _widths(precision, processor)
    for path in checkpoint:
        report.find(path)
    tape = Tape(report.network, _images(batch), widths, channels_last, frozenset(checkpoint))
    tape.train()
    return _memory(report, batch, precision, states, tape)


def inference_memory(
    network: Network | Report, batch: int, *, precision: Precision = "float32", processor: Processor = "avx512"
) -> Memory:
    """Work out what predicting a batch takes at its peak: weights, and a layer's input and output at a time."""
    report = network if isinstance(network, Report) else analyse(network)
    tape = Tape(report.network, _images(batch), _widths(precision, processor))
    tape.predict()
    return _memory(report, batch, precision, None, tape)


def largest_batch(
    network: Network | Report,
    bytes: int,
    *,
    precision: Precision = "float32",
    optimizer: Optimizer = "momentum",
    channels_last: bool = False,
    checkpoint: Collection[str] = (),
    processor: Processor = "avx512",
) -> int:
    """Return the most images whose step of training fits in so many bytes; 0 where not even one does."""
    report = network if isinstance(network, Report) else analyse(network)

    def fits(batch: int) -> bool:
        found = training_memory(
            report,
            batch,
            precision=precision,
            optimizer=optimizer,
            channels_last=channels_last,
            checkpoint=checkpoint,
            processor=processor,
        )
        return found.total <= bytes

    low, high = 0, 1
    while high < MOST_IMAGES and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _memory(report: Report, batch: int, precision: str, states: int | None, tape: Tape) -> Memory:
    widths = tape.widths
    weights = Quantity("parameters", report.parameters) * Quantity("bytes", widths.weight)
    trainable = Quantity("parameters trained", report.trainable)
    buffers = Quantity("running statistics", report.total("buffers")) * Quantity("bytes", widths.weight)
    images = Quantity("batch", batch) * elements(report.network.input)
    expressions: dict[str, Expression] = {"weights": weights, "buffers": buffers}
    moment = tape.peak
    if states is not None:
        all_gradients = trainable * Quantity("bytes", widths.weight)
        expressions["optimizer"] = trainable * Quantity("numbers each", states) * Quantity("bytes", widths.weight)
        update = Moment("", "update", gradients=int(all_gradients.value))
        moment = max(moment, update, key=lambda one: one.total)
        expressions["gradients"] = (
            all_gradients if moment.gradients == all_gradients.value else Quantity("so far", moment.gradients)
        )
    expressions["input"] = images * Quantity("bytes", widths.weight)
    if states is not None:
        expressions["kept"] = Quantity("what layers keep", moment.kept)
    expressions["passing"] = Quantity("outputs and gradients on their way", moment.passing)
    found = {name: int(expression.value) for name, expression in expressions.items()}
    return Memory(
        batch,
        precision,
        weights=found["weights"],
        buffers=found["buffers"],
        optimizer=found.get("optimizer", 0),
        input=found["input"],
        gradients=moment.gradients,
        kept=moment.kept,
        passing=moment.passing,
        path=moment.path,
        phase=moment.phase,
        held=tape.held,
        formulas=tuple(Formula(name, expression) for name, expression in expressions.items()),
    )


def _widths(precision: str, processor: str) -> Widths:
    found = WIDTHS[_known(precision, WIDTHS, "precision")]
    narrow = _known(processor, PROCESSORS, "processor") == "avx2"
    return replace(found, block=8, unfolds=found.activation < 4) if narrow else found


def _images(batch: int) -> int:
    if not isinstance(batch, int) or isinstance(batch, bool) or batch < 1:
        raise SettingError(f"expected batch as an int ≥ 1, received {batch!r}")
    return batch


def _known(value: str, known: Collection[str], what: str) -> str:
    if value not in known:
        raise SettingError(f"expected {what} as one of {', '.join(known)}, received {value!r}")
    return value
