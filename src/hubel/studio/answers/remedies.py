"""What would fit as changes that can be made: each is tried, and the text that it gives is sent along."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from math import isqrt, prod
from typing import Any

from hubel import zoo
from hubel.arch import (
    Fit,
    Layer,
    Network,
    Node,
    NotationError,
    ShapeError,
    Source,
    analyse,
    children,
    leaves,
    named_children,
    parse_node,
    settings_of,
    source_of,
)
from hubel.base.errors import HubelError
from hubel.base.names import nearest

_BEFORE = {"a Flatten": "flatten", "globalavgpool or flatten": "globalavgpool"}
_AXES = {"input height": 0, "input steps": 0, "input width": 1}
_DOUBLINGS = 11  # of what is added to the input, for a layer behind strides


def remedies(written: Source, node: Node | None, error: ShapeError) -> list[dict[str, Any]]:
    """Each change that the error proposes: in words, and where making it helps the `text` that it gives, else None."""
    found = []
    for fit in error.fits:
        words, text = f"{fit.argument} {fit.value}, which gives {fit.result}", None
        for tried, done in _tried(written, node, fit, error.place):
            if _helps(tried, error.place):
                words, text = done or words, tried
                break
        if text is None and fit.argument in _AXES and (text := _larger(written, fit.argument, error.place)):
            _, words = _told_input(text)
        found.append({"words": words, "text": text})
    return sorted(found, key=lambda each: each["text"] is None)


def nearest_word(text: str, error: NotationError) -> list[dict[str, Any]]:
    """The word that was probably meant, where the text can be read further with it; or the network of the zoo."""
    if text.strip().isidentifier() and (name := nearest(text.strip(), zoo.names())):
        return [{"words": name, "text": str(zoo.get(name))}]
    start = error.column - 1
    word = re.match(r"\w+", text[start:])
    if not error.meant or word is None:
        return []
    comma = error.meant.startswith(",")  # which is missing before the word
    before = text[:start].rstrip() if comma else text[:start]
    changed = f"{before},{text[len(before) :]}" if comma else before + error.meant + text[start + word.end() :]
    try:
        source_of(changed)
    except NotationError as after:
        if after.column <= error.column + len(error.meant) - comma:  # it goes wrong where it did
            return []
        if comma and after.meant.startswith(","):
            return nearest_word(changed, after)  # all of them at once
    except HubelError:
        pass  # its words are read, and something else is wrong
    return [{"words": "a comma between layers" if comma else error.meant, "text": changed}]


def _tried(written: Source, node: Node | None, fit: Fit, place: str) -> Iterator[tuple[str, str]]:
    """The texts that a change may mean; and what is done, where that is another change than the words of `fit` say."""
    try:
        if isinstance(node, Layer):
            if fit.argument in settings_of(node) and "…" in fit.value:
                yield from _among(written, node, fit)
            else:
                yield from ((text, "") for text in _of_a_layer(written, node, fit))
                yield from _around_a_layer(written, fit, place)
        elif node is not None:
            yield from _of_branches(written, node, fit)
    except (HubelError, LookupError):
        pass


def _of_a_layer(written: Source, node: Layer, fit: Fit) -> Iterator[str]:
    place = written.place(node)
    if place is None:
        return
    if fit.argument in settings_of(node):
        sides = re.sub(r"^(\d+) before and (\d+) after$", r"\1/\2x\1/\2", fit.value)
        yield written.with_setting(node, fit.argument, sides)
    elif fit.argument == "before it" and fit.value in _BEFORE:
        yield written.with_more(node, _BEFORE[fit.value], after=False)
    elif fit.argument == "instead of it":
        yield written.with_words(node, fit.value)
        alike = re.sub(r"\b(\d+)x\1\b", r"\1", node.text())  # along one axis in place of two, or the other way round
        yield written.with_words(node, fit.value.lower() + alike.removeprefix(node.word))
    elif "`sequences`" in fit.value:
        for layer, start, _ in reversed(written.places):
            if start < place[0] and "return_sequences" in settings_of(layer):
                yield written.with_setting(layer, "return_sequences", "true")
    elif fit.argument in ("input channels", *_AXES):
        yield from _other_input(written, fit)


def _among(written: Source, node: Layer, fit: Fit) -> Iterator[tuple[str, str]]:
    """Of several numbers those that may be; all that may be where none of them does."""
    most = int(fit.value.rpartition(" ")[2])
    chosen = [each for each in getattr(node, fit.argument) if each <= most] or range(most + 1)
    changed: dict[str, Any] = {fit.argument: tuple(chosen)}
    text = replace(node, **changed).text()
    yield written.with_words(node, text), text


def _around_a_layer(written: Source, fit: Fit, place: str) -> Iterator[tuple[str, str]]:
    """Where it is not its own settings: a layer before it gives so many channels or is left out, the nearest first; or
    the input is of the form that it needs.
    """
    order = list(_walked(written.network.body.nodes, ""))
    before = [(path, written.at(path)) for path in reversed(order[: _order(written.network, place)])]
    placed = [(path, node) for path, node in before if isinstance(node, Layer) and written.place(node)]
    if fit.argument in ("channels", "input channels") and fit.value.isdigit():
        for path, node in placed:
            for setting in {"filters", "units"} & {*settings_of(node)}:
                yield written.with_setting(node, setting, fit.value), f"{setting} {fit.value} in {path}"
        if int(fit.value) > 0:
            yield _told_input(with_input(written, (*written.network.input[:-1], int(fit.value))))
    elif (fit.argument, fit.value) == ("before it", "a Reshape"):
        for path, node in placed:
            yield written.without(node), f"leave {path} out"
        for shape in _forms(written.network.input, fit.result.count("×") + 1):
            yield _told_input(with_input(written, shape))
    elif fit.argument == "the input":
        yield _told_input(f"{fit.value.replace('×', 'x')}:{written.text.partition(':')[2]}")


def _told_input(text: str) -> tuple[str, str]:
    """The text, and that it has another input."""
    return text, f"the network's input {text.partition(':')[0].strip()}"


def _forms(shape: tuple[int, ...], axes: int) -> Iterator[tuple[int, ...]]:
    """What has as many numbers, with so many axes: a square picture, grey or in colour; numbers or rows as steps."""
    many = prod(shape)
    if axes == 3 and len(shape) == 1:
        for channels in (1, 3):
            side = isqrt(many // channels)
            if channels * side**2 == many:
                yield side, side, channels
    elif axes == 2:
        yield (many, 1) if len(shape) == 1 else (shape[0], many // shape[0])


def _of_branches(written: Source, node: Node, fit: Fit) -> Iterator[tuple[str, str]]:
    """A shortcut that only passes on becomes what is proposed, or a branch ends with it; or all layers keep sizes."""
    for branch in sorted(children(node), key=_passes_on, reverse=True):
        last = (children(branch) or (branch,))[-1]
        if _passes_on(branch):
            yield written.with_words(branch, fit.value), ""
        elif isinstance(last, Layer) and written.place(last):
            yield written.with_more(last, fit.value), ""
    alike: tuple[dict[str, Any], ...] = ({"padding": "same"}, {"padding": "same", "strides": 1})
    for settings in alike:
        text = written.text
        layers = {place[0]: (layer, place) for layer in leaves(node) if (place := written.place(layer))}
        for _, (layer, (start, end)) in sorted(layers.items(), reverse=True):
            own = {name: value for name, value in settings.items() if name in settings_of(layer)}
            text = text[:start] + (replace(layer, **own).text() if own else text[start:end]) + text[end:]
        done = f"in all branches {' and '.join(f'{name} {value}' for name, value in settings.items())}"
        yield text, done
        yield from _more(text, node, done)


def _more(text: str, node: Node, done: str) -> Iterator[tuple[str, str]]:
    """What is to be done beside a change of a join's branches, where they do not fit after it alone."""
    changed = source_of(text)
    try:
        analyse(changed.network)
    except ShapeError as error:
        join = changed.at(error.place)
        if type(join) is type(node) and not isinstance(join, Layer) and join is not None:
            for fit in error.fits:
                for branch in children(join):
                    if _passes_on(branch):
                        yield changed.with_words(branch, fit.value), f"{done}, and {fit.argument} {fit.value}"


