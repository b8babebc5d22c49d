"""Reading a network's text form: a small grammar, nothing evaluated, every mistake shown at its column.

    network  = shape ":" chain                     28x28x1: conv 6 5x5 tanh, flatten, dense 10
    chain    = item {"," item}
    item     = [count "*"] [name "="] node         3 * block=(conv 16 3x3 same, relu)
    node     = layer | "(" chain ")" | join "(" chain {"|" chain} ")" | "aux(" chain ")"
    join     = "sum" | "concat" | "product"
    layer    = word {number | first ".." last | size ["/" strides] | word | key "=" value}

Words may be those of Keras, of PyTorch or of papers (`aliases`), in any case, and the colon may be missing; what
is written has one word for each and the colon. Longer texts and larger numbers than `hubel.base.limits` states are
refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from hubel.arch import _composition
from hubel.arch._errors import NotationError
from hubel.arch._layer import REGISTRY, WAITING, Layer, brought, layer_named
from hubel.arch._shape import Shape
from hubel.arch._tree import MOST_LEVELS, Auxiliary, Chain, Concat, Join, Network, Node, Product, Sum, leaves
from hubel.arch.layers.activation import NAMES, Activation
from hubel.arch.text.aliases import meant, otherwise
from hubel.arch.text.printing import SHORT, WORDS, value_text
from hubel.base.errors import LimitError
from hubel.base.limits import check
from hubel.base.names import nearest

MOST_VALUES = 10_000  # in one layer's list
LONGEST_NUMBER = 100
LONG = {short: name for name, short in SHORT.items()}
JOINS: dict[str, type[Join | Auxiliary]] = {"sum": Sum, "concat": Concat, "product": Product, "aux": Auxiliary}

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<size>\d+(?:/\d+)?(?:[x×]\d+(?:/\d+)?)+(?:/\d+(?:[x×]\d+)?)?(?![\w.]) | \d+/\d+(?:[x×]\d+)?(?![\w./]))
      | (?P<run>\d+\.\.\d+(?![\w.]))
      | (?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[A-Za-z_]\w*)
      | (?P<mark>[:,|*=()])""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(text: str) -> Network:
    """Read a network from its text form, such as `28x28x1: conv 6 5x5 tanh, flatten, dense 10`.

    Raises `NotationError`, which says what was expected, at which column, and the nearest word there is.
    """
    return parse_placed(text)[0]


def parse_placed(text: str) -> tuple[Network, list[tuple[Layer, int, int]]]:
    """Read a network, and of each layer that is written where its words begin and end."""
    reader = _Reader(text)
    shape = reader.shape()
    if not reader.begins_item():  # the colon may be left out before a layer
        reader.expect(":")
    nodes = reader.chain(0)
    reader.end()
    return Network(shape, Chain(*nodes)), reader.places


def parse_node(text: str) -> Node:
    """Read a part of a network: one node, or a chain of several."""
    reader = _Reader(text)
    nodes = reader.chain(0)
    reader.end()
    return nodes[0] if len(nodes) == 1 else Chain(*nodes)


def older_paths(text: str) -> dict[str, str]:
    """Return the paths of a network's layers where older versions had others: those with compositions in them (`se 4`),
    each with what it was.
    """
    before = Chain(parse_node(text.partition(":")[2]))
    return (
        dict(_composition.older_paths(before, parse(text).body))
        if any(layer.is_short for layer in leaves(before))
        else {}
    )


class _Reader:
    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"expected a network's text form, received {type(text).__name__}")
        check("letters", len(text), "a network's text form")
        self.text = text
        self.tokens: list[_Token] = []
        self.coming = self._tokens()  # taken as they are needed: hostile text is refused before it is all cut up
        self.at = 0
        self.layers = 0
        self.places: list[tuple[Layer, int, int]] = []  # each layer, where its words begin and end

    def _tokens(self) -> Iterator[_Token]:
        position = 0
        while position < len(self.text):
            found = _TOKEN.match(self.text, position)
            if found is None:
                raise NotationError(
                    f"expected a word, a number or a sign, received {self.text[position]!r}", self.text, position
                )
            if found.lastgroup != "space":
                yield _Token(str(found.lastgroup), found.group(), position)
            position = found.end()
        yield _Token("end", "", len(self.text.rstrip()))

    @property
    def token(self) -> _Token:
        return self.ahead(0)

    def ahead(self, steps: int) -> _Token:
        while len(self.tokens) <= self.at + steps:
            self.tokens.append(next(self.coming))
        return self.tokens[self.at + steps]

    def error(self, problem: str, token: _Token | None = None, near: str = "") -> NotationError:
        return NotationError(problem, self.text, (token or self.token).position, near)

    def unlike(self, problem: str, token: _Token, known: Iterable[str], without: str = "") -> NotationError:
        """The error of a word that is none of the known ones, with the nearest of them, or what to say without one."""
        near = nearest(token.text, known)
        return self.error(problem + (f"; did you mean {near!r}?" if near else without), token, near)

    def received(self) -> str:
        return repr(self.token.text[:40]) if self.token.kind != "end" else "the end"

    def expect(self, mark: str) -> None:
        if self.token.text != mark:
            raise self.error(f"expected {mark!r}, received {self.received()}")
        self.at += 1

    def accept(self, mark: str) -> bool:
        if self.token.text != mark or self.token.kind == "end":
            return False
        self.at += 1
        return True

    def begins_item(self) -> bool:
        """Whether what comes is a layer, a bracket or a count."""
        counts = self.token.kind == "number" and self.ahead(1).text == "*"
        return self.token.kind == "word" or self.token.text == "(" or counts

    def end(self) -> None:
        if self.token.kind != "end":
            raise self.error(f"expected ',' and another layer, or the end, received {self.received()}")

    def shape(self) -> Shape:
        token = self.token
        if token.kind not in ("size", "number"):
            raise self.error(f"expected the input's shape first, such as 28x28x1 or 784, received {self.received()}")
        shape = self.value(token)
        self.at += 1
        given = (shape,) if isinstance(shape, int) else shape
        if (
            not isinstance(given, tuple)
            or not 1 <= len(given) <= 3
            or not all(isinstance(n, int) and n > 0 for n in given)
        ):
            raise self.error(
                "expected height x width x channels, steps x features or a number of features, received "
                f"{token.text!r}",
                token,
            )
        return given

    def chain(self, level: int) -> list[Node]:
        nodes = self.item(level)
        while self.accept(","):
            if self.token.text in (")", "|") or self.token.kind == "end":
                raise self.error(f"expected another layer after ',', received {self.received()}")
            nodes.extend(self.item(level))
        if self.begins_layer():
            word = self.token.text
            raise self.error(f"expected ',' before {word[:40]!r}, which begins a layer", near=f", {word}")
        return nodes

    def item(self, level: int) -> list[Node]:
        times, start, before = 1, self.token, self.layers
        if self.token.kind == "number":
            count = self.value(self.token)
            if self.ahead(1).text != "*":
                raise self.error(f"expected a layer, or a count and '*', received {self.received()}")
            if not isinstance(count, int) or count < 1:
                raise self.error(f"expected a count of 1 or more before '*', received {self.received()}")
            times, self.at = count, self.at + 2
        name = None
        if self.token.kind == "word" and self.ahead(1).text == "=":
            name, self.at = self.token.text, self.at + 2
        nodes = self.node(level, name)
        self.layers += (self.layers - before) * (times - 1)
        try:
            check("layers", self.layers, "the network")
        except LimitError as error:
            raise self.error(str(error), start) from None
        return nodes * times

    def node(self, level: int, name: str | None) -> list[Node]:
        if level > MOST_LEVELS - 2:
            raise self.error(f"expected at most {MOST_LEVELS - 2} brackets within brackets, received more")
        if self.accept("("):
            nodes = self.chain(level + 1)
            self.expect(")")
            return [Chain(*nodes, name=name)] if name is not None else nodes
        token = self.token
        if token.kind != "word":
            raise self.error(f"expected a layer, received {self.received()}")
        join = token.text if token.text in JOINS else meant(token.text, JOINS)
        if token.text in JOINS or (join in JOINS and self.ahead(1).text == "("):
            self.at += 1
            self.expect("(")
            branches = [Chain(*self.chain(level + 1))]
            while join != "aux" and self.accept("|"):
                branches.append(Chain(*self.chain(level + 1)))
            if self.token.text != ")":
                raise self.error(
                    f"expected ',', {'' if join == 'aux' else repr('|') + ' '}or ')', received {self.received()}"
                )
            self.at += 1
            return [JOINS[join](*branches, name=name)]
        self.layers += 1
        layer, last = self.layer(name), self.tokens[self.at - 1]
        self.places.append((layer, token.position, last.position + len(last.text)))
        return [layer]

    def layer(self, name: str | None) -> Layer:
        head = self.token
        self.at += 1
        word = self.word_of(head)
        if word in NAMES and not (word in REGISTRY and self.token.kind == "number"):  # elu, or elu 0.5
            return Activation(word, name=name)
        kind = layer_named(word)
        if kind is None or kind is Activation:
            unknown = f"no layer is called {head.text[:40]!r}"
            if other := otherwise(head.text):
                raise self.error(f"{unknown}; {other}", head)
            own = "; one of your own is known once its file is imported, in the command line by --layers FILE.py"
            raise self.unlike(unknown, head, [*REGISTRY, *WAITING, *NAMES, *JOINS], own)
        settings = self.settings(kind)
        try:
            return kind(**settings, name=name)  # type: ignore[no-any-return]
        except (ValueError, TypeError) as error:
            missing = [f.name for f in fields(kind) if f.name in map(_bare, kind.positional) and f.name not in settings]
            problem = (
                f"{head.text} needs {' and '.join(missing)}" if isinstance(error, TypeError) and missing else str(error)
            )
            raise self.error(problem, head) from None

    def begins_layer(self) -> bool:
        """Whether what comes is the word of a layer, of a function or of what joins branches."""
        word = self.token.text if self.token.kind == "word" else ""
        return word in (*JOINS, *NAMES) or layer_named(meant(word, [*REGISTRY, *NAMES])) is not None

    def word_of(self, head: _Token) -> str:
        """The word that stands for a layer in the text form, as far as it is known."""
        if (
            head.text.lower() == "linear" and self.token.kind == "number"
        ):  # PyTorch's, which has a number; else it is the function
            return "dense"
        if head.text in NAMES or layer_named(head.text) or brought(head.text):
            return head.text
        return meant(head.text, [*REGISTRY, *WAITING, *NAMES])

    def settings(self, kind: type[Layer]) -> dict[str, Any]:
        known = {f.name for f in fields(kind)} - {"name", "input_shape"}
        waiting, found = list(kind.positional), dict[str, Any]()
        while self.token.kind in ("number", "size", "run", "word"):
            token = self.token
            if token.kind != "word":
                if not waiting:
                    usual = f"{kind.word} {' '.join(map(_bare, kind.positional)).upper()}".strip()
                    raise self.error(f"expected ',' or a setting by name after `{usual}`, received {self.received()}")
                self.number(kind, known, waiting, found)
            elif self.ahead(1).text == "=":
                self.pair(kind, known, found)
            elif token.text in WORDS and WORDS[token.text][0] in known:
                name, value = WORDS[token.text]
                self.put(found, name, value, token)
            elif "activation" in known and (function := meant(token.text, NAMES)) in NAMES:
                self.put(found, "activation", function, token)
            elif LONG.get(token.text, token.text) in known:
                raise self.error(f"expected a value for {token.text}, written {token.text}=…, received none")
            elif self.begins_layer():
                break  # whose comma is missing
            else:
                words = [
                    *(NAMES if "activation" in known else ()),
                    *(w for w, (name, _) in WORDS.items() if name in known),
                ]
                raise self.unlike(f"{kind.word} has no setting {token.text[:40]!r}", token, [*words, *known])
            self.at += 1
        return found

    def number(self, kind: type[Layer], known: set[str], waiting: list[str], found: dict[str, Any]) -> None:
        """Take a number or a size for the next positional setting; after a slash come strides."""
        token, text = self.token, self.token.text
        name = waiting[0]
        if name.endswith("*"):
            values = found.setdefault(_bare(name), [])
            values.extend(self.run(token) if token.kind == "run" else [self.value(token)])
            if len(values) > MOST_VALUES:
                raise self.error(f"expected at most {MOST_VALUES:,} numbers after {kind.word}, received more")
            return
        if token.kind == "run":
            raise self.error(f"expected one number for {name}, received {self.received()}")
        if text.count("/") == 1 and "strides" in known:
            text, _, strides = text.partition("/")
            self.put(found, "strides", self.value(token, strides), token)
        self.put(found, name, self.value(token, text), token)
        waiting.pop(0)

    def run(self, token: _Token) -> range:
        """Read whole numbers that follow each other: `0..63`."""
        if len(token.text) > LONGEST_NUMBER:
            raise self.error("expected a number of a sensible length, received one of many digits", token)
        first, last = map(int, token.text.split(".."))
        if not 0 <= last - first < MOST_VALUES:
            raise self.error(
                f"expected at most {MOST_VALUES:,} numbers, from a lower to a higher, received {token.text}"
            )
        return range(first, last + 1)

    def pair(self, kind: type[Layer], known: set[str], found: dict[str, Any]) -> None:
        """Take `key=value`."""
        key = LONG.get(self.token.text, self.token.text)
        if key not in known:
            names = [*known, *(LONG if "padding" in known else ())]
            raise self.unlike(f"{kind.word} has no setting {key[:40]!r}", self.token, names)
        self.at += 2
        if self.token.kind not in ("number", "size", "word"):
            raise self.error(f"expected a value for {key}, received {self.received()}")
        self.put(found, key, self.value(self.token), self.token)

    def put(self, found: dict[str, Any], name: str, value: Any, token: _Token) -> None:
        """Set what is not set yet."""
        if name in found:
            more = "; write the second as a layer of its own, after a comma" if name == "activation" else ""
            near = f", {token.text}" if more else ""
            raise self.error(
                f"{name} is set twice, to {value_text(found[name])} and {value_text(value)}{more}", token, near
            )
        found[name] = value

    def value(self, token: _Token, text: str | None = None) -> Any:
        """Read a number, a size (5x5), sides (0/1x0/1) or a word."""
        text = token.text if text is None else text
        if token.kind == "word":
            return {"true": True, "false": False}.get(text, text)
        if len(text) > LONGEST_NUMBER:
            raise self.error("expected a number of a sensible length, received one of many digits", token)
        parts = re.split("[x×]", text)
        if "/" in text:
            sides = [part.split("/") for part in parts]
            if len(sides) <= 2 and all(len(side) == 2 for side in sides):
                return tuple((int(before), int(after)) for before, after in sides)
            raise self.error("expected sides as top/bottom x left/right, such as 0/1x0/1, or before/after", token)
        if len(parts) > 1:
            return tuple(map(int, parts))
        number = int(text) if text.lstrip("-").isdigit() else float(text)
        if number in (math.inf, -math.inf):
            raise self.error(f"expected a finite number, received {text[:40]}", token)
        return number


def _bare(name: str) -> str:
    return name.rstrip("*")
