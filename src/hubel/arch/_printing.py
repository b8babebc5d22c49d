"""Writing a network as text: the inverse of `hubel.arch.parse`."""

from __future__ import annotations

from hubel.arch._layer import Layer
from hubel.arch._tree import Auxiliary, Chain, Concat, Network, Node, Sum, assert_never
from hubel.arch.layers.activation import Activation

LONGEST_REPEAT = 32
SHORT = {"padding": "pad", "dilation_rate": "dilation"}


def network_text(network: Network) -> str:
    """Write a network in one line: `28x28x1: conv 6 5x5, flatten, dense 10`."""
    return f"{'x'.join(map(str, network.input))}: {_sequence(network.body.nodes)}"


def node_text(node: Node) -> str:
    """Write a node, with its name in front where it has one."""
    text = _plain(node)
    return f"{node.name}={text}" if node.name is not None else text


def _plain(node: Node) -> str:
    match node:
        case Layer():
            return _layer(node)
        case Chain():
            return f"({_sequence(node.nodes)})"
        case Sum():
            return f"sum({' | '.join(map(_branch, node.branches))})"
        case Concat():
            return f"concat({' | '.join(map(_branch, node.branches))})"
        case Auxiliary():
            return f"aux({_sequence(node.nodes)})"
        case _:
            assert_never(node)


def _branch(branch: Node) -> str:
    return _sequence(branch.nodes) if isinstance(branch, Chain) and branch.name is None else node_text(branch)


def _sequence(nodes: tuple[Node, ...]) -> str:
    """Write nodes one after the other, a stretch that repeats as `3 * (…)`."""
    texts = [node_text(node) for node in nodes]
    parts, start = [], 0
    while start < len(texts):
        period, times = _repetition(texts, start)
        once = texts[start : start + period]
        if times == 1:
            parts.append(once[0])
        elif period == 1:
            parts.append(f"{times} * {once[0]}")
        else:
            parts.append(f"{times} * ({', '.join(once)})")
        start += period * times
    return ", ".join(parts)


def _repetition(texts: list[str], start: int) -> tuple[int, int]:
    """Find the shortest stretch from `start` that repeats at once, and how often; (1, 1) where none does."""
    for period in range(1, min(LONGEST_REPEAT, (len(texts) - start) // 2) + 1):
        times = 1
        while texts[start + times * period : start + (times + 1) * period] == texts[start : start + period]:
            times += 1
            if start + (times + 1) * period > len(texts):
                break
        if times > 1:
            return period, times
    return 1, 1


def _layer(layer: Layer) -> str:
    if isinstance(layer, Activation):
        return layer.function
    settings, words = layer.settings(), [layer.word]
    for name in layer.positional:
        value = getattr(layer, name.rstrip("*"))
        settings.pop(name.rstrip("*"), None)
        words.extend(map(_value, value) if name.endswith("*") else [_value(value, always_pair=name == "kernel_size")])
    if "strides" in settings:
        words[-1] += "/" + _value(settings.pop("strides"))
    closing = [settings.pop("activation")] if "activation" in settings else []
    for name, value in settings.items():
        if name == "use_bias":
            words.append("nobias")
        elif value in ("same", "valid"):
            words.append(value)
        else:
            words.append(f"{SHORT.get(name, name)}={_value(value)}")
    return " ".join(words + closing)


def _value(value: object, always_pair: bool = False) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, tuple):
        return str(value)
    if isinstance(value[0], tuple):
        if all(before == after for before, after in value):
            return _value(tuple(before for before, _ in value))
        return "x".join(f"{before}/{after}" for before, after in value)
    if len(value) == 2 and value[0] == value[1] and not always_pair:
        return str(value[0])
    return "x".join(map(str, value))
