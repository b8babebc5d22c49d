"""Programs made of module objects: what PyTorch's and Flax's have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from typing import Any

from hubel.arch import Shape, shape_text
from hubel.code._blocks import UNSET, Definition, Parameter
from hubel.code._names import unused
from hubel.code._outline import Exit, Group, Item, Join, Leaf, Reference, Repeat, contents
from hubel.code._text import Argument, Bracketed, Expression, lines, literal


class ModuleWriter(ABC):
    """Writes definitions and a network as classes and functions that make modules."""

    sequential: str
    nothing: str
    base: str
    forward: str  # the first line of a class's method
    tail: tuple[str, ...] = ()  # arguments that every definition takes at its end

    def __init__(self) -> None:
        self.used: set[str] = set()

    @abstractmethod
    def call(self, leaf: Leaf) -> Expression:
        """Write the call that makes a layer."""

    @abstractmethod
    def activated(self, function: str, value: str) -> str:
        """Write an activation applied to an expression."""

    @abstractmethod
    def joined(self, kind: str, outputs: Sequence[str]) -> Expression:
        """Write the sum, the concatenation or the product of branches."""

    @abstractmethod
    def spread(self, output: str, axes: int) -> str:
        """Write a branch's output with so many axes of places put in."""

    @abstractmethod
    def signature(self, parameters: Sequence[Parameter], method: bool) -> str:
        """Write what a function or a constructor takes."""

    def expression(self, item: Item, top: bool = False) -> Expression:
        """Write what makes an item."""
        if isinstance(item, Leaf):
            return self.call(item)
        if isinstance(item, Exit):
            self.used.add("Auxiliary")
            return Bracketed("Auxiliary(", self.sequence(item.body, False))
        if not isinstance(item, Group):
            raise TypeError(f"expected what can be written as an expression, received {item!r}")
        arguments = self.sequence(item, top)
        if not arguments:
            return self.nothing
        if len(arguments) == 1 and not arguments[0].before and not top:
            return arguments[0].value
        return Bracketed(f"{self.sequential}(", arguments)

    def sequence(self, group: Group, top: bool) -> list[Argument]:
        """Write the items of a group, those that repeat themselves once."""
        items = list(contents(group))
        found: list[Argument] = []
        place = 0
        while place < len(items):
            item = items[place]
            step = _progression(items[place:])
            if step is not None:
                found.append(self._counted(items[place : place + step[0]], step[1], top))
                place += step[0]
                continue
            found.append(self._repeated(item, top) if isinstance(item, Repeat) else self._single(item, top))
            place += 1
        return found

    def _single(self, item: Item, top: bool) -> Argument:
        value = self.expression(item, top and isinstance(item, Group))
        return Argument(value, comment=remark(item) if top else "")

    def _repeated(self, repeat: Repeat, top: bool) -> Argument:
        arguments = [Argument(self.expression(item)) for item in repeat.items]
        one = arguments[0].value if len(arguments) == 1 else Bracketed(f"{self.sequential}(", arguments)
        inside = Bracketed("[", [Argument(one)], "]", last=f"for _ in range({repeat.arguments['count']})")
        return Argument(inside, before="*", comment=remark(repeat) if top else "")

    def _counted(self, items: list[Item], argument: str, top: bool) -> Argument:
        leaf = items[0]
        assert isinstance(leaf, Leaf)
        first, second = (item.arguments[argument] for item in items[:2] if isinstance(item, Leaf))
        step = second - first
        one = self.call(Leaf(leaf.target, {**leaf.arguments, argument: Reference(argument)}))
        span = f"for {argument} in range({first}, {first + step * len(items)}, {step})"
        inside = Bracketed("[", [Argument(one)], "]", last=span)
        return Argument(inside, before="*", comment=remark(items[-1]) if top else "")

    def definition(self, definition: Definition) -> list[str]:
        """Write a definition: a function that gives a sequence, or a class."""
        if isinstance(definition.body, Join):
            return self._class(definition, definition.body)
        parameters = self.signature(definition.parameters, method=False)
        value = lines(self.expression(definition.body), 4, "return ")
        head = signature_lines(f"def {definition.name}", parameters, self.sequential)
        return [*head, *value]

    def _class(self, definition: Definition, join: Join) -> list[str]:
        names: dict[str, str] = {}
        made: list[str] = []
        outputs: list[str] = []
        for index, (name, group) in enumerate(join.branches):
            inside = self.sequence(group, False)
            if not inside:
                outputs.append("x")
                continue
            names[name] = unused(name, [*names.values(), *self.reserved])
            made += self._branch(names[name], self.expression(group), join.optional.get(index))
            outputs.append(f"self.{names[name]}(x)")
        what = {"sum": "sum", "concat": "concatenation", "product": "product"}[join.kind]
        after = f", then {join.after}" if join.after else ""
        title = "its branches" if len(names) == len(outputs) else "its input and what it makes of it"
        if join.kind == "product":
            pairs = zip(outputs, join.missing, strict=True)
            outputs = [self.spread(output, axes) if axes else output for output, axes in pairs]
        ending = self._returned(join, outputs)
        found = [f"class {definition.name}({self.base}):", f'    """The {what} of {title}{after}."""', ""]
        given = self.signature(definition.parameters, method=True)
        if made or given != "self":  # whoever makes it gives what all modules are given
            body = [*self.start, *made] if made else ["        pass"]
            found += [*signature_lines("def __init__", given, "None", 4), *body, ""]
        return [*found, f"    {self.forward}", *ending]

    def _returned(self, join: Join, outputs: Sequence[str]) -> list[str]:
        value = self.joined(join.kind, outputs)
        if join.after is None:
            return lines(value, 8, "return ")
        if isinstance(value, str) and len(value) < 70:
            return [f"        return {self.activated(join.after, value)}"]
        return [*lines(value, 8, "x = "), f"        return {self.activated(join.after, 'x')}"]

    start: tuple[str, ...] = ()
    reserved: Collection[str] = ()  # what every module has under this name

    def _branch(self, name: str, value: Expression, condition: str | None) -> list[str]:
        if condition is None:
            return lines(value, 8, f"self.{name} = ")
        made = lines(value, 12, f"self.{name} = ")
        return [f"        if {condition}:", *made, "        else:", f"            self.{name} = {self.nothing}"]

    def arguments(self, leaf: Leaf, positional: Iterable[str], defaults: dict[str, Any]) -> list[Argument]:
        """Write a call's arguments: the usual first ones by place, others by name unless they are the default."""
        found = [Argument(written(leaf.arguments[name])) for name in positional if name in leaf.arguments]
        for name, value in leaf.arguments.items():
            usual = defaults.get(name, UNSET)
            if name in positional or value is UNSET or (usual is not UNSET and equal(value, usual)):
                continue
            found.append(Argument(written(value), before=f"{name}="))
        return found

    def use(self, leaf: Leaf) -> Expression:
        """Write the call of a definition."""
        definition: Definition = leaf.target
        required = [p.name for p in definition.parameters if p.default is UNSET]
        arguments = [*self.arguments(leaf, required, definition.defaults), *map(Argument, self.tail)]
        return Bracketed(f"{definition.name}(", arguments)


