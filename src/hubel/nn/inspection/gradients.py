"""What training would ask for: PyTorch's own graph behind what a model returns, and what is to be said of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor
from torch.autograd import Function

from hubel.nn.inspection.report import NOT_TRAINED, learn_nothing

# Functions of PyTorch whose gradient is 0 everywhere, by what it calls their nodes (a user's own have no number).
FLAT = re.compile(r"(Round|Floor|Ceil|Trunc|Sign)Backward\d")


class Graph:
    """The nodes to which a gradient comes from what a model returns.

    wanted: whether a backward pass can begin there. numbers: in which order PyTorch made the nodes. flat: functions
    among them whose gradient is 0 everywhere. without: what ends a backward pass with an error, in words. learned:
    parameters, by id, that get a gradient; that of `moved` is not 0 for that reason.
    """

    def __init__(self, outputs: Iterable[Tensor], spoiled: str = "") -> None:
        outputs = list(outputs)
        self.wanted = any(tensor.requires_grad for tensor in outputs)
        roots = [tensor.grad_fn for tensor in outputs if tensor.grad_fn is not None]
        nodes = _behind(roots, through_flat=True)
        self.numbers = {node._sequence_nr() for node in nodes}
        self.flat = list(dict.fromkeys(name for node in nodes if (name := _flat(node))))
        self.without = list(dict.fromkeys(said for node in nodes if (said := _without(node))))
        if spoiled:
            self.without.append(f"{spoiled} changes in place what the backward pass needs as it was")
        self.learned = _leaves(nodes)
        self.moved = _leaves(_behind(roots, through_flat=False)) if self.flat else self.learned

    @property
    def learns(self) -> bool:
        """Whether a backward pass begins, and does not end with an error."""
        return self.wanted and not self.without

    def notes(self, parameters: Mapping[int, int]) -> Iterator[str]:
        """Say what a model cannot learn whose trained parameters are these, numbers in each by their id."""
        if self.without:
            yield f"{NOT_TRAINED}: {', '.join(self.without)}"
        elif parameters and not self.wanted:
            yield (
                f"{NOT_TRAINED}: nothing that it returns has a gradient (whole numbers and truth values have none, nor "
                "what detach or no_grad cut off)"
            )
        elif still := sum(size for key, size in parameters.items() if key in self.learned - self.moved):
            yield learn_nothing(still, self.flat)


def _behind(roots: Iterable[Any], through_flat: bool) -> list[Any]:
    """Return the nodes behind these, each once, those included."""
    known = dict.fromkeys(roots)
    waiting = list(known)
    while waiting:
        node = waiting.pop()
        for after, _ in node.next_functions if through_flat or not _flat(node) else ():
            if after is not None and after not in known:
                known[after] = None
                waiting.append(after)
    return list(known)


def _flat(node: Any) -> str:
    found = FLAT.fullmatch(node.name())
    if found is None and node.name().startswith("Div"):
        return f"div rounded by {rounding}" if (rounding := getattr(node, "_saved_rounding_mode", None)) else ""
    return found[1].lower() if found else ""


def _without(node: Any) -> str:
    """Say what at a node ends a backward pass with an error."""
    if node.name().endswith("::NotImplemented"):
        return "PyTorch has no derivative of one of its functions (as of x // 2 and heaviside)"
    own = getattr(type(node), "_forward_cls", None)
    if own is not None and own.backward is Function.backward and own.vjp is Function.vjp:
        return f"the autograd.Function {own.__name__} has no backward"
    return ""


def _leaves(nodes: Iterable[Any]) -> set[int]:
    return {id(node.variable) for node in nodes if hasattr(node, "variable")}
