"""What exporters write out as several ONNX operators, found again: GELU, and the squared distance of radial units."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from math import pi
from typing import Any


@dataclass(frozen=True)
class Found:
    """Nodes that together are one operator, of `source`; `replaces` is the last of them.

    weights: what the layer stores. beside: what the file has worked out of that and stored too.
    """

    kind: str
    source: str
    replaces: int
    nodes: frozenset[int]
    weights: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


class Patterns:
    """Looks for them.

    array: gives a stored tensor's numbers, None for what is none. known: what depends on no input.
    """

    def __init__(self, nodes: list[Any], array: Callable[[str], Any], known: set[str]) -> None:
        self.nodes, self.array, self.known = nodes, array, known
        self.maker = {output: number for number, node in enumerate(nodes) for output in node.output}
        self.users: dict[str, list[int]] = {}
        for number, node in enumerate(nodes):
            for name in node.input:
                self.users.setdefault(name, []).append(number)

    def all(self) -> Iterator[Found]:
        """Give each one."""
        for number, node in enumerate(self.nodes):
            look = {
                "Erf": self._gelu,
                "Tanh": self._gelu_of_tanh,
                "Sub": self._radial,
                "Div": self._response,
                "ReduceL2": self._competition,
                "Neg": self._bent,
                "Tile": self._repeated,
            }.get(node.op_type)
            found = look(number) if look is not None else None
            if found is not None:
                yield found

    def _number(self, node: Any) -> tuple[str, float] | None:
        """Return what a node takes beside one stored number, and that."""
        for own, other in ((0, 1), (1, 0)):
            value = self.array(node.input[other]) if len(node.input) == 2 else None
            if value is not None and value.size == 1 and self.array(node.input[own]) is None:
                return node.input[own], float(value.reshape(-1)[0])
        return None

    def _next(self, number: int) -> int | None:
        users = self.users.get(self.nodes[number].output[0], [])
        return users[0] if len(users) == 1 else None

    def _gelu(self, erf: int) -> Found | None:
        """x·½·(1 + erf(x/√2)), multiplied in any order."""
        before = self.maker.get(self.nodes[erf].input[0])
        scaled = None if before is None else self._number(self.nodes[before])
        after = self._next(erf)
        shifted = None if after is None else self._number(self.nodes[after])
        if before is None or after is None or scaled is None or shifted is None or shifted[1] != 1:
            return None
        factor = 1 / scaled[1] if self.nodes[before].op_type == "Div" else scaled[1]
        if abs(factor - 0.5**0.5) > 1e-5 or self.nodes[after].op_type != "Add":
            return None
        return self._halved("Gelu", scaled[0], after, {before, erf, after})

    def _gelu_of_tanh(self, tanh: int) -> Found | None:
        """x·½·(1 + tanh(√(2/π)·(x + 0.044715·x³))), multiplied and raised in any order: what it gives is tried."""
        after = self._next(tanh)
        shifted = None if after is None else self._number(self.nodes[after])
        if after is None or shifted is None or shifted[1] != 1 or self.nodes[after].op_type != "Add":
            return None
        last, sources = after, list[str]()
        while (
            len(sources) < 2 and (following := self._next(last)) is not None and len(self.nodes[following].input) == 2
        ):
            for name in self.nodes[following].input:
                half = self.maker.get(name)
                halved = None if half is None else self._number(self.nodes[half])
                sources += [name, *([halved[0]] if halved is not None else [])]
            last = following
        for source in sources:
            passed = {tanh, after}
            tried = [self._at(self.nodes[tanh].input[0], source, x, passed) for x in _TRIED]
            wanted = ((2 / pi) ** 0.5 * (x + 0.044715 * x**3) for x in _TRIED)
            if all(one is not None and abs(one - other) < 1e-4 for one, other in zip(tried, wanted, strict=True)):
                return self._halved("GeluOfTanh", source, after, passed)
        return None

    def _at(self, name: str, source: str, x: float, passed: set[int]) -> float | None:
        """Return the number that arithmetic gives where `source` is x, and add its nodes; None for anything else."""
        if name == source:
            return x
        stored, maker = self.array(name), self.maker.get(name)
        if stored is not None:
            return float(stored.reshape(-1)[0]) if stored.size == 1 else None
        arithmetic = None if maker is None else _ARITHMETIC.get(self.nodes[maker].op_type)
        if maker is None or arithmetic is None or len(passed) > 12:
            return None
        passed.add(maker)
        given = [self._at(each, source, x, passed) for each in self.nodes[maker].input]
        return None if None in given or len(given) != 2 else arithmetic(*given)

    def _halved(self, kind: str, source: str, after: int, passed: set[int]) -> Found | None:
        """Find the products with a half and with the source that follow."""
        taken, halved, last = False, False, after
        while (following := self._next(last)) is not None and self.nodes[following].op_type == "Mul":
            node = self.nodes[following]
            number = self._number(node)
            other = next(name for name in node.input if name != self.nodes[last].output[0]) if not number else ""
            half = self.maker.get(other)
            if number is not None and number[1] == 0.5 and not halved:
                halved = True
            elif other == source and not taken:
                taken = True
            elif half is not None and self._number(self.nodes[half]) == (source, 0.5) and not taken and not halved:
                taken = halved = True
                passed.add(half)
            else:
                break
            passed.add(following)
            last = following
            if taken and halved:
                return Found(kind, source, last, frozenset(passed))
        return None

    def _response(self, last: int) -> Found | None:
        """x/(k + alpha·mean of squares of neighbouring channels)^beta, as PyTorch writes out local response."""
        source, values = self.nodes[last].input[0], dict[str, float]()
        place, passed = self.maker.get(self.nodes[last].input[1]), {last}
        for kind, name in (("Pow", "beta"), ("Add", "bias"), ("Mul", "alpha")):
            found = None if place is None or self.nodes[place].op_type != kind else self._number(self.nodes[place])
            if found is None or place is None:
                return None
            passed.add(place)
            values[name], place = found[1], self.maker.get(found[0])
        waiting = [] if place is None else [place]
        while waiting:
            number = waiting.pop()
            node = self.nodes[number]
            passed.add(number)
            if node.op_type == "AveragePool":
                kernel = next(list(each.ints) for each in node.attribute if each.name == "kernel_shape")
                values["size"] = max(kernel)
            inner = [name for each in node.attribute for part in each.g.node for name in part.input]  # of an If
            makers = (self.maker.get(name) for name in (*node.input, *inner) if name not in self.known | {source})
            if node.op_type == "Mul" and list(node.input) != [source, source]:
                return None
            waiting += [maker for maker in makers if maker is not None and maker not in passed]
        return Found("LRN", source, last, frozenset(passed), settings=values) if "size" in values else None

    def _competition(self, first: int) -> Found | None:
        """x·(1 + weight·n) + bias, n = norm/(mean of norms + epsilon): global response normalisation, as hubel's."""
        source, nodes, weights = self.nodes[first].input[0], self.nodes, list[str]()
        passed, epsilon, last = {first}, 0.0, first
        kinds = ("ReduceMean", "Add", "Div", "Mul", "Add", "Mul", "Add")
        for place, kind in enumerate(kinds):
            users = [user for user in self.users.get(nodes[last].output[0], []) if nodes[user].op_type == kind]
            if len(users) != 1 or (place == 6 and source not in nodes[last].input):
                return None
            last = users[0]
            passed.add(last)
            number = self._number(nodes[last])
            if place == 1 and number is not None:
                epsilon = number[1]
            elif (place == 1) or (place == 4 and (number is None or number[1] != 1)):
                return None
            elif place in (3, 6):
                weights += [name for name in nodes[last].input if name in self.known]
        if len(weights) != 2:
            return None
        return Found("Compete", source, last, frozenset(passed), tuple(weights), settings={"epsilon": epsilon})

    def _bent(self, minus: int) -> Found | None:
        """relu(x) − slope·relu(−x), with a stored slope below zero, as Keras has PReLU."""
        source, passed, last = self.nodes[minus].input[0], {minus}, minus
        for kind in ("Relu", "Mul", "Add"):
            following = self._next(last)
            if following is None or self.nodes[following].op_type != kind:
                return None
            passed.add(following)
            last = following
        positive = (self.maker.get(name) for name in self.nodes[last].input)
        plain = [one for one in positive if one is not None and self.nodes[one].input[0] == source]
        slopes = [name for one in passed for name in self.nodes[one].input if name in self.known]
        if len(plain) != 1 or self.nodes[plain[0]].op_type != "Relu" or len(slopes) != 1:
            return None
        return Found("PRelu", source, last, frozenset({*passed, *plain}), (slopes[0],))

    def _repeated(self, tile: int) -> Found | None:
        """Rows or columns repeated along an axis of their own, as TensorFlow's exporter has `repeat`."""
        nodes, before, times = (
            self.nodes,
            self.maker.get(self.nodes[tile].input[0]),
            self.array(self.nodes[tile].input[1]),
        )
        after = self._next(tile)
        if before is None or nodes[before].op_type != "Unsqueeze" or times is None or after is None:
            return None
        more = [place for place, number in enumerate(times.tolist()) if number > 1]
        passed, settings = {before, tile}, {"axes": more, "times": int(times.max())}
        if nodes[after].op_type == "Transpose":
            settings["perm"] = next(list(each.ints) for each in nodes[after].attribute if each.name == "perm")
            passed.add(after)
            after = self._next(after)
        if after is None or nodes[after].op_type != "Reshape" or len(more) != 1:
            return None
        return Found("Repeat", nodes[before].input[0], after, frozenset({*passed, after}), settings=settings)

    def _radial(self, last: int) -> Found | None:
        """x·w − ½x·x − ½w·w, as PyTorch or this library writes it."""
        nodes = self.nodes
        passed, sources, weights, beside = set[int](), set[str](), list[str](), list[str]()
        waiting = [last]
        while waiting:
            number = waiting.pop()
            node = nodes[number]
            passed.add(number)
            for name in node.input:
                maker = self.maker.get(name)
                if name in self.known or not name:
                    (weights if node.op_type in ("MatMul", "Gemm") else beside).append(name)
                elif maker is not None and nodes[maker].op_type in _SQUARES and maker not in passed:
                    waiting.append(maker)
                elif maker not in passed:
                    sources.add(name)
        squared = any(nodes[number].op_type in ("ReduceSum", "ReduceSumSquare") for number in passed)
        if squared and len(sources) == 1 and len(weights) == 1:
            return Found("Radial", sources.pop(), last, frozenset(passed), tuple(weights), tuple(beside))
        return None


_TRIED = (-2.0, -0.5, 0.3, 1.7)
_ARITHMETIC: dict[str, Callable[..., float]] = {
    "Add": operator.add,
    "Sub": operator.sub,
    "Mul": operator.mul,
    "Div": operator.truediv,
    "Pow": operator.pow,
}
_SQUARES = ("MatMul", "Gemm", "Mul", "Div", "Pow", "Add", "Sub", "ReduceSum", "ReduceSumSquare")
