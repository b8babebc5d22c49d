"""Networks that say something of every place: any encoder, and the way up again beside it, nested into a U.

After U-Net (Ronneberger et al. 2015), whose encoder is exchanged for one that is trained already. Every size of the
encoder's maps is a level: its own nodes, then what it has learnt (`skip`) beside all that lies deeper (`below`), then a
convolution that brings them together (`up`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from hubel.arch import (
    Activation,
    Auxiliary,
    Chain,
    Concat,
    Conv2D,
    Cropping2D,
    Identity,
    Layer,
    Network,
    Node,
    Row,
    Shape,
    UpSampling2D,
    ZeroPadding2D,
    analyse,
    children,
    named_children,
)
from hubel.base.errors import NetworkError, SettingError
from hubel.zoo._blocks import conv_norm_relu

WIDEST, NARROWEST = 128, 16  # channels on the way up: as many as beside them, within these


@dataclass(frozen=True)
class _Level:
    """The encoder's nodes at one size. input, output: H×W×C. stride: of its places, in pixels."""

    nodes: tuple[Node, ...]
    input: Shape
    output: Shape
    stride: int


def dense_network(
    encoder: Network, channels: int, stride: int = 4, activation: str | None = None, deeper: int = 0
) -> Network:
    """The network that gives ⌈H/stride⌉×⌈W/stride⌉×channels: the encoder without its classifier, and the way up.

    stride: one of the encoder's, 1 for the picture's own size. activation: the closing one, such as "softmax". Where a
    size is no multiple, what comes up is larger or smaller than what stands beside it, and is cropped, or padded with
    zeros, on both sides alike; an odd row or column at the bottom and the right. deeper: how many halvings follow the
    encoder, each by a convolution, so that places see further.

    The encoder's nodes keep their names and stand first, so that its trained weights fit (`hubel.nn.load_pretrained`).
    Raises NetworkError for an encoder that takes no pictures or makes them no smaller, SettingError for another stride,
    or where there is nothing left to be halved so often.
    """
    levels = _levels(encoder)
    levels += _deeper(levels[-1], deeper)
    strides = [level.stride for level in levels]
    if stride not in strides:
        raise SettingError(
            f"expected stride as one of {', '.join(map(str, strides))}, those of the maps of "
            f"{encoder.name or 'the encoder'}, received {stride!r}"
        )
    ends = [Conv2D(channels, 1, name="head"), *([Activation(activation)] if activation else [])]
    last = next(level for level in levels if level.stride == stride)
    wanted = tuple(-(-side // stride) for side in encoder.input[:2])
    body = Chain(*_nested(levels, stride), *_brought(last.output, wanted), *ends)
    return Network(encoder.input, body, f"dense-{encoder.name or 'network'}")


def _levels(encoder: Network) -> list[_Level]:
    """The encoder's nodes by the size of their maps, as far as there are two rows and columns to be halved."""
    if len(encoder.input) != 3:
        raise NetworkError(
            f"expected an encoder that takes pictures H×W×C, received one for {'×'.join(map(str, encoder.input))}"
        )
    shape: Shape = encoder.input
    stride, found = 1, [_Level((), shape, shape, 1)]
    for node, after in _features(encoder):
        factor = _factor(shape, after)
        last = found[-1]
        if factor > 1 and min(shape[:2]) == 1:  # kernels would see but their padding
            break
        if factor > 1:
            stride *= factor
            found.append(_Level((node,), shape, after, stride))
        else:
            found[-1] = replace(last, nodes=(*last.nodes, node), output=after)
        shape = after
    if len(found) == 1:
        raise NetworkError(
            f"expected an encoder that makes its picture smaller, received {encoder.name or encoder}, which leaves it "
            f"{'×'.join(map(str, found[0].output[:2]))}; such a network says something of every place as it is"
        )
    return found


def _deeper(last: _Level, number: int) -> list[_Level]:
    """So many more levels, each half as large."""
    found: list[_Level] = []
    rows, columns, filters = last.output
    if not 0 <= number <= max(0, min(rows, columns) - 1).bit_length():
        raise SettingError(
            f"expected deeper from 0 to {max(0, min(rows, columns) - 1).bit_length()}, halvings of maps of "
            f"{rows}×{columns}, received {number!r}"
        )
    for step in range(1, number + 1):
        before, (rows, columns) = (rows, columns, filters), ((rows + 1) // 2, (columns + 1) // 2)
        filters = min(WIDEST, filters)
        node = _called(conv_norm_relu(filters, 3, 2, padding=1), f"deeper{step}")
        found.append(_Level((node,), before, (rows, columns, filters), last.stride * 2**step))
    return found


def _factor(before: Shape, after: Shape) -> int:
    """How many times smaller a node makes its picture; 1 where it only takes its edges off."""
    return max(1, *(round(a / b) if a >= 1.5 * b else 1 for a, b in zip(before[:2], after[:2], strict=True)))


def _features(encoder: Network) -> list[tuple[Node, Shape]]:
    """The encoder's nodes as far as they make maps, each with its name and the shape that it gives."""
    report = analyse(encoder)
    weighs = [(row.path, row.cost.parameters) for row in report.rows]
    found: list[tuple[Node, Shape]] = []
    names = list(named_children(encoder.body.nodes))
    shape: Shape = encoder.input
    for place, (name, node) in enumerate(names):
        if isinstance(node, Auxiliary):
            continue
        after = _rows(report.rows, name)[-1].output_shape
        if len(after) != 3 or (after[:2] == (1, 1) and max(shape[:2]) > 2):
            rest = {name for name, _ in names[place:]}
            if not any(count for path, count in weighs if path.partition(".")[0] in rest):
                found = _without_classifier(found)
            break
        found += _opened(name, node, report.rows, after)
        shape = after
    return found


def _without_classifier(found: list[tuple[Node, Shape]]) -> list[tuple[Node, Shape]]:
    """Leave out the convolution that gives the classes' maps, where nothing after the maps has weights."""
    last = next((i for i in reversed(range(len(found))) if isinstance(found[i][0], Conv2D)), None)
    return found if last is None or len(found) - last > 3 else found[:last]


def _opened(name: str, node: Node, rows: tuple[Row, ...], after: Shape) -> list[tuple[Node, Shape]]:
    """A node under its name; of a chain that ends with a pooling that apart, so that maps are taken before it."""
    if isinstance(node, Chain) and len(node.nodes) > 1:
        *_, (child, last) = named_children(node.nodes)
        before = _rows(rows, f"{name}.{child}")[0].input_shape
        if isinstance(last, Layer) and _factor(before, after) > 1:
            return [
                (Chain(*node.nodes[:-1], name=name), before),
                (replace(last, name=f"{name}_{child}"), after),
            ]
    return [(_called(node, name), after)]


def _rows(rows: tuple[Row, ...], path: str) -> list[Row]:
    return [row for row in rows if row.path == path or row.path.startswith(f"{path}.")]


def _called(node: Node, name: str) -> Node:
    if node.name == name:
        return node
    if isinstance(node, Layer):
        return replace(node, name=name)
    kind: Any = type(node)
    named: Node = kind(*children(node), name=name)
    return named


def _nested(levels: list[_Level], stride: int) -> tuple[Node, ...]:
    """A level's own nodes, and all that lies deeper."""
    level, *deeper = levels
    if not deeper:
        return level.nodes
    under = _nested(deeper, stride)
    if level.stride < stride:
        return (*level.nodes, *under)
    filters = max(NARROWEST, min(WIDEST, level.output[2]))
    rows, columns = deeper[0].output[:2]
    factor = deeper[0].stride // level.stride
    up = (UpSampling2D(factor, "bilinear"), *_brought((rows * factor, columns * factor), level.output[:2]))
    below = Chain(*under, conv_norm_relu(filters, 1), *up, name="below")
    bridge = Concat(Chain(Identity(), name="skip"), below, name="level")
    return (*level.nodes, bridge, Chain(conv_norm_relu(filters, 3, padding=1), name="up"))


def _brought(size: tuple[int, ...], wanted: tuple[int, ...]) -> list[Node]:
    """What brings maps of one size, H×W, to another that differs by a few rows and columns."""
    lacks = [whole - own for own, whole in zip(size, wanted, strict=False)]
    sides = [(int(lack / 2), lack - int(lack / 2)) for lack in lacks]
    found: list[Node] = []
    for kind, sign in ((Cropping2D, -1), (ZeroPadding2D, 1)):
        rows, columns = ((max(0, sign * first), max(0, sign * last)) for first, last in sides)
        if any((*rows, *columns)):
            found.append(kind((rows, columns)))
    return found