def written(value: object) -> Expression:
    return str(value) if isinstance(value, Reference) else literal(value)


def equal(one: object, other: object) -> bool:
    return type(one) is type(other) and one == other


def annotation(parameter: Parameter) -> str:
    """Return the type of a parameter, from the values it has been given."""
    kinds = {_kind(value) for value in parameter.values if value is not UNSET}
    kinds |= set() if parameter.default is UNSET else {_kind(parameter.default)}
    return " | ".join(sorted(kinds, key=lambda kind: (kind == "None", kind)))


def _kind(value: object) -> str:
    if isinstance(value, (tuple, list)):
        inner = {_kind(part) for part in value}
        first = inner.pop() if len(inner) == 1 else "object"
        if isinstance(value, list):
            return f"list[{first}]"
        return (
            f"tuple[{', '.join([first] * len(value))}]"
            if len(value) < 5 and "[" not in first
            else f"tuple[{first}, ...]"
        )
    return "None" if value is None else type(value).__name__


def signature_lines(head: str, parameters: str, result: str, indent: int = 0) -> list[str]:
    margin = " " * indent
    line = f"{margin}{head}({parameters}) -> {result}:"
    if len(line) <= 100:
        return [line]
    if len(margin) + 4 + len(parameters) <= 100:
        return [f"{margin}{head}(", f"{margin}    {parameters}", f"{margin}) -> {result}:"]
    each = [f"{margin}    {part}," for part in _parts(parameters)]
    return [f"{margin}{head}(", *each, f"{margin}) -> {result}:"]


def _parts(parameters: str) -> list[str]:
    """Split parameters at the commas outside brackets."""
    found, depth = [""], 0
    for letter in parameters:
        depth += letter in "[("
        depth -= letter in "])"
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found]


def _progression(items: list[Item]) -> tuple[int, str] | None:
    """Return how many calls of one definition follow one another with one number growing evenly, and which."""
    first = items[0]
    if not isinstance(first, Leaf) or not isinstance(first.target, Definition):
        return None
    run = [first]
    for item in items[1:]:
        if not isinstance(item, Leaf) or item.target is not first.target:
            break
        run.append(item)
    if len(run) < 3:
        return None
    moving = [name for name in first.arguments if not equal(first.arguments[name], run[1].arguments[name])]
    if len(moving) != 1 or type(first.arguments[moving[0]]) is not int or type(run[1].arguments[moving[0]]) is not int:
        return None
    step, count = run[1].arguments[moving[0]] - first.arguments[moving[0]], 1
    for before, after in pairwise(run):
        expected = {**before.arguments, moving[0]: before.arguments[moving[0]] + step}
        if not equal(expected, after.arguments):
            break
        count += 1
    return (count, moving[0]) if step > 0 and count > 2 else None


def remark(item: Item) -> str:
    shape: Shape = item.output
    name = item.name if isinstance(item, (Leaf, Group)) else ""
    if not shape:
        return ""
    return f"{name}: {shape_text(shape)}" if name else shape_text(shape)