def _passes_on(branch: Node) -> bool:
    return children(branch) == (parse_node("identity"),)


def _other_input(written: Source, fit: Fit) -> Iterator[str]:
    """The network's own input with as many channels, rows or columns as the layer needs, where it reads it as it is."""
    digits = fit.value.removeprefix("at least ")
    if digits.isdigit() and fit.argument == "input channels":
        yield with_input(written, (*written.network.input[:-1], int(digits)))
    elif digits.isdigit():
        yield _grown(written, fit.argument, int(digits) - written.network.input[_AXES[fit.argument]])


def _larger(written: Source, argument: str, place: str) -> str | None:
    """The least larger input with which the place works out, that of a layer behind others."""
    few, many = 0, 1
    while not _helps(_grown(written, argument, many), place):
        few, many = many, 2 * many
        if many > 2**_DOUBLINGS:
            return None
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if _helps(_grown(written, argument, middle), place) else (middle, many)
    return _grown(written, argument, many)


def _grown(written: Source, argument: str, more: int) -> str:
    """The network with an input that is so much larger: along one axis, and along the other where that is shorter."""
    shape = written.network.input
    length = shape[_AXES[argument]] + more
    return with_input(written, (*(max(length, each) for each in shape[:-1]), shape[-1]))


def with_input(written: Source, shape: tuple[int, ...]) -> str:
    """The text with another input."""
    return f"{'x'.join(map(str, shape))}:{written.text.partition(':')[2]}"


def _helps(text: str, place: str) -> bool:
    """Whether the place is no longer where the network fails, nor one before it."""
    try:
        network = source_of(text).network
    except HubelError:
        return False
    try:
        analyse(network)
    except ShapeError as error:
        return error.place != place and _order(network, error.place) > _order(network, place)
    except HubelError:
        return False
    return True


def _order(network: Network, path: str) -> int:
    """Where a node stands in the order in which networks are worked through; after all others where it is unknown."""
    found = list(_walked(network.body.nodes, ""))
    return found.index(path) if path in found else len(found)


def _walked(nodes: tuple[Node, ...], scope: str) -> Iterator[str]:
    for name, node in named_children(nodes):
        yield from _walked(children(node), f"{scope}{name}.")
        yield f"{scope}{name}"
