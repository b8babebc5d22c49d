"""Programs made of functions on tensors: Keras's functional style."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hubel.code._blocks import UNSET, Definition
from hubel.code._modules import annotation, remark, signature_lines
from hubel.code._names import unused
from hubel.code._outline import Exit, Item, Join, Leaf, Repeat, contents
from hubel.code._text import flat, lines, literal


@dataclass
class FunctionWriter:
    """Writes one function: statements that turn one variable into another.

    `say(leaf, input, output, indent, comment)` writes the line of one call; `join(kind, variables)` that of branches.
    """

    say: Callable[[Leaf, str, str, int, str], list[str]]
    join: Callable[[str, list[str]], str]
    activation: Callable[[str, str], str]
    reserved: frozenset[str]  # names that a variable would hide: of modules, of other functions
    taken: set[str] = field(default_factory=set)
    exits: int = 0

    def define(self, definition: Definition, tensor: str) -> list[str]:
        """Write a definition."""
        self.taken = {parameter.name for parameter in definition.parameters}
        parameters = [f"x: {tensor}"]
        for parameter in definition.parameters:
            default = "" if parameter.default is UNSET else f" = {flat(literal(parameter.default))}"
            parameters.append(f"{parameter.name}: {annotation(parameter)}{default}")
        head = signature_lines(f"def {definition.name}", ", ".join(parameters), tensor)
        return [*head, *_returned(self.item(definition.body, "x", "x", 4, False))]

    def item(self, item: Item, source: str, target: str, indent: int, top: bool) -> list[str]:
        """Write what turns variable `source` into `target`."""
        if isinstance(item, Leaf):
            return self.say(item, source, target, indent, remark(item) if top else "")
        if isinstance(item, Repeat):
            start = [] if source == target else [f"{' ' * indent}{target} = {source}"]
            loop = f"{' ' * indent}for _ in range({item.arguments['count']}):"
            note = remark(item) if top else ""
            inside = self.sequence(item.items, target, target, indent + 4, False)
            return [*start, f"{loop}  # {note}" if note else loop, *inside]
        if isinstance(item, Exit):
            return self._exit(item, source, target, indent)
        if isinstance(item, Join):
            return self._join(item, source, target, indent, top)
        return self.sequence(list(contents(item)), source, target, indent, top)

    def sequence(self, items: list[Item], source: str, target: str, indent: int, top: bool) -> list[str]:
        """Write items one after another."""
        found: list[str] = []
        for item in items:
            found += self.item(item, source, target, indent, top)
            source = target
        if not found and source != target:
            return [f"{' ' * indent}{target} = {source}"]
        return found

    def _exit(self, exit: Exit, source: str, target: str, indent: int) -> list[str]:
        self.exits += 1
        name = self._variable(exit.name)
        start = [] if source == target else [f"{' ' * indent}{target} = {source}"]
        body = self.sequence(list(contents(exit.body)), target, name, indent, False)
        return [*start, *body, f"{' ' * indent}exits.append({name})"]

    def _join(self, join: Join, source: str, target: str, indent: int, top: bool) -> list[str]:
        found: list[str] = []
        outputs: list[str] = []
        for index, (name, group) in enumerate(join.branches):
            items = list(contents(group))
            if not items:
                outputs.append(source)
                continue
            variable = self._variable(name)
            outputs.append(variable)
            condition = join.optional.get(index)
            if condition is None:
                found += self.sequence(items, source, variable, indent, False)
                continue
            made = self.sequence(items, source, variable, indent + 4, False)
            found += [f"{' ' * indent}{variable} = {source}", f"{' ' * indent}if {condition}:", *made]
        note = remark(join) if top else ""
        found += lines(self.join(join.kind, outputs), indent, f"{target} = ", "", note)
        if join.after is not None:
            found.append(f"{' ' * indent}{target} = {self.activation(join.after, target)}")
        return found

    def _variable(self, name: str) -> str:
        chosen = unused(name, self.taken | self.reserved)
        self.taken.add(chosen)
        return chosen


def _returned(body: list[str]) -> list[str]:
    """Return the last value rather than name it once more."""
    last = body[-1] if body else ""
    if last.startswith("    x = ") and not last.startswith("    x = x "):
        return [*body[:-1], f"    return {last.removeprefix('    x = ')}"]
    return [*body, "    return x"]
